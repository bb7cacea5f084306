//! The hours of the week that statistics tell, against a recount of the same calls, also where a clock is changed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use keywheel::domain::{CallRecord, Cost, Outcome, from_rfc3339};
use serde_json::Value;

use crate::admin::Api;
use crate::admin_calls::record;

const HOUR_MS: i64 = 3_600_000;
/// Not a whole part of an hour, so that calls come at every minute of it.
const BETWEEN_CALLS_MS: i64 = 37 * 60_000;

/// What is told of an hour of the week: its times, calls, successes, input, output, and nanodollars.
type Told = [i64; 6];

/// Weekday from 1, Monday, and hour, of a moment in a zone.
fn hour_of_week(zone: &TimeZone, ms: i64) -> (i64, i64) {
    let local = Timestamp::from_millisecond(ms).unwrap().to_zoned(zone.clone());
    (local.weekday().to_monday_one_offset().into(), local.hour().into())
}

/// Every hour of the week by recount, those without calls included.
fn recount(zone: &str, (from_ms, to_ms): (i64, i64), records: &[CallRecord]) -> BTreeMap<(i64, i64), Told> {
    let zone = TimeZone::get(zone).unwrap();
    let empty = (1..=7).flat_map(|weekday| (0..24).map(move |hour| ((weekday, hour), Told::default())));
    let mut hours: BTreeMap<_, _> = empty.collect();
    for start_ms in (from_ms..to_ms).step_by(HOUR_MS as usize) {
        hours.get_mut(&hour_of_week(&zone, start_ms)).unwrap()[0] += 1;
    }
    for record in records.iter().filter(|record| (from_ms..to_ms).contains(&record.started_ms)) {
        let cost = match record.cost {
            Cost::Known(amount) => amount.0,
            Cost::Unknown => 0,
        };
        let (input, output) = (record.usage.input.unwrap() as i64, record.usage.output.unwrap() as i64);
        let added = [0, 1, (record.outcome == Outcome::Success).into(), input, output, cost];
        let sums = hours.get_mut(&hour_of_week(&zone, record.started_ms)).unwrap();
        sums.iter_mut().zip(added).for_each(|(sum, more)| *sum += more);
    }
    hours
}

fn told(heatmap: &Value) -> BTreeMap<(i64, i64), Told> {
    let number = |hour: &Value, name: &str| hour[name].as_i64().unwrap();
    let line = |hour: &Value| {
        let cost = (hour["cost_usd"].as_f64().unwrap() * 1e9).round() as i64;
        let counts = ["times", "calls", "succeeded", "input", "output"].map(|name| number(hour, name));
        let [times, calls, succeeded, input, output] = counts;
        ((number(hour, "weekday"), number(hour, "hour")), [times, calls, succeeded, input, output, cost])
    };
    heatmap["hours"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn hours_of_the_week_are_those_of_a_recount() {
    let api = Api::start();
    // Zone and range, from one local midnight to another, and an hour that comes more or less often than once a week.
    let ranges = [
        ("Europe/Berlin", "2025-10-20T00:00:00+02:00", "2025-11-03T00:00:00+01:00", Some(((7, 2), 3))),
        ("Europe/Berlin", "2026-03-23T00:00:00+01:00", "2026-04-06T00:00:00+02:00", Some(((7, 2), 1))),
        ("America/New_York", "2026-03-02T00:00:00-05:00", "2026-03-16T00:00:00-04:00", Some(((7, 2), 1))),
        ("Asia/Kathmandu", "2026-03-23T00:00:00+05:45", "2026-04-06T00:00:00+05:45", None),
        ("UTC", "2025-10-20T00:00:00Z", "2025-11-03T00:00:00Z", None),
    ];
    let bounds = |from: &str, to: &str| (from_rfc3339(from).unwrap(), from_rfc3339(to).unwrap());
    let day_ms = 24 * HOUR_MS;
    let stretches = [("2025-10-20T00:00:00Z", "2025-11-03T00:00:00Z"), ("2026-03-02T00:00:00Z", "2026-04-06T00:00:00Z")];
    let moments = stretches.into_iter().flat_map(|(from, to)| {
        let (from_ms, to_ms) = bounds(from, to);
        (from_ms - day_ms..to_ms + day_ms).step_by(BETWEEN_CALLS_MS as usize)
    });
    let outcome = |at: usize| if at.is_multiple_of(5) { Outcome::UpstreamError } else { Outcome::Success };
    let records: Vec<_> = moments.enumerate().map(|(at, ms)| record(ms, at as u64, outcome(at))).collect();
    records.iter().for_each(|call| api.recorder.record(call.clone()));
    // Writing so many days may take longer than a question waits for it.
    api.recorder.flush().await;
    for (zone, from, to, odd) in ranges {
        let query = format!("from={}&to={}&zone={zone}", from.replace('+', "%2B"), to.replace('+', "%2B"));
        let heatmap = api.get(&format!("/api/stats/heatmap?{query}")).await;
        assert_eq!(heatmap["hours"].as_array().map(Vec::len), Some(7 * 24), "{heatmap}");
        let (told, expected) = (told(&heatmap), recount(zone, bounds(from, to), &records));
        assert_eq!(told, expected, "{zone} from {from}");
        let calls: i64 = told.values().map(|hour| hour[1]).sum();
        assert!(calls > 500, "{calls}");
        let odd_hours: Vec<_> = told.iter().filter(|(_, hour)| hour[0] != 2).map(|(hour, told)| (*hour, told[0])).collect();
        assert_eq!(odd_hours, odd.into_iter().collect::<Vec<_>>(), "{zone} from {from}");
        let totals = api.get(&format!("/api/stats/totals?{query}&step=1h")).await;
        assert_eq!(totals["total"]["calls"], calls, "the same as all together");
    }
}
