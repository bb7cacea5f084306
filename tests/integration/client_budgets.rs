//! What a client may use: budgets that survive a restart, tokens that change over, and what it can ask about itself.

use keywheel::mock::MockProvider;
use serde_json::{Value, json};

use crate::app::{TestApp, bootstrap_of, read};

const KEYS: &[(&str, &str)] = &[("a", "sk-mock-healthy-1")];

#[tokio::test]
async fn a_client_learns_what_it_may_use_and_what_is_left() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, KEYS).await;
    let limits = json!({ "rpm": 10, "budget_tokens_day": 1000, "budget_usd_month": 2.5, "models": ["gpt-4o-mini", "o3*"] });
    assert_eq!(app.admin("PATCH", "/api/clients/1", limits).await.status, 200);
    assert_eq!(app.chat().await.status, 200);
    let used = app.only_record().await.usage.total_tokens().unwrap();

    let me = app.get("/v1/keywheel/me").await.json();
    assert_eq!((&me["name"], &me["allowed_models"]), (&json!("app"), &json!(["gpt-4o-mini", "o3*"])));
    assert_eq!(me["requests_per_minute"], json!({ "limit": 10, "left": 9 }));
    let [day, month, total] = [0, 1, 2].map(|place| me["budgets"][place].clone());
    assert_eq!(day["tokens"], json!({ "limit": 1000, "left": 1000 - used }));
    assert_eq!((&month["usd"]["limit"], &total["usd"]["limit"]), (&json!(2.5), &Value::Null));
    assert!(month["usd"]["left"].as_f64().unwrap() < 2.5 && total["usd_used"].as_f64().unwrap() > 0.0, "{me}");
    assert!(day["resets_at"].as_str().unwrap().ends_with("T00:00:00Z") && total["resets_at"].is_null());

    assert_eq!(app.post("/v1/keywheel/me", "{}").await.status, 405);
    let anonymous = read(reqwest::Client::new().get(app.url("/v1/keywheel/me"))).await;
    assert_eq!((anonymous.status, anonymous.code()), (401, "missing_token".to_owned()));
}

#[tokio::test]
async fn a_used_up_budget_holds_over_a_restart() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, KEYS).await;
    assert_eq!(app.chat().await.status, 200);
    app.records().await;
    assert_eq!(app.admin("PATCH", "/api/clients/1", json!({ "budget_tokens_total": 1 })).await.status, 200);
    let refused = app.chat().await;
    assert_eq!((refused.status, refused.code()), (429, "budget_exceeded".to_owned()));
    assert!(refused.text().contains("1 tokens in all"), "{}", refused.text());

    let data = app.stop().await;
    let app = TestApp::start_in(data, &bootstrap_of(&provider, "", KEYS), &[]).await;
    let shown = app.admin("GET", "/api/clients/1", Value::Null).await.json();
    assert!(shown["used"]["tokens_total"].as_u64() > Some(1) && shown["used"]["usd_day"].as_f64() > Some(0.0), "{shown}");
    assert_eq!(app.chat().await.code(), "budget_exceeded");
    assert_eq!(app.admin("PATCH", "/api/clients/1", json!({ "budget_tokens_total": null })).await.status, 200);
    assert_eq!(app.chat().await.status, 200, "the next call obeys what the answer said");
}

#[tokio::test]
async fn a_replaced_token_is_taken_as_long_as_was_said() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, KEYS).await;
    let replaced = app.admin("POST", "/api/clients/1/token", json!({ "overlap_s": 3600 })).await.json();
    let new = replaced["token"].as_str().unwrap().to_owned();
    assert!(replaced["client"]["former_token_until"].is_string(), "{replaced}");
    let with_new = async || {
        let body = crate::app::chat_body(false);
        let request = reqwest::Client::new().post(app.url("/v1/chat/completions")).bearer_auth(&new);
        read(request.header("content-type", "application/json").body(body)).await.status
    };
    assert_eq!((app.chat().await.status, with_new().await), (200, 200), "both are taken");

    let again = app.admin("POST", "/api/clients/1/token", json!({})).await.json();
    assert!(again["client"]["former_token_until"].is_null());
    assert_eq!((app.chat().await.code(), with_new().await), ("invalid_token".to_owned(), 401));
    let too_long = app.admin("POST", "/api/clients/1/token", json!({ "overlap_s": 2_592_001 })).await;
    assert_eq!((too_long.status, too_long.json()["error"]["field"].as_str()), (400, Some("overlap_s")));
}
