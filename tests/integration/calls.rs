//! The life of a call, from a client's socket to its record.

use keywheel::domain::{Outcome, UsageQuality};
use keywheel::mock::{Behaviour, MockProvider};

use crate::app::{TestApp, bootstrap_of, chat_body, eventually, secrets_seen};

#[tokio::test]
async fn a_plain_and_a_streamed_call_are_answered_and_recorded() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("a", "sk-mock-healthy-1")]).await;
    let plain = app.chat().await;
    assert_eq!(plain.status, 200, "{}", plain.text());
    let streamed = app.chat_stream().await;
    assert_eq!(streamed.status, 200);
    assert!(streamed.text().ends_with("data: [DONE]\n\n"), "{}", streamed.text());
    assert!(!streamed.text().contains("\"choices\":[]"), "the usage event that nobody asked for is hidden");

    let records = app.records().await;
    assert_eq!(records.len(), 2);
    for (record, answer) in records.iter().zip([&plain, &streamed]) {
        assert_eq!(record.outcome, Outcome::Success);
        assert_eq!(record.id.to_string(), answer.header("x-request-id"));
        assert_eq!(record.usage.quality, UsageQuality::Exact);
        assert!(record.usage.output > Some(0) && record.cost.known().is_some(), "{record:#?}");
        assert_eq!(record.bytes_out, answer.body.len() as u64);
        assert_eq!(record.attempts.len(), 1);
        assert_eq!(&*record.attempts[0].why.chosen_by, "round_robin");
    }
    assert_eq!(plain.json()["usage"]["completion_tokens"].as_u64(), records[0].usage.output);
}

#[tokio::test]
async fn a_refused_key_is_disabled_and_the_client_sees_another_keys_answer() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("bad", "sk-mock-invalid-1"), ("good", "sk-mock-healthy-1")]).await;
    for _ in 0..4 {
        assert_eq!(app.chat().await.status, 200);
    }
    let refused = secrets_seen(&provider).iter().filter(|secret| *secret == "sk-mock-invalid-1").count();
    assert_eq!(refused, 1, "a disabled key is not asked again");
    assert_eq!(app.key("bad").state.as_str(), "disabled_auto");
    assert_eq!(app.key("good").state.as_str(), "active");
}

#[tokio::test]
async fn a_disabled_key_stays_disabled_over_a_restart() {
    let provider = MockProvider::start().await;
    let keys = [("bad", "sk-mock-invalid-1"), ("good", "sk-mock-healthy-1")];
    let app = TestApp::with_keys(&provider, &keys).await;
    for _ in 0..2 {
        assert_eq!(app.chat().await.status, 200);
    }
    let data = app.stop().await;
    let app = TestApp::start_in(data, &bootstrap_of(&provider, "", &keys), &[]).await;
    assert_eq!(app.key("bad").state.as_str(), "disabled_auto");
    assert_eq!(app.records().await.len(), 2, "the log survives");
}

#[tokio::test]
async fn a_path_nobody_has_heard_of_is_passed_on_and_recorded() {
    let provider = MockProvider::start().await;
    provider.behave(|request| {
        (request.path() == "/v1/never/heard")
            .then(|| Behaviour::answer(418).json(&serde_json::json!({"error": {"code": "tea"}})))
    });
    let app = TestApp::with_keys(&provider, &[("a", "sk-mock-healthy-1")]).await;
    let answer = app.get("/v1/never/heard").await;
    assert_eq!((answer.status, answer.code().as_str()), (418, "tea"));
    let record = app.only_record().await;
    assert_eq!((record.status, record.attempts.len()), (418, 1));
    assert_eq!(record.outcome, Outcome::RequestError);
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_provider() {
    let provider = MockProvider::start().await;
    provider.behave(|_| Some(Behaviour::hang()));
    let app = TestApp::with_keys(&provider, &[("a", "sk-mock-healthy-1")]).await;
    let call = app.request("POST", "/v1/chat/completions").body(chat_body(true)).send();
    assert!(tokio::time::timeout(std::time::Duration::from_millis(300), call).await.is_err());
    eventually("the call is recorded", async || app.records().await.len() == 1).await;
    assert_eq!(app.only_record().await.outcome, Outcome::ClientGone);
}

#[tokio::test]
async fn every_call_that_matches_is_one_file() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("=a", "sk-mock-healthy-1")]).await;
    for _ in 0..3 {
        assert_eq!(app.chat().await.status, 200);
    }
    let table = app.admin("GET", "/api/calls?format=csv&outcome=success", serde_json::Value::Null).await;
    assert_eq!(table.header("content-disposition"), "attachment; filename=\"calls.csv\"");
    let text = table.text();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 4, "{text}");
    let column = |name: &str| rows[0].iter().position(|title| *title == name).unwrap();
    assert_eq!((rows[1][column("client")], rows[1][column("key")]), ("app", "'=a"), "things by name, and no formula");
    assert!(
        rows[1].iter().zip(&rows[0]).filter(|(cell, _)| cell.is_empty()).all(|(_, title)| title.ends_with("_ms")
            || *title == "error_code"
            || title.starts_with("cached")
            || *title == "tags"
            || *title == "reasoning"),
        "{text}"
    );

    let lines = app.admin("GET", "/api/calls?format=jsonl", serde_json::Value::Null).await.text();
    let calls: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let page = app.admin("GET", "/api/calls", serde_json::Value::Null).await.json();
    assert_eq!(serde_json::Value::from(calls), page["calls"], "as the pages show them");
    assert_eq!(
        app.admin("GET", "/api/calls?format=csv&outcome=rejected", serde_json::Value::Null).await.text().lines().count(),
        1
    );
}
