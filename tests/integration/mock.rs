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

#[tokio::test]
async fn a_streamed_response_has_its_events_in_order() {
    let mock = MockProvider::start().await;
    let request = json!({ "model": "o4-mini", "input": "hello", "stream": true, "max_output_tokens": 3 });
    let streamed = call(&mock, "sk-mock-healthy-1", "POST", "/responses", Some(request)).await;
    let events = streamed.events();
    let mut kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    kinds.dedup();
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.incomplete",
    ];
    assert_eq!(kinds, expected);
    let numbers: Vec<u64> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
    let done = &events.last().unwrap()["response"];
    assert_eq!(done["usage"]["output_tokens"], 15);
    let id = done["id"].as_str().unwrap();
    let got = call(&mock, "sk-mock-healthy-1", "GET", &format!("/responses/{id}"), None).await;
    assert_eq!(&got.json(), done);
}

#[tokio::test]
async fn responses_belong_to_their_account() {
    let mock = MockProvider::start().await;
    let request = json!({ "model": "gpt-4o", "input": "hello" });
    let id =
        call(&mock, "sk-mock-healthy-a", "POST", "/responses", Some(request)).await.json()["id"].as_str().unwrap().to_owned();
    let next = json!({ "model": "gpt-4o", "input": "go on", "previous_response_id": id });
    let own = call(&mock, "sk-mock-slow-a", "POST", "/responses", Some(next.clone())).await;
    assert_eq!(own.status(), 200);
    let foreign = call(&mock, "sk-mock-healthy-b", "POST", "/responses", Some(next)).await;
    assert_eq!((foreign.status(), foreign.json()["error"]["code"].as_str()), (400, Some("previous_response_not_found")));
    let items = call(&mock, "sk-mock-healthy-a", "GET", &format!("/responses/{id}/input_items"), None).await;
    assert_eq!(items.json()["data"][0]["content"][0]["text"], "hello");
    assert_eq!(call(&mock, "sk-mock-healthy-b", "DELETE", &format!("/responses/{id}"), None).await.status(), 404);
    assert_eq!(call(&mock, "sk-mock-healthy-a", "DELETE", &format!("/responses/{id}"), None).await.json()["deleted"], true);
    assert_eq!(call(&mock, "sk-mock-healthy-a", "GET", &format!("/responses/{id}"), None).await.status(), 404);
}

#[tokio::test]
async fn a_background_response_takes_its_polls() {
    let mock = MockProvider::start_with(Options { background_polls: 2, ..Options::default() }).await;
    let request = json!({ "model": "gpt-4o", "input": "hello", "background": true });
    let begun = call(&mock, "sk-mock-healthy-1", "POST", "/responses", Some(request.clone())).await.json();
    assert_eq!((begun["status"].as_str(), &begun["usage"]), (Some("queued"), &Value::Null));
    let path = format!("/responses/{}", begun["id"].as_str().unwrap());
    for expected in ["in_progress", "in_progress", "completed", "completed"] {
        let polled = call(&mock, "sk-mock-healthy-1", "GET", &path, None).await.json();
        assert_eq!((polled["status"].as_str(), polled["usage"].is_object()), (Some(expected), expected == "completed"));
    }
    let other = call(&mock, "sk-mock-healthy-1", "POST", "/responses", Some(request)).await.json();
    let path = format!("/responses/{}/cancel", other["id"].as_str().unwrap());
    assert_eq!(call(&mock, "sk-mock-healthy-1", "POST", &path, None).await.json()["status"], "cancelled");
}

#[tokio::test]
async fn messages_plain_and_streamed_agree() {
    let mock = MockProvider::start().await;
    let mut request = json!({
        "model": "claude-sonnet-4-5", "max_tokens": 20, "thinking": { "type": "enabled", "budget_tokens": 1024 },
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": "hello" }] }],
    });
    let plain = call(&mock, "sk-mock-healthy-1", "POST", "/messages", Some(request.clone())).await.json();
    assert_eq!((plain["stop_reason"].as_str(), plain["content"][0]["type"].as_str()), (Some("max_tokens"), Some("thinking")));
    request["stream"] = json!(true);
    let events = call(&mock, "sk-mock-healthy-1", "POST", "/messages", Some(request.clone())).await.events();
    let mut kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    kinds.dedup();
    let block = ["content_block_start", "content_block_delta", "content_block_stop"];
    let expected =
        [&["message_start", block[0], "ping", block[1], block[2]], &block[..], &["message_delta", "message_stop"]].concat();
    assert_eq!(kinds, expected);
    let text: String = events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    assert_eq!(text, plain["content"][1]["text"].as_str().unwrap());
    let last = &events[events.len() - 2];
    assert_eq!(last["usage"]["output_tokens"], plain["usage"]["output_tokens"]);
    let counted = call(&mock, "sk-mock-healthy-1", "POST", "/messages/count_tokens", Some(request)).await.json();
    assert_eq!(counted["input_tokens"], plain["usage"]["input_tokens"]);
    let refused = call(&mock, "sk-mock-invalid-1", "POST", "/messages", Some(json!({}))).await.json();
    assert_eq!(refused["error"]["type"], "authentication_error");
}

#[tokio::test]
async fn tools_are_called_with_arguments_that_fit() {
    let mock = MockProvider::start().await;
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" }, "days": { "type": "integer" } } });
    let mut request = hello(false);
    request["tools"] = json!([{ "type": "function", "function": { "name": "weather", "parameters": schema } }]);
    let plain = call(&mock, "sk-mock-healthy-1", "POST", "/chat/completions", Some(request.clone())).await.json();
    let choice = &plain["choices"][0];
    let arguments = choice["message"]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(arguments).unwrap(), json!({ "city": "sample", "days": 1 }));
    assert_eq!((choice["finish_reason"].as_str(), &choice["message"]["content"]), (Some("tool_calls"), &Value::Null));
    request["stream"] = json!(true);
    let events = call(&mock, "sk-mock-healthy-1", "POST", "/chat/completions", Some(request.clone())).await.events();
    let part =
        |event: &Value| event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str().map(str::to_owned);
    assert_eq!(events.iter().filter_map(part).collect::<String>(), arguments);
    request["messages"].as_array_mut().unwrap().push(json!({ "role": "tool", "tool_call_id": "x", "content": "sunny" }));
    request["stream"] = json!(false);
    let answered = call(&mock, "sk-mock-healthy-1", "POST", "/chat/completions", Some(request)).await.json();
    assert_eq!(answered["choices"][0]["finish_reason"], "stop");
    let tools = json!([{ "name": "weather", "input_schema": schema }]);
    let request =
        json!({ "model": "claude", "max_tokens": 9, "tools": tools, "messages": [{ "role": "user", "content": "x" }] });
    let called = call(&mock, "sk-mock-healthy-1", "POST", "/messages", Some(request)).await.json();
    assert_eq!(called["content"][0]["input"], json!({ "city": "sample", "days": 1 }));
}

#[tokio::test]
async fn files_belong_to_their_account() {
    let mock = MockProvider::start().await;
    let form = "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\nContent-Type: text/plain\r\n\r\n{}\r\n{}\r\n--b--\r\n";
    let request = format!(
        "POST /v1/files HTTP/1.1\r\nAuthorization: Bearer sk-mock-healthy-a\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let file = exchange(&mock, request.as_bytes()).await.json();
    assert_eq!(
        (file["filename"].as_str(), file["purpose"].as_str(), file["bytes"].as_u64()),
        (Some("a.jsonl"), Some("batch"), Some(6))
    );
    let id = file["id"].as_str().unwrap();
    let content = format!("/files/{id}/content");
    assert_eq!(call(&mock, "sk-mock-healthy-a", "GET", &content, None).await.text(), "{}\r\n{}");
    assert_eq!(call(&mock, "sk-mock-healthy-b", "GET", &content, None).await.status(), 404);
    let batch = json!({ "input_file_id": id, "endpoint": "/v1/chat/completions", "completion_window": "24h" });
    assert_eq!(call(&mock, "sk-mock-healthy-b", "POST", "/batches", Some(batch.clone())).await.status(), 404);
    let batch = call(&mock, "sk-mock-healthy-a", "POST", "/batches", Some(batch)).await.json();
    assert_eq!(call(&mock, "sk-mock-healthy-a", "GET", "/batches", None).await.json()["data"], json!([batch]));
    let store = call(&mock, "sk-mock-healthy-a", "POST", "/vector_stores", Some(json!({ "name": "s" }))).await.json();
    let store = format!("/vector_stores/{}", store["id"].as_str().unwrap());
    let added = call(&mock, "sk-mock-healthy-a", "POST", &format!("{store}/files"), Some(json!({ "file_id": id }))).await;
    assert_eq!(added.status(), 200);
    assert_eq!(call(&mock, "sk-mock-healthy-a", "GET", &store, None).await.json()["file_counts"]["total"], 1);
    assert_eq!(call(&mock, "sk-mock-healthy-a", "DELETE", &format!("/files/{id}"), None).await.json()["deleted"], true);
    assert_eq!(call(&mock, "sk-mock-healthy-a", "GET", "/files", None).await.json()["data"], json!([]));
}

#[tokio::test]
async fn the_smaller_apis_answer_with_usage() {
    let mock = MockProvider::start().await;
    let ask = async |path: &str, body: Value| call(&mock, "sk-mock-healthy-1", "POST", path, Some(body)).await;
    let vectors = ask("/embeddings", json!({ "model": "e", "input": ["a", "b", "a"], "dimensions": 8 })).await.json();
    let vector = |at: usize| vectors["data"][at]["embedding"].as_array().unwrap();
    assert_eq!((vector(0).len(), vector(0) == vector(2), vector(0) == vector(1)), (8, true, false));
    assert_eq!(vectors["usage"]["prompt_tokens"], 3);
    let encoded =
        ask("/embeddings", json!({ "model": "e", "input": [1, 2, 3], "dimensions": 3, "encoding_format": "base64" })).await;
    assert_eq!(encoded.json()["data"][0]["embedding"].as_str().unwrap().len(), 16);
    let text = ask("/completions", json!({ "model": "m", "prompt": "x", "max_tokens": 5 })).await.json();
    assert_eq!(
        (text["usage"]["completion_tokens"].as_u64(), text["choices"][0]["finish_reason"].as_str()),
        (Some(5), Some("length"))
    );
    let pictures = ask("/images/generations", json!({ "prompt": "a cat", "n": 2 })).await.json();
    assert_eq!((pictures["data"].as_array().unwrap().len(), pictures["usage"]["output_tokens"].as_u64()), (2, Some(544)));
    let sound = ask("/audio/speech", json!({ "model": "tts-1", "voice": "a", "input": "hello" })).await;
    assert!(sound.head.contains("content-type: audio/mpeg") && sound.body.len() > 2_000);
    assert_eq!(ask("/moderations", json!({ "input": "x" })).await.json()["results"][0]["flagged"], false);
    let models = call(&mock, "sk-mock-healthy-1", "GET", "/models", None).await.json();
    assert!(models["data"].as_array().unwrap().iter().any(|model| model["id"] == "gpt-4o"));
}

#[tokio::test]
async fn bytes_can_be_cut_anywhere() {
    let mock = MockProvider::start().await;
    let whole = Behaviour::stream().event("é").event("港").done().ending(Ending::Close);
    let bytes = whole.to_bytes();
    let everywhere: Vec<usize> = (0..bytes.len()).collect();
    mock.queue(whole.cut_at(&everywhere, Duration::ZERO));
    let mut stream = TcpStream::connect(mock.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut all = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut all)).await.unwrap().unwrap();
    assert_eq!(all, bytes);
}
