//! Hostile scripts beside ordinary calls, with two worker threads: how long each runs, and what the others notice.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use super::{ms, show, steady};
use crate::keywheel::{self, Setup, admin, put_script};
use crate::load;
use crate::report::{Row, Section, Spread};
use crate::{Bench, compare};

#[path = "../../../tests/integration/hostile_scripts.rs"]
#[expect(dead_code, reason = "hostile bodies of other hooks are for the tests")]
mod scripts;

use scripts::{BODIES, HELPERS};

const RATE: u32 = 200;
const SECONDS: u64 = 10;
const LIMIT_RUN_MS: f64 = 50.0;
const LIMIT_P99_MS: f64 = 100.0;

fn script() -> String {
    let mut script = HELPERS.to_owned();
    let mut line = |text: String| writeln!(script, "{text}").expect("a string takes everything");
    for (at, (_, body)) in BODIES.iter().enumerate() {
        line(format!("fn hostile_{at}(req) {{ {body} }}"));
    }
    line("fn on_request(req) {\n    switch req.model {".to_owned());
    for at in 0..BODIES.len() {
        line(format!("        \"hostile-{at}\" => hostile_{at}(req),"));
    }
    line("    }\n}".to_owned());
    script
}

/// Measures the others alone, then beside a client whose every call meets another hostile script.
pub(super) async fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new("Scripts");
    let folder = bench.folder("hostile")?;
    let (_backend, provider) = bench.backend("hostile")?;
    put_script(&folder, "10-hostile.rhai", &script())?;
    let (_process, address) = keywheel::start(&bench.binary, &folder, &Setup::pool(provider, 10), &["--threads", "2"])?;
    let time = Duration::from_secs(SECONDS);
    let others = steady(address, RATE);
    let alone = async || {
        tokio::time::sleep(time).await;
        Ok(())
    };
    let ((), before, _) = load::meanwhile(&others, |_| Ok(()), alone()).await?;
    let (took, beside, _) = load::meanwhile(&others, |_| Ok(()), be_hostile(address, time)).await?;
    let hook = admin(address, "GET", "/api/scripts", "").await?["hooks"][0].take();
    ensure!(hook["hook"] == "on_request" && hook["quarantined"] == false, "{hook}");
    // The machine may be busy with something else: the best of each script's runs counts.
    let slowest = took.iter().map(|(name, runs)| (runs.iter().copied().fold(f64::MAX, f64::min), *name));
    let (slowest_ms, name) = slowest.max_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or_default();
    let runs = Spread::of(took.iter().flat_map(|(_, runs)| runs.iter().copied()));
    section.add(Row {
        what: format!("{} hostile scripts, each stopped: the slowest (“{name}”), its whole call", BODIES.len()),
        measured: format!("{slowest_ms:.0} ms"),
        beside: format!("all {} runs: {} ms", took.iter().map(|(_, runs)| runs.len()).sum::<usize>(), runs.text(0)),
        limit: format!("< {LIMIT_RUN_MS} ms"),
        holds: Some(slowest_ms < LIMIT_RUN_MS),
    });
    let ratio = ms(beside.p99_us) / ms(before.p99_us);
    section.add(Row {
        what: format!("Other calls ({RATE}/s) beside them, two worker threads: p99"),
        measured: format!("{:.1} ms", ms(beside.p99_us)),
        beside: format!("before: {}; beside them: {}; ratio **{ratio:.2}**", show(&before), show(&beside)),
        limit: format!("< {LIMIT_P99_MS} ms, ratio ≤ 2"),
        holds: Some(ms(beside.p99_us) < LIMIT_P99_MS && ratio <= 2.0),
    });
    section.figures.insert(
        "hostile".to_owned(),
        json!({ "slowest_ms": slowest_ms, "runs_ms": runs.to_json(), "p99_before_us": before.p99_us, "p99_beside_us": beside.p99_us }),
    );
    Ok(section)
}

/// One hostile call after another. Milliseconds that each script's calls took.
async fn be_hostile(address: SocketAddr, time: Duration) -> Result<Vec<(&'static str, Vec<f64>)>> {
    let mut took: Vec<(&str, Vec<f64>)> = BODIES.iter().map(|(name, _)| (*name, Vec::new())).collect();
    let began = Instant::now();
    while began.elapsed() < time || took[0].1.len() < 3 {
        for (at, (name, runs)) in took.iter_mut().enumerate() {
            let request = compare::request("", &format!("hostile-{at}"), false);
            let asked = Instant::now();
            let answer = load::once(address, &request).await?;
            runs.push(asked.elapsed().as_secs_f64() * 1_000.0);
            ensure!(answer.status == 500, "“{name}” was not stopped: {}", String::from_utf8_lossy(&answer.body));
        }
    }
    Ok(took)
}
