//! What every kind of row has in common: metadata, and how its columns are read and written.

use std::fmt::Debug;
use std::sync::Arc;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::edit::Edit;
use super::error::StoreError;
use super::view::{Catalog, Rows};
use crate::store::sealing::Sealer;

/// A noun with the metadata of its row.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    /// The noun.
    pub value: Arc<T>,
    /// Rises by one with each change; what `If-Match` compares.
    pub version: i64,
    /// When it was made, in UTC unix milliseconds.
    pub created_ms: i64,
    /// When it was last changed, in UTC unix milliseconds.
    pub updated_ms: i64,
}

/// A kind of row: provider, key, model, client, user, admin token, alert rule or channel.
pub trait Noun: Columns {
    /// The number inside its id.
    fn row_number(&self) -> i64 {
        Self::number(self.id())
    }

    /// The id with a number.
    fn id_of_row(number: i64) -> Self::Id {
        Self::numbered(number)
    }
}

impl<T: Columns> Noun for T {}

/// How one kind of row lies in the database; not to be named outside the store.
pub trait Columns: Clone + Debug + Send + Sync + 'static {
    /// The type of its ids.
    type Id: Copy + Ord + Debug + Send + 'static;
    /// Its name in errors and in the audit log.
    const NOUN: &'static str;
    /// Its table.
    const TABLE: &'static str;

    /// The number inside an id.
    fn number(id: Self::Id) -> i64;
    /// The id with a number.
    fn numbered(number: i64) -> Self::Id;
    /// The row's id.
    fn id(&self) -> Self::Id;
    /// Gives it the id of its row.
    fn set_id(&mut self, id: Self::Id);
    /// The operator's name for it.
    fn name(&self) -> &str;
    /// The rows of this kind in memory.
    fn rows(catalog: &Catalog) -> &Rows<Self>;
    /// The rows of this kind in memory, to be changed.
    fn rows_mut(catalog: &mut Catalog) -> &mut Rows<Self>;
    /// Checks its fields, and the rows that it refers to.
    fn check(&self, catalog: &Catalog) -> Result<(), StoreError>;
    /// Its fields as the audit log shows them: no secret, and no nulls.
    fn fields(&self) -> Map<String, Value>;
    /// Secret fields, to be compared and never shown.
    fn hidden(&self) -> Vec<(&'static str, Vec<u8>)>;
    /// The field that a unique index speaks of, by SQLite's message.
    fn conflict(message: &str) -> &'static str;
    /// Writes the row whether it exists or not.
    fn save(row: &Stored<Self>, connection: &Connection, sealer: &Sealer) -> rusqlite::Result<()>;
    /// Reads rows.
    fn load(connection: &Connection, sealer: &Sealer, which: Which) -> Result<Vec<Stored<Self>>, StoreError>;

    /// What the edit that saves it adds by itself; `before` is what it was, if it is not new.
    fn stamp(&mut self, _before: Option<&Self>, _now_ms: i64) {}

    /// Other rows as they must be now that this one is saved.
    fn displaces(&self, _catalog: &Catalog) -> Vec<Self> {
        Vec::new()
    }

    /// What ends because of a change that was saved.
    fn after_change(&self, _before: &Self, _edit: &mut Edit<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    /// What must hold, or go too, before it is deleted.
    fn before_delete(&self, _edit: &mut Edit<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    /// What comes back with it.
    fn after_restore(&self, _deleted_ms: i64, _edit: &mut Edit<'_>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The part of `Columns` that says who a row is: the type of its ids, its name in words, its table, and the field of
/// the catalog that holds its kind.
macro_rules! identity {
    ($id:ident, $noun:literal, $table:literal, $rows:ident) => {
        type Id = $id;
        const NOUN: &'static str = $noun;
        const TABLE: &'static str = $table;

        fn number(id: $id) -> i64 {
            id.0
        }

        fn numbered(number: i64) -> $id {
            $id(number)
        }

        fn id(&self) -> $id {
            self.id
        }

        fn set_id(&mut self, id: $id) {
            self.id = id;
        }

        fn name(&self) -> &str {
            &self.name
        }

        fn rows(catalog: &$crate::store::catalog::view::Catalog) -> &$crate::store::catalog::view::Rows<Self> {
            &catalog.$rows
        }

        fn rows_mut(catalog: &mut $crate::store::catalog::view::Catalog) -> &mut $crate::store::catalog::view::Rows<Self> {
            &mut catalog.$rows
        }
    };
}
pub(super) use identity;

/// Which rows to read.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// All that are not deleted.
    Live,
    /// Of those that are not deleted, the ones whose ids leave this remainder when divided by this number.
    Share(i64, i64),
    /// One row, deleted or not.
    One(i64),
}

impl Which {
    /// The id, when it is one row.
    pub(super) fn parameter(self) -> Option<i64> {
        match self {
            Which::Live | Which::Share(..) => None,
            Which::One(id) => Some(id),
        }
    }
}

/// The statement that writes a row whether it exists or not.
pub(super) fn upsert(table: &str, columns: &[&str]) -> String {
    let places: Vec<String> = (1..=columns.len()).map(|at| format!("?{at}")).collect();
    let updates: Vec<String> = columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
    format!(
        "INSERT INTO {table} ({}) VALUES ({}) ON CONFLICT (id) DO UPDATE SET {}",
        columns.join(", "),
        places.join(", "),
        updates[1..].join(", ")
    )
}

/// Reads rows of a table, by ascending id.
pub(super) fn select<T>(
    table: &str,
    columns: &[&str],
    connection: &Connection,
    which: Which,
    read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let condition = match which {
        Which::Live => "deleted_ms IS NULL AND ?1 IS NULL".to_owned(),
        Which::Share(remainder, shares) => format!("deleted_ms IS NULL AND ?1 IS NULL AND id % {shares} = {remainder}"),
        Which::One(_) => "id = ?1".to_owned(),
    };
    let sql = format!("SELECT {} FROM {table} WHERE {condition} ORDER BY id", columns.join(", "));
    connection.prepare_cached(&sql)?.query_and_then([which.parameter()], read)?.collect()
}

/// A column of JSON text.
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = serde_json::to_string(&self.0).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        Ok(text.into())
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Json).map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

/// JSON, or null for a value that says nothing.
pub(super) fn json_unless_default<T: Serialize + Default + PartialEq>(value: &T) -> Option<Json<&T>> {
    (*value != T::default()).then_some(Json(value))
}

/// A JSON column whose null is the default.
pub(super) fn json_or_default<T: DeserializeOwned + Default>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    Ok(row.get::<_, Option<Json<T>>>(column)?.map(|json| json.0).unwrap_or_default())
}

/// A JSON column whose null is a meaning of its own.
pub(super) fn json_or_null<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    Ok(row.get::<_, Option<Json<T>>>(column)?.map(|json| json.0))
}

/// A text column that a parser of the domain reads.
pub(super) fn parsed<T>(row: &Row<'_>, column: &str, parse: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    parse(&text).ok_or_else(|| {
        let error = format!("{text:?} in column {column} means nothing to this version");
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    })
}

/// A value that was read well but means nothing.
pub(super) fn unreadable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
}

/// The metadata of a row, and its value.
pub(super) fn stored<T>(row: &Row<'_>, value: T) -> rusqlite::Result<Stored<T>> {
    Ok(Stored {
        value: Arc::new(value),
        version: row.get("version")?,
        created_ms: row.get("created_ms")?,
        updated_ms: row.get("updated_ms")?,
    })
}

/// Opens a sealed column; null is none.
pub(super) fn opened(
    row: &Row<'_>,
    sealer: &Sealer,
    table: &'static str,
    column: &'static str,
) -> Result<Option<SecretString>, StoreError> {
    let id: i64 = row.get("id")?;
    let name = column.rsplit('.').next().unwrap_or(column);
    let Some(sealed) = row.get_ref(name)?.as_blob_or_null().map_err(rusqlite::Error::from)? else { return Ok(None) };
    sealer.open(column, id, sealed).map(Some).map_err(|source| StoreError::Unopened { table, row: id, source })
}

/// The fields of a serializable view, without nulls.
pub(super) fn object(view: Value) -> Map<String, Value> {
    match view {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    }
}
