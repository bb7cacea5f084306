//! What checks of keys found out: a short history of each.

use rusqlite::Connection;

use super::edit::Edit;
use super::{Store, StoreError};
use crate::domain::KeyId;
use crate::store::connection::DatabaseError;

/// Checks of one key that are kept.
const KEPT: u32 = 100;

/// What one check found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCheck {
    /// The key.
    pub key: KeyId,
    /// UTC unix milliseconds at which it ended.
    pub at_ms: i64,
    /// The verdict's word, such as `valid` or `network`.
    pub verdict: String,
    /// What was asked last: `models`, or the model of a call for one token.
    pub asked: Option<String>,
    /// HTTP status of the answer.
    pub status: Option<u16>,
    /// Why there was no answer, or what a failed one said, without secrets.
    pub message: Option<String>,
    /// Milliseconds that it took.
    pub elapsed_ms: i64,
    /// Who asked for it.
    pub by: String,
}

impl Store {
    /// The newest checks of a key, the newest first, at most `limit`.
    pub async fn key_checks(&self, key: KeyId, limit: u32) -> Result<Vec<KeyCheck>, StoreError> {
        self.database.readers().call(move |connection| Ok(list(connection, key, limit)?)).await
    }
}

impl Edit<'_> {
    /// Keeps what checks found out; those of keys that are gone are passed over.
    pub fn save_key_checks(&mut self, checks: &[KeyCheck]) -> Result<(), StoreError> {
        Ok(write(&self.transaction, checks)?)
    }
}

fn write(connection: &Connection, checks: &[KeyCheck]) -> Result<(), DatabaseError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO key_checks (key, at_ms, verdict, asked, status, message, elapsed_ms, by)
         SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM keys WHERE id = ?1",
    )?;
    let mut forget = connection.prepare_cached(
        "DELETE FROM key_checks WHERE key = ?1 AND id <= (
             SELECT id FROM key_checks WHERE key = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    )?;
    for check in checks {
        let KeyCheck { key, at_ms, verdict, asked, status, message, elapsed_ms, by } = check;
        insert.execute((key.0, at_ms, verdict, asked, status, message, elapsed_ms, by))?;
        forget.execute((key.0, KEPT))?;
    }
    Ok(())
}

fn list(connection: &Connection, key: KeyId, limit: u32) -> Result<Vec<KeyCheck>, DatabaseError> {
    let mut statement = connection.prepare_cached("SELECT * FROM key_checks WHERE key = ?1 ORDER BY id DESC LIMIT ?2")?;
    let rows = statement.query_map((key.0, limit), |row| {
        Ok(KeyCheck {
            key,
            at_ms: row.get("at_ms")?,
            verdict: row.get("verdict")?,
            asked: row.get("asked")?,
            status: row.get("status")?,
            message: row.get("message")?,
            elapsed_ms: row.get("elapsed_ms")?,
            by: row.get("by")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
