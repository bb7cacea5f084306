//! Another program's SQLite database: its tables as rows, read and never touched.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde_json::Value;

use super::connection::{DatabaseError, open_foreign};
use crate::domain::ForeignRow;

/// Whether a file begins like a SQLite database.
///
/// # Errors
/// It cannot be read.
pub fn is_database(path: &Path) -> std::io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(16).read_to_end(&mut start)?;
    Ok(start == b"SQLite format 3\0")
}

/// Every row of these tables, one table after another. `None`: one of them is not there.
///
/// # Errors
/// The file is no database that can be read.
pub fn read_foreign_tables(path: &Path, tables: &[&str]) -> Result<Option<Vec<ForeignRow>>, DatabaseError> {
    let connection = open_foreign(path)?;
    let mut rows = Vec::new();
    for table in tables {
        if !connection.table_exists(None::<&str>, *table)? {
            return Ok(None);
        }
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\""))?;
        let columns: Vec<String> = statement.column_names().map(str::to_lowercase).collect();
        let mut found = statement.query(())?;
        while let Some(row) = found.next()? {
            rows.push(read(row, &columns)?);
        }
    }
    Ok(Some(rows))
}

fn read(row: &Row<'_>, columns: &[String]) -> Result<ForeignRow, DatabaseError> {
    let cell = |(at, column): (usize, &String)| -> Result<(String, Value), DatabaseError> {
        let value = match row.get_ref(at)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => number.into(),
            ValueRef::Real(number) => number.into(),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into(),
        };
        Ok((column.clone(), value))
    };
    columns.iter().enumerate().map(cell).collect()
}
