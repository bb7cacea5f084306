//! Bad input from clients, against a whole Keywheel: what comes back, and that no provider ever sees it.

use std::time::{Duration, Instant};

use keywheel::config::ServerConfig;
use keywheel::mock::MockProvider;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::app::{TOKEN, TestApp, bootstrap_of, chat_body, eventually, read};
use crate::support::{PATIENCE, exchange, raise_open_files, read_to_end, read_until};

const KEYS: &[(&str, &str)] = &[("a", "sk-mock-healthy-1")];

async fn started(variables: &[(&str, &str)]) -> (MockProvider, TestApp) {
    let provider = MockProvider::start().await;
    let app = TestApp::start_with(&bootstrap_of(&provider, "", KEYS), variables).await;
    (provider, app)
}

/// A chat call with these header lines, as bytes.
fn post(headers: &str, body: &str) -> String {
    format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n{headers}\r\n{body}")
}

fn is_error(answer: &str, status: u16) -> bool {
    let shape = ["\"message\":", "\"type\":", "\"param\":", "\"code\":"];
    answer.starts_with(&format!("HTTP/1.1 {status} ")) && shape.iter().all(|member| answer.contains(member))
}

#[tokio::test]
async fn a_body_of_two_lengths_gets_400_and_a_close_and_nothing_goes_upstream() {
    let (provider, app) = started(&[]).await;
    let inner = "GET /v1/files HTTP/1.1\r\nhost: x\r\n\r\n";
    let chunked = format!("{:x}\r\n{}\r\n0\r\n\r\n{inner}", chat_body(false).len(), chat_body(false));
    for lines in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding: xchunked\r\n",
    ] {
        let answer = exchange(app.address, post(lines, &chunked)).await;
        assert!(is_error(&answer, 400), "{lines:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "what stands behind is not read: {answer}");
    }
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn a_body_in_malformed_chunks_gets_400_and_a_close_and_nothing_goes_upstream() {
    let (provider, app) = started(&[]).await;
    let good = format!("{:x}\r\n{}\r\n", chat_body(false).len(), chat_body(false));
    let behind = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    for end in [
        "0\n\n",
        "zz\r\n",
        "-1\r\n",
        "+0\r\n\r\n",
        "0x0\r\n\r\n",
        "fffffffffffffffff\r\n",
        "1\r\nxy\r\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
    ] {
        let answer = exchange(app.address, post("transfer-encoding: chunked\r\n", &format!("{good}{end}{behind}"))).await;
        assert!(is_error(&answer, 400), "{end:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{end:?}: {answer}");
    }
    let old = post("transfer-encoding: chunked\r\n", &format!("{good}0\r\n\r\n")).replacen("HTTP/1.1", "HTTP/1.0", 1);
    let answer = exchange(app.address, old).await;
    assert!(answer.starts_with("HTTP/1.0 400 ") || answer.starts_with("HTTP/1.1 400 "), "chunks are none of 1.0: {answer}");
    let two_hosts = exchange(app.address, post("host: y\r\ncontent-length: 0\r\n", "")).await;
    assert!(is_error(&two_hosts, 400), "{two_hosts}");
    assert!(provider.seen().is_empty());
    let trailer = "0\r\nauthorization: Bearer other\r\ncontent-length: 9\r\n\r\n";
    let answer =
        exchange(app.address, post("connection: close\r\ntransfer-encoding: chunked\r\n", &format!("{good}{trailer}"))).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(provider.last_seen().unwrap().secret(), Some("sk-mock-healthy-1"), "trailers are no headers");
}

#[tokio::test]
async fn a_doubtful_content_length_gets_400() {
    let (provider, app) = started(&[]).await;
    let length = chat_body(false).len();
    for lines in [
        format!("content-length: {length}\r\ncontent-length: {length}\r\n"),
        format!("content-length: {length}\r\nContent-Length: 0\r\n"),
        format!("content-length: {length}, {length}\r\n"),
        format!("content-length: +{length}\r\n"),
        format!("content-length: -{length}\r\n"),
        format!("content-length: {length:#x}\r\n"),
        "content-length: \r\n".to_owned(),
        "content-length: 99999999999999999999999\r\n".to_owned(),
    ] {
        let answer = exchange(app.address, post(&lines, &chat_body(false))).await;
        assert!(is_error(&answer, 400), "{lines:?}: {answer}");
    }
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn bare_line_feeds_folded_headers_and_nul_get_400() {
    let (provider, app) = started(&[]).await;
    let length = format!("content-length: {}\r\n", chat_body(false).len());
    for line in
        ["x-a: b\n", "x-a: b\r\n folded\r\n", "x-a: b\r\n\tfolded\r\n", "x-a: b\0c\r\n", "x-a\0: b\r\n", "x-a: b\rc\r\n"]
    {
        let answer = exchange(app.address, post(&format!("{line}{length}"), &chat_body(false))).await;
        assert!(is_error(&answer, 400), "{line:?}: {answer}");
    }
    let only_line_feeds = post(&length, &chat_body(false)).replace("\r\n", "\n");
    assert!(is_error(&exchange(app.address, only_line_feeds).await, 400));
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn too_many_or_too_large_headers_get_431_and_a_long_url_414() {
    let (provider, app) = started(&[]).await;
    let length = format!("content-length: {}\r\n", chat_body(false).len());
    for lines in ["x-a: b\r\n".repeat(98), format!("x-a: {}\r\n", "b".repeat(64 * 1024))] {
        let answer = exchange(app.address, post(&format!("{lines}{length}"), &chat_body(false))).await;
        assert!(is_error(&answer, 431), "{}", &answer[..answer.len().min(300)]);
    }
    let line = format!("POST /v1/chat/completions?a={} HTTP/1.1", "b".repeat(16 * 1024));
    let answer =
        exchange(app.address, post(&length, &chat_body(false)).replacen("POST /v1/chat/completions HTTP/1.1", &line, 1)).await;
    assert!(is_error(&answer, 414), "{answer}");
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn a_trickle_of_headers_is_closed_and_a_trickle_of_body_gets_408() {
    let limits = ServerConfig::default();
    assert!(limits.header_timeout <= Duration::from_secs(10) && limits.body_timeout < Duration::from_secs(30));
    let (provider, app) = started(&[("KEYWHEEL_HEADER_TIMEOUT", "300ms"), ("KEYWHEEL_BODY_TIMEOUT", "300ms")]).await;
    let whole = post("content-length: 200\r\n", &" ".repeat(200));
    let head_end = whole.find("\r\n\r\n").unwrap() + 4;
    for (from, status) in [(0, 408), (head_end, 408)] {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        stream.write_all(&whole.as_bytes()[..from]).await.unwrap();
        let started = Instant::now();
        // A piece every 20 ms: never silent, and never done in time.
        for piece in whole.as_bytes()[from..].chunks(2) {
            if stream.write_all(piece).await.is_err() || started.elapsed() > Duration::from_millis(800) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let answer = read_to_end(&mut stream).await;
        assert!(is_error(&answer, status), "from {from}: {answer}");
        assert!(started.elapsed() < PATIENCE);
    }
    assert!(provider.seen().is_empty());
    let record = app.only_record().await;
    assert_eq!((record.status, record.error_code.as_deref()), (408, Some("body_timeout")), "the body's trickle is a call");
}

#[tokio::test]
async fn a_call_is_answered_within_a_second_beside_5000_idle_sockets() {
    raise_open_files();
    let (_provider, app) = started(&[]).await;
    app.chat().await;
    let mut idle = Vec::new();
    for number in 0..5_000 {
        let mut stream = TcpStream::connect(app.address).await.expect("the server accepts");
        if number % 2 == 0 {
            stream.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nho").await.unwrap();
        }
        idle.push(stream);
    }
    let started = Instant::now();
    let call = post(&format!("connection: close\r\ncontent-length: {}\r\n", chat_body(false).len()), &chat_body(false));
    let answer = exchange(app.address, call).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_body_over_the_limit_gets_413_before_a_provider_is_asked_chunked_too() {
    let (provider, app) = started(&[("KEYWHEEL_MAX_BODY", "64KiB")]).await;
    let large = format!(r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{}"}}]}}"#, "a".repeat(64 * 1024));
    let told = exchange(app.address, post(&format!("content-length: {}\r\n", large.len()), &large)).await;
    let chunks: String = large
        .as_bytes()
        .chunks(1000)
        .map(|part| format!("{:x}\r\n{}\r\n", part.len(), String::from_utf8_lossy(part)))
        .collect();
    let untold = exchange(app.address, post("transfer-encoding: chunked\r\n", &format!("{chunks}0\r\n\r\n"))).await;
    // Who only announces it is told so before a byte of it was sent.
    let announced = exchange(app.address, post("expect: 100-continue\r\ncontent-length: 99999999\r\n", "")).await;
    for answer in [&told, &untold, &announced] {
        assert!(is_error(answer, 413) && answer.contains("body_too_large"), "{answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    }
    assert!(!announced.contains("100 Continue"), "{announced}");
    assert!(provider.seen().is_empty());
    assert!(app.records().await.iter().all(|record| record.status == 413 && record.attempts.is_empty()));
}

#[tokio::test]
async fn expect_100_continue_is_answered_and_then_the_call() {
    let (provider, app) = started(&[]).await;
    let body = chat_body(false);
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let head = post(&format!("connection: close\r\nexpect: 100-continue\r\ncontent-length: {}\r\n", body.len()), "");
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n").await;
    stream.write_all(body.as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(provider.last_seen().unwrap().header("expect"), None);
}

#[tokio::test]
async fn hop_by_hop_headers_and_those_that_connection_names_are_stripped() {
    let (provider, app) = started(&[]).await;
    let lines = "connection: close, X-Title\r\nConnection: openai-beta\r\nx-title: mine\r\nopenai-beta: x\r\nhttp-referer: kept\r\n\
                 te: trailers\r\nkeep-alive: timeout=5\r\nproxy-connection: keep-alive\r\ntrailer: x-sum\r\n\
                 proxy-authorization: Basic cHJveHk=\r\n";
    let answer =
        exchange(app.address, post(&format!("{lines}content-length: {}\r\n", chat_body(false).len()), &chat_body(false))).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let seen = provider.last_seen().unwrap();
    for name in ["x-title", "openai-beta", "te", "keep-alive", "proxy-connection", "trailer", "proxy-authorization", "upgrade"]
    {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(seen.header("http-referer"), Some("kept"));
}

#[tokio::test]
async fn the_clients_credentials_cookies_and_organisation_never_leave() {
    let (provider, app) = started(&[]).await;
    let client_headers = [
        ("api-key", "client-secret-1"),
        ("x-api-key", "client-secret-2"),
        ("x-goog-api-key", "client-secret-3"),
        ("cookie", "session=client-secret-4"),
        ("openai-organization", "org-client"),
        ("openai-project", "proj-client"),
        ("x-private", "client-secret-5"),
        ("x-forwarded-for", "203.0.113.9"),
        ("proxy-authorization", "Basic client-secret-6"),
    ];
    for body in [chat_body(false), chat_body(true)] {
        let mut request = app.request("POST", "/v1/chat/completions?key=client-secret-7").body(body);
        for (name, value) in client_headers {
            request = request.header(name, value);
        }
        assert_eq!(read(request).await.status, 200);
        let head = String::from_utf8_lossy(&provider.last_seen().unwrap().head).into_owned();
        let mine =
            ["client-secret-1", "client-secret-2", "client-secret-3", "client-secret-4", "client-secret-5", "client-secret-6"];
        assert!(
            !mine.iter().chain(&["org-client", "proj-client", TOKEN, "203.0.113.9"]).any(|text| head.contains(text)),
            "{head}"
        );
        assert_eq!(provider.last_seen().unwrap().secret(), Some("sk-mock-healthy-1"));
    }
}

#[tokio::test]
async fn a_key_in_the_query_is_the_providers_whatever_the_client_puts_there() {
    let provider = MockProvider::start().await;
    let app = TestApp::start(&bootstrap_of(&provider, "auth = 'query:key'", KEYS)).await;
    for query in ["?key=mine", "?KEY=mine&key=mine&key=mine", "?a=b&key=mine", "?%6bey=mine", "?k%65y=mine&a=b"] {
        let answer = app.post(&format!("/v1/chat/completions{query}"), chat_body(false)).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let seen = provider.last_seen().unwrap();
        let keys = seen.query().unwrap().split('&').filter(|pair| !pair.starts_with("KEY=") && *pair != "a=b");
        assert_eq!(keys.collect::<Vec<_>>(), ["key=sk-mock-healthy-1"], "{}", seen.target);
        assert!(!answer.text().contains("sk-mock") && !app.records().await.iter().any(|record| record.path.contains("key")));
    }
}

#[tokio::test]
async fn every_spelling_of_a_path_asks_for_the_same_token() {
    let (provider, app) = started(&[]).await;
    let body = chat_body(false);
    let send = async |path: &str, token: &str| {
        let authorization = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        let length = body.len();
        let call = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{authorization}content-length: {length}\r\n\r\n{body}"
        );
        exchange(app.address, call).await
    };
    let canonical = "/v1/chat/completions";
    for path in [
        canonical,
        "//v1/chat/completions",
        "/v1//chat/./completions",
        "/x/%2e%2e/v1/chat/completions",
        "/V1/Chat/Completions",
        "/v1/%63hat/completions",
    ] {
        for token in ["", "kw-wrong-token"] {
            assert!(is_error(&send(path, token).await, 401), "{path} {token}");
        }
        provider.forget_seen();
        assert!(send(path, TOKEN).await.starts_with("HTTP/1.1 200 "), "{path}");
        assert_eq!(provider.last_seen().unwrap().target, canonical, "{path}");
    }
    provider.forget_seen();
    for path in ["//api/keys", "/API/keys", "/v1/%2e%2e/api/keys", "/x/../api/keys", "/%61pi/keys"] {
        let answer = exchange(
            app.address,
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {TOKEN}\r\n\r\n"),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "a client's token opens no admin path: {path}: {answer}");
    }
    for path in ["/v1/..%2fapi/keys", "/v1/%252e%252e/api/keys", "/v1/%zz"] {
        assert!(is_error(&send(path, TOKEN).await, 400), "{path}");
    }
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn a_client_that_leaves_in_its_body_is_recorded_and_nothing_is_sent() {
    let (provider, app) = started(&[]).await;
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(post("content-length: 1000\r\n", "{\"model\":").as_bytes()).await.unwrap();
    drop(stream);
    eventually("the call is recorded", async || app.records().await.len() == 1).await;
    assert!(provider.seen().is_empty());
}
