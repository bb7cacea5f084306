//! Memory of the process: after many calls, and while many streams wait for slow readers.

use std::net::SocketAddr;
use std::time::Duration;

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
    let mut readers = JoinSet::new();
    for _ in 0..STREAMS {
        let connection = open_slow(address).await?;
        readers.spawn(read_slowly(connection));
    }
    let mut most = 0;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        most = most.max(process.memory("VmRSS")?);
    }
    ensure!(readers.len() == STREAMS && readers.try_join_next().is_none(), "a stream ended while it was measured");
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

/// Reads 1 KB ten times a second: far slower than the provider sends.
async fn read_slowly(mut connection: Connection) -> Result<()> {
    loop {
        ensure!(connection.read_some(1024).await? > 0, "a stream ended");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
