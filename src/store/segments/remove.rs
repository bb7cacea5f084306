//! Removing single calls of a day, with their attempts, late usage and bodies.

use rusqlite::{Connection, OptionalExtension};

use super::attempt::MOST_ATTEMPTS;
use super::row::Id;
use crate::domain::CallId;
use crate::store::connection::DatabaseError;

/// Removes the bodies of calls for good: what they held is overwritten.
pub(super) fn remove_bodies(connection: &Connection, ids: &[CallId]) -> Result<(), DatabaseError> {
    overwrite(connection)?;
    let transaction = connection.unchecked_transaction()?;
    {
        let mut statement = transaction.prepare_cached("DELETE FROM bodies WHERE call = ?1")?;
        for id in ids {
            statement.execute((Id(*id),))?;
        }
    }
    Ok(transaction.commit()?)
}

/// Removes the rows of calls for good. The answer is how many there were.
pub(super) fn remove_rows(connection: &Connection, ids: &[CallId]) -> Result<usize, DatabaseError> {
    overwrite(connection)?;
    let transaction = connection.unchecked_transaction()?;
    let mut removed = 0;
    {
        let mut find = transaction.prepare_cached("SELECT seq FROM calls WHERE id = ?1")?;
        let mut attempts = transaction.prepare_cached("DELETE FROM attempts WHERE id >= ?1 AND id < ?2")?;
        let mut amendments = transaction.prepare_cached("DELETE FROM amendments WHERE call = ?1")?;
        let mut calls = transaction.prepare_cached("DELETE FROM calls WHERE seq = ?1")?;
        for id in ids {
            let Some(seq) = find.query_row((Id(*id),), |row| row.get::<_, i64>(0)).optional()? else { continue };
            attempts.execute((seq * MOST_ATTEMPTS, (seq + 1) * MOST_ATTEMPTS))?;
            amendments.execute((seq,))?;
            removed += calls.execute((seq,))?;
        }
    }
    transaction.commit()?;
    Ok(removed)
}

/// Without this, SQLite leaves what it deletes in the file until something else takes its place.
fn overwrite(connection: &Connection) -> Result<(), DatabaseError> {
    Ok(connection.pragma_update(None, "secure_delete", true)?)
}
