//! How many calls of one member ended how, in stretches of time: read row by row, so that it costs what it shows.

use rusqlite::{Connection, OptionalExtension};

use super::dimension::{Dimension, Level, NO_MEMBER, table};
use super::reader::{cover, damaged};
use super::sums::Sums;
use crate::domain::Outcome;
use crate::store::connection::DatabaseError;
use crate::store::segments::Day;

/// Whose calls are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) enum MemberQuestion {
    /// All calls.
    Total,
    /// A provider's, a key's or a client's.
    Row(Dimension, i64),
    /// A model's.
    Name(Dimension, String),
}

/// Counts by outcome between each two of `edges` (unix seconds, ascending, whole quarters or minutes as `has_minutes`
/// says). `None`: the sums cannot tell, because the log lacks calls that they hold, or because the name has no sums of its own.
pub(in crate::store) fn outcomes(
    connection: &Connection,
    question: &MemberQuestion,
    edges: &[i64],
    has_minutes: bool,
) -> Result<Option<Vec<[i64; Outcome::ALL.len()]>>, DatabaseError> {
    let snapshot = connection.unchecked_transaction()?;
    if is_thinned(&snapshot, edges)? {
        return Ok(None);
    }
    let (dimension, member) = match question {
        MemberQuestion::Total => (Dimension::Total, Some(NO_MEMBER)),
        MemberQuestion::Row(dimension, row) => (*dimension, Some(*row)),
        MemberQuestion::Name(dimension, name) => {
            let mut statement = snapshot.prepare_cached("SELECT member FROM names WHERE dimension = ?1 AND name = ?2")?;
            (*dimension, statement.query_row((dimension.as_str(), name), |row| row.get(0)).optional()?)
        }
    };
    let Some(member) = member else { return Ok(None) };
    let finest = if has_minutes { Level::Minute } else { Level::Quarter };
    let mut counts = Vec::with_capacity(edges.len().saturating_sub(1));
    for stretch in edges.windows(2) {
        let mut pieces = Vec::new();
        cover(stretch[0], stretch[1], Level::Day, finest, &mut pieces);
        let mut sum = [0; Outcome::ALL.len()];
        for piece in pieces {
            let table = table(dimension, piece.level);
            let mut statement =
                snapshot.prepare_cached(&format!("SELECT sums FROM {table} WHERE bucket = ?1 AND member = ?2"))?;
            for bucket in (piece.from_s..piece.to_s).step_by(piece.level.seconds() as usize) {
                let mut rows = statement.query((bucket, member))?;
                let Some(row) = rows.next()? else { continue };
                let packed = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
                let found = Sums::packed_outcomes(packed).ok_or_else(|| damaged(&table))?;
                sum.iter_mut().zip(found).for_each(|(sum, found)| *sum += found);
            }
        }
        counts.push(sum);
    }
    Ok(Some(counts))
}

/// Whether calls were removed one by one from a day that the edges touch.
fn is_thinned(connection: &Connection, edges: &[i64]) -> Result<bool, DatabaseError> {
    let day = |second: Option<&i64>| Day::at(second.copied().unwrap_or(0) * 1000).0;
    let mut statement = connection.prepare_cached("SELECT 1 FROM thinned WHERE day BETWEEN ?1 AND ?2")?;
    Ok(statement.exists((day(edges.first()), day(edges.last())))?)
}
