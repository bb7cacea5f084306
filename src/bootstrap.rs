//! The bootstrap file: providers, keys, models, clients and settings that are declared rather than clicked together.
//!
//! It is applied at each start, whole or not at all. It creates and updates and never deletes; a field that was edited
//! elsewhere stays until the file's own value for it changes. What keys have learned (resting, disabled) is not its matter.

mod apply;
mod entries;
mod file;

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::store::{Actor, Store, StoreError};
use file::File;

/// Why the file was not applied. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The file cannot be read.
    #[error("cannot read the bootstrap file {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, or has a member that means nothing.
    #[error("the bootstrap file, line {line}, column {column}: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// A value refers to an environment variable that is not set.
    #[error("the bootstrap file, {place}: the environment variable {variable} is not set")]
    Variable {
        /// The table, its name and the field.
        place: String,
        /// The variable.
        variable: String,
    },
    /// A value refers to a file that cannot be read.
    #[error("the bootstrap file, {place}: cannot read {}: {source}", .path.display())]
    ValueFile {
        /// The table, its name and the field.
        place: String,
        /// The file that the value names.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An entry says something that cannot be.
    #[error("the bootstrap file, {place}: {message}")]
    Entry {
        /// The table and the entry's name.
        place: String,
        /// The field, and what is wrong with it.
        message: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A token that was made for a client; shown once, then forgotten.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The client's name.
    pub client: String,
    /// Its token.
    pub token: SecretString,
}

/// What applying the file has done.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Rows that were made.
    pub created: usize,
    /// Rows that were changed.
    pub updated: usize,
    /// Tokens of new clients for which the file has none.
    pub tokens: Vec<NewToken>,
}

/// Reads the bootstrap file and applies it. `environment` looks a variable up. Blocks; for the start.
pub fn apply(
    store: &Store,
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    now_ms: i64,
) -> Result<Applied, BootstrapError> {
    let text = std::fs::read_to_string(path).map_err(|source| BootstrapError::Read { path: path.to_owned(), source })?;
    let file = File::parse(&text, environment)?;
    store.edit_blocking(actor("bootstrap file", now_ms), move |edit| apply::apply(edit, file))
}

/// Makes a working proxy of an empty catalog: the provider `openai` with these keys, and one client whose token is
/// answered. Does nothing when the catalog is not empty or there are no keys. Blocks; for the start.
pub fn apply_openai_keys(store: &Store, keys: &[SecretString], now_ms: i64) -> Result<Applied, BootstrapError> {
    if keys.is_empty() {
        return Ok(Applied::default());
    }
    let file = File::for_openai(keys);
    store.edit_blocking(actor("OPENAI_API_KEY", now_ms), move |edit| {
        if edit.catalog().is_empty() { apply::apply(edit, file) } else { Ok(Applied::default()) }
    })
}

fn actor(name: &str, now_ms: i64) -> Actor {
    Actor { name: name.to_owned(), address: None, now_ms }
}

#[cfg(test)]
mod tests;
