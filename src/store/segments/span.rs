//! A span of call ids, which are ordered by time.

use uuid::Uuid;

use super::day::Day;
use super::filter::CallFilter;
use crate::domain::CallId;

/// The ids from `low`, inclusive, to `high`, exclusive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) low: CallId,
    pub(super) high: CallId,
}

impl Span {
    /// The ids of the time that a filter names.
    pub(super) fn of(filter: &CallFilter) -> Self {
        let low = first_id_of(filter.from_ms.unwrap_or(0));
        Span { low, high: filter.to_ms.map_or(CallId(Uuid::max()), first_id_of) }
    }

    /// Whether it may hold calls of a day.
    pub(super) fn touches(&self, day: Day) -> bool {
        self.low < self.high && day >= Day::of(self.low) && day <= Day::of(self.high)
    }
}

/// The least id of a millisecond: it parts the calls before from those after.
pub(super) fn first_id_of(unix_ms: i64) -> CallId {
    let ms = unix_ms.clamp(0, (1 << 48) - 1) as u128;
    CallId(Uuid::from_u128(ms << 80))
}
