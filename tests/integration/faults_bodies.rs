//! Bad bodies from clients, against a whole Keywheel.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use keywheel::mock::MockProvider;

use crate::app::{TOKEN, TestApp, bootstrap_of, read};
use crate::cli::{ON_A_FREE_PORT, Running};

const CHAT: &str = "/v1/chat/completions";
/// Paths where a body is read as JSON: a known one, one that another API answers, and one that nobody has heard of.
const PATHS: &[&str] = &[CHAT, "/v1/responses", "/v1/embeddings", "/v1/never/heard/of"];

async fn started() -> (MockProvider, TestApp) {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("a", "sk-mock-healthy-1")]).await;
    (provider, app)
}

async fn post(app: &TestApp, path: &str, body: impl Into<reqwest::Body>) -> crate::app::Answer {
    read(app.request("POST", path).header("content-type", "application/json").body(body)).await
}

#[tokio::test]
async fn json_10000_levels_deep_gets_400() {
    let (provider, app) = started().await;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let body = format!(r#"{{"model":"gpt-4o-mini","input":{}1{}}}"#, open.repeat(10_000), close.repeat(10_000));
        for path in PATHS {
            let answer = post(&app, path, body.clone()).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_json"), "{path}: {}", answer.text());
        }
        let mut request = reqwest::Client::new().post(app.url("/api/keys")).bearer_auth("admin-token-for-tests");
        request = request.header("content-type", "application/json").body(body);
        assert_eq!(read(request).await.status, 400);
    }
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn bytes_that_are_no_text_get_400_or_pass_verbatim_and_never_500() {
    let (provider, app) = started().await;
    let around =
        |text: &[u8]| [&br#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":""#[..], text, br#""}]}"#].concat();
    let texts: [&[u8]; 7] =
        [b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf", br"\ud800", br"\udc00\ud800", br"\ud83d\ude00", b"\xf0\x9f\x98\x80"];
    for text in texts {
        for path in [CHAT, "/v1/messages", "/v1/never/heard/of"] {
            provider.forget_seen();
            let body = around(text);
            let answer = post(&app, path, body.clone()).await;
            let seen = provider.last_seen();
            match (answer.status, seen) {
                (400, None) => assert_eq!(answer.code(), "invalid_json"),
                (status, Some(seen)) => {
                    assert_eq!(seen.body, body, "{path}");
                    assert!(status < 500, "{path} {text:?}: {}", answer.text());
                }
                (status, None) => panic!("{path} {text:?}: {status} {}", answer.text()),
            }
        }
    }
    let name = r#"{"model":"gpt-\ud800","messages":[]}"#;
    let answer = post(&app, CHAT, name).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text());
}

#[tokio::test]
async fn unknown_members_and_their_order_arrive_byte_for_byte() {
    let (provider, app) = started().await;
    for body in [
        r#" { "zeta" : 1.0 , "model":"gpt-4o-mini", "messages":[ {"role":"user","content":"\u00e9\/"} ],"x":{"b":1,"a":[9007199254740993,18446744073709551615,1e-1,null,0]},"alpha":"é" } "#,
        "{\n\t\"model\": \"gpt-4o-mini\",\r\n \"messages\": [], \"x\": {}}",
    ] {
        assert!(post(&app, CHAT, body).await.status < 500);
        assert_eq!(provider.last_seen().unwrap().text(), body);
    }
}

#[tokio::test]
async fn an_address_in_a_body_or_query_never_changes_the_destination() {
    let (provider, app) = started().await;
    let elsewhere = MockProvider::start().await;
    let url = elsewhere.base_url();
    let body = format!(
        r#"{{"model":"gpt-4o-mini","base_url":"{url}","api_base":"{url}","api_key":"sk-mine","proxy":"{url}","messages":[{{"role":"user","content":"hi"}}]}}"#
    );
    let mut request = app.request("POST", &format!("{CHAT}?base_url={url}&api_base={url}")).body(body.clone());
    for name in ["x-base-url", "x-api-base", "x-upstream", "x-forwarded-host", "x-original-url", "x-rewrite-url"] {
        request = request.header(name, &url);
    }
    assert_eq!(read(request).await.status, 200);
    assert_eq!(provider.last_seen().unwrap().text(), body);
    assert_eq!(provider.last_seen().unwrap().secret(), Some("sk-mock-healthy-1"));
    let absolute = format!(
        "GET {url}/models HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\r\n",
        elsewhere.address()
    );
    crate::support::exchange(app.address, absolute).await;
    assert!(elsewhere.seen().is_empty());
}

/// A small body that unpacks to 1 GiB of zeros.
fn gzip_bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let zeros = vec![0; 1024 * 1024];
    for _ in 0..1024 {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

/// As [`gzip_bomb`]: one frame of blocks that each repeat a byte 128 KiB times.
fn zstd_bomb() -> Vec<u8> {
    let window_of_128_kib = 7 << 3;
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0, window_of_128_kib];
    for number in 0..8192_u32 {
        let (last, repeats) = (u32::from(number == 8191), 1 << 1);
        let header = last | repeats | (128 * 1024) << 3;
        bomb.extend_from_slice(&header.to_le_bytes()[..3]);
        bomb.push(0);
    }
    bomb
}

/// The most memory that a process has had, in KiB.
fn peak_memory_kib(serving: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serving.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_body_that_unpacks_to_a_gigabyte_gets_413_with_flat_memory() {
    let (provider, folder) = (MockProvider::start().await, tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("bootstrap.toml"), bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")])).unwrap();
    let variables = [("KEYWHEEL_BOOTSTRAP", "bootstrap.toml"), ("KEYWHEEL_MAX_BODY", "8MiB")];
    let serving = Running::start(folder.path(), ON_A_FREE_PORT, &variables);
    let bombs = tokio::task::spawn_blocking(|| [("gzip", gzip_bomb()), ("zstd", zstd_bomb())]).await.unwrap();
    let before = peak_memory_kib(&serving);
    for (encoding, bomb) in bombs.iter().cycle().take(6) {
        assert!(bomb.len() < 8 * 1024 * 1024);
        let request =
            reqwest::Client::new().post(format!("{}{CHAT}", serving.url)).bearer_auth(TOKEN).timeout(Duration::from_secs(60));
        let answer = read(request.header("content-encoding", *encoding).body(bomb.clone())).await;
        assert_eq!(answer.status, 413, "{encoding}: {}", answer.text());
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    }
    let grown = peak_memory_kib(&serving) - before;
    assert!(grown < 128 * 1024, "{grown} KiB for six times a gigabyte");
    assert!(provider.seen().iter().all(|request| request.path() == "/v1/models"), "no call reaches the provider");
}
