//! The read side: a few segments kept open on each reading thread.

use rusqlite::{Connection, OptionalExtension};

use super::bodies::read_bodies;
use super::day::Day;
use super::files::Folder;
use super::names::NameReader;
use super::row::{Id, SUMMARY_COLUMNS, detail_columns};
use super::writer::{exists, read_whole};
use super::{BODIES, CALLS};
use crate::domain::{CallId, CallRecord};
use crate::store::connection::{DatabaseError, open_reader};

/// Segments that one reading thread keeps open.
const MOST_OPEN: usize = 8;

/// One day's calls, open for reading.
#[derive(Debug)]
pub(in crate::store) struct SegmentReader {
    day: Day,
    /// The version of its schema: a past day keeps that of the program that wrote it.
    version: i64,
    connection: Connection,
    names: NameReader,
}

impl SegmentReader {
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn names(&self) -> &NameReader {
        &self.names
    }
}

/// The segments that a reading thread has open, the latest used last.
#[derive(Debug)]
pub(in crate::store) struct SegmentReaders {
    folder: Folder,
    open: Vec<SegmentReader>,
}

impl SegmentReaders {
    pub(in crate::store) fn new(folder: Folder) -> Self {
        SegmentReaders { folder, open: Vec::new() }
    }

    /// The days that have calls, oldest first. Days that are gone are closed, so that their space is given back.
    pub(super) fn days(&mut self) -> Result<Vec<Day>, DatabaseError> {
        let days = self.folder.days().map_err(|source| DatabaseError::Open { path: self.folder.path().to_owned(), source })?;
        self.open.retain(|reader| days.binary_search(&reader.day).is_ok());
        Ok(days)
    }

    /// The segment of a day; `None` when there is none, or an empty one that is just being made.
    pub(super) fn segment(&mut self, day: Day) -> Result<Option<&SegmentReader>, DatabaseError> {
        if let Some(at) = self.open.iter().position(|reader| reader.day == day) {
            let reader = self.open.remove(at);
            self.open.push(reader);
        } else {
            let path = self.folder.calls(day);
            if !exists(&path) {
                return Ok(None);
            }
            let connection = open_reader(&path, &CALLS)?;
            let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if version == 0 {
                return Ok(None);
            }
            if self.open.len() >= MOST_OPEN {
                self.open.remove(0);
            }
            self.open.push(SegmentReader { day, version, connection, names: NameReader::default() });
        }
        Ok(self.open.last())
    }

    /// The bodies of a day, open for reading; `None` when none are kept.
    pub(super) fn bodies(&self, day: Day) -> Result<Option<Connection>, DatabaseError> {
        let path = self.folder.bodies(day);
        if exists(&path) { open_reader(&path, &BODIES).map(Some) } else { Ok(None) }
    }

    /// The whole record of a call, with its bodies where they are still kept.
    pub(in crate::store) fn get(&mut self, id: CallId) -> Result<Option<CallRecord>, DatabaseError> {
        let day = Day::of(id);
        if !exists(&self.folder.calls(day)) {
            self.open.retain(|reader| reader.day != day);
            return Ok(None);
        }
        let Some(reader) = self.segment(day)? else { return Ok(None) };
        let detail_columns = detail_columns(reader.version);
        let mut statement = reader
            .connection
            .prepare_cached(&format!("SELECT seq, {SUMMARY_COLUMNS}, {detail_columns} FROM calls WHERE id = ?1"))?;
        let found = statement.query_row((Id(id),), |row| read_whole(row, &reader.connection, &reader.names)).optional()?;
        drop(statement);
        let Some(mut record) = found else { return Ok(None) };
        let bodies = self.bodies(day).and_then(|connection| connection.map(|open| read_bodies(&open, id)).transpose());
        match bodies {
            Ok(bodies) => record.bodies = bodies.unwrap_or_default(),
            Err(error) => tracing::warn!(%day, %error, "bodies of a call cannot be read"),
        }
        Ok(Some(record))
    }
}
