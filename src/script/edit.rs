//! Changing the script folder from inside: checked as a whole, then written, then live.

use super::error::Problem;
use super::folder::{FolderError, differing, rewrite, write_barrier};
use super::limits::{SOURCE_BYTES, SOURCE_FILES};
use super::live::{LastReload, Scripts};
use super::name::{ScriptName, ScriptNameError};
use super::sources::{SourceError, Sources};

/// Why the folder was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// There is no folder to change.
    #[error("no script folder is configured: set KEYWHEEL_SCRIPTS")]
    NoFolder,
    /// No script has this name.
    #[error("there is no script {0}")]
    NotFound(String),
    /// A script was changed since its reader saw it.
    #[error("{0} was changed meanwhile")]
    Changed(String),
    /// A name that no script can have.
    #[error(transparent)]
    Name(#[from] ScriptNameError),
    /// A script is too long, or there are too many.
    #[error("{0}")]
    TooLarge(String),
    /// The scripts have errors; the ones that are live stay so.
    #[error("{}", refusal(.0))]
    Refused(Vec<Problem>),
    /// The folder cannot be read.
    #[error(transparent)]
    Unreadable(#[from] SourceError),
    /// The folder cannot be written.
    #[error(transparent)]
    Unwritable(#[from] FolderError),
}

/// How an edit of the folder went.
#[derive(Clone, Debug)]
pub struct Edited {
    /// The files that were written or removed; empty when the folder was like that already.
    pub files: Vec<ScriptName>,
    /// The version that was live before.
    pub before: String,
    /// The scripts that are live now.
    pub sources: Sources,
    /// How they were loaded.
    pub reload: LastReload,
}

fn refusal(problems: &[Problem]) -> String {
    let first = problems.first().map(ToString::to_string).unwrap_or_default();
    match problems.len() {
        0 | 1 => format!("the scripts were not changed: {first}"),
        more => format!("the scripts were not changed: {first}, and {} more", more - 1),
    }
}

impl Scripts {
    /// Changes the folder's files. `change` is given them as they are on the disk and answers how they are to be.
    ///
    /// When this returns `Ok`, the new set has passed its checks, is on the disk and is live. On an error both are as they
    /// were. Blocks: for a thread that may.
    ///
    /// # Errors
    /// The change's own; a name or size that no script can have; scripts with errors; a folder that cannot be read or written.
    pub fn edit(&self, change: impl FnOnce(Sources) -> Result<Sources, EditError>) -> Result<Edited, EditError> {
        let mut failed = self.loading.lock();
        let folder = self.folder().ok_or(EditError::NoFolder)?;
        let before = Sources::read(folder)?;
        let after = change(before.clone())?;
        check(&before, &after)?;
        let (files, live) = (differing(&before, &after), self.current());
        let edited = |reload| Edited { files, before: live.version().to_owned(), sources: after.clone(), reload };
        if before == after && *live.sources() == after && !self.is_closed() {
            return Ok(edited(self.last_reload()));
        }
        let (reload, set) = self.try_load(after.clone());
        let Some(set) = set else { return Err(EditError::Refused(errors(reload.problems))) };
        rewrite(folder, &before, &after)?;
        *failed = None;
        self.go_live(set);
        Ok(edited(self.finish(reload)))
    }

    /// The folder's files as they are on the disk.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn on_disk(&self) -> Result<Sources, SourceError> {
        self.folder().map_or_else(|| Ok(Sources::default()), Sources::read)
    }

    /// Why the folder cannot be changed from inside; `None` as far as one can know without trying.
    pub fn write_barrier(&self) -> Option<String> {
        match self.folder() {
            Some(folder) => write_barrier(folder),
            None => Some(EditError::NoFolder.to_string()),
        }
    }
}

fn errors(problems: Vec<Problem>) -> Vec<Problem> {
    problems.into_iter().filter(Problem::is_error).collect()
}

fn check(before: &Sources, after: &Sources) -> Result<(), EditError> {
    if after.len() > SOURCE_FILES {
        return Err(EditError::TooLarge(format!("the folder takes at most {SOURCE_FILES} scripts")));
    }
    for (name, text) in after.iter().filter(|(name, text)| before.get(name) != Some(text)) {
        ScriptName::parse(name)?;
        if text.len() as u64 > SOURCE_BYTES {
            return Err(EditError::TooLarge(format!("{name} is longer than {SOURCE_BYTES} bytes")));
        }
    }
    Ok(())
}
