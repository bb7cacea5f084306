//! What clients of `/v1` rely on in every answer: ids, debug headers, and which head a call gets.

use keywheel::domain::CallRecord;
use keywheel::mock::{Behaviour, MockProvider};
use serde_json::json;

use crate::app::{Answer, TOKEN, TestApp, bootstrap_of, chat_body, read};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn every_answer_bears_the_id_of_its_record_and_the_providers_own_beside_it() {
    let provider = MockProvider::start().await;
    let bootstrap = bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")]).replace("default = true\n", "")
        + "[[model]]\nname = 'm'\ntargets = [{ provider = 'mock', model = 'up' }]\n";
    let app = TestApp::start_with(&bootstrap, &[("KEYWHEEL_MAX_BODY", "64KiB")]).await;
    provider.behave(|request| {
        let refused = request.text().contains("\"refuse\"");
        let answer = if refused {
            Behaviour::answer(400).json(&json!({ "error": { "message": "no", "code": "bad" } }))
        } else {
            Behaviour::answer(200).json(&json!({ "choices": [] }))
        };
        Some(answer.header("x-request-id", "req-of-provider"))
    });
    let call = |token: &str, method: &str, path: &str, body: &str| {
        let request = app.request_as(token, method, path).header("x-request-id", "mine").body(body.to_owned());
        async move { read(request).await }
    };
    let mut answers: Vec<(u16, Answer)> = Vec::new();
    for (status, token, method, path, body) in [
        (200, TOKEN, "POST", CHAT, r#"{"model":"m","messages":[]}"#),
        (400, TOKEN, "POST", CHAT, r#"{"model":"m","messages":[],"user":"refuse"}"#),
        (200, TOKEN, "GET", "/v1/models", ""),
        (404, TOKEN, "GET", "/v1/models/nobody", ""),
        (404, TOKEN, "POST", CHAT, r#"{"model":"nobody","messages":[]}"#),
        (400, TOKEN, "POST", CHAT, "{"),
        (401, "kw-wrong-token", "POST", CHAT, "{}"),
        (503, TOKEN, "GET", "/v1/never/heard/of", ""),
        (404, TOKEN, "GET", "/v1", ""),
    ] {
        answers.push((status, call(token, method, path, body).await));
    }
    answers.push((413, call(TOKEN, "POST", CHAT, &" ".repeat(65 * 1024)).await));
    let records = app.records().await;
    assert_eq!(records.len(), answers.len(), "one record for each");
    for (status, answer) in &answers {
        let of_answer = |record: &&CallRecord| record.id.to_string() == answer.header("x-request-id");
        let record = records.iter().find(of_answer).expect("the record that the answer names");
        assert_eq!((answer.status, record.status), (*status, *status), "{}", answer.text());
        assert_eq!(record.client_request_id.as_deref(), Some("mine"));
        let of_provider = record.attempts.len() == 1;
        let expected = if of_provider { "req-of-provider" } else { "" };
        assert_eq!(answer.header("x-upstream-request-id"), expected, "{}", answer.text());
        assert_eq!(record.upstream_request_id.as_deref(), of_provider.then_some("req-of-provider"));
        if *status >= 400 && !of_provider {
            let error = &answer.json()["error"];
            assert!(error["message"].is_string() && error["type"].is_string() && error["code"].is_string(), "{error}");
            assert!(error.get("param").is_some(), "{error}");
        }
    }
    assert_eq!(records.iter().filter(|record| record.attempts.len() == 1).count(), 2);
}

#[tokio::test]
async fn debug_headers_tell_key_provider_and_attempts_to_a_client_that_asks_and_may_know() {
    let provider = MockProvider::start().await;
    let bootstrap = bootstrap_of(&provider, "", &[("schlüssel", "sk-mock-healthy-1")])
        + "[[client]]\nname = 'debug'\ntoken = 'kw-may-debug'\nallow_debug = true\n";
    let app = TestApp::start(&bootstrap).await;
    let names = ["x-keywheel-key", "x-keywheel-provider", "x-keywheel-attempts"];
    for (token, asks, told) in
        [("kw-may-debug", "1", true), ("kw-may-debug", "0", false), ("kw-may-debug", "", false), (TOKEN, "1", false)]
    {
        for stream in [false, true] {
            let mut request = app.request_as(token, "POST", CHAT).body(chat_body(stream));
            if !asks.is_empty() {
                request = request.header("x-keywheel-debug", asks);
            }
            let answer = read(request).await;
            let values: Vec<_> = names
                .iter()
                .filter_map(|name| answer.headers.get(*name))
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            let expected: &[&str] = if told { &["schlüssel", "mock", "1"] } else { &[] };
            assert_eq!(values, expected, "{token} {asks:?}");
            assert_eq!(provider.last_seen().unwrap().header("x-keywheel-debug"), None);
        }
    }
}

#[tokio::test]
async fn a_refused_call_tells_its_debug_headers_too() {
    let provider = MockProvider::start().await;
    let bootstrap = bootstrap_of(&provider, "", &[("a", "sk-mock-invalid-1"), ("b", "sk-mock-invalid-2")])
        + "[[client]]\nname = 'debug'\ntoken = 'kw-may-debug'\nallow_debug = true\n";
    let app = TestApp::start(&bootstrap).await;
    let answer =
        read(app.request_as("kw-may-debug", "POST", CHAT).header("x-keywheel-debug", "1").body(chat_body(false))).await;
    assert_eq!((answer.status, answer.header("x-keywheel-attempts")), (503, "2"), "{}", answer.text());
    assert_eq!(answer.header("x-keywheel-provider"), "mock");
}

#[tokio::test]
async fn three_headers_carry_a_token_and_every_way_in_is_the_same_client() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("a", "sk-mock-healthy-1")]).await;
    for (name, value) in [
        ("authorization", format!("Bearer {TOKEN}")),
        ("authorization", format!("bearer   {TOKEN}")),
        ("api-key", TOKEN.to_owned()),
        ("x-api-key", TOKEN.to_owned()),
    ] {
        let request = reqwest::Client::new().post(app.url(CHAT)).header(name, value).body(chat_body(false));
        assert_eq!(read(request).await.status, 200, "{name}");
    }
    assert!(app.records().await.iter().all(|record| record.client.as_ref().is_some_and(|client| &*client.name == "app")));
    for (name, value) in [("authorization", "Basic a2V5"), ("authorization", TOKEN), ("x-token", TOKEN)] {
        let answer = read(reqwest::Client::new().post(app.url(CHAT)).header(name, value).body(chat_body(false))).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_token"), "{name}");
    }
    let both = reqwest::Client::new().post(app.url(CHAT)).bearer_auth("kw-wrong-token").header("x-api-key", TOKEN);
    assert_eq!(read(both.body(chat_body(false))).await.code(), "invalid_token", "one token decides, and it is the first");
}

#[tokio::test]
async fn cors_is_off_until_the_settings_name_an_origin() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("a", "sk-mock-healthy-1")]).await;
    let preflight = async |origin: &str| {
        let request = reqwest::Client::new().request(reqwest::Method::OPTIONS, app.url(CHAT)).header("origin", origin);
        let request =
            request.header("access-control-request-method", "POST").header("access-control-request-headers", "authorization");
        read(request).await
    };
    assert_eq!(preflight("https://page.example").await.header("access-control-allow-origin"), "");
    let set = app.admin("PATCH", "/api/settings", json!({ "cors_origins": ["https://page.example"] })).await;
    assert_eq!(set.status, 200, "{}", set.text());
    let allowed = preflight("https://page.example").await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (204, "https://page.example"));
    assert_eq!(allowed.header("access-control-allow-headers"), "authorization");
    assert_eq!(preflight("https://other.example").await.header("access-control-allow-origin"), "");
    let call = read(app.request("POST", CHAT).header("origin", "https://page.example").body(chat_body(false))).await;
    assert_eq!((call.status, call.header("access-control-allow-origin")), (200, "https://page.example"));
    assert!(call.header("access-control-expose-headers").contains("x-request-id"));
    let refused = read(reqwest::Client::new().post(app.url(CHAT)).header("origin", "https://page.example").body("{}")).await;
    assert_eq!(
        (refused.status, refused.header("access-control-allow-origin")),
        (401, "https://page.example"),
        "a page can read why"
    );
    let admin = app.request_as("admin-token-for-tests", "GET", "/api/keys").header("origin", "https://page.example");
    assert_eq!(read(admin).await.header("access-control-allow-origin"), "", "the admin API has none");
}
