//! How long a start takes: from the process's birth until `/readyz` says yes, with 10,000 keys.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use crate::keywheel::{self, Setup};
use crate::report::{Row, Section, Spread};
use crate::wire::Connection;
use crate::{Bench, load};

const KEYS: usize = 10_000;
const LIMIT_MS: f64 = 100.0;

/// Measures the first start, which imports the keys, and later ones, with and without the file that declares them.
pub async fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new("Start");
    let (_backend, provider) = bench.backend("start")?;
    let folder = bench.folder("start")?.join("keywheel");
    let declared = Setup::pool(provider, KEYS);
    let first = vec![start(bench, &folder, &declared).await?];
    let (mut with_file, mut without_file) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds(9) {
        without_file.push(start(bench, &folder, &Setup::nothing()).await?);
        with_file.push(start(bench, &folder, &declared).await?);
    }
    let mut row = |name: &str, what: &str, starts: Vec<f64>, limit: Option<f64>| {
        let took = Spread::of(starts.into_iter());
        section.add(Row {
            what: what.to_owned(),
            measured: format!("{} ms", took.text(0)),
            beside: String::new(),
            limit: limit.map_or(String::new(), |limit| format!("≤ {limit} ms")),
            holds: limit.map(|limit| took.median <= limit),
        });
        section.figures.insert(name.to_owned(), json!({ "ms": took.to_json() }));
    };
    row("ready", "Start with 10,000 keys until `/readyz`", without_file, Some(LIMIT_MS));
    row("ready_with_bootstrap", "The same with a bootstrap file that declares all of them", with_file, None);
    row("first_start", "First start: 10,000 keys taken from a bootstrap file", first, None);
    Ok(section)
}

/// Milliseconds until the server was ready.
async fn start(bench: &Bench, folder: &Path, setup: &Setup) -> Result<f64> {
    let began = Instant::now();
    let (_process, address) = keywheel::start(&bench.binary, folder, setup, &[])?;
    let mut connection = Connection::open(address).await?;
    loop {
        if connection.call(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n", false).await?.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took_ms = began.elapsed().as_secs_f64() * 1_000.0;
    let request = crate::compare::request("", crate::backend::PLAIN, false);
    let answer = load::once(address, &request).await?;
    ensure!(answer.status == 200, "ready, but a call gets {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    Ok(took_ms)
}
