//! Times to wait, in every spelling that providers use.

use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

use crate::domain::Moment;

/// Plain numbers from here on are unix seconds (of 2017 and later), not a number of seconds to wait.
const UNIX_SECONDS: f64 = 1_500_000_000.0;
/// Plain numbers from here on are unix milliseconds.
const UNIX_MILLISECONDS: f64 = 1_500_000_000_000.0;

/// Milliseconds until what a text names: `1s`, `6m0s`, `2m59.56s`, `12ms`, `60`, an RFC 3339 or HTTP date, unix seconds or
/// milliseconds. Negative waits and times in the past are 0; `None` is unreadable.
pub(super) fn read_wait(text: &str, now: Moment) -> Option<u64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return read_number(number, now);
    }
    if let Some(ms) = read_duration(text) {
        return Some(ms);
    }
    let date = text.parse::<Timestamp>().ok().or_else(|| Some(rfc2822::parse(text).ok()?.timestamp()))?;
    Some(until(date, now))
}

/// Milliseconds until a date such as `2026-11-25 18:41:44` somewhere in a text. A date without a zone is taken in `zone`.
pub(super) fn read_date_inside(text: &str, zone: &TimeZone, now: Moment) -> Option<u64> {
    let bytes = text.as_bytes();
    let is_date = |start: usize| {
        let shape = b"0000-00-00";
        bytes.get(start..start + 10).is_some_and(|date| {
            date.iter().zip(shape).all(|(byte, want)| if *want == b'0' { byte.is_ascii_digit() } else { byte == want })
        })
    };
    let start = (0..bytes.len()).find(|start| is_date(*start))?;
    let tail = &text[start..];
    let end = tail.find(|c: char| !(c.is_ascii_digit() || "-: T.Z+".contains(c))).unwrap_or(tail.len());
    let written = tail[..end].trim().trim_end_matches('.');
    if let Ok(date) = written.parse::<Timestamp>() {
        return Some(until(date, now));
    }
    let local = written.parse::<civil::DateTime>().ok()?;
    Some(until(local.to_zoned(zone.clone()).ok()?.timestamp(), now))
}

/// Milliseconds until the next midnight in a zone.
pub(super) fn until_midnight(zone: &TimeZone, now: Moment) -> Option<u64> {
    let here = Timestamp::from_millisecond(now.unix_ms).ok()?.to_zoned(zone.clone());
    let midnight = here.tomorrow().ok()?.start_of_day().ok()?;
    Some(until(midnight.timestamp(), now))
}

/// Milliseconds of a duration at the beginning of a text: `6m0s.`, `20 seconds`, `1.5s and so on`.
pub(super) fn read_leading_duration(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace();
    let first = words.next()?.trim_end_matches(['.', ',', ';', '!', ')']);
    if let Some(ms) = read_duration(first) {
        return Some(ms);
    }
    let unit = words.next()?.trim_end_matches(['.', ',', ';', '!', ')']);
    Some((first.parse::<f64>().ok().filter(|number| *number >= 0.0)? * unit_ms(unit)?).ceil() as u64)
}

fn read_number(number: f64, now: Moment) -> Option<u64> {
    if !number.is_finite() {
        return None;
    }
    let ms = if number >= UNIX_MILLISECONDS {
        number - now.unix_ms as f64
    } else if number >= UNIX_SECONDS {
        number * 1_000.0 - now.unix_ms as f64
    } else {
        number * 1_000.0
    };
    Some(ms.max(0.0).ceil() as u64)
}

fn until(date: Timestamp, now: Moment) -> u64 {
    date.as_millisecond().saturating_sub(now.unix_ms).max(0) as u64
}

/// A run of numbers with units: `1h2m3.5s`, `12ms`. A leading minus makes it 0.
fn read_duration(text: &str) -> Option<u64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut ms = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|at| *at > 0)?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        ms += number * unit_ms(&rest[..letters])?;
        rest = rest[letters..].trim_start();
    }
    (!text.is_empty()).then(|| if negative { 0 } else { ms.ceil() as u64 })
}

fn unit_ms(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-6,
        "us" | "µs" | "μs" => 1e-3,
        "ms" | "milliseconds" => 1.0,
        "s" | "sec" | "secs" | "second" | "seconds" => 1e3,
        "m" | "min" | "mins" | "minute" | "minutes" => 6e4,
        "h" | "hr" | "hour" | "hours" => 3.6e6,
        "d" | "day" | "days" => 8.64e7,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-25T18:00:00Z.
    const NOW: Moment = Moment { mono_ms: 3_600_000, unix_ms: 1_795_629_600_000 };

    #[test]
    fn every_spelling_of_a_wait() {
        assert_eq!("2026-11-25T18:00:00Z".parse::<Timestamp>().unwrap().as_millisecond(), NOW.unix_ms);
        for (text, ms) in [
            ("1s", Some(1_000)),
            ("6m0s", Some(360_000)),
            ("2m59.56s", Some(179_560)),
            ("12ms", Some(12)),
            ("1h1m1s", Some(3_661_000)),
            ("60", Some(60_000)),
            ("0.5", Some(500)),
            ("39.4s", Some(39_400)),
            ("1e9", Some(1_000_000_000_000)),
            ("2026-11-25T18:00:10Z", Some(10_000)),
            ("2026-11-25T19:00:10.5+01:00", Some(10_500)),
            ("Wed, 25 Nov 2026 18:01:00 GMT", Some(60_000)),
            ("1795629605", Some(5_000)),
            ("1795629605000", Some(5_000)),
            ("1795629500", Some(0)),
            ("-3s", Some(0)),
            ("-3", Some(0)),
            ("NaN", None),
            ("inf", None),
            ("soon", None),
            ("", None),
            ("s", None),
            ("3 parsecs", None),
        ] {
            assert_eq!(read_wait(text, NOW), ms, "{text:?}");
        }
    }

    #[test]
    fn dates_inside_a_text() {
        let utc = TimeZone::UTC;
        let shanghai = TimeZone::get("Asia/Shanghai").unwrap();
        let text = "Usage limit reached. Your limit will reset at 2026-11-25 18:41:44";
        assert_eq!(read_date_inside(text, &utc, NOW), Some(2_504_000));
        let chinese = "您的限额将在 2026-11-26 02:41:44 重置。";
        assert_eq!(read_date_inside(chinese, &shanghai, NOW), Some(2_504_000));
        assert_eq!(read_date_inside("resets at 2026-11-25T18:00:05Z.", &utc, NOW), Some(5_000));
        assert_eq!(read_date_inside("model gpt-4o-2024-08-06 is busy", &utc, NOW), Some(0), "the past");
        assert_eq!(read_date_inside("no date 2026-11", &utc, NOW), None);
    }

    #[test]
    fn durations_in_words() {
        for (text, ms) in
            [("6m0s. Visit", Some(360_000)), ("20 seconds.", Some(20_000)), ("1.5s", Some(1_500)), ("a while", None)]
        {
            assert_eq!(read_leading_duration(text), ms, "{text}");
        }
    }

    #[test]
    fn midnight_in_a_zone() {
        let pacific = TimeZone::get("America/Los_Angeles").unwrap();
        assert_eq!(until_midnight(&pacific, NOW), Some(14 * 3_600_000));
        assert_eq!(until_midnight(&TimeZone::UTC, NOW), Some(6 * 3_600_000));
    }
}
