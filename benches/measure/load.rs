//! The load generator: a closed loop of a few keep-alive connections in this process, whose CPU is never counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, bail};
use bytes::Bytes;
use tokio::task::JoinSet;

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
    let seconds = started.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    Ok(Pace { seconds, p50_us: at(0.5), p99_us: at(0.99) })
}

/// Makes one call on a connection of its own and keeps the answer's body.
pub async fn once(address: SocketAddr, request: &[u8]) -> Result<Answer> {
    Connection::open(address).await?.call(request, true).await
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
