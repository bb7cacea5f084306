//! People: the first owner, signing in and out, passwords, and what a browser must prove.

use std::time::Duration;

use reqwest::RequestBuilder;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, read};

pub const PASSWORD: &str = "correct horse battery";
pub const ADMIN: &str = "admin-token-for-tests";

/// Somebody with a browser.
pub struct Browser {
    pub cookie: String,
    pub csrf: String,
}

impl Browser {
    /// What an answer that signs in gave.
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        Browser { cookie, csrf: answer.json()["csrf"].as_str().expect("a csrf token").to_owned() }
    }

    /// A request as the dashboard makes it.
    pub fn request(&self, app: &TestApp, method: &str, path: &str) -> RequestBuilder {
        let request = anonymous(app, method, path).header("cookie", &self.cookie).header("origin", app.url(""));
        request.header("x-csrf-token", &self.csrf)
    }

    pub async fn send(&self, app: &TestApp, method: &str, path: &str, body: Value) -> Answer {
        read(with_body(self.request(app, method, path), &body)).await
    }
}

pub fn anonymous(app: &TestApp, method: &str, path: &str) -> RequestBuilder {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    http.request(method, app.url(path)).timeout(Duration::from_secs(60))
}

pub fn with_body(request: RequestBuilder, body: &Value) -> RequestBuilder {
    if body.is_null() {
        return request;
    }
    request.header("content-type", "application/json").body(body.to_string())
}

pub async fn send(app: &TestApp, method: &str, path: &str, body: Value) -> Answer {
    read(with_body(anonymous(app, method, path), &body)).await
}

pub async fn set_up(app: &TestApp) -> Browser {
    let token = app.app.setup_token().unwrap().expect("there is no user yet");
    let body = json!({ "token": token.expose_secret(), "name": "anna", "password": PASSWORD });
    Browser::of(&send(app, "POST", "/api/setup", body).await)
}

pub async fn sign_in(app: &TestApp, name: &str, password: &str) -> Answer {
    send(app, "POST", "/api/session", json!({ "name": name, "password": password })).await
}

#[tokio::test]
async fn the_first_owner_is_made_once_with_the_link() {
    let app = TestApp::start("").await;
    let needed = async || send(&app, "GET", "/api/setup", Value::Null).await.json()["needed"].clone();
    assert_eq!(needed().await, json!(true));
    let former = app.app.setup_token().unwrap().unwrap();
    let token = app.app.setup_token().unwrap().unwrap();
    let body = |token: &str, password: &str| json!({ "token": token, "name": "anna", "password": password });
    for (token, password, status, code) in [
        ("kw-guess", PASSWORD, 401, "wrong_link"),
        (former.expose_secret(), PASSWORD, 401, "wrong_link"),
        (token.expose_secret(), "short", 400, "invalid"),
    ] {
        let refused = send(&app, "POST", "/api/setup", body(token, password)).await;
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{}", refused.text());
    }
    let mut greedy = body(token.expose_secret(), PASSWORD);
    greedy["role"] = json!("owner");
    assert_eq!(send(&app, "POST", "/api/setup", greedy).await.status, 400);
    // Of two at once, one wins.
    let (one, other) = tokio::join!(
        send(&app, "POST", "/api/setup", body(token.expose_secret(), PASSWORD)),
        send(&app, "POST", "/api/setup", body(token.expose_secret(), PASSWORD))
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let winner = if one.status == 200 { one } else { other };
    assert_eq!(winner.json()["user"], json!({ "id": 1, "name": "anna", "role": "owner" }));
    let cookie = winner.header("set-cookie").to_owned();
    assert!(cookie.starts_with("keywheel_session=kw-") && cookie.contains("; Path=/;"), "{cookie}");
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict") && !cookie.contains("Secure"), "{cookie}");
    assert_eq!(needed().await, json!(false));
    assert!(app.app.setup_token().unwrap().is_none());
    let seen = Browser::of(&winner).send(&app, "GET", "/api/session", Value::Null).await;
    assert_eq!((seen.status, &seen.json()["user"]["name"]), (200, &json!("anna")));
}

#[tokio::test]
async fn whoever_signs_in_can_work_and_sign_out() {
    let app = TestApp::start("").await;
    let first = set_up(&app).await;
    let answer = sign_in(&app, "ANNA", PASSWORD).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let second = Browser::of(&answer);
    assert_ne!(first.cookie, second.cookie);
    let made = second.send(&app, "POST", "/api/clients", json!({ "name": "c" })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let log = second.send(&app, "GET", "/api/audit?limit=1", Value::Null).await.json();
    assert_eq!((&log["entries"][0]["actor"], &log["entries"][0]["address"]), (&json!("user:anna"), &json!("127.0.0.1")));
    let out = second.send(&app, "DELETE", "/api/session", Value::Null).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").starts_with("keywheel_session=;") && out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(second.send(&app, "GET", "/api/session", Value::Null).await.status, 401);
    let third = Browser::of(&sign_in(&app, "anna", PASSWORD).await);
    assert_eq!(first.send(&app, "DELETE", "/api/sessions", Value::Null).await.status, 204);
    for browser in [&first, &third] {
        assert_eq!(browser.send(&app, "GET", "/api/session", Value::Null).await.status, 401);
    }
}

#[tokio::test]
async fn a_session_survives_a_restart() {
    let app = TestApp::start("").await;
    let browser = set_up(&app).await;
    let app = TestApp::start_in(app.stop().await, "", &[]).await;
    let seen = browser.send(&app, "GET", "/api/session", Value::Null).await;
    assert_eq!((seen.status, seen.json()["csrf"].as_str()), (200, Some(&*browser.csrf)));
}

#[tokio::test]
async fn a_write_from_elsewhere_is_refused() {
    let app = TestApp::start("").await;
    let browser = set_up(&app).await;
    let write = |csrf: Option<&str>, origin: Option<&str>| {
        let mut request = anonymous(&app, "POST", "/api/clients").header("cookie", &browser.cookie);
        for (name, value) in [("x-csrf-token", csrf), ("origin", origin)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        read(with_body(request, &json!({ "name": "c" })))
    };
    let own = app.url("");
    for (csrf, origin, code) in [
        (None, Some(&*own), "csrf"),
        (Some("x"), Some(&*own), "csrf"),
        (Some(&*browser.csrf), Some("https://evil.example"), "foreign_origin"),
        (Some(&*browser.csrf), Some("null"), "foreign_origin"),
    ] {
        let refused = write(csrf, origin).await;
        assert_eq!((refused.status, refused.code().as_str()), (403, code));
    }
    assert_eq!(write(Some(&browser.csrf), None).await.status, 201);
    let body = json!({ "name": "anna", "password": PASSWORD });
    let elsewhere = anonymous(&app, "POST", "/api/session").header("origin", "https://evil.example");
    assert_eq!(read(with_body(elsewhere, &body)).await.code(), "foreign_origin");
}

#[tokio::test]
async fn a_new_password_ends_every_other_session() {
    let app = TestApp::start("").await;
    let (first, second) = (set_up(&app).await, Browser::of(&sign_in(&app, "anna", PASSWORD).await));
    let change =
        async |old: Value, new: &str| first.send(&app, "PUT", "/api/session/password", json!({ "old": old, "new": new })).await;
    for (old, new, field) in
        [(json!("wrong wrong"), "a better one", "old"), (Value::Null, "a better one", "old"), (json!(PASSWORD), "short", "new")]
    {
        let refused = change(old, new).await;
        assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &json!(field)));
    }
    let next = Browser::of(&change(json!(PASSWORD), "a better one").await);
    for (browser, status) in [(&first, 401), (&second, 401), (&next, 200)] {
        assert_eq!(browser.send(&app, "GET", "/api/session", Value::Null).await.status, status);
    }
    assert_eq!(sign_in(&app, "anna", PASSWORD).await.status, 401);
    assert_eq!(sign_in(&app, "anna", "a better one").await.status, 200);
    let log = next.send(&app, "GET", "/api/audit?noun=user", Value::Null).await.text();
    assert!(log.contains(r#""password":{"changed":true}"#) && !log.contains("argon2"), "{log}");
}

#[tokio::test]
async fn who_guesses_passwords_has_to_wait() {
    let app = TestApp::start("").await;
    set_up(&app).await;
    for name in ["anna", "nobody"] {
        for _ in 0..5 {
            let refused = sign_in(&app, name, "wrong wrong").await;
            assert_eq!((refused.status, refused.code().as_str()), (401, "wrong_credentials"));
        }
        let refused = sign_in(&app, name, if name == "anna" { PASSWORD } else { "x" }).await;
        assert_eq!((refused.status, refused.code().as_str()), (429, "too_many_attempts"));
        assert!((1..=30).contains(&refused.header("retry-after").parse::<u64>().unwrap()));
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_cookie_is_secure_and_the_origin_is_its_own() {
    let variables = [("KEYWHEEL_TRUSTED_PROXIES", "127.0.0.0/8"), ("KEYWHEEL_BASE_PATH", "/kw")];
    let app = TestApp::start_with("", &variables).await;
    set_up(&app).await;
    let request = |forwarded: bool, origin: &str| {
        let mut request = anonymous(&app, "POST", "/kw/api/session").header("origin", origin);
        if forwarded {
            request = request
                .header("x-forwarded-proto", "https")
                .header("x-forwarded-host", "kw.example.com")
                .header("x-forwarded-for", "203.0.113.9");
        }
        read(with_body(request, &json!({ "name": "anna", "password": PASSWORD })))
    };
    let answer = request(true, "https://kw.example.com").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("set-cookie").ends_with("; Secure") && answer.header("set-cookie").contains("; Path=/kw;"));
    assert_eq!(request(true, &app.url("")).await.code(), "foreign_origin");
    assert!(!request(false, &app.url("")).await.header("set-cookie").contains("Secure"));
    let seen = read(anonymous(&app, "GET", "/kw/api/audit?limit=2").bearer_auth(ADMIN)).await.json();
    assert_eq!(seen["entries"][1]["address"], json!("203.0.113.9"));
}
