//! Axes in every kind of zone, and how they are covered with sums.

use super::dimension::Level;
use super::reader::{cover, pieces_of};
use super::*;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn axis(from: &str, to: &str, step: Option<Step>, zone: &str, now: &str) -> Result<Axis, AxisError> {
    Axis::new(ms(from), ms(to), step, zone, ms(now))
}

#[track_caller]
fn assert_is_whole(axis: &Axis) {
    for pair in axis.buckets.windows(2) {
        assert_eq!(pair[0].to_ms, pair[1].from_ms, "no gap");
    }
    assert!(axis.buckets.iter().all(|bucket| bucket.from_ms < bucket.to_ms));
    let covered: i64 = pieces_of(axis).iter().map(|piece| piece.to_s - piece.from_s).sum();
    assert_eq!(covered * 1000, axis.to_ms() - axis.from_ms());
}

#[test]
fn the_night_of_the_clock_change() {
    let now = "2026-11-25T12:00:00Z";
    for (zone, from, to, hours) in [
        ("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 25),
        ("Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23),
        // Half an hour is turned back here: the day has 24 hours and a half.
        ("Australia/Lord_Howe", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z", 25),
        ("Asia/Kathmandu", "2026-10-24T18:15:00Z", "2026-10-25T18:15:00Z", 24),
    ] {
        let by_hour = axis(from, to, Some(Step::Hour), zone, now).unwrap();
        assert_eq!(by_hour.buckets.len(), hours, "{zone}");
        assert_is_whole(&by_hour);
        let by_day = axis(from, to, Some(Step::Day), zone, now).unwrap();
        assert_eq!((by_day.buckets.len(), by_day.from_ms(), by_day.to_ms()), (1, ms(from), ms(to)), "{zone}");
        assert_is_whole(&by_day);
    }
}

#[test]
fn an_axis_begins_with_a_whole_step_and_ends_with_the_running_one() {
    let now = "2026-11-25T10:20:30Z";
    let day = axis("2026-11-24T10:20:30Z", now, Some(Step::Hour), "UTC", now).unwrap();
    assert_eq!((day.buckets.len(), day.from_ms()), (24, ms("2026-11-24T11:00:00Z")));
    assert_eq!(day.buckets.iter().map(|bucket| bucket.running).filter(|running| *running).count(), 1);
    assert!(day.buckets[23].running);
    let today = axis("2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z", Some(Step::Hour), "UTC", now).unwrap();
    assert_eq!((today.buckets.len(), today.to_ms()), (11, ms("2026-11-25T11:00:00Z")), "the future has no bars");
    let past = axis("2026-11-20T00:07:00Z", "2026-11-20T03:22:00Z", Some(Step::Hour), "UTC", now).unwrap();
    assert_eq!((past.from_ms(), past.to_ms()), (ms("2026-11-20T01:00:00Z"), ms("2026-11-20T03:15:00Z")), "nothing outside");
    let recent = axis("2026-11-25T08:00:00Z", "2026-11-25T09:07:30Z", Some(Step::Quarter), "UTC", now).unwrap();
    assert_eq!(recent.to_ms(), ms("2026-11-25T09:07:00Z"), "minutes can be cut while they are kept");
    [day, today, past, recent].iter().for_each(assert_is_whole);
}

#[test]
fn a_step_is_chosen_by_length_and_age() {
    let now = ms("2026-11-25T10:20:30Z");
    for (length_ms, step, buckets) in [
        (15 * 60_000, Step::Minute, 15),
        (HOUR_MS, Step::Minute, 60),
        (6 * HOUR_MS, Step::FiveMinutes, 72),
        (DAY_MS, Step::Quarter, 96),
        (7 * DAY_MS, Step::Hour, 168),
        (30 * DAY_MS, Step::Day, 30),
        (400 * DAY_MS, Step::Day, 400),
    ] {
        let chosen = Axis::new(now - length_ms, now, None, "America/New_York", now).unwrap();
        assert_eq!((chosen.step, chosen.buckets.len()), (step, buckets), "{length_ms}");
        assert_is_whole(&chosen);
    }
    let old = Axis::new(now - 10 * DAY_MS, now - 10 * DAY_MS + HOUR_MS, None, "UTC", now).unwrap();
    assert_eq!((old.step, old.buckets.len()), (Step::Quarter, 3));
}

#[test]
fn what_is_no_axis() {
    let now = "2026-11-25T10:20:30Z";
    let hour = Some(Step::Hour);
    let of = |from, to, step, zone| axis(from, to, step, zone, now).unwrap_err();
    let (from, to) = ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z");
    assert_eq!(of(from, to, hour, "Mars/Olympus"), AxisError::UnknownZone("Mars/Olympus".into()));
    assert_eq!(of(to, from, hour, "UTC"), AxisError::Range);
    assert_eq!(of(from, from, hour, "UTC"), AxisError::Range);
    assert_eq!(of("1960-01-01T00:00:00Z", to, hour, "UTC"), AxisError::Range);
    assert_eq!(of(from, to, Some(Step::Minute), "UTC"), AxisError::TooOld);
    assert_eq!(of("2026-11-20T00:01:00Z", "2026-11-20T00:50:00Z", hour, "UTC"), AxisError::TooShort);
    assert_eq!(of("2030-11-20T00:00:00Z", "2030-11-21T00:00:00Z", hour, "UTC"), AxisError::TooShort);
    assert_eq!(of("2020-01-01T00:00:00Z", to, hour, "UTC"), AxisError::TooLong);
}

#[test]
fn the_former_period_has_the_same_elapsed_part() {
    let now = ms("2026-11-25T10:20:30Z");
    let today = Axis::new(ms("2026-11-25T00:00:00Z"), ms("2026-11-26T00:00:00Z"), Some(Step::Hour), "UTC", now).unwrap();
    let former = today.former(now).unwrap();
    let since = former.to_ms() - former.from_ms();
    assert!((now - today.from_ms()..=now - today.from_ms() + 60_000).contains(&since), "{since}");
    let (from, to) = (ms("2026-10-25T23:00:00Z"), ms("2026-10-26T23:00:00Z"));
    let over = Axis::new(from, to, Some(Step::Day), "Europe/Berlin", now).unwrap();
    let former = over.former(now).unwrap();
    assert_eq!((former.from_ms(), former.to_ms()), (ms("2026-10-24T22:00:00Z"), from), "the day before has 25 hours");
    let running = Axis::new(now - HOUR_MS, now, Some(Step::Minute), "UTC", now).unwrap();
    let former = running.former(now).unwrap();
    assert_eq!(former.from_ms(), running.from_ms() - HOUR_MS);
    assert!(former.to_ms() <= running.from_ms());
}

#[test]
fn a_long_range_is_covered_with_few_rows() {
    let day = 86_400;
    let mut pieces = Vec::new();
    cover(60, 40 * day - 60, Level::Day, Level::Minute, &mut pieces);
    let rows: i64 = pieces.iter().map(|piece| (piece.to_s - piece.from_s) / piece.level.seconds()).sum();
    assert_eq!(rows, 2 * (14 + 3 + 23) + 38);
    assert!(pieces.windows(2).all(|pair| pair[0].to_s == pair[1].from_s));
    pieces.clear();
    cover(1_020, 1_080, Level::Day, Level::Quarter, &mut pieces);
    assert_eq!((pieces[0].from_s, pieces[0].to_s), (900, 1_800), "nothing finer than a quarter is left");
    pieces.clear();
    cover(day, day, Level::Day, Level::Minute, &mut pieces);
    assert!(pieces.is_empty());
}

#[test]
fn local_days() {
    let now = ms("2026-10-25T12:00:00Z");
    assert_eq!(local_day("Europe/Berlin", now, 0), Ok((ms("2026-10-24T22:00:00Z"), ms("2026-10-25T23:00:00Z"))));
    assert_eq!(local_day("Europe/Berlin", now, 1), Ok((ms("2026-10-23T22:00:00Z"), ms("2026-10-24T22:00:00Z"))));
    assert_eq!(local_day("Asia/Kathmandu", now, 0), Ok((ms("2026-10-24T18:15:00Z"), ms("2026-10-25T18:15:00Z"))));
    assert_eq!(local_day("Nowhere", now, 0), Err(AxisError::UnknownZone("Nowhere".into())));
}
