//! The data folder: writable, and used by one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use secrecy::SecretString;

use super::CliError;
use crate::clock::random_bytes;
use crate::domain::new_token;

/// The file that says who has the folder.
pub(super) const LOCK: &str = "keywheel.lock";
const ADMIN_TOKEN: &str = "admin-token";

/// A data folder that nobody else uses until this is dropped.
pub(super) struct DataFolder {
    path: PathBuf,
    lock: File,
}

/// What became of taking a data folder.
pub(super) enum Taking {
    /// It is ours.
    Taken(DataFolder),
    /// A server that runs has it, and listens at these addresses.
    InUse(Vec<String>),
}

/// The admin token, and the file that it was newly written to.
pub(super) struct AdminToken {
    pub(super) token: SecretString,
    pub(super) new_file: Option<PathBuf>,
}

impl DataFolder {
    /// Makes the folder if need be, checks that it can be written, and takes it. The error says who may not, and what to
    /// do.
    pub(super) fn take(path: &Path) -> Result<Taking, CliError> {
        let refuse = |error| unwritable(path, &error);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(refuse)?;
        let file = path.join(LOCK);
        let lock =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&file).map_err(refuse)?;
        match lock.try_lock() {
            Ok(()) => {
                lock.set_len(0).map_err(refuse)?;
                Ok(Taking::Taken(DataFolder { path: path.to_owned(), lock }))
            }
            Err(TryLockError::WouldBlock) => {
                let addresses = std::fs::read_to_string(&file).map_err(refuse)?;
                Ok(Taking::InUse(addresses.lines().map(str::to_owned).collect()))
            }
            Err(TryLockError::Error(error)) => Err(refuse(error)),
        }
    }

    /// Tells other commands on this machine where the server listens.
    pub(super) fn announce(&mut self, addresses: &[String]) -> anyhow::Result<()> {
        self.lock
            .set_len(0)
            .and_then(|()| self.lock.write_all(addresses.join("\n").as_bytes()))
            .context("cannot write the lock file")
    }

    /// The generated admin token; made at the first start, for its owner's eyes only.
    pub(super) fn admin_token(&self) -> Result<AdminToken, CliError> {
        let file = self.path.join(ADMIN_TOKEN);
        match read_admin_token(&self.path)? {
            Some(token) => Ok(AdminToken { token, new_file: None }),
            None => {
                let token = new_token(random_bytes());
                write_whole(&file, &format!("{token}\n")).map_err(|error| unwritable(&self.path, &error))?;
                Ok(AdminToken { token: token.into(), new_file: Some(file) })
            }
        }
    }
}

/// Writes a file for its owner alone that is there whole or not at all, whenever the process ends.
fn write_whole(file: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = file.with_extension("new");
    let mut written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    std::fs::rename(unfinished, file)
}

/// The generated admin token of a data folder, if there is one; an empty file is none.
pub(super) fn read_admin_token(folder: &Path) -> Result<Option<SecretString>, CliError> {
    let file = folder.join(ADMIN_TOKEN);
    match std::fs::read_to_string(&file) {
        Ok(text) if text.trim().len() >= 8 => Ok(Some(text.trim().into())),
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(_) => Err(CliError::Usage(format!("{} holds no token: delete it, and a new one is made", file.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CliError::Usage(format!("cannot read {}: {error}", file.display()))),
    }
}

fn unwritable(folder: &Path, error: &std::io::Error) -> CliError {
    let user = rustix::process::getuid().as_raw();
    let shown = folder.display();
    CliError::Usage(format!(
        "the data folder {shown} cannot be used by user id {user}: {error}\n\
         Give it to that user (chown -R {user} {shown}), or choose another one with --data or KEYWHEEL_DATA.\n\
         A container's volume is given away with: docker run --rm --user 0 --volume VOLUME:/data --entrypoint chown keywheel -R {user} /data"
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    fn taken(path: &Path) -> DataFolder {
        match DataFolder::take(path).unwrap() {
            Taking::Taken(folder) => folder,
            Taking::InUse(addresses) => panic!("in use at {addresses:?}"),
        }
    }

    #[test]
    fn a_folder_belongs_to_one_process_which_says_where_it_listens() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let mut folder = taken(&path);
        folder.announce(&["http://127.0.0.1:1".to_owned(), "unix:/x".to_owned()]).unwrap();
        assert!(matches!(DataFolder::take(&path).unwrap(), Taking::InUse(at) if at == ["http://127.0.0.1:1", "unix:/x"]));
        drop(folder);
        drop(taken(&path));
    }

    #[test]
    fn the_admin_token_is_made_once_and_kept_private() {
        let parent = tempfile::tempdir().unwrap();
        let folder = taken(parent.path());
        let made = folder.admin_token().unwrap();
        let file = made.new_file.expect("a first start writes it");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let again = folder.admin_token().unwrap();
        assert!(again.new_file.is_none());
        assert_eq!(again.token.expose_secret(), made.token.expose_secret());
        std::fs::write(&file, "short\n").unwrap();
        assert!(folder.admin_token().is_err());
        std::fs::write(&file, "\n").unwrap();
        let anew = folder.admin_token().unwrap();
        assert!(anew.new_file.is_some(), "an empty file is none");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), anew.token.expose_secret());
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 2, "the lock and the token");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_explained() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        std::fs::write(&file, b"in the way").unwrap();
        let Err(error) = DataFolder::take(&file) else { panic!("a file is no folder") };
        let text = error.to_string();
        assert!(text.contains(file.to_str().unwrap()) && text.contains("user id") && text.contains("--data"), "{text}");
        assert!(matches!(error, CliError::Usage(_)));
    }
}
