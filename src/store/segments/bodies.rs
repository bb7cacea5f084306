//! Bodies of a day's calls, compressed, in a file of their own: their retention is shorter than that of the calls.

use rusqlite::{Connection, OptionalExtension};
use zstd::bulk::Compressor;

use super::body_text::{BodyText, Search};
use super::row::Id;
use crate::domain::{BodyCapture, CallId, CallRecord, StoredBody};
use crate::store::connection::DatabaseError;

const LEVEL: i32 = 3;

/// Compresses and inserts bodies. A crash between this file and the segment leaves a body that no call asks for.
pub(super) struct BodyWriter {
    connection: Connection,
    compressor: Compressor<'static>,
}

impl BodyWriter {
    pub(super) fn new(connection: Connection) -> Result<Self, DatabaseError> {
        let compressor = Compressor::new(LEVEL).map_err(failed)?;
        Ok(BodyWriter { connection, compressor })
    }

    /// Stores the bodies of these calls; one that is there already stays.
    pub(super) fn write<'r>(&mut self, records: impl Iterator<Item = &'r CallRecord>) -> Result<(), DatabaseError> {
        let transaction = self.connection.unchecked_transaction()?;
        {
            let mut statement = transaction.prepare_cached(
                "INSERT INTO bodies (call, side, truncated, size, bytes) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            )?;
            for record in records {
                for (side, body) in [(0, &record.bodies.request), (1, &record.bodies.response)] {
                    let Some(body) = body else { continue };
                    let packed = self.compressor.compress(&body.bytes).map_err(failed)?;
                    statement.execute((Id(record.id), side, body.truncated, body.bytes.len() as i64, packed))?;
                }
            }
        }
        Ok(transaction.commit()?)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Reads the bodies of a call.
pub(super) fn read_bodies(connection: &Connection, id: CallId) -> Result<BodyCapture, DatabaseError> {
    Ok(BodyCapture { request: read_side(connection, id, 0)?, response: read_side(connection, id, 1)? })
}

/// Looks for a text in the bodies of calls of one day.
pub(super) struct BodySearch<'t> {
    connection: Connection,
    search: Search<'t>,
}

impl<'t> BodySearch<'t> {
    pub(super) fn new(connection: Connection, text: &'t BodyText) -> Self {
        BodySearch { connection, search: text.search() }
    }

    /// Whether a body of this call has the text.
    pub(super) fn finds(&mut self, id: CallId) -> Result<bool, DatabaseError> {
        for side in [0, 1] {
            if read_side(&self.connection, id, side)?.is_some_and(|body| self.search.finds(&body.bytes)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn read_side(connection: &Connection, id: CallId, side: i64) -> Result<Option<StoredBody>, DatabaseError> {
    let mut statement = connection.prepare_cached("SELECT truncated, size, bytes FROM bodies WHERE call = ?1 AND side = ?2")?;
    let found = statement
        .query_row((Id(id), side), |row| Ok((row.get::<_, bool>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?)))
        .optional()?;
    let Some((truncated, size, packed)) = found else { return Ok(None) };
    let bytes = zstd::bulk::decompress(&packed, size.max(0) as usize).map_err(failed)?;
    Ok(Some(StoredBody { bytes: bytes.into(), truncated }))
}

fn failed(error: std::io::Error) -> DatabaseError {
    DatabaseError::Sqlite(rusqlite::Error::ToSqlConversionFailure(error.into()))
}
