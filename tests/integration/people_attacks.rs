//! Ways around the sign-in that worked elsewhere, and must not here.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::app::{TestApp, read};
use crate::people::{ADMIN, Browser, PASSWORD, anonymous, send, set_up, sign_in, with_body};

/// The status of a request whose bytes nothing has tidied up.
fn raw_status(app: &TestApp, request: &str) -> u16 {
    let mut stream = TcpStream::connect(app.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{request:?}: {answer:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_path_gets_around_the_sign_in() {
    let app = TestApp::start("").await;
    let browser = set_up(&app).await;
    for path in [
        "/api/users",
        "//api/users",
        "/api//users",
        "/API/users",
        "/api/./users",
        "/x/../api/users",
        "/x/%2e%2e/api/users",
        "/v1/../api/users",
        "/v1/%2e%2e/api/users",
        "/v1/%2e%2e%2fapi/users",
        "/healthz/../api/users",
        "/docs/../api/users",
        "/docs/..;/api/users",
        "/api/%75sers",
        "/api/users/",
        "/api/users%2f",
        "/api%2fusers",
        "/api/users.",
        "/api/users..",
        "/api/users.json",
        "/api/users;x=1",
        "/api/users%00",
        "/api/users%20",
        "/api/users?role=owner",
        "/api/users#x",
        "/api/session/../users",
        "/api/setup/../users",
        "/api/setup%2f..%2fusers",
        "http://localhost/api/users",
        "http://evil.example/api/users",
    ] {
        for line in ["x-nothing: 1", "x-original-url: /api/setup", "x-rewrite-url: /api/setup", "x-forwarded-for: 127.0.0.1"] {
            let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{line}\r\nconnection: close\r\n\r\n");
            let status = raw_status(&app, &request);
            assert!([400, 401, 404].contains(&status), "{path} with {line}: {status}");
        }
    }
    for line in [
        "authorization: Bearer ",
        "authorization: Bearer",
        "authorization: Bearer null",
        "authorization: Basic YWRtaW46YWRtaW4=",
        "cookie: keywheel_session=",
        "cookie: keywheel_session=' OR 1=1 --",
        "cookie: keywheel_session=%00",
        "x-keywheel-user: anna",
        "remote-user: anna",
        "x-http-method-override: OPTIONS",
    ] {
        let request = format!("GET /api/users HTTP/1.1\r\nhost: x\r\n{line}\r\nconnection: close\r\n\r\n");
        assert_eq!(raw_status(&app, &request), 401, "{line}");
    }
    for method in ["OPTIONS", "TRACE", "PROPFIND", "get"] {
        let request = format!("{method} /api/users HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let status = raw_status(&app, &request);
        assert!((400..=501).contains(&status), "{method}: {status}");
    }
    // A session in a cookie beside somebody else's, or behind another scheme of authorization, still counts.
    let shared =
        anonymous(&app, "GET", "/api/session").header("cookie", format!("keywheel_session=kw-other; {}", browser.cookie));
    assert_eq!(read(shared.header("authorization", "Basic YTpi")).await.status, 200);
    // A method in a header does not make a write of a read, nor the other way round.
    let forged =
        anonymous(&app, "POST", "/api/clients").header("cookie", &browser.cookie).header("x-http-method-override", "GET");
    assert_eq!(read(with_body(forged, &json!({ "name": "c" }))).await.status, 403);
}

#[tokio::test]
async fn nobody_gives_themselves_a_role() {
    let app = TestApp::start("").await;
    let owner = set_up(&app).await;
    let body = json!({ "name": "bert", "role": "operator", "password": PASSWORD });
    assert_eq!(owner.send(&app, "POST", "/api/users", body).await.status, 201);
    let bert = Browser::of(&sign_in(&app, "bert", PASSWORD).await);
    for (method, path, body) in [
        ("PATCH", "/api/users/2", json!({ "role": "owner" })),
        ("POST", "/api/users", json!({ "name": "c", "role": "viewer" })),
        ("POST", "/api/users/1/link", Value::Null),
        ("POST", "/api/tokens", json!({ "name": "t", "role": "viewer" })),
        ("GET", "/api/tokens", Value::Null),
        ("DELETE", "/api/users/1", Value::Null),
    ] {
        assert_eq!(bert.send(&app, method, path, body).await.code(), "forbidden", "{method} {path}");
    }
    for (method, path, body) in [
        ("PUT", "/api/session/password", json!({ "old": PASSWORD, "new": "a better one", "role": "owner" })),
        ("POST", "/api/session", json!({ "name": "bert", "password": PASSWORD, "role": "owner" })),
    ] {
        let refused = bert.send(&app, method, path, body).await;
        assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &json!("role")), "{method} {path}");
    }
    for member in ["id", "password", "has_password", "version", "created_at", "is_owner", "ROLE"] {
        let refused = owner.send(&app, "PATCH", "/api/users/2", json!({ member: 1 })).await;
        assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &json!(member)));
    }
    let twice = anonymous(&app, "PATCH", "/api/users/2").bearer_auth(ADMIN).header("content-type", "application/json");
    assert_eq!(read(twice.body(r#"{"role":"viewer","role":"owner"}"#)).await.status, 400);
    assert_eq!(bert.send(&app, "GET", "/api/session", Value::Null).await.json()["user"]["role"], json!("operator"));
}

#[tokio::test]
async fn names_are_only_names() {
    let app = TestApp::start("").await;
    let owner = set_up(&app).await;
    for name in ["a\r\nset-cookie: x=y", "a\nb", "a\0b", "", " a", "a\u{202e}b", "ANNA"] {
        let refused = owner.send(&app, "POST", "/api/users", json!({ "name": name, "role": "viewer" })).await;
        assert!(
            [400, 409].contains(&refused.status) && refused.json()["error"]["field"] == "name",
            "{name:?}: {}",
            refused.text()
        );
        let token = owner.send(&app, "POST", "/api/tokens", json!({ "name": name, "role": "viewer" })).await;
        assert!(token.status == 400 || name == "ANNA", "{name:?}: {}", token.text());
        let stranger = sign_in(&app, name, "a\r\nset-cookie: x=y").await;
        assert!(stranger.status == 401 && stranger.header("set-cookie").is_empty(), "{name:?}: {}", stranger.text());
    }
    let injected = "x'; DROP TABLE users; --";
    let made =
        owner.send(&app, "POST", "/api/users", json!({ "name": injected, "role": "viewer", "password": PASSWORD })).await;
    assert_eq!((made.status, &made.json()["user"]["name"]), (201, &json!(injected)));
    assert_eq!(sign_in(&app, injected, PASSWORD).await.status, 200);
    for attempt in ["' OR '1'='1", "anna' --", "anna'/*", "\" OR \"\"=\"", "%", "_nna", "anna\\"] {
        assert_eq!(sign_in(&app, attempt, attempt).await.status, 401, "{attempt}");
        let link = send(&app, "POST", "/api/session", json!({ "link": attempt })).await;
        assert_eq!(link.code(), "wrong_link", "{attempt}");
    }
    let lists = ["users", "tokens", "clients", "keys", "providers", "models", "audit", "calls"];
    for value in ["'", "1%20OR%201=1", "1;DROP%20TABLE%20users", "%27)%20UNION%20SELECT%20password%20FROM%20users--", "-1"] {
        for list in lists {
            for parameter in ["cursor", "search", "noun", "actor", "row", "sort", "order", "provider", "state", "limit"] {
                let answer = owner.send(&app, "GET", &format!("/api/{list}?{parameter}={value}"), Value::Null).await;
                assert!([200, 400].contains(&answer.status), "{list} {parameter} {value}: {}", answer.text());
                assert!(!answer.text().contains("argon2"), "{list} {parameter} {value}");
            }
        }
    }
    let users = owner.send(&app, "GET", "/api/users", Value::Null).await.json();
    assert_eq!(users["users"].as_array().unwrap().len(), 2);
}
