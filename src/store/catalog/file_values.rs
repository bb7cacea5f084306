//! What the bootstrap file said when it was last applied.

use rusqlite::OptionalExtension;
use serde_json::{Map, Value};

use super::edit::Edit;
use super::error::StoreError;
use super::row::Json;

/// The fields that the bootstrap file had for one of its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileValues {
    /// The row that the entry made, under whatever name it has now.
    pub row: i64,
    /// Value by field; a secret is its fingerprint.
    pub fields: Map<String, Value>,
}

impl Edit<'_> {
    /// What the file said about an entry; `name` is the name in the file, with the provider's before a key's.
    pub fn file_values(&self, noun: &str, name: &str) -> Result<Option<FileValues>, StoreError> {
        let mut statement =
            self.transaction.prepare_cached("SELECT row, fields FROM file_values WHERE noun = ?1 AND name = ?2")?;
        let read = |row: &rusqlite::Row<'_>| Ok(FileValues { row: row.get(0)?, fields: row.get::<_, Json<_>>(1)?.0 });
        Ok(statement.query_row((noun, name), read).optional()?)
    }

    /// Remembers what the file says about an entry.
    pub fn set_file_values(&mut self, noun: &str, name: &str, values: &FileValues) -> Result<(), StoreError> {
        self.transaction
            .prepare_cached(
                "INSERT INTO file_values (noun, name, row, fields) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (noun, name) DO UPDATE SET row = excluded.row, fields = excluded.fields",
            )?
            .execute((noun, name, values.row, Json(&values.fields)))?;
        Ok(())
    }

    /// A keyed hash that stands for a secret, in hex.
    pub fn fingerprint(&self, secret: &str) -> String {
        self.sealer.fingerprint(secret).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
