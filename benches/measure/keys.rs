//! Many keys: how long the import of 10,000 takes, and how fast 100,000 are listed, searched and sorted.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::Bench;
use crate::keywheel::{self as server, Setup};
use crate::questions::{self, Question};
use crate::report::{Row, Section, Spread};
use crate::wire::{Answer, Connection};

/// Keys of one import that is timed.
const IMPORTED: usize = 10_000;
/// Keys that are there when lists are timed.
const LISTED: usize = 100_000;
const IMPORT_LIMIT_S: f64 = 2.0;

/// Imports into an empty catalog, then asks for pages of a full one.
pub async fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new("Keys");
    // Nobody listens there: keys are only kept.
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let (_process, address) = server::start(&bench.binary, &bench.folder("keys")?, &Setup::pool(nowhere, 1), &[])?;
    import(bench, address, &mut section).await?;
    list(bench, address, &mut section).await?;
    Ok(section)
}

async fn import(bench: &Bench, address: SocketAddr, section: &mut Section) -> Result<()> {
    let (mut previews, mut imports) = (Vec::new(), Vec::new());
    let rounds = bench.rounds(5);
    for round in 0..rounds {
        let body = paste(round * IMPORTED, IMPORTED);
        let began = Instant::now();
        let preview = post(address, "/api/keys/preview", &body).await?;
        previews.push(began.elapsed().as_secs_f64());
        ensure!(preview.body.starts_with(format!("{{\"valid\":{IMPORTED},").as_bytes()), "the preview finds other keys");
        let began = Instant::now();
        let answer = post(address, "/api/keys/import", &body).await?;
        imports.push(began.elapsed().as_secs_f64());
        let last = last_event(&answer)?;
        let ids = last["result"]["ids"].as_array().map_or(0, Vec::len);
        ensure!(ids == IMPORTED, "{ids} keys were imported: {}", last["error"]);
    }
    let (preview, import) = (Spread::of(previews.into_iter()), Spread::of(imports.into_iter()));
    section.add(Row {
        what: format!("Import of {IMPORTED} keys after their preview"),
        measured: format!("{} s", import.text(2)),
        beside: format!("the preview {} s; each time into {IMPORTED} keys more", preview.text(2)),
        limit: format!("≤ {IMPORT_LIMIT_S} s"),
        holds: Some(import.median <= IMPORT_LIMIT_S),
    });
    section.figures.insert("import_s".to_owned(), import.to_json());
    section.figures.insert("preview_s".to_owned(), preview.to_json());
    let rest = LISTED - rounds * IMPORTED;
    last_event(&post(address, "/api/keys/import", &paste(rounds * IMPORTED, rest)).await?).map(drop)
}

async fn list(bench: &Bench, address: SocketAddr, section: &mut Section) -> Result<()> {
    for (name, what, path) in [
        ("first", "First 100 of 100,000 keys", "/api/keys?limit=100"),
        ("late", "100 keys behind 90,000 others", "/api/keys?limit=100&cursor=90000"),
        ("common", "Search that 10,000 keys match, by name", "/api/keys?limit=100&search=team%207&sort=name"),
        ("rare", "Search that one key matches", "/api/keys?limit=100&search=team%207%20099997"),
        ("none", "Search that no key matches", "/api/keys?limit=100&search=nowhere"),
        ("tag", "Keys with one tag of ten, by weight", "/api/keys?limit=100&tag=tag-3&sort=weight&descending=true"),
        ("name", "Sorted by name", "/api/keys?limit=100&sort=name"),
        ("weight", "Sorted by weight, the greatest first", "/api/keys?limit=100&sort=weight&descending=true"),
        ("state", "Those that are disabled, by name", "/api/keys?limit=100&state=disabled_manual&sort=name"),
    ] {
        let question = Question { name, what, beside: "", path, least_bytes: 0 };
        questions::put(bench, address, section, &question).await?;
    }
    Ok(())
}

/// Lines of keys with names, tags and weights.
fn paste(from: usize, count: usize) -> String {
    let mut text = String::new();
    for at in from..from + count {
        let (team, tag, weight) = (at % 10, at / 7 % 10, at % 97 + 1);
        writeln!(text, "sk-bench-import-{at:032},team {team} {at:06},tag-{tag},{weight}").expect("a string takes everything");
    }
    json!({ "provider": 1, "text": text }).to_string()
}

async fn post(address: SocketAddr, path: &str, body: &str) -> Result<Answer> {
    let answer = ask(address, "POST", path, body).await?;
    ensure!(answer.status == 200, "{path}: {}", String::from_utf8_lossy(&answer.body[..answer.body.len().min(500)]));
    Ok(answer)
}

async fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Result<Answer> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        server::ADMIN_TOKEN,
        body.len()
    );
    Connection::open(address).await?.call((head + body).as_bytes(), true).await
}

fn last_event(answer: &Answer) -> Result<Value> {
    let text = std::str::from_utf8(&answer.body).context("events are text")?;
    let last = text.lines().rev().find_map(|line| line.strip_prefix("data:")).context("no event")?;
    Ok(serde_json::from_str(last.trim())?)
}
