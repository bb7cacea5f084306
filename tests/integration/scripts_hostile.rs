//! Scripts that mean harm, in the real process with two worker threads: each is stopped, and nobody else notices.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join;
use keywheel::mock::{Behaviour, MockProvider};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::app::{Answer, chat_body, eventually, read};
use crate::hostile_scripts::{BODIES, HELPERS, IN_OTHER_HOOKS};
use crate::process::Process;
use crate::scripts::bootstrap;

/// Long enough for a machine that does a hundred other things; a script that is not stopped takes for ever.
const BUSY: Duration = Duration::from_secs(10);

/// The process, with this script in its folder.
async fn start(provider: &MockProvider, script: &str) -> (TempDir, Process) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("scripts")).expect("the script folder");
    std::fs::write(folder.path().join("scripts/a.rhai"), script).expect("the script");
    let process = Process::start(folder.path(), &bootstrap(provider), &[("KEYWHEEL_THREADS", "2")]).await;
    (folder, process)
}

async fn ask(process: &Process, model: &str) -> Answer {
    let body = chat_body(model == "events").replace("gpt-4o-mini", model);
    read(process.request("POST", "/v1/chat/completions").body(body)).await
}

async fn put(process: &Process, name: &str, text: &str) -> Answer {
    process.admin("PUT", &format!("/api/scripts/files/{name}"), json!({ "text": text })).await
}

/// What the API tells of a hook.
async fn hook(process: &Process, name: &str) -> Value {
    let hooks = process.admin("GET", "/api/scripts", Value::Null).await.json()["hooks"].take();
    hooks.as_array().and_then(|hooks| hooks.iter().find(|hook| hook["hook"] == name)).expect("a hook of that name").clone()
}

/// Calls that have nothing to do with the hostile ones, one after another, until the work is done: how long each took.
async fn others_meanwhile<T>(process: &Process, work: impl Future<Output = T>) -> (T, Vec<Duration>) {
    let is_done = AtomicBool::new(false);
    let others = async {
        let mut took = Vec::new();
        while !is_done.load(Ordering::Relaxed) {
            let began = Instant::now();
            let answer = ask(process, "fast").await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            took.push(began.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        took.sort();
        took
    };
    let work = async {
        let result = work.await;
        is_done.store(true, Ordering::Relaxed);
        result
    };
    join(work, others).await
}

fn tell(what: &str, took: &[Duration]) {
    let at = |share: usize| took[(took.len() - 1) * share / 100];
    println!("{what}: {} other calls, half of them within {:?}, 99 % within {:?}", took.len(), at(50), at(99));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_filter_is_stopped_and_other_calls_go_on() {
    let mut script = HELPERS.to_owned();
    for (at, (_, body)) in BODIES.iter().enumerate() {
        writeln!(script, "fn hostile_{at}(req) {{ {body} }}").expect("a string takes everything");
    }
    script += "fn on_request(req) {\n    switch req.model {\n";
    for at in 0..BODIES.len() {
        writeln!(script, "        \"hostile-{at}\" => hostile_{at}(req),").expect("a string takes everything");
    }
    script += "    }\n}\n";
    let provider = MockProvider::start().await;
    let (_folder, process) = start(&provider, &script).await;
    let hostile = async {
        let mut slowest = (Duration::ZERO, "");
        for (at, (what, _)) in BODIES.iter().enumerate() {
            let began = Instant::now();
            let answer = ask(&process, &format!("hostile-{at}")).await;
            assert_eq!((answer.status, answer.code().as_str()), (500, "script_error"), "{what}");
            assert!(began.elapsed() < BUSY, "{what} took {:?}", began.elapsed());
            slowest = slowest.max((began.elapsed(), *what));
            // Another one in between, so that the filter is not left out for failing too often in a row.
            assert_eq!(ask(&process, "fast").await.status, 200, "after {what}");
        }
        slowest
    };
    let (slowest, others) = others_meanwhile(&process, hostile).await;
    let report = hook(&process, "on_request").await;
    println!("the slowest is {slowest:?}; the longest run of the hook took {} µs", report["max_us"]);
    tell("hostile filters", &others);
    assert_eq!(report["failures"], BODIES.len(), "{report}");
    assert_eq!((&report["quarantined"], &report["skipped"]), (&json!(false), &json!(0)));
    assert!(provider.seen().iter().all(|seen| !seen.text().contains("hostile-")), "what a filter could not judge was not sent");
}

/// A function for each hook, which runs the hostile body that a call's model names.
fn in_other_hooks() -> String {
    let hooks = [
        ("route", "req", "req.model"),
        ("select_key", "req, keys, attempt", "req.model"),
        ("on_upstream_request", "up, key, attempt", "up.model"),
        ("classify_error", "err, key, attempt", "err.code"),
        ("on_response", "req, resp", "req.model"),
        ("on_chunk", "req, event", "req.model"),
        ("on_complete", "record", "record.model"),
    ];
    let mut script = String::new();
    for (hook, parameters, model) in hooks {
        // One failure for each stream: a hook that fails for event after event would be left out.
        let first_alone = if hook == "on_chunk" { "if event.index > 0 { return; }" } else { "" };
        let mut choice = format!("fn {hook}({parameters}) {{\n    {first_alone}\n    switch {model} {{\n");
        for (at, (_, _, body)) in IN_OTHER_HOOKS.iter().enumerate().filter(|(_, (_, of, _))| *of == hook) {
            writeln!(script, "fn other_{at}({parameters}) {{ {body} }}").expect("a string takes everything");
            writeln!(choice, "        \"other-{at}\" => other_{at}({parameters}),").expect("a string takes everything");
        }
        script += &format!("{choice}    }}\n}}\n");
    }
    script
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_scripts_in_other_hooks_are_stopped_and_the_call_goes_on_as_built_in() {
    let provider = MockProvider::start().await;
    provider.behave(|request| {
        let model = request.json::<Value>()?["model"].as_str()?.to_owned();
        let at: usize = model.strip_prefix("other-")?.parse().ok()?;
        (IN_OTHER_HOOKS[at].1 == "classify_error").then(|| Behaviour::answer(400).json(&json!({"error": {"code": model}})))
    });
    let (_folder, process) = start(&provider, &in_other_hooks()).await;
    let hostile = async {
        for (at, (what, name, _)) in IN_OTHER_HOOKS.iter().enumerate().filter(|(_, (_, name, _))| *name != "on_key_event") {
            let before = hook(&process, name).await["failures"].as_u64();
            let body = chat_body(*name == "on_chunk").replace("gpt-4o-mini", &format!("other-{at}"));
            let began = Instant::now();
            let answer = read(process.request("POST", "/v1/chat/completions").body(body)).await;
            let expected = match *name {
                "on_upstream_request" => (500, "script_error".to_owned()),
                "classify_error" => (400, format!("other-{at}")),
                _ => (200, String::new()),
            };
            let code = if answer.status == 200 { String::new() } else { answer.code() };
            assert_eq!((answer.status, code), expected, "{what} in {name}: {}", answer.text());
            assert!(began.elapsed() < BUSY, "{what} took {:?}", began.elapsed());
            eventually(what, async || hook(&process, name).await["failures"].as_u64() > before).await;
            assert_eq!(ask(&process, "fast").await.status, 200, "after {what}");
        }
    };
    let ((), others) = others_meanwhile(&process, hostile).await;
    tell("hostile scripts in other hooks", &others);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_in_any_hook_is_stopped_and_what_follows_is_as_built_in() {
    let provider = MockProvider::start().await;
    provider.behave(|request| {
        let model = request.json::<Value>().map(|body| body["model"].clone());
        (model == Some("errors".into()) && request.secret() == Some("sk-mock-healthy-a"))
            .then(|| Behaviour::answer(401).json(&json!({"error": {"code": "invalid_api_key"}})))
    });
    let script = r#"
        fn on_request(req) { if req.model == "filtered" { loop { } } }
        fn route(req) { if req.model == "routed" { loop { } } }
        fn select_key(req, keys, attempt) {
            if req.model == "selected" { loop { keys.filter(|key| { loop { } }); } }
            if req.model == "errors" && attempt == 1 { return keys.filter(|key| key.name == "a"); }
        }
        fn on_upstream_request(up, key, attempt) { if up.model == "sent" { loop { } } }
        fn classify_error(err, key, attempt) { loop { } }
        fn on_response(req, resp) { if req.model == "answered" { loop { } } }
        fn on_chunk(req, event) { if event.index == 1 { loop { } } }
        fn on_complete(record) { if record.model == "ended" { loop { } } }
        fn on_key_event(event) { loop { } }
    "#;
    let (_folder, process) = start(&provider, script).await;
    let hostile = async {
        for (model, status) in [
            ("filtered", 500),
            ("routed", 200),
            ("selected", 200),
            ("sent", 500),
            ("errors", 200),
            ("answered", 200),
            ("events", 200),
            ("ended", 200),
        ] {
            let answer = ask(&process, model).await;
            assert_eq!(answer.status, status, "{model}: {}", answer.text());
            if status == 500 {
                assert_eq!(answer.code(), "script_error", "{model}");
            }
            if model == "events" {
                assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
            }
        }
    };
    let ((), others) = others_meanwhile(&process, hostile).await;
    tell("loops in every hook", &others);
    let hooks = [
        "on_request",
        "route",
        "select_key",
        "on_upstream_request",
        "classify_error",
        "on_response",
        "on_chunk",
        "on_complete",
        "on_key_event",
    ];
    for name in hooks {
        eventually(name, async || hook(&process, name).await["stopped"].as_u64() >= Some(1)).await;
        let failure = hook(&process, name).await["last_failure"].take();
        assert!(["operations", "time"].iter().any(|kind| failure["kind"] == *kind), "{name}: {failure}");
    }
    let sent: Vec<_> = provider.seen().iter().filter_map(|seen| seen.json::<Value>()).collect();
    assert!(sent.iter().all(|body| body["model"] != "filtered" && body["model"] != "sent"), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_script_reaches_another_host_or_a_foreign_key_and_anything_may_be_thrown() {
    let paths = [
        "//EVIL/v1/x",
        "http://EVIL/v1/x",
        "@EVIL/x",
        "/../../admin",
        "/%2e%2e/%2e%2e/x",
        "/..%2fx",
        "\\\\\\\\EVIL\\\\x",
        "/x?url=http://EVIL",
        "/x#y",
        "/x\\r\\nhost: EVIL",
        "/x y",
        "",
        ":80/x",
    ];
    let headers =
        ["host", "authorization", "proxy-authorization", "x-api-key", "transfer-encoding", "connection", "content-length"];
    let thrown = [
        "1",
        "()",
        "#{a: [1, #{}]}",
        "[req, req]",
        "req",
        "req.body",
        "|x| x",
        "`${req.model}`",
        "0.0 / 0.0",
        "req.client.tags",
    ];
    let chosen = [
        "1",
        "[1, 2]",
        "\"a\"",
        "#{id: 1}",
        "[keys, keys]",
        "mock_keys([#{id: 99}])",
        "keys.get(999)",
        "[()]",
        "req",
        "keys[\"a\"]",
    ];
    let mut script = String::from("fn on_upstream_request(up, key, attempt) {\n    switch up.model {\n");
    let evil = MockProvider::start().await;
    let evil_host = evil.base_url().replace("http://", "").replace("/v1", "");
    let mut line = |text: String| writeln!(script, "{text}").expect("a string takes everything");
    for (at, path) in paths.iter().enumerate() {
        line(format!("        \"path-{at}\" => {{ up.path = \"{}\"; }},", path.replace("EVIL", &evil_host)));
    }
    for (at, name) in headers.iter().enumerate() {
        line(format!("        \"header-{at}\" => {{ up.headers[\"{name}\"] = \"{evil_host}\"; }},"));
    }
    line("    }\n}\nfn on_request(req) {\n    switch req.model {".to_owned());
    for (at, value) in thrown.iter().enumerate() {
        line(format!("        \"throw-{at}\" => {{ throw {value}; }},"));
    }
    line("    }\n}\nfn select_key(req, keys, attempt) {\n    switch req.model {".to_owned());
    for (at, value) in chosen.iter().enumerate() {
        line(format!("        \"choose-{at}\" => {value},"));
    }
    line("    }\n}".to_owned());
    let provider = MockProvider::start().await;
    let (_folder, process) = start(&provider, &script).await;
    let groups = [
        ("path", paths.len(), 500),
        ("header", headers.len(), 500),
        ("throw", thrown.len(), 500),
        ("choose", chosen.len(), 200),
    ];
    for (group, count, status) in groups {
        for at in 0..count {
            let answer = ask(&process, &format!("{group}-{at}")).await;
            assert_eq!(answer.status, status, "{group}-{at}: {}", answer.text());
            assert!(status == 200 || answer.code() == "script_error", "{group}-{at}: {}", answer.text());
            let fast = ask(&process, "fast").await;
            assert_eq!(fast.status, 200, "after {group}-{at}: {}", fast.text());
        }
    }
    assert!(evil.seen().is_empty(), "nothing went to another host");
    for seen in provider.seen() {
        assert!(["/v1/models", "/v1/chat/completions"].contains(&seen.path()), "{}", seen.path());
        assert!(seen.secret().is_some_and(|secret| secret.starts_with("sk-mock-healthy-")), "{:?}", seen.secret());
        assert!(
            !["path", "header", "throw"].iter().any(|group| seen.text().contains(&format!("\"{group}-"))),
            "{}",
            seen.text()
        );
    }
    let report = hook(&process, "on_request").await;
    assert_eq!(report["failures"], thrown.len(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hostile_at_a_load_is_refused_with_its_place_and_holds_up_nobody() {
    let provider = MockProvider::start().await;
    let good = "fn on_request(req) { req.tags.push(\"good\"); }";
    let (_folder, process) = start(&provider, good).await;
    let version = process.admin("GET", "/api/scripts", Value::Null).await.json()["version"].clone();
    let deep = format!("fn x() {{\n{}1{} }}", "(1 + ".repeat(5_000), ")".repeat(5_000));
    let long = "// x\n".repeat(210_000);
    let refused: [(&str, u64); 14] = [
        ("fn on_request(req) {\n  sleep(10);\n}", 2),
        ("\nloop { }", 2),
        ("\n\nfn on_load(config) { loop { } }", 0),
        ("fn test_it() { loop { } }", 0),
        ("let s = \"x\";\nloop { s += s; }", 2),
        ("\nimport \"/etc/passwd\" as p;", 2),
        ("import \"../../etc/passwd\" as p;", 1),
        ("import \"b\" as me;", 1),
        ("fn route(req) {\n  import \"/etc/passwd\" as p;\n}", 2),
        ("fn on_request(req) {\n  eval(\"1\")\n}", 2),
        ("fn on_request(req) {\n  open_file(\"/etc/passwd\")\n}", 0),
        ("fn x() {\n  x(", 2),
        (&deep, 2),
        (&long, 0),
    ];
    let hostile = async {
        for (text, line) in refused {
            let began = Instant::now();
            let shown = &text[..text.len().min(80)];
            let answer = put(&process, "b.rhai", text).await;
            assert!(began.elapsed() < BUSY, "{shown} took {:?}", began.elapsed());
            if text.contains("open_file") {
                // Rhai looks functions up when they are called: there is none of that name.
                assert_eq!(answer.status, 200, "{shown}: {}", answer.text());
                assert_eq!(ask(&process, "unjudged").await.code(), "script_error");
                assert_eq!(process.admin("DELETE", "/api/scripts/files/b.rhai", Value::Null).await.status, 200);
                continue;
            }
            assert!((400..500).contains(&answer.status), "{shown}: {} {}", answer.status, answer.text());
            if line > 0 {
                let problem = answer.json()["error"]["problems"][0].clone();
                assert_eq!((&problem["script"], &problem["line"]), (&json!("b.rhai"), &json!(line)), "{shown}: {problem}");
            }
        }
    };
    let is_done = AtomicBool::new(false);
    let others = async {
        let mut took = Vec::new();
        while !is_done.load(Ordering::Relaxed) {
            let began = Instant::now();
            // The one script that loads is a filter that fails, for as long as it is live.
            let answer = ask(&process, "fast").await;
            assert!(answer.status == 200 || answer.code() == "script_error", "{}", answer.text());
            took.push(began.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        took.sort();
        took
    };
    let hostile = async {
        hostile.await;
        is_done.store(true, Ordering::Relaxed);
    };
    let ((), took) = join(hostile, others).await;
    tell("hostile loads", &took);
    let state = process.admin("GET", "/api/scripts", Value::Null).await.json();
    assert_eq!((&state["version"], &state["files"].as_array().map(Vec::len)), (&version, &Some(1)), "the good set is live");
    assert_eq!(ask(&process, "fast").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_breaks_its_time_limit_twenty_times_is_left_out_at_no_cost() {
    let provider = MockProvider::start().await;
    let (_folder, process) =
        start(&provider, "fn on_request(req) { let s = \"a\"; s.pad(2000000, \"a\"); loop { s.to_upper(); } }").await;
    for _ in 0..30 {
        assert_eq!(ask(&process, "fast").await.code(), "script_error", "a filter that is left out stays closed");
    }
    let report = hook(&process, "on_request").await;
    assert_eq!((&report["calls"], &report["stopped"], &report["skipped"]), (&json!(20), &json!(20), &json!(10)), "{report}");
    assert_eq!(report["quarantined"], true);
    assert_eq!(put(&process, "a.rhai", "fn on_request(req) { }").await.status, 200);
    assert_eq!(ask(&process, "fast").await.status, 200, "a reload brings it back");
    assert_eq!(hook(&process, "on_request").await["quarantined"], false);
}
