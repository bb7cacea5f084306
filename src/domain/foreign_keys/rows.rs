//! Rows of tables, as database tools write them: JSON in several shapes, or comma-separated values with a heading.

use serde_json::{Map, Value};

/// One row: values by the names of their columns.
pub type ForeignRow = Map<String, Value>;

/// Members under which exports keep rows.
const LISTS: [&str; 8] = ["channels", "groups", "api_keys", "keys", "data", "items", "rows", "records"];
/// Columns that only a row has.
const COLUMNS: [&str; 3] = ["key", "key_value", "upstreams"];

/// Why a text holds no rows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowsFault {
    /// It starts like JSON and is none.
    #[error("this is no JSON: line {line}, column {column}")]
    Json {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// It has a heading without a column that is needed.
    #[error("this is neither JSON nor a table with a heading that has one of the columns key, key_value and upstreams")]
    Unknown,
}

/// The rows of an export: a JSON list, objects that hold lists, one object a line, or comma-separated values.
///
/// # Errors
/// The text is none of these.
pub fn read_foreign_rows(text: &str) -> Result<Vec<ForeignRow>, RowsFault> {
    let text = text.trim_start_matches('\u{feff}');
    if !text.trim_start().starts_with(['[', '{']) {
        return read_table(text);
    }
    let mut rows = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        collect(value.map_err(|error| RowsFault::Json { line: error.line(), column: error.column() })?, &mut rows);
    }
    Ok(rows)
}

fn collect(value: Value, rows: &mut Vec<ForeignRow>) {
    match value {
        Value::Array(values) => values.into_iter().for_each(|value| collect(value, rows)),
        Value::Object(mut members) => {
            let is_row = COLUMNS.iter().any(|column| members.contains_key(*column));
            let lists: Vec<Value> = LISTS
                .iter()
                .filter_map(|name| members.remove(*name).filter(|value| value.is_array() || value.is_object()))
                .collect();
            let owner = members.get("id").cloned();
            if is_row {
                rows.push(members);
            }
            let first = rows.len();
            lists.into_iter().for_each(|value| collect(value, rows));
            // Keys that stand inside their group.
            if let Some(owner) = owner.filter(|_| is_row) {
                for row in &mut rows[first..] {
                    row.entry("group_id").or_insert_with(|| owner.clone());
                }
            }
        }
        _ => {}
    }
}

fn read_table(text: &str) -> Result<Vec<ForeignRow>, RowsFault> {
    let heading = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |delimiter: u8| heading.bytes().filter(|byte| *byte == delimiter).count();
    let delimiter = [b',', b';', b'\t', b'|'].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let columns: Vec<String> =
        reader.headers().map_err(|_| RowsFault::Unknown)?.iter().map(|title| title.trim().to_lowercase()).collect();
    if !COLUMNS.iter().any(|column| columns.iter().any(|title| title == column)) {
        return Err(RowsFault::Unknown);
    }
    let cell = |text: &str| if text.is_empty() || text == "NULL" { Value::Null } else { Value::from(text) };
    let row = |record: csv::StringRecord| columns.iter().cloned().zip(record.iter().map(cell)).collect();
    // The text is valid UTF-8 and rows may differ in length, so each can be read.
    Ok(reader.records().flatten().map(row).collect())
}

/// A column as text; nothing for one that is empty.
pub(super) fn text(row: &ForeignRow, column: &str) -> Option<String> {
    match row.get(column)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A column as a whole number.
pub(super) fn number(row: &ForeignRow, column: &str) -> Option<i64> {
    match row.get(column)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A column that holds JSON, as a value or as its text.
pub(super) fn json(row: &ForeignRow, column: &str) -> Option<Value> {
    match row.get(column)? {
        Value::String(text) => serde_json::from_str(text).ok(),
        Value::Null => None,
        value => Some(value.clone()),
    }
}

/// The parts of a list in one text, parted by commas.
pub(super) fn list(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
