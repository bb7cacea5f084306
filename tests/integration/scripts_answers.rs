//! Hooks on the way back: answers, events of streams, records; and what happens when a hook fails.

use keywheel::domain::Outcome;
use keywheel::mock::{Behaviour, MockProvider};
use serde_json::{Value, json};

use crate::app::{TestApp, chat_body, eventually, read};
use crate::scripts::{bootstrap, scripted};

async fn start(provider: &MockProvider, script: &str) -> TestApp {
    scripted(&bootstrap(provider), &[("a.rhai", script)]).await
}

fn write(app: &TestApp, script: &str) {
    std::fs::write(app.data.path().join("scripts/a.rhai"), script).expect("the script");
}

#[tokio::test]
async fn on_response_changes_status_headers_and_body() {
    let provider = MockProvider::start().await;
    let body =
        r#"{"zeta":1.0,"id":"x","choices":[{"message":{"content":"my number is 555-1234"}}],"big":18446744073709551615}"#;
    provider.behave(move |request| {
        (request.path() != "/v1/models").then(|| Behaviour::answer(200).header("content-type", "application/json").piece(body))
    });
    let script = r#"
        fn on_response(req, resp) {
            resp.status = 203;
            resp.headers["x-checked"] = req.client.name;
            let message = resp.body.choices[0].message;
            message.content = regex_replace(message.content, `\d{3}-\d{4}`, "[number]");
        }"#;
    let app = start(&provider, script).await;
    let answer = app.chat().await;
    assert_eq!((answer.status, answer.header("x-checked")), (203, "app"));
    let expected = body.replace("555-1234", "[number]");
    assert_eq!(answer.text(), expected);
    assert_eq!(answer.header("content-length"), expected.len().to_string());
    let record = app.only_record().await;
    assert_eq!((record.status, record.bytes_out), (203, expected.len() as u64));
}

#[tokio::test]
async fn on_response_sees_a_provider_s_refusal_and_the_head_of_a_stream() {
    let provider = MockProvider::start().await;
    provider.behave(|request| {
        (request.header("x-title") == Some("fail"))
            .then(|| Behaviour::answer(400).json(&json!({"error": {"message": "call us", "code": "c"}})))
    });
    let script = r#"
        fn on_response(req, resp) {
            resp.headers["x-stream"] = resp.is_stream;
            if resp.status == 400 { resp.body.error.message = "call them"; }
        }"#;
    let app = start(&provider, script).await;
    let request = app.request("POST", "/v1/chat/completions").header("x-title", "fail").body(chat_body(false));
    let refused = read(request).await;
    assert_eq!((refused.status, refused.text().as_str()), (400, r#"{"error":{"message":"call them","code":"c"}}"#));
    let streamed = app.chat_stream().await;
    assert_eq!((streamed.status, streamed.header("x-stream")), (200, "true"));
    assert!(streamed.text().ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn on_response_also_sees_answers_behind_a_head_that_went_out_early() {
    let provider = MockProvider::start().await;
    provider.behave(|request| {
        let late = |behaviour: Behaviour| Some(behaviour.header("x-from", "provider").delay_ms(400));
        match request.header("x-title")? {
            "whole" => late(Behaviour::answer(200).json(&json!({"choices": [{"message": {"content": "hi"}}]}))),
            "fail" => late(Behaviour::answer(400).json(&json!({"error": {"message": "call us", "code": "c"}}))),
            _ => late(Behaviour::stream().event(r#"{"choices":[{"delta":{"content":"hi"}}]}"#).done()),
        }
    });
    let script = r#"
        fn on_response(req, resp) {
            req.tags.push(`${req.headers["x-title"]} ${resp.status} ${resp.headers["x-from"]} ${resp.is_stream}`);
            resp.status = 418;
            resp.headers["x-late"] = "late";
            if !resp.is_stream { resp.body.note = "seen"; }
        }"#;
    let app = start(&provider, script).await;
    let quick = app.admin("PATCH", "/api/settings", json!({ "keepalive_ms": 100 })).await;
    assert_eq!(quick.status, 200, "{}", quick.text());
    for (title, end) in [
        ("stream", "data: [DONE]\n\n"),
        ("whole", "data: {\"choices\":[{\"message\":{\"content\":\"hi\"}}],\"note\":\"seen\"}\n\n"),
        ("fail", "data: {\"error\":{\"message\":\"call us\",\"code\":\"c\"},\"note\":\"seen\"}\n\n"),
    ] {
        let answer = read(app.request("POST", "/v1/chat/completions").header("x-title", title).body(chat_body(true))).await;
        assert_eq!((answer.status, answer.header("x-late")), (200, ""), "{title}");
        let text = answer.text();
        assert!(text.starts_with(": keepalive\n") && text.ends_with(end), "{title}: {text}");
    }
    let records = app.records().await;
    let tags: Vec<_> = records.iter().map(|record| record.tags.concat()).collect();
    assert_eq!(tags, ["stream 200 provider true", "whole 200 provider false", "fail 400 provider false"]);
    assert_eq!(records.iter().map(|record| record.status).collect::<Vec<_>>(), [200, 200, 400]);
}

#[tokio::test]
async fn on_chunk_keeps_drops_edits_and_replaces() {
    let provider = MockProvider::start().await;
    let event = |text: &str| format!(r#"{{"z":1.0,"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#);
    let texts = ["keep", "drop", "edit", "replace", "map"];
    let events = texts.map(event);
    provider.behave(move |request| {
        let stream = events.iter().fold(Behaviour::stream().piece(": hello\n\n"), |stream, event| {
            stream.piece(format!("id: 7\nevent: x\ndata: {event}\n\n"))
        });
        (request.path() != "/v1/models").then(|| stream.done().cut_at(&[9, 40, 95, 180], std::time::Duration::ZERO))
    });
    let script = r##"
        fn on_chunk(req, event) {
            if event.data == () { return; }
            let text = event.data.choices[0].delta.content;
            switch text {
                "drop" => false,
                "edit" => { event.data.choices[0].delta.content = `${event.index} ${event.name}`; },
                "replace" => "two\nlines",
                "map" => #{a: 1},
            }
        }"##;
    let app = start(&provider, script).await;
    let answer = app.chat_stream().await;
    let kept = |data: &str| format!("id: 7\nevent: x\n{data}\n\n");
    let expected = [
        ": hello\n\n".to_owned(),
        kept(&format!("data: {}", event("keep"))),
        kept(&format!("data: {}", event("2 x"))),
        kept("data: two\ndata: lines"),
        kept(r#"data: {"a":1}"#),
        "data: [DONE]\n\n".to_owned(),
    ];
    assert_eq!(answer.text(), expected.concat());
    let record = app.only_record().await;
    assert_eq!((record.outcome, record.bytes_out), (Outcome::Success, expected.concat().len() as u64));
}

#[tokio::test]
async fn on_complete_labels_and_redacts_the_record() {
    let provider = MockProvider::start().await;
    let script = r##"
        fn on_request(req) { req.tags.push("before"); }
        fn on_complete(record) {
            if record.model == "smart" { return #{drop_body: true}; }
            #{tags: [`${record.outcome}-${record.attempts.len()}`], redact: [`hello`, `(?i)say`]}
        }"##;
    let app = start(&provider, script).await;
    let actor = keywheel::store::Actor { name: "test".into(), address: None, now_ms: 1 };
    let keep_bodies = |edit: &mut keywheel::store::Edit<'_>| {
        edit.update_settings(None, |settings| {
            settings.store_bodies = true;
            Ok::<_, keywheel::store::StoreError>(())
        })
        .map(drop)
    };
    app.app.publisher().edit(actor, keep_bodies).await.expect("the setting");
    assert_eq!(app.chat().await.status, 200);
    assert_eq!(app.post("/v1/chat/completions", chat_body(false).replace("gpt-4o-mini", "smart")).await.status, 200);
    let mut records = app.records().await;
    records.sort_by_key(|record| record.model_asked.as_deref() == Some("smart"));
    assert_eq!(records[0].tags, ["before", "success-1"]);
    let kept = String::from_utf8_lossy(&records[0].bodies.request.as_ref().unwrap().bytes).into_owned();
    assert!(kept.contains("[redacted] [redacted]") && !kept.contains("hello"), "{kept}");
    assert!(records[1].bodies.request.is_none() && records[1].bodies.response.is_none());
}

#[tokio::test]
async fn a_failed_filter_lets_nothing_through_and_tells_only_the_operator() {
    let provider = MockProvider::start().await;
    for hook in ["on_request(req)", "on_upstream_request(up, key, attempt)"] {
        provider.forget_seen();
        let app = start(&provider, &format!("fn {hook} {{\n  throw \"the secret plan\";\n}}")).await;
        let answer = app.chat().await;
        assert_eq!((answer.status, answer.code().as_str()), (500, "script_error"));
        assert!(!answer.text().contains("secret plan"));
        assert!(provider.seen().iter().all(|request| request.path() == "/v1/models"), "nothing was sent");
        let record = app.only_record().await;
        assert_eq!((record.outcome, record.attempts.len()), (Outcome::Rejected, 0));
        let note = &record.script_notes[0];
        assert_eq!((&*note.hook, &*note.kind), (hook.split('(').next().unwrap(), "thrown"));
        let place = (note.script.as_str(), note.line, note.column);
        assert_eq!((place, note.message.as_str()), (("a.rhai", 2, 3), "the secret plan"));
        let shown = app.admin("GET", &format!("/api/calls/{}", record.id), Value::Null).await.json();
        assert_eq!((&shown["script_notes"][0]["line"], &shown["script_notes"][0]["column"]), (&json!(2), &json!(3)));
        let metrics = app.get("/metrics").await.text();
        let line = format!("keywheel_hook_failures_total{{hook=\"{}\"}} 1", note.hook);
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[tokio::test]
async fn every_other_hook_that_fails_leaves_the_call_as_built_in() {
    let provider = MockProvider::start().await;
    let fails = ["route(req)", "select_key(req, keys, attempt)", "classify_error(err, key, attempt)"];
    let later = ["on_response(req, resp)", "on_chunk(req, event)", "on_complete(record)", "on_key_event(event)"];
    let script: String = fails.iter().chain(&later).map(|hook| format!("fn {hook} {{ throw \"no\"; }}\n")).collect();
    let app = scripted(&bootstrap(&provider).replace("sk-mock-healthy-a", "sk-mock-invalid-a"), &[("a.rhai", &script)]).await;
    app.app.keep_up();
    let mut hooks = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let answer = app.chat_stream().await;
        assert_eq!(answer.status, 200);
        assert!(answer.text().ends_with("data: [DONE]\n\n"));
    }
    for record in app.records().await {
        assert_eq!(record.outcome, Outcome::Success);
        hooks.extend(record.script_notes.iter().map(|note| note.hook.to_string()));
    }
    assert_eq!(
        hooks.into_iter().collect::<Vec<_>>(),
        ["classify_error", "on_chunk", "on_complete", "on_response", "route", "select_key"]
    );
    let failed = || {
        let status = app.app.scripts().status();
        status.hooks.iter().any(|hook| hook.hook == "on_key_event" && hook.failures > 0)
    };
    eventually("the event's hook fails unseen", async || failed()).await;
}

#[tokio::test]
async fn an_edit_that_cannot_be_made_closes_a_filter() {
    let provider = MockProvider::start().await;
    let app = start(&provider, r#"fn on_request(req) { req.body = [1]; }"#).await;
    assert_eq!(app.chat().await.code(), "script_error");
    let note = app.only_record().await.script_notes.remove(0);
    assert!(note.message.contains("must be a JSON object"), "{}", note.message);
}

#[tokio::test]
async fn a_hook_that_keeps_failing_is_quarantined_until_the_next_reload() {
    let provider = MockProvider::start().await;
    let script = "fn on_request(req) { if req.model == \"smart\" { throw 1; } }\nfn route(req) { throw 2; }";
    let app = start(&provider, script).await;
    let smart = || app.post("/v1/chat/completions", chat_body(false).replace("gpt-4o-mini", "smart"));
    for _ in 0..20 {
        assert_eq!(app.chat().await.status, 200);
    }
    for _ in 0..20 {
        assert_eq!(smart().await.code(), "script_error");
    }
    assert_eq!(app.chat().await.code(), "script_error", "a quarantined filter stays closed");
    let notes = app.records().await.into_iter().flat_map(|record| record.script_notes);
    assert_eq!(notes.filter(|note| &*note.kind == "quarantined").count(), 1);
    let reports = app.app.scripts().status().hooks;
    let quarantined: Vec<_> = reports.iter().filter(|hook| hook.quarantined).map(|hook| hook.hook).collect();
    assert_eq!(quarantined, ["on_request", "route"]);
    assert!(app.get("/metrics").await.text().contains(r#"keywheel_hook_quarantined{hook="route"} 1"#));
    write(&app, "fn on_request(req) { }");
    eventually("the reload heals", async || app.chat().await.status == 200).await;
    assert!(app.app.scripts().status().hooks.iter().all(|hook| !hook.quarantined));
}

#[tokio::test]
async fn a_broken_folder_starts_closed_and_opens_when_it_is_mended() {
    let provider = MockProvider::start().await;
    let app = start(&provider, "fn on_request(req) {\n  sleep(10);\n}").await;
    let answer = app.chat().await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "script_error"));
    assert_eq!(app.get("/readyz").await.status, 503);
    assert_eq!(app.get("/healthz").await.status, 200);
    let note = app.only_record().await.script_notes.remove(0);
    assert_eq!((&*note.kind, note.script.as_str(), note.line), ("closed", "a.rhai", 2));
    assert!(note.message.contains("`sleep` is not available"), "{}", note.message);
    write(&app, "fn on_request(req) { req.tags.push(\"mended\"); }");
    eventually("the mended folder is live", async || app.chat().await.status == 200).await;
    assert_eq!(app.get("/readyz").await.status, 200);
    assert!(app.records().await.iter().any(|record| record.tags == ["mended"]));
}

#[tokio::test]
async fn the_admin_api_shows_what_scripts_did() {
    let provider = MockProvider::start().await;
    let app = start(&provider, "fn select_key(req, keys, attempt) {\n  keys[0]\n}\nfn route(req) { throw \"oops\"; }").await;
    let id = app.chat().await.header("x-request-id").to_owned();
    app.app.flush().await;
    let request = reqwest::Client::new().get(app.url(&format!("/api/calls/{id}"))).bearer_auth("admin-token-for-tests");
    let detail: Value = read(request).await.json();
    let note = json!({"hook": "route", "kind": "thrown", "script": "a.rhai", "line": 4, "column": 17, "message": "oops"});
    assert_eq!(detail["script_notes"], json!([note]), "{detail}");
    assert_eq!(detail["attempts"][0]["why"]["script"], "a.rhai:1");
}
