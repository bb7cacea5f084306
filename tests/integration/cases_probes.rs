//! Keys that a verdict disabled are asked about until an answer says that they are good; nothing else changes a key.

use std::time::Duration;

use keywheel::mock::{Behaviour, MockProvider};
use keywheel::rotator::KeyState;
use serde_json::{Value, json};

use crate::app::{TestApp, bootstrap_of, eventually};

const KEYS: &[(&str, &str)] = &[("a", "sk-mock-healthy-a")];

/// A Keywheel whose key `a` was disabled by a 401 and is due for a probe, which is answered so.
async fn due(provider: &MockProvider, lines: &str, answer: fn() -> Behaviour) -> TestApp {
    let bootstrap = bootstrap_of(provider, lines, KEYS);
    let app = TestApp::start(&bootstrap).await;
    assert_eq!(app.chat().await.status, 200);
    let refused = json!({ "error": { "message": "Incorrect API key provided", "code": "invalid_api_key" } });
    provider.behave(move |_| Some(Behaviour::answer(401).json(&refused)));
    assert_eq!(app.chat().await.status, 503);
    assert_eq!(app.key("a").state, KeyState::DisabledAuto);
    let data = app.stop().await;
    // An hour passes.
    let connection = rusqlite::Connection::open(data.path().join("keywheel.db")).unwrap();
    let sql = "UPDATE key_states SET state = json_set(state, '$.disabled.probe_at_ms', 1)
               WHERE json_extract(state, '$.disabled.by_operator') = 0";
    assert_eq!(connection.execute(sql, ()).unwrap(), 1, "the state is on disk");
    drop(connection);
    provider.behave(move |_| Some(answer()));
    provider.forget_seen();
    let app = TestApp::start_in(data, &bootstrap, &[]).await;
    app.app.keep_up();
    app
}

async fn checks(app: &TestApp) -> Vec<Value> {
    let answer = app.admin("GET", &format!("/api/keys/{}/checks", app.key("a").key), Value::Null).await.json();
    answer["checks"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

fn refused(status: u16, code: &str) -> Behaviour {
    Behaviour::answer(status).json(&json!({ "error": { "message": code, "code": code } }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_brings_a_key_back_only_by_an_answer_that_accepts_it_and_stands_in_its_history() {
    let models = || Behaviour::answer(200).json(&json!({ "object": "list", "data": [{ "id": "gpt-4o-mini" }] }));
    let limited = || refused(429, "rate_limit_exceeded");
    let failing = || refused(500, "server_error");
    let invalid = || refused(401, "invalid_api_key");
    type Answer = fn() -> Behaviour;
    let cases: [(Answer, &str, KeyState); 4] = [
        (models, "valid", KeyState::Active),
        (limited, "rate_limited", KeyState::DisabledAuto),
        (failing, "provider_trouble", KeyState::DisabledAuto),
        (invalid, "invalid", KeyState::DisabledAuto),
    ];
    for (answer, verdict, state) in cases {
        let provider = MockProvider::start().await;
        let app = due(&provider, "", answer).await;
        eventually(verdict, async || !checks(&app).await.is_empty()).await;
        let checks = checks(&app).await;
        assert_eq!((&checks[0]["verdict"], &checks[0]["by"]), (&json!(verdict), &json!("probe")), "{checks:?}");
        assert_eq!(app.key("a").state, state, "after {verdict}");
        assert_eq!(app.records().await.len(), 2, "probes are no calls of a client");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_whose_probes_are_off_is_not_asked() {
    let provider = MockProvider::start().await;
    let app = due(&provider, "probe = { enabled = false }", || refused(200, "fine")).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!((checks(&app).await, app.key("a").state), (Vec::new(), KeyState::DisabledAuto));
}
