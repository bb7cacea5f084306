//! Lists of calls: newest or oldest first, by keyset in both directions, with a bounded walk.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, ToSql, params_from_iter};

use super::bodies::BodySearch;
use super::columns::RowReader;
use super::day::Day;
use super::filter::{CallFilter, Conditions};
use super::reader::{SegmentReader, SegmentReaders};
use super::row::{Id, SUMMARY_COLUMNS, read_summary};
use super::span::Span;
use super::summary::CallSummary;
use crate::clock::Clock;
use crate::domain::CallId;
use crate::store::connection::DatabaseError;

/// In which direction a list goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallOrder {
    /// From the newest call back.
    #[default]
    NewestFirst,
    /// From the oldest call on.
    OldestFirst,
}

/// Where a page lies, by a call in the order of the list; the call itself need not be there (any more).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallCursor {
    /// It begins right behind this call.
    After(CallId),
    /// It ends right before this call.
    Before(CallId),
}

/// A question for one page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallQuery {
    /// Which calls.
    pub filter: CallFilter,
    /// In which direction.
    pub order: CallOrder,
    /// Where the page lies; `None` is the first page.
    pub cursor: Option<CallCursor>,
    /// Most calls on the page.
    pub limit: usize,
    /// Most calls that are looked at, so that a filter which nothing matches ends in bounded time.
    pub scan_limit: usize,
    /// Longest time for which bodies are looked through; then the page ends.
    pub text_time: Duration,
}

impl Default for CallQuery {
    /// The newest 50 calls, looking at 50,000 at most, and at bodies for a second.
    fn default() -> Self {
        CallQuery {
            filter: CallFilter::default(),
            order: CallOrder::default(),
            cursor: None,
            limit: 50,
            scan_limit: 50_000,
            text_time: Duration::from_secs(1),
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallPage {
    /// The calls. A page may hold fewer than were asked for, or none, and still have a neighbour: then the walk ended at
    /// its limit.
    pub calls: Vec<CallSummary>,
    /// The page behind this one; `None` at the end of the log.
    pub next: Option<CallCursor>,
    /// The page before this one; `None` at the beginning.
    pub previous: Option<CallCursor>,
    /// Days whose segment could not be read, and why.
    pub unreadable: Vec<(Day, String)>,
}

/// Walks over the segments that a query touches.
pub(in crate::store) fn list(readers: &mut SegmentReaders, query: &CallQuery) -> Result<CallPage, DatabaseError> {
    let mut page = CallPage::default();
    let mut walk = Walk::new(query);
    let mut days = readers.days()?;
    if walk.is_descending {
        days.reverse();
    }
    for day in days {
        if !walk.span.touches(day) {
            continue;
        }
        if let Err(error) = walk.go(readers, day, &mut page.calls) {
            page.unreadable.push((day, error.to_string()));
        }
        if walk.stopped_at.is_some() {
            break;
        }
    }
    let nearest = page.calls.first().map(|call| call.id);
    match query.cursor {
        None => page.next = walk.stopped_at.map(CallCursor::After),
        Some(CallCursor::After(cursor)) => {
            page.next = walk.stopped_at.map(CallCursor::After);
            page.previous = Some(CallCursor::Before(nearest.unwrap_or_else(|| query.order.behind(cursor))));
        }
        Some(CallCursor::Before(cursor)) => {
            page.previous = walk.stopped_at.map(CallCursor::Before);
            page.next = Some(CallCursor::After(nearest.unwrap_or_else(|| query.order.ahead_of(cursor))));
            page.calls.reverse();
        }
    }
    Ok(page)
}

impl CallOrder {
    /// The next possible id in this order.
    fn behind(self, id: CallId) -> CallId {
        if self == CallOrder::NewestFirst { before(id) } else { after(id) }
    }

    fn ahead_of(self, id: CallId) -> CallId {
        if self == CallOrder::NewestFirst { after(id) } else { before(id) }
    }
}

/// A walk in progress: which ids are left, and how many calls may still be shown and looked at.
struct Walk<'q> {
    query: &'q CallQuery,
    is_descending: bool,
    span: Span,
    scan_left: usize,
    watch: Clock,
    /// The last call that was looked at, when there may be more.
    stopped_at: Option<CallId>,
}

impl<'q> Walk<'q> {
    fn new(query: &'q CallQuery) -> Self {
        let mut span = Span::of(&query.filter);
        let is_backwards = matches!(query.cursor, Some(CallCursor::Before(_)));
        let is_descending = (query.order == CallOrder::NewestFirst) != is_backwards;
        if let Some(CallCursor::After(cursor) | CallCursor::Before(cursor)) = query.cursor {
            if is_descending {
                span.high = span.high.min(cursor);
            } else {
                span.low = span.low.max(after(cursor));
            }
        }
        Walk { query, is_descending, span, scan_left: query.scan_limit.max(1), watch: Clock::start(), stopped_at: None }
    }

    /// Goes through one segment, and stops the walk when the page is full or a limit is reached.
    fn go(&mut self, readers: &mut SegmentReaders, day: Day, calls: &mut Vec<CallSummary>) -> Result<(), DatabaseError> {
        let mut search = match &self.query.filter.text {
            None => None,
            Some(text) => match readers.bodies(day)? {
                Some(connection) => Some(BodySearch::new(connection, text)),
                None => return Ok(()),
            },
        };
        let Some(reader) = readers.segment(day)? else { return Ok(()) };
        let connection = reader.connection();
        let conditions = Conditions::of(&self.query.filter, connection)?;
        let mut statement = connection.prepare_cached(&self.statement(&conditions))?;
        let (low, high, scan_left) = (Id(self.span.low), Id(self.span.high), self.scan_left as i64);
        let bounds = [&low as &dyn ToSql, &high, &scan_left];
        let mut rows = statement.query(params_from_iter(bounds.into_iter().chain(conditions.parameters())))?;
        while let Some(row) = rows.next()? {
            let call = read_summary(&mut RowReader::new(row, connection, reader.names()))?;
            let id = call.id;
            let matches = match &mut search {
                None => true,
                Some(search) => search.finds(id)?,
            };
            if matches {
                calls.push(call);
            }
            let is_out_of_time = search.is_some() && u128::from(self.watch.micros()) >= self.query.text_time.as_micros();
            if calls.len() >= self.query.limit.max(1) || is_out_of_time {
                self.stopped_at = Some(id);
                return Ok(());
            }
        }
        drop(rows);
        self.count_scanned(reader)
    }

    /// The calls are found in the index of ids, and looked at one after the other until the page is full.
    fn statement(&self, conditions: &Conditions) -> String {
        let direction = self.direction();
        format!(
            "SELECT {SUMMARY_COLUMNS} \
             FROM (SELECT seq AS place FROM calls WHERE id >= ? AND id < ? ORDER BY id {direction} LIMIT ?) \
             CROSS JOIN calls ON calls.seq = place WHERE TRUE{}",
            conditions.sql()
        )
    }

    /// Takes a segment that was walked to its end from what may be looked at; a walk that its limit has ended stops there.
    fn count_scanned(&mut self, reader: &SegmentReader) -> Result<(), DatabaseError> {
        let (connection, direction) = (reader.connection(), self.direction());
        let (low, high) = (Id(self.span.low), Id(self.span.high));
        let mut nth = connection.prepare_cached(&format!(
            "SELECT id FROM calls WHERE id >= ? AND id < ? ORDER BY id {direction} LIMIT 1 OFFSET ?"
        ))?;
        let last = nth.query_row((&low, &high, self.scan_left as i64 - 1), |row| row.get::<_, [u8; 16]>(0)).optional()?;
        if let Some(bytes) = last {
            self.stopped_at = Some(CallId(uuid::Uuid::from_bytes(bytes)));
            return Ok(());
        }
        self.scan_left = self.scan_left.saturating_sub(count(connection, &self.span)?).max(1);
        Ok(())
    }

    fn direction(&self) -> &'static str {
        if self.is_descending { "DESC" } else { "ASC" }
    }
}

/// The calls of a segment in a span, whatever they are.
fn count(connection: &Connection, span: &Span) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM calls WHERE id >= ? AND id < ?")?;
    statement.query_row((Id(span.low), Id(span.high)), |row| Ok(row.get::<_, i64>(0)? as usize))
}

/// The least id greater than this one.
fn after(id: CallId) -> CallId {
    CallId(uuid::Uuid::from_u128(id.0.as_u128().saturating_add(1)))
}

/// The greatest id less than this one.
fn before(id: CallId) -> CallId {
    CallId(uuid::Uuid::from_u128(id.0.as_u128().saturating_sub(1)))
}
