//! One reading of the clocks, passed in wherever a rule depends on time.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A point in time on two clocks.
///
/// Rules that wait (cooldowns, windows, breakers) count on `mono_ms`, so a wall clock that jumps changes nothing;
/// what is stored or shown uses `unix_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since the process started; never goes back.
    pub mono_ms: u64,
    /// UTC unix milliseconds by the wall clock.
    pub unix_ms: i64,
}

impl Moment {
    /// The wall-clock time at which the monotonic clock will show `mono_ms`, as far as this reading can tell.
    pub fn unix_at(self, mono_ms: u64) -> i64 {
        self.unix_ms + mono_ms as i64 - self.mono_ms as i64
    }

    /// The monotonic time of a wall-clock time; a time in the past is now.
    pub fn mono_at(self, unix_ms: i64) -> u64 {
        self.mono_ms + unix_ms.saturating_sub(self.unix_ms).max(0) as u64
    }

    /// This moment moved forward by `ms` milliseconds on both clocks.
    pub fn plus_ms(self, ms: u64) -> Self {
        Moment { mono_ms: self.mono_ms + ms, unix_ms: self.unix_ms + ms as i64 }
    }
}

const DAY_MS: i64 = 86_400_000;

/// The UTC day of a wall-clock time, counted from 1970-01-01.
pub fn utc_day(unix_ms: i64) -> i64 {
    unix_ms.div_euclid(DAY_MS)
}

/// The wall-clock time at which a UTC day begins.
pub fn utc_day_start(day: i64) -> i64 {
    day * DAY_MS
}

/// The UTC calendar month of a wall-clock time, counted from January 1970.
pub fn utc_month(unix_ms: i64) -> i64 {
    let estimate = utc_day(unix_ms).div_euclid(31);
    let later = (estimate..).take_while(|month| utc_month_start(*month) <= unix_ms);
    later.last().unwrap_or(estimate)
}

/// The wall-clock time at which a UTC calendar month begins, counted from January 1970.
///
/// Days of the Gregorian calendar before March of a year are counted as the end of the year before, so that the leap day
/// comes last and the months before it follow one line.
pub fn utc_month_start(month: i64) -> i64 {
    let since_march = month + 1970 * 12 - 2;
    let (year, place) = (since_march.div_euclid(12), since_march.rem_euclid(12));
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * place + 2) / 5;
    (days - 719_468) * DAY_MS
}

/// A time as the API writes it: RFC 3339 in UTC, with milliseconds only where there are some.
pub fn to_rfc3339(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms).map(|time| time.to_string()).unwrap_or_default()
}

/// Reads an RFC 3339 time; a date, or a time without an offset, is UTC.
pub fn from_rfc3339(text: &str) -> Option<i64> {
    let text = text.trim();
    let with_offset = text.parse::<Timestamp>().ok();
    let time = with_offset.or_else(|| TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok());
    time.map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_months() {
        for (date, month) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-31T23:59:59.999Z", 0),
            ("1970-02-01T00:00:00Z", 1),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2024-02-29T12:00:00Z", 649),
            ("2024-03-01T00:00:00Z", 650),
            ("2026-11-30T23:59:59.999Z", 682),
            ("2026-12-01T00:00:00Z", 683),
            ("2100-02-28T23:59:59Z", 1561),
            ("2100-03-01T00:00:00Z", 1562),
        ] {
            let unix_ms = date.parse::<jiff::Timestamp>().unwrap().as_millisecond();
            assert_eq!(utc_month(unix_ms), month, "{date}");
        }
        let december = "2026-12-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
        assert_eq!(utc_month_start(683), december);
        assert_eq!(utc_day_start(utc_day(december + 5)), december);
    }

    #[test]
    fn times_are_read_and_written() {
        assert_eq!(to_rfc3339(1_764_064_800_000), "2025-11-25T10:00:00Z");
        assert_eq!(to_rfc3339(1_764_064_800_120), "2025-11-25T10:00:00.12Z");
        for text in ["2025-11-25T10:00:00Z", "2025-11-25T11:00:00+01:00", "2025-11-25 10:00:00", "2025-11-25T10:00"] {
            assert_eq!(from_rfc3339(text), Some(1_764_064_800_000), "{text}");
        }
        assert_eq!(from_rfc3339("2025-11-25"), Some(1_764_028_800_000));
        assert_eq!(from_rfc3339("soon"), None);
        assert_eq!(from_rfc3339(&to_rfc3339(-1)), Some(-1));
    }
}
