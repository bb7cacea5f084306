//! Admin tokens as rows.

use std::sync::LazyLock;

use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

use super::error::StoreError;
use super::row::{Columns, Stored, Which, identity, object, parsed, select, stored, upsert};
use super::view::Catalog;
use crate::domain::{AdminToken, AdminTokenId, Role};
use crate::store::sealing::Sealer;

const COLUMNS: &[&str] =
    &["id", "name", "role", "token_hash", "token_hint", "expires_at", "version", "created_ms", "updated_ms"];
static UPSERT: LazyLock<String> = LazyLock::new(|| upsert("admin_tokens", COLUMNS));

impl Columns for AdminToken {
    identity!(AdminTokenId, "admin token", "admin_tokens", admin_tokens);

    fn check(&self, _catalog: &Catalog) -> Result<(), StoreError> {
        Ok(self.validate()?)
    }

    fn fields(&self) -> Map<String, Value> {
        object(json!({ "name": self.name, "role": self.role, "token": self.token_hint, "expires_ms": self.expires_at }))
    }

    fn hidden(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("token", self.token_hash.to_vec())]
    }

    fn conflict(message: &str) -> &'static str {
        if message.contains("admin_tokens.token_hash") { "token" } else { "name" }
    }

    fn save(row: &Stored<Self>, connection: &Connection, _sealer: &Sealer) -> rusqlite::Result<()> {
        let token = &*row.value;
        connection.prepare_cached(&UPSERT)?.execute(params![
            token.id.0,
            token.name,
            token.role.as_str(),
            token.token_hash,
            token.token_hint,
            token.expires_at,
            row.version,
            row.created_ms,
            row.updated_ms,
        ])?;
        Ok(())
    }

    fn load(connection: &Connection, _sealer: &Sealer, which: Which) -> Result<Vec<Stored<Self>>, StoreError> {
        select("admin_tokens", COLUMNS, connection, which, |row| {
            let token = AdminToken {
                id: AdminTokenId(row.get("id")?),
                name: row.get("name")?,
                role: parsed(row, "role", Role::parse)?,
                token_hash: row.get("token_hash")?,
                token_hint: row.get("token_hint")?,
                expires_at: row.get("expires_at")?,
            };
            Ok(stored(row, token)?)
        })
    }
}
