//! Key states across a restart. What is inside belongs to the rotator; here it is JSON text.

use rusqlite::Connection;

use super::edit::Edit;
use super::{Store, StoreError, relaxed};
use crate::domain::KeyId;
use crate::store::connection::DatabaseError;

/// The state of one key, as the rotator writes and reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedState {
    /// The key.
    pub key: KeyId,
    /// JSON.
    pub state: String,
}

impl Store {
    /// Remembers the states of keys; keys that are gone are passed over.
    pub async fn save_key_states(&self, states: Vec<SavedState>, now_ms: i64) -> Result<(), StoreError> {
        let save = move |connection: &mut Connection| relaxed(connection, |transaction| write(transaction, &states, now_ms));
        Ok(self.database.writer().call(save).await?)
    }

    /// The states that were remembered. Blocks; for the start.
    pub fn load_key_states(&self) -> Result<Vec<SavedState>, StoreError> {
        self.database.readers().call_blocking(|connection| {
            let mut statement = connection.prepare("SELECT key, state FROM key_states ORDER BY key")?;
            let rows = statement.query_map((), |row| Ok(SavedState { key: KeyId(row.get(0)?), state: row.get(1)? }))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

impl Edit<'_> {
    /// Remembers the states of keys that an operator has just decided.
    pub fn save_key_states(&mut self, states: &[SavedState]) -> Result<(), StoreError> {
        Ok(write(&self.transaction, states, self.now_ms())?)
    }
}

fn write(connection: &Connection, states: &[SavedState], now_ms: i64) -> Result<(), DatabaseError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO key_states (key, state, updated_ms) SELECT id, ?2, ?3 FROM keys WHERE id = ?1
         ON CONFLICT (key) DO UPDATE SET state = excluded.state, updated_ms = excluded.updated_ms",
    )?;
    for saved in states {
        statement.execute((saved.key.0, &saved.state, now_ms))?;
    }
    Ok(())
}
