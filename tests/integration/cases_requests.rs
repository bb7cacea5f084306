//! What a provider gets of a client's request, against a whole Keywheel: bodies, forms, headers, WebSockets.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use keywheel::mock::MockProvider;

use crate::app::{Answer, TOKEN, TestApp, bootstrap_of, chat_body, read};
use crate::support::exchange;

const CHAT: &str = "/v1/chat/completions";

/// Aliases: `fast` for a chat model, `pic` and `scribe` for those of forms.
const ALIASES: &str = r#"
[[model]]
name = "fast"
targets = [{ provider = "mock", model = "gpt-4o-mini" }]
[[model]]
name = "pic"
targets = [{ provider = "mock", model = "gpt-image-1" }]
[[model]]
name = "scribe"
targets = [{ provider = "mock", model = "whisper-1" }]
"#;

async fn started(provider_lines: &str, variables: &[(&str, &str)]) -> (MockProvider, TestApp) {
    let provider = MockProvider::start().await;
    let bootstrap = bootstrap_of(&provider, provider_lines, &[("a", "sk-mock-healthy-1")]) + ALIASES;
    let app = TestApp::start_with(&bootstrap, variables).await;
    (provider, app)
}

async fn send(app: &TestApp, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
    let mut request = app.request("POST", path).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(request).await
}

fn packed<W: Write>(mut encoder: W, text: &str, finish: impl FnOnce(W) -> Vec<u8>) -> Vec<u8> {
    encoder.write_all(text.as_bytes()).unwrap();
    finish(encoder)
}

#[tokio::test]
async fn compressed_bodies_are_unpacked_and_sent_on_plain_with_a_right_length() {
    let (provider, app) = started("", &[]).await;
    let body = r#"{"model":"fast","messages":[{"role":"user","content":"Say hello"}],"stream":true}"#;
    let best = Compression::best();
    let gzip = packed(GzEncoder::new(Vec::new(), best), body, |encoder| encoder.finish().unwrap());
    let zlib = packed(ZlibEncoder::new(Vec::new(), best), body, |encoder| encoder.finish().unwrap());
    let raw = packed(DeflateEncoder::new(Vec::new(), best), body, |encoder| encoder.finish().unwrap());
    let zstd = zstd::encode_all(body.as_bytes(), 3).unwrap();
    for (encoding, bytes) in [("gzip", &gzip), ("GZIP", &gzip), ("deflate", &zlib), ("deflate", &raw), ("zstd", &zstd)] {
        let answer =
            send(&app, CHAT, &[("content-encoding", encoding), ("content-type", "application/json")], bytes.clone()).await;
        assert_eq!(answer.status, 200, "{encoding}: {}", answer.text());
        assert!(answer.text().ends_with("data: [DONE]\n\n"), "`stream` was read");
        let seen = provider.last_seen().unwrap();
        assert!(seen.text().starts_with(r#"{"model":"gpt-4o-mini","messages":[{"#), "`model` was read: {}", seen.text());
        assert_eq!(seen.header("content-encoding"), None);
        assert_eq!(seen.header("content-length").unwrap(), seen.body.len().to_string());
    }
    provider.forget_seen();
    for (encoding, bytes, status) in [
        ("gzip", &gzip[..gzip.len() / 2], 400),
        ("deflate", &zlib[..zlib.len() / 2], 400),
        ("zstd", &zstd[..zstd.len() / 2], 400),
        ("gzip", body.as_bytes(), 400),
        ("br", body.as_bytes(), 415),
        ("gzip, br", &gzip, 415),
    ] {
        let answer = send(&app, CHAT, &[("content-encoding", encoding)], bytes.to_vec()).await;
        assert_eq!(answer.status, status, "{encoding}: {}", answer.text());
        assert!(answer.code().contains("content_encoding"), "{}", answer.text());
    }
    assert!(provider.seen().is_empty());
    let key = app.key("a");
    assert_eq!((key.state.as_str(), key.facts.failures), ("active", 0), "no key is charged for it");
}

#[tokio::test]
async fn a_member_that_decides_stands_there_once_or_nothing_is_sent() {
    let (provider, app) = started("", &[]).await;
    let long = "a".repeat(300 * 1024);
    let messages = |text: &str| format!(r#""messages":[{{"role":"user","content":"{text}"}}]"#);
    for path in [CHAT, "/v1/responses", "/v1/never/heard/of"] {
        for (body, member) in [
            (format!(r#"{{"model":"cheap",{},"model":"dear"}}"#, messages("hi")), "model"),
            (format!(r#"{{"model":"cheap",{},"mod\u0065l":"dear"}}"#, messages(&long)), "model"),
            (format!(r#"{{"mod\u0065l":"cheap",{},"model":"cheap"}}"#, messages("hi")), "model"),
            (format!(r#"{{"model":"cheap","model":null,{}}}"#, messages("hi")), "model"),
            (format!(r#"{{"stream":false,"model":"cheap",{},"stream":true}}"#, messages(&long)), "stream"),
        ] {
            let answer = app.post(path, body).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "repeated_member"), "{path}: {}", answer.text());
            assert_eq!(answer.json()["error"]["param"], member);
            assert!(answer.json()["error"]["message"].as_str().unwrap().contains(member), "{}", answer.text());
        }
    }
    assert!(provider.seen().is_empty());
    let deeper = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","role":"user","content":"hi"}],"metadata":{"model":"a","model":"b"}}"#;
    assert!(app.post(CHAT, deeper).await.status < 500);
    assert_eq!(provider.last_seen().unwrap().text(), deeper, "repeats deeper in the body are the provider's affair");
}

#[tokio::test]
async fn an_alias_changes_the_model_and_not_another_byte_time_after_time() {
    let (provider, app) = started("", &[]).await;
    let body = |model: &str| {
        format!(
            "{{ \"z\":9007199254740993,\"a\":18446744073709551615 , \"max_tokens\":1.0,\"temperature\":1e-1,\"stop\":null,\"seed\":0,\n\
             \t\"response_format\":{{\"json_schema\":{{\"properties\":{{\"zeta\":{{}},\"alpha\":{{}}}}}}}},\"model\" : \"{model}\",\
             \"unknown\":{{\"model\":\"fast\"}},\"messages\":[{{\"content\":\"\\u00e9 \\/ fast\",\"role\":\"user\"}}] }}"
        )
    };
    for _ in 0..3 {
        assert!(app.post(CHAT, body("fast")).await.status < 500);
        assert_eq!(provider.last_seen().unwrap().text(), body("gpt-4o-mini"));
    }
    app.post(CHAT, body("gpt-4o-mini")).await;
    assert_eq!(provider.last_seen().unwrap().text(), body("gpt-4o-mini"), "without an alias the same bytes");
    app.post(CHAT, body("f\\u0061st")).await;
    assert_eq!(provider.last_seen().unwrap().text(), body("gpt-4o-mini"), "an escaped name is the same name");
}

#[tokio::test]
async fn a_stream_gains_the_usage_member_and_changes_no_other_byte_time_after_time() {
    let (provider, app) = started("", &[]).await;
    let body = |model: &str, more: &str| {
        format!(
            r#" {{"z":18446744073709551615,"stream" : true,"model":"{model}","messages":[{{"content":"é","role":"user"}}]{more} }} "#
        )
    };
    let mut sent = Vec::new();
    for _ in 0..2 {
        assert_eq!(app.post(CHAT, body("fast", "")).await.status, 200);
        sent.push(provider.last_seen().unwrap().text());
    }
    assert_eq!(sent[0], sent[1]);
    let added = r#","stream_options":{"include_usage":true}"#;
    assert_eq!(sent[0].replace(added, ""), body("gpt-4o-mini", ""), "{}", sent[0]);
    assert_eq!(sent[0].matches(added).count(), 1, "{}", sent[0]);
    let own = r#","stream_options":{"x":1.0,"include_usage":true}"#;
    assert_eq!(app.post(CHAT, body("fast", own)).await.status, 200);
    assert_eq!(provider.last_seen().unwrap().text(), body("gpt-4o-mini", own));
}

/// A form whose model comes last; the files hold what looks like a boundary.
fn form(model: &str, extra: usize) -> Vec<u8> {
    let mut form = Vec::new();
    let mut part = |head: &str, value: &[u8]| {
        form.extend_from_slice(format!("--XyZ\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        form.extend_from_slice(value);
        form.extend_from_slice(b"\r\n");
    };
    let file = [b"\x89PNG\r\n--Xy\r\n\xff\x00", vec![7; extra].as_slice()].concat();
    part("name=\"image[]\"; filename=\"a.png\"\r\nContent-Type: image/png", &file);
    part("name=\"image[]\"; filename=\"b;\u{e9}.png\"\r\nContent-Type: image/png", b"second");
    part("name=\"file\"; filename=\"s.mp3\"", b"sound");
    part("name=\"unknown\"", b"as it is");
    part("name=\"prompt\"", "模型".as_bytes());
    part("name=\"model\"", model.as_bytes());
    form.extend_from_slice(b"--XyZ--\r\n");
    form
}

const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=XyZ");

#[tokio::test]
async fn a_form_is_routed_by_its_model_wherever_it_stands_and_keeps_every_other_byte() {
    let (provider, app) = started("", &[]).await;
    for (path, alias, model) in [
        ("/v1/images/edits", "pic", "gpt-image-1"),
        ("/v1/audio/transcriptions", "scribe", "whisper-1"),
        ("/v1/images/edits", "gpt-image-1", "gpt-image-1"),
    ] {
        let answer = send(&app, path, &[FORM], form(alias, 100_000)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let seen = provider.last_seen().unwrap();
        assert!(seen.body == form(model, 100_000), "{path}: {}", seen.text());
        assert_eq!(seen.header("content-type"), Some(FORM.1));
        assert_eq!(app.records().await.last().unwrap().model_asked.as_deref(), Some(alias));
    }
    let twice = [&form("pic", 0)[..form("pic", 0).len() - 9], &form("scribe", 0)].concat();
    let answer = send(&app, "/v1/images/edits", &[FORM], twice).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "repeated_member"), "{}", answer.text());
}

#[tokio::test]
async fn a_form_above_the_buffer_limit_with_its_model_behind_the_file_is_refused_clearly() {
    let (provider, app) = started("", &[("KEYWHEEL_MAX_BODY", "64KiB")]).await;
    for path in ["/v1/images/edits", "/v1/audio/transcriptions"] {
        let answer = send(&app, path, &[FORM], form("pic", 100_000)).await;
        assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"), "{path}: {}", answer.text());
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains("model"), "{}", answer.text());
    }
    assert!(provider.seen().is_empty(), "never the wrong model");
}

#[tokio::test]
async fn feature_headers_reach_the_provider_private_ones_do_not_and_the_call_tells_which() {
    let (provider, app) = started("pass_headers = ['X-Mine']\nheaders = { 'X-Added' = 'by the operator' }", &[]).await;
    let passes = [
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "tools-1"),
        ("OpenAI-Beta", "assistants=v2"),
        ("Idempotency-Key", "i-1"),
        ("HTTP-Referer", "https://app.example"),
        ("X-Title", "my app"),
        ("accept", "text/event-stream"),
        ("content-type", "application/json"),
        ("user-agent", "my-app/1"),
        ("X-Mine", "yes"),
    ];
    let stays = [("X-Private", "no"), ("X-Added", "by the client"), ("cookie", "a=b"), ("api-key", "secret-of-client")];
    let answer = send(&app, CHAT, &[&passes[..], &stays].concat(), chat_body(false)).await;
    assert_eq!(answer.status, 200);
    let seen = provider.last_seen().unwrap();
    for (name, value) in passes {
        assert_eq!(seen.header_values(name).collect::<Vec<_>>(), [value], "{name}");
    }
    assert_eq!(seen.header_values("x-added").collect::<Vec<_>>(), ["by the operator"]);
    for name in ["x-private", "cookie", "api-key"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    let record = app.only_record().await;
    let mut dropped = record.dropped_headers.clone();
    dropped.sort();
    assert_eq!(dropped, ["cookie", "x-added", "x-private"]);
    let shown = app.admin("GET", &format!("/api/calls/{}", record.id), serde_json::Value::Null).await.text();
    assert!(shown.contains("x-private") && !shown.contains("secret-of-client"), "{shown}");
}

#[tokio::test]
async fn a_websocket_gets_501_at_once_and_no_key_is_charged() {
    let (provider, app) = started("", &[]).await;
    for path in ["/v1/realtime?model=gpt-realtime", "/v1/responses"] {
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{TOKEN}\r\nConnection: close\r\n\r\n"
        );
        let answer = exchange(app.address, head).await;
        assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
        assert!(
            answer.contains(r#""code":"websocket_not_supported""#) && answer.contains(r#""type":"server_error""#),
            "{answer}"
        );
    }
    assert!(provider.seen().is_empty());
    assert!(app.records().await.iter().all(|record| record.status == 501 && record.attempts.is_empty()));
    let readme = include_str!("../../README.md");
    assert!(readme.contains("WebSocket") && readme.contains("501"), "the README says so");
}
