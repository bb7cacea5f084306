//! The audit log: who changed what, written in the same transaction as the change. Nothing changes or deletes an entry.

use rusqlite::Connection;
use serde_json::{Map, Value};

use super::edit::Edit;
use super::error::StoreError;
use super::row::{Json, json_or_default, object};

/// Who edits, and when.
#[derive(Clone, Debug)]
pub struct Actor {
    /// A name for the log, such as `admin token`, `user:anna` or `bootstrap file`.
    pub name: String,
    /// The address that the edit came from, when it came over the network.
    pub address: Option<String>,
    /// UTC unix milliseconds.
    pub now_ms: i64,
}

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Rises with each entry.
    pub id: i64,
    /// UTC unix milliseconds.
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// From where.
    pub address: Option<String>,
    /// `create`, `update`, `delete`, `restore`, or the name of another operation.
    pub action: String,
    /// The kind of row.
    pub noun: String,
    /// The row's id.
    pub row: i64,
    /// The row's name at that time.
    pub name: String,
    /// Field -> `{"from", "to"}`, or `{"changed": true}` for a secret.
    pub changes: Map<String, Value>,
}

/// Which entries of the audit log to read.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only entries older than this one.
    pub before: Option<i64>,
    /// Only this kind of row.
    pub noun: Option<String>,
    /// Only this row.
    pub row: Option<i64>,
    /// Only this actor.
    pub actor: Option<String>,
    /// At most so many.
    pub limit: u32,
}

pub(super) fn append(
    connection: &Connection,
    actor: &Actor,
    action: &str,
    noun: &str,
    (row, name): (i64, &str),
    changes: &Map<String, Value>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO audit (at_ms, actor, address, action, noun, row, name, changes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((actor.now_ms, &actor.name, &actor.address, action, noun, row, name, Json(changes)))?;
    Ok(())
}

impl Edit<'_> {
    /// Writes into the audit log that something was done with calls, which are no rows of the catalog.
    pub fn note_calls(&mut self, action: &str, details: Value) -> Result<(), StoreError> {
        append(&self.transaction, self.actor(), action, "call", (0, ""), &object(details))
    }
}

/// The newest entries that a filter lets pass.
pub(super) fn list(connection: &Connection, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM audit
         WHERE id < coalesce(?1, 9223372036854775807) AND (?2 IS NULL OR noun = ?2) AND (?3 IS NULL OR row = ?3)
           AND (?4 IS NULL OR actor = ?4)
         ORDER BY id DESC LIMIT ?5",
    )?;
    let rows = statement.query_map((filter.before, &filter.noun, filter.row, &filter.actor, filter.limit), |row| {
        Ok(AuditEntry {
            id: row.get("id")?,
            at_ms: row.get("at_ms")?,
            actor: row.get("actor")?,
            address: row.get("address")?,
            action: row.get("action")?,
            noun: row.get("noun")?,
            row: row.get("row")?,
            name: row.get("name")?,
            changes: json_or_default(row, "changes")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
