//! What lies at which path of a whole Keywheel.

use keywheel::mock::MockProvider;

use crate::app::{TestApp, read};

#[tokio::test]
async fn the_admin_api_and_the_health_checks_are_served() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("a", "sk-mock-healthy-1")]).await;
    let refused = read(reqwest::Client::new().get(app.url("/api/keys"))).await;
    assert_eq!(refused.status, 401);
    let request = reqwest::Client::new().get(app.url("/api/keys")).bearer_auth("admin-token-for-tests");
    let keys = read(request).await;
    assert_eq!(keys.status, 200, "{}", keys.text());
    let ids = [refused.header("x-request-id"), keys.header("x-request-id")];
    assert!(ids[0] != ids[1] && ids.iter().all(|id| id.len() == 36), "every answer has an id of its own: {ids:?}");
    assert!(keys.text().contains("\"a\"") && !keys.text().contains("sk-mock-healthy-1"), "{}", keys.text());
    for (path, text) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        assert_eq!(read(reqwest::Client::new().get(app.url(path))).await.text(), text);
    }
    app.chat().await;
    let calls = read(reqwest::Client::new().get(app.url("/api/calls")).bearer_auth("admin-token-for-tests")).await;
    assert!(calls.status == 200 && calls.text().contains("gpt-4o-mini"), "{}", calls.text());
}

#[tokio::test]
async fn a_call_without_a_token_or_with_a_wrong_one_is_refused_and_reaches_nobody() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("a", "sk-mock-healthy-1")]).await;
    let body = crate::app::chat_body(false);
    for token in [None, Some("kw-wrong-token"), Some("sk-mock-healthy-1")] {
        let mut request = reqwest::Client::new().post(app.url("/v1/chat/completions")).body(body.clone());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = read(request).await;
        assert_eq!(answer.status, 401);
        assert!(["missing_token", "invalid_token"].contains(&answer.code().as_str()), "{}", answer.text());
    }
    assert!(crate::app::secrets_seen(&provider).is_empty());
}

#[tokio::test]
async fn a_path_where_nothing_lies_says_where_the_apis_are() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("a", "sk-mock-healthy-1")]).await;
    for path in ["/chat/completions", "/models", "/v2/chat/completions", "/nothing"] {
        let answer = app.post(path, crate::app::chat_body(false)).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains("/v1"), "{}", answer.text());
    }
    let bare = app.get("/v1").await;
    assert_eq!((bare.status, bare.code().as_str()), (404, "not_found"));
    assert_eq!(bare.header("x-request-id"), app.only_record().await.id.to_string(), "it is a call like any other");
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn the_dashboard_is_served_whole_from_the_binary() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("a", "sk-mock-healthy-1")]).await;
    let get = async |path: &str| read(reqwest::Client::new().get(app.url(path)).header("accept-encoding", "identity")).await;
    let page = get("/").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("cache-control"), "no-cache");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
    let text = page.text();
    let main = text.split('"').find(|part| part.ends_with("/main.js")).expect("a script").trim_start_matches('.');
    let script = get(main).await;
    assert_eq!((script.status, script.header("content-type")), (200, "text/javascript; charset=utf-8"));
    assert!(script.header("cache-control").contains("immutable") && script.header("x-content-type-options") == "nosniff");
    let zipped = read(reqwest::Client::new().get(app.url(main)).header("accept-encoding", "gzip")).await;
    assert!(zipped.header("content-encoding") == "gzip" && zipped.body.len() < script.body.len() / 2);
    let again = reqwest::Client::new().get(app.url("/")).header("if-none-match", page.header("etag"));
    assert_eq!(read(again).await.status, 304);
    let head = reqwest::Client::new().head(app.url(main));
    assert_eq!(read(head).await.status, 200);
    assert_eq!(read(reqwest::Client::new().post(app.url("/"))).await.status, 405);
    assert_eq!(get("/assets/x/none.js").await.status, 404);
    assert_eq!(get("/assets/x/../../Cargo.toml").await.status, 404);
}
