//! Columns in order: a row is written and read left to right, so both sides mirror each other and carry no numbers.

use std::sync::Arc;

use rusqlite::types::FromSql;
use rusqlite::{Connection, Row, Statement, ToSql};

use super::names::{Name, NameReader};
use crate::domain::Ref;

/// Writes one row.
pub(super) struct RowWriter<'s, 'c> {
    statement: &'s mut Statement<'c>,
    at: usize,
}

impl<'s, 'c> RowWriter<'s, 'c> {
    pub(super) fn new(statement: &'s mut Statement<'c>) -> Self {
        RowWriter { statement, at: 0 }
    }

    pub(super) fn put(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.at += 1;
        self.statement.raw_bind_parameter(self.at, value)
    }

    /// A count. Beyond 2^63 it is stored as its two's complement and comes back as it was.
    pub(super) fn put_count(&mut self, value: u64) -> rusqlite::Result<()> {
        self.put(value as i64)
    }

    pub(super) fn put_some_count(&mut self, value: Option<u64>) -> rusqlite::Result<()> {
        self.put(value.map(|value| value as i64))
    }

    pub(super) fn put_ref(&mut self, named: Option<(i64, Name<'_>)>) -> rusqlite::Result<()> {
        self.put(named.map(|(id, _)| id))?;
        self.put(named.map(|(_, name)| name))
    }

    /// Inserts the row; `false` when it was there already and the statement says to leave it.
    pub(super) fn insert(self) -> rusqlite::Result<bool> {
        Ok(self.statement.raw_execute()? > 0)
    }
}

/// Reads one row.
pub(super) struct RowReader<'r> {
    row: &'r Row<'r>,
    connection: &'r Connection,
    names: &'r NameReader,
    at: usize,
}

impl<'r> RowReader<'r> {
    pub(super) fn new(row: &'r Row<'r>, connection: &'r Connection, names: &'r NameReader) -> Self {
        RowReader { row, connection, names, at: 0 }
    }

    pub(super) fn take<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        self.at += 1;
        self.row.get(self.at - 1)
    }

    pub(super) fn take_count(&mut self) -> rusqlite::Result<u64> {
        Ok(self.take::<i64>()? as u64)
    }

    pub(super) fn take_some_count(&mut self) -> rusqlite::Result<Option<u64>> {
        Ok(self.take::<Option<i64>>()?.map(|value| value as u64))
    }

    pub(super) fn take_some_name(&mut self) -> rusqlite::Result<Option<Arc<str>>> {
        self.at += 1;
        self.names.text(self.connection, self.row.get_ref(self.at - 1)?)
    }

    pub(super) fn take_name(&mut self) -> rusqlite::Result<Arc<str>> {
        self.take_some_name()?.ok_or(rusqlite::Error::InvalidQuery)
    }

    pub(super) fn take_some_ref<Id>(&mut self, id: impl FnOnce(i64) -> Id) -> rusqlite::Result<Option<Ref<Id>>> {
        let number = self.take::<Option<i64>>()?;
        let name = self.take_some_name()?;
        Ok(number.zip(name).map(|(number, name)| Ref { id: id(number), name }))
    }

    pub(super) fn take_ref<Id>(&mut self, id: impl FnOnce(i64) -> Id) -> rusqlite::Result<Ref<Id>> {
        self.take_some_ref(id)?.ok_or(rusqlite::Error::InvalidQuery)
    }

    /// Reads a column that holds JSON, as `default` where it is NULL.
    pub(super) fn take_json<T: serde::de::DeserializeOwned + Default>(&mut self) -> rusqlite::Result<T> {
        let text = self.take::<Option<String>>()?;
        self.read_json(text.as_deref())
    }

    /// Reads a column that holds JSON among the texts that repeat, as `default` where it is NULL.
    pub(super) fn take_json_name<T: serde::de::DeserializeOwned + Default>(&mut self) -> rusqlite::Result<T> {
        let text = self.take_some_name()?;
        self.read_json(text.as_deref())
    }

    fn read_json<T: serde::de::DeserializeOwned + Default>(&self, text: Option<&str>) -> rusqlite::Result<T> {
        let read = |text: &str| serde_json::from_str(text).map_err(|error| unreadable(self.at - 1, error));
        text.map_or_else(|| Ok(T::default()), read)
    }
}

/// A column whose text is not what the schema says.
pub(super) fn unreadable(
    column: usize,
    error: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
}

/// JSON of a value, or NULL for an empty one.
pub(super) fn json_unless<T: serde::Serialize>(empty: bool, value: &T) -> rusqlite::Result<Option<String>> {
    if empty {
        return Ok(None);
    }
    serde_json::to_string(value).map(Some).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
