//! The simulated provider, asked over raw sockets.

use std::time::Duration;

use keywheel::mock::{Behaviour, Ending, MockProvider, Options};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(5);

/// A whole answer, read until the connection closes.
struct Raw {
    head: String,
    body: Vec<u8>,
}

impl Raw {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body without chunking, as text.
    fn text(&self) -> String {
        let mut rest = self.body.as_slice();
        if !self.head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            return String::from_utf8(rest.to_vec()).unwrap();
        }
        let mut whole = Vec::new();
        loop {
            let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("a chunk's size");
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
            if size == 0 {
                return String::from_utf8(whole).unwrap();
            }
            whole.extend_from_slice(&rest[end + 2..end + 2 + size]);
            rest = &rest[end + 4 + size..];
        }
    }

    /// The data of every event.
    fn events(&self) -> Vec<Value> {
        let text = self.text();
        let data = text.split("\n\n").filter_map(|event| event.lines().find_map(|line| line.strip_prefix("data: ")));
        data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
    }
}

async fn exchange(mock: &MockProvider, request: &[u8]) -> Raw {
    let mut stream = TcpStream::connect(mock.address()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut all = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut all)).await.expect("an answer in time").unwrap();
    let end = all.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    Raw { head: String::from_utf8_lossy(&all[..end]).into_owned(), body: all[end..].to_vec() }
}

async fn call(mock: &MockProvider, secret: &str, method: &str, path: &str, body: Option<Value>) -> Raw {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let request = format!(
        "{method} /v1{path} HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer {secret}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(mock, request.as_bytes()).await
}

fn hello(stream: bool) -> Value {
    json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": "hello" }], "stream": stream })
}

#[tokio::test]
async fn chat_plain_and_streamed_agree() {
    let mock = MockProvider::start().await;
    let plain = call(&mock, "sk-mock-healthy-1", "POST", "/chat/completions", Some(hello(false))).await;
    assert_eq!(plain.status(), 200);
    assert!(plain.head.contains("openai-organization: org-mock-1\r\n"), "{}", plain.head);
    assert!(plain.head.contains("x-ratelimit-remaining-requests: "));
    let answer = plain.json();
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.len() > 50);

    let mut request = hello(true);
    request["stream_options"] = json!({ "include_usage": true });
    let streamed = call(&mock, "sk-mock-healthy-1", "POST", "/chat/completions", Some(request)).await;
    assert!(streamed.text().ends_with("data: [DONE]\n\n"));
    let events = streamed.events();
    let joined: String = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(joined, text);
    let last = events.last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"], answer["usage"]);
    assert_eq!(last["usage"]["completion_tokens"].as_u64().unwrap() as usize, events.len() - 3);
}

#[tokio::test]
async fn requests_are_seen_to_the_byte() {
    let mock = MockProvider::start().await;
    let head = "POST /v1/x?a=1&b HTTP/1.1\r\nHOST: m\r\nx-B: 2\r\nX-a: 1\r\nauthorization: Bearer s\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = exchange(&mock, format!("{head}3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n").as_bytes()).await;
    assert_eq!(answer.status(), 404);
    let seen = mock.last_seen().unwrap();
    assert_eq!(seen.head, head.as_bytes());
    assert_eq!((seen.path(), seen.query(), seen.query_parameter("a")), ("/v1/x", Some("a=1&b"), Some("1")));
    let names: Vec<&str> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["HOST", "x-B", "X-a", "authorization", "connection", "transfer-encoding"]);
    assert_eq!((seen.text().as_str(), seen.chunked, seen.secret()), ("abcde", true, Some("s")));
}

#[tokio::test]
async fn the_queue_comes_before_the_script_and_the_script_before_the_simulation() {
    let mock = MockProvider::start().await;
    mock.behave(|request| (request.text() == "scripted").then(|| Behaviour::answer(418)));
    mock.queue(Behaviour::answer(503));
    let ask = |body: &'static str| {
        let request = format!("POST / HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let mock = &mock;
        async move { exchange(mock, request.as_bytes()).await.status() }
    };
    assert_eq!(ask("scripted").await, 503);
    assert_eq!(ask("scripted").await, 418);
    assert_eq!(ask("other").await, 401);
    assert_eq!(mock.seen().len(), 3);
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    let mock = MockProvider::start().await;
    mock.queue(Behaviour::stream().event("1").pause_ms(60_000).event("2"));
    let mut stream = TcpStream::connect(mock.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut some = [0; 16];
    stream.read_exact(&mut some).await.unwrap();
    assert_eq!(mock.in_flight(), 1);
    drop(stream);
    assert!(mock.wait_until(LIMIT, |mock| mock.clients_left() == 1 && mock.in_flight() == 0).await);
}

#[tokio::test]
async fn personas_answer_as_named() {
    let options = Options { slow_first_byte: Duration::from_millis(30), ..Options::default() };
    let mock = MockProvider::start_with(options).await;
    for (secret, status, code) in [
        ("sk-mock-429-1", 429, "rate_limit_exceeded"),
        ("sk-mock-exhausted-1", 429, "insufficient_quota"),
        ("sk-mock-invalid-1", 401, "invalid_api_key"),
        ("sk-mock-500-1", 500, "server_error"),
        ("sk-mock-overloaded-1", 529, "overloaded"),
        ("sk-mock-region-1", 403, "unsupported_country_region_territory"),
    ] {
        let answer = call(&mock, secret, "POST", "/chat/completions", Some(hello(false))).await;
        assert_eq!((answer.status(), answer.json()["error"]["code"].as_str()), (status, Some(code)), "{secret}");
    }
    let answer = call(&mock, "sk-mock-slowfirst-1", "POST", "/chat/completions", Some(hello(false))).await;
    assert_eq!(answer.status(), 200);
    let mut request = hello(false);
    request["model"] = json!("mock-missing-x");
    let answer = call(&mock, "sk-mock-healthy-1", "POST", "/chat/completions", Some(request)).await;
    assert_eq!((answer.status(), answer.json()["error"]["code"].as_str()), (404, Some("model_not_found")));
    let empty = call(&mock, "sk-mock-empty-1", "POST", "/chat/completions", Some(hello(true))).await;
    assert_eq!((empty.status(), empty.text().as_str()), (200, ""));
    for _ in 0..5 {
        assert_eq!(call(&mock, "sk-mock-limited-7", "GET", "/models", None).await.status(), 200);
    }
    let limited = call(&mock, "sk-mock-limited-7", "GET", "/models", None).await;
    assert_eq!(limited.status(), 429);
    assert!(limited.head.contains("retry-after: "));
}

#[tokio::test]
async fn endings_differ_on_the_wire() {
    let mock = MockProvider::start().await;
    let read = async |behaviour: Behaviour| {
        mock.queue(behaviour);
        let mut stream = TcpStream::connect(mock.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut all = Vec::new();
        tokio::time::timeout(LIMIT, stream.read_to_end(&mut all)).await.expect("an end in time").map(|_| all)
    };
    assert_eq!(read(Behaviour::close()).await.unwrap(), b"");
    assert_eq!(read(Behaviour::reset()).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(read(Behaviour::raw("no http")).await.unwrap(), b"no http");
    let early = read(Behaviour::answer(204).informational(103, "link: </a>\r\n").ending(Ending::Close)).await.unwrap();
    assert_eq!(early, b"HTTP/1.1 103 Info\r\nlink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    let cut = Behaviour::answer(200).piece("0123456789").cut_after(45).ending(Ending::Close);
    assert_eq!(read(cut.clone()).await.unwrap(), cut.to_bytes());
}
