//! Statistics equal a recount of the log, also after a crash, and late usage counts once.

use std::collections::BTreeMap;

use super::*;
use crate::store::{MemberName, SampleHistory, SampleKey, SampleModel};

pub(super) async fn total(log: &CallLog, axis: &Axis) -> Sums {
    let totals = log.totals(Dimension::Total, axis.range(), Rank::Calls).await.unwrap();
    totals.into_iter().map(|member| member.sums).next().unwrap_or_default()
}

pub(super) fn history(from_ms: i64, to_ms: i64, calls: usize) -> SampleHistory {
    let key = |id: i64| SampleKey {
        provider: named(ProviderId(id % 3 + 1), &format!("provider-{}", id % 3 + 1)),
        key: named(KeyId(id), &format!("key-{id}")),
    };
    let model = |name: &str, price: Option<f64>| SampleModel {
        asked: name.into(),
        served: format!("{name}-2026").into(),
        price: price.map(|dollars| Price {
            input: Some(Rate::per_million(dollars)),
            output: Some(Rate::per_million(4.0 * dollars)),
            ..Price::default()
        }),
    };
    SampleHistory {
        from_ms,
        to_ms,
        calls,
        seed: 7,
        clients: (1..5).map(|id| named(ClientId(id), &format!("client-{id}"))).collect(),
        keys: (1..12).map(key).collect(),
        models: vec![model("fast", Some(0.15)), model("smart", Some(2.5)), model("free", None)],
    }
}

/// Counts the log itself, one record after the other.
async fn recount(
    log: &CallLog,
    from_ms: i64,
    to_ms: i64,
    member: impl Fn(&CallRecord) -> String,
) -> BTreeMap<String, Vec<i64>> {
    let mut counted: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let filter = CallFilter { from_ms: Some(from_ms), to_ms: Some(to_ms), probe: Some(false), ..CallFilter::default() };
    let mut query = CallQuery { filter, limit: 1_000, ..CallQuery::default() };
    loop {
        let page = log.list(query.clone()).await.unwrap();
        for line in &page.calls {
            let record = log.get(line.id).await.unwrap().unwrap();
            let sums = counted.entry(member(&record)).or_insert_with(|| vec![0; 9]);
            let usage = &record.usage;
            let added = [
                1,
                i64::from(record.outcome == Outcome::Success),
                usage.input.unwrap_or(0) as i64,
                usage.output.unwrap_or(0) as i64,
                record.cost.known().unwrap_or_default().0,
                i64::from(record.cost == Cost::Unknown && usage.quality != UsageQuality::Unknown),
                i64::from(!record.attempts.is_empty()),
                i64::from(record.first_token_us.is_some()),
                i64::from(
                    record.outcome == Outcome::Success
                        && record.usage.quality == UsageQuality::Exact
                        && record.usage.output > Some(1)
                        && record.first_token_us.is_some_and(|first_us| record.total_us >= first_us + 1_000),
                ),
            ];
            sums.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
        }
        if page.next.is_none() {
            return counted;
        }
        query.cursor = page.next;
    }
}

fn as_counted(sums: &Sums) -> Vec<i64> {
    vec![
        sums.calls,
        sums.with_outcome(Outcome::Success),
        sums.input,
        sums.output,
        sums.cost.0,
        sums.unpriced,
        sums.latency.count() as i64,
        sums.first_token.count() as i64,
        sums.speed.count() as i64,
    ]
}

fn name_of(name: &Option<Arc<str>>) -> String {
    name.as_deref().unwrap_or("none").to_owned()
}

fn told_name(dimension: Dimension, member: &MemberName) -> String {
    let name = name_of(&member.name);
    match member.id.filter(|_| dimension == Dimension::ProviderModel) {
        Some(provider) => format!("{provider} {name}"),
        None => name,
    }
}

async fn assert_equals_recount(log: &CallLog, axis: &Axis) {
    let (from_ms, to_ms) = (axis.from_ms(), axis.to_ms());
    type MemberOf = fn(&CallRecord) -> String;
    let dimensions: [(Dimension, MemberOf); 9] = [
        (Dimension::Total, |_| "none".to_owned()),
        (Dimension::Provider, |record| name_of(&record.provider.as_ref().map(|named| named.name.clone()))),
        (Dimension::Key, |record| name_of(&record.key.as_ref().map(|named| named.name.clone()))),
        (Dimension::Model, |record| name_of(&record.model_asked)),
        (Dimension::ServedModel, |record| name_of(&record.model_served)),
        (Dimension::ProviderModel, |record| match (&record.provider, &record.model_served) {
            (Some(provider), Some(model)) => format!("{} {model}", provider.id),
            _ => "none".to_owned(),
        }),
        (Dimension::Client, |record| name_of(&record.client.as_ref().map(|named| named.name.clone()))),
        (Dimension::Outcome, |record| record.outcome.as_str().to_owned()),
        (Dimension::Status, |record| if record.status == 0 { "none".to_owned() } else { record.status.to_string() }),
    ];
    for (dimension, member) in dimensions {
        let expected = recount(log, from_ms, to_ms, member).await;
        let totals = log.totals(dimension, axis.range(), Rank::Calls).await.unwrap();
        let told: BTreeMap<_, _> = totals
            .iter()
            .map(|line| (told_name(dimension, &line.member), as_counted(&line.sums)))
            .filter(|(_, sums)| sums[0] > 0)
            .collect();
        assert_eq!(told, expected, "{dimension:?}");
        assert!(totals.is_sorted_by_key(|line| std::cmp::Reverse(line.sums.calls)));
        let series = log.series(dimension, axis.clone(), Rank::Calls, 100).await.unwrap();
        for line in &series {
            assert_eq!(line.buckets.len(), axis.buckets.len());
            let total = totals.iter().find(|total| total.member == line.member).unwrap();
            assert_eq!(line.sum, total.sums, "{dimension:?}");
        }
        let top = log.series(dimension, axis.clone(), Rank::Tokens, 2).await.unwrap();
        assert_eq!(top.iter().map(|line| line.sum.calls).sum::<i64>(), totals.iter().map(|line| line.sums.calls).sum::<i64>());
        assert_eq!(top.iter().filter(|line| line.member.is_others).count(), usize::from(totals.len() > 2));
    }
}

#[tokio::test]
async fn statistics_equal_a_recount_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (log, mut writer) = open(&folder);
    history(NOW_MS - 3 * DAY_MS, NOW_MS, 1_500).write(&mut writer, NOW_MS).unwrap();
    for (hours, step, zone) in [
        (72, Step::Hour, "UTC"),
        (72, Step::Day, "Asia/Kolkata"),
        (5, Step::Minute, "UTC"),
        (30, Step::FiveMinutes, "Asia/Kathmandu"),
    ] {
        let axis = Axis::new(NOW_MS - hours * 3_600_000 - 12_345, NOW_MS, Some(step), zone, NOW_MS).unwrap();
        assert_equals_recount(&log, &axis).await;
    }
    // Two days later the minutes are gone, and quarters still tell all.
    let later = NOW_MS + 2 * DAY_MS;
    for _ in 0..60 {
        writer.maintain(Retention { record_days: 90, body_days: 7, bytes: None }, later).unwrap();
    }
    let axis = Axis::new(NOW_MS - 2 * DAY_MS, later, Some(Step::Day), "Asia/Kathmandu", later).unwrap();
    assert_equals_recount(&log, &axis).await;
    assert_eq!(Axis::new(NOW_MS - DAY_MS, NOW_MS, Some(Step::Minute), "UTC", later + 1), Err(crate::store::AxisError::TooOld));
}

#[tokio::test]
async fn attempts_count_for_the_key_that_was_tried() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Entropy::from_seed(8);
    let (log, mut writer) = open(&folder);
    let retried = CallRecord { probe: false, ..full_call(NOW_MS, &entropy) };
    write(&mut writer, &[call(NOW_MS, &entropy), retried, full_call(NOW_MS, &entropy)]);
    writer.commit_rollups(NOW_MS).unwrap();
    let axis = Axis::new(MIDNIGHT_MS, NOW_MS + 1, None, "UTC", NOW_MS).unwrap();
    let keys = log.totals(Dimension::Key, axis.range(), Rank::Failures).await.unwrap();
    let told: Vec<_> =
        keys.iter().map(|line| (line.member.id, line.sums.calls, line.sums.attempts, line.sums.failed_attempts)).collect();
    assert_eq!(told, [(Some(11), 1, 2, 1), (Some(13), 1, 1, 0)]);
    let sums = total(&log, &axis).await;
    assert_eq!((sums.calls, sums.retried, sums.attempts, sums.failed_attempts), (2, 1, 3, 1), "probes count nowhere");
    assert_eq!(sums.input, 1_000_000_000_100, "an absurd figure is cut");
}

#[tokio::test]
async fn a_crash_at_any_moment_loses_no_count_and_counts_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<_> = history(NOW_MS - 2 * DAY_MS, NOW_MS, 400).records().collect();
    let axis = Axis::new(NOW_MS - 3 * DAY_MS, NOW_MS, Some(Step::Day), "UTC", NOW_MS).unwrap();
    for (round, chunk) in records.chunks(50).enumerate() {
        let (log, mut writer) = open(&folder);
        while writer.catch_up(NOW_MS).unwrap() {}
        write(&mut writer, &chunk[..30]);
        match round % 3 {
            // Dies before the sums were written at all.
            0 => {}
            // Dies with some of them written.
            1 => writer.commit_rollups(NOW_MS).unwrap(),
            // Ends in order.
            _ => {
                write(&mut writer, &chunk[30..]);
                writer.close(NOW_MS).unwrap();
                continue;
            }
        }
        write(&mut writer, &chunk[30..]);
        drop((log, writer));
    }
    let (log, mut writer) = open(&folder);
    while writer.catch_up(NOW_MS).unwrap() {}
    writer.commit_rollups(NOW_MS).unwrap();
    assert_eq!(total(&log, &axis).await.calls, 400);
    assert_equals_recount(&log, &axis).await;
    let before = log.series(Dimension::Key, axis.clone(), Rank::Calls, 50).await.unwrap();
    // Without the sums, everything that the segments hold is counted anew.
    writer.close(NOW_MS).unwrap();
    drop(log);
    fs::remove_file(folder.path().join("rollups.db")).unwrap();
    let (log, mut writer) = open(&folder);
    while writer.catch_up(NOW_MS).unwrap() {}
    writer.commit_rollups(NOW_MS).unwrap();
    assert_eq!(log.series(Dimension::Key, axis, Rank::Calls, 50).await.unwrap(), before);
}

#[tokio::test]
async fn late_usage_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Entropy::from_seed(9);
    let background = CallRecord { usage: Usage::default(), cost: Cost::Unknown, ..call(NOW_MS - DAY_MS, &entropy) };
    let known = call(NOW_MS, &entropy);
    let usage = Usage { input: Some(1_000), output: Some(500), quality: UsageQuality::Exact, ..Usage::default() };
    let cost = Cost::Known(Nanodollars(777));
    let amendment = |call, usage: &Usage| LogEntry::Amend(Box::new(Amendment { call, usage: usage.clone(), cost }));
    let amend = |writer: &mut CallLogWriter, entry: LogEntry| writer.write(entry.day(), &[entry], NOW_MS).unwrap();
    let axis = Axis::new(NOW_MS - 2 * DAY_MS, NOW_MS + 1, Some(Step::Hour), "UTC", NOW_MS).unwrap();

    let (log, mut writer) = open(&folder);
    write(&mut writer, &[background.clone(), known.clone()]);
    writer.commit_rollups(NOW_MS).unwrap();
    let before = total(&log, &axis).await;
    assert_eq!((before.unpriced, before.input, before.cost.0), (1, 100, 45_000));
    assert_eq!(amend(&mut writer, amendment(background.id, &usage)), [Amended::Applied]);
    // Dies before the sums hold it, with a call behind it.
    write(&mut writer, &[call(NOW_MS - DAY_MS, &entropy)]);
    drop((log, writer));

    let (log, mut writer) = open(&folder);
    while writer.catch_up(NOW_MS).unwrap() {}
    assert_eq!(amend(&mut writer, amendment(background.id, &usage)), [Amended::AlreadyKnown]);
    assert_eq!(amend(&mut writer, amendment(known.id, &usage)), [Amended::AlreadyKnown]);
    let never = CallId::new(NOW_MS - 40 * DAY_MS, [1; 10]);
    assert_eq!(amend(&mut writer, amendment(never, &usage)), [Amended::NotFound]);
    assert_eq!(amend(&mut writer, amendment(CallId::new(NOW_MS, [1; 10]), &usage)), [Amended::NotFound]);
    assert!(!folder.path().join("calls").join(format!("{}.db", Day::of(never))).exists());
    writer.commit_rollups(NOW_MS).unwrap();
    let after = total(&log, &axis).await;
    assert_eq!((after.calls, after.unpriced, after.input, after.output), (3, 0, 1_200, 600));
    assert_eq!(after.cost.0, 2 * 45_000 + 777);
    let stored = log.get(background.id).await.unwrap().unwrap();
    assert_eq!(stored, CallRecord { usage, cost, ..background });
    assert_equals_recount(&log, &axis).await;
}

#[tokio::test]
async fn a_first_call_and_its_late_usage_in_one_crash() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Entropy::from_seed(10);
    let background = CallRecord { usage: Usage::default(), cost: Cost::Unknown, ..call(NOW_MS, &entropy) };
    let usage = Usage { input: Some(7), output: Some(8), quality: UsageQuality::Exact, ..Usage::default() };
    let (log, mut writer) = open(&folder);
    let amendment = Amendment { call: background.id, usage, cost: Cost::Known(Nanodollars(9)) };
    let entries = [LogEntry::Call(Box::new(background)), LogEntry::Amend(Box::new(amendment))];
    assert_eq!(writer.write(entries[0].day(), &entries, NOW_MS).unwrap(), [Amended::Applied]);
    drop((log, writer));
    let (log, mut writer) = open(&folder);
    while writer.catch_up(NOW_MS).unwrap() {}
    writer.commit_rollups(NOW_MS).unwrap();
    let axis = Axis::new(MIDNIGHT_MS, NOW_MS + 1, None, "UTC", NOW_MS).unwrap();
    let sums = total(&log, &axis).await;
    assert_eq!((sums.calls, sums.input, sums.output, sums.cost.0, sums.unpriced), (1, 7, 8, 9, 0));
}

#[tokio::test]
async fn every_bucket_is_there_and_local_days_are_cut_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Entropy::from_seed(11);
    let (log, mut writer) = open(&folder);
    let at = |hours: i64, minutes: i64| MIDNIGHT_MS + (hours * 60 + minutes) * 60_000;
    write(&mut writer, &[call(at(18, 10), &entropy), call(at(18, 20), &entropy), call(at(18, 40), &entropy)]);
    writer.commit_rollups(NOW_MS).unwrap();
    for days_later in [1, 4] {
        let now = MIDNIGHT_MS + days_later * DAY_MS;
        for (zone, expected) in [("Asia/Kathmandu", [1, 2]), ("Asia/Kolkata", [2, 1])] {
            let axis = Axis::new(MIDNIGHT_MS - DAY_MS, now, Some(Step::Day), zone, now).unwrap();
            let series = log.series(Dimension::Total, axis, Rank::Calls, 1).await.unwrap();
            let calls: Vec<_> =
                series[0].buckets.iter().map(|sums| sums.calls).skip_while(|calls| *calls == 0).take(2).collect();
            assert_eq!(calls, expected, "{zone} {days_later} days later");
        }
    }
    let now = at(38, 20);
    write(&mut writer, &[call(now - 1, &entropy)]);
    writer.commit_rollups(now).unwrap();
    let axis = Axis::new(now - DAY_MS, now, Some(Step::Hour), "UTC", now).unwrap();
    let series = log.series(Dimension::Total, axis.clone(), Rank::Calls, 1).await.unwrap();
    let calls: Vec<_> = series[0].buckets.iter().map(|sums| sums.calls).collect();
    assert_eq!(calls.len(), 24);
    assert_eq!((calls[3], calls[23], calls.iter().sum::<i64>()), (3, 1, 4));
    let running: Vec<Bucket> = axis.buckets.iter().filter(|bucket| bucket.running).copied().collect();
    assert_eq!(running, [Bucket { from_ms: at(38, 0), to_ms: at(39, 0), running: true }]);
    assert_eq!(series[0].buckets[5].latency.percentile(0.5), None, "nothing is no latency, not 0");
}

#[tokio::test]
async fn sums_of_all_time_are_those_of_every_day_also_in_a_database_that_lacked_them() {
    let folder = tempfile::tempdir().unwrap();
    let (log, mut writer) = open(&folder);
    let entropy = Entropy::from_seed(3);
    for day in 0..3 {
        for client in 0..4 {
            let client = (client > 0).then(|| named(ClientId(client), "app"));
            write(&mut writer, &[CallRecord { client, ..call(MIDNIGHT_MS - day * DAY_MS, &entropy) }]);
        }
        writer.commit_rollups(NOW_MS).unwrap();
    }
    let by_member = |mut totals: Vec<crate::store::MemberSums>| {
        totals.sort_by_key(|total| total.member.id);
        totals
    };
    let range = Range::of_quarters(MIDNIGHT_MS - 9 * DAY_MS, NOW_MS);
    let expected = by_member(log.totals(Dimension::Client, range, Rank::Calls).await.unwrap());
    assert_eq!(expected.iter().map(|total| total.sums.calls).collect::<Vec<_>>(), [3, 3, 3, 3]);
    assert_eq!(by_member(log.client_totals_ever().await.unwrap()), expected);
    writer.close(NOW_MS).unwrap();
    drop(log);

    let database = rusqlite::Connection::open(folder.path().join("rollups.db")).unwrap();
    assert_eq!(database.execute("DELETE FROM client_ever", ()).unwrap(), 4);
    drop(database);
    for _ in 0..2 {
        let (log, writer) = open(&folder);
        assert_eq!(by_member(log.client_totals_ever().await.unwrap()), expected);
        writer.close(NOW_MS).unwrap();
    }
}
