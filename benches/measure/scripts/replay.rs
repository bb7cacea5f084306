//! A replay of 100,000 logged calls: how long it takes, and what live calls notice of it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use keywheel::clock::Clock;
use keywheel::domain::to_rfc3339;
use serde_json::{Value, json};

use super::{FILTER, SELECTION, ms, show, steady};
use crate::keywheel::{self as server, Setup, admin, put_script};
use crate::load;
use crate::report::{Row, Section};
use crate::{Bench, log};

const CALLS: u64 = 100_000;
const RATE: u32 = 200;
const LIMIT_S: f64 = 60.0;
const ALONE: Duration = Duration::from_secs(10);

/// Sends every second call to another model and refuses the calls of one client.
const DRAFT: &str = r#"
fn route(req) {
    if kv_incr("calls", 1, 3600) % 2 == 0 { #{model: "model-1"} }
}

fn select_key(req, keys, attempt) {
    if req.client.name == "client-3" { return keys.get(0); }
    keys.with_tag("paid").least_in_flight()
}
"#;

/// Measures a draft that decides otherwise, then one that is equal to the live set.
pub(super) async fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new("Scripts");
    let folder = bench.folder("replay")?;
    let (data, calls) = (folder.join("data"), bench.calls(CALLS));
    let now = Clock::start().now().unix_ms;
    log::write(&data, &log::history(now - log::DAY_MS, now, calls), now)?;
    let (_backend, provider) = bench.backend("replay")?;
    put_script(&folder, "10-hooks.rhai", &[FILTER, SELECTION].concat())?;
    let (_process, address) = server::start(&bench.binary, &folder, &Setup::pool(provider, 10).tagged("paid"), &[])?;
    let live = steady(address, RATE);
    let alone = async {
        tokio::time::sleep(ALONE).await;
        Ok(())
    };
    let ((), before, _) = load::meanwhile(&live, |_| Ok(()), alone).await?;
    let text = [FILTER, DRAFT].concat();
    let draft = json!({ "files": { "10-hooks.rhai": text }, "whole": true });
    let to = to_rfc3339(now);
    let ((seconds, found), beside, _) = load::meanwhile(&live, |_| Ok(()), replay(address, calls, &draft, &to)).await?;
    let comparison = &found["comparison"];
    ensure!(comparison["calls"] == calls && comparison["different"].as_u64() > Some(calls / 3), "{comparison}");
    section.add(Row {
        what: format!("Replay of {calls} logged calls"),
        measured: format!("{seconds:.1} s"),
        beside: format!("{} decided differently, {} alike", comparison["different"], comparison["same"]),
        limit: format!("< {LIMIT_S} s"),
        holds: Some(seconds < LIMIT_S),
    });
    let ratio = ms(beside.p99_us) / ms(before.p99_us);
    section.add(Row {
        what: format!("Live calls ({RATE}/s) beside it: p99"),
        measured: format!("{:.1} ms", ms(beside.p99_us)),
        beside: format!("before: {}; beside it: {}; ratio **{ratio:.2}**", show(&before), show(&beside)),
        limit: "ratio ≤ 1.5".to_owned(),
        holds: Some(ratio <= 1.5),
    });
    let equal = json!({ "files": {}, "whole": false });
    let (equal_s, found) = replay(address, calls, &equal, &to).await?;
    let comparison = &found["comparison"];
    let is_empty = comparison["same"] == calls && comparison["changes"] == json!([]) && comparison["different"] == 0;
    section.add(Row {
        what: "The same with a draft that is equal to the live scripts".to_owned(),
        measured: format!("{} differences in {equal_s:.1} s", comparison["different"]),
        beside: format!("{} calls decided alike", comparison["same"]),
        limit: "none".to_owned(),
        holds: Some(is_empty),
    });
    section.figures.insert(
        "replay".to_owned(),
        json!({ "seconds": seconds, "equal_seconds": equal_s, "p99_before_us": before.p99_us, "p99_beside_us": beside.p99_us }),
    );
    Ok(section)
}

/// Runs a replay to its end. The seconds that it took, and what it found.
async fn replay(address: SocketAddr, calls: u64, draft: &Value, to: &str) -> Result<(f64, Value)> {
    let began = Instant::now();
    admin(address, "POST", "/api/scripts/replay", &json!({ "draft": draft, "calls": calls, "to": to }).to_string()).await?;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let found = admin(address, "GET", "/api/scripts/replay", "").await?;
        if found["state"] != "running" {
            ensure!(found["state"] == "done", "the replay ended {}", found["state"]);
            let looked_at = found["looked_at"].as_u64().context("a number of calls")?;
            ensure!(looked_at == calls && found["skipped"] == 0, "the replay looked at {looked_at} calls of {calls}");
            return Ok((began.elapsed().as_secs_f64(), found));
        }
    }
}
