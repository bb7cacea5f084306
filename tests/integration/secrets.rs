//! No secret anywhere: recognisable ones go in at every door, and are looked for wherever something comes out.

use std::collections::BTreeMap;
use std::path::Path;

use keywheel::mock::{Behaviour, MockProvider, SeenRequest};
use serde_json::{Value, json};

use crate::app::{TOKEN, chat_body, read};
use crate::process::{ADMIN_TOKEN, Process};

const ECHOED: &str = "sk-5ecret-Echoed0by0the0provider";
const BY_QUERY: &str = "sk-5ecret-Sent0in0the0query";
const REFUSED: &str = "sk-mock-invalid-5ecretRefusedKey0";
const BEHIND_PROXY: &str = "sk-5ecret-Behind0a0proxy0key";
const IMPORTED: &str = "sk-5ecret-Imported0by0the0API0";
const REPLACED: &str = "sk-5ecret-Replaced0by0a0patch0";
const PROXY_PASSWORD: &str = "5ecretProxyPassword77";
const EXTRA_HEADER: &str = "5ecretExtraHeaderValue88";
const LATER_HEADER: &str = "5ecretLaterHeaderValue99";
const MASTER_KEY: &str = "5ec4e75ec4e75ec4e75ec4e75ec4e75ec4e75ec4e75ec4e75ec4e75ec4e75ec4";
const METRICS_TOKEN: &str = "5ecret-metrics-token-of-tests";
const WRONG_TOKEN: &str = "kw-5ecret-token-of-nobody-here";

/// Echoes the key in a header and in the body of every kind of answer.
fn echo(request: &SeenRequest) -> Option<Behaviour> {
    let secret = request.secret().filter(|secret| *secret == ECHOED || *secret == BY_QUERY)?;
    let error = json!({"error": {"message": format!("Incorrect API key provided: {secret}, ({secret})."), "type": secret, "code": "invalid_request"}});
    let answer =
        |status| Behaviour::answer(status).header("x-echo", secret.to_owned()).header("x-request-id", secret.to_owned());
    Some(match request.text() {
        text if text.contains("say 200") => answer(200).json(&error),
        text if text.contains("say stream") => Behaviour::stream().event(&error.to_string()),
        text if text.contains("say 400") => answer(400).json(&error),
        text if text.contains("say 429") => answer(429).json(&error),
        text if text.contains("say 500") => answer(500).json(&error),
        text if text.contains("say reset") => Behaviour::reset(),
        _ => answer(403).json(&error),
    })
}

fn bootstrap(provider: &MockProvider, nobody: std::net::SocketAddr) -> String {
    let base = provider.base_url();
    let providers = [
        ("mock", base.clone(), format!("default = true\nheaders = {{ \"x-extra\" = \"{EXTRA_HEADER}\" }}")),
        ("query", base.clone(), "auth = \"query:key\"".to_owned()),
        ("gone", format!("http://{nobody}/v1"), "auth = \"query:key\"".to_owned()),
        ("proxied", base, format!("proxy = \"http://user:{PROXY_PASSWORD}@{nobody}\"")),
    ];
    let keys = [
        ("mock", "echoed", ECHOED),
        ("mock", "refused", REFUSED),
        ("query", "query", BY_QUERY),
        ("gone", "gone", BY_QUERY),
        ("proxied", "proxied", BEHIND_PROXY),
    ];
    let mut text = format!("[[client]]\nname = \"app\"\ntoken = \"{TOKEN}\"\n");
    for (name, url, more) in providers {
        text += format!("[[provider]]\nname = \"{name}\"\nbase_url = \"{url}\"\nallow_private = true\n{more}\n").as_str();
    }
    for (provider, name, secret) in keys {
        text += format!("[[key]]\nprovider = \"{provider}\"\nname = \"{name}\"\nsecret = \"{secret}\"\n").as_str();
    }
    text
}

/// Everything that came out, by the place where it did.
#[derive(Default)]
struct Places(BTreeMap<String, Vec<u8>>);

impl Places {
    async fn ask(&mut self, name: &str, request: reqwest::RequestBuilder) -> Vec<u8> {
        let answer = read(request).await;
        let mut bytes = format!("{} {:?}\n", answer.status, answer.headers).into_bytes();
        bytes.extend_from_slice(&answer.body);
        self.0.insert(name.to_owned(), bytes);
        answer.body
    }

    fn files(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.files(&path);
            } else if !path.ends_with("bootstrap.toml") {
                self.0.insert(path.display().to_string(), std::fs::read(&path).unwrap());
            }
        }
    }

    fn holding(&self, secret: &[u8]) -> Vec<&str> {
        let holds = |bytes: &Vec<u8>| memchr::memmem::find(bytes, secret).is_some();
        self.0.iter().filter(|(_, bytes)| holds(bytes)).map(|(name, _)| name.as_str()).collect()
    }
}

/// Calls that end in every way.
async fn call(process: &Process, places: &mut Places) {
    for model in ["gpt-4o-mini", "mock/gpt-4o", "query/gpt-4o", "gone/gpt-4o", "proxied/gpt-4o", "no-such-model"] {
        for say in ["200", "stream", "400", "429", "500", "reset", "403"] {
            for stream in [false, true] {
                let body = chat_body(stream).replace("gpt-4o-mini", model).replace("Say hello", &format!("say {say}"));
                let request = process.request("POST", "/v1/chat/completions").header("x-keywheel-debug", "1").body(body);
                places.ask(&format!("call of {model}, {say}, {stream}"), request).await;
            }
        }
    }
    for path in ["/v1/models", "/v1/files", "/v1/nothing/there", "/v1/responses/resp_none123"] {
        places.ask(path, process.request("GET", path)).await;
        places.ask(&format!("{path} of nobody"), process.request_as(WRONG_TOKEN, "GET", path)).await;
    }
    places.ask("broken body", process.request("POST", "/v1/chat/completions").body(format!("{{\"model\": \"{TOKEN}"))).await;
}

/// Admin requests, right and wrong, with secrets in them. Returns the token that one of them shows, once.
async fn administer(process: &Process, places: &mut Places) -> String {
    let mut number = 0;
    let mut send = async |method: &str, path: &str, body: String| {
        number += 1;
        let request = process.request_as(ADMIN_TOKEN, method, path).header("content-type", "application/json").body(body);
        places.ask(&format!("{number}: {method} {path}"), request).await
    };
    let id_of = |body: &[u8]| serde_json::from_slice::<Value>(body).ok().and_then(|body| body["id"].as_i64()).expect("an id");
    let key = |name: &str, secret: &str| json!({"provider": 1, "name": name, "secret": secret});
    let id = id_of(&send("POST", "/api/keys", key("imported", IMPORTED).to_string()).await);
    send("POST", "/api/keys", key("imported", IMPORTED).to_string()).await;
    send("POST", "/api/keys", key("", IMPORTED).to_string()).await;
    send("POST", "/api/keys", format!("{{\"secret\": \"{IMPORTED}\", \"provider\": \"{IMPORTED}\"}}")).await;
    send("POST", "/api/keys", format!("{{\"secret\": [\"{IMPORTED}\"]}}")).await;
    send("POST", "/api/keys", format!("{{\"secret\": \"{IMPORTED}\"")).await;
    send("PATCH", &format!("/api/keys/{id}"), json!({"secret": REPLACED}).to_string()).await;
    for action in ["check", "disable", "enable", "reset"] {
        send("POST", &format!("/api/keys/{id}/{action}"), "{}".to_owned()).await;
    }
    send("PATCH", "/api/providers/1", json!({"headers": {"x-extra": LATER_HEADER}}).to_string()).await;
    send("PATCH", "/api/providers/1", json!({"headers": {"x-extra": format!("{LATER_HEADER}\n")}}).to_string()).await;
    send("PATCH", "/api/providers/4", json!({"proxy": format!("nonsense://user:{PROXY_PASSWORD}@x")}).to_string()).await;
    for provider in 1..=4 {
        send("POST", &format!("/api/providers/{provider}/models/sync"), "{}".to_owned()).await;
    }
    let created = send("POST", "/api/clients", json!({"name": "made"}).to_string()).await;
    let token = serde_json::from_slice::<Value>(&created).unwrap()["token"].as_str().expect("a token").to_owned();
    send("POST", "/api/clients", json!({"name": "made", "token": TOKEN}).to_string()).await;
    token
}

/// Everything that the admin API shows, and what else answers to a GET.
async fn look(process: &Process, places: &mut Places) {
    let document: Value = serde_json::from_str(include_str!("../../openapi/admin.json")).unwrap();
    let paths = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(path, operations)| operations["get"].is_object() && !path.ends_with("/live"));
    let calls = process.admin("GET", "/api/calls?limit=1000", Value::Null).await.json();
    let calls: Vec<_> = calls["calls"].as_array().unwrap().iter().map(|call| call["id"].as_str().unwrap().to_owned()).collect();
    for (path, _) in paths {
        let ids = if path.starts_with("/api/calls/") { calls.clone() } else { (1..=7).map(|id| id.to_string()).collect() };
        for id in ids.iter().take(if path.contains("{id}") { usize::MAX } else { 1 }) {
            let path = path.replace("{id}", id);
            places.ask(&format!("GET {path}"), process.request_as(ADMIN_TOKEN, "GET", &path)).await;
        }
    }
    places.ask("metrics", process.request_as(METRICS_TOKEN, "GET", "/metrics")).await;
    for path in ["/docs", "/readyz", "/metrics", "/api/system"] {
        places.ask(&format!("{path} of nobody"), process.request_as(WRONG_TOKEN, "GET", path)).await;
    }
    places.0.insert("openapi".to_owned(), include_bytes!("../../openapi/admin.json").to_vec());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_any_log_file_or_answer() {
    let provider = MockProvider::start().await;
    provider.behave(echo);
    let nobody = MockProvider::nobody().await;
    let folder = tempfile::tempdir().unwrap();
    let variables = [("KEYWHEEL_LOG", "trace"), ("KEYWHEEL_MASTER_KEY", MASTER_KEY), ("KEYWHEEL_METRICS_TOKEN", METRICS_TOKEN)];
    let process = Process::start(folder.path(), &bootstrap(&provider, nobody), &variables).await;
    let mut places = Places::default();
    call(&process, &mut places).await;
    let shown_once = administer(&process, &mut places).await;
    call(&process, &mut places).await;
    look(&process, &mut places).await;
    places.files(folder.path());
    assert_eq!(process.stop().await, Some(0));
    let mut after = Places::default();
    after.files(folder.path());
    places.0.extend(after.0.into_iter().map(|(name, bytes)| (format!("{name} after the end"), bytes)));
    let bytes: usize = places.0.values().map(Vec::len).sum();
    println!("{} places, {bytes} bytes searched", places.0.len());
    assert!(places.0.keys().any(|name| name.ends_with("keywheel.db")) && bytes > 1_000_000);

    let secrets = [
        ECHOED,
        BY_QUERY,
        REFUSED,
        BEHIND_PROXY,
        IMPORTED,
        REPLACED,
        PROXY_PASSWORD,
        EXTRA_HEADER,
        LATER_HEADER,
        MASTER_KEY,
        METRICS_TOKEN,
        WRONG_TOKEN,
        TOKEN,
        ADMIN_TOKEN,
    ];
    let mut found: Vec<_> = secrets.iter().map(|secret| (*secret, places.holding(secret.as_bytes()))).collect();
    let raw_master_key: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&MASTER_KEY[at * 2..at * 2 + 2], 16).unwrap()).collect();
    found.push(("the master key's bytes", places.holding(&raw_master_key)));
    found.retain(|(_, places)| !places.is_empty());
    assert!(found.is_empty(), "secrets came out: {found:#?}");
    let shown = places.holding(shown_once.as_bytes());
    assert!(shown.len() == 1 && shown[0].ends_with("POST /api/clients"), "a new token is shown once: {shown:?}");
}
