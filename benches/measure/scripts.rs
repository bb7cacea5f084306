//! Scripts: what two hooks cost a call, and what calls notice of reloads, hostile scripts and a replay.

mod cost;
mod hostile;
mod reloads;
mod replay;

use std::net::SocketAddr;

use anyhow::{Result, bail};

use crate::load::{Pace, Steady};
use crate::report::Section;
use crate::{Bench, backend, compare};

/// Refuses by who calls, what and how much.
const FILTER: &str = r#"
const BLOCKED = ["mallory", "trudy"];

fn on_request(req) {
    if req.client.name in BLOCKED { return reject(403, "client_blocked", "This client is blocked."); }
    if req.stream && req.model == "no-streams" { return reject(400, "no_streams", "This model does not stream."); }
    if req.estimated_tokens > 100000 { return reject(413, "too_long", "The prompt is too long."); }
}
"#;

/// The least busy of the keys with a tag.
const SELECTION: &str = r#"
fn select_key(req, keys, attempt) {
    keys.with_tag("paid").least_in_flight()
}
"#;

/// Measures one of the parts.
pub async fn measure(bench: &Bench, part: &str) -> Result<Section> {
    match part {
        "scripts" => cost::measure(bench).await,
        "reloads" => reloads::measure(bench).await,
        "hostile" => hostile::measure(bench).await,
        "replay" => replay::measure(bench).await,
        _ => bail!("there is no part {part}"),
    }
}

/// Plain calls at a steady rate.
fn steady(address: SocketAddr, rate: u32) -> Steady {
    Steady { address, request: compare::request("", backend::PLAIN, false), connections: 20, rate }
}

fn ms(us: u32) -> f64 {
    f64::from(us) / 1_000.0
}

fn show(pace: &Pace) -> String {
    format!("p50 {:.1} ms, p99 {:.1} ms", ms(pace.p50_us), ms(pace.p99_us))
}
