//! A whole Keywheel on a free port, with a throw-away data folder: what most topics test against.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use keywheel::app::App;
use keywheel::config::{Environment, Flags, RawConfig};
use keywheel::domain::{CallRecord, KeyId};
use keywheel::mock::MockProvider;
use keywheel::rotator::KeyStatus;
use keywheel::server::{Listeners, Shutdown, run};
use keywheel::store::CallQuery;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// The token of the client `app` in [`TestApp::with_keys`].
pub const TOKEN: &str = "kw-test-token-of-app";

/// A running Keywheel.
pub struct TestApp {
    pub address: SocketAddr,
    pub data: TempDir,
    pub app: App,
    pub shutdown: Shutdown,
    server: JoinHandle<()>,
    http: reqwest::Client,
}

/// An answer, read whole.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The `code` of an error answer.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header, or an empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

impl TestApp {
    /// Starts with a bootstrap file.
    pub async fn start(bootstrap: &str) -> Self {
        TestApp::start_with(bootstrap, &[]).await
    }

    /// Starts with a bootstrap file and further variables, such as `("KEYWHEEL_MAX_BODY", "1MiB")`.
    pub async fn start_with(bootstrap: &str, variables: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        TestApp::start_in(data, bootstrap, variables).await
    }

    /// Starts on a data folder that may have been used before.
    pub async fn start_in(data: TempDir, bootstrap: &str, variables: &[(&str, &str)]) -> Self {
        let file = data.path().join("bootstrap.toml");
        std::fs::write(&file, bootstrap).expect("the bootstrap file");
        let (folder, file) = (data.path().to_string_lossy().into_owned(), file.to_string_lossy().into_owned());
        let scripts = data.path().join("scripts").to_string_lossy().into_owned();
        let mut all = vec![
            ("KEYWHEEL_LISTEN", "127.0.0.1:0"),
            ("KEYWHEEL_DATA", &folder),
            ("KEYWHEEL_BOOTSTRAP", &file),
            ("KEYWHEEL_SCRIPTS", &scripts),
            ("KEYWHEEL_ADMIN_TOKEN", "admin-token-for-tests"),
        ];
        all.extend_from_slice(variables);
        let environment = Environment::of(all);
        let config = RawConfig::gather(Flags::default(), &environment).and_then(RawConfig::validate).expect("a configuration");
        let listeners = Listeners::bind(&config.server.listen, None).await.expect("a free port");
        let address = listeners.tcp_addresses()[0];
        let shutdown = Shutdown::default();
        let app = App::start(&config, &environment, shutdown.clone()).await.expect("the start");
        let server = tokio::spawn(run(config.server.clone(), listeners, app.endpoint(), shutdown.clone()));
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(64).build().expect("a client");
        TestApp { address, data, app, shutdown, server, http }
    }

    /// Starts with one default provider, these keys (`name`, secret) of it, and the client `app` with [`TOKEN`].
    pub async fn with_keys(provider: &MockProvider, keys: &[(&str, &str)]) -> Self {
        TestApp::start(&bootstrap_of(provider, "", keys)).await
    }

    /// Ends the server and gives the data folder back, to start on it again.
    pub async fn stop(self) -> TempDir {
        self.shutdown.draining.cancel();
        self.shutdown.deadline.cancel();
        self.server.await.expect("the server ends");
        self.app.finish().await;
        self.data
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request with the token of `app`.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.request_as(TOKEN, method, path)
    }

    /// A request with a token.
    pub fn request_as(&self, token: &str, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        self.http.request(method, self.url(path)).bearer_auth(token).timeout(Duration::from_secs(60))
    }

    /// Posts JSON text with the token of `app`.
    pub async fn post(&self, path: &str, body: impl Into<String>) -> Answer {
        let request = self.request("POST", path).header("content-type", "application/json").body(body.into());
        read(request).await
    }

    /// Gets a path with the token of `app`.
    pub async fn get(&self, path: &str) -> Answer {
        read(self.request("GET", path)).await
    }

    /// Sends a request to the admin API; `body` is left out when it is null.
    pub async fn admin(&self, method: &str, path: &str, body: Value) -> Answer {
        self.admin_with(method, path, &[], body).await
    }

    /// [`TestApp::admin`] with further headers.
    pub async fn admin_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let mut request = self.request_as("admin-token-for-tests", method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        read(request.timeout(Duration::from_secs(60))).await
    }

    /// A plain chat call.
    pub async fn chat(&self) -> Answer {
        self.post("/v1/chat/completions", chat_body(false)).await
    }

    /// A streamed chat call, read to its end.
    pub async fn chat_stream(&self) -> Answer {
        self.post("/v1/chat/completions", chat_body(true)).await
    }

    /// Every call that has ended, oldest first, with its attempts.
    pub async fn records(&self) -> Vec<CallRecord> {
        self.app.flush().await;
        let page = self.app.call_log().list(CallQuery { limit: 10_000, ..CallQuery::default() }).await.expect("the log");
        let mut records = Vec::new();
        for call in page.calls.iter().rev() {
            records.push(self.app.call_log().get(call.id).await.expect("the log").expect("a listed call"));
        }
        records
    }

    /// The record of the only call.
    pub async fn only_record(&self) -> CallRecord {
        let mut records = self.records().await;
        assert_eq!(records.len(), 1, "one record for one call: {records:#?}");
        records.remove(0)
    }

    /// The text of a script as it is live.
    pub fn scripts_text(&self, name: &str) -> Option<String> {
        self.app.scripts().current().sources().get(name).map(ToString::to_string)
    }

    /// The state of a key by its name.
    pub fn key(&self, name: &str) -> KeyStatus {
        let snapshot = self.app.publisher().current().load_full();
        let id: KeyId = snapshot.keys().find(|key| key.name == name).expect("a key of that name").id;
        self.app.rotator().status(id, keywheel::clock::Clock::start().now()).expect("a known key")
    }
}

/// A bootstrap file: one default provider `mock` with these further lines, its keys, and the client `app`.
pub fn bootstrap_of(provider: &MockProvider, provider_lines: &str, keys: &[(&str, &str)]) -> String {
    let mut text = format!(
        "[[provider]]\nname = \"mock\"\nbase_url = \"{}\"\ndefault = true\nallow_private = true\n{provider_lines}\n\
         [[client]]\nname = \"app\"\ntoken = \"{TOKEN}\"\n",
        provider.base_url()
    );
    for (name, secret) in keys {
        text.push_str(&format!("[[key]]\nprovider = \"mock\"\nname = \"{name}\"\nsecret = \"{secret}\"\n"));
    }
    text
}

/// The body of a small chat call.
pub fn chat_body(stream: bool) -> String {
    format!(r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"Say hello"}}],"stream":{stream}}}"#)
}

/// Sends a request and reads the whole answer.
pub async fn read(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.expect("a whole body").to_vec();
    Answer { status, headers, body }
}

/// Waits until a condition holds, for at most ten seconds.
pub async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap_or_else(|_| panic!("never happened: {what}"));
}

/// Secrets of requests that the provider saw, in order, without those for model lists.
pub fn secrets_seen(provider: &MockProvider) -> Vec<String> {
    let calls = provider.seen().into_iter().filter(|request| request.path() != "/v1/models");
    calls.filter_map(|request: Arc<_>| request.secret().map(str::to_owned)).collect()
}
