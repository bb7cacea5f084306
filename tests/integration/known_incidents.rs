//! What went wrong elsewhere and must not here: destinations that a caller chooses, and names that are more than names.

use std::sync::Arc;

use keywheel::mock::{Behaviour, MockProvider};
use serde_json::{Value, json};

use crate::app::{Answer, TOKEN, TestApp, bootstrap_of, read};

async fn started() -> (MockProvider, TestApp) {
    let provider = MockProvider::start().await;
    let app = TestApp::start(&bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")])).await;
    (provider, app)
}

#[tokio::test]
async fn addresses_in_bodies_are_passed_on_and_never_asked() {
    let (provider, app) = started().await;
    let canary = MockProvider::start().await;
    let there = canary.base_url();
    let chat = |part: Value| json!({ "model": "m", "messages": [{ "role": "user", "content": [part] }] });
    for (path, body) in [
        ("/v1/chat/completions", chat(json!({ "type": "image_url", "image_url": { "url": format!("{there}/a.png") } }))),
        (
            "/v1/chat/completions",
            chat(json!({ "type": "image_url", "image_url": { "url": "http://169.254.169.254/latest/meta-data/" } })),
        ),
        ("/v1/chat/completions", chat(json!({ "type": "file", "file": { "file_url": format!("{there}/a.pdf") } }))),
        (
            "/v1/responses",
            json!({ "model": "m", "input": [{ "role": "user", "content": [
                { "type": "input_image", "image_url": format!("{there}/a.png") },
                { "type": "input_file", "file_url": format!("{there}/a.pdf") },
            ] }] }),
        ),
        (
            "/v1/messages",
            json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": [
                { "type": "image", "source": { "type": "url", "url": format!("{there}/a.png") } },
            ] }] }),
        ),
        ("/v1/images/edits", json!({ "model": "m", "prompt": "x", "image": format!("{there}/a.png") })),
        (
            "/v1/chat/completions",
            json!({
                "model": "m", "messages": [], "base_url": there, "api_base": there, "url": there, "proxy": there,
                "webhook_url": there, "metadata": { "callback": there },
            }),
        ),
    ] {
        let text = body.to_string();
        let answer = app.post(path, text.clone()).await;
        assert!(answer.status < 500, "{path}: {} {}", answer.status, answer.text());
        assert_eq!(provider.last_seen().map(|request| request.text()), Some(text), "{path}: as the client wrote it");
    }
    let chat = app.admin("POST", "/api/chats", json!({})).await.json();
    let id = &chat["id"];
    for url in [format!("{there}/a.png"), "http://169.254.169.254/".to_owned(), "file:///etc/passwd".to_owned()] {
        let message = json!({ "text": "look", "models": ["mock/m"], "images": [url] });
        let refused = app.admin("POST", &format!("/api/chats/{id}/messages"), message).await;
        assert_eq!((refused.status, refused.json()["error"]["field"].clone()), (400, json!("images")), "{}", refused.text());
    }
    assert!(canary.seen().is_empty(), "nobody was asked: {:?}", canary.seen());
}

#[tokio::test]
async fn a_provider_at_a_metadata_address_is_dialled_by_nothing() {
    let app = TestApp::start(&format!("[[client]]\nname = \"app\"\ntoken = \"{TOKEN}\"\n")).await;
    let addresses = ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "2852039166", "100.100.100.200"];
    for (at, host) in addresses.into_iter().enumerate() {
        let name = format!("p{at}");
        let body = json!({ "name": name, "base_url": format!("http://{host}/latest"), "allow_private": true });
        let made = app.admin("POST", "/api/providers", body).await;
        assert_eq!(made.status, 201, "{host}: {}", made.text());
        let id = made.json()["id"].clone();
        let key = app.admin("POST", "/api/keys", json!({ "provider": id, "name": "k", "secret": "sk-any-0123456789" })).await;
        let key = key.json()["id"].clone();
        let call = app.post("/v1/chat/completions", json!({ "model": format!("{name}/m"), "messages": [] }).to_string()).await;
        assert!([502, 503].contains(&call.status), "{host}: {} {}", call.status, call.text());
        assert!(!call.text().contains("169.254") && !call.text().contains("fd00"), "{host}: {}", call.text());
        let check = app.admin("POST", &format!("/api/keys/{key}/check"), json!({})).await;
        assert!(check.text().contains("is refused"), "{host}: {}", check.text());
        let sync = app.admin("POST", &format!("/api/providers/{id}/models/sync"), json!({})).await;
        assert!(sync.text().contains("is refused"), "{host}: {}", sync.text());
        assert_eq!(app.admin("DELETE", &format!("/api/providers/{id}"), Value::Null).await.status, 204);
    }
}

#[tokio::test]
async fn no_redirect_of_a_provider_is_followed() {
    let (provider, app) = started().await;
    let canary = MockProvider::start().await;
    let there = Arc::new(format!("{}/models", canary.base_url()));
    for (status, to) in
        [(301, there.clone()), (302, Arc::new("http://169.254.169.254/".to_owned())), (307, there.clone()), (308, there)]
    {
        let target = to.clone();
        provider.behave(move |_| Some(Behaviour::answer(status).header("location", target.to_string())));
        let call = app.chat().await;
        assert!(call.status >= 500 && call.header("location").is_empty(), "{status}: {} {}", call.status, call.text());
        let check = app.admin("POST", "/api/keys/1/check", json!({})).await;
        assert_eq!(check.status, 200, "{}", check.text());
        assert_ne!(check.json()["verdict"], "valid", "{}", check.text());
        assert_eq!(app.admin("POST", "/api/providers/1/models/sync", json!({})).await.status, 200);
    }
    assert!(canary.seen().is_empty(), "{:?}", canary.seen());
}

/// Names that would end a line, a header or a text, or hide what is shown.
const NO_NAMES: [&str; 7] = ["a\r\nset-cookie: x=y", "a\nb", "a\rb", "a\0b", "a\u{7f}b", "a\u{202e}b", "a\u{1b}[31mb"];

fn assert_refused(answer: &Answer, field: &str, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    let named = answer.json()["error"]["field"].as_str().unwrap_or_default().to_owned();
    assert!(named == field || named.starts_with(&format!("{field}[")), "{what}: {}", answer.text());
    assert!(answer.header("set-cookie").is_empty());
}

#[tokio::test]
async fn a_line_end_is_in_no_name_and_no_header() {
    let (_provider, app) = started().await;
    for name in NO_NAMES {
        for (path, field, body) in [
            ("/api/providers", "name", json!({ "name": name, "base_url": "https://h" })),
            ("/api/keys", "name", json!({ "provider": 1, "name": name, "secret": "sk-0123456789ab" })),
            ("/api/keys", "tags", json!({ "provider": 1, "name": "k", "secret": "sk-0123456789ab", "tags": [name] })),
            ("/api/keys", "account", json!({ "provider": 1, "name": "k", "secret": "sk-0123456789ab", "account": name })),
            ("/api/models", "name", json!({ "name": name, "targets": [{ "provider": 1, "model": "m" }] })),
            ("/api/clients", "name", json!({ "name": name })),
            ("/api/alerts/channels", "name", json!({ "name": name, "kind": "webhook", "url": "https://h" })),
        ] {
            assert_refused(&app.admin("POST", path, body).await, field, &format!("{path} {field} {name:?}"));
        }
        let rename = app.admin("PATCH", "/api/keys/1", json!({ "name": name })).await;
        assert_refused(&rename, "name", "a rename");
    }
    for value in ["x\r\ny: z", "x\ny", "x\0y"] {
        let headers = json!({ "name": "h", "base_url": "https://h", "headers": { "x-extra": value } });
        assert_refused(&app.admin("POST", "/api/providers", headers).await, "headers", "a value");
        let headers = json!({ "name": "h", "base_url": "https://h", "headers": { value: "x" } });
        assert_refused(&app.admin("POST", "/api/providers", headers).await, "headers", "a name");
        let secret = json!({ "provider": 1, "name": "k", "secret": format!("sk-{value}") });
        assert_refused(&app.admin("POST", "/api/keys", secret).await, "secret", "a secret");
        let url = json!({ "name": "u", "base_url": format!("https://h/{value}") });
        assert_refused(&app.admin("POST", "/api/providers", url).await, "base_url", "a URL");
    }
    let pasted = json!({ "provider": 1, "text": json!([{ "key": "sk-0123456789ab", "name": "a\r\nx: y" }]).to_string() });
    assert_eq!(app.admin("POST", "/api/keys/preview", pasted).await.json()["malformed"], 1);
    let keys = app.admin("GET", "/api/keys", Value::Null).await.json();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_a_caller_or_a_name_says_ends_no_header() {
    let (provider, app) = started().await;
    let injected = r#"'; DROP TABLE keys; -- ключ 模型 "<img src=x onerror=alert(1)>""#;
    let renamed = app.admin("PATCH", "/api/keys/1", json!({ "name": injected })).await;
    assert_eq!((renamed.status, &renamed.json()["name"]), (200, &json!(injected)), "{}", renamed.text());
    for search in ["'; DROP TABLE", "%25", "%27%20OR%201%3D1", "_", "DROP%20TABLE%20keys;%20--"] {
        let found = app.admin("GET", &format!("/api/keys?search={search}"), Value::Null).await;
        assert_eq!(found.status, 200, "{}", found.text());
        assert_eq!(found.json()["keys"].as_array().unwrap().len(), usize::from(search.contains("DROP")), "{search}");
    }
    let client = app.admin("PATCH", "/api/clients/1", json!({ "allow_debug": true })).await;
    assert_eq!(client.status, 200, "{}", client.text());
    let debug = app.request("POST", "/v1/chat/completions").header("x-keywheel-debug", "1").body(crate::app::chat_body(false));
    let answer = read(debug).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.headers.get("x-keywheel-key").map(|value| value.as_bytes()), Some(injected.as_bytes()));
    for model in NO_NAMES {
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": model }], "user": model });
        let answer = app.post("/v1/chat/completions", body.to_string()).await;
        assert!(answer.status < 500, "{model:?}: {} {}", answer.status, answer.text());
        assert!(answer.header("set-cookie").is_empty() && answer.header("x").is_empty(), "{model:?}");
    }
    let sent = provider.last_seen().unwrap();
    assert!(sent.header("set-cookie").is_none() && sent.header("x").is_none());
    let calls = app.admin("GET", "/api/calls", Value::Null).await;
    assert!(calls.status == 200 && !calls.text().contains("\u{1b}["), "{}", calls.text());
    let export = app.admin("GET", "/api/keys/export", Value::Null).await;
    assert!(
        export.text().contains("\"'; DROP TABLE keys; -- ключ 模型 \"\"<img src=x onerror=alert(1)>\"\"\""),
        "{}",
        export.text()
    );
}
