//! Live feeds end with the session or the token that they were asked for with, and with nobody else's.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use keywheel::domain::{AdminToken, AdminTokenId};
use keywheel::mock::{Behaviour, MockProvider};
use keywheel::store::{Actor, Edit, StoreError};
use serde_json::{Value, json};

use crate::app::{TestApp, bootstrap_of};
use crate::people::{ADMIN, Browser, PASSWORD, anonymous, set_up, sign_in};

/// Longest wait for the end of a feed: generous, since machines are busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// An open feed.
struct Feed(BoxStream<'static, reqwest::Result<bytes::Bytes>>);

impl Feed {
    async fn open(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        Feed(response.bytes_stream().boxed())
    }

    async fn of_calls(app: &TestApp, browser: &Browser) -> Self {
        Feed::open(browser.request(app, "GET", "/api/calls/live")).await
    }

    /// Reads until the feed ends.
    async fn ends(mut self, why: &str) {
        let reading = async { while self.0.next().await.is_some_and(|piece| piece.is_ok()) {} };
        assert!(tokio::time::timeout(PATIENCE, reading).await.is_ok(), "the feed goes on: {why}");
    }

    /// Reads until a piece holds this text.
    async fn shows(&mut self, text: &str) {
        let mut so_far = Vec::new();
        let reading = async {
            while !String::from_utf8_lossy(&so_far).contains(text) {
                let piece = self.0.next().await.unwrap_or_else(|| panic!("it ended before {text}"));
                so_far.extend_from_slice(&piece.expect("a piece"));
            }
        };
        assert!(tokio::time::timeout(PATIENCE, reading).await.is_ok(), "never shown: {text}");
    }
}

async fn start() -> (MockProvider, TestApp, Browser) {
    let provider = MockProvider::start().await;
    let app = TestApp::start(&bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")])).await;
    let owner = set_up(&app).await;
    (provider, app, owner)
}

async fn ok(app: &TestApp, browser: &Browser, method: &str, path: &str, body: Value) -> Value {
    let answer = browser.send(app, method, path, body).await;
    assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

/// Makes a user and signs in.
async fn user(app: &TestApp, owner: &Browser, name: &str, role: &str) -> (String, Browser) {
    let made = ok(app, owner, "POST", "/api/users", json!({ "name": name, "role": role, "password": PASSWORD })).await;
    let id = made["user"]["id"].as_i64().unwrap_or_else(|| panic!("an id: {made}"));
    (format!("/api/users/{id}"), Browser::of(&sign_in(app, name, PASSWORD).await))
}

#[tokio::test]
async fn a_feed_ends_when_its_reader_signs_out_and_the_others_go_on() {
    let (_provider, app, owner) = start().await;
    let second = Browser::of(&sign_in(&app, "anna", PASSWORD).await);
    let (feed, mut other) = (Feed::of_calls(&app, &second).await, Feed::of_calls(&app, &owner).await);
    ok(&app, &second, "DELETE", "/api/session", Value::Null).await;
    feed.ends("signed out").await;
    assert_eq!(app.chat().await.status, 200);
    other.shows("gpt-4o-mini").await;
    ok(&app, &owner, "DELETE", "/api/sessions", Value::Null).await;
    other.ends("signed out everywhere").await;
}

#[tokio::test]
async fn a_feed_ends_with_a_new_password_another_role_and_the_users_end() {
    let (_provider, app, owner) = start().await;
    let mut own = Feed::of_calls(&app, &owner).await;
    let (_, ben) = user(&app, &owner, "ben", "viewer").await;
    let feed = Feed::of_calls(&app, &ben).await;
    let change = json!({ "old": PASSWORD, "new": "another good password" });
    ok(&app, &ben, "PUT", "/api/session/password", change).await;
    feed.ends("a new password").await;
    for (name, method, change) in [
        ("cleo", "PATCH", json!({ "role": "operator" })),
        ("dora", "PATCH", json!({ "disabled": true })),
        ("emil", "DELETE", Value::Null),
    ] {
        let (path, browser) = user(&app, &owner, name, "viewer").await;
        let feed = Feed::of_calls(&app, &browser).await;
        ok(&app, &owner, method, &path, change.clone()).await;
        feed.ends(&format!("{method} {change}")).await;
    }
    assert_eq!(app.chat().await.status, 200);
    own.shows("gpt-4o-mini").await;
}

#[tokio::test]
async fn a_feed_ends_with_its_token() {
    let (_provider, app, owner) = start().await;
    let token = async |name: &str, expires: Option<&str>| {
        let body = json!({ "name": name, "role": "viewer", "expires_at": expires });
        let made = ok(&app, &owner, "POST", "/api/tokens", body).await;
        let id = made["admin_token"]["id"].as_i64().unwrap_or_else(|| panic!("an id: {made}"));
        (id, made["token"].as_str().expect("a token").to_owned())
    };
    let open = async |token: &str| Feed::open(anonymous(&app, "GET", "/api/calls/live").bearer_auth(token)).await;
    let (id, secret) = token("revoked", None).await;
    let feed = open(&secret).await;
    let mut configured = open(ADMIN).await;
    ok(&app, &owner, "DELETE", &format!("/api/tokens/{id}"), Value::Null).await;
    feed.ends("a revoked token").await;
    let (id, secret) = token("short", Some("2999-01-01T00:00:00Z")).await;
    let feed = open(&secret).await;
    // As if that time had come.
    let expire = move |edit: &mut Edit<'_>| {
        edit.update::<AdminToken>(AdminTokenId(id), None, |token| {
            token.expires_at = Some(1);
            Ok(())
        })
    };
    let actor = Actor { name: "test".to_owned(), address: None, now_ms: 1 };
    app.app.publisher().edit::<_, StoreError, _>(actor, expire).await.expect("the edit");
    feed.ends("an expired token").await;
    assert_eq!(app.chat().await.status, 200);
    configured.shows("gpt-4o-mini").await;
}

#[tokio::test]
async fn answers_and_checks_that_are_followed_end_with_the_session_too() {
    let (provider, app, owner) = start().await;
    let slow = || Behaviour::stream().event(r#"{"choices":[{"index":0,"delta":{"content":"Hel"}}]}"#).pause_ms(600_000).done();
    provider.queue(slow());
    let (_, ben) = user(&app, &owner, "ben", "operator").await;
    let chat = ok(&app, &ben, "POST", "/api/chats", json!({})).await["id"].clone();
    let said = json!({ "text": "Hi", "models": ["gpt-4o-mini"] });
    let turn = ok(&app, &ben, "POST", &format!("/api/chats/{chat}/messages"), said).await;
    let place = format!("/api/chats/{chat}/messages/{}", turn["answers"][0]["id"]);
    let mut answer = Feed::open(ben.request(&app, "GET", &format!("{place}/events"))).await;
    answer.shows("Hel").await;
    provider.behave(|request| (request.path() == "/v1/models").then(|| Behaviour::answer(200).delay_ms(600_000)));
    let checks = ben.request(&app, "POST", "/api/keys/check").header("content-type", "application/json");
    let mut checks = Feed::open(checks.body(json!({ "filter": {} }).to_string())).await;
    checks.shows("\"done\":0").await;
    ok(&app, &ben, "DELETE", "/api/sessions", Value::Null).await;
    answer.ends("an answer").await;
    checks.ends("checks").await;
}
