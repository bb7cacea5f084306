//! What can be wrong with a database, in words that say what to do.

use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

/// Why a database cannot be opened, or why work on it failed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file holds something else than a SQLite database.
    #[error("{} is not a SQLite database; move it away or restore a backup (it was not touched)", .0.display())]
    NotADatabase(PathBuf),
    /// The file is damaged.
    #[error("{} is corrupt ({detail}); restore a backup (the file was not touched)", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        detail: String,
    },
    /// The file is a SQLite database of another program or of another purpose.
    #[error("{} is a SQLite database, but not Keywheel's {expected}; choose another data folder (it was not touched)", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was expected there.
        expected: &'static str,
    },
    /// The file was written by a newer Keywheel.
    #[error(
        "{} was written by a newer Keywheel (version {found} of its schema, this binary knows {known}); start the newer binary, or restore a backup (it was not touched)",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The newest version that this binary knows.
        known: i64,
    },
    /// The file cannot be opened, read or created.
    #[error("cannot open {}: {source}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A change of the schema failed; it was undone.
    #[error("cannot bring {} to schema version {version}: {source}", .path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// The version that could not be reached.
        version: i64,
        /// Why.
        source: Box<DatabaseError>,
    },
    /// No space is left where the database is.
    #[error("the disk is full: nothing was written; free some space and try again")]
    DiskFull,
    /// The system took no more bytes: a quota or a limit of file sizes is reached, or the disk fails.
    #[error(
        "the disk takes no more, by a quota, a limit of file sizes or a fault: nothing was written; see to it and try again ({0})"
    )]
    WriteFailed(rusqlite::Error),
    /// The disk does not let Keywheel write.
    #[error("the database cannot be written: {0}")]
    ReadOnly(rusqlite::Error),
    /// Another process holds the database.
    #[error("another process has locked the database; try again")]
    Busy(rusqlite::Error),
    /// The database turned out damaged while it was in use.
    #[error("the database is damaged: {0}")]
    Damaged(rusqlite::Error),
    /// Anything else that SQLite said.
    #[error("the database failed: {0}")]
    Sqlite(rusqlite::Error),
    /// The thread that owns the connection has ended.
    #[error("the database is closed")]
    Closed,
    /// The work ended in a panic; what it had not committed is undone.
    #[error("work on the database ended in a panic")]
    Panicked,
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => DatabaseError::DiskFull,
            // SQLite calls only ENOSPC a full disk; EDQUOT and EFBIG come as failures to write or to grow a file.
            Some(ErrorCode::SystemIoFailure) if is_write_failure(&error) => DatabaseError::WriteFailed(error),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => DatabaseError::ReadOnly(error),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DatabaseError::Busy(error),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => DatabaseError::Damaged(error),
            _ => DatabaseError::Sqlite(error),
        }
    }
}

fn is_write_failure(error: &rusqlite::Error) -> bool {
    const GROWING: [i32; 3] = [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_TRUNCATE, ffi::SQLITE_IOERR_SHMSIZE];
    error.sqlite_error().is_some_and(|error| GROWING.contains(&error.extended_code))
}

impl DatabaseError {
    /// The same error with the file's name, for a failure before anything was written.
    pub(super) fn while_opening(error: rusqlite::Error, path: &Path) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => DatabaseError::NotADatabase(path.to_owned()),
            Some(ErrorCode::DatabaseCorrupt) => DatabaseError::Corrupt { path: path.to_owned(), detail: error.to_string() },
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                DatabaseError::Open { path: path.to_owned(), source: std::io::Error::other(error) }
            }
            _ => DatabaseError::from(error),
        }
    }
}
