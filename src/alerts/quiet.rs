//! Quiet hours, in somebody's time zone.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::domain::{QuietHours, Severity};

/// When the quiet hours end that hold `now_ms` (unix milliseconds); `None`: it is none of them.
pub(super) fn quiet_until(quiet: &QuietHours, now_ms: i64) -> Option<i64> {
    let zone = TimeZone::get(&quiet.zone).ok()?;
    let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned(zone.clone());
    let minute = now.hour() as u16 * 60 + now.minute() as u16;
    let (is_quiet, ends_tomorrow) = if quiet.from < quiet.to {
        ((quiet.from..quiet.to).contains(&minute), false)
    } else {
        (minute >= quiet.from || minute < quiet.to, minute >= quiet.from)
    };
    if !is_quiet {
        return None;
    }
    let end = Time::new((quiet.to / 60) as i8, (quiet.to % 60) as i8, 0, 0).ok()?;
    let day = if ends_tomorrow { now.date().checked_add(1.day()).ok()? } else { now.date() };
    let until = day.to_datetime(end).to_zoned(zone).ok()?.timestamp().as_millisecond();
    // An hour that a clock change skips or repeats: never a time that is past, or the message would be looked at in a loop.
    Some(until.max(now_ms + 60_000))
}

/// When a channel may tell of something of this severity; `None`: now.
pub(super) fn held_until(quiet: Option<&QuietHours>, severity: Severity, now_ms: i64) -> Option<i64> {
    let quiet = quiet.filter(|quiet| severity < Severity::Critical || quiet.critical_too)?;
    quiet_until(quiet, now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{from_rfc3339, to_rfc3339};

    fn until(zone: &str, from: u16, to: u16, at: &str) -> Option<String> {
        let quiet = QuietHours { from: from * 60, to: to * 60, zone: zone.to_owned(), critical_too: false };
        quiet_until(&quiet, from_rfc3339(at).unwrap()).map(to_rfc3339)
    }

    #[test]
    fn quiet_hours_end_in_their_own_zone() {
        for (zone, from, to, at, end) in [
            ("UTC", 22, 7, "2026-11-25T21:59:59Z", None),
            ("UTC", 22, 7, "2026-11-25T22:00:00Z", Some("2026-11-26T07:00:00Z")),
            ("UTC", 22, 7, "2026-11-26T06:59:00Z", Some("2026-11-26T07:00:00Z")),
            ("UTC", 22, 7, "2026-11-26T07:00:00Z", None),
            ("UTC", 12, 14, "2026-11-26T13:00:00Z", Some("2026-11-26T14:00:00Z")),
            ("Asia/Shanghai", 22, 7, "2026-11-25T14:30:00Z", Some("2026-11-25T23:00:00Z")),
            // The night in which clocks go back: eight hours by the wall are nine.
            ("Europe/Berlin", 23, 7, "2026-10-24T22:00:00Z", Some("2026-10-25T06:00:00Z")),
        ] {
            assert_eq!(until(zone, from, to, at).as_deref(), end, "{zone} {at}");
        }
    }

    #[test]
    fn critical_alerts_pass_unless_they_are_held_too() {
        let quiet = |critical_too| QuietHours { from: 0, to: 1439, zone: "UTC".to_owned(), critical_too };
        let noon = from_rfc3339("2026-11-25T12:00:00Z").unwrap();
        assert_eq!(held_until(Some(&quiet(false)), Severity::Critical, noon), None);
        assert!(held_until(Some(&quiet(false)), Severity::Warning, noon).is_some());
        assert!(held_until(Some(&quiet(true)), Severity::Critical, noon).is_some());
        assert_eq!(held_until(None, Severity::Warning, noon), None);
    }
}
