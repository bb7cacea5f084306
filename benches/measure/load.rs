//! The load generator: a few keep-alive connections in this process, whose CPU is never counted, in a closed loop or at a steady rate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::wire::{Answer, Connection};

/// What is sent, where to, and how often.
#[derive(Clone, Debug)]
pub struct Load {
    /// The server.
    pub address: SocketAddr,
    /// The whole request, head and body.
    pub request: Bytes,
    /// Connections, each with one call at a time.
    pub connections: usize,
    /// Calls over all connections.
    pub calls: u64,
    /// The length that every answer's body must have, in bytes.
    pub expected_length: u64,
}

/// What a load took on the clock.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Seconds from the first request to the last answer.
    pub seconds: f64,
    /// Median latency in microseconds.
    pub p50_us: u32,
    /// 99th percentile of the latency in microseconds.
    pub p99_us: u32,
}

/// Runs a load to its end. A wrong status or length ends it with an error: a fast wrong answer is no result.
pub async fn run(load: &Load) -> Result<Pace> {
    let left = Arc::new(AtomicU64::new(load.calls));
    let started = Instant::now();
    let mut connections = JoinSet::new();
    for _ in 0..load.connections {
        connections.spawn(drive(load.clone(), left.clone()));
    }
    let mut latencies = Vec::with_capacity(load.calls as usize);
    while let Some(done) = connections.join_next().await {
        latencies.append(&mut done??);
    }
    Ok(Pace::of(started.elapsed(), latencies))
}

/// Makes one call on a connection of its own and keeps the answer's body.
pub async fn once(address: SocketAddr, request: &[u8]) -> Result<Answer> {
    Connection::open(address).await?.call(request, true).await
}

/// A load at a steady rate, however long the answers take.
#[derive(Clone, Debug)]
pub struct Steady {
    /// The server.
    pub address: SocketAddr,
    /// The whole request, head and body.
    pub request: Bytes,
    /// Connections, each with one call at a time.
    pub connections: u32,
    /// Calls in a second over all connections.
    pub rate: u32,
}

/// Runs a steady load for as long as something else takes. An answer that is not 200, or that `check` does not like, ends it with
/// an error.
pub async fn meanwhile<T>(
    steady: &Steady,
    check: fn(&Answer) -> Result<()>,
    work: impl Future<Output = Result<T>>,
) -> Result<(T, Pace, usize)> {
    let over = CancellationToken::new();
    let started = Instant::now();
    let mut connections = JoinSet::new();
    for at in 0..steady.connections {
        let first = Duration::from_secs(1) * at / steady.rate;
        connections.spawn(keep_up(steady.clone(), first, check, over.clone()));
    }
    let result = work.await;
    over.cancel();
    let mut latencies = Vec::new();
    while let Some(done) = connections.join_next().await {
        latencies.append(&mut done??);
    }
    let calls = latencies.len();
    Ok((result?, Pace::of(started.elapsed(), latencies), calls))
}

async fn keep_up(
    steady: Steady,
    first: Duration,
    check: fn(&Answer) -> Result<()>,
    over: CancellationToken,
) -> Result<Vec<u32>> {
    let mut connection = Connection::open(steady.address).await?;
    let every = Duration::from_secs(1) * steady.connections / steady.rate;
    let mut clock = tokio::time::interval_at((Instant::now() + first).into(), every);
    let mut latencies = Vec::new();
    while over.run_until_cancelled(clock.tick()).await.is_some() {
        let started = Instant::now();
        let answer = connection.call(&steady.request, true).await?;
        latencies.push(started.elapsed().as_micros() as u32);
        ensure!(answer.status == 200, "a call was answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        check(&answer)?;
    }
    Ok(latencies)
}

impl Pace {
    fn of(took: Duration, mut latencies: Vec<u32>) -> Self {
        latencies.sort_unstable();
        let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
        Pace { seconds: took.as_secs_f64(), p50_us: at(0.5), p99_us: at(0.99) }
    }
}

async fn drive(load: Load, left: Arc<AtomicU64>) -> Result<Vec<u32>> {
    let mut connection = Connection::open(load.address).await?;
    let mut latencies = Vec::new();
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        let started = Instant::now();
        let answer = connection.call(&load.request, false).await?;
        latencies.push(started.elapsed().as_micros() as u32);
        if answer.status != 200 || answer.length != load.expected_length {
            bail!(
                "{} answered {} with {} bytes, expected {}",
                load.address,
                answer.status,
                answer.length,
                load.expected_length
            );
        }
    }
    Ok(latencies)
}
