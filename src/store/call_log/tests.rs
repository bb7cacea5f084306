//! The call log through its door: what is written comes back, in order, counted once, and is removed by the day.

use std::fs;
use std::net::IpAddr;

use super::*;
use crate::clock::Entropy;
use crate::domain::*;
use crate::store::{Amendment, BodyText, Bucket, CallFilter, CallOrder, CallSummary, Step, Sums};

mod counts;
mod damage;
mod removal;
mod statistics;

/// 2026-11-25 00:00 UTC.
const MIDNIGHT_MS: i64 = 1_795_564_800_000;
const DAY_MS: i64 = 86_400_000;
const NOW_MS: i64 = MIDNIGHT_MS + 10 * 3_600_000;

fn open(folder: &tempfile::TempDir) -> (CallLog, CallLogWriter) {
    open_call_log(folder.path()).unwrap()
}

fn write(writer: &mut CallLogWriter, records: &[CallRecord]) {
    for record in records {
        let entry = LogEntry::Call(Box::new(record.clone()));
        assert_eq!(writer.write(entry.day(), &[entry], NOW_MS).unwrap(), []);
    }
}

fn named<Id>(id: Id, name: &str) -> Ref<Id> {
    Ref { id, name: name.into() }
}

/// A short success.
fn call(started_ms: i64, entropy: &Entropy) -> CallRecord {
    let attempt = AttemptRecord {
        offset_us: 90,
        provider: named(ProviderId(1), "openai"),
        key: named(KeyId(11), "team-a"),
        model: Some("gpt-4o-mini".into()),
        status: Some(200),
        verdict: None,
        message: None,
        timings: AttemptTimings { first_byte_us: Some(800), last_byte_us: Some(900), ..AttemptTimings::default() },
        why: Why { chosen_by: "round_robin".into(), pool: 2, ready: 2, tier: 1, ..Why::default() },
    };
    CallRecord {
        id: CallId::new(started_ms, entropy.ten_bytes()),
        started_ms,
        total_us: 1_000,
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        api: Api::Chat,
        client: Some(named(ClientId(5), "my-app")),
        model_asked: Some("fast".into()),
        model_served: Some("gpt-4o-mini".into()),
        provider: Some(attempt.provider.clone()),
        key: Some(attempt.key.clone()),
        status: 200,
        outcome: Outcome::Success,
        usage: Usage { input: Some(100), output: Some(50), quality: UsageQuality::Exact, ..Usage::default() },
        cost: Cost::Known(Nanodollars(45_000)),
        attempts: vec![attempt],
        ..CallRecord::default()
    }
}

/// A call with something in every field.
fn full_call(started_ms: i64, entropy: &Entropy) -> CallRecord {
    let passed_over = vec![
        PassedOver {
            key: Some(named(KeyId(12), "team-b")),
            reason: PassedOverReason::CoolingForModel,
            count: 1,
            until_ms: Some(NOW_MS + 1),
        },
        PassedOver { key: None, reason: PassedOverReason::Tag, count: 40, until_ms: None },
    ];
    let mut failed = call(started_ms, entropy).attempts.remove(0);
    failed.status = Some(429);
    failed.message = Some("Rate limit reached\nfor ‘gpt-4o-mini’".into());
    failed.verdict = Some(Verdict {
        class: Class::RateLimit,
        blame: Blame::KeyModel,
        retry: Retry::Next,
        effect: Effect::Cooldown { ms: 20_000 },
        rule: "default.rate_limit".into(),
        wait_source: Some("retry-after".into()),
    });
    let mut served = call(started_ms, entropy).attempts.remove(0);
    served.key = named(KeyId(13), "模型");
    served.timings = AttemptTimings {
        queue_us: 3,
        connect_us: Some(4),
        first_byte_us: Some(5),
        first_token_us: Some(6),
        last_byte_us: Some(7),
    };
    served.why = Why { passed_over, script: Some("route.rhai:12".into()), chosen_by: "script".into(), ..served.why };
    CallRecord {
        first_token_us: Some(700),
        stream: true,
        client_ip: Some("203.0.113.9".parse::<IpAddr>().unwrap()),
        key: Some(served.key.clone()),
        error_code: Some("content_filter".into()),
        error_message: Some("cut off".into()),
        client_request_id: Some("mine-1".into()),
        upstream_request_id: Some("req_1".into()),
        usage: Usage {
            input: Some(u64::MAX),
            cached_read: Some(1),
            cache_write: Some(2),
            output: Some(3),
            reasoning: Some(4),
            audio_input: Some(5),
            audio_output: Some(6),
            image_input: Some(7),
            image_output: Some(8),
            pictures: Some(9),
            audio_ms: Some(10),
            characters: Some(0),
            quality: UsageQuality::Estimated,
            partial: true,
            raw: Some(r#"{"prompt_tokens": 18446744073709551615}"#.into()),
        },
        cost: Cost::Known(Nanodollars(0)),
        estimated_tokens: Some(11),
        bytes_in: 12,
        bytes_out: 34,
        blank: true,
        probe: true,
        attempts: vec![failed, served],
        tags: vec!["a,b".into(), String::new()],
        attributes: Some(r#"{"tenant":"x"}"#.into()),
        dropped_headers: vec!["cookie".into(), "x-private".into()],
        headers: KeptHeaders([("x-team".to_owned(), Some("a".to_owned())), ("x-none".to_owned(), None)].into()),
        bodies: BodyCapture {
            request: Some(StoredBody { bytes: "héllo".repeat(9_000).into(), truncated: true }),
            response: Some(StoredBody { bytes: bytes::Bytes::new(), truncated: false }),
        },
        ..call(started_ms, entropy)
    }
}

#[tokio::test]
async fn a_record_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Entropy::from_seed(1);
    let mut records =
        vec![full_call(NOW_MS, &entropy), CallRecord { id: CallId::new(NOW_MS, [1; 10]), ..CallRecord::default() }];
    records.push(CallRecord {
        client_ip: Some("2001:db8::1".parse().unwrap()),
        path: format!("/v1/files/{}", "x".repeat(5_000)),
        attempts: (0..40).map(|_| call(NOW_MS, &entropy).attempts.remove(0)).collect(),
        ..call(NOW_MS - 3 * DAY_MS, &entropy)
    });
    for outcome in Outcome::ALL {
        for api in Api::ALL {
            records.push(CallRecord { outcome, api, ..call(NOW_MS, &entropy) });
        }
    }
    let (log, mut writer) = open(&folder);
    write(&mut writer, &records);
    write(&mut writer, &records[..3]);
    for record in &records {
        assert_eq!(log.get(record.id).await.unwrap().as_ref(), Some(record));
    }
    writer.close(NOW_MS).unwrap();
    drop(log);
    let (log, _writer) = open(&folder);
    for record in &records {
        assert_eq!(log.get(record.id).await.unwrap().as_ref(), Some(record));
    }
    assert_eq!(log.get(CallId::new(NOW_MS, [9; 10])).await.unwrap(), None);
    assert_eq!(log.get(CallId(uuid::Uuid::max())).await.unwrap(), None);
    let page = log.list(CallQuery { limit: 1_000, ..CallQuery::default() }).await.unwrap();
    assert_eq!(page.calls.len(), records.len(), "writing a call again changes nothing");
    for record in &records {
        assert!(page.calls.contains(&CallSummary::from(record)));
    }
}

#[tokio::test]
async fn lists_walk_over_days_in_both_directions() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Entropy::from_seed(2);
    let (log, mut writer) = open(&folder);
    let mut records: Vec<_> = (0..100).map(|at| call(MIDNIGHT_MS - 50 * 3_600_000 + at * 3_600_000, &entropy)).collect();
    write(&mut writer, &records);
    records.sort_by_key(|record| record.id);
    let ascending: Vec<_> = records.iter().map(|record| record.id).collect();
    for (order, limit, scan_limit) in [
        (CallOrder::NewestFirst, 7, 50_000),
        (CallOrder::OldestFirst, 7, 50_000),
        (CallOrder::NewestFirst, 50, 3),
        (CallOrder::OldestFirst, 1, 1),
        (CallOrder::NewestFirst, 100, 50_000),
    ] {
        let mut query = CallQuery { order, limit, scan_limit, ..CallQuery::default() };
        let mut seen = Vec::new();
        loop {
            let page = log.list(query.clone()).await.unwrap();
            assert!(page.calls.len() <= limit.min(scan_limit) && page.unreadable.is_empty());
            seen.extend(page.calls.iter().map(|call| call.id));
            if page.next.is_none() {
                break;
            }
            query.cursor = page.next;
        }
        if order == CallOrder::NewestFirst {
            seen.reverse();
        }
        assert_eq!(seen, ascending, "{order:?} {limit} {scan_limit}");
        // The same way back: every page stands in the list's own order.
        let mut back = Vec::new();
        loop {
            let page = log.list(query.clone()).await.unwrap();
            assert!(page.calls.len() <= limit.min(scan_limit));
            back.splice(0..0, page.calls.iter().map(|call| call.id));
            if page.previous.is_none() {
                break;
            }
            query.cursor = page.previous;
        }
        if order == CallOrder::NewestFirst {
            back.reverse();
        }
        assert_eq!(back, ascending, "{order:?} {limit} {scan_limit}, backwards");
    }
    let filter =
        CallFilter { from_ms: Some(records[10].started_ms), to_ms: Some(records[20].started_ms), ..CallFilter::default() };
    let page = log.list(CallQuery { filter, ..CallQuery::default() }).await.unwrap();
    let within: Vec<_> = ascending[10..20].iter().rev().copied().collect();
    assert_eq!(page.calls.iter().map(|call| call.id).collect::<Vec<_>>(), within);
}

#[tokio::test]
async fn every_filter_finds_its_call_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Entropy::from_seed(3);
    let (log, mut writer) = open(&folder);
    let odd =
        CallRecord { probe: false, outcome: Outcome::Interrupted, status: 502, total_us: 5_000, ..full_call(NOW_MS, &entropy) };
    let odd = CallRecord {
        cost: Cost::Known(Nanodollars(90_000)),
        client: Some(named(ClientId(6), "other")),
        provider: Some(named(ProviderId(2), "azure")),
        model_asked: Some("smart".into()),
        model_served: Some("gpt-4o".into()),
        api: Api::Responses,
        ..odd
    };
    let unpriced = CallRecord { cost: Cost::Unknown, attempts: Vec::new(), ..call(NOW_MS + 1, &entropy) };
    write(&mut writer, &[call(NOW_MS - 1, &entropy), odd.clone(), unpriced]);
    let filter = CallFilter::default;
    for (at, filter) in [
        CallFilter { outcomes: vec![Outcome::NoKey, Outcome::Interrupted], ..filter() },
        CallFilter { status: Some((500, 599)), ..filter() },
        CallFilter { error_code: Some("content_filter".into()), ..filter() },
        CallFilter { api: Some(Api::Responses), ..filter() },
        CallFilter { model_asked: Some("smart".into()), ..filter() },
        CallFilter { model_served: Some("gpt-4o".into()), ..filter() },
        CallFilter { client: Some(ClientId(6)), ..filter() },
        CallFilter { key: Some(KeyId(13)), ..filter() },
        CallFilter { attempted_key: Some(KeyId(13)), ..filter() },
        CallFilter { provider: Some(ProviderId(2)), ..filter() },
        CallFilter { stream: Some(true), ..filter() },
        CallFilter { tags: vec!["a,b".into()], ..filter() },
        CallFilter { tags: vec![String::new(), "a,b".into()], ..filter() },
        CallFilter { min_cost: Some(Nanodollars(45_001)), ..filter() },
        CallFilter { min_cost: Some(Nanodollars(90_000)), max_cost: Some(Nanodollars(90_000)), ..filter() },
        CallFilter { min_total_us: Some(5_000), ..filter() },
        CallFilter { min_total_us: Some(5_000), max_total_us: Some(5_000), ..filter() },
        CallFilter { min_tokens: Some(151), ..filter() },
        CallFilter { min_attempts: Some(2), ..filter() },
        CallFilter { min_attempts: Some(1), max_attempts: Some(2), max_total_us: None, stream: Some(true), ..filter() },
        CallFilter { text: Some(BodyText::new("OHÉL").unwrap()), ..filter() },
        CallFilter { request_id: Some("mine-1".into()), ..filter() },
        CallFilter { request_id: Some("req_1".into()), ..filter() },
        CallFilter { attempted_key: Some(KeyId(11)), min_attempts: Some(2), probe: Some(false), ..filter() },
    ]
    .into_iter()
    .enumerate()
    {
        let page = log.list(CallQuery { filter, ..CallQuery::default() }).await.unwrap();
        assert_eq!(page.calls, [CallSummary::from(&odd)], "{at}");
        assert_eq!(page.next, None);
    }
    for filter in [
        CallFilter { model_asked: Some("nobody asked".into()), ..filter() },
        CallFilter { outcomes: vec![Outcome::NoKey], ..filter() },
        CallFilter { probe: Some(true), ..filter() },
        CallFilter { tags: vec!["a".into()], ..filter() },
        CallFilter { max_cost: Some(Nanodollars(44_999)), ..filter() },
        CallFilter { max_total_us: Some(999), ..filter() },
        CallFilter { max_tokens: Some(149), ..filter() },
        CallFilter { max_attempts: Some(0), min_cost: Some(Nanodollars(0)), ..filter() },
        CallFilter { text: Some(BodyText::new("ohell").unwrap()), ..filter() },
        CallFilter { from_ms: Some(NOW_MS + 2), ..filter() },
        CallFilter { to_ms: Some(NOW_MS - 1), ..filter() },
    ] {
        assert_eq!(log.list(CallQuery { filter, ..CallQuery::default() }).await.unwrap().calls, []);
    }
}

#[tokio::test]
async fn names_beyond_the_table_are_still_found() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Entropy::from_seed(4);
    let (log, mut writer) = open(&folder);
    let entries: Vec<_> = (0..21_000)
        .map(|at| CallRecord { model_asked: Some(format!("invented-{at}").into()), ..call(NOW_MS, &entropy) })
        .map(|record| LogEntry::Call(Box::new(record)))
        .collect();
    writer.write(Day::at(NOW_MS), &entries, NOW_MS).unwrap();
    for model in ["invented-0", "invented-20999"] {
        let filter = CallFilter { model_asked: Some(model.into()), ..CallFilter::default() };
        let page = log.list(CallQuery { filter, ..CallQuery::default() }).await.unwrap();
        assert_eq!(page.calls.len(), 1, "{model}");
        assert_eq!(page.calls[0].model_asked.as_deref(), Some(model));
    }
}

#[tokio::test]
async fn retention_removes_whole_days_and_bodies_sooner() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Entropy::from_seed(5);
    let (log, mut writer) = open(&folder);
    let records: Vec<_> = (0..5).map(|age| CallRecord { probe: false, ..full_call(NOW_MS - age * DAY_MS, &entropy) }).collect();
    write(&mut writer, &records);
    let retention = Retention { record_days: 3, body_days: 2, bytes: None };
    let removed = writer.maintain(retention, NOW_MS).unwrap();
    assert_eq!(removed, [Day::at(NOW_MS - 4 * DAY_MS), Day::at(NOW_MS - 3 * DAY_MS)]);
    for (age, record) in records.iter().enumerate() {
        let kept = log.get(record.id).await.unwrap();
        assert_eq!(kept.is_some(), age < 3, "{age}");
        assert_eq!(kept.is_some_and(|kept| kept.bodies == record.bodies), age < 2, "{age}");
    }
    let page = log.list(CallQuery::default()).await.unwrap();
    assert_eq!(page.calls.len(), 3);
    let size = log.size().await.unwrap();
    assert_eq!(size.segments.iter().map(|files| files.bodies_bytes > 0).collect::<Vec<_>>(), [false, true, true]);
    assert!(
        size.segments.iter().all(|files| files.calls_bytes > 0) && size.rollups_bytes > 0 && size.disk_free_bytes > Some(0)
    );
    let axis = Axis::new(NOW_MS - 10 * DAY_MS, NOW_MS, Some(Step::Day), "UTC", NOW_MS).unwrap();
    assert_eq!(statistics::total(&log, &axis).await.calls, 5, "statistics outlive the records");
    // A call of a removed day begins a new segment, which is counted as such.
    write(&mut writer, &[call(NOW_MS - 4 * DAY_MS, &entropy)]);
    writer.commit_rollups(NOW_MS).unwrap();
    assert_eq!(statistics::total(&log, &axis).await.calls, 6);
}
