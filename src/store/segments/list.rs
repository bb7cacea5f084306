//! Lists of calls: newest or oldest first, by keyset, with a bounded walk.

use rusqlite::{Connection, OptionalExtension, ToSql, params_from_iter};

use super::columns::RowReader;
use super::day::Day;
use super::filter::{CallFilter, Conditions, first_id_of};
use super::reader::{SegmentReader, SegmentReaders};
use super::row::{Id, SUMMARY_COLUMNS, read_summary};
use super::summary::CallSummary;
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

/// A question for one page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallQuery {
    /// Which calls.
    pub filter: CallFilter,
    /// In which direction.
    pub order: CallOrder,
    /// Where the page before ended; `None` is the first page.
    pub cursor: Option<CallId>,
    /// Most calls on the page.
    pub limit: usize,
    /// Most calls that are looked at, so that a filter which nothing matches ends in bounded time.
    pub scan_limit: usize,
}

impl Default for CallQuery {
    /// The newest 50 calls, looking at 50,000 at most.
    fn default() -> Self {
        CallQuery { filter: CallFilter::default(), order: CallOrder::default(), cursor: None, limit: 50, scan_limit: 50_000 }
    }
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallPage {
    /// The calls. A page may hold fewer than were asked for, or none, and still have a next one: then the walk ended at
    /// its scan limit.
    pub calls: Vec<CallSummary>,
    /// Where the next page begins; `None` at the end of the log.
    pub next: Option<CallId>,
    /// Days whose segment could not be read, and why.
    pub unreadable: Vec<(Day, String)>,
}

/// Walks over the segments that a query touches.
pub(in crate::store) fn list(readers: &mut SegmentReaders, query: &CallQuery) -> Result<CallPage, DatabaseError> {
    let mut page = CallPage::default();
    let mut walk = Walk::new(query);
    let mut days = readers.days()?;
    if query.order == CallOrder::NewestFirst {
        days.reverse();
    }
    for day in days {
        if !walk.touches(day) {
            continue;
        }
        let walked = match readers.segment(day) {
            Ok(Some(reader)) => walk.go(reader, &mut page.calls),
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        if let Err(error) = walked {
            page.unreadable.push((day, error.to_string()));
        }
        if walk.stopped_at.is_some() {
            break;
        }
    }
    page.next = walk.stopped_at;
    Ok(page)
}

/// A walk in progress: which ids are left, and how many calls may still be shown and looked at.
struct Walk<'q> {
    query: &'q CallQuery,
    /// Ids from here on, inclusive.
    low: CallId,
    /// Ids up to here, exclusive.
    high: CallId,
    scan_left: usize,
    stopped_at: Option<CallId>,
}

impl<'q> Walk<'q> {
    fn new(query: &'q CallQuery) -> Self {
        let mut low = first_id_of(query.filter.from_ms.unwrap_or(0));
        let mut high = query.filter.to_ms.map_or(CallId(uuid::Uuid::max()), first_id_of);
        match (query.order, query.cursor) {
            (CallOrder::NewestFirst, Some(cursor)) => high = high.min(cursor),
            (CallOrder::OldestFirst, Some(cursor)) => low = low.max(after(cursor)),
            (_, None) => {}
        }
        Walk { query, low, high, scan_left: query.scan_limit.max(1), stopped_at: None }
    }

    fn touches(&self, day: Day) -> bool {
        self.low < self.high && day >= Day::of(self.low) && day <= Day::of(self.high)
    }

    /// Goes through one segment, and stops the walk when the page is full or the scan limit is reached.
    fn go(&mut self, reader: &SegmentReader, calls: &mut Vec<CallSummary>) -> Result<(), DatabaseError> {
        let connection = reader.connection();
        let (low, high, scan_ends) = self.within_scan_limit(connection)?;
        let conditions = Conditions::of(&self.query.filter, connection)?;
        let direction = self.direction();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {SUMMARY_COLUMNS} FROM calls WHERE id >= ? AND id < ?{} ORDER BY id {direction} LIMIT ?",
            conditions.sql()
        ))?;
        let room = self.query.limit.max(1).saturating_sub(calls.len());
        let (low, high, limit) = (Id(low), Id(high), room as i64);
        let parameters = [&low as &dyn ToSql, &high].into_iter().chain(conditions.parameters()).chain([&limit as &dyn ToSql]);
        let mut rows = statement.query(params_from_iter(parameters))?;
        while let Some(row) = rows.next()? {
            calls.push(read_summary(&mut RowReader::new(row, connection, reader.names()))?);
        }
        self.stopped_at = match calls.last() {
            Some(last) if calls.len() >= self.query.limit.max(1) => Some(last.id),
            _ => scan_ends,
        };
        Ok(())
    }

    /// Narrows the range of ids to as many calls as may be looked at. The third value is the last of them, when there are more.
    fn within_scan_limit(&mut self, connection: &Connection) -> Result<(CallId, CallId, Option<CallId>), DatabaseError> {
        let direction = self.direction();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT id FROM calls WHERE id >= ? AND id < ? ORDER BY id {direction} LIMIT 1 OFFSET ?"
        ))?;
        let bytes = statement
            .query_row((Id(self.low), Id(self.high), self.scan_left as i64 - 1), |row| row.get::<_, [u8; 16]>(0))
            .optional()?;
        let Some(bytes) = bytes else {
            let count: i64 = connection
                .prepare_cached("SELECT count(*) FROM calls WHERE id >= ? AND id < ?")?
                .query_row((Id(self.low), Id(self.high)), |row| row.get(0))?;
            self.scan_left = self.scan_left.saturating_sub(count as usize).max(1);
            return Ok((self.low, self.high, None));
        };
        let last = CallId(uuid::Uuid::from_bytes(bytes));
        match self.query.order {
            CallOrder::NewestFirst => Ok((last, self.high, Some(last))),
            CallOrder::OldestFirst => Ok((self.low, after(last), Some(last))),
        }
    }

    fn direction(&self) -> &'static str {
        match self.query.order {
            CallOrder::NewestFirst => "DESC",
            CallOrder::OldestFirst => "ASC",
        }
    }
}

/// The least id greater than this one.
fn after(id: CallId) -> CallId {
    CallId(uuid::Uuid::from_u128(id.0.as_u128().saturating_add(1)))
}
