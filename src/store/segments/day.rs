//! A UTC day: what one segment holds, and what its files are called.

use std::fmt;

use jiff::Span;
use jiff::civil::{Date, date};

use crate::domain::CallId;

const DAY_MS: i64 = 86_400_000;

/// A UTC day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    /// The day that holds a time in unix milliseconds.
    pub fn at(unix_ms: i64) -> Self {
        Day(unix_ms.div_euclid(DAY_MS))
    }

    /// The day whose segment holds a call.
    pub fn of(id: CallId) -> Self {
        Day::at(id.unix_ms())
    }

    /// Its first unix millisecond.
    pub fn start_ms(self) -> i64 {
        self.0.saturating_mul(DAY_MS)
    }

    /// The first unix millisecond after it.
    pub fn end_ms(self) -> i64 {
        self.start_ms().saturating_add(DAY_MS)
    }

    /// The day a number of days earlier.
    pub fn minus(self, days: u32) -> Self {
        Day(self.0 - i64::from(days))
    }

    /// Reads `2026-11-25`; only what [`Day`]'s display writes is a day.
    pub fn parse(text: &str) -> Option<Self> {
        let parsed: Date = text.parse().ok()?;
        let day = Day(i64::from(date(1970, 1, 1).until(parsed).ok()?.get_days()));
        (day.to_string() == text).then_some(day)
    }
}

impl fmt::Display for Day {
    /// The ISO date. A day beyond the calendar's end (year 9999), which only an invented call id can name, is its number.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = Span::new().try_days(self.0).and_then(|span| date(1970, 1, 1).checked_add(span));
        match civil {
            Ok(civil) => civil.fmt(out),
            Err(_) => self.0.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_its_name() {
        let day = Day::at(1_764_064_800_123);
        assert_eq!(day.to_string(), "2025-11-25");
        assert_eq!(Day::parse("2025-11-25"), Some(day));
        assert_eq!(Day::at(day.start_ms()), day);
        assert_eq!(Day::at(day.end_ms() - 1), day);
        assert_eq!(Day::at(day.end_ms()), Day(day.0 + 1));
        assert_eq!(Day::at(-1).to_string(), "1969-12-31");
        for text in ["", "2025-11-31", "2025-11-25.db", "20251125", "+002025-11-25", "2025-11-25-wal"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
        assert_eq!(Day::of(CallId(uuid::Uuid::max())).to_string(), "3257812");
    }
}
