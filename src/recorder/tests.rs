//! The recorder through its door.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::Entropy;
use crate::domain::{Nanodollars, Outcome, UsageQuality};
use crate::store::{Axis, CallLog, CallQuery, Dimension, Rank, open_call_log};

const KEEP: Retention = Retention { record_days: 90, body_days: 7, bytes: None };

struct Bench {
    folder: tempfile::TempDir,
    clock: Clock,
    entropy: Entropy,
}

impl Bench {
    fn new() -> Self {
        Bench { folder: tempfile::tempdir().unwrap(), clock: Clock::start(), entropy: Entropy::from_seed(1) }
    }

    fn start(&self, options: RecorderOptions) -> (Recorder, CallLog, Arc<Metrics>) {
        let (log, writer) = open_call_log(self.folder.path()).unwrap();
        let metrics = Arc::new(Metrics::new());
        (Recorder::start(writer, metrics.clone(), self.clock, || KEEP, options).unwrap(), log, metrics)
    }

    fn record(&self) -> CallRecord {
        let started_ms = self.clock.now().unix_ms;
        CallRecord {
            id: CallId::new(started_ms, self.entropy.ten_bytes()),
            started_ms,
            outcome: Outcome::Success,
            ..CallRecord::default()
        }
    }

    async fn counted(&self, log: &CallLog) -> i64 {
        let now_ms = self.clock.now().unix_ms;
        let axis = Axis::new(now_ms - 3_600_000, now_ms + 1, None, "UTC", now_ms).unwrap();
        let totals = log.totals(Dimension::Total, axis.range(), Rank::Calls).await.unwrap();
        totals.iter().map(|line| line.sums.calls).sum()
    }
}

/// Waits for a condition that another thread brings about.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("did not come about: {what}");
}

#[tokio::test]
async fn a_flush_waits_for_log_and_statistics() {
    let bench = Bench::new();
    let (recorder, log, metrics) = bench.start(RecorderOptions::default());
    let records: Vec<_> = (0..5_000).map(|_| bench.record()).collect();
    for (at, record) in records.iter().enumerate() {
        recorder.record(record.clone());
        if at % 1_000 == 0 {
            recorder.flush().await;
            assert_eq!(log.get(record.id).await.unwrap().as_ref(), Some(record));
            assert_eq!(bench.counted(&log).await, at as i64 + 1);
        }
    }
    recorder.flush().await;
    assert_eq!(recorder.status(), RecorderStatus { written: 5_000, ..RecorderStatus::default() });
    assert!(metrics.encode(&Default::default()).contains(r#"outcome="success"} 5000"#));
}

#[tokio::test]
async fn records_are_written_without_being_asked_for() {
    let bench = Bench::new();
    let (recorder, log, _) = bench.start(RecorderOptions { rollups: Duration::from_millis(10), ..RecorderOptions::default() });
    let record = bench.record();
    recorder.record(record.clone());
    until("the record is written", || recorder.status().written == 1).await;
    assert_eq!(log.get(record.id).await.unwrap(), Some(record));
    for _ in 0..500 {
        if bench.counted(&log).await == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the record is in no statistic");
}

#[tokio::test]
async fn what_waits_is_written_at_the_end() {
    let bench = Bench::new();
    let slow = RecorderOptions { gather: Duration::from_secs(600), batch: 100_000, ..RecorderOptions::default() };
    for round in 1..=3 {
        let (recorder, log, _) = bench.start(slow.clone());
        (0..10).for_each(|_| recorder.record(bench.record()));
        if round == 2 {
            drop(recorder);
        } else {
            recorder.shutdown().await;
            recorder.record(bench.record());
            assert_eq!(recorder.status().dropped_queue, 1, "too late");
            recorder.flush().await;
        }
        assert_eq!(log.list(CallQuery::default()).await.unwrap().calls.len(), round * 10);
        assert_eq!(bench.counted(&log).await, round as i64 * 10);
    }
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_and_the_log_goes_on() {
    let bench = Bench::new();
    let slow = RecorderOptions { queue: 20, batch: 100, gather: Duration::from_secs(600), ..RecorderOptions::default() };
    let (recorder, log, metrics) = bench.start(slow);
    (0..50).for_each(|_| recorder.record(bench.record()));
    let status = recorder.status();
    assert_eq!((status.queued, status.dropped_queue), (20, 30));
    let (call, usage) = (bench.record().id, Usage::default());
    assert_eq!(recorder.amend(call, usage, Cost::Unknown).await, Amended::Failed);
    recorder.flush().await;
    recorder.record(bench.record());
    recorder.flush().await;
    assert_eq!(log.list(CallQuery::default()).await.unwrap().calls.len(), 21);
    assert_eq!(recorder.status().written, 21);
    let readings = crate::telemetry::Readings { dropped_queue: recorder.status().dropped_queue, ..Default::default() };
    assert!(metrics.encode(&readings).contains(r#"keywheel_records_dropped_total{reason="queue_full"} 31"#));
}

#[tokio::test]
async fn a_disk_in_trouble_costs_records_and_nothing_else() {
    let bench = Bench::new();
    let (recorder, log, _) = bench.start(RecorderOptions { gather: Duration::from_millis(1), ..RecorderOptions::default() });
    // No file can be made where a file stands instead of the folder.
    let calls = bench.folder.path().join("calls");
    std::fs::remove_dir(&calls).unwrap();
    std::fs::write(&calls, "in the way").unwrap();
    let held = bench.record();
    recorder.record(held.clone());
    until("the trouble is shown", || recorder.status().trouble.is_some()).await;
    assert!(recorder.status().trouble.unwrap().contains("calls"));
    assert_eq!(recorder.status().dropped_disk, 0, "short trouble is waited out");
    std::fs::remove_file(&calls).unwrap();
    std::fs::create_dir(&calls).unwrap();
    until("the record is written", || recorder.status().written == 1).await;
    assert_eq!(recorder.status().trouble, None);
    assert_eq!(log.get(held.id).await.unwrap(), Some(held));
}

#[tokio::test]
async fn a_disk_that_stays_full_drops_and_counts_until_it_recovers() {
    let bench = Bench::new();
    let impatient = RecorderOptions { patience: Duration::from_millis(20), ..RecorderOptions::default() };
    let (recorder, log, _) = bench.start(impatient);
    let calls = bench.folder.path().join("calls");
    std::fs::remove_dir(&calls).unwrap();
    std::fs::write(&calls, "in the way").unwrap();
    for dropped in 1..=3 {
        recorder.record(bench.record());
        recorder.flush().await;
        let status = recorder.status();
        assert_eq!((status.dropped_disk, status.queued, status.written), (dropped, 0, 0));
        assert!(status.trouble.is_some());
    }
    std::fs::remove_file(&calls).unwrap();
    std::fs::create_dir(&calls).unwrap();
    let record = bench.record();
    recorder.record(record.clone());
    recorder.flush().await;
    let status = recorder.status();
    assert_eq!((status.dropped_disk, status.written, status.trouble), (3, 1, None));
    assert_eq!(log.get(record.id).await.unwrap(), Some(record));
    assert_eq!(bench.counted(&log).await, 1, "only what is in the log is counted");
}

#[tokio::test]
async fn a_day_that_is_refused_drops_its_records_at_once() {
    let bench = Bench::new();
    let (recorder, log, _) = bench.start(RecorderOptions::default());
    let record = bench.record();
    let day = crate::store::Day::of(record.id);
    std::fs::write(bench.folder.path().join("calls").join(format!("{day}.db")), "not a database").unwrap();
    let yesterday_ms = record.started_ms - 86_400_000;
    let yesterday = CallRecord { id: CallId::new(yesterday_ms, [3; 10]), started_ms: yesterday_ms, ..CallRecord::default() };
    recorder.record(record);
    recorder.record(yesterday.clone());
    recorder.flush().await;
    let status = recorder.status();
    assert_eq!((status.dropped_disk, status.written, status.queued), (1, 1, 0));
    assert_eq!(log.get(yesterday.id).await.unwrap(), Some(yesterday));
}

#[tokio::test]
async fn late_usage_is_applied_once_and_in_order() {
    let bench = Bench::new();
    let (recorder, log, _) = bench.start(RecorderOptions::default());
    let record = bench.record();
    let usage = Usage { input: Some(10), output: Some(5), quality: UsageQuality::Exact, ..Usage::default() };
    let cost = Cost::Known(Nanodollars(3));
    let never = recorder.amend(bench.record().id, usage.clone(), cost);
    recorder.record(record.clone());
    let first = recorder.amend(record.id, usage.clone(), cost);
    let second = recorder.amend(record.id, usage.clone(), cost);
    recorder.flush().await;
    assert_eq!((never.await, first.await, second.await), (Amended::NotFound, Amended::Applied, Amended::AlreadyKnown));
    assert_eq!(log.get(record.id).await.unwrap(), Some(CallRecord { usage, cost, ..record }));
}

#[tokio::test]
async fn the_live_feed_shows_calls_to_whoever_listens() {
    let bench = Bench::new();
    let (recorder, _log, _) = bench.start(RecorderOptions { feed: 4, ..RecorderOptions::default() });
    recorder.record(bench.record());
    recorder.flush().await;
    let mut listener = recorder.subscribe();
    let record = bench.record();
    recorder.record(record.clone());
    recorder.flush().await;
    assert_eq!(*listener.recv().await.unwrap(), CallSummary::from(&record));
    (0..10).for_each(|_| recorder.record(bench.record()));
    recorder.flush().await;
    assert!(matches!(listener.recv().await, Err(broadcast::error::RecvError::Lagged(6))));
}
