//! Backups: one archive with a copy of every database, and how it becomes a data folder again.
//!
//! An archive is a tar file packed with Zstandard. Each database in it is a copy of one moment, taken through SQLite while
//! a server may be writing: the sums first, then the days, then the catalog, so that what refers to something comes
//! before it. The last entry, `manifest.json`, holds the length and the checksum of all others: an archive without it is
//! not whole.

mod error;
mod manifest;
mod pack;
mod place;
mod unpack;

pub use error::BackupError;
pub use manifest::{BackupCounts, Manifest};
pub use pack::{BackupPlan, back_up};
pub use place::{holds_data, set_aside};
pub use unpack::{Unpacked, unpack};

use std::path::Path;

use super::catalog::{CATALOG, CATALOG_FILE};
use super::connection::Schema;
use super::rollups::{ROLLUPS, ROLLUPS_FILE};
use super::segments::{BODIES, CALLS, CALLS_FOLDER, Day};

/// The layout of archives that this version writes, and the newest that it reads.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
/// Scripts lie below this folder of the archive.
const SCRIPTS: &str = "scripts/";

/// The kind of database that lies under a name of the archive; `None`: it is none.
fn schema_of(name: &str) -> Option<&'static Schema> {
    match name {
        CATALOG_FILE => Some(&CATALOG),
        ROLLUPS_FILE => Some(&ROLLUPS),
        _ => {
            let day = name.strip_prefix(CALLS_FOLDER)?.strip_prefix('/')?.strip_suffix(".db")?;
            match day.strip_suffix(".bodies") {
                Some(day) => Day::parse(day).map(|_| &BODIES),
                None => Day::parse(day).map(|_| &CALLS),
            }
        }
    }
}

/// Whether a name of the archive is a plain relative path of a script.
fn is_script(name: &str) -> bool {
    let is_plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
    name.strip_prefix(SCRIPTS).is_some_and(|path| path.ends_with(".rhai") && path.split('/').all(is_plain))
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> BackupError + 'a {
    move |source| BackupError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
