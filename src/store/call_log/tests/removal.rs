//! What leaves the log: single calls with all that belongs to them, and the oldest days of a log that takes too much.

use super::*;
use crate::store::{CountLimits, SegmentFiles};

fn has(folder: &tempfile::TempDir, text: &str) -> bool {
    let files = fs::read_dir(folder.path().join("calls")).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| memchr::memmem::find(&bytes, text.as_bytes()).is_some())
}

#[tokio::test]
async fn removed_calls_are_gone_and_stay_in_the_statistics() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Entropy::from_seed(21);
    let (log, mut writer) = open(&folder);
    let yesterday = NOW_MS - DAY_MS;
    let record = |started_ms, name: &str| {
        let error_message = Some(format!("told of {name}"));
        CallRecord { probe: false, error_message, usage: Usage::default(), ..full_call(started_ms, &entropy) }
    };
    let (kept, gone) = (record(yesterday, "Kept Person"), record(yesterday + 5, "Gone Person"));
    let alone = record(yesterday - DAY_MS, "Lone Person");
    write(&mut writer, &[kept.clone(), gone.clone(), alone.clone()]);
    let usage = Usage { input: Some(7), output: Some(8), quality: UsageQuality::Exact, ..Usage::default() };
    let late = LogEntry::Amend(Box::new(Amendment { call: gone.id, usage, cost: Cost::Known(Nanodollars(9)) }));
    assert_eq!(writer.write(late.day(), &[late], NOW_MS).unwrap(), [Amended::Applied]);
    let axis = Axis::new(NOW_MS - 3 * DAY_MS, NOW_MS, Some(Step::Hour), "UTC", NOW_MS).unwrap();

    // The sums were not written yet: what is removed is in them all the same, also after a crash.
    assert_eq!(writer.remove(Day::of(gone.id), &[gone.id, CallId::new(yesterday, [9; 10])], NOW_MS).unwrap(), 1);
    assert_eq!(writer.remove(Day::of(gone.id), &[gone.id], NOW_MS).unwrap(), 0);
    assert_eq!(writer.remove(Day::of(alone.id), &[alone.id], NOW_MS).unwrap(), 1);
    assert_eq!(writer.remove(Day(1), &[alone.id], NOW_MS).unwrap(), 0);
    drop((log, writer));
    let (log, mut writer) = open(&folder);
    while writer.catch_up(NOW_MS).unwrap() {}
    write(&mut writer, &[call(yesterday, &entropy)]);
    writer.commit_rollups(NOW_MS).unwrap();
    assert_eq!(statistics::total(&log, &axis).await.calls, 4);
    assert_eq!(log.get(gone.id).await.unwrap(), None);
    let stored = log.get(kept.id).await.unwrap().unwrap();
    assert_eq!((&stored.bodies, &stored.attempts), (&kept.bodies, &kept.attempts));
    assert_eq!(log.list(CallQuery::default()).await.unwrap().calls.len(), 2);
    let days: Vec<_> = log.size().await.unwrap().segments.iter().map(|files| files.day).collect();
    assert_eq!(days, [Day::at(yesterday)], "a past day that is empty takes no space");
    writer.close(NOW_MS).unwrap();
    drop(log);
    assert!(has(&folder, "Kept Person") && !has(&folder, "Gone Person") && !has(&folder, "Lone Person"));
}

#[tokio::test]
async fn counts_of_a_day_that_lost_calls_are_those_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (log, mut writer) = open(&folder);
    statistics::history(NOW_MS - 2 * DAY_MS, NOW_MS, 600).write(&mut writer, NOW_MS).unwrap();
    let page = log.list(CallQuery { limit: 500, ..CallQuery::default() }).await.unwrap();
    let gone: Vec<_> =
        page.calls.iter().filter(|call| Day::of(call.id) == Day::at(NOW_MS)).map(|call| call.id).step_by(2).collect();
    assert!(gone.len() > 10);
    assert_eq!(writer.remove(Day::at(NOW_MS), &gone, NOW_MS).unwrap(), gone.len());
    let limits = CountLimits { scan_limit: 10_000, text_time: Default::default() };
    let axis = Axis::of_log(NOW_MS - 3 * DAY_MS, NOW_MS + 1, Some(Step::Day), "UTC", NOW_MS).unwrap();
    let told = log.histogram(CallFilter::default(), &axis, limits).await.unwrap();
    assert_eq!(told.counts.iter().flatten().sum::<u64>(), 600 - gone.len() as u64);
    let sums = Axis::new(NOW_MS - 3 * DAY_MS, NOW_MS + 1, Some(Step::Day), "UTC", NOW_MS).unwrap();
    assert_eq!(statistics::total(&log, &sums).await.calls, 600);
}

#[tokio::test]
async fn a_log_that_takes_too_much_loses_the_oldest_bodies_then_the_oldest_days() {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Entropy::from_seed(22);
    let (log, mut writer) = open(&folder);
    let records: Vec<_> = (0..4).map(|age| full_call(NOW_MS - age * DAY_MS, &entropy)).collect();
    write(&mut writer, &records);
    while let Some(segment) = writer.open.last() {
        let day = segment.writer.day();
        writer.close_day(day, NOW_MS).unwrap();
    }
    let bytes = |files: &[SegmentFiles]| files.iter().map(|files| files.calls_bytes + files.bodies_bytes).sum::<u64>();
    let keep = |bytes| Retention { record_days: 90, body_days: 90, bytes: Some(bytes) };
    let all = log.size().await.unwrap().segments;
    assert_eq!(writer.maintain(keep(bytes(&all)), NOW_MS).unwrap(), []);
    assert_eq!(log.size().await.unwrap().segments, all);
    // A byte too much costs the oldest bodies, which go first.
    assert_eq!(writer.maintain(keep(bytes(&all) - 1), NOW_MS).unwrap(), []);
    let left = log.size().await.unwrap().segments;
    assert_eq!(left.iter().map(|files| files.bodies_bytes > 0).collect::<Vec<_>>(), [false, true, true, true]);
    let without_bodies: u64 = all.iter().map(|files| files.calls_bytes).sum::<u64>() + all[3].bodies_bytes;
    assert_eq!(writer.maintain(keep(without_bodies), NOW_MS).unwrap(), []);
    assert_eq!(writer.maintain(keep(without_bodies - 1), NOW_MS).unwrap(), [Day::at(NOW_MS - 3 * DAY_MS)]);
    // Today's stay, however little is allowed.
    let removed = writer.maintain(keep(1), NOW_MS).unwrap();
    assert_eq!(removed, [Day::at(NOW_MS - 2 * DAY_MS), Day::at(NOW_MS - DAY_MS)]);
    assert_eq!(log.get(records[0].id).await.unwrap().as_ref(), Some(&records[0]));
    assert_eq!(log.size().await.unwrap().segments.len(), 1);
}
