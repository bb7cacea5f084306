//! Chats are private: to everybody else, an owner too, they do not exist, whatever the operation.

use keywheel::admin;
use keywheel::mock::MockProvider;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, bootstrap_of};
use crate::people::{ADMIN, Browser, PASSWORD, anonymous, set_up, sign_in, with_body};

const PICTURE: &str = "data:image/png;base64,iVBORw0KGgo=";

/// Every operation on one chat, as the document declares them: method, path below `/api/chats/{id}`.
fn operations() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&admin::openapi_json()).expect("the document");
    let mut all = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let Some(below) = path.strip_prefix("/api/chats/{id}") else { continue };
        all.extend(operations.as_object().expect("operations").keys().map(|method| (method.to_uppercase(), below.to_owned())));
    }
    assert!(all.len() >= 10, "{all:?}");
    all
}

async fn user(app: &TestApp, owner: &Browser, name: &str, role: &str) -> Browser {
    let made = owner.send(app, "POST", "/api/users", json!({ "name": name, "role": role, "password": PASSWORD })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    Browser::of(&sign_in(app, name, PASSWORD).await)
}

/// A body that the operation would take from the chat's owner.
fn body_of(method: &str, below: &str) -> Value {
    match (method, below) {
        ("PATCH", "") => json!({ "title": "mine" }),
        ("POST", "/messages") => json!({ "text": "x", "models": ["gpt-4o-mini"] }),
        ("POST", "/messages/{message}/answers") => json!({ "models": ["gpt-4o-mini"] }),
        _ => Value::Null,
    }
}

#[tokio::test]
async fn the_chats_of_one_user_do_not_exist_for_another() {
    let provider = MockProvider::start().await;
    let app = TestApp::start(&bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")])).await;
    let owner = set_up(&app).await;
    let (ben, cleo) = (user(&app, &owner, "ben", "operator").await, user(&app, &owner, "cleo", "operator").await);
    let send =
        async |who: &Browser, method: &str, path: &str, body: Value| -> Answer { who.send(&app, method, path, body).await };
    let made = send(&ben, "POST", "/api/chats", json!({ "title": "a secret plan" })).await.json();
    let chat = made["id"].as_i64().unwrap_or_else(|| panic!("an id: {made}"));
    let said = json!({ "text": "Hi", "images": [PICTURE], "models": ["gpt-4o-mini"] });
    let turn = send(&ben, "POST", &format!("/api/chats/{chat}/messages"), said).await.json();
    let (question, answer) = (turn["message"]["id"].clone(), turn["answers"][0]["id"].clone());
    let events = send(&ben, "GET", &format!("/api/chats/{chat}/messages/{answer}/events"), Value::Null).await;
    assert_eq!(events.status, 200);
    let before = send(&ben, "GET", &format!("/api/chats/{chat}"), Value::Null).await.json();

    for (method, below) in operations() {
        for message in [&question, &answer] {
            let place = below.replace("{message}", &message.to_string()).replace("{position}", "0");
            let query = if below == "/export" { "?format=json" } else { "" };
            let path = format!("/api/chats/{chat}{place}{query}");
            for (name, other) in [("cleo", &cleo), ("the owner", &owner)] {
                let answer = send(other, &method, &path, body_of(&method, &below)).await;
                assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{name}: {method} {path}");
                assert!(!answer.text().contains("secret plan"), "{}", answer.text());
            }
            let by_token = anonymous(&app, &method, &path).bearer_auth(ADMIN);
            let answer = crate::app::read(with_body(by_token, &body_of(&method, &below))).await;
            assert_eq!(answer.status, 404, "the configured token: {method} {path}");
        }
    }
    for (name, other) in [("cleo", &cleo), ("the owner", &owner)] {
        for list in ["/api/chats", "/api/chats?search=secret", "/api/chats?search=Hi"] {
            assert_eq!(send(other, "GET", list, Value::Null).await.json()["chats"], json!([]), "{name}: {list}");
        }
    }
    let own = send(&cleo, "POST", "/api/chats", json!({})).await.json()["id"].clone();
    let crossed = send(&cleo, "GET", &format!("/api/chats/{own}/messages/{answer}/events"), Value::Null).await;
    assert_eq!(crossed.status, 404, "a message of somebody else's chat below an own one");
    let after = send(&ben, "GET", &format!("/api/chats/{chat}"), Value::Null).await.json();
    assert_eq!(after, before, "and it is as it was");
    let again = Browser::of(&sign_in(&app, "ben", PASSWORD).await);
    assert_eq!(
        send(&again, "GET", &format!("/api/chats/{chat}"), Value::Null).await.status,
        200,
        "in every session of their own"
    );
}
