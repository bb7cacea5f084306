//! Drafts of scripts, tried before they go live: against one request, against logged calls, and beside live ones.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Value, json};

use super::app::{Answer, TestApp, chat_body, eventually, secrets_seen};
use super::scripts_api::{put, start};

pub async fn post(app: &TestApp, path: &str, body: Value) -> Value {
    let answer = app.admin("POST", path, body).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

pub async fn get(app: &TestApp, path: &str) -> Value {
    let answer = app.admin("GET", path, Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

pub fn draft(text: &str) -> Value {
    json!({ "files": { "draft.rhai": text } })
}

const EVERY_HOOK: &str = r#"
fn on_request(req) {
    log_info("seen " + kv_incr("count", 1, 60));
    req.body.user = "x";
    req.tags.push("tried");
    ()
}
fn route(req) { #{ model: "gpt-4o" } }
fn select_key(req, keys, attempt) { keys.filter(|key| key.name == "b") }
fn on_upstream_request(up, key, attempt) { up.headers["x-key"] = key.name; }
fn classify_error(err, key, attempt) { #{ retry: "none", reason: err.code } }
fn on_response(req, resp) { resp.body.note = "hi"; }
fn on_chunk(req, event) { if event.index == 1 { false } }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_every_hook_and_changes_nothing() {
    let (provider, app) = start().await;
    put(&app, "live.rhai", "fn on_request(req) { kv_incr(\"count\", 1, 60); () }").await;
    app.chat().await;
    let version = get(&app, "/api/scripts").await["version"].clone();
    let (sent, body) = (secrets_seen(&provider).len(), r#"{"model":"gpt-4o-mini", "n":1.0}"#);
    let request = json!({
        "draft": draft(EVERY_HOOK), "request": { "body": body, "headers": { "x-team": "a" } },
        "errors": [{ "status": 429, "code": "slow_down" }], "response": { "status": 200, "body": { "id": 1 } },
        "events": [{ "data": "{\"a\":1}" }, { "data": "{\"a\":2}" }],
    });
    let mut request = request;
    request["draft"]["files"]["live.rhai"] = Value::Null;
    let found = post(&app, "/api/scripts/dry-run", request.clone()).await;
    let steps = found["steps"].as_array().unwrap();
    let names: Vec<&str> = steps.iter().map(|step| step["hook"].as_str().unwrap()).collect();
    let expected =
        ["on_request", "route", "select_key", "on_upstream_request", "classify_error", "on_response", "on_chunk", "on_chunk"];
    assert_eq!(names, expected);
    let [first, routed, selected, upstream, classified, response, kept, dropped] = &steps[..] else { unreachable!() };
    assert_eq!(first["changes"]["body"], json!([{ "at": "/user", "set": "x" }]));
    assert_eq!(first["changes"]["tags"], json!(["tried"]));
    assert!(first["operations"].as_u64().unwrap() > 0 && first["failure"].is_null());
    assert_eq!((&routed["answer"]["model"], &selected["answer"]), (&json!("gpt-4o"), &json!(["b"])));
    assert_eq!((&upstream["changes"]["headers"]["x-key"], &classified["answer"]["retry"]), (&json!("b"), &json!("none")));
    assert_eq!(response["changes"]["body"], json!([{ "at": "/note", "set": "hi" }]));
    assert_eq!((&kept["answer"], &dropped["answer"]), (&Value::Null, &json!(false)));
    let decision = &found["decision"];
    assert_eq!(
        (&decision["ending"], &decision["model"], &decision["key_name"]),
        (&json!("sent"), &json!("gpt-4o"), &json!("b"))
    );
    assert!(decision["body"].as_str().unwrap().contains("1.0"), "numbers stay as they were written: {decision}");
    assert_eq!((&found["live"]["model"], &found["live"]["key_name"]), (&json!("gpt-4o-mini"), &Value::Null));
    // The store was copied: the live call's count is seen, and the trial's own goes away with it.
    for _ in 0..2 {
        let again = post(&app, "/api/scripts/dry-run", request.clone()).await;
        assert_eq!(again["steps"][0]["log"][0]["text"], steps[0]["log"][0]["text"]);
    }
    assert_eq!(secrets_seen(&provider).len(), sent, "no provider was contacted");
    let state = get(&app, "/api/scripts").await;
    assert_eq!((&state["version"], state["files"].as_array().unwrap().len()), (&version, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_in_a_dry_run_has_its_place() {
    let (_provider, app) = start().await;
    let body = json!({ "draft": draft("fn route(req) {\n  let x = ;\n}"), "request": {} });
    let refused = app.admin("POST", "/api/scripts/dry-run", body).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "scripts_refused"));
    let problem = refused.json()["error"]["problems"][0].clone();
    assert_eq!((&problem["script"], &problem["line"], &problem["column"]), (&json!("draft.rhai"), &json!(2), &json!(11)));

    let failing = draft("fn on_request(req) {\n  req.client.nothing\n}");
    let found = post(&app, "/api/scripts/dry-run", json!({ "draft": failing, "request": {} })).await;
    let failure = &found["steps"][0]["failure"];
    assert_eq!(
        (&failure["script"], &failure["line"], &found["decision"]["ending"]),
        (&json!("draft.rhai"), &json!(2), &json!("failed"))
    );
    for (body, field) in [
        (json!({}), "request"),
        (json!({ "request": {}, "call": "x" }), "request"),
        (json!({ "request": { "client": 99 } }), "request.client"),
        (json!({ "request": { "headers": { "a b": "c" } } }), "request.headers"),
        (json!({ "call": "x" }), "id"),
    ] {
        let refused = app.admin("POST", "/api/scripts/dry-run", body.clone()).await;
        assert_eq!((refused.status, refused.json()["error"]["field"].clone()), (400, json!(field)), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logged_call_can_be_tried_again() {
    let (_provider, app) = start().await;
    app.chat().await;
    let call = app.only_record().await.id.to_string();
    let text = "fn route(req) { if req.client.name == \"app\" { #{ provider: \"nobody\" } } }";
    let found = post(&app, "/api/scripts/dry-run", json!({ "draft": draft(text), "call": call })).await;
    assert_eq!((&found["decision"]["ending"], &found["live"]["ending"]), (&json!("nowhere"), &json!("sent")));
    let text = "fn on_request(req) { if req.body.n == 1 { req.tags.push(\"n\"); } () }";
    let found = post(&app, "/api/scripts/dry-run", json!({ "draft": draft(text), "call": call })).await;
    assert_eq!(found["decision"]["needs_body"], true, "bodies are not kept");
}

/// Makes so many calls, all of which succeed.
async fn calls(app: &TestApp, count: usize) {
    let all_well =
        stream::iter(0..count).map(|_| app.chat()).buffer_unordered(16).all(async |answer: Answer| answer.status == 200);
    assert!(all_well.await);
}

pub async fn replayed(app: &TestApp, body: Value) -> Value {
    post(app, "/api/scripts/replay", body).await;
    eventually("the replay ends", async || get(app, "/api/scripts/replay").await["state"] != "running").await;
    get(app, "/api/scripts/replay").await
}

/// What of a comparison does not depend on the machine's speed.
fn decided(replay: &Value) -> Value {
    let mut comparison = replay["comparison"].clone();
    for hooks in ["live_hooks", "draft_hooks"] {
        for hook in comparison[hooks].as_array_mut().unwrap() {
            for time in ["total_us", "max_us"] {
                hook[time] = Value::Null;
            }
        }
    }
    comparison
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_tells_which_decisions_differ_and_always_the_same() {
    let (_provider, app) = start().await;
    for method in ["GET", "DELETE"] {
        let none = app.admin(method, "/api/scripts/replay", Value::Null).await;
        assert_eq!((none.status, &none.json()["state"], &none.json()["began_at"]), (200, &json!("none"), &Value::Null));
    }
    calls(&app, 40).await;
    let text = "fn on_request(req) { if rand() < 0.25 { return reject(403, \"unlucky\", \"no\"); } () }
        fn route(req) { if kv_incr(\"n\", 1, 3600) % 2 == 0 { #{ model: \"gpt-4o\" } } }
        fn select_key(req, keys, attempt) { keys.filter(|key| key.name == \"b\") }";
    let body = json!({ "draft": draft(text), "calls": 30 });
    let first = replayed(&app, body.clone()).await;
    assert_eq!((&first["state"], &first["total"], &first["looked_at"]), (&json!("done"), &json!(30), &json!(30)));
    let found = &first["comparison"];
    assert_eq!((&found["calls"], &found["different"], &found["same"]), (&json!(30), &json!(30), &json!(0)));
    let change = |aspect: &str| {
        let changes = found["changes"].as_array().unwrap();
        changes.iter().find(|change| change["aspect"] == aspect).unwrap_or_else(|| panic!("no {aspect} in {found}")).clone()
    };
    let (rejected, model, key) = (change("reject"), change("model"), change("key"));
    assert_eq!((&rejected["live"], &rejected["draft"]), (&json!("sent"), &json!("rejected: 403 unlucky")));
    let sent = 30 - rejected["count"].as_u64().unwrap();
    assert!((1..30).contains(&sent), "a quarter is refused, about: {rejected}");
    assert_eq!(model["count"], json!(sent / 2), "every second of those that are sent");
    assert_eq!((&model["live"], &model["draft"]), (&json!("gpt-4o-mini"), &json!("gpt-4o")));
    assert_eq!((&key["live"], &key["draft"], &key["count"]), (&json!("the strategy's"), &json!("b"), &json!(sent)));
    assert!(model["samples"].as_array().is_some_and(|samples| (1..=5).contains(&samples.len())));
    assert!(found["cost"]["live_usd"].as_f64().is_some_and(|dollars| dollars > 0.0), "{found}");

    calls(&app, 1).await;
    let to = first["began_at"].clone();
    let again = replayed(&app, json!({ "draft": draft(text), "calls": 30, "to": to })).await;
    assert_eq!(decided(&again), decided(&first), "twice the same calls, twice the same decisions");
    assert_eq!(app.chat().await.status, 200, "nothing of it is live");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_whose_body_is_not_kept_are_counted_apart() {
    let (_provider, app) = start().await;
    calls(&app, 3).await;
    let text = "fn on_request(req) { if req.body.messages.len > 5 { return reject(400, \"long\", \"long\"); } () }";
    let found = replayed(&app, json!({ "draft": draft(text) })).await["comparison"].clone();
    assert_eq!((&found["needs_body"], &found["same"]), (&json!(3), &json!(0)));
    app.admin("PATCH", "/api/settings", json!({ "store_bodies": true })).await;
    calls(&app, 2).await;
    let found = replayed(&app, json!({ "draft": draft(text) })).await["comparison"].clone();
    assert_eq!((&found["needs_body"], &found["same"]), (&json!(3), &json!(2)));
    let text = "fn route(req) { if header(req.headers, \"x-team\", \"\") == \"a\" { #{ model: \"gpt-4o\" } } }";
    let found = replayed(&app, json!({ "draft": draft(text) })).await["comparison"].clone();
    assert_eq!((&found["needs_headers"], &found["needs_body"]), (&json!(5), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_equals_the_live_scripts_differs_in_nothing() {
    let (_provider, app) = start().await;
    let text = "fn on_request(req) { if rand() < 0.3 { return reject(403, \"unlucky\", \"no\"); } () }
        fn route(req) { if kv_incr(\"n\", 1, 3600) % 3 == 0 { #{ model: \"gpt-4o\" } } }
        fn select_key(req, keys, attempt) { if now_ms() % 2 == 0 { keys.get(rand(keys.len)) } }";
    assert_eq!(put(&app, "live.rhai", text).await.status, 200);
    let all_answered = stream::iter(0..60).map(|_| app.chat()).buffer_unordered(8);
    assert!(all_answered.all(async |answer: Answer| [200, 403].contains(&answer.status)).await);
    for draft in [json!({}), json!({ "files": { "other.rhai": text }, "whole": true })] {
        let found = replayed(&app, json!({ "draft": draft, "calls": 60 })).await["comparison"].clone();
        let counts =
            ["same", "different", "needs_body", "needs_headers", "live_failures", "draft_failures"].map(|name| &found[name]);
        assert_eq!(counts, [60, 0, 0, 0, 0, 0].map(|count| json!(count)).each_ref());
        assert_eq!(found["changes"], json!([]));
        assert_eq!(found["cost"]["difference_usd"], json!(0.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_the_settings_name_are_kept_for_a_replay() {
    let (_provider, app) = start().await;
    let with_team = async |team: Option<&str>| {
        let request = app.request("POST", "/v1/chat/completions").header("x-other", "o").body(chat_body(false));
        let request = match team {
            Some(team) => request.header("x-team", team),
            None => request,
        };
        assert_eq!(super::app::read(request).await.status, 200);
    };
    with_team(Some("red")).await;
    let settings = async |names: Value| app.admin("PATCH", "/api/settings", json!({ "recorded_headers": names })).await;
    for refused in ["authorization", "X-Api-Key", "x-auth-token", "cookie", "a b"] {
        let answer = settings(json!([refused])).await;
        assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!("recorded_headers")), "{refused}");
    }
    assert_eq!(settings(json!(["X-Team", "user-agent"])).await.status, 200);
    for team in [Some("red"), Some("blue"), None] {
        with_team(team).await;
    }
    let draft = draft("fn route(req) { if header(req.headers, \"X-Team\", \"none\") == \"red\" { #{ model: \"gpt-4o\" } } }");
    let found = replayed(&app, json!({ "draft": draft })).await["comparison"].clone();
    let counts = ["different", "same", "needs_headers"].map(|name| &found[name]);
    assert_eq!(counts, [&json!(1), &json!(2), &json!(1)], "the first call was made before: {found}");
    let other = self::draft("fn route(req) { if \"x-other\" in req.headers { #{ model: \"gpt-4o\" } } }");
    let found = replayed(&app, json!({ "draft": other })).await["comparison"].clone();
    assert_eq!(found["needs_headers"], 4, "nobody asked to keep that one");
    let records = app.records().await;
    let shown = async |at: usize| get(&app, &format!("/api/calls/{}", records[at].id)).await["request_headers"].clone();
    assert_eq!(shown(0).await, json!({}));
    assert_eq!(shown(1).await, json!({ "x-team": "red", "user-agent": null }));
    assert_eq!(shown(3).await, json!({ "x-team": null, "user-agent": null }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_replay_stands_in_nobodys_way_and_can_be_cancelled() {
    let (_provider, app) = start().await;
    calls(&app, 1_000).await;
    // A draft that works hard on each call.
    let text = "fn route(req) { let n = 0; while n < 20000 { n += 1; } #{ model: \"gpt-4o\" } }";
    let body = json!({ "draft": draft(text), "calls": 1000 });
    post(&app, "/api/scripts/replay", body.clone()).await;
    let other = app.admin("POST", "/api/scripts/replay", body).await;
    assert_eq!((other.status, other.code().as_str()), (409, "replay_running"));
    let mut during = 0;
    while get(&app, "/api/scripts/replay").await["looked_at"].as_u64().unwrap() < 200 {
        assert_eq!(app.chat().await.status, 200);
        during += 1;
    }
    assert!(during > 0, "calls are answered meanwhile");
    let cancelled = app.admin("DELETE", "/api/scripts/replay", Value::Null).await.json();
    assert_eq!(cancelled["state"], "cancelled");
    assert!(cancelled["comparison"]["calls"].as_u64().unwrap() >= 200, "what was found stays: {cancelled}");
    let full = replayed(&app, json!({ "draft": draft("fn route(req) { () }"), "calls": 1000 })).await;
    assert_eq!((&full["comparison"]["same"], &full["total"]), (&json!(1000), &json!(1000)));
    let refused = app.admin("POST", "/api/scripts/replay", json!({ "draft": draft("fn ("), "calls": 1 })).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "scripts_refused"));
    let refused = app.admin("POST", "/api/scripts/replay", json!({ "calls": 0 })).await;
    assert_eq!((refused.status, refused.json()["error"]["field"].clone()), (400, json!("calls")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_is_never_obeyed() {
    let (provider, app) = start().await;
    for method in ["GET", "DELETE"] {
        let none = app.admin(method, "/api/scripts/shadow", Value::Null).await;
        assert_eq!((none.status, &none.json()["running"], &none.json()["began_at"]), (200, &json!(false), &Value::Null));
    }
    let text = "fn on_request(req) { if req.body.stream { return reject(403, \"no_streams\", \"no\"); } () }
        fn route(req) { if header(req.headers, \"x-team\", \"\") == \"a\" { #{ model: \"other\" } } }";
    let started = post(&app, "/api/scripts/shadow", json!({ "draft": draft(text), "minutes": 5 })).await;
    assert_eq!(started["running"], true);
    for _ in 0..3 {
        assert_eq!(app.chat_stream().await.status, 200, "what the draft refuses is served");
    }
    let team = app.request("POST", "/v1/chat/completions").header("x-team", "a").header("content-type", "application/json");
    assert_eq!(super::app::read(team.body(chat_body(false))).await.status, 200);
    assert_eq!(app.chat().await.status, 200);
    let seen = async || get(&app, "/api/scripts/shadow").await["comparison"]["calls"] == 5;
    eventually("the shadow has seen every call", seen).await;
    let found = get(&app, "/api/scripts/shadow").await["comparison"].clone();
    assert_eq!((&found["different"], &found["same"]), (&json!(4), &json!(1)));
    let counts: Vec<_> =
        found["changes"].as_array().unwrap().iter().map(|change| (&change["aspect"], &change["count"])).collect();
    assert_eq!(counts, [(&json!("reject"), &json!(3)), (&json!("model"), &json!(1))]);
    assert_eq!(secrets_seen(&provider).len(), 5);
    assert!(
        app.records().await.iter().all(|record| record.model_asked.as_deref() == Some("gpt-4o-mini") && record.tags.is_empty())
    );

    let stopped = app.admin("DELETE", "/api/scripts/shadow", Value::Null).await.json();
    assert_eq!(stopped["running"], false);
    app.chat().await;
    tokio::time::timeout(Duration::from_secs(10), app.app.flush()).await.expect("the record is written");
    assert_eq!(get(&app, "/api/scripts/shadow").await["comparison"]["calls"], 5, "what it found stays, and no more comes");
    let refused = app.admin("POST", "/api/scripts/shadow", json!({ "draft": draft("fn (") })).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "scripts_refused"));
    for (body, field) in [(json!({ "share": 0.0 }), "share"), (json!({ "minutes": 0 }), "minutes")] {
        let refused = app.admin("POST", "/api/scripts/shadow", body).await;
        assert_eq!((refused.status, refused.json()["error"]["field"].clone()), (400, json!(field)));
    }
    let actions = get(&app, "/api/audit?noun=script").await;
    let actions: Vec<&str> =
        actions["entries"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["stop_shadow", "start_shadow"]);
}
