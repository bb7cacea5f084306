//! Whether calls notice that a day of a million records is removed.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use keywheel::clock::Clock;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::keywheel::{self as server, Setup};
use crate::report::{Row, Section};
use crate::wire::Connection;
use crate::{Bench, backend, compare, load, log};

/// Records of the day that goes.
const CALLS: u64 = 1_000_000;
/// Callers, each with one call at a time and this pause between two.
const CALLERS: usize = 8;
const PAUSE: Duration = Duration::from_millis(8);
/// A shorter retention holds with the next batch of records.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked whether the day is gone.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long calls run before.
const SETTLING: Duration = Duration::from_secs(20);
/// Calls that began so long before the day was seen to be gone, or after, are those that may have noticed.
const AROUND: Duration = Duration::from_secs(2);
const LIMIT: f64 = 1.2;

/// Fills a day, calls at an even pace, and takes the day away meanwhile.
pub async fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new("Retention");
    let (_backend, provider) = bench.backend("retention-provider")?;
    let folder = bench.folder("retention")?;
    let bytes = fill(bench, &folder.join("data"))?;
    let (_process, address) = server::start(&bench.binary, &folder, &Setup::pool(provider, 10), &[])?;
    let request = compare::request("", backend::PLAIN, false);
    let expected = load::once(provider, &request).await?.length;
    let (ending, ended) = watch::channel(false);
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(call_on(address, request.clone(), expected, ended.clone()));
    }
    // The first calls open connections and pools. What is asked to see that the day is gone is asked before as well: it costs
    // time too.
    let began = Instant::now();
    while began.elapsed() < SETTLING {
        days(address).await?;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let asked = Instant::now();
    ensure!(admin(address, "PATCH", "/api/settings", r#"{"retention_days":1}"#).await?.0 == 200, "the setting is refused");
    let gone = wait_until_gone(address).await?;
    let began = Instant::now();
    while began.elapsed() < AROUND * 2 {
        days(address).await?;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    ending.send_replace(true);
    let mut calls = Vec::new();
    while let Some(done) = callers.join_next().await {
        calls.append(&mut done??);
    }
    let p99 = |keep: &dyn Fn(Instant) -> bool| -> Result<(f64, usize)> {
        let mut kept: Vec<f64> = calls.iter().filter(|(at, _)| keep(*at)).map(|(_, ms)| *ms).collect();
        kept.sort_unstable_by(f64::total_cmp);
        let place = (kept.len().saturating_sub(1)) * 99 / 100;
        Ok((*kept.get(place).context("no calls at that time")?, kept.len()))
    };
    let settled = asked.checked_sub(Duration::from_secs(15)).context("the machine has just started")?;
    let (before, calls_before) = p99(&|at| at >= settled && at < asked)?;
    let (around, calls_around) = p99(&|at| at + AROUND >= gone && at < gone + AROUND)?;
    let ratio = around / before;
    section.add(Row {
        what: format!("p99 of calls while a day of {} records ({} MiB) is removed", bench.calls(CALLS), bytes >> 20),
        measured: format!("{around:.2} ms, ratio **{ratio:.2}**"),
        beside: format!(
            "{before:.2} ms before ({calls_before} calls; {calls_around} within {} s of the removal)",
            AROUND.as_secs()
        ),
        limit: format!("ratio ≤ {LIMIT}"),
        holds: Some(ratio <= LIMIT),
    });
    section.figures.insert("p99_ms".to_owned(), json!({ "before": before, "around": around, "ratio": ratio }));
    Ok(section)
}

/// Writes the day before yesterday; the bytes that it takes.
fn fill(bench: &Bench, data: &Path) -> Result<u64> {
    let now = Clock::start().now().unix_ms;
    let start = (now / log::DAY_MS - 2) * log::DAY_MS;
    log::write(data, &log::history(start, start + log::DAY_MS - 1, bench.calls(CALLS)), now)?;
    let sizes = std::fs::read_dir(data.join("calls"))?.map(|entry| Ok(entry?.metadata()?.len()));
    sizes.sum::<std::io::Result<u64>>().map_err(Into::into)
}

/// Calls until told to end: when each began, and the milliseconds that it took.
async fn call_on(
    address: SocketAddr,
    request: Bytes,
    expected: u64,
    ended: watch::Receiver<bool>,
) -> Result<Vec<(Instant, f64)>> {
    let mut connection = Connection::open(address).await?;
    let mut calls = Vec::new();
    while !*ended.borrow() {
        let began = Instant::now();
        let answer = connection.call(&request, false).await?;
        calls.push((began, began.elapsed().as_secs_f64() * 1_000.0));
        ensure!(answer.status == 200 && answer.length == expected, "a call was answered {}", answer.status);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(calls)
}

async fn wait_until_gone(address: SocketAddr) -> Result<Instant> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if days(address).await? < 2 {
            return Ok(Instant::now());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bail!("the day was not removed within {PATIENCE:?}")
}

/// How many days the log holds.
async fn days(address: SocketAddr) -> Result<usize> {
    let (status, system) = admin(address, "GET", "/api/system", "").await?;
    ensure!(status == 200, "/api/system is answered {status}");
    system["log"]["days"].as_array().map(Vec::len).context("/api/system names no days")
}

async fn admin(address: SocketAddr, method: &str, path: &str, body: &str) -> Result<(u16, Value)> {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        server::ADMIN_TOKEN,
        body.len()
    );
    let answer = Connection::open(address).await?.call(request.as_bytes(), true).await?;
    Ok((answer.status, serde_json::from_slice(&answer.body)?))
}
