//! `kill -9` under load, again and again: what was acknowledged is there, and every file is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keywheel::mock::MockProvider;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::bootstrap_of;
use crate::process::{ADMIN_TOKEN, Process, number_from};

/// How often it is killed: `KEYWHEEL_TEST_KILLS=200` for a longer look.
fn kills() -> u64 {
    number_from("KEYWHEEL_TEST_KILLS", 50)
}

/// Longest time that a record waits before it is written.
const FLUSH: Duration = Duration::from_millis(200);
/// Callers at once.
const CALLERS: usize = 4;

/// A call that was answered whole.
#[derive(Clone, Debug)]
struct Acknowledged {
    id: String,
    sent: Instant,
    ended: Instant,
}

/// What the admin API said is done: keys with their weight, and names of clients.
#[derive(Clone, Debug, Default)]
struct Written {
    keys: BTreeMap<i64, i64>,
    clients: BTreeSet<String>,
}

#[derive(Default)]
struct Told {
    calls: Mutex<Vec<Acknowledged>>,
    written: Mutex<Written>,
}

/// Calls until the process is gone.
async fn call_on(request: impl Fn() -> reqwest::RequestBuilder, told: Arc<Told>) {
    loop {
        let sent = Instant::now();
        let Ok(response) = request().send().await else { return };
        let id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        let status = response.status().as_u16();
        if response.bytes().await.is_err() {
            return;
        }
        assert_eq!(status, 200);
        told.calls.lock().unwrap().push(Acknowledged { id, sent, ended: Instant::now() });
    }
}

/// One write of the admin API; `None` when the process is gone.
async fn write(process: &Process, method: &str, path: &str, body: Value) -> Option<Value> {
    let request = process.request_as(ADMIN_TOKEN, method, path).header("content-type", "application/json");
    let response = request.body(body.to_string()).send().await.ok()?;
    assert!(response.status().is_success(), "{method} {path}: {}", response.status());
    serde_json::from_slice(&response.bytes().await.ok()?).ok()
}

/// Creates keys and clients and changes keys until the process is gone.
async fn administer(process: Arc<Process>, provider: i64, round: u64, told: Arc<Told>) -> Option<()> {
    for number in 0.. {
        let name = format!("round-{round}-{number}");
        let secret = format!("sk-mock-healthy-{round}-{number}");
        let key = json!({"provider": provider, "name": name, "secret": secret, "weight": 1});
        let id = write(&process, "POST", "/api/keys", key).await?["id"].as_i64().expect("an id");
        told.written.lock().unwrap().keys.insert(id, 1);
        let weight = 2 + number % 50;
        let changed = write(&process, "PATCH", &format!("/api/keys/{id}"), json!({"weight": weight})).await?;
        assert_eq!(changed["weight"].as_i64(), Some(weight));
        told.written.lock().unwrap().keys.insert(id, weight);
        write(&process, "POST", "/api/clients", json!({"name": name})).await?;
        told.written.lock().unwrap().clients.insert(name);
    }
    None
}

/// Runs until a while after everybody has begun, and kills it then. The moment of its death.
async fn load_and_kill(process: Process, provider: i64, round: u64, told: &Arc<Told>) -> Instant {
    let process = Arc::new(process);
    let mut load = JoinSet::new();
    for caller in 0..CALLERS {
        let (sharing, told) = (process.clone(), told.clone());
        load.spawn(async move { call_on(|| sharing.chat_request(caller % 2 == 1), told).await });
    }
    let writing = administer(process.clone(), provider, round, told.clone());
    load.spawn(async move { assert!(writing.await.is_none()) });
    // At another point of the recorder's rhythm in each round.
    tokio::time::sleep(Duration::from_millis(250 + round * 37 % 150)).await;
    let killed = Instant::now();
    process.signal(rustix::process::Signal::KILL);
    load.join_all().await;
    Arc::into_inner(process).expect("nobody else has it").wait().await;
    killed
}

/// Checks copies of every database, so that the next start finds what the kill left behind.
fn assert_whole(data: &Path) {
    let copy = tempfile::tempdir().unwrap();
    let mut databases = Vec::new();
    for folder in ["", "calls"] {
        std::fs::create_dir_all(copy.path().join(folder)).unwrap();
        for entry in std::fs::read_dir(data.join(folder)).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            let to = copy.path().join(folder).join(&name);
            if name.contains(".db") && !name.ends_with("-shm") {
                std::fs::copy(entry.path(), &to).unwrap();
            }
            if name.ends_with(".db") {
                databases.push(to);
            }
        }
    }
    assert!(databases.len() >= 2, "a catalog and a segment: {databases:?}");
    for database in databases {
        let connection = rusqlite::Connection::open(&database).unwrap();
        let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok", "{}", database.display());
    }
}

/// Calls that were answered and are not in the log.
async fn missing<'a>(process: &Process, calls: &'a [Acknowledged]) -> Vec<&'a Acknowledged> {
    let mut logged = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = process.admin("GET", &format!("/api/calls?limit=1000&range=5m{cursor}"), Value::Null).await.json();
        let ids = page["calls"].as_array().expect("calls").iter();
        logged.extend(ids.map(|call| call["id"].as_str().expect("an id").to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) if !calls.iter().all(|call| logged.contains(&call.id)) => cursor = format!("&cursor={next}"),
            _ => break,
        }
    }
    let newest = calls.iter().filter(|call| logged.contains(&call.id)).map(|call| call.sent).max();
    let missing: Vec<_> = calls.iter().filter(|call| !logged.contains(&call.id)).collect();
    for call in &missing {
        assert!(newest.is_none_or(|newest| newest <= call.ended), "the log has a hole: {call:?}");
    }
    missing
}

async fn assert_written(process: &Process, written: &Written) {
    for (id, weight) in &written.keys {
        let key = process.admin("GET", &format!("/api/keys/{id}"), Value::Null).await;
        assert_eq!(key.status, 200, "key {id} was acknowledged and is gone");
        // A change that was on its way when the process died may have come through.
        assert!(key.json()["weight"].as_i64() >= Some(*weight), "{}", key.text());
    }
    let mut names = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = process.admin("GET", &format!("/api/clients?limit=1000{cursor}"), Value::Null).await.json();
        names.extend(
            page["clients"].as_array().expect("clients").iter().map(|client| client["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let lost: Vec<_> = written.clients.difference(&names).collect();
    assert!(lost.is_empty(), "clients that were acknowledged are gone: {lost:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_no_acknowledged_write_and_at_most_the_last_records() {
    let provider = MockProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let bootstrap = bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-a"), ("b", "sk-mock-healthy-b")]);
    let mut all = Written::default();
    let (mut answered, mut lags) = (0, Vec::new());
    let mut process = Process::start(folder.path(), &bootstrap, &[]).await;
    let id = process.admin("GET", "/api/providers", Value::Null).await.json()["providers"][0]["id"].as_i64().unwrap();
    for round in 1..=kills() {
        let told = Arc::new(Told::default());
        let killed = load_and_kill(process, id, round, &told).await;
        assert_whole(&folder.path().join("data"));
        process = Process::start(folder.path(), &bootstrap, &[]).await;
        let calls = told.calls.lock().unwrap().clone();
        let written = told.written.lock().unwrap().clone();
        let lag = missing(&process, &calls).await.iter().map(|call| killed.saturating_duration_since(call.ended)).max();
        assert_written(&process, &written).await;
        lags.push(lag.unwrap_or_default());
        answered += calls.len();
        all.keys.extend(written.keys);
        all.clients.extend(written.clients);
    }
    assert_written(&process, &all).await;
    lags.sort();
    let (usual, longest) = (lags[lags.len() * 8 / 10], lags[lags.len() - 1]);
    println!(
        "{} kills, {answered} calls answered, {} keys and {} clients written; the oldest missing record was {usual:?} old in four of five rounds, {longest:?} at most",
        kills(),
        all.keys.len(),
        all.clients.len()
    );
    assert!(!all.keys.is_empty() && !all.clients.is_empty() && answered > 0);
    // Beyond the time of gathering lies that of one write, which a busy disk may draw out.
    assert!(usual <= FLUSH + Duration::from_millis(100), "{lags:?}");
    assert!(longest <= FLUSH + Duration::from_secs(1), "{lags:?}");
}

/// Keys of one import.
const IMPORTED: usize = 2_000;

/// How many keys have a tag.
async fn tagged(process: &Process, tag: &str) -> usize {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let page = process.admin("GET", &format!("/api/keys?limit=1000&tag={tag}{cursor}"), Value::Null).await.json();
        count += page["keys"].as_array().expect("keys").len();
        let Some(next) = page["next_cursor"].as_str() else { return count };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_during_an_import_leaves_all_of_it_or_nothing() {
    let provider = MockProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let bootstrap = bootstrap_of(&provider, "", &[]);
    let mut process = Process::start(folder.path(), &bootstrap, &[]).await;
    let id = process.admin("GET", "/api/providers", Value::Null).await.json()["providers"][0]["id"].clone();
    let rounds = 8;
    let mut whole = Duration::ZERO;
    let mut found = Vec::new();
    for round in 0..=rounds {
        let tag = format!("round-{round}");
        let text: String = (0..IMPORTED).map(|at| format!("sk-import-{round}-{at:06},{tag} {at}\n")).collect();
        let body = json!({"provider": id, "text": text, "tags": [tag]}).to_string();
        let request = process.request_as(ADMIN_TOKEN, "POST", "/api/keys/import").header("content-type", "application/json");
        let importing = tokio::spawn(async move {
            let response = request.body(body).send().await.ok()?;
            let text = response.text().await.ok()?;
            text.lines().rev().find_map(|line| line.strip_prefix("data:")).map(str::to_owned)
        });
        let began = Instant::now();
        let acknowledged = if round == 0 {
            let last = importing.await.unwrap().expect("a last event");
            whole = began.elapsed();
            let last: Value = serde_json::from_str(last.trim()).unwrap();
            last["result"]["ids"].as_array().map_or(0, Vec::len)
        } else {
            // At another point of the work in each round, the first as good as at its beginning.
            tokio::time::sleep(whole * (round - 1) / rounds).await;
            process.signal(rustix::process::Signal::KILL);
            let last = importing.await.unwrap().unwrap_or_default();
            if last.contains("\"result\":{") { IMPORTED } else { 0 }
        };
        process.signal(rustix::process::Signal::KILL);
        process.wait().await;
        assert_whole(&folder.path().join("data"));
        process = Process::start(folder.path(), &bootstrap, &[]).await;
        let stored = tagged(&process, &tag).await;
        assert!([0, IMPORTED].contains(&stored), "round {round}: {stored} of {IMPORTED} keys");
        assert!(stored >= acknowledged, "round {round}: what was acknowledged is there");
        found.push(stored);
    }
    println!("an import of {IMPORTED} keys took {whole:?}; keys after each kill: {found:?}");
    assert_eq!((found[0], found[1]), (IMPORTED, 0), "{found:?}");
}
