//! The call log: how fast records are taken in, and how fast a log of a million calls answers.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use keywheel::clock::Clock;
use keywheel::domain::{ClientId, KeyId, ProviderId, Ref};
use keywheel::recorder::{Recorder, RecorderOptions};
use keywheel::store::{
    Axis, CallLog, CallQuery, Dimension, Rank, Retention, SampleHistory, SampleKey, SampleModel, open_call_log,
};
use keywheel::telemetry::Metrics;
use serde_json::json;

use crate::Bench;
use crate::keywheel::{self as server, Setup};
use crate::questions::{self, Question, add_row, timed};
use crate::report::{Row, Section};

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
const CALLS: u64 = 1_000_000;
const RECORDED: u64 = 200_000;
/// Records that are handed over before the recorder is waited for; its queue holds more.
const AT_ONCE: usize = 50_000;

/// Measures the recorder, then the log's own doors, then the same questions over HTTP.
pub async fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new("Call log");
    ingest(bench, &mut section).await?;
    let folder = bench.folder("log")?.join("history");
    let data = folder.join("data");
    fill(bench, &data, &mut section)?;
    ask_directly(bench, &data, &mut section).await?;
    ask_over_http(bench, &folder, &mut section).await?;
    Ok(section)
}

async fn ingest(bench: &Bench, section: &mut Section) -> Result<()> {
    let data = bench.folder("log")?.join("ingest");
    std::fs::create_dir_all(&data)?;
    let clock = Clock::start();
    let (_log, writer) = open_call_log(&data)?;
    let retention = || Retention { record_days: 30, body_days: 30, bytes: None };
    let recorder = Recorder::start(writer, Arc::new(Metrics::new()), clock, retention, RecorderOptions::default())?;
    let now = clock.now().unix_ms;
    let records: Vec<_> = history(now - 60_000, now, bench.calls(RECORDED)).records().collect();
    let count = records.len();
    let began = Instant::now();
    let mut records = records.into_iter();
    while records.len() > 0 {
        records.by_ref().take(AT_ONCE).for_each(|record| recorder.record(record));
        recorder.flush().await;
    }
    let rows_per_s = count as f64 / began.elapsed().as_secs_f64();
    let status = recorder.status();
    recorder.shutdown().await;
    section.add(Row {
        what: "Records taken in by the recorder, statistics included".to_owned(),
        measured: format!("{rows_per_s:.0} rows/s"),
        beside: format!("{count} records, {:.1} µs each", 1e6 / rows_per_s),
        limit: String::new(),
        holds: None,
    });
    section.figures.insert("ingest".to_owned(), json!({ "rows_per_s": rows_per_s, "status": format!("{status:?}") }));
    Ok(())
}

fn fill(bench: &Bench, data: &Path, section: &mut Section) -> Result<()> {
    let now = Clock::start().now().unix_ms;
    let calls = bench.calls(CALLS);
    let began = Instant::now();
    write(data, &history(now - 7 * DAY_MS, now, calls), now)?;
    let seconds = began.elapsed().as_secs_f64();
    section.figures.insert("history".to_owned(), json!({ "calls": calls, "seconds": seconds }));
    Ok(())
}

async fn ask_directly(bench: &Bench, data: &Path, section: &mut Section) -> Result<()> {
    let (log, _writer) = open_call_log(data)?;
    let (mut newest, mut totals, mut series) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds(21) {
        newest.push(timed(newest_calls(&log)).await?);
        totals.push(timed(week_by_key(&log)).await?);
        series.push(timed(week_of_hours(&log)).await?);
    }
    let mut row = |name: &str, what: &str, figures: Vec<f64>| add_row(section, name, what, "", figures);
    row("list", "Newest 100 calls of 1 million", newest);
    row("totals", "Sums of 7 days by key", totals);
    row("series", "7 days by hour and model", series);
    Ok(())
}

async fn newest_calls(log: &CallLog) -> Result<()> {
    let page = log.list(CallQuery { limit: 100, ..CallQuery::default() }).await?;
    ensure!(page.calls.len() == 100, "the page has {} calls", page.calls.len());
    Ok(())
}

async fn week_by_key(log: &CallLog) -> Result<()> {
    let now = Clock::start().now().unix_ms;
    let range = Axis::new(now - 7 * DAY_MS, now, None, "UTC", now)?.range();
    let sums = log.totals(Dimension::Key, range, Rank::Calls).await?;
    ensure!(sums.len() > 10, "the sums of {} keys", sums.len());
    Ok(())
}

async fn week_of_hours(log: &CallLog) -> Result<()> {
    let now = Clock::start().now().unix_ms;
    let axis = Axis::new(now - 7 * DAY_MS, now, None, "UTC", now)?;
    let series = log.series(Dimension::Model, axis, Rank::Calls, 8).await?;
    ensure!(series.iter().any(|one| one.sum.calls > 0), "the series are empty");
    Ok(())
}

async fn ask_over_http(bench: &Bench, folder: &Path, section: &mut Section) -> Result<()> {
    let (_process, address) = server::start(&bench.binary, folder, &Setup::nothing(), &[])?;
    for (name, what, path) in [
        ("http_list", "Newest 100 calls of 1 million, over HTTP", "/api/calls?limit=100"),
        ("http_totals", "Sums of 7 days by key, over HTTP", "/api/stats/totals?by=key&range=7d"),
        ("http_series", "7 days by hour and model, over HTTP", "/api/stats/series?by=model&range=7d"),
    ] {
        let question = Question { name, what, beside: "", path, least_bytes: 1_001 };
        questions::put(bench, address, section, &question).await?;
    }
    Ok(())
}

/// Makes a data folder with a past.
pub fn write(data: &Path, past: &SampleHistory, now_ms: i64) -> Result<()> {
    std::fs::create_dir_all(data)?;
    let (_log, mut writer) = open_call_log(data)?;
    past.write(&mut writer, now_ms)?;
    Ok(writer.close(now_ms)?)
}

/// A past of 50 keys, 20 clients and 12 models.
pub fn history(from_ms: i64, to_ms: i64, calls: u64) -> SampleHistory {
    let provider = Ref { id: ProviderId(1), name: "bench".into() };
    let key = |id: i64| SampleKey { provider: provider.clone(), key: Ref { id: KeyId(id), name: format!("key-{id}").into() } };
    let client = |id: i64| Ref { id: ClientId(id), name: format!("client-{id}").into() };
    let model = |id: i64| {
        let name: Arc<str> = format!("model-{id}").into();
        SampleModel { asked: name.clone(), served: name, price: None }
    };
    SampleHistory {
        from_ms,
        to_ms,
        calls: calls as usize,
        seed: 7,
        clients: (1..=20).map(client).collect(),
        keys: (1..=50).map(key).collect(),
        models: (1..=12).map(model).collect(),
    }
}
