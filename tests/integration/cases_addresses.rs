//! Sub-paths, addresses of clients and base URLs of providers, against a whole Keywheel.

use std::net::SocketAddr;

use keywheel::mock::{Behaviour, MockProvider};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

use crate::app::{TOKEN, TestApp, bootstrap_of, chat_body, read};
use crate::support::read_to_end;

const KEYS: &[(&str, &str)] = &[("a", "sk-mock-healthy-1")];

async fn started(variables: &[(&str, &str)]) -> (MockProvider, TestApp) {
    let provider = MockProvider::start().await;
    let app = TestApp::start_with(&bootstrap_of(&provider, "", KEYS), variables).await;
    (provider, app)
}

#[tokio::test]
async fn under_a_base_path_calls_api_and_health_work_with_the_prefix_kept_or_stripped() {
    let (provider, app) = started(&[("KEYWHEEL_BASE_PATH", "/kw/")]).await;
    for prefix in ["/kw", ""] {
        let answer = app.post(&format!("{prefix}/v1/chat/completions"), chat_body(true)).await;
        assert_eq!((answer.status, answer.header("x-accel-buffering")), (200, "no"), "{prefix}");
        assert_eq!(provider.last_seen().unwrap().target, "/v1/chat/completions");
        assert_eq!(app.get(&format!("{prefix}/v1/models")).await.status, 200);
        assert_eq!(app.admin("GET", &format!("{prefix}/api/keys"), Value::Null).await.status, 200);
        assert_eq!(app.get(&format!("{prefix}/readyz")).await.text(), "ready\n");
        let refused = read(reqwest::Client::new().get(app.url(&format!("{prefix}/api/keys")))).await;
        assert_eq!(refused.status, 401);
    }
    assert!(app.records().await.iter().all(|record| record.path.starts_with("/v1/")), "one name for one path in the log");
    assert_eq!(app.get("/kwv1/models").await.status, 404);
}

/// A browser whose reverse proxy serves Keywheel under `https://host/kw/`: what it fetches, as Keywheel gets it.
struct Browser<'a> {
    app: &'a TestApp,
    strips: bool,
}

impl Browser<'_> {
    async fn get(&self, url: &Url) -> crate::app::Answer {
        assert_eq!(url.host_str(), Some("host"), "nothing is fetched from elsewhere: {url}");
        let path = url.path().strip_prefix("/kw").unwrap_or_else(|| panic!("{url} lies outside the sub-path"));
        let path = if self.strips { path } else { url.path() };
        read(reqwest::Client::new().get(self.app.url(path)).bearer_auth("admin-token-for-tests")).await
    }
}

/// What stands behind `attribute="` in a page.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    page.split(&format!("{attribute}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn docs_and_the_api_that_its_forms_call_stay_under_the_sub_path_with_one_setting_or_none() {
    let page_url = Url::parse("https://host/kw/docs").unwrap();
    for (setting, strips) in [("/kw", false), ("/kw", true), ("", true)] {
        let (_provider, app) = started(&[("KEYWHEEL_BASE_PATH", setting)]).await;
        let browser = Browser { app: &app, strips };
        let page = browser.get(&page_url).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        let html = page.text();
        let links: Vec<&str> = [values(&html, "src"), values(&html, "href")].concat();
        let mut scripts = String::new();
        for link in links.iter().filter(|link| !link.starts_with("data:")) {
            let file = browser.get(&page_url.join(link).unwrap()).await;
            let kind = if link.ends_with(".css") { "text/css; charset=utf-8" } else { "text/javascript; charset=utf-8" };
            assert_eq!((file.status, file.header("content-type")), (200, kind), "{link}");
            assert!(!file.body.is_empty());
            scripts.push_str(&file.text());
        }
        let document = scripts.split("url: \"").nth(1).and_then(|rest| rest.split('"').next()).expect("the document's address");
        let document_url = page_url.join(document).unwrap();
        let document = browser.get(&document_url).await.json();
        let server = document_url.join(document["servers"][0]["url"].as_str().unwrap()).unwrap();
        assert!(document["paths"]["/api/system"]["get"].is_object());
        let operation = Url::parse(&format!("{}{}", server.as_str().trim_end_matches('/'), "/api/system")).unwrap();
        assert_eq!(operation.as_str(), "https://host/kw/api/system");
        assert!(browser.get(&operation).await.json()["version"].is_string());
    }
}

#[tokio::test]
async fn docs_has_a_policy_of_its_own_no_inline_script_and_one_address() {
    let (_provider, app) = started(&[]).await;
    let page = read(reqwest::Client::new().get(app.url("/docs"))).await;
    let policy = page.header("content-security-policy");
    for part in ["default-src 'none'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let html = page.text();
    assert_eq!(html.matches("<script").count(), html.matches("<script src=").count(), "every script is a file: {html}");
    let start = read(reqwest::Client::new().get(app.url("/docs/start.js"))).await.text();
    assert!(start.contains("validatorUrl: null"), "the document is shown to no other host: {start}");
    let no_redirects = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let slash = read(no_redirects.get(app.url("/docs/"))).await;
    assert_eq!((slash.status, slash.header("location")), (308, "../docs"), "relative, so that it stays under a sub-path");
    assert_eq!(read(no_redirects.post(app.url("/docs"))).await.status, 405);
    assert_eq!(read(no_redirects.get(app.url("/docs/nothing.js"))).await.status, 404);
}

/// Gets `/v1/models` over a connection from one of this machine's addresses; the status.
async fn status_from(app: &TestApp, peer: [u8; 4], token: &str, forwarded: &[&str]) -> u16 {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((peer, 0))).unwrap();
    let mut stream = socket.connect(SocketAddr::from(([127, 0, 0, 1], app.address.port()))).await.unwrap();
    let lines: String = forwarded.iter().map(|line| format!("{line}\r\n")).collect();
    let head =
        format!("GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

async fn last_address(app: &TestApp) -> String {
    app.records().await.last().unwrap().client_ip.unwrap().to_string()
}

#[tokio::test]
async fn behind_trusted_proxies_the_first_untrusted_hop_from_the_right_is_checked_and_recorded() {
    let provider = MockProvider::start().await;
    let limited = format!("{}allow_ips = ['203.0.113.9', '127.0.3.9']\n", bootstrap_of(&provider, "", &[]));
    let app =
        TestApp::start_with(&limited, &[("KEYWHEEL_TRUSTED_PROXIES", "127.0.1.0/24"), ("KEYWHEEL_LISTEN", "[::]:0")]).await;
    let (proxy, stranger) = ([127, 0, 1, 5], [127, 0, 2, 7]);
    for (peer, forwarded, status, seen) in [
        (proxy, &["x-forwarded-for: 203.0.113.9, 127.0.1.2"][..], 200, "203.0.113.9"),
        (proxy, &["x-forwarded-for: 198.51.100.7, 203.0.113.9"], 200, "203.0.113.9"),
        (proxy, &["x-forwarded-for: 203.0.113.9", "x-forwarded-for: 127.0.1.2"], 200, "203.0.113.9"),
        (proxy, &["x-forwarded-for: 203.0.113.9, 198.51.100.7"], 403, "198.51.100.7"),
        (proxy, &["x-forwarded-for: 203.0.113.9", "x-forwarded-for: 198.51.100.7"], 403, "198.51.100.7"),
        (proxy, &["x-real-ip: 203.0.113.9", "forwarded: for=203.0.113.9"], 403, "127.0.1.5"),
        (proxy, &[], 403, "127.0.1.5"),
        (stranger, &["x-forwarded-for: 203.0.113.9"], 403, "127.0.2.7"),
        (stranger, &["x-forwarded-for: 203.0.113.9, 127.0.1.2"], 403, "127.0.2.7"),
        // The listener is an IPv6 one: this peer arrives as ::ffff:127.0.3.9.
        ([127, 0, 3, 9], &[], 200, "127.0.3.9"),
    ] {
        assert_eq!(status_from(&app, peer, TOKEN, forwarded).await, status, "{peer:?} {forwarded:?}");
        assert_eq!(last_address(&app).await, seen, "{peer:?} {forwarded:?}");
    }
}

#[tokio::test]
async fn nobody_is_trusted_by_default() {
    let (_provider, app) = started(&[]).await;
    let client =
        app.admin("POST", "/api/clients", json!({ "name": "c", "token": "kw-limited-token", "allow_ips": ["203.0.113.9"] }));
    assert_eq!(client.await.status, 201);
    let forwarded = ["x-forwarded-for: 203.0.113.9", "x-real-ip: 203.0.113.9", "forwarded: for=203.0.113.9"];
    assert_eq!(status_from(&app, [127, 0, 0, 1], "kw-limited-token", &forwarded).await, 403);
    assert_eq!(last_address(&app).await, "127.0.0.1");
    // The audit log goes by the same rule.
    let audit = app.admin("GET", "/api/audit", Value::Null).await.json();
    assert_eq!(audit["entries"][0]["address"], "127.0.0.1", "{audit}");
}

#[tokio::test]
async fn one_rule_for_base_urls_in_calls_checks_and_model_lists_and_the_api_shows_the_url() {
    let provider = MockProvider::start().await;
    provider.behave(|_| Some(Behaviour::answer(200).json(&json!({ "object": "list", "data": [{ "id": "m" }] }))));
    let app = TestApp::start(&bootstrap_of(&provider, "", &[])).await;
    let host = format!("http://{}", provider.address());
    let cases = [
        ("", "/v1", ""),
        ("/", "/v1", ""),
        ("/v1/", "/v1", ""),
        ("/v1", "/v1", ""),
        ("/api/paas/v4", "/api/paas/v4", ""),
        ("/api/v3", "/api/v3", ""),
        ("/v1beta/openai/", "/v1beta/openai", ""),
        ("/openai/deployments/d?api-version=2024-10-21", "/openai/deployments/d", "api-version=2024-10-21"),
        ("?api-version=1", "/v1", "api-version=1"),
    ];
    for (at, (given, path, query)) in cases.into_iter().enumerate() {
        let name = format!("p{at}");
        let body = json!({ "name": name, "base_url": format!("{host}{given}"), "allow_private": true });
        let made = app.admin("POST", "/api/providers", body).await.json();
        let question = if query.is_empty() { String::new() } else { format!("?{query}") };
        assert_eq!(made["example_url"], format!("{host}{path}/chat/completions{question}"), "{given}");
        let key = json!({ "provider": made["id"], "name": "k", "secret": "sk-mock-healthy-1" });
        let key = app.admin("POST", "/api/keys", key).await.json();

        let merged = [query, "a=b"].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("&");
        let chat = format!(r#"{{"model":"{name}/m","messages":[]}}"#);
        assert_eq!(app.post("/v1/chat/completions?a=b", chat).await.status, 200);
        assert_eq!(provider.last_seen().unwrap().target, format!("{path}/chat/completions?{merged}"), "{given}");

        let (check, sync) = (format!("/api/keys/{}/check", key["id"]), format!("/api/providers/{}/models/sync", made["id"]));
        for operation in [check, sync] {
            provider.forget_seen();
            let answer = app.admin("POST", &operation, Value::Null).await;
            assert_eq!(answer.status, 200, "{operation}: {}", answer.text());
            assert_eq!(provider.seen()[0].target, format!("{path}/models{question}"), "{operation} of {given}");
        }
    }
    let exact = json!({ "name": "exact", "base_url": host, "exact_base_url": true, "allow_private": true });
    let made = app.admin("POST", "/api/providers", exact).await.json();
    assert_eq!(made["example_url"], format!("{host}/chat/completions"));
}
