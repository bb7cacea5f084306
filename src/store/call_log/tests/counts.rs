//! When calls began: the counts of any question equal a count of its list, and say where they were cut short.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::store::{BodyText, CallCounts, CallCursor, CountLimits};

const LIMITS: CountLimits = CountLimits { scan_limit: 1_000_000, text_time: Duration::from_secs(60) };

/// Counts the list itself.
async fn recount(log: &CallLog, filter: &CallFilter, axis: &Axis) -> Vec<[u64; 8]> {
    let mut counts = vec![[0; 8]; axis.buckets.len()];
    let mut query = CallQuery { filter: filter.clone(), limit: 1_000, ..CallQuery::default() };
    loop {
        let page = log.list(query.clone()).await.unwrap();
        for call in &page.calls {
            let bucket = axis.buckets.iter().position(|bucket| (bucket.from_ms..bucket.to_ms).contains(&call.started_ms));
            let place = Outcome::ALL.iter().position(|outcome| *outcome == call.outcome).unwrap();
            counts[bucket.expect("a call outside of the axis")][place] += 1;
        }
        query.cursor = page.next;
        if page.next.is_none() {
            return counts;
        }
    }
}

fn within(filter: CallFilter, axis: &Axis) -> CallFilter {
    CallFilter { from_ms: Some(axis.from_ms()), to_ms: Some(axis.to_ms()), ..filter }
}

fn questions() -> Vec<CallFilter> {
    let filter = CallFilter::default;
    vec![
        filter(),
        CallFilter { probe: Some(false), outcomes: vec![Outcome::UpstreamError, Outcome::ClientGone], ..filter() },
        CallFilter { model_asked: Some("fast".into()), ..filter() },
        CallFilter { model_served: Some("smart-2026".into()), outcomes: vec![Outcome::Success], ..filter() },
        CallFilter { client: Some(ClientId(2)), ..filter() },
        CallFilter { key: Some(KeyId(3)), ..filter() },
        CallFilter { provider: Some(ProviderId(1)), ..filter() },
        CallFilter { key: Some(KeyId(3)), client: Some(ClientId(2)), ..filter() },
        CallFilter { status: Some((500, 599)), ..filter() },
        CallFilter { attempted_key: Some(KeyId(3)), min_attempts: Some(2), ..filter() },
        CallFilter { model_asked: Some("nobody asked".into()), ..filter() },
        CallFilter { min_tokens: Some(500), stream: Some(true), ..filter() },
    ]
}

#[tokio::test]
async fn counts_equal_the_list_for_any_question_and_range() {
    let folder = tempfile::tempdir().unwrap();
    let (log, mut writer) = open(&folder);
    statistics::history(NOW_MS - 4 * DAY_MS, NOW_MS, 3_000).write(&mut writer, NOW_MS).unwrap();
    for (from_ms, to_ms, step, zone) in [
        (NOW_MS - 3 * DAY_MS - 1_234_567, NOW_MS + 1, None, "UTC"),
        (NOW_MS - 30 * DAY_MS, NOW_MS + 1, Some(Step::Day), "Asia/Kathmandu"),
        (NOW_MS - DAY_MS + 4_321, NOW_MS - 3_600_001, Some(Step::Hour), "Asia/Kolkata"),
        (NOW_MS - 3_600_000, NOW_MS, None, "UTC"),
        (NOW_MS - 4 * DAY_MS + 77, NOW_MS - 4 * DAY_MS + 4_000_000, Some(Step::Minute), "UTC"),
        (NOW_MS - 700, NOW_MS, None, "UTC"),
        (NOW_MS - 3 * DAY_MS, NOW_MS - 3 * DAY_MS + 100_000, Some(Step::Quarter), "UTC"),
    ] {
        let axis = Axis::of_log(from_ms, to_ms, step, zone, NOW_MS).unwrap();
        assert_eq!((axis.from_ms(), axis.to_ms()), (from_ms, to_ms), "nothing of the range is left out");
        for question in questions() {
            let filter = within(question.clone(), &axis);
            let expected = recount(&log, &filter, &axis).await;
            let told = log.histogram(filter, &axis, LIMITS).await.unwrap();
            assert_eq!(told, CallCounts { counts: expected, ..CallCounts::default() }, "{question:?} {step:?} {zone}");
        }
    }
}

#[tokio::test]
async fn what_the_sums_know_is_counted_whole_and_anything_else_within_limits() {
    let folder = tempfile::tempdir().unwrap();
    let (log, mut writer) = open(&folder);
    statistics::history(NOW_MS - 2 * DAY_MS, NOW_MS, 2_000).write(&mut writer, NOW_MS).unwrap();
    let axis = Axis::of_log(NOW_MS - 2 * DAY_MS, NOW_MS + 1, Some(Step::Hour), "UTC", NOW_MS).unwrap();
    let few = CountLimits { scan_limit: 500, ..LIMITS };
    let all = CallFilter { client: Some(ClientId(1)), ..CallFilter::default() };
    let told = log.histogram(within(all.clone(), &axis), &axis, few).await.unwrap();
    assert_eq!((told.counted_from_ms, told.counts), (None, recount(&log, &within(all, &axis), &axis).await));

    let streams = within(CallFilter { stream: Some(true), ..CallFilter::default() }, &axis);
    let told = log.histogram(streams.clone(), &axis, few).await.unwrap();
    let cut_ms = told.counted_from_ms.expect("a count that was cut short");
    let newest = CallQuery { cursor: None, limit: 500, ..CallQuery::default() };
    let last = log.list(newest).await.unwrap().calls.pop().unwrap();
    assert!(cut_ms <= last.started_ms && cut_ms > last.started_ms - 3_600_000, "{cut_ms} {}", last.started_ms);
    let counted = CallFilter { from_ms: Some(last.started_ms), ..streams };
    assert_eq!(told.counts, recount(&log, &counted, &axis).await);
}

#[tokio::test]
async fn texts_are_looked_for_in_bodies_as_long_as_there_is_time() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Entropy::from_seed(12);
    let (log, mut writer) = open(&folder);
    let body = |text: &str| Some(StoredBody { bytes: text.to_owned().into(), truncated: false });
    let records: Vec<_> = (0..40)
        .map(|at| {
            let said = if at % 10 == 3 { "it rains in Spain" } else { "the sun shines" };
            let bodies = BodyCapture { request: body("{}"), response: body(said) };
            CallRecord { bodies, ..call(NOW_MS - at * 3_600_000, &entropy) }
        })
        .chain([call(NOW_MS, &entropy)])
        .collect();
    write(&mut writer, &records);
    let filter = CallFilter { text: Some(BodyText::new("RAINS in").unwrap()), ..CallFilter::default() };
    let query = CallQuery { filter: filter.clone(), ..CallQuery::default() };
    let found: Vec<_> = [3, 13, 23, 33].map(|at| records[at].id).into();
    let page = log.list(query.clone()).await.unwrap();
    assert_eq!((page.calls.iter().map(|call| call.id).collect::<Vec<_>>(), page.next), (found.clone(), None));
    // No time at all: each page looks at one call, and the pages find all the same.
    let mut hurried = CallQuery { text_time: Duration::ZERO, ..query };
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = log.list(hurried.clone()).await.unwrap();
        seen.extend(page.calls.iter().map(|call| call.id));
        pages += 1;
        hurried.cursor = page.next;
        match page.next {
            Some(CallCursor::After(_)) => {}
            other => break assert_eq!(other, None),
        }
    }
    assert_eq!((seen, pages), (found, 42));
    let axis = Axis::of_log(NOW_MS - 3 * DAY_MS, NOW_MS + 1, Some(Step::Day), "UTC", NOW_MS).unwrap();
    let told = log.histogram(within(filter.clone(), &axis), &axis, LIMITS).await.unwrap();
    let by_day: BTreeMap<i64, u64> =
        axis.buckets.iter().map(|bucket| bucket.from_ms).zip(told.counts.iter().map(|sums| sums.iter().sum())).collect();
    assert_eq!((by_day.values().sum::<u64>(), by_day[&MIDNIGHT_MS]), (4, 1));
    let hurried = CountLimits { text_time: Duration::ZERO, ..LIMITS };
    assert!(log.histogram(within(filter, &axis), &axis, hurried).await.unwrap().counted_from_ms.is_some());
}
