//! Why the store refuses, free of any wire format.

use std::io;
use std::path::PathBuf;

use crate::domain::InvalidField;
use crate::store::connection::DatabaseError;
use crate::store::sealing::{MasterKeyError, Unopened};

/// Why an edit or a start was refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No row has this id, or it is deleted.
    #[error("there is no {noun} with id {id}")]
    NotFound {
        /// Which kind of row.
        noun: &'static str,
        /// The id.
        id: i64,
    },
    /// Another row has the value already.
    #[error("another {noun} has this {field} already")]
    Conflict {
        /// Which kind of row.
        noun: &'static str,
        /// The field whose value is taken.
        field: &'static str,
    },
    /// A field cannot be stored.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// The row was changed since the caller read it.
    #[error("the {noun} was changed meanwhile: its version is {found}")]
    VersionMismatch {
        /// Which kind of row.
        noun: &'static str,
        /// The row's version now.
        found: i64,
    },
    /// Other rows need this one.
    #[error("{}: change or delete them first", describe(.by))]
    InUse {
        /// Names of the model routes that lead to it.
        by: Vec<String>,
    },
    /// Nobody would be left who can rule.
    #[error("there must be an owner who is not disabled: make another user an owner first")]
    LastOwner,
    /// The data folder cannot be made.
    #[error("cannot make the data folder {}: {source}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The master key is missing or wrong.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// A sealed value does not open though the master key is right.
    #[error("{table} {row}: {source}")]
    Unopened {
        /// The table.
        table: &'static str,
        /// The row's id.
        row: i64,
        /// Why.
        source: Unopened,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl StoreError {
    /// Whether the operator's configuration is at fault, so that a start ends with exit code 2.
    pub fn is_configuration(&self) -> bool {
        matches!(self, StoreError::MasterKey(_) | StoreError::Folder { .. } | StoreError::Invalid(_))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::Database(error.into())
    }
}

fn describe(names: &[String]) -> String {
    match names {
        [one] => format!("the model route {one} leads to it"),
        [head @ .., last] if head.len() < 5 => format!("the model routes {} and {last} lead to it", head.join(", ")),
        many => format!("{} model routes lead to it, among them {}", many.len(), many[..3.min(many.len())].join(", ")),
    }
}
