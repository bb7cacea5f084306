//! The write side of one day.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use super::attempt;
use super::bodies::BodyWriter;
use super::columns::{RowReader, unreadable};
use super::day::Day;
use super::entry::{Amended, Amendment, LogEntry, Written};
use super::files::Folder;
use super::names::{NameReader, NameWriter};
use super::remove::{remove_bodies, remove_rows};
use super::row::{self, DETAIL_COLUMNS, Id, SUMMARY_COLUMNS};
use super::{BODIES, CALLS};
use crate::domain::{BodyCapture, CallId, CallRecord, Cost, Usage, UsageQuality};
use crate::store::connection::{DatabaseError, Durability, open_writer};

/// What a call said before an amendment.
#[derive(Serialize, Deserialize)]
struct Before {
    usage: Usage,
    cost: Cost,
}

/// How much of a segment somebody has seen: the numbers of the last call and of the last amendment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Mark {
    pub(in crate::store) calls: i64,
    pub(in crate::store) amendments: i64,
}

impl Mark {
    /// This mark, or the end of a segment that is shorter.
    pub(in crate::store) fn at_most(self, end: Mark) -> Self {
        Mark { calls: self.calls.min(end.calls), amendments: self.amendments.min(end.amendments) }
    }
}

/// Something that a segment holds beyond a [`Mark`].
pub(in crate::store) enum Change {
    /// A call, as it stands now.
    Call(Box<CallRecord>),
    /// An amended call as it was before, and as it is now.
    Amended(Box<CallRecord>, Box<CallRecord>),
}

/// One day's calls, open for writing.
pub(in crate::store) struct SegmentWriter {
    folder: Folder,
    day: Day,
    identity: Vec<u8>,
    connection: Connection,
    bodies: Option<BodyWriter>,
    names: NameWriter,
    known_names: NameReader,
    last: Mark,
}

impl SegmentWriter {
    /// Opens or creates the segment of a day.
    pub(in crate::store) fn open(folder: &Folder, day: Day) -> Result<Self, DatabaseError> {
        let connection = open_writer(&folder.calls(day), &CALLS, Durability::Normal)?;
        let last = |table: &str| {
            connection.query_row(&format!("SELECT coalesce(max(seq), 0) FROM {table}"), (), |row| row.get::<_, i64>(0))
        };
        Ok(SegmentWriter {
            folder: folder.clone(),
            day,
            identity: connection.query_row("SELECT identity FROM segment", (), |row| row.get(0))?,
            last: Mark { calls: last("calls")?, amendments: last("amendments")? },
            names: NameWriter::load(&connection)?,
            known_names: NameReader::default(),
            bodies: None,
            connection,
        })
    }

    pub(in crate::store) fn day(&self) -> Day {
        self.day
    }

    /// Tells this file from another of the same day.
    pub(in crate::store) fn identity(&self) -> &[u8] {
        &self.identity
    }

    /// How much it holds.
    pub(in crate::store) fn last(&self) -> Mark {
        self.last
    }

    /// Writes entries of this day in one transaction: all of them, or none on an error. The answer has one item for each.
    pub(in crate::store) fn write(&mut self, entries: &[LogEntry]) -> Result<Vec<Written>, DatabaseError> {
        self.write_bodies(entries);
        let before = self.last;
        let written = self.write_rows(entries);
        match &written {
            Ok(_) => self.names.keep(),
            Err(_) => {
                self.last = before;
                self.names.forget();
                self.known_names = NameReader::default();
            }
        }
        written
    }

    fn write_rows(&mut self, entries: &[LogEntry]) -> Result<Vec<Written>, DatabaseError> {
        let transaction = self.connection.unchecked_transaction()?;
        let mut written = Vec::with_capacity(entries.len());
        {
            let mut calls = row::prepare_insert(&transaction)?;
            let mut attempts = attempt::prepare_insert(&transaction)?;
            for entry in entries {
                written.push(match entry {
                    LogEntry::Call(record) => {
                        let seq = self.last.calls + 1;
                        if row::insert_call(&mut calls, &transaction, &mut self.names, seq, record)? {
                            attempt::insert_attempts(&mut attempts, &transaction, &mut self.names, seq, record)?;
                            self.last.calls = seq;
                            Written::Added
                        } else {
                            Written::AlreadyThere
                        }
                    }
                    LogEntry::Amend(amendment) => {
                        let seq = self.last.amendments + 1;
                        let result = amend(&transaction, &self.known_names, seq, amendment)?;
                        if matches!(result, Written::Amended(_)) {
                            self.last.amendments = seq;
                        }
                        result
                    }
                });
            }
        }
        transaction.commit()?;
        Ok(written)
    }

    /// Removes calls with all that belongs to them. The answer is how many of them there were.
    pub(in crate::store) fn remove(&mut self, ids: &[CallId]) -> Result<usize, DatabaseError> {
        if exists(&self.folder.bodies(self.day)) {
            remove_bodies(self.body_writer()?.connection(), ids)?;
        }
        remove_rows(&self.connection, ids)
    }

    /// Whether no call is left in it.
    pub(in crate::store) fn is_empty(&self) -> Result<bool, DatabaseError> {
        Ok(!self.connection.prepare_cached("SELECT 1 FROM calls LIMIT 1")?.exists(())?)
    }

    /// A body that cannot be kept must not cost the record: the failure is logged, and the call goes on without it.
    fn write_bodies(&mut self, entries: &[LogEntry]) {
        let records = entries.iter().filter_map(|entry| match entry {
            LogEntry::Call(record) if record.bodies != BodyCapture::default() => Some(&**record),
            _ => None,
        });
        let mut records = records.peekable();
        if records.peek().is_none() {
            return;
        }
        if let Err(error) = self.body_writer().and_then(|bodies| bodies.write(records)) {
            tracing::warn!(day = %self.day, %error, "bodies of calls were not kept");
        }
    }

    fn body_writer(&mut self) -> Result<&mut BodyWriter, DatabaseError> {
        let writer = match self.bodies.take() {
            Some(writer) => writer,
            None => BodyWriter::new(open_writer(&self.folder.bodies(self.day), &BODIES, Durability::Normal)?)?,
        };
        Ok(self.bodies.insert(writer))
    }

    /// Lets go of the bodies' file, so that it can be removed.
    pub(in crate::store) fn close_bodies(&mut self) {
        self.bodies = None;
    }

    /// Goes through what the segment holds beyond a mark. With each change comes the mark that holds once it is counted.
    ///
    /// Amendments of calls up to the mark come first. An amendment of a later call is no change of its own: that call
    /// already stands as amended.
    pub(in crate::store) fn changes_since(
        &self,
        mark: Mark,
        mut visit: impl FnMut(Mark, Change) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let mut amended = self.connection.prepare(&format!(
            "SELECT calls.seq, {SUMMARY_COLUMNS}, {DETAIL_COLUMNS}, amendments.seq AS amendment, before \
             FROM amendments JOIN calls ON calls.seq = call WHERE amendments.seq > ?1 AND call <= ?2 ORDER BY amendments.seq"
        ))?;
        let mut rows = amended.query((mark.amendments, mark.calls))?;
        while let Some(row) = rows.next()? {
            let now = self.read_whole(row)?;
            let before: Before =
                serde_json::from_str(&row.get::<_, String>("before")?).map_err(|error| unreadable(0, error))?;
            let before = CallRecord { usage: before.usage, cost: before.cost, ..now.clone() };
            visit(Mark { amendments: row.get("amendment")?, ..mark }, Change::Amended(Box::new(before), Box::new(now)))?;
        }
        let mut calls = self
            .connection
            .prepare(&format!("SELECT seq, {SUMMARY_COLUMNS}, {DETAIL_COLUMNS} FROM calls WHERE seq > ?1 ORDER BY seq"))?;
        let mut rows = calls.query((mark.calls,))?;
        while let Some(row) = rows.next()? {
            let mark = Mark { calls: row.get(0)?, amendments: self.last.amendments };
            visit(mark, Change::Call(Box::new(self.read_whole(row)?)))?;
        }
        Ok(())
    }

    fn read_whole(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<CallRecord> {
        read_whole(row, &self.connection, &self.known_names)
    }

    #[cfg(test)]
    pub(in crate::store) fn limit_pages(&mut self, more: u32) -> Result<(), DatabaseError> {
        let pages: u32 = self.connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        Ok(self.connection.pragma_update(None, "max_page_count", pages.saturating_add(more))?)
    }

    /// Folds the write-ahead log into the file and closes it.
    pub(in crate::store) fn close(self) -> Result<(), DatabaseError> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
        Ok(())
    }
}

impl std::fmt::Debug for SegmentWriter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SegmentWriter").field("day", &self.day).field("last", &self.last).finish_non_exhaustive()
    }
}

/// The files of a day, whether or not a writer has them open.
pub(in crate::store) fn exists(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
}

/// Reads a record with its attempts from a row of `seq` and all columns.
pub(super) fn read_whole(row: &rusqlite::Row<'_>, connection: &Connection, names: &NameReader) -> rusqlite::Result<CallRecord> {
    let mut columns = RowReader::new(row, connection, names);
    let seq: i64 = columns.take()?;
    let mut record = row::read_call(&mut columns)?;
    record.attempts = attempt::read_attempts(connection, names, seq)?;
    Ok(record)
}

fn amend(connection: &Connection, names: &NameReader, seq: i64, amendment: &Amendment) -> rusqlite::Result<Written> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT seq, {SUMMARY_COLUMNS}, {DETAIL_COLUMNS} FROM calls WHERE id = ?1"))?;
    let found = statement
        .query_row((Id(amendment.call),), |row| Ok((row.get::<_, i64>(0)?, read_whole(row, connection, names)?)))
        .optional()?;
    let Some((call, record)) = found else { return Ok(Written::NotAmended(Amended::NotFound)) };
    if record.usage.quality == UsageQuality::Exact && !record.usage.partial {
        return Ok(Written::NotAmended(Amended::AlreadyKnown));
    }
    let before = serde_json::to_string(&Before { usage: record.usage.clone(), cost: record.cost })
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let is_first = connection
        .prepare_cached("INSERT INTO amendments (seq, call, before) VALUES (?1, ?2, ?3) ON CONFLICT (call) DO NOTHING")?
        .execute((seq, call, before))?;
    if is_first == 0 {
        return Ok(Written::NotAmended(Amended::AlreadyKnown));
    }
    row::update_usage(connection, call, &amendment.usage, amendment.cost)?;
    Ok(Written::Amended(Box::new(record)))
}
