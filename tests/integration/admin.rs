//! The control plane through its door: each noun, what is refused, and that the next call obeys.

use std::sync::Arc;

use keywheel::admin::{self, AdminContext, People, ScriptDesk};
use keywheel::clock::{Clock, Entropy};
use keywheel::domain::{Snapshot, hash_token};
use keywheel::mock::{Behaviour, MockProvider};
use keywheel::model_sync::ModelSync;
use keywheel::outbound::{Options, Outbound};
use keywheel::playground::Playground;
use keywheel::proxy::{Proxy, ProxyParts};
use keywheel::publish::Publisher;
use keywheel::recorder::{Owners, Recorder, RecorderOptions};
use keywheel::rotator::Rotator;
use keywheel::script::{LoadConfig, ScriptLimits, Scripts, ScriptsOptions};
use keywheel::store::{MasterKeySource, Retention, Store, open_call_log};
use keywheel::telemetry::Metrics;
use poem::http::{Method, StatusCode};
use poem::{Endpoint, Request, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "correct horse battery";

pub struct Api {
    folder: TempDir,
    publisher: Arc<Publisher>,
    rotator: Arc<Rotator>,
    pub recorder: Recorder,
    pub ending: CancellationToken,
    endpoint: Box<dyn Fn(Request) -> Answering>,
}

type Answering = std::pin::Pin<Box<dyn Future<Output = Response>>>;

pub struct Answer {
    pub status: StatusCode,
    pub etag: Option<String>,
    pub body: Value,
}

impl Api {
    pub fn start() -> Self {
        Self::open(tempfile::tempdir().unwrap())
    }

    fn open(folder: TempDir) -> Self {
        let clock = Clock::start();
        let store = Arc::new(Store::open(folder.path(), &MasterKeySource::default()).unwrap());
        let rotator = Rotator::new(1);
        let saved = store.load_key_states().unwrap();
        rotator.restore(saved.iter().map(|saved| serde_json::from_str(&saved.state).unwrap()).collect(), clock.now());
        let publisher = {
            let rotator = rotator.clone();
            Publisher::new(store, Arc::default(), move |snapshot| rotator.apply(snapshot, clock.now()))
        };
        let (call_log, writer) = open_call_log(folder.path()).unwrap();
        let (metrics, retention) = (Arc::new(Metrics::new()), || Retention { record_days: 30, body_days: 7, bytes: None });
        let recorder = Recorder::start(writer, metrics.clone(), clock, retention, RecorderOptions::default()).unwrap();
        let ending = CancellationToken::new();
        let config = Box::new(LoadConfig::default);
        let (limits, estimate) = (ScriptLimits::default(), keywheel::proxy::estimate_request);
        let scripts = Scripts::load(ScriptsOptions { folder: None, limits, clock, config, estimate }).unwrap();
        let outbound = Arc::new(Outbound::new(Options::default()));
        let proxy = Proxy::new(ProxyParts {
            clock,
            entropy: Arc::new(Entropy::from_seed(1)),
            snapshot: publisher.current(),
            rotator: rotator.clone(),
            quota: Arc::default(),
            outbound: outbound.clone(),
            recorder: recorder.clone(),
            owners: Owners::new(publisher.store().clone()),
            scripts: scripts.clone(),
            metrics: metrics.clone(),
            limits: Default::default(),
            draining: ending.clone(),
        });
        let playground = Playground::start(publisher.store().clone(), proxy, publisher.current(), clock).unwrap();
        let context = AdminContext {
            publisher: publisher.clone(),
            rotator: rotator.clone(),
            quota: Arc::default(),
            model_sync: ModelSync::new(publisher.clone(), rotator.clone(), outbound.clone(), clock),
            outbound,
            recorder: recorder.clone(),
            call_log,
            playground,
            metrics,
            alerts: Default::default(),
            scripts: Arc::new(ScriptDesk::new(scripts)),
            ending: ending.clone(),
            clock,
            admin_token: Some(hash_token(TOKEN)),
            people: People::new(""),
            fixed_settings: Vec::new(),
        };
        let endpoint = Arc::new(admin::endpoint(Arc::new(context)));
        let call = move |request| -> Answering {
            let endpoint = endpoint.clone();
            Box::pin(async move { endpoint.get_response(request).await })
        };
        Api { folder, publisher, rotator, recorder, ending, endpoint: Box::new(call) }
    }

    /// The same data folder, opened by another process.
    fn restart(self) -> Self {
        let Api { folder, publisher, rotator, recorder, endpoint, .. } = self;
        drop((publisher, rotator, recorder, endpoint));
        Self::open(folder)
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        let mut request = Request::builder().method(method).uri(path.parse().unwrap());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header("content-type", "application/json").body(body.unwrap_or_default().to_owned());
        let mut response = (self.endpoint)(request).await;
        let etag = response.header("etag").map(str::to_owned);
        let text = response.take_body().into_string().await.unwrap();
        assert!(!text.contains("sk-live") && !text.contains("proxy-password"), "a secret comes out: {text}");
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect(&text) };
        Answer { status: response.status(), etag, body }
    }

    /// The answer of a stream, as far as its head.
    pub async fn open_stream(&self, path: &str) -> Response {
        let request = Request::builder().uri(path.parse().unwrap()).header("authorization", format!("Bearer {TOKEN}")).finish();
        let response = (self.endpoint)(request).await;
        assert_eq!(response.status(), 200);
        response
    }

    pub async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        let authorization = format!("Bearer {TOKEN}");
        let body = (!body.is_null()).then(|| body.to_string());
        self.send(method, path, &[("authorization", &authorization)], body.as_deref()).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.call(Method::POST, path, body).await;
        assert!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.body);
        answer.body
    }

    async fn patch(&self, path: &str, body: Value) -> Value {
        let answer = self.call(Method::PATCH, path, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// The error of a request that must be refused: status, code and field.
    pub async fn refused(&self, method: Method, path: &str, body: Value) -> (u16, String, Value) {
        let answer = self.call(method, path, body).await;
        let error = &answer.body["error"];
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{path}: {}", answer.body);
        (answer.status.as_u16(), error["code"].as_str().unwrap().to_owned(), error["field"].clone())
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.publisher.current().load_full()
    }

    async fn with_key(&self) -> &Self {
        self.post("/api/providers", json!({ "name": "p", "base_url": "https://h" })).await;
        self.post("/api/keys", json!({ "provider": 1, "name": "a", "secret": "sk-live-0123456789" })).await;
        self
    }

    async fn audit(&self) -> Vec<String> {
        let entries = self.get("/api/audit").await["entries"].as_array().unwrap().clone();
        entries
            .iter()
            .rev()
            .map(|entry| format!("{} {}", entry["action"].as_str().unwrap(), entry["name"].as_str().unwrap()))
            .collect()
    }
}

#[tokio::test]
async fn nobody_gets_in_without_the_token() {
    let api = Api::start();
    for headers in [&[][..], &[("authorization", "Bearer wrong token")], &[("authorization", TOKEN)]] {
        for (method, path) in [(Method::GET, "/api/keys"), (Method::POST, "/api/providers"), (Method::PATCH, "/api/settings")] {
            let answer = api.send(method, path, headers, Some("{}")).await;
            assert_eq!((answer.status, &answer.body["error"]["code"]), (StatusCode::UNAUTHORIZED, &json!("unauthorized")));
        }
    }
    let lower = api.send(Method::GET, "/api/keys", &[("authorization", &format!("bearer {TOKEN}"))], None).await;
    assert_eq!(lower.status, 200);
}

#[tokio::test]
async fn every_refusal_has_the_same_shape() {
    let api = Api::start();
    let refused = async |method, path, body| api.refused(method, path, body).await;
    assert_eq!(refused(Method::GET, "/api/nothing", Value::Null).await.0, 404);
    assert_eq!(refused(Method::PUT, "/api/keys", json!({})).await.0, 405);
    assert_eq!(refused(Method::GET, "/api/keys/x", Value::Null).await, (400, "invalid".into(), json!("id")));
    assert_eq!(refused(Method::GET, "/api/keys?limit=0", Value::Null).await, (400, "invalid".into(), json!("limit")));
    assert_eq!(refused(Method::GET, "/api/keys?limit=x", Value::Null).await, (400, "invalid".into(), json!("limit")));
    assert_eq!(refused(Method::GET, "/api/keys?cursor=x", Value::Null).await, (400, "invalid".into(), json!("cursor")));
    assert_eq!(refused(Method::GET, "/api/keys?state=tired", Value::Null).await, (400, "invalid".into(), json!("state")));
    assert_eq!(refused(Method::GET, "/api/keys/9", Value::Null).await, (404, "not_found".into(), Value::Null));
    assert_eq!(refused(Method::POST, "/api/keys", json!([])).await.0, 400);
    let authorization = format!("Bearer {TOKEN}");
    let broken = api.send(Method::POST, "/api/keys", &[("authorization", &authorization)], Some("{\"secret\":\"sk-live")).await;
    assert_eq!((broken.status, &broken.body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("invalid")));
}

#[tokio::test]
async fn a_provider_lives_its_life() {
    let api = Api::start();
    let made = api
        .call(
            Method::POST,
            "/api/providers",
            json!({
                "name": "openai", "base_url": "https://h?v=1", "auth": "query:k", "default": true, "attempts": 2,
                "headers": { "X-One": "header-value-one", "X-Two": "2" }, "timeouts": { "idle_ms": 9 },
                "proxy": "socks5://me:proxy-password@h:1080", "probe": { "interval_s": 90 }, "pass_headers": ["X-Trace"],
            }),
        )
        .await;
    assert_eq!((made.status, made.etag.as_deref()), (StatusCode::CREATED, Some("\"1\"")));
    let provider = made.body;
    assert_eq!(provider["example_url"], "https://h/v1/chat/completions?v=1");
    assert_eq!(provider["headers"], json!({ "X-One": "…-one", "X-Two": "…" }));
    assert_eq!(provider["proxy"], "socks5://me:…@h:1080");
    assert_eq!((&provider["timeouts"]["idle_ms"], &provider["timeouts"]["connect_ms"]), (&json!(9), &json!(5000)));
    assert_eq!(provider["pass_headers"], json!(["x-trace"]));
    let changed = api
        .patch("/api/providers/1", json!({ "headers": { "x-one": null, "X-Three": "3" }, "attempts": null, "proxy": null }))
        .await;
    assert_eq!(changed["headers"], json!({ "X-Two": "…", "X-Three": "…" }));
    assert_eq!(
        (&changed["attempts"], &changed["proxy"], &changed["timeouts"]["idle_ms"]),
        (&Value::Null, &Value::Null, &json!(9))
    );
    for (body, field) in [
        (json!({ "name": "a/b" }), "name"),
        (json!({ "name": null }), "name"),
        (json!({ "base_url": "h" }), "base_url"),
        (json!({ "auth": "basic" }), "auth"),
        (json!({ "proxy": "socks5://me:…@h:1080" }), "proxy"),
        (json!({ "headers": { "Authorization": "x" } }), "headers"),
        (json!({ "timeouts": { "idle": 1 } }), "timeouts.idle"),
        (json!({ "timeouts": { "idle_ms": 0 } }), "timeouts.idle_ms"),
        (json!({ "time_zone": "Mars" }), "time_zone"),
        (json!({ "attempts": 0 }), "attempts"),
        (json!({ "defualt": true }), "defualt"),
    ] {
        let refused = api.refused(Method::PATCH, "/api/providers/1", body.clone()).await;
        assert_eq!(refused, (400, "invalid".into(), json!(field)), "{body}");
    }
    api.post("/api/models", json!({ "name": "m", "targets": [{ "provider": 1, "model": "x" }] })).await;
    assert_eq!(api.refused(Method::DELETE, "/api/providers/1", Value::Null).await.1, "in_use");
    assert_eq!(api.call(Method::DELETE, "/api/models/1", Value::Null).await.status, 204);
    assert_eq!(api.call(Method::DELETE, "/api/providers/1", Value::Null).await.status, 204);
    assert_eq!(api.refused(Method::GET, "/api/providers/1", Value::Null).await.0, 404);
    assert_eq!(api.post("/api/providers/1/restore", Value::Null).await["name"], "openai");
}

#[tokio::test]
async fn null_missing_and_zero_are_three_things() {
    let api = Api::start();
    api.with_key().await;
    let body = json!({ "rpm": 5, "tpm": 0, "models": [], "tags": ["a"], "weight": 7, "account": "org" });
    let key = api.patch("/api/keys/1", body).await;
    assert_eq!((&key["rpm"], &key["tpm"], &key["models"], &key["weight"]), (&json!(5), &json!(0), &json!([]), &json!(7)));
    assert!(!api.snapshot().keys().next().unwrap().serves("m"), "an empty list is no model");
    assert_eq!(api.patch("/api/keys/1", json!({})).await["version"], key["version"]);
    assert_eq!(api.audit().await, ["create p", "create a", "update a"], "no change, no entry");
    let body = json!({ "rpm": null, "models": null, "tags": null, "weight": null, "account": null });
    let key = api.patch("/api/keys/1", body).await;
    assert_eq!(
        (&key["rpm"], &key["tpm"], &key["models"], &key["account"]),
        (&Value::Null, &json!(0), &Value::Null, &Value::Null)
    );
    assert_eq!((&key["tags"], &key["weight"]), (&json!([]), &json!(1)));
    assert!(api.snapshot().keys().next().unwrap().serves("m"), "null is every model");
    for (body, field) in [
        (json!({ "rpn": 5 }), "rpn"),
        (json!({ "rpm": -1 }), "rpm"),
        (json!({ "rpm": "5" }), "rpm"),
        (json!({ "secret": null }), "secret"),
        (json!({ "secret": ["sk-live"] }), "secret"),
        (json!({ "secret": "sk-\u{200b}a" }), "secret"),
        (json!({ "name": "a\u{7}" }), "name"),
        (json!({ "provider": 9 }), "provider"),
        (json!({ "budget_usd_month": -0.5 }), "budget_usd_month"),
        (json!({ "weight": 1001 }), "weight"),
    ] {
        let refused = api.refused(Method::PATCH, "/api/keys/1", body.clone()).await;
        assert_eq!(refused, (400, "invalid".into(), json!(field)), "{body}");
    }
    assert_eq!(api.refused(Method::POST, "/api/keys", json!({ "provider": 1, "name": "b" })).await.2, "secret");
}

#[tokio::test]
async fn an_edit_of_an_older_version_is_refused() {
    let api = Api::start();
    api.with_key().await;
    let authorization = format!("Bearer {TOKEN}");
    let patch = async |version: &str, weight: u32| {
        let headers = [("authorization", authorization.as_str()), ("if-match", version)];
        api.send(Method::PATCH, "/api/keys/1", &headers, Some(&json!({ "weight": weight }).to_string())).await
    };
    let first = patch("\"1\"", 2).await;
    assert_eq!((first.status, first.etag.as_deref()), (StatusCode::OK, Some("\"2\"")));
    let second = patch("\"1\"", 3).await;
    assert_eq!((second.status, &second.body["error"]["code"]), (StatusCode::PRECONDITION_FAILED, &json!("version_mismatch")));
    assert_eq!(patch("*", 4).await.status, 200);
    let headers = [("authorization", authorization.as_str()), ("if-match", "\"1\"")];
    assert_eq!(api.send(Method::DELETE, "/api/keys/1", &headers, None).await.status, 412);
    assert_eq!(patch("soon", 4).await.body["error"]["field"], "If-Match");
}

#[tokio::test]
async fn a_deleted_name_is_free_at_once() {
    let api = Api::start();
    api.with_key().await;
    let again = json!({ "provider": 1, "name": "a", "secret": "sk-live-0123456789" });
    let taken = |field: &str| (409, "conflict".to_owned(), json!(field));
    assert_eq!(api.refused(Method::POST, "/api/keys", again.clone()).await, taken("name"));
    let same_secret = json!({ "provider": 1, "name": "b", "secret": "sk-live-0123456789" });
    assert_eq!(api.refused(Method::POST, "/api/keys", same_secret).await, taken("secret"));
    assert_eq!(api.call(Method::DELETE, "/api/keys/1", Value::Null).await.status, 204);
    api.post("/api/keys", again).await;
    assert_eq!(api.refused(Method::POST, "/api/keys/1/restore", Value::Null).await, taken("name"));
    assert_eq!(api.get("/api/keys").await["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let api = Api::start();
    api.with_key().await;
    for at in 2..=7 {
        let body = json!({ "provider": 1, "name": format!("k{at}"), "secret": format!("sk-live-{at}"), "tags": [format!("t{}", at % 2)] });
        api.post("/api/keys", body).await;
    }
    api.post("/api/keys/3/disable", json!({})).await;
    let ids = |page: &Value| page["keys"].as_array().unwrap().iter().map(|key| key["id"].as_i64().unwrap()).collect::<Vec<_>>();
    let first = api.get("/api/keys?limit=3").await;
    assert_eq!(ids(&first), [1, 2, 3]);
    let cursor = first["next_cursor"].as_str().unwrap();
    assert_eq!(ids(&api.get(&format!("/api/keys?limit=4&cursor={cursor}")).await), [4, 5, 6, 7]);
    assert_eq!(api.get(&format!("/api/keys?limit=4&cursor={cursor}")).await["next_cursor"], Value::Null);
    assert_eq!(ids(&api.get("/api/keys?tag=t1").await), [3, 5, 7]);
    assert_eq!(ids(&api.get("/api/keys?state=disabled_manual").await), [3]);
    assert_eq!(ids(&api.get("/api/keys?state=active&tag=t1&limit=1").await), [5]);
    assert_eq!(ids(&api.get("/api/keys?search=K7").await), [7]);
    assert_eq!(ids(&api.get("/api/keys?provider=2").await), [0i64; 0]);
}

#[tokio::test]
async fn a_disabled_key_stays_so_over_a_restart() {
    let mut api = Api::start();
    api.with_key().await;
    // Half a second behind the full one: the two clocks are read a moment apart.
    let body = json!({ "until": "2999-01-01T00:00:00.500Z", "reason": "rotated" });
    let status = api.post("/api/keys/1/disable", body).await["status"].clone();
    assert_eq!((&status["state"], &status["reason"]), (&json!("disabled_manual"), &json!("rotated")));
    assert!(status["until"].as_str().unwrap().starts_with("2999-01-01T00:00:00."), "{status}");
    api = api.restart();
    assert_eq!(api.get("/api/keys/1").await["status"]["state"], "disabled_manual");
    assert_eq!(api.post("/api/keys/1/enable", Value::Null).await["status"]["state"], "active");
    api = api.restart();
    assert_eq!(api.get("/api/keys/1").await["status"]["state"], "active");
    for (body, field) in [
        (json!({ "until": "2001-01-01T00:00:00Z" }), "until"),
        (json!({ "until": "soon" }), "until"),
        (json!({ "reason": "a\nb" }), "reason"),
        (json!({ "untill": null }), "untill"),
    ] {
        assert_eq!(api.refused(Method::POST, "/api/keys/1/disable", body).await, (400, "invalid".into(), json!(field)));
    }
    assert_eq!(api.post("/api/keys/1/reset", Value::Null).await["status"]["state"], "active");
    assert_eq!(api.refused(Method::POST, "/api/keys/9/enable", Value::Null).await.0, 404);
    assert_eq!(api.audit().await, ["create p", "create a", "disable a", "enable a", "reset a"]);
}

#[tokio::test]
async fn a_check_disables_only_an_invalid_key() {
    let mock = MockProvider::start().await;
    let api = Api::start();
    api.post("/api/providers", json!({ "name": "p", "base_url": mock.base_url(), "allow_private": true })).await;
    api.post("/api/keys", json!({ "provider": 1, "name": "a", "secret": "sk-live-0123456789" })).await;
    mock.behave(|_| Some(Behaviour::answer(500).json(&json!({ "error": { "message": "trouble" } }))));
    let report = api.post("/api/keys/1/check", Value::Null).await;
    assert_eq!((&report["verdict"], &report["key"]["status"]["state"]), (&json!("provider_trouble"), &json!("active")));
    let error = json!({ "error": { "message": "Incorrect API key provided: sk-live-0123456789", "code": "invalid_api_key" } });
    mock.behave(move |_| Some(Behaviour::answer(401).json(&error)));
    let report = api.post("/api/keys/1/check", Value::Null).await;
    assert_eq!((&report["verdict"], &report["status"]), (&json!("invalid"), &json!(401)));
    assert_eq!(report["key"]["status"]["state"], "disabled_auto");
    assert!(report["message"].as_str().unwrap().contains("Incorrect API key"), "{report}");
}

#[tokio::test]
async fn model_lists_are_read_by_every_enabled_key() {
    let mock = MockProvider::start().await;
    let api = Api::start();
    api.post("/api/providers", json!({ "name": "p", "base_url": mock.base_url(), "allow_private": true })).await;
    for (name, secret) in [("a", "sk-live-a"), ("b", "sk-live-b"), ("c", "sk-live-c"), ("d", "sk-live-d")] {
        api.post("/api/keys", json!({ "provider": 1, "name": name, "secret": secret })).await;
    }
    api.post("/api/keys/4/disable", json!({})).await;
    let list = |models: &[&str]| json!({ "data": models.iter().map(|model| json!({ "id": model })).collect::<Vec<_>>() });
    mock.behave(move |request| {
        Some(match request.header("authorization") {
            Some("Bearer sk-live-a") => Behaviour::answer(200).json(&list(&["m1", "m2"])),
            Some("Bearer sk-live-b") => Behaviour::answer(200).json(&list(&[])),
            Some("Bearer sk-live-c") => Behaviour::answer(500).json(&json!({ "error": "sk-live-c" })),
            _ => Behaviour::answer(200).json(&list(&["never"])),
        })
    });
    let report = api.post("/api/providers/1/models/sync", Value::Null).await;
    assert_eq!((&report["asked"], &report["added"], &report["empty"]), (&json!(3), &json!(["m1", "m2"]), &json!([2])));
    assert_eq!(report["failed"][0]["key"], 3);
    assert!(api.snapshot().route("m1").is_ok());
    let models = api.patch("/api/providers/1/models", json!({ "model": "m1", "removed": true })).await["models"].clone();
    assert!(models[0]["removed_at"].is_string() && models[1]["removed_at"].is_null(), "{models}");
    assert_eq!(api.get("/api/providers/1").await["synced_models"], 1);
    assert_eq!(api.post("/api/providers/1/models/sync", Value::Null).await["added"], json!([]), "it does not come back");
    let unknown = json!({ "model": "m9", "removed": true });
    assert_eq!(api.refused(Method::PATCH, "/api/providers/1/models", unknown).await, (400, "invalid".into(), json!("model")));
    assert_eq!(api.refused(Method::POST, "/api/providers/9/models/sync", Value::Null).await.0, 404);
}

#[tokio::test]
async fn a_client_shows_its_token_once() {
    let api = Api::start();
    let made =
        api.post("/api/clients", json!({ "name": "app", "models": ["fast"], "expires_at": "2999-01-01T00:00:00Z" })).await;
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("kw-") && token.len() == 46, "{token}");
    assert!(api.snapshot().client_by_token(&hash_token(token)).is_some());
    assert!(!api.get("/api/clients/1").await.to_string().contains(token));
    let changed = api.post("/api/clients/1/token", json!({ "token": "a phrase of mine" })).await;
    assert_eq!(changed["client"]["token_hint"], "a ph…");
    assert!(api.snapshot().client_by_token(&hash_token(token)).is_none(), "the former token is refused");
    assert!(api.snapshot().client_by_token(&hash_token("a phrase of mine")).is_some());
    assert!(!api.get("/api/audit").await.to_string().contains("a phrase of mine"));
    let again = json!({ "name": "other", "token": "a phrase of mine" });
    assert_eq!(api.refused(Method::POST, "/api/clients", again).await, (409, "conflict".into(), json!("token")));
    for (body, field) in [
        (json!({ "token": "short" }), "token"),
        (json!({ "allow_ips": ["everywhere"] }), "allow_ips"),
        (json!({ "expires_at": "soon" }), "expires_at"),
        (json!({ "model": [] }), "model"),
    ] {
        assert_eq!(api.refused(Method::PATCH, "/api/clients/1", body).await, (400, "invalid".into(), json!(field)));
    }
    let client = api.patch("/api/clients/1", json!({ "allow_ips": ["10.1.2.3/8"], "expires_at": null, "rpm": 0 })).await;
    assert_eq!(
        (&client["allow_ips"], &client["expires_at"], &client["rpm"]),
        (&json!(["10.0.0.0/8"]), &Value::Null, &json!(0))
    );
    assert_eq!(api.call(Method::DELETE, "/api/clients/1", Value::Null).await.status, 204);
    assert!(api.snapshot().client_by_token(&hash_token("a phrase of mine")).is_none());
}

#[tokio::test]
async fn names_may_hold_slashes_and_any_script() {
    let api = Api::start();
    api.with_key().await;
    for (at, name) in ["vendor/m-1", "a:b", "m?x#y", "模型 1"].into_iter().enumerate() {
        let path = format!("/api/models/{}", at + 1);
        api.post("/api/models", json!({ "name": name, "targets": [{ "provider": 1, "model": name }] })).await;
        assert_eq!(api.get(&path).await["name"], name);
        assert!(api.snapshot().model(name).is_some());
        let renamed = format!("{name}/2");
        assert_eq!(api.patch(&path, json!({ "name": renamed })).await["name"], json!(renamed));
        assert!(api.snapshot().model(&renamed).is_some() && api.snapshot().model(name).is_none());
        assert_eq!(api.call(Method::DELETE, &path, Value::Null).await.status, 204);
    }
}

#[tokio::test]
async fn a_model_has_targets_and_a_price() {
    let api = Api::start();
    api.with_key().await;
    let body = json!({
        "name": "fast", "strategy": "sticky", "vision": true,
        "targets": [{ "provider": 1, "model": "x" }, { "provider": 1, "model": "y", "tier": 2, "weight": 3 }],
        "price": { "input": 0.15, "output": 0, "per_picture": 0.039, "long_context": { "above": 200000, "input": 0.3 } },
    });
    let model = api.post("/api/models", body.clone()).await;
    let target = &model["targets"][1];
    assert_eq!((&target["provider_name"], &target["model"]), (&json!("p"), &json!("y")));
    assert_eq!((&target["tier"], &target["weight"], &target["vanished_at"]), (&json!(2), &json!(3), &Value::Null));
    assert_eq!((&model["price"]["input"], &model["price"]["output"]), (&json!(0.15), &json!(0.0)));
    assert_eq!((&model["price"]["cached_read"], &model["price"]["long_context"]["input"]), (&Value::Null, &json!(0.3)));
    let shown_again = api.patch("/api/models/1", json!({ "targets": model["targets"], "price": model["price"] })).await;
    assert_eq!(shown_again["version"], 1, "what was shown can be sent back");
    for (body, field) in [
        (json!({ "strategy": "best" }), "strategy"),
        (json!({ "targets": [{ "provider": 9, "model": "x" }] }), "targets.provider"),
        (json!({ "targets": [{ "provider": 1 }] }), "targets[0].model"),
        (json!({ "price": { "input": -1 } }), "price.input"),
        (json!({ "price": { "inptu": 1 } }), "price.inptu"),
    ] {
        assert_eq!(api.refused(Method::PATCH, "/api/models/1", body).await, (400, "invalid".into(), json!(field)));
    }
    assert_eq!(api.patch("/api/models/1", json!({ "price": null, "strategy": null })).await["price"], Value::Null);
}

#[tokio::test]
async fn settings_change_one_by_one() {
    let api = Api::start();
    assert_eq!(api.get("/api/settings").await["updated_at"], Value::Null);
    let rule = json!({
        "id": "mine", "match": { "status": 418 }, "class": "quota", "blame": "key", "retry": "next",
        "effect": { "kind": "cooldown", "ms": 5000 },
    });
    let changed = api.patch("/api/settings", json!({ "attempts": 5, "error_rules": [rule] })).await;
    assert_eq!((&changed["attempts"], &changed["error_rules"][0]), (&json!(5), &rule));
    assert_eq!(api.snapshot().settings.attempts, 5);
    let changed = api.patch("/api/settings", json!({ "attempts": null, "keepalive_ms": 0 })).await;
    assert_eq!((&changed["attempts"], &changed["keepalive_ms"], &changed["error_rules"][0]), (&json!(3), &json!(0), &rule));
    for (body, field) in [
        (json!({ "attempts": 50 }), "attempts"),
        (json!({ "attempt": null }), "attempt"),
        (json!({ "attempts": "five" }), "attempts"),
        (json!({ "strategy": "best" }), "strategy"),
        (json!({ "version": 3 }), "version"),
    ] {
        assert_eq!(api.refused(Method::PATCH, "/api/settings", body).await, (400, "invalid".into(), json!(field)));
    }
    assert_eq!(api.audit().await.len(), 2);
}

#[test]
fn the_document_describes_every_operation() {
    let document: Value = serde_json::from_str(&admin::openapi_json()).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(path.starts_with("/api/"), "{place}");
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{place} has no summary");
            assert!(operation["operationId"].is_string() && operation["tags"][0].is_string(), "{place}");
            let asks = operation["security"][0]["admin_token"].is_array() && operation["security"][1]["session"].is_array();
            let role = operation["x-role"].as_str().unwrap_or_default();
            let declares = if role == "anyone" { operation["security"] == json!([]) } else { asks };
            assert!(declares && ["anyone", "viewer", "operator", "owner"].contains(&role), "{place} declares no role");
            assert!(operation["responses"]["400"]["content"].is_object(), "{place} has no typed error");
            let good = operation["responses"].as_object().unwrap().iter().filter(|(status, _)| status.starts_with('2'));
            for body in good.filter_map(|(_, answer)| answer["content"].get("application/json; charset=utf-8")) {
                let name = body["schema"]["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
                let example = [body, &document["components"]["schemas"][name]].iter().any(|place| place["example"].is_object());
                assert!(example, "{place} shows no example of {name}");
            }
        }
    }
}

/// After a change of the control plane: `UPDATE_OPENAPI=1 cargo test --test integration openapi`.
#[test]
fn the_committed_openapi_document_is_the_one_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/admin.json");
    let document = format!("{}\n", admin::openapi_json());
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi")).unwrap();
        // In one step: another test reads the file.
        let new = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/admin.json.new");
        std::fs::write(new, &document).unwrap();
        std::fs::rename(new, path).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == document, "openapi/admin.json is out of date: UPDATE_OPENAPI=1 cargo test --test integration openapi");
}
