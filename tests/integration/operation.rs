//! What happens to a server in operation: it is asked to end, its disk fills up, its files are damaged or locked.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keywheel::clock::Clock;
use keywheel::domain::{ClientId, KeyId, ProviderId, Ref};
use keywheel::mock::{Behaviour, Ending, MockProvider};
use keywheel::store::{SampleHistory, SampleKey, SampleModel, open_call_log};
use reqwest::RequestBuilder;
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::{Value, json};

use crate::app::{bootstrap_of, eventually, read};
use crate::process::{Process, number_from};

const KEYS: &[(&str, &str)] = &[("a", "sk-mock-healthy-a"), ("b", "sk-mock-healthy-b")];

/// A stream that says something, waits, and goes on or not.
fn stream(ends: bool) -> Behaviour {
    let content = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]}).to_string();
    let behaviour = Behaviour::stream().event(&content("one"));
    if !ends {
        return behaviour.ending(Ending::Hang);
    }
    let finish = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}).to_string();
    behaviour.pause_ms(1_000).event(&content("two")).event(&finish).done()
}

/// Reads a stream as far as it goes; whether it ended cleanly.
async fn read_stream(mut response: reqwest::Response) -> (String, bool) {
    let mut text = Vec::new();
    let clean = loop {
        match response.chunk().await {
            Ok(Some(piece)) => text.extend_from_slice(&piece),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    (String::from_utf8(text).expect("text"), clean)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_asked_to_end_lets_streams_finish_and_tells_the_rest() {
    let provider = MockProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let variables = [("KEYWHEEL_DRAIN_TIMEOUT", "3s")];
    let process = Process::start(folder.path(), &bootstrap_of(&provider, "", KEYS), &variables).await;
    let chats = AtomicUsize::new(0);
    provider.behave(move |request| {
        let is_chat = request.path().ends_with("/chat/completions");
        is_chat.then(|| stream(chats.fetch_add(1, Ordering::Relaxed).is_multiple_of(2)))
    });
    let mut streams = Vec::new();
    for _ in 0..50 {
        let response = process.chat_request(true).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        streams.push(tokio::spawn(read_stream(response)));
    }
    let asked = Instant::now();
    process.signal(Signal::TERM);
    // A connection is closed when it is idle, maybe just when a request is sent on it.
    let answers =
        async |request: RequestBuilder, status: u16| request.send().await.is_ok_and(|answer| answer.status() == status);
    eventually("it is not ready", async || answers(process.request("GET", "/readyz"), 503).await).await;
    eventually("it is alive all the same", async || answers(process.request("GET", "/healthz"), 200).await).await;
    eventually("no new work", async || answers(process.chat_request(false), 503).await).await;
    for (number, reading) in streams.into_iter().enumerate() {
        let (text, clean) = reading.await.expect("a reader");
        if number % 2 == 0 {
            assert!(clean && text.contains("two") && text.ends_with("data: [DONE]\n\n"), "{number}: {text}");
        } else {
            assert!(!clean && text.contains("one") && text.contains("shutting_down"), "{number}: {text}");
            assert!(asked.elapsed() >= Duration::from_secs(3), "{number} was cut before the deadline");
        }
    }
    assert_eq!(process.wait().await, Some(0));
    println!("50 streams: ended {:?} after the signal", asked.elapsed());
    let process = Process::start(folder.path(), &bootstrap_of(&provider, "", KEYS), &[]).await;
    let calls = process.admin("GET", "/api/calls?limit=1000", Value::Null).await.json();
    let outcomes: Vec<_> =
        calls["calls"].as_array().unwrap().iter().map(|call| call["outcome"].as_str().unwrap().to_owned()).collect();
    let count = |outcome: &str| outcomes.iter().filter(|other| *other == outcome).count();
    assert_eq!((count("success"), count("interrupted")), (25, 25), "{outcomes:?}");
}

/// No file of the process may grow beyond these bytes; `None` is no limit.
fn limit_files(process: &Process, bytes: Option<u64>) {
    let pid = Pid::from_raw(process.id() as i32);
    prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).expect("a child of ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_costs_records_and_admin_writes_and_no_call() {
    let provider = MockProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &bootstrap_of(&provider, "", KEYS), &[]).await;
    let create = async |name: &str| process.admin("POST", "/api/clients", json!({"name": name})).await;
    assert_eq!(read(process.chat_request(false)).await.status, 200);
    assert_eq!(create("before").await.status, 201);

    limit_files(&process, Some(0));
    let refused = create("meanwhile").await;
    println!("an admin write on a full disk: {} {}", refused.status, refused.text());
    assert_eq!((refused.status, refused.code().as_str()), (503, "disk_full"), "{}", refused.text());
    assert!(refused.json()["error"]["message"].as_str().is_some_and(|message| !message.is_empty()));
    let dropped = r#"keywheel_records_dropped_total{reason="disk"}"#;
    let mut calls = 0;
    let began = Instant::now();
    while process.metric(dropped).await < 1.0 {
        let answer = read(process.chat_request(calls % 2 == 0)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        calls += 1;
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "no drop was counted: {} {}",
            process.output(),
            read(process.request("GET", "/metrics")).await.text()
        );
    }
    println!("{calls} calls were served on a full disk; {} records dropped", process.metric(dropped).await);

    limit_files(&process, None);
    eventually("admin writes work again", async || create("after").await.status == 201).await;
    eventually("calls are recorded again", async || {
        let answer = read(process.chat_request(false)).await;
        let id = answer.header("x-request-id").to_owned();
        tokio::time::sleep(Duration::from_millis(300)).await;
        process.admin("GET", &format!("/api/calls/{id}"), Value::Null).await.status == 200
    })
    .await;
    let clients = process.admin("GET", "/api/clients", Value::Null).await.json();
    let names: Vec<_> = clients["clients"].as_array().unwrap().iter().map(|client| client["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"before") && names.contains(&"after") && !names.contains(&"meanwhile"), "{names:?}");
    assert_eq!(process.stop().await, Some(0));
}

/// Every file of the data folder that a start must not touch when it refuses.
fn contents(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for folder in [data.to_owned(), data.join("calls")] {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_file() && !path.ends_with("keywheel.lock") {
                all.insert(path.display().to_string(), std::fs::read(&path).unwrap());
            }
        }
    }
    all
}

fn damage(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let page = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    bytes[page..page * 3].fill(0xA5);
    std::fs::write(file, bytes).unwrap();
}

fn make_newer(file: &Path) {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.pragma_update(None, "user_version", 9_999).unwrap();
    connection.pragma_update(None, "journal_mode", "DELETE").unwrap();
}

fn segment(data: &Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(data.join("calls")).unwrap().flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "db")).max().expect("a segment")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_newer_database_is_refused_and_left_as_it_is() {
    let provider = MockProvider::start().await;
    let bootstrap = bootstrap_of(&provider, "", KEYS);
    for (change, word) in [(damage as fn(&Path), "corrupt"), (make_newer, "newer")] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let process = Process::start(folder.path(), &bootstrap, &[]).await;
        assert_eq!(read(process.chat_request(false)).await.status, 200);
        assert_eq!(process.stop().await, Some(0));
        let catalog = data.join("keywheel.db");
        let good = std::fs::read(&catalog).unwrap();
        change(&catalog);
        let before = contents(&data);
        let refused = Process::command(folder.path(), &bootstrap, &[]).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("keywheel.db") && said.contains(word) && said.contains("not touched"), "{said}");
        assert!(refused.stdout.is_empty());
        assert!(before == contents(&data), "a file was touched");

        // A day's log that cannot be used stands in no call's way, and is left as it is.
        std::fs::write(&catalog, good).unwrap();
        let segment = segment(&data);
        change(&segment);
        let before = std::fs::read(&segment).unwrap();
        let process = Process::start(folder.path(), &bootstrap, &[]).await;
        assert_eq!(read(process.chat_request(false)).await.status, 200);
        let dropped = r#"keywheel_records_dropped_total{reason="disk"}"#;
        eventually("the drop is counted", async || process.metric(dropped).await >= 1.0).await;
        assert_eq!(process.stop().await, Some(0));
        assert!(before == std::fs::read(&segment).unwrap(), "the segment was touched");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_lock_on_the_databases_keeps_no_call_waiting() {
    let held = Duration::from_secs(number_from("KEYWHEEL_TEST_LOCK_S", 2));
    let provider = MockProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &bootstrap_of(&provider, "", KEYS), &[]).await;
    assert_eq!(read(process.chat_request(false)).await.status, 200);
    let data = folder.path().join("data");
    eventually("the segment is there", async || data.join("calls").read_dir().unwrap().count() > 0).await;
    let locks: Vec<_> = [data.join("keywheel.db"), data.join("rollups.db"), segment(&data)]
        .iter()
        .map(|file| {
            let connection = rusqlite::Connection::open(file).unwrap();
            connection.busy_timeout(Duration::from_secs(5)).unwrap();
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            connection
        })
        .collect();
    let locked = Instant::now();
    let writing = process.admin("POST", "/api/clients", json!({"name": "patient"}));
    let calling = async {
        let (mut ids, mut slowest) = (Vec::new(), Duration::ZERO);
        while locked.elapsed() < held {
            let began = Instant::now();
            let answer = read(process.chat_request(ids.len() % 2 == 0)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            slowest = slowest.max(began.elapsed());
            ids.push(answer.header("x-request-id").to_owned());
        }
        drop(locks);
        (ids, slowest)
    };
    let (written, (ids, slowest)) = tokio::join!(writing, calling);
    println!("{} calls under a lock of {held:?}, the slowest {slowest:?}", ids.len());
    assert!(slowest < Duration::from_secs(1), "a call waited for the lock: {slowest:?}");
    assert!(ids.len() > 20, "only {} calls", ids.len());
    assert_eq!(written.status, 201, "it waited and was written: {}", written.text());
    for id in [&ids[0], &ids[ids.len() - 1]] {
        eventually("no record is lost", async || {
            process.admin("GET", &format!("/api/calls/{id}"), Value::Null).await.status == 200
        })
        .await;
    }
}

/// Records of the day that goes: `KEYWHEEL_TEST_OLD_CALLS=1000000` for a longer look.
fn old_calls() -> usize {
    number_from("KEYWHEEL_TEST_OLD_CALLS", 20_000) as usize
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_beyond_its_retention_goes_while_calls_go_on_and_its_sums_stay() {
    const DAY_MS: i64 = 86_400_000;
    let provider = MockProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let now = Clock::start().now().unix_ms;
    let day = (now / DAY_MS - 5) * DAY_MS;
    let history = SampleHistory {
        from_ms: day,
        to_ms: day + DAY_MS - 1,
        calls: old_calls(),
        seed: 7,
        clients: vec![Ref { id: ClientId(1), name: "app".into() }],
        keys: vec![SampleKey {
            provider: Ref { id: ProviderId(1), name: "mock".into() },
            key: Ref { id: KeyId(1), name: "a".into() },
        }],
        models: vec![SampleModel { asked: "m".into(), served: "m".into(), price: None }],
    };
    let (_, mut writer) = open_call_log(&data).unwrap();
    history.write(&mut writer, now).unwrap();
    writer.close(now).unwrap();
    let file = std::fs::read_dir(data.join("calls")).unwrap().next().expect("a day").unwrap().path();

    let process = Process::start(folder.path(), &bootstrap_of(&provider, "", KEYS), &[]).await;
    let mut times = Vec::new();
    let mut call = async || {
        let asked = Instant::now();
        let answer = read(process.chat_request(times.len() % 2 == 0)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        times.push(asked.elapsed());
    };
    for _ in 0..20 {
        call().await;
    }
    assert!(file.exists(), "it is kept for 90 days");
    let shortened = process.admin("PATCH", "/api/settings", json!({ "retention_days": 1 })).await;
    assert_eq!(shortened.status, 200, "{}", shortened.text());
    let began = Instant::now();
    while file.exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "the day does not go");
        call().await;
    }
    let gone = began.elapsed();
    for _ in 0..20 {
        call().await;
    }
    times.sort();
    println!(
        "a day of {} records was gone after {gone:?}; of {} calls the slowest took {:?}",
        old_calls(),
        times.len(),
        times.last()
    );
    let sums = process.admin("GET", "/api/stats/totals?range=30d", Value::Null).await.json();
    let summed = sums["total"]["calls"].as_u64().unwrap_or_else(|| panic!("{sums}"));
    assert!(summed >= old_calls() as u64 + 40, "what was counted stays: {summed}");
    let recorder = process.admin("GET", "/api/system", Value::Null).await.json()["recorder"].clone();
    assert_eq!((&recorder["dropped_queue"], &recorder["dropped_disk"]), (&json!(0), &json!(0)), "{recorder}");
}
