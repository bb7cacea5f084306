//! Reloads under load: how soon a change is live, and that no call fails or is judged by two sets.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{show, steady};
use crate::keywheel::{self, Setup, admin, put_script};
use crate::load;
use crate::process::Process;
use crate::report::{Row, Section, Spread};
use crate::wire::{Answer, Connection};
use crate::{Bench, backend, compare};

const RELOADS: u64 = 1_000;
const RATE: u32 = 500;
const LIMIT_MS: f64 = 300.0;
const LONG: Duration = Duration::from_secs(10);
const SCRIPT: &str = "10-set.rhai";
const MIB: f64 = 1024.0 * 1024.0;

/// Every answer tells which set judged its call at the beginning and which at the end.
fn script(number: u64) -> String {
    format!(
        "fn on_request(req) {{\n    req.attributes.begun = {number};\n}}\n\n\
         fn on_response(req, resp) {{\n    resp.body.begun = req.attributes.begun;\n    resp.body.ended = {number};\n}}\n"
    )
}

/// Measures both ways to change a script: a file that is renamed into place, and the API.
pub(super) async fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new("Scripts");
    let folder = bench.folder("reloads")?;
    let (_backend, provider) = bench.backend("reloads")?;
    put_script(&folder, SCRIPT, &script(0))?;
    let (process, address) = keywheel::start(&bench.binary, &folder, &Setup::pool(provider, 10), &[])?;
    let reloads = bench.calls(RELOADS);
    let ((by_file, by_api, memory), pace, calls) =
        load::meanwhile(&steady(address, RATE), is_of_one_set, reload(&process, &folder, address, reloads)).await?;
    let p99 = |figures: &[f64]| figures[(figures.len() - 1) * 99 / 100];
    let (first, last, most) = memory;
    for (name, way, figures) in [("by_file", "a file renamed into place", by_file), ("by_api", "`PUT` through the API", by_api)]
    {
        section.add(Row {
            what: format!("{} reloads under {RATE} calls/s, {way}: live after", figures.len()),
            measured: format!("p99 {:.0} ms", p99(&figures)),
            beside: format!(
                "half within {:.0} ms, all within {:.0} ms",
                figures[figures.len() / 2],
                figures[figures.len() - 1]
            ),
            limit: format!("p99 < {LIMIT_MS} ms"),
            holds: Some(p99(&figures) < LIMIT_MS),
        });
        section.figures.insert(format!("live_ms_{name}"), Spread::of(figures.into_iter()).to_json());
    }
    section.add(Row {
        what: "Calls meanwhile".to_owned(),
        measured: format!("{calls}, none failed, none judged by two sets"),
        beside: format!(
            "{}; memory {:.1} MiB after 100 reloads, {:.1} MiB at the end, at most {:.1} MiB",
            show(&pace),
            first,
            last,
            most
        ),
        limit: "memory flat".to_owned(),
        holds: Some(last < first * 1.2),
    });
    section.figures.insert("memory_mib".to_owned(), json!({ "after_100": first, "end": last, "most": most }));
    Ok(section)
}

/// Changes the script again and again. Milliseconds until each change was live, sorted; memory in MiB.
async fn reload(
    process: &Process,
    folder: &Path,
    address: SocketAddr,
    reloads: u64,
) -> Result<(Vec<f64>, Vec<f64>, (f64, f64, f64))> {
    let mut probe = Connection::open(address).await?;
    let request = compare::request("", backend::PLAIN, false);
    let (mut by_file, mut by_api, mut first) = (Vec::new(), Vec::new(), 0.0);
    for number in 1..=reloads {
        let began = Instant::now();
        let is_by_api = number % 2 == 0;
        match is_by_api {
            true => {
                let body = json!({ "text": script(number) }).to_string();
                admin(address, "PUT", &format!("/api/scripts/files/{SCRIPT}"), &body).await?;
                let seen = judged_by(&probe.call(&request, true).await?)?;
                ensure!(seen == number, "the API said that set {number} is live, but {seen} judged the next call");
            }
            false => {
                put_script(folder, SCRIPT, &script(number))?;
                while judged_by(&probe.call(&request, true).await?)? < number {
                    ensure!(began.elapsed() < LONG, "set {number} never went live");
                }
            }
        }
        let took_ms = began.elapsed().as_secs_f64() * 1_000.0;
        if is_by_api {
            by_api.push(took_ms)
        } else {
            by_file.push(took_ms)
        }
        if number == 100.min(reloads) {
            first = process.memory("VmRSS")? as f64 / MIB;
        }
    }
    by_file.sort_by(f64::total_cmp);
    by_api.sort_by(f64::total_cmp);
    Ok((by_file, by_api, (first, process.memory("VmRSS")? as f64 / MIB, process.memory("VmHWM")? as f64 / MIB)))
}

fn judged_by(answer: &Answer) -> Result<u64> {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).context("an answer that is not JSON")?;
    ensure!(
        body["begun"] == body["ended"],
        "set {} judged the beginning of a call and {} its end",
        body["begun"],
        body["ended"]
    );
    body["ended"].as_u64().context("no set judged a call")
}

fn is_of_one_set(answer: &Answer) -> Result<()> {
    judged_by(answer).map(drop)
}
