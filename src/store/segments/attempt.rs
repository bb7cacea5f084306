//! An attempt as a row: written and read in one order of columns.

use rusqlite::{CachedStatement, Connection};

use super::columns::{RowReader, RowWriter, json_unless};
use super::names::{NameReader, NameWriter};
use super::row::some_name;
use crate::domain::{AttemptRecord, AttemptTimings, CallRecord, KeyId, ProviderId, Why};

/// Attempts that are kept of one call, far more than a call may take.
pub(super) const MOST_ATTEMPTS: i64 = 1000;

const COLUMNS: &str = "offset_us, provider_id, provider_name, key_id, key_name, model, status, queue_us, connect_us, \
     first_byte_us, first_token_us, last_byte_us, chosen_by, pool, ready, tier, script, passed_over, verdict, message";

/// The statement that inserts an attempt.
pub(super) fn prepare_insert(connection: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    let places = vec!["?"; 21].join(", ");
    connection.prepare_cached(&format!("INSERT INTO attempts (id, {COLUMNS}) VALUES ({places})"))
}

/// Inserts the attempts of the call with this `seq`.
pub(super) fn insert_attempts(
    statement: &mut CachedStatement<'_>,
    connection: &Connection,
    names: &mut NameWriter,
    seq: i64,
    record: &CallRecord,
) -> rusqlite::Result<()> {
    for (place, attempt) in (0..MOST_ATTEMPTS).zip(&record.attempts) {
        let why = &attempt.why;
        let mut row = RowWriter::new(statement);
        row.put(seq * MOST_ATTEMPTS + place)?;
        row.put_count(attempt.offset_us)?;
        row.put_ref(Some((attempt.provider.id.0, names.intern(connection, &attempt.provider.name)?)))?;
        row.put_ref(Some((attempt.key.id.0, names.intern(connection, &attempt.key.name)?)))?;
        row.put(some_name(names, connection, attempt.model.as_deref())?)?;
        row.put(attempt.status)?;
        row.put_count(attempt.timings.queue_us)?;
        row.put_some_count(attempt.timings.connect_us)?;
        row.put_some_count(attempt.timings.first_byte_us)?;
        row.put_some_count(attempt.timings.first_token_us)?;
        row.put_some_count(attempt.timings.last_byte_us)?;
        row.put(names.intern(connection, &why.chosen_by)?)?;
        row.put(why.pool)?;
        row.put(why.ready)?;
        row.put(why.tier)?;
        row.put(some_name(names, connection, why.script.as_deref())?)?;
        row.put(json_unless(why.passed_over.is_empty(), &why.passed_over)?)?;
        row.put(json_unless(attempt.verdict.is_none(), &attempt.verdict)?)?;
        row.put(&attempt.message)?;
        row.insert()?;
    }
    Ok(())
}

/// Reads the attempts of the call with this `seq`, in order.
pub(super) fn read_attempts(connection: &Connection, names: &NameReader, seq: i64) -> rusqlite::Result<Vec<AttemptRecord>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM attempts WHERE id >= ?1 AND id < ?2 ORDER BY id"))?;
    let range = (seq * MOST_ATTEMPTS, (seq + 1) * MOST_ATTEMPTS);
    statement.query_map(range, |row| read_attempt(&mut RowReader::new(row, connection, names)))?.collect()
}

fn read_attempt(row: &mut RowReader<'_>) -> rusqlite::Result<AttemptRecord> {
    let (offset_us, provider, key) = (row.take_count()?, row.take_ref(ProviderId)?, row.take_ref(KeyId)?);
    let (model, status) = (row.take_some_name()?, row.take()?);
    let timings = AttemptTimings {
        queue_us: row.take_count()?,
        connect_us: row.take_some_count()?,
        first_byte_us: row.take_some_count()?,
        first_token_us: row.take_some_count()?,
        last_byte_us: row.take_some_count()?,
    };
    let why = Why {
        chosen_by: row.take_name()?,
        pool: row.take()?,
        ready: row.take()?,
        tier: row.take()?,
        script: row.take_some_name()?.map(|script| script.to_string()),
        passed_over: row.take_json()?,
    };
    let (verdict, message) = (row.take_json()?, row.take()?);
    Ok(AttemptRecord { offset_us, provider, key, model, status, verdict, message, timings, why })
}
