//! CPU of a call with two hooks against the same build without scripts, in the same run.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::{FILTER, SELECTION};
use crate::keywheel::{self, Setup, put_script};
use crate::load::{self, Load};
use crate::process::Process;
use crate::report::{Row, Section, Spread};
use crate::{Bench, backend, compare};

const CALLS: u64 = 12_000;
const ROUNDS: usize = 9;
const LIMIT: f64 = 1.2;
const SETTLING: Duration = Duration::from_millis(400);

/// A script whose only hook is no part of a call.
const ELSEWHERE: &str = "fn on_key_event(event) { log_info(event.kind); }\n";

struct Peer {
    name: &'static str,
    process: Process,
    address: SocketAddr,
    /// Microseconds of CPU per call, round by round.
    cpu_us: Vec<f64>,
}

/// Measures in rounds in which every peer has its turn, in another order each time; the first does not count.
pub(super) async fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new("Scripts");
    let folder = bench.folder("scripts")?;
    let (_backend, provider) = bench.backend("scripts")?;
    let mut peers = Vec::new();
    for (name, scripts) in [("none", ""), ("elsewhere", ELSEWHERE), ("two", &*[FILTER, SELECTION].concat())] {
        let folder = folder.join(name);
        if !scripts.is_empty() {
            put_script(&folder, "10-hooks.rhai", scripts)?;
        }
        let (process, address) = keywheel::start(&bench.binary, &folder, &Setup::pool(provider, 10).tagged("paid"), &[])?;
        peers.push(Peer { name, process, address, cpu_us: Vec::new() });
    }
    for round in 0..=bench.rounds(ROUNDS) {
        for turn in 0..peers.len() {
            let at = (turn + round) % peers.len();
            let peer = &mut peers[at];
            let spent = cpu_us(bench, peer).await?;
            println!("  round {round}: {} {spent:.1} µs", peer.name);
            if round > 0 {
                peer.cpu_us.push(spent);
            }
        }
    }
    let [none, elsewhere, two] = &peers[..] else { unreachable!("three peers were started") };
    let mut row = |name: &str, what: &str, peer: &Peer, limit: f64| {
        let ratio = Spread::of(peer.cpu_us.iter().zip(&none.cpu_us).map(|(with, without)| with / without));
        section.add(Row {
            what: what.to_owned(),
            measured: format!("{} µs of CPU", spread(peer).text(1)),
            beside: format!("without scripts: {} µs, ratio **{}**", spread(none).text(1), ratio.text(2)),
            limit: format!("ratio ≤ {limit}"),
            holds: Some(ratio.median <= limit),
        });
        section.figures.insert(
            name.to_owned(),
            json!({ "cpu_us": spread(peer).to_json(), "without_us": spread(none).to_json(), "ratio": ratio.to_json() }),
        );
    };
    row("two_hooks", "Plain call with a filter of three conditions and a choice among ten keys by tag", two, LIMIT);
    row("no_hook_of_a_call", "Plain call beside a script that defines no hook of a call", elsewhere, 1.05);
    Ok(section)
}

fn spread(peer: &Peer) -> Spread {
    Spread::of(peer.cpu_us.iter().copied())
}

async fn cpu_us(bench: &Bench, peer: &Peer) -> Result<f64> {
    let request = compare::request("", backend::PLAIN, false);
    let expected_length = load::once(peer.address, &request).await?.length;
    let calls = bench.calls(CALLS);
    let before = peer.process.cpu()?;
    load::run(&Load { address: peer.address, request, connections: 16, calls, expected_length }).await?;
    tokio::time::sleep(SETTLING).await;
    Ok(peer.process.cpu()?.since(&before) as f64 / calls as f64 / 1_000.0)
}
