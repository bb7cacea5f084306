//! CPU of a proxy's process per call, Keywheel against nginx, before the same provider and in the same run.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::load::{self, Load, Pace};
use crate::process::Process;
use crate::report::{Row, Section, Spread};
use crate::{Bench, backend, keywheel, nginx};

const CONNECTIONS: usize = 16;
const KEYWHEEL: &str = "Keywheel";
/// After a load, whatever a peer still owes to it (its log's batches) is done within this time and counted too.
const SETTLING: Duration = Duration::from_millis(400);

/// One kind of call that is compared.
struct Shape {
    name: &'static str,
    title: &'static str,
    model: &'static str,
    stream: bool,
    calls_per_round: u64,
    rounds: usize,
    limit: f64,
}

const SHAPES: [Shape; 3] = [
    Shape {
        name: "plain",
        title: "Plain call, 1 KB in, 0.6 KB out",
        model: backend::PLAIN,
        stream: false,
        calls_per_round: 12_000,
        rounds: 9,
        limit: 2.0,
    },
    Shape {
        name: "burst",
        title: "Stream of 50 events, back to back",
        model: backend::BURST,
        stream: true,
        calls_per_round: 2_000,
        rounds: 9,
        limit: 1.3,
    },
    Shape {
        name: "paced",
        title: "Stream of 50 events, 2 ms apart",
        model: backend::PACED,
        stream: true,
        calls_per_round: 400,
        rounds: 7,
        limit: 1.5,
    },
];

/// A proxy under load.
struct Peer {
    name: String,
    process: Process,
    address: SocketAddr,
    stream_prefix: &'static str,
    rounds: Vec<Round>,
}

impl Peer {
    fn is_nginx(&self) -> bool {
        !self.name.starts_with(KEYWHEEL)
    }
}

#[derive(Clone, Copy, Debug)]
struct Round {
    cpu_us: f64,
    calls_per_s: f64,
    pace: Pace,
}

/// Measures one shape: rounds in which every peer has its turn, each time in another order; the first does not count.
pub async fn measure(bench: &Bench, name: &str) -> Result<Section> {
    let shape = SHAPES.iter().find(|shape| shape.name == name).context("no such shape of calls")?;
    let mut section = Section::new("CPU per call");
    let folder = bench.folder(name)?;
    let (_backend, provider) = bench.backend(name)?;
    let mut peers = start_peers(bench, &folder, provider)?;
    for round in 0..=bench.rounds(shape.rounds) {
        for turn in 0..peers.len() {
            let at = (turn + round) % peers.len();
            let measured = run_round(bench, shape, &peers[at], provider).await?;
            if round > 0 {
                peers[at].rounds.push(measured);
            }
            println!("  round {round}: {} {:.1} µs", peers[at].name, measured.cpu_us);
        }
    }
    summarize(shape, &peers, &mut section);
    Ok(section)
}

fn start_peers(bench: &Bench, folder: &Path, provider: SocketAddr) -> Result<Vec<Peer>> {
    let cores = std::thread::available_parallelism()?.get();
    let mut peers = Vec::new();
    let mut add = |name: String, (process, address), stream_prefix| {
        peers.push(Peer { name, process, address, stream_prefix, rounds: Vec::new() });
    };
    if nginx::version().is_some() && !bench.alone {
        for workers in [1, cores] {
            let name = format!("nginx, {workers} worker{}", if workers == 1 { "" } else { "s" });
            add(name, nginx::start(&folder.join(format!("nginx-{workers}")), workers, provider)?, "/unbuffered");
        }
    }
    let setup = keywheel::Setup::pool(provider, 10);
    if let Some(against) = &bench.against {
        add(format!("{KEYWHEEL}, other build"), keywheel::start(against, &folder.join("keywheel-2"), &setup, &[])?, "");
    }
    if !bench.alone {
        add(
            format!("{KEYWHEEL}, a thread for each core"),
            keywheel::start(&bench.binary, &folder.join("keywheel-1"), &setup, &["--threads", &cores.to_string()])?,
            "",
        );
    }
    add(KEYWHEEL.to_owned(), keywheel::start(&bench.binary, &folder.join("keywheel"), &setup, &[])?, "");
    Ok(peers)
}

async fn run_round(bench: &Bench, shape: &Shape, peer: &Peer, provider: SocketAddr) -> Result<Round> {
    let request = |prefix| request(prefix, shape.model, shape.stream);
    let prefix = if shape.stream { peer.stream_prefix } else { "" };
    let direct = load::once(provider, &request("")).await?;
    let through = load::once(peer.address, &request(prefix)).await?;
    ensure!(through == direct, "{} does not answer as the provider does:\n{through:?}\n{direct:?}", peer.name);
    let load = Load {
        address: peer.address,
        request: request(prefix),
        connections: CONNECTIONS,
        calls: bench.calls(shape.calls_per_round),
        expected_length: direct.length,
    };
    let before = peer.process.cpu()?;
    let pace = load::run(&load).await?;
    tokio::time::sleep(SETTLING).await;
    let spent = peer.process.cpu()?.since(&before);
    let calls = load.calls as f64;
    Ok(Round { cpu_us: spent as f64 / calls / 1_000.0, calls_per_s: calls / pace.seconds, pace })
}

/// A chat request of 1 KB with the head that an SDK would send.
pub fn request(prefix: &str, model: &str, stream: bool) -> Bytes {
    let text = "Please look at this text and say in a few words what it is about. ".repeat(12);
    let body = format!(
        r#"{{"model":"{model}","messages":[{{"role":"system","content":"You are brief."}},{{"role":"user","content":"{text}"}}],"temperature":0.2,"max_tokens":256,"stream":{stream},"stream_options":{{"include_usage":true}}}}"#
    );
    let head = format!(
        "POST {prefix}/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\naccept: application/json\r\n\
         content-type: application/json\r\nuser-agent: OpenAI/Python 2.8.1\r\naccept-encoding: identity\r\ncontent-length: {}\r\n\r\n",
        keywheel::TOKEN,
        body.len()
    );
    Bytes::from(head + body.as_str())
}

/// Keywheel as it comes against every yardstick; the worst ratio must hold. Other builds and settings of it are shown beside.
fn summarize(shape: &Shape, peers: &[Peer], section: &mut Section) {
    let cpu = |peer: &Peer| Spread::of(peer.rounds.iter().map(|round| round.cpu_us));
    let Some((keywheel, others)) = peers.split_last() else { return };
    let ours = cpu(keywheel);
    let describe = |other: &Peer| {
        let ratio = ratio(keywheel, other);
        format!(
            "{}: {} µs, ratio **{:.2}** ({:.2}–{:.2})",
            other.name,
            cpu(other).text(1),
            ratio.median,
            ratio.least,
            ratio.most
        )
    };
    let ratios = others.iter().filter(|other| other.is_nginx()).map(|other| ratio(keywheel, other).median);
    let worst = ratios.fold(f64::NAN, f64::max);
    section.add(Row {
        what: shape.title.to_owned(),
        measured: format!("{} µs", ours.text(1)),
        beside: others.iter().map(describe).collect::<Vec<_>>().join("<br>"),
        limit: format!("ratio ≤ {}", shape.limit),
        holds: (!worst.is_nan()).then_some(worst <= shape.limit),
    });
    let figures = peers.iter().map(|peer| figures_of(peer, keywheel)).collect::<Vec<_>>();
    section.figures.insert(shape.name.to_owned(), json!({ "peers": figures, "worst_ratio": worst }));
}

/// Taken within each round, so that what slows the whole machine down for a while touches both sides of it.
fn ratio(ours: &Peer, theirs: &Peer) -> Spread {
    Spread::of(ours.rounds.iter().zip(&theirs.rounds).map(|(ours, theirs)| ours.cpu_us / theirs.cpu_us))
}

fn figures_of(peer: &Peer, keywheel: &Peer) -> Value {
    let over = |pick: fn(&Round) -> f64| Spread::of(peer.rounds.iter().map(pick)).to_json();
    json!({
        "name": peer.name,
        "cpu_us_per_call": over(|round| round.cpu_us),
        "calls_per_s": over(|round| round.calls_per_s),
        "latency_p50_us": over(|round| f64::from(round.pace.p50_us)),
        "latency_p99_us": over(|round| f64::from(round.pace.p99_us)),
        "ratio": ratio(keywheel, peer).to_json(),
        "rounds_cpu_us": peer.rounds.iter().map(|round| round.cpu_us).collect::<Vec<_>>(),
    })
}
