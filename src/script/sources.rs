//! The files of a script folder, read at once, so that a set is made of one state of the folder.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use sha2::{Digest, Sha256};

use super::folder::{FolderError, rewrite};
use super::limits::{SOURCE_BYTES, SOURCE_FILES};

/// How deep folders may lie inside the script folder.
pub(super) const DEPTH: usize = 4;
/// Most times that a folder is read again because it changes while it is read.
const MOST_READS: usize = 10;

/// Why a folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The system says no.
    #[error("cannot read {path}: {cause}")]
    Io {
        /// What was to be read.
        path: String,
        /// Why it was not.
        cause: io::Error,
    },
    /// A file is not text.
    #[error("{0} is not UTF-8 text")]
    NotText(String),
    /// A file is too long.
    #[error("{0} is longer than {SOURCE_BYTES} bytes")]
    TooLong(String),
    /// There are too many files.
    #[error("the folder has more than {SOURCE_FILES} scripts")]
    TooMany,
}

/// The texts of a folder's scripts, by their path inside it, such as `20-route.rhai` or `lib/util.rhai`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(BTreeMap<String, Arc<str>>);

impl Sources {
    /// Reads every `*.rhai` file, in folders below too. Hidden files and folders are left out (among them the ones that
    /// Kubernetes keeps behind its symlinks), and so are definition files (`*.d.rhai`). A folder that does not exist is empty.
    ///
    /// It is read until two looks in a row find the same: one look alone, across a link that is swapped or files that are
    /// written one after another, finds some as they were and others as they will be.
    pub fn read(folder: &Path) -> Result<Self, SourceError> {
        settled(|| Sources::read_once(folder))
    }

    fn read_once(folder: &Path) -> Result<Self, SourceError> {
        let mut sources = Sources::default();
        match fs::metadata(folder) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(sources),
            _ => read_folder(folder, &PathBuf::new(), DEPTH, &mut sources.0)?,
        }
        Ok(sources)
    }

    /// Writes every script into a folder that has none, and makes the folder.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), FolderError> {
        fs::create_dir_all(folder).map_err(|cause| FolderError::Io { path: folder.display().to_string(), cause })?;
        rewrite(folder, &Sources::default(), self)
    }

    /// One script of that name.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Self {
        self.0.insert(name.to_owned(), text.into());
        self
    }

    /// The sources without a script.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// The text of a script.
    pub fn get(&self, name: &str) -> Option<&Arc<str>> {
        self.0.get(name)
    }

    /// A short name for the text of a script: twelve hexadecimal digits.
    pub fn tag(&self, name: &str) -> Option<String> {
        self.get(name).map(|text| twelve_digits(Sha256::digest(text.as_bytes()).as_slice()))
    }

    /// Every script, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<str>)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text))
    }

    /// The scripts whose hooks are called: those of the folder itself. Those below it are there to be imported.
    pub fn scripts(&self) -> impl Iterator<Item = (&str, &Arc<str>)> {
        self.iter().filter(|(name, _)| !name.contains('/'))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A short name for exactly these texts: twelve hexadecimal digits.
    pub fn version(&self) -> String {
        let mut digest = Sha256::new();
        for (name, text) in &self.0 {
            digest.update((name.len() as u64).to_le_bytes());
            digest.update(name);
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text.as_bytes());
        }
        twelve_digits(digest.finalize().as_slice())
    }
}

fn settled<T: PartialEq, E>(mut look: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let mut found = look()?;
    for _ in 1..MOST_READS {
        let again = look()?;
        if again == found {
            break;
        }
        found = again;
    }
    Ok(found)
}

fn twelve_digits(digest: &[u8]) -> String {
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn read_folder(root: &Path, inside: &Path, depth: usize, found: &mut BTreeMap<String, Arc<str>>) -> Result<(), SourceError> {
    let folder = root.join(inside);
    let failed = |cause| SourceError::Io { path: folder.display().to_string(), cause };
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let path = inside.join(name);
        let is_script = name.ends_with(".rhai") && !name.ends_with(".d.rhai");
        match fs::metadata(root.join(&path)) {
            Ok(entry) if entry.is_dir() && depth > 1 => read_folder(root, &path, depth - 1, found)?,
            Ok(entry) if entry.is_file() && is_script => {
                if found.len() >= SOURCE_FILES {
                    return Err(SourceError::TooMany);
                }
                found.insert(path.to_string_lossy().replace('\\', "/"), read_file(&root.join(&path))?);
            }
            // A file that is gone, or a link to nothing, is as if it had not been listed.
            _ => {}
        }
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<Arc<str>, SourceError> {
    let shown = || path.display().to_string();
    let failed = |cause| SourceError::Io { path: shown(), cause };
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(failed)?.take(SOURCE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > SOURCE_BYTES {
        return Err(SourceError::TooLong(shown()));
    }
    let text = String::from_utf8(bytes).map_err(|_| SourceError::NotText(shown()))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_found_and_the_rest_is_left() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["20-b.rhai", "10-a.rhai", "notes.txt", ".hidden.rhai", "keywheel.d.rhai", "10-a.rhai~", "lib/u.rhai"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("\u{feff}// {name}")).unwrap();
        }
        fs::create_dir(folder.path().join("..data")).unwrap();
        fs::write(folder.path().join("..data/c.rhai"), "").unwrap();
        let sources = Sources::read(folder.path()).unwrap();
        assert_eq!(sources.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["10-a.rhai", "20-b.rhai", "lib/u.rhai"]);
        assert_eq!(sources.scripts().count(), 2);
        assert_eq!(&**sources.get("10-a.rhai").unwrap(), "// 10-a.rhai");
        assert!(Sources::read(&folder.path().join("missing")).unwrap().is_empty());
    }

    #[test]
    fn what_changes_while_it_is_read_is_read_again() {
        let looks = |found: &[u8]| {
            let mut looks = found.iter().copied();
            (settled(|| looks.next().ok_or(())), looks.len())
        };
        assert_eq!(looks(&[1, 1, 2]), (Ok(1), 1));
        assert_eq!(looks(&[1, 2, 3, 3, 4]), (Ok(3), 1), "half old and half new is not believed");
        assert_eq!(looks(&[1, 2]), (Err(()), 0));
        assert_eq!(looks(&(0..40).collect::<Vec<_>>()), (Ok(MOST_READS as u8 - 1), 40 - MOST_READS), "it ends");
    }

    #[test]
    fn a_version_is_a_name_for_the_texts() {
        let one = Sources::default().with("a.rhai", "1").with("b.rhai", "2");
        assert_eq!(one.version(), one.clone().version());
        assert_eq!(one.version().len(), 12);
        let others =
            [one.clone().without("b.rhai"), one.clone().with("b.rhai", "3"), Sources::default().with("a.rhai", "1b.rhai2")];
        assert!(others.iter().all(|other| other.version() != one.version()));
    }

    #[test]
    fn what_is_no_script_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.rhai"), [0xff, 0xfe]).unwrap();
        assert!(matches!(Sources::read(folder.path()), Err(SourceError::NotText(_))));
        fs::write(folder.path().join("a.rhai"), vec![b' '; SOURCE_BYTES as usize + 1]).unwrap();
        assert!(matches!(Sources::read(folder.path()), Err(SourceError::TooLong(_))));
        fs::write(folder.path().join("a.rhai"), "").unwrap();
        (0..SOURCE_FILES).for_each(|n| fs::write(folder.path().join(format!("{n}.rhai")), "").unwrap());
        assert!(matches!(Sources::read(folder.path()), Err(SourceError::TooMany)));
    }
}
