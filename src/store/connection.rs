//! Connections: SQLite files that are opened with care, and the threads that own their connections.
//!
//! One thread owns the write connection of a database, a few own read-only ones. Work reaches them as closures over a
//! bounded channel, so no async thread ever waits for a disk.

mod error;
mod file;
mod workers;

use std::path::{Path, PathBuf};

use rusqlite::Connection;

pub use error::DatabaseError;
pub(super) use file::{Durability, Inspection, Schema, copy, open_foreign, open_inspected, open_reader, open_writer, verify};
pub(super) use workers::Workers;

/// Work that may wait for the writer before callers have to.
const WRITE_QUEUE: usize = 256;
/// Work that may wait for the readers before callers have to.
const READ_QUEUE: usize = 256;

/// One database file with its writer thread and its reader threads. Dropping it finishes the work and closes the file.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    // Dropped before the writer: only a write connection that closes last folds the log into the file.
    readers: Workers<Connection>,
    writer: Workers<Connection>,
}

impl Database {
    /// Opens or creates the file, brings its schema up to date, and starts one writer and `readers` reader threads.
    ///
    /// A file that is not SQLite, corrupt, of another program or of a newer version is an error; it is not touched.
    #[cfg(test)]
    pub(super) fn open(path: &Path, schema: &Schema, durability: Durability, readers: usize) -> Result<Self, DatabaseError> {
        Self::start(open_writer(path, schema, durability)?, path, schema, readers)
    }

    /// Starts the threads around a write connection that [`open_writer`] opened.
    pub(super) fn start(writer: Connection, path: &Path, schema: &Schema, readers: usize) -> Result<Self, DatabaseError> {
        let reading = (0..readers.max(1)).map(|_| open_reader(path, schema)).collect::<Result<Vec<_>, _>>()?;
        Ok(Database {
            path: path.to_owned(),
            readers: Workers::start(&format!("{}-read", schema.name), reading, READ_QUEUE)?,
            writer: Workers::start(&format!("{}-write", schema.name), vec![writer], WRITE_QUEUE)?,
        })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The thread that writes.
    pub(super) fn writer(&self) -> &Workers<Connection> {
        &self.writer
    }

    /// The threads that read.
    pub(super) fn readers(&self) -> &Workers<Connection> {
        &self.readers
    }
}

#[cfg(test)]
mod tests;
