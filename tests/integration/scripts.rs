//! Hooks through the whole proxy: every hook, with every answer that it may give.

use keywheel::domain::{CallRecord, Outcome};
use keywheel::mock::{Behaviour, MockProvider};
use serde_json::{Value, json};

use crate::app::{Answer, TOKEN, TestApp, chat_body, eventually, secrets_seen};

/// One provider with the keys `a` (tag `paid`), `b` (tags `paid`, `eu`) and `c` (tag `free`), and two model routes.
pub fn bootstrap(provider: &MockProvider) -> String {
    let mut text = format!(
        r#"
        [[provider]]
        name = "mock"
        base_url = "{url}"
        default = true
        allow_private = true
        [[provider]]
        name = "other"
        base_url = "{url}"
        allow_private = true
        [[model]]
        name = "fast"
        targets = [ {{ provider = "mock", model = "gpt-4o-mini" }} ]
        [[model]]
        name = "smart"
        targets = [ {{ provider = "mock", model = "gpt-4o" }} ]
        [[client]]
        name = "app"
        token = "{TOKEN}"
        tags = ["beta"]
        "#,
        url = provider.base_url()
    );
    for (name, provider, tags) in
        [("a", "mock", r#""paid""#), ("b", "mock", r#""paid", "eu""#), ("c", "mock", r#""free""#), ("o", "other", "")]
    {
        text += &format!(
            "[[key]]\nprovider = \"{provider}\"\nname = \"{name}\"\nsecret = \"sk-mock-healthy-{name}\"\ntags = [{tags}]\n"
        );
    }
    text
}

/// A Keywheel with these scripts.
pub async fn scripted(bootstrap: &str, scripts: &[(&str, &str)]) -> TestApp {
    let data = tempfile::tempdir().expect("a temporary folder");
    let folder = data.path().join("scripts");
    std::fs::create_dir(&folder).expect("the script folder");
    scripts.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).expect("a script"));
    // A busy machine must not look like a slow script.
    TestApp::start_in(data, bootstrap, &[("KEYWHEEL_SCRIPT_TIME", "5s"), ("KEYWHEEL_SCRIPT_WATCH", "50ms")]).await
}

async fn start(provider: &MockProvider, script: &str) -> TestApp {
    scripted(&bootstrap(provider), &[("a.rhai", script)]).await
}

async fn ask(app: &TestApp, model: &str) -> Answer {
    app.post("/v1/chat/completions", chat_body(false).replace("gpt-4o-mini", model)).await
}

/// The first record of each of these asked models.
async fn records_of(app: &TestApp, models: &[&str]) -> Vec<CallRecord> {
    let records = app.records().await;
    let of = |model: &&str| records.iter().find(|record| record.model_asked.as_deref() == Some(model)).cloned();
    models.iter().map(|model| of(model).unwrap_or_else(|| panic!("no call of {model}"))).collect()
}

fn notes(record: &CallRecord) -> Vec<(String, String, String, u32)> {
    let note =
        |note: &keywheel::domain::ScriptNote| (note.hook.to_string(), note.kind.to_string(), note.script.clone(), note.line);
    record.script_notes.iter().map(note).collect()
}

fn one_note(hook: &str, kind: &str, line: u32) -> Vec<(String, String, String, u32)> {
    vec![(hook.into(), kind.into(), "a.rhai".into(), line)]
}

#[tokio::test]
async fn a_filter_refuses_or_answers_without_a_provider() {
    let provider = MockProvider::start().await;
    let script = r##"
        fn on_request(req) {
            if req.model == "fast" { return reject(403, "not_today", "Come back tomorrow."); }
            respond(201, #{"x-from": "script"}, #{model: req.model, beta: "beta" in req.client.tags})
        }"##;
    let app = start(&provider, script).await;
    let refused = ask(&app, "fast").await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "not_today"));
    assert_eq!(refused.json()["error"]["message"], "Come back tomorrow.");
    let answered = ask(&app, "smart").await;
    assert_eq!((answered.status, answered.header("x-from")), (201, "script"));
    assert_eq!(answered.json(), json!({"model": "smart", "beta": true}));
    assert_eq!(answered.header("content-type"), "application/json");
    assert!(provider.seen().iter().all(|request| request.path() == "/v1/models"), "nothing was sent");
    let records = records_of(&app, &["fast", "smart"]).await;
    assert_eq!((records[0].outcome, records[0].error_code.as_deref()), (Outcome::Rejected, Some("not_today")));
    assert_eq!(notes(&records[0]), one_note("on_request", "rejected", 2));
    assert_eq!((records[1].outcome, records[1].status), (Outcome::Success, 201));
    assert_eq!(notes(&records[1]), one_note("on_request", "answered", 2));
}

#[tokio::test]
async fn a_changed_body_changes_only_where_it_was_changed() {
    let provider = MockProvider::start().await;
    let script = r#"fn on_request(req) { req.body.max_tokens = 16; req.body.user = "u"; }"#;
    let app = start(&provider, script).await;
    let body = r#"{ "user":"x", "zeta":18446744073709551615,"model":"gpt-4o-mini","f":1.0,"e":1e-1,"n":null,"z":0,
        "tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"b":{},"a":{"minimum":9007199254740993}}}}}],
        "messages":[{"role":"user","content":"hi \ud83d\ude00"}] }"#;
    let expected = body.replace(r#""user":"x""#, r#""user":"u""#).replace("}] }", r#"}],"max_tokens":16 }"#);
    for _ in 0..2 {
        assert_eq!(app.post("/v1/chat/completions", body).await.status, 200);
        assert_eq!(provider.last_seen().unwrap().text(), expected);
    }
}

#[tokio::test]
async fn the_asked_name_is_checked_and_a_hook_may_turn_it_into_another() {
    let provider = MockProvider::start().await;
    let limited = bootstrap(&provider).replace("tags = [\"beta\"]", "models = [\"fast\"]");
    let script = r#"fn on_request(req) { if req.model == "fast" { req.model = "smart"; } }"#;
    let app = scripted(&limited, &[("a.rhai", script)]).await;
    assert_eq!(ask(&app, "fast").await.status, 200);
    assert_eq!(provider.last_seen().unwrap().json::<Value>().unwrap()["model"], "gpt-4o");
    for other in ["smart", "gpt-4o", "gpt-4o-mini"] {
        let refused = ask(&app, other).await;
        assert_eq!((refused.status, refused.code().as_str()), (404, "model_not_found"), "{other}");
    }
    let record = &records_of(&app, &["fast"]).await[0];
    assert_eq!((record.model_asked.as_deref(), record.model_served.as_deref()), (Some("fast"), Some("gpt-4o")));
}

#[tokio::test]
async fn scripts_see_the_estimate_that_limits_go_by() {
    let provider = MockProvider::start().await;
    let limited = bootstrap(&provider).replace("tags = [\"beta\"]", "tpm = 50000");
    let script = "fn on_request(req) { req.attributes.estimate = req.estimated_tokens; }";
    let app = scripted(&limited, &[("a.rhai", script)]).await;
    let picture = format!("data:image/png;base64,{}", "iVBORw0KGgo+/".repeat(150_000));
    let content = json!([{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": picture}}]);
    let body = json!({"model": "fast", "messages": [{"role": "user", "content": content}]});
    assert_eq!(app.post("/v1/chat/completions", body.to_string()).await.status, 200);
    let text = json!({"model": "fast", "messages": [{"role": "user", "content": "word ".repeat(400_000)}]});
    assert_eq!(app.post("/v1/chat/completions", text.to_string()).await.status, 429, "text counts in full");
    let mut records = app.records().await;
    records.sort_by_key(|record| record.status);
    let estimate = |record: &CallRecord| {
        let attributes: Value = serde_json::from_str(record.attributes.as_deref().unwrap()).unwrap();
        attributes["estimate"].as_u64().unwrap()
    };
    assert!((1_500..1_600).contains(&estimate(&records[0])), "{}", estimate(&records[0]));
    assert!(estimate(&records[1]) > 450_000);
}

#[tokio::test]
async fn tags_attributes_and_headers_arrive_where_they_belong() {
    let provider = MockProvider::start().await;
    let script = r#"
        fn on_request(req) {
            req.tags.push("canary");
            req.attributes.team = req.headers["x-team"];
            req.headers["x-title"] = "from a script";
            req.headers["x-private"] = "stays";
            req.headers["openai-beta"] = ();
        }
        fn on_upstream_request(up, key, attempt) {
            up.headers["x-key-name"] = `${key.name}-${attempt}`;
            up.headers["user-agent"] = ();
            up.body.user = up.model;
            up.path = "/chat/completions";
        }"#;
    let app = start(&provider, script).await;
    let request = app.request("POST", "/v1/chat/completions").header("x-team", "red").header("openai-beta", "v2");
    let answer = crate::app::read(request.header("user-agent", "mine").body(chat_body(false))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = provider.last_seen().unwrap();
    assert_eq!(seen.header("x-title"), Some("from a script"));
    assert_eq!(seen.header("x-private"), None, "the allow-list holds for what scripts put into the client's headers");
    assert_eq!((seen.header("openai-beta"), seen.header("x-team")), (None, None));
    assert!(seen.header("x-key-name").is_some_and(|name| name.ends_with("-1")), "{:?}", seen.header("x-key-name"));
    assert_ne!(seen.header("user-agent"), Some("mine"));
    assert!(seen.text().ends_with(r#","user":"gpt-4o-mini"}"#), "{}", seen.text());
    let record = app.only_record().await;
    assert_eq!((record.tags, record.attributes.as_deref()), (vec!["canary".to_owned()], Some(r#"{"team":"red"}"#)));
}

#[tokio::test]
async fn another_path_is_taken_under_the_same_base() {
    let provider = MockProvider::start().await;
    provider.behave(|request| (request.path() == "/v1/deployments/x").then(|| Behaviour::answer(200).json(&json!({"ok": 1}))));
    let app = start(&provider, r#"fn on_upstream_request(up, key, attempt) { up.path = "/deployments/x"; }"#).await;
    assert_eq!(ask(&app, "fast").await.json(), json!({"ok": 1}));
}

#[tokio::test]
async fn route_sends_a_call_elsewhere() {
    let provider = MockProvider::start().await;
    let script = r##"
        fn route(req) {
            switch req.model {
                "as-model" => #{model: "smart"},
                "as-provider" => #{model: "fast", provider: "other"},
                "as-tags" => #{model: "fast", tags: ["eu"]},
                "no-provider" => #{provider: "nowhere"},
                "none" => #{model: "fast", tags: ["no-such-tag"]},
            }
        }"##;
    let app = start(&provider, script).await;
    for model in ["as-model", "as-provider", "as-tags", "fast", "no-provider"] {
        assert_eq!(ask(&app, model).await.status, 200, "{model}");
    }
    assert_eq!(ask(&app, "none").await.code(), "no_available_key");
    let records = records_of(&app, &["as-model", "as-provider", "as-tags", "fast", "no-provider", "none"]).await;
    let served: Vec<_> = records.iter().map(|record| record.model_served.as_deref().unwrap_or("")).collect();
    assert_eq!(served, ["gpt-4o", "fast", "gpt-4o-mini", "gpt-4o-mini", "no-provider", ""]);
    assert_eq!(&*records[1].provider.as_ref().unwrap().name, "other");
    assert_eq!(&*records[2].key.as_ref().unwrap().name, "b");
    assert_eq!(notes(&records[0]), one_note("route", "routed", 2));
    assert_eq!(notes(&records[3]), []);
    assert_eq!(notes(&records[4]).last(), one_note("route", "answer", 2).first());
}

#[tokio::test]
async fn a_client_s_own_tags_still_limit_it() {
    let provider = MockProvider::start().await;
    let limited = bootstrap(&provider).replace("tags = [\"beta\"]", "key_tags = [\"paid\"]");
    let app = scripted(&limited, &[("a.rhai", r##"fn route(req) { #{tags: ["eu", "free"]} }"##)]).await;
    for _ in 0..3 {
        assert_eq!(ask(&app, "fast").await.status, 200);
    }
    assert!(secrets_seen(&provider).iter().all(|secret| secret == "sk-mock-healthy-b"));
}

#[tokio::test]
async fn fallbacks_come_after_the_first_choice() {
    let provider = MockProvider::start().await;
    provider.behave(|request| {
        let model = request.json::<Value>().map(|body| body["model"].clone());
        (model == Some("gpt-4o-mini".into()))
            .then(|| Behaviour::answer(404).json(&json!({"error": {"code": "model_not_found"}})))
    });
    let app = start(&provider, r##"fn route(req) { #{fallbacks: ["smart"]} }"##).await;
    assert_eq!(ask(&app, "fast").await.status, 200);
    let record = app.only_record().await;
    let tried: Vec<_> = record.attempts.iter().map(|attempt| attempt.model.as_deref().unwrap()).collect();
    assert_eq!(tried, ["gpt-4o-mini", "gpt-4o"]);
    assert_eq!(record.attempts[1].why.tier, 2);
}

#[tokio::test]
async fn select_key_decides_and_says_so_on_the_record() {
    let provider = MockProvider::start().await;
    let script = r#"
        fn select_key(req, keys, attempt) {
            if req.model == "smart" { return keys.with_tag("paid").with_tag("eu").next(); }
            if req.estimated_tokens > 1000 { return [keys.min_by(|key| 0 - key.id), keys.get(0)]; }
            keys.filter(|key| "free" in key.tags)
        }"#;
    let app = start(&provider, script).await;
    let long = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "word ".repeat(2_000)}]});
    for body in [chat_body(false).replace("gpt-4o-mini", "smart"), chat_body(false), long.to_string()] {
        assert_eq!(app.post("/v1/chat/completions", body).await.status, 200);
    }
    let records = records_of(&app, &["smart", "gpt-4o-mini", "gpt-4o"]).await;
    let chosen: Vec<_> = records.into_iter().map(|record| record.attempts[0].clone()).collect();
    let keys: Vec<_> = chosen.iter().map(|attempt| &*attempt.key.name).collect();
    assert_eq!(keys, ["b", "c", "c"]);
    for attempt in &chosen {
        assert_eq!((&*attempt.why.chosen_by, attempt.why.script.as_deref()), ("script", Some("a.rhai:2")));
    }
}

#[tokio::test]
async fn select_key_may_leave_it_to_the_strategy() {
    let provider = MockProvider::start().await;
    let app = start(&provider, r#"fn select_key(req, keys, attempt) { keys.with_tag("nobody").next() }"#).await;
    assert_eq!(ask(&app, "fast").await.status, 200);
    let attempt = &app.only_record().await.attempts[0];
    assert_eq!((&*attempt.why.chosen_by, &attempt.why.script), ("round_robin", &None));
}

#[tokio::test]
async fn classify_error_overrules_the_built_in_verdict() {
    let provider = MockProvider::start().await;
    provider.behave(|request| {
        let error = |code: &str| json!({"error": {"code": code, "type": "odd", "message": "m"}});
        match request.secret()? {
            "sk-mock-healthy-a" => Some(Behaviour::answer(400).json(&error("capacity"))),
            "sk-mock-healthy-b" => Some(Behaviour::answer(500).json(&error("final"))),
            _ => None,
        }
    });
    let script = r##"
        fn select_key(req, keys, attempt) { keys.filter(|key| key.name == if attempt == 1 { "a" } else { "b" }) }
        fn classify_error(err, key, attempt) {
            if err.code == "capacity" && err.status == 400 && err.type == "odd" && key.name == "a" {
                return #{retry: "next", scope: "key", effect: "cooldown", seconds: 90, reason: "busy"};
            }
            if err.code == "final" { return #{retry: "none", scope: "request", effect: "none"}; }
        }"##;
    let app = start(&provider, script).await;
    assert_eq!(ask(&app, "fast").await.status, 500, "b follows a, and its failure is final");
    let record = app.only_record().await;
    let verdict = record.attempts[0].verdict.as_ref().unwrap();
    assert_eq!(&*verdict.rule, "script a.rhai:3: busy");
    assert_eq!(record.attempts.len(), 2);
    assert_eq!(app.key("a").state.as_str(), "cooling");
    assert_eq!(app.key("b").state.as_str(), "active");
}

#[tokio::test]
async fn classify_error_never_sees_the_key_s_secret() {
    let provider = MockProvider::start().await;
    provider.behave(|request| {
        let secret = request.secret().filter(|secret| *secret == "sk-mock-healthy-a")?.to_owned();
        let error = json!({"error": {"code": format!("bad_{secret}"), "type": secret, "message": format!("{secret} is bad")}});
        Some(Behaviour::answer(400).header("x-echo", format!("Bearer {secret}")).header("x-plain", "as it is").json(&error))
    });
    let script = r##"
        fn select_key(req, keys, attempt) { keys.filter(|key| key.name == if attempt == 1 { "a" } else { "b" }) }
        fn classify_error(err, key, attempt) {
            let seen = `${err.code} ${err.type} ${err.message} ${err.headers["x-echo"]} ${err.headers["x-plain"]}`;
            #{retry: "next", scope: "provider", effect: "none", reason: seen}
        }"##;
    let app = start(&provider, script).await;
    assert_eq!(ask(&app, "fast").await.status, 200);
    let record = app.only_record().await;
    let rule = record.attempts[0].verdict.as_ref().unwrap().rule.to_string();
    assert!(rule.contains("as it is") && rule.matches("[masked]").count() >= 3 && !rule.contains("sk-mock"), "{rule}");
}

#[tokio::test]
async fn a_verdict_that_contradicts_itself_disables_nobody() {
    let provider = MockProvider::start().await;
    provider.behave(|request| {
        let error = json!({"error": {"code": "odd", "message": "m"}});
        (request.secret() == Some("sk-mock-healthy-a")).then(|| Behaviour::answer(500).json(&error))
    });
    let script = r##"
        fn select_key(req, keys, attempt) { keys.filter(|key| key.name == if attempt == 1 { "a" } else { "b" }) }
        fn classify_error(err, key, attempt) {
            if err.status == 500 { #{retry: "next", scope: "provider", effect: "disable"} }
        }"##;
    let app = start(&provider, script).await;
    assert_eq!(ask(&app, "fast").await.status, 200);
    let record = app.only_record().await;
    let note = record.script_notes.iter().find(|note| &*note.hook == "classify_error").expect("a note");
    assert!(note.message.contains("a provider can rest"), "{}", note.message);
    assert_eq!(app.key("a").state.as_str(), "active");
}

#[tokio::test]
async fn classify_error_may_ask_for_the_same_key_again_or_end_it() {
    let provider = MockProvider::start().await;
    let met = std::sync::atomic::AtomicU32::new(0);
    provider.behave(move |request| {
        let error = |code: &str| Some(Behaviour::answer(400).json(&json!({"error": {"code": code, "message": "m"}})));
        match (request.path(), request.secret()?) {
            ("/v1/chat/completions", "sk-mock-healthy-a") => match met.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                0 => error("flaky"),
                1 => None,
                _ => error("gone"),
            },
            _ => None,
        }
    });
    let script = r##"
        fn select_key(req, keys, attempt) { if attempt == 1 { [keys.get(99), keys.min_by(|key| key.id)] } }
        fn classify_error(err, key, attempt) {
            if err.code == "flaky" { return #{retry: "same", scope: "request", effect: "none"}; }
            if err.code == "gone" { return #{retry: "next", scope: "key", effect: "disable", reason: "told so"}; }
        }"##;
    let app = start(&provider, script).await;
    for _ in 0..2 {
        assert_eq!(ask(&app, "fast").await.status, 200);
    }
    let records = app.records().await;
    let keys_of = |record: &CallRecord| record.attempts.iter().map(|attempt| attempt.key.name.to_string()).collect::<Vec<_>>();
    assert_eq!(keys_of(&records[0]), ["a", "a"], "once more on the same key");
    let then = keys_of(&records[1]);
    assert_eq!((then.len(), then[0].as_str()), (2, "a"));
    assert_ne!(then[1], "a");
    assert_eq!(app.key("a").state.as_str(), "disabled_auto");
    assert!(records[1].attempts[0].verdict.as_ref().unwrap().rule.ends_with("told so"));
}

#[tokio::test]
async fn on_key_event_hears_of_keys() {
    let provider = MockProvider::start().await;
    let script = r##"
        fn on_key_event(event) { kv_set("seen", `${event.provider}/${event.key}: ${event.kind}`, 60); }
        fn on_request(req) { if req.model == "seen" { respond(200, #{}, kv_get("seen", "nothing")) } }"##;
    let app = scripted(&bootstrap(&provider).replace("sk-mock-healthy-a", "sk-mock-invalid-a"), &[("a.rhai", script)]).await;
    app.app.keep_up();
    eventually("the bad key is met", async || {
        ask(&app, "fast").await;
        app.key("a").state.as_str() == "disabled_auto"
    })
    .await;
    eventually("the script hears of it", async || ask(&app, "seen").await.text() == "mock/a: disabled_auto").await;
}
