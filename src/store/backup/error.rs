//! Why a backup cannot be made or restored, in words that say what to do.

use std::io;
use std::path::PathBuf;

use crate::store::connection::DatabaseError;
use crate::store::sealing::MasterKeyError;

/// Why an archive was not made or not restored. Nothing of the data folder was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to back up.
    #[error("{} holds no database of Keywheel: choose its data folder with --data or KEYWHEEL_DATA", .0.display())]
    NoData(PathBuf),
    /// A database cannot be copied, or a copy cannot be used.
    #[error("{name}: {source}")]
    Database {
        /// Its name in the archive.
        name: String,
        /// Why.
        source: DatabaseError,
    },
    /// The archive holds secrets and no key, and none was given.
    #[error(
        "the archive was made without the master key, and {secrets} of its secrets open only with it: set KEYWHEEL_MASTER_KEY or \
         KEYWHEEL_MASTER_KEY_FILE to that key, or put it into {}, and restore again (nothing was restored)",
        .file.display()
    )]
    KeyNeeded {
        /// How many secrets need it.
        secrets: u64,
        /// Where it may be put.
        file: PathBuf,
    },
    /// The master key does not fit, or cannot be read.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The bytes are no archive, or not those that were written.
    #[error("the archive is damaged or none of Keywheel's: {0} (nothing was restored)")]
    Damaged(String),
    /// A newer Keywheel wrote it.
    #[error(
        "the archive was written by Keywheel {version}, in a layout that this one does not know: restore it with that version (nothing was restored)"
    )]
    Newer {
        /// The version that wrote it.
        version: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The archive cannot be written where it is to go.
    #[error("cannot write the archive: {0}")]
    Output(io::Error),
}

impl BackupError {
    /// Whether another setting or another key would help, so that the command ends with exit code 2.
    pub fn is_configuration(&self) -> bool {
        matches!(self, BackupError::NoData(_) | BackupError::KeyNeeded { .. } | BackupError::MasterKey(_))
    }
}
