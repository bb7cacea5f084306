//! Writing into the script folder: a file is there whole or not at all, and nothing is written outside.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::name::ScriptName;
use super::sources::Sources;

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Nothing may be written there.
    #[error("the script folder {folder} is read-only ({cause}): change the scripts where they come from, or mount it writable")]
    ReadOnly {
        /// The folder.
        folder: String,
        /// What the system says.
        cause: io::Error,
    },
    /// A folder inside the script folder is a link that leads out of it.
    #[error("{0} lies behind a link that leads out of the script folder")]
    Outside(String),
    /// Anything else.
    #[error("cannot write {path}: {cause}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        cause: io::Error,
    },
}

/// A file to write, or to remove when there is no text.
struct Step<'a> {
    name: &'a str,
    text: Option<&'a str>,
}

/// Why nothing can be written into the folder; `None` as far as one can know without trying.
pub fn write_barrier(folder: &Path) -> Option<String> {
    let existing = folder.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    let existing = existing.into_iter().find(|path| path.exists())?;
    let barred = rustix::fs::access(existing, rustix::fs::Access::WRITE_OK).err()?;
    Some(failed(folder, folder, barred.into()).to_string())
}

/// Makes the folder's files those of `after`, where it has those of `before`. After a failure they are again as before, as far
/// as the system lets them be.
pub fn rewrite(folder: &Path, before: &Sources, after: &Sources) -> Result<(), FolderError> {
    let steps = steps(before, after);
    for (at, step) in steps.iter().enumerate() {
        if let Err(error) = step.take(folder) {
            for done in &steps[..at] {
                let undo = Step { name: done.name, text: before.get(done.name).map(|text| &**text) };
                if let Err(error) = undo.take(folder) {
                    tracing::error!(script = done.name, %error, "a script could not be set back");
                }
            }
            return Err(error);
        }
    }
    Ok(())
}

fn steps<'a>(before: &'a Sources, after: &'a Sources) -> Vec<Step<'a>> {
    let names: BTreeSet<&str> = before.iter().chain(after.iter()).map(|(name, _)| name).collect();
    let differs = |name: &&str| before.get(name) != after.get(name);
    names.into_iter().filter(differs).map(|name| Step { name, text: after.get(name).map(|text| &**text) }).collect()
}

/// The names of the files that differ between two states of the folder.
pub fn differing(before: &Sources, after: &Sources) -> Vec<ScriptName> {
    steps(before, after).iter().filter_map(|step| ScriptName::parse(step.name).ok()).collect()
}

impl Step<'_> {
    fn take(&self, root: &Path) -> Result<(), FolderError> {
        let path = root.join(self.name);
        let folder = path.parent().unwrap_or(root).to_owned();
        if self.text.is_some() {
            fs::create_dir_all(&folder).map_err(|cause| failed(root, &path, cause))?;
        }
        stays_inside(root, &folder, self.name)?;
        let done = match self.text {
            Some(text) => write(&folder, &path, text),
            None => fs::remove_file(&path),
        };
        done.and_then(|()| sync_folder(&folder)).map_err(|cause| failed(root, &path, cause))
    }
}

fn stays_inside(root: &Path, folder: &Path, name: &str) -> Result<(), FolderError> {
    let real = |path: &Path| -> Result<PathBuf, FolderError> { path.canonicalize().map_err(|cause| failed(root, path, cause)) };
    if real(folder)?.starts_with(real(root)?) { Ok(()) } else { Err(FolderError::Outside(name.to_owned())) }
}

/// Writes a hidden file beside the script and gives it the script's name. Whoever reads meanwhile sees the old text or the new.
fn write(folder: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".keywheel-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// A new name is on the disk only when its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn failed(root: &Path, path: &Path, cause: io::Error) -> FolderError {
    match cause.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            FolderError::ReadOnly { folder: root.display().to_string(), cause }
        }
        _ => FolderError::Io { path: path.display().to_string(), cause },
    }
}
