//! Keys as rows.

use std::sync::LazyLock;

use rusqlite::{Connection, Row, params};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::error::StoreError;
use super::row::{
    Columns, Json, Stored, Which, identity, json_or_default, json_or_null, json_unless_default, object, opened, select, stored,
    upsert,
};
use super::view::Catalog;
use crate::domain::{InvalidField, Key, KeyId, Provider, ProviderId, secret_hint};
use crate::store::sealing::Sealer;

const COLUMNS: &[&str] = &[
    "id",
    "provider",
    "name",
    "secret",
    "tags",
    "weight",
    "priority",
    "models",
    "limits",
    "account",
    "version",
    "created_ms",
    "updated_ms",
    "fingerprint",
];
static UPSERT: LazyLock<String> = LazyLock::new(|| upsert("keys", COLUMNS));
const SECRET: &str = "keys.secret";

impl Columns for Key {
    identity!(KeyId, "key", "keys", keys);

    fn check(&self, catalog: &Catalog) -> Result<(), StoreError> {
        self.validate()?;
        if catalog.get::<Provider>(self.provider).is_none() {
            return Err(InvalidField { field: "provider", message: format!("names no provider: {}", self.provider) }.into());
        }
        Ok(())
    }

    fn fields(&self) -> Map<String, Value> {
        object(json!({
            "provider": self.provider,
            "name": self.name,
            "secret": secret_hint(self.secret.expose_secret()),
            "tags": self.tags,
            "weight": self.weight,
            "priority": self.priority,
            "models": self.models,
            "rpm": self.limits.rpm,
            "tpm": self.limits.tpm,
            "rpd": self.limits.rpd,
            "concurrency": self.limits.concurrency,
            "budget_usd_month": self.limits.budget_month.map(|amount| amount.as_dollars()),
            "account": self.account,
        }))
    }

    fn hidden(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("secret", self.secret.expose_secret().as_bytes().to_vec())]
    }

    fn conflict(message: &str) -> &'static str {
        if message.contains("keys.fingerprint") { "secret" } else { "name" }
    }

    fn save(row: &Stored<Self>, connection: &Connection, sealer: &Sealer) -> rusqlite::Result<()> {
        let key = &*row.value;
        let secret = key.secret.expose_secret();
        connection.prepare_cached(&UPSERT)?.execute(params![
            key.id.0,
            key.provider.0,
            key.name,
            sealer.seal(SECRET, key.id.0, secret),
            json_unless_default(&key.tags),
            key.weight,
            key.priority,
            key.models.as_ref().map(Json),
            json_unless_default(&key.limits),
            key.account,
            row.version,
            row.created_ms,
            row.updated_ms,
            sealer.fingerprint(secret),
        ])?;
        Ok(())
    }

    fn load(connection: &Connection, sealer: &Sealer, which: Which) -> Result<Vec<Stored<Self>>, StoreError> {
        select("keys", COLUMNS, connection, which, |row| {
            let key = read(row, sealer)?;
            Ok(stored(row, key)?)
        })
    }
}

fn read(row: &Row<'_>, sealer: &Sealer) -> Result<Key, StoreError> {
    Ok(Key {
        id: KeyId(row.get("id")?),
        provider: ProviderId(row.get("provider")?),
        name: row.get("name")?,
        secret: opened(row, sealer, "keys", SECRET)?.unwrap_or_default(),
        tags: json_or_default(row, "tags")?,
        weight: row.get("weight")?,
        priority: row.get("priority")?,
        models: json_or_null(row, "models")?,
        limits: json_or_default(row, "limits")?,
        account: row.get("account")?,
    })
}
