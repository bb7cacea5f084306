//! Memory of the process: after many calls, and while many streams wait for slow readers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::keywheel::{self, Setup};
use crate::load::{self, Load};
use crate::report::{Row, Section};
use crate::wire::Connection;
use crate::{Bench, backend, compare};

const CALLS: u64 = 100_000;
const STREAMS: usize = 2_000;
/// Streams that are opened at once.
const BATCH: usize = 50;
/// How often each reader reads before the measurement ends, and how long that may take on a machine that does other things.
const ROUNDS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(240);
const LIMIT_PER_STREAM: f64 = 32.0 * 1024.0;
const MIB: f64 = 1024.0 * 1024.0;

/// Measures both.
pub async fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new("Memory");
    let (_backend, provider) = bench.backend("memory")?;
    after_calls(bench, provider, &mut section).await?;
    open_streams(bench, provider, &mut section).await?;
    Ok(section)
}

async fn after_calls(bench: &Bench, provider: SocketAddr, section: &mut Section) -> Result<()> {
    let (process, address) =
        keywheel::start(&bench.binary, &bench.folder("memory")?.join("calls"), &Setup::pool(provider, 10), &[])?;
    let at_start = process.memory("VmRSS")?;
    let request = compare::request("", backend::PLAIN, false);
    let expected_length = load::once(provider, &request).await?.length;
    let calls = bench.calls(CALLS);
    load::run(&Load { address, request, connections: 16, calls, expected_length }).await?;
    let (now, peak) = (process.memory("VmRSS")?, process.memory("VmHWM")?);
    section.add(Row {
        what: format!("Peak memory after {calls} calls"),
        measured: format!("{:.1} MiB", peak as f64 / MIB),
        beside: format!("{:.1} MiB after the start, {:.1} MiB at the end", at_start as f64 / MIB, now as f64 / MIB),
        limit: String::new(),
        holds: None,
    });
    section.figures.insert("after_calls".to_owned(), json!({ "calls": calls, "start": at_start, "end": now, "peak": peak }));
    Ok(())
}

async fn open_streams(bench: &Bench, provider: SocketAddr, section: &mut Section) -> Result<()> {
    let (process, address) =
        keywheel::start(&bench.binary, &bench.folder("memory")?.join("streams"), &Setup::pool(provider, 10), &[])?;
    let plain = compare::request("", backend::PLAIN, false);
    let expected_length = load::once(provider, &plain).await?.length;
    load::run(&Load { address, request: plain, connections: 16, calls: 2_000, expected_length }).await?;
    let before = process.memory("VmRSS")?;
    let slowest = Arc::new(Slowest::default());
    let mut readers = JoinSet::new();
    while readers.len() < STREAMS {
        let opening = (0..BATCH).map(|_| open_slow(address));
        for connection in futures_util::future::try_join_all(opening).await? {
            readers.spawn(read_slowly(connection, slowest.clone()));
        }
    }
    // However busy the machine is: every reader has had its share when the measurement ends.
    let mut most = 0;
    let deadline = Instant::now() + PATIENCE;
    while slowest.reads(ROUNDS) < STREAMS {
        if let Some(ended) = readers.try_join_next() {
            ended??;
        }
        ensure!(Instant::now() < deadline, "{} of {STREAMS} readers had their share in time", slowest.reads(ROUNDS));
        tokio::time::sleep(Duration::from_millis(100)).await;
        most = most.max(process.memory("VmRSS")?);
    }
    let per_stream = most.saturating_sub(before) as f64 / STREAMS as f64;
    section.add(Row {
        what: format!("Memory per stream, {STREAMS} open with slow readers"),
        measured: format!("{:.1} KiB", per_stream / 1024.0),
        beside: format!("{:.1} MiB before, at most {:.1} MiB with them", before as f64 / MIB, most as f64 / MIB),
        limit: format!("< {:.0} KiB", LIMIT_PER_STREAM / 1024.0),
        holds: Some(per_stream < LIMIT_PER_STREAM),
    });
    section.figures.insert("open_streams".to_owned(), json!({ "before": before, "most": most, "per_stream": per_stream }));
    Ok(())
}

/// How many readers have read so many times, by the number of times.
#[derive(Default)]
struct Slowest([AtomicUsize; ROUNDS + 1]);

impl Slowest {
    fn reads(&self, times: usize) -> usize {
        self.0[times].load(Ordering::Relaxed)
    }
}

/// A stream without end whose reader's socket holds little, as over a real network.
async fn open_slow(address: SocketAddr) -> Result<Connection> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4 * 1024)?;
    socket2::SockRef::from(&socket).set_tcp_mss(1_460)?;
    let mut connection = Connection::from_stream(socket.connect(address).await.context("open a slow stream")?);
    connection.send(&compare::request("", backend::ENDLESS, true)).await?;
    let status = connection.status().await?;
    ensure!(status == 200, "a stream was answered with {status}");
    Ok(connection)
}

/// Reads 1 KB a second: far slower than the provider sends, and seldom enough for this process to keep up with all of them.
async fn read_slowly(mut connection: Connection, slowest: Arc<Slowest>) -> Result<()> {
    for times in 1.. {
        ensure!(connection.read_some(1024).await? > 0, "a stream ended while it was measured");
        if times <= ROUNDS {
            slowest.0[times].fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}
