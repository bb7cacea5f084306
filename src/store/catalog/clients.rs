//! Clients as rows.

use std::sync::LazyLock;

use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

use super::error::StoreError;
use super::row::{
    Columns, Json, Stored, Which, identity, json_or_default, json_or_null, json_unless_default, object, select, stored, upsert,
};
use super::view::Catalog;
use crate::domain::{Client, ClientId};
use crate::store::sealing::Sealer;

const COLUMNS: &[&str] = &[
    "id",
    "name",
    "token_hash",
    "token_hint",
    "former_token",
    "tags",
    "models",
    "key_tags",
    "limits",
    "expires_at",
    "allow_ips",
    "allow_debug",
    "enabled",
    "version",
    "created_ms",
    "updated_ms",
];
static UPSERT: LazyLock<String> = LazyLock::new(|| upsert("clients", COLUMNS));

impl Columns for Client {
    identity!(ClientId, "client", "clients", clients);

    fn check(&self, _catalog: &Catalog) -> Result<(), StoreError> {
        Ok(self.validate()?)
    }

    fn fields(&self) -> Map<String, Value> {
        object(json!({
            "name": self.name,
            "token": self.token_hint,
            "tags": self.tags,
            "models": self.models,
            "key_tags": self.key_tags,
            "rpm": self.limits.rpm,
            "tpm": self.limits.tpm,
            "concurrency": self.limits.concurrency,
            "budget_usd_day": self.limits.budget_day.map(|amount| amount.as_dollars()),
            "budget_usd_month": self.limits.budget_month.map(|amount| amount.as_dollars()),
            "budget_usd_total": self.limits.budget_total.map(|amount| amount.as_dollars()),
            "budget_tokens_day": self.limits.tokens_day,
            "budget_tokens_month": self.limits.tokens_month,
            "budget_tokens_total": self.limits.tokens_total,
            "warn_percent": self.limits.warn_percent,
            "former_token_until_ms": self.former_token.as_ref().map(|former| former.until_ms),
            "expires_ms": self.expires_at,
            "allow_ips": self.allow_ips,
            "allow_debug": self.allow_debug,
            "enabled": self.enabled,
        }))
    }

    fn hidden(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("token", self.token_hash.to_vec())]
    }

    fn conflict(message: &str) -> &'static str {
        if message.contains("clients.token_hash") { "token" } else { "name" }
    }

    fn save(row: &Stored<Self>, connection: &Connection, _sealer: &Sealer) -> rusqlite::Result<()> {
        let client = &*row.value;
        connection.prepare_cached(&UPSERT)?.execute(params![
            client.id.0,
            client.name,
            client.token_hash,
            client.token_hint,
            client.former_token.as_ref().map(Json),
            json_unless_default(&client.tags),
            client.models.as_ref().map(Json),
            client.key_tags.as_ref().map(Json),
            json_unless_default(&client.limits),
            client.expires_at,
            client.allow_ips.as_ref().map(Json),
            client.allow_debug,
            client.enabled,
            row.version,
            row.created_ms,
            row.updated_ms,
        ])?;
        Ok(())
    }

    fn load(connection: &Connection, _sealer: &Sealer, which: Which) -> Result<Vec<Stored<Self>>, StoreError> {
        select("clients", COLUMNS, connection, which, |row| {
            let client = Client {
                id: ClientId(row.get("id")?),
                name: row.get("name")?,
                token_hash: row.get("token_hash")?,
                token_hint: row.get("token_hint")?,
                former_token: json_or_null(row, "former_token")?,
                tags: json_or_default(row, "tags")?,
                models: json_or_null(row, "models")?,
                key_tags: json_or_null(row, "key_tags")?,
                limits: json_or_default(row, "limits")?,
                expires_at: row.get("expires_at")?,
                allow_ips: json_or_null(row, "allow_ips")?,
                allow_debug: row.get("allow_debug")?,
                enabled: row.get("enabled")?,
            };
            Ok(stored(row, client)?)
        })
    }
}
