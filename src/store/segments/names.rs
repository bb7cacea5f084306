//! Names: texts that repeat are stored once for each segment, and rows hold small integers.

use std::cell::RefCell;
use std::sync::Arc;

use foldhash::HashMap;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, ToSql};

/// Names that one segment takes. Clients choose model names and paths, so the table must end somewhere; what comes later
/// is stored as text in its row.
const MOST_NAMES: usize = 20_000;
/// Longest text that is worth a name, in bytes.
const LONGEST_NAME: usize = 512;

/// A text in a column: the number of its name, or itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name<'t> {
    Number(i64),
    Text(&'t str),
}

impl ToSql for Name<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Name::Number(number) => ToSqlOutput::from(*number),
            Name::Text(text) => ToSqlOutput::from(*text),
        })
    }
}

/// The names of a segment that is being written.
#[derive(Debug, Default)]
pub(super) struct NameWriter {
    numbers: HashMap<Box<str>, i64>,
    last: i64,
    /// The last number that is in the file for good.
    committed: i64,
}

impl NameWriter {
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare("SELECT text, id FROM names")?;
        let numbers: HashMap<Box<str>, i64> =
            statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let last = numbers.values().copied().max().unwrap_or(0);
        Ok(NameWriter { numbers, last, committed: last })
    }

    /// The number of a text, given now if it has none yet.
    pub(super) fn intern<'t>(&mut self, connection: &Connection, text: &'t str) -> rusqlite::Result<Name<'t>> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(Name::Number(*number));
        }
        if self.numbers.len() >= MOST_NAMES || text.len() > LONGEST_NAME {
            return Ok(Name::Text(text));
        }
        let number = self.last + 1;
        connection.prepare_cached("INSERT INTO names (id, text) VALUES (?1, ?2)")?.execute((number, text))?;
        self.last = number;
        self.numbers.insert(text.into(), number);
        Ok(Name::Number(number))
    }

    /// The transaction that gave the newest numbers was committed.
    pub(super) fn keep(&mut self) {
        self.committed = self.last;
    }

    /// The transaction that gave the newest numbers was undone.
    pub(super) fn forget(&mut self) {
        let committed = self.committed;
        if self.last != committed {
            self.numbers.retain(|_, number| *number <= committed);
            self.last = committed;
        }
    }
}

/// The names of a segment that is being read. A number never changes its meaning, so what was read once stays true.
#[derive(Debug, Default)]
pub(super) struct NameReader {
    texts: RefCell<HashMap<i64, Arc<str>>>,
}

impl NameReader {
    /// The text of a column of names; `None` for NULL.
    pub(super) fn text(&self, connection: &Connection, value: ValueRef<'_>) -> rusqlite::Result<Option<Arc<str>>> {
        match value {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => {
                if let Some(text) = self.texts.borrow().get(&number) {
                    return Ok(Some(text.clone()));
                }
                let mut statement = connection.prepare_cached("SELECT text FROM names WHERE id = ?1")?;
                let text: Arc<str> = statement.query_row((number,), |row| row.get(0))?;
                self.texts.borrow_mut().insert(number, text.clone());
                Ok(Some(text))
            }
            other => Ok(Some(other.as_str()?.into())),
        }
    }

    /// The number of a text, if the segment has given it one.
    pub(super) fn number(connection: &Connection, text: &str) -> rusqlite::Result<Option<i64>> {
        connection.prepare_cached("SELECT id FROM names WHERE text = ?1")?.query_row((text,), |row| row.get(0)).optional()
    }
}
