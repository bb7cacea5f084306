//! Alerts, end to end: each rule opens once and is over once, and real receivers are told by webhook and by mail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use hmac::{Hmac, Mac};
use keywheel::domain::AlertKind;
use keywheel::mock::{Behaviour, MockProvider};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::alerts_mail::MailServer;
use crate::app::{TestApp, bootstrap_of};

const SECRET: &str = "the secret of the webhook";
const KEYS: &[(&str, &str)] = &[("a", "sk-one-a"), ("b", "sk-one-b"), ("c", "sk-one-c"), ("d", "sk-one-d")];

/// Waits until a condition holds, for at most a minute: observations are seconds apart.
pub async fn soon(what: &str, condition: impl AsyncFn() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap_or_else(|_| panic!("never happened: {what}"));
}

/// What a webhook receiver was told, as event and kind; every signature is checked.
pub fn told(receiver: &MockProvider) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all = Vec::new();
    for request in receiver.seen() {
        let seconds = request.header("x-keywheel-timestamp").expect("a time");
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{seconds}.{}", request.text()).as_bytes());
        let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(request.header("x-keywheel-signature"), Some(&*format!("sha256={digits}")));
        let body: Value = serde_json::from_str(&request.text()).expect("JSON");
        assert_eq!(request.header("x-keywheel-event"), body["event"].as_str());
        all.push((word(&body["event"]), word(&body["kind"])));
    }
    all
}

/// Makes a channel and gives its id.
pub async fn channel(app: &TestApp, body: Value) -> i64 {
    let made = app.admin("POST", "/api/alerts/channels", body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_i64().unwrap()
}

/// A receiver of webhooks that takes everything, and a channel to it.
pub async fn webhook(app: &TestApp) -> MockProvider {
    let receiver = MockProvider::start().await;
    receiver.behave(|_| Some(Behaviour::answer(200)));
    let url = format!("http://{}/hook", receiver.address());
    channel(app, json!({ "name": "hook", "kind": "webhook", "url": url, "secret": SECRET, "allow_private": true })).await;
    receiver
}

/// Changes the rule of a kind.
pub async fn change(app: &TestApp, kind: &str, change: Value) {
    let rules = app.admin("GET", "/api/alerts/rules", Value::Null).await.json();
    let rule = rules["rules"].as_array().unwrap().iter().find(|rule| rule["kind"] == kind).expect("a rule of each kind");
    let path = format!("/api/alerts/rules/{}", rule["id"]);
    let answer = app.admin("PATCH", &path, change).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

const KINDS: [&str; 9] = [
    "disk_low",
    "log_dropped",
    "key_disabled",
    "pool_below",
    "latency",
    "error_rate",
    "breaker_open",
    "budget",
    "budget_unenforced",
];

struct Scene {
    app: TestApp,
    hook: MockProvider,
    mail: MailServer,
}

impl Scene {
    /// Waits until both receivers were told this of a kind.
    async fn heard(&self, event: &str, kind: &str) {
        soon(&format!("{event} {kind}"), async || {
            let hook = told(&self.hook).iter().any(|(what, about)| what == event && about == kind);
            let heard = self.mail.subjects().len() == told(&self.hook).len();
            hook && heard
        })
        .await;
    }

    async fn client(&self, change: Value) {
        assert_eq!(self.app.admin("PATCH", "/api/clients/1", change).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rule_fires_once_and_is_over_once() {
    assert!(AlertKind::ALL.iter().all(|kind| KINDS.contains(&kind.as_str())), "no kind is left out");
    let provider = MockProvider::start().await;
    // 0: well; 1: the key `b` is invalid; 2: slow; 3: down.
    let mood = Arc::new(AtomicU8::new(0));
    provider.behave({
        let mood = mood.clone();
        move |request| match mood.load(Ordering::Relaxed) {
            1 if request.secret() == Some("sk-one-b") => Some(
                Behaviour::answer(401).json(&json!({ "error": { "message": "Incorrect API key", "code": "invalid_api_key" } })),
            ),
            2 => Some(healthy().delay_ms(150)),
            3 => Some(Behaviour::answer(500).json(&json!({ "error": { "message": "down" } }))),
            _ => None,
        }
    });
    let data = tempfile::tempdir().unwrap();
    let segments = data.path().join("calls");
    std::fs::create_dir_all(&segments).unwrap();
    let today = keywheel::clock::Clock::start().now().unix_ms;
    let days = [today, today + 86_400_000].map(|ms| keywheel::domain::to_rfc3339(ms)[..10].to_owned());
    let spoilt = days.map(|day| segments.join(format!("{day}.db")));
    spoilt.iter().for_each(|path| std::fs::write(path, "no database".repeat(500)).unwrap());

    let app = TestApp::start_in(data, &bootstrap_of(&provider, "", KEYS), &[]).await;
    let (hook, mail) = (webhook(&app).await, MailServer::start().await);
    channel(&app, mail.channel()).await;
    for kind in KINDS {
        change(&app, kind, json!({ "hold_s": 0, "clear_s": 0, "min_calls": 1, "enabled": kind != "latency" })).await;
    }
    change(&app, "disk_low", json!({ "threshold": 0 })).await;
    app.app.keep_up();
    let scene = Scene { app, hook, mail };
    let app = &scene.app;

    change(app, "disk_low", json!({ "threshold": 1_000_000_000 })).await;
    scene.heard("opened", "disk_low").await;
    change(app, "disk_low", json!({ "threshold": 0 })).await;
    scene.heard("resolved", "disk_low").await;

    assert_eq!(app.chat().await.status, 200, "calls go on");
    scene.heard("opened", "log_dropped").await;
    spoilt.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    assert_eq!(app.chat().await.status, 200);
    scene.heard("resolved", "log_dropped").await;

    change(app, "pool_below", json!({ "threshold": 4 })).await;
    mood.store(1, Ordering::Relaxed);
    for _ in 0..KEYS.len() {
        assert_eq!(app.chat().await.status, 200);
    }
    scene.heard("opened", "key_disabled").await;
    scene.heard("opened", "pool_below").await;
    mood.store(0, Ordering::Relaxed);
    assert_eq!(app.admin("POST", "/api/keys/2/enable", json!({})).await.status, 200);
    scene.heard("resolved", "key_disabled").await;
    scene.heard("resolved", "pool_below").await;
    change(app, "pool_below", json!({ "threshold": 0 })).await;

    mood.store(2, Ordering::Relaxed);
    assert_eq!(app.chat().await.status, 200);
    mood.store(0, Ordering::Relaxed);
    change(app, "latency", json!({ "threshold": 100, "percentile": 99, "enabled": true })).await;
    scene.heard("opened", "latency").await;
    change(app, "latency", json!({ "threshold": 3_600_000 })).await;
    scene.heard("resolved", "latency").await;

    mood.store(3, Ordering::Relaxed);
    for _ in 0..12 {
        app.chat().await;
    }
    scene.heard("opened", "error_rate").await;
    scene.heard("opened", "breaker_open").await;
    mood.store(0, Ordering::Relaxed);
    soon("the provider serves again", async || app.chat().await.status == 200).await;
    change(app, "error_rate", json!({ "threshold": 100 })).await;
    scene.heard("resolved", "breaker_open").await;
    scene.heard("resolved", "error_rate").await;

    scene.client(json!({ "budget_tokens_total": 1 })).await;
    scene.heard("opened", "budget").await;
    scene.client(json!({ "budget_tokens_total": null, "budget_usd_month": 1000 })).await;
    scene.heard("resolved", "budget").await;

    let unpriced = r#"{"model":"nobody-knows-its-price","messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(app.post("/v1/chat/completions", unpriced).await.status, 200);
    scene.heard("opened", "budget_unenforced").await;
    scene.client(json!({ "budget_usd_month": null })).await;
    scene.heard("resolved", "budget_unenforced").await;

    let mut expected: Vec<_> =
        KINDS.iter().flat_map(|kind| ["opened", "resolved"].map(|event| (event.to_owned(), (*kind).to_owned()))).collect();
    let mut all = told(&scene.hook);
    expected.sort();
    all.sort();
    assert_eq!(all, expected, "each once, and no more");
    let subjects = scene.mail.subjects();
    let over = subjects.iter().filter(|subject| subject.contains("Over:")).count();
    assert_eq!((subjects.len(), over), (18, 9), "{subjects:#?}");
    let open = app.admin("GET", "/api/alerts/open", Value::Null).await.json();
    assert_eq!(open["alerts"], json!([]));
    let history = app.admin("GET", "/api/alerts/history", Value::Null).await.json();
    assert_eq!(history["alerts"].as_array().unwrap().len(), 10, "a budget is nearly used up, and used up: {history}");
    let deliveries = app.admin("GET", "/api/alerts/deliveries", Value::Null).await.json();
    let deliveries = deliveries["deliveries"].as_array().unwrap().clone();
    assert!(deliveries.len() == 36 && deliveries.iter().all(|one| one["state"] == "delivered"), "{deliveries:#?}");
}

fn healthy() -> Behaviour {
    Behaviour::answer(200).json(&json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hello" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10 },
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_is_told_again_and_a_restart_tells_nothing_twice() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, KEYS).await;
    let receiver = MockProvider::start().await;
    receiver.behave(|_| Some(Behaviour::answer(200)));
    receiver.queue(Behaviour::answer(500));
    receiver.queue(Behaviour::answer(429));
    let url = format!("http://{}/hook", receiver.address());
    let body =
        json!({ "name": "hook", "kind": "webhook", "url": url, "secret": SECRET, "allow_private": true, "retry_ms": 100 });
    channel(&app, body).await;
    change(&app, "disk_low", json!({ "threshold": 1_000_000_000, "clear_s": 0 })).await;
    app.app.keep_up();
    let deliveries =
        async |app: &TestApp| app.admin("GET", "/api/alerts/deliveries", Value::Null).await.json()["deliveries"].clone();
    soon("the third attempt", async || deliveries(&app).await[0]["state"] == "delivered").await;
    let told_of = deliveries(&app).await;
    assert_eq!((told_of.as_array().unwrap().len(), &told_of[0]["attempts"]), (1, &json!(3)));
    let bodies: Vec<_> = receiver.seen().iter().map(|request| request.text()).collect();
    assert!(bodies.len() == 3 && bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");

    let open = app.admin("GET", "/api/alerts/open", Value::Null).await.json()["alerts"][0].clone();
    let seen = app.admin("POST", &format!("/api/alerts/open/{}/acknowledge", open["id"]), Value::Null).await;
    assert_eq!((seen.status, &seen.json()["acknowledged_by"]), (200, &json!("admin token")));

    let app = TestApp::start_in(app.stop().await, &bootstrap_of(&provider, "", KEYS), &[]).await;
    app.app.keep_up();
    let again = app.admin("GET", "/api/alerts/open", Value::Null).await.json()["alerts"][0].clone();
    assert_eq!((&again["id"], &again["acknowledged_by"]), (&open["id"], &json!("admin token")));
    change(&app, "disk_low", json!({ "threshold": 0 })).await;
    soon("its end is told", async || told(&receiver).last().is_some_and(|(event, _)| event == "resolved")).await;
    assert_eq!(receiver.seen().len(), 4);
}
