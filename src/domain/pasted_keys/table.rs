//! A table: comma-separated values under a heading that names a key column.

use super::line::looks_like_key;
use super::{Column, LineCounter, PasteFault, PastedKey, PastedLine, key, list, tags, weight};

/// The rows of a table; `None`: this is no table.
pub(super) fn read(text: &str) -> Option<Vec<PastedLine>> {
    let heading = text.lines().find(|line| !line.trim().is_empty())?;
    let delimiter =
        [b',', b';', b'\t'].into_iter().max_by_key(|delimiter| heading.bytes().filter(|byte| byte == delimiter).count())?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut rows = reader.records();
    let heading = rows.next()?.ok()?;
    let columns: Vec<Option<Column>> = heading.iter().map(Column::of).collect();
    let is_heading = columns.len() > 1 && columns.contains(&Some(Column::Secret)) && !heading.iter().any(looks_like_key);
    if !is_heading {
        return None;
    }
    let mut counter = LineCounter::new(text);
    let mut line_of = |row: &csv::StringRecord| counter.line_at(row.position().map_or(0, |position| position.byte()) as usize);
    let mut lines = vec![PastedLine { number: line_of(&heading), keys: Ok(Vec::new()) }];
    // The text is valid UTF-8 and rows may differ in length, so each can be read.
    lines.extend(
        rows.flatten().map(|row| PastedLine { number: line_of(&row), keys: read_row(&row, &columns).map(|key| vec![key]) }),
    );
    Some(lines)
}

fn read_row(row: &csv::StringRecord, columns: &[Option<Column>]) -> Result<PastedKey, PasteFault> {
    let cell = |wanted: Column| {
        let cells = row.iter().zip(columns);
        cells.filter(|(_, column)| **column == Some(wanted)).map(|(cell, _)| cell).find(|cell| !cell.is_empty())
    };
    let mut found = key(cell(Column::Secret).unwrap_or_default(), cell(Column::Secret).ok_or(PasteFault::NoKey("this row"))?)?;
    found.name = cell(Column::Name).map(str::to_owned);
    found.tags = cell(Column::Tags).map(tags).unwrap_or_default();
    found.weight = weight(cell(Column::Weight).unwrap_or_default())?;
    found.models = cell(Column::Models).map(|models| list(models, &[',', ';', '|', ' ']));
    found.account = cell(Column::Account).map(str::to_owned);
    Ok(found)
}
