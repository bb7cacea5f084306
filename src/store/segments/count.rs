//! How many calls that match began when: newest first, with a bounded walk.

use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{ToSql, params_from_iter};

use super::bodies::BodySearch;
use super::day::Day;
use super::filter::{CallFilter, Conditions};
use super::reader::SegmentReaders;
use super::row::Id;
use super::span::{Span, first_id_of};
use crate::clock::Clock;
use crate::domain::{CallId, Outcome};
use crate::store::connection::DatabaseError;

/// Calls by how they ended, in the order of [`Outcome::ALL`].
pub type OutcomeCounts = [u64; Outcome::ALL.len()];

/// How much is looked at for a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountLimits {
    /// Most calls that are looked at.
    pub scan_limit: usize,
    /// Longest time for which bodies are looked through.
    pub text_time: Duration,
}

/// Counts of calls in stretches of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// One item for each stretch.
    pub counts: Vec<OutcomeCounts>,
    /// Unix milliseconds before which nothing was counted, because a limit was reached; `None`: everything was.
    pub counted_from_ms: Option<i64>,
    /// Days whose segment could not be read, and why.
    pub unreadable: Vec<(Day, String)>,
}

/// Counts the calls that match between the first and the last of `edges` (unix milliseconds, ascending): `counts` has an
/// item for each stretch between two of them.
pub(in crate::store) fn count(
    readers: &mut SegmentReaders,
    filter: &CallFilter,
    edges: &[i64],
    limits: CountLimits,
) -> Result<CallCounts, DatabaseError> {
    let mut count = Count {
        filter,
        edges,
        scan_left: limits.scan_limit.max(1),
        text_time: limits.text_time,
        watch: Clock::start(),
        result: CallCounts { counts: vec![Default::default(); edges.len().saturating_sub(1)], ..CallCounts::default() },
    };
    let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return Ok(count.result) };
    let own = Span::of(filter);
    let span = Span { low: own.low.max(first_id_of(*first)), high: own.high.min(first_id_of(*last)) };
    for day in readers.days()?.into_iter().rev().filter(|day| span.touches(*day)) {
        if let Err(error) = count.go(readers, day, span) {
            count.result.unreadable.push((day, error.to_string()));
        }
        if count.result.counted_from_ms.is_some() {
            break;
        }
    }
    Ok(count.result)
}

/// A count in progress.
struct Count<'q> {
    filter: &'q CallFilter,
    edges: &'q [i64],
    scan_left: usize,
    text_time: Duration,
    watch: Clock,
    result: CallCounts,
}

impl Count<'_> {
    fn go(&mut self, readers: &mut SegmentReaders, day: Day, span: Span) -> Result<(), DatabaseError> {
        let mut search = match &self.filter.text {
            None => None,
            Some(text) => match readers.bodies(day)? {
                Some(connection) => Some(BodySearch::new(connection, text)),
                None => return Ok(()),
            },
        };
        let Some(reader) = readers.segment(day)? else { return Ok(()) };
        let (connection, names) = (reader.connection(), reader.names());
        let conditions = Conditions::of(self.filter, connection)?;
        // Every call is visited, so that the walk knows how far it has come.
        let mut statement = connection.prepare_cached(&format!(
            "SELECT id, outcome, coalesce(TRUE{}, FALSE) FROM calls WHERE id >= ? AND id < ? ORDER BY id DESC",
            conditions.sql()
        ))?;
        let (low, high) = (Id(span.low), Id(span.high));
        let bounds = [&low as &dyn ToSql, &high];
        let mut rows = statement.query(params_from_iter(conditions.parameters().chain(bounds)))?;
        // The walk goes back in time, and so does the stretch that it is in.
        let mut stretch = self.edges.len() - 2;
        let mut known: Option<(i64, usize)> = None;
        while let Some(row) = rows.next()? {
            let id = CallId(uuid::Uuid::from_bytes(row.get(0)?));
            if self.scan_left == 0 || (search.is_some() && u128::from(self.watch.micros()) >= self.text_time.as_micros()) {
                self.result.counted_from_ms = Some(id.unix_ms() + 1);
                return Ok(());
            }
            self.scan_left -= 1;
            let matches = row.get::<_, bool>(2)? && search.as_mut().map_or(Ok(true), |search| search.finds(id))?;
            if !matches {
                continue;
            }
            let value = row.get_ref(1)?;
            let place = match (value, known) {
                (ValueRef::Integer(number), Some((last, place))) if number == last => place,
                _ => {
                    let name = names.text(connection, value)?;
                    let place = Outcome::ALL.iter().position(|outcome| name.as_deref() == Some(outcome.as_str()));
                    let Some(place) = place else { continue };
                    known = value.as_i64().ok().map(|number| (number, place));
                    place
                }
            };
            while stretch > 0 && self.edges[stretch] > id.unix_ms() {
                stretch -= 1;
            }
            self.result.counts[stretch][place] += 1;
        }
        Ok(())
    }
}
