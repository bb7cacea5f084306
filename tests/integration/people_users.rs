//! Users, their links, and admin tokens, through their life.

use serde_json::{Value, json};

use crate::app::{TestApp, eventually, read};
use crate::people::{ADMIN, Browser, PASSWORD, anonymous, send, set_up, sign_in};

#[tokio::test]
async fn a_link_lets_a_user_in_once_to_set_a_password() {
    let app = TestApp::start("").await;
    let owner = set_up(&app).await;
    let made = owner.send(&app, "POST", "/api/users", json!({ "name": "bert", "role": "viewer" })).await.json();
    assert_eq!((&made["user"]["has_password"], &made["user"]["role"]), (&json!(false), &json!("viewer")));
    let by_link = async |link: &Value| send(&app, "POST", "/api/session", json!({ "link": link })).await;
    let former = made["link"]["link"].clone();
    let link = owner.send(&app, "POST", "/api/users/2/link", Value::Null).await.json();
    assert_eq!(link["path"], json!(format!("/#/sign-in?link={}", link["link"].as_str().unwrap())));
    assert_eq!(by_link(&former).await.code(), "wrong_link", "the former link is void");
    let answer = by_link(&link["link"]).await;
    assert_eq!(answer.json()["sets_password"], json!(true));
    assert_eq!(by_link(&link["link"]).await.code(), "wrong_link", "it works once");
    let bert = Browser::of(&answer);
    let set = bert.send(&app, "PUT", "/api/session/password", json!({ "new": PASSWORD })).await;
    assert_eq!(set.json()["sets_password"], json!(false));
    let again = Browser::of(&set).send(&app, "PUT", "/api/session/password", json!({ "new": "another one" })).await;
    assert_eq!((again.status, &again.json()["error"]["field"]), (400, &json!("old")));
    assert_eq!(sign_in(&app, "bert", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn the_last_owner_stays_and_a_change_of_role_ends_sessions() {
    let app = TestApp::start("").await;
    let anna = set_up(&app).await;
    for (method, body) in
        [("DELETE", Value::Null), ("PATCH", json!({ "role": "operator" })), ("PATCH", json!({ "disabled": true }))]
    {
        let refused = anna.send(&app, method, "/api/users/1", body).await;
        assert_eq!((refused.status, refused.code().as_str()), (409, "last_owner"));
    }
    let body = json!({ "name": "bert", "role": "owner", "password": PASSWORD });
    assert_eq!(anna.send(&app, "POST", "/api/users", body).await.status, 201);
    let bert = Browser::of(&sign_in(&app, "bert", PASSWORD).await);
    let renamed = bert.send(&app, "PATCH", "/api/users/1", json!({ "name": "Anne" })).await;
    assert_eq!((renamed.status, &renamed.json()["name"]), (200, &json!("Anne")));
    assert_eq!(anna.send(&app, "GET", "/api/session", Value::Null).await.json()["user"]["name"], json!("Anne"));
    let demoted = bert.send(&app, "PATCH", "/api/users/1", json!({ "role": "viewer" })).await;
    assert_eq!(demoted.json()["role"], json!("viewer"));
    assert_eq!(anna.send(&app, "GET", "/api/session", Value::Null).await.status, 401);
    let anna = Browser::of(&sign_in(&app, "anne", PASSWORD).await);
    assert_eq!(anna.send(&app, "POST", "/api/clients", json!({ "name": "c" })).await.code(), "forbidden");
    assert_eq!(bert.send(&app, "PATCH", "/api/users/1", json!({ "disabled": true })).await.status, 200);
    assert_eq!(anna.send(&app, "GET", "/api/session", Value::Null).await.status, 401);
    assert_eq!(sign_in(&app, "anne", PASSWORD).await.code(), "wrong_credentials");
    assert_eq!(bert.send(&app, "DELETE", "/api/users/1", Value::Null).await.status, 204);
    assert_eq!(bert.send(&app, "DELETE", "/api/users/2", Value::Null).await.code(), "last_owner");
    let log = bert.send(&app, "GET", "/api/audit?noun=user&actor=user:bert", Value::Null).await.text();
    assert!(log.contains(r#""role":{"from":"owner","to":"viewer"}"#), "{log}");
}

#[tokio::test]
async fn an_admin_token_is_shown_once_tells_its_last_use_and_can_be_revoked() {
    let app = TestApp::start("").await;
    let owner = set_up(&app).await;
    for expires in ["2020-01-01", "soon"] {
        let body = json!({ "name": "ci", "role": "operator", "expires_at": expires });
        let refused = owner.send(&app, "POST", "/api/tokens", body).await;
        assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &json!("expires_at")));
    }
    let body = json!({ "name": "ci", "role": "operator", "expires_at": "2999-01-01" });
    let made = owner.send(&app, "POST", "/api/tokens", body).await.json();
    let token = made["token"].as_str().unwrap().to_owned();
    let with_token = async |method: &str, path: &str| read(anonymous(&app, method, path).bearer_auth(&token)).await;
    let list = async || owner.send(&app, "GET", "/api/tokens", Value::Null).await;
    assert!(list().await.json()["tokens"][0]["last_used_at"].is_null());
    assert_eq!(
        with_token("GET", "/api/session").await.json()["user"],
        json!({ "id": null, "name": "token:ci", "role": "operator" })
    );
    assert_eq!(with_token("GET", "/api/tokens").await.code(), "forbidden");
    assert_eq!(with_token("DELETE", "/api/session").await.code(), "no_session");
    eventually("the use is noted", async || list().await.json()["tokens"][0]["last_used_at"].is_string()).await;
    assert!(!list().await.text().contains(&token));
    assert_eq!(owner.send(&app, "DELETE", "/api/tokens/1", Value::Null).await.status, 204);
    assert_eq!(with_token("GET", "/api/session").await.status, 401);
    assert_eq!(read(anonymous(&app, "GET", "/api/session").bearer_auth(ADMIN)).await.json()["csrf"], Value::Null);
}

#[tokio::test]
async fn what_is_fixed_says_who_decided_it_and_shows_no_secret() {
    let app = TestApp::start_with("", &[("KEYWHEEL_METRICS_TOKEN", "a-metrics-token")]).await;
    let answer = read(anonymous(&app, "GET", "/api/settings/fixed").bearer_auth(ADMIN)).await;
    let (text, body) = (answer.text(), answer.json());
    let setting = |name: &str| {
        let all = body["settings"].as_array().unwrap();
        all.iter().find(|setting| setting["name"] == name).unwrap_or_else(|| panic!("no {name}: {text}")).clone()
    };
    assert_eq!(
        setting("listen"),
        json!({
            "name": "listen", "value": "127.0.0.1:0", "decided_by": "environment",
            "source": "the environment variable KEYWHEEL_LISTEN",
        })
    );
    assert_eq!(setting("log")["decided_by"], json!("default"));
    assert_eq!(setting("admin_token")["value"], json!("(hidden)"));
    assert!(!text.contains(ADMIN) && !text.contains("a-metrics-token"), "{text}");
}
