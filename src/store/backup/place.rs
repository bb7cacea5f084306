//! Where restored files go, and what stood there before.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::BackupError;
use super::failed;
use crate::store::sealing::MASTER_KEY_FILE;

/// The start of the names of folders in the data folder to which former data were moved.
const FORMER: &str = "replaced-";

/// Whether a data folder holds something that a restored backup would displace: anything but a master key that awaits one,
/// former data, and the files named in `ours`.
///
/// # Errors
/// The folder cannot be listed.
pub fn holds_data(data: &Path, ours: &[&str]) -> Result<bool, BackupError> {
    Ok(!displaced(data, ours)?.is_empty())
}

/// Moves what a restored backup displaces into a folder of its own in the data folder, `replaced-` and `stamp`; with the
/// master key where another one comes. `None`: there was nothing.
///
/// # Errors
/// A file cannot be moved.
pub fn set_aside(data: &Path, ours: &[&str], with_key: bool, stamp: &str) -> Result<Option<PathBuf>, BackupError> {
    let mut names = displaced(data, ours)?;
    if with_key && data.join(MASTER_KEY_FILE).exists() {
        names.push(MASTER_KEY_FILE.to_owned());
    }
    if names.is_empty() {
        return Ok(None);
    }
    let former = data.join(format!("{FORMER}{stamp}"));
    make_private(&former)?;
    move_all(data, &former, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(Some(former))
}

/// Moves files and folders by their names, in that order, and waits until the disk has it.
pub(super) fn move_all(from: &Path, to: &Path, names: &[&str]) -> Result<(), BackupError> {
    for name in names {
        let (source, target) = (from.join(name), to.join(name));
        if let Some(parent) = target.parent() {
            make_private(parent)?;
        }
        fs::rename(&source, &target).map_err(failed("move", &source))?;
        if let Some(parent) = target.parent() {
            sync(parent)?;
        }
    }
    sync(from)
}

fn displaced(data: &Path, ours: &[&str]) -> Result<Vec<String>, BackupError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(data).map_err(failed("list", data))? {
        let name = entry.map_err(failed("list", data))?.file_name().to_string_lossy().into_owned();
        if name != MASTER_KEY_FILE && !name.starts_with(FORMER) && name != "lost+found" && !ours.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn make_private(folder: &Path) -> Result<(), BackupError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(failed("make", folder))
}

fn sync(folder: &Path) -> Result<(), BackupError> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems do not sync folders.
        Err(error) if error.kind() != ErrorKind::InvalidInput => Err(failed("write", folder)(error)),
        _ => Ok(()),
    }
}
