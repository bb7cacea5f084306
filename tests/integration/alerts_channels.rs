//! Channels: what each receiver gets, which addresses are refused, and that nothing secret is shown.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use keywheel::mock::{Behaviour, MockProvider};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::alerts::channel;
use crate::alerts_mail::MailServer;
use crate::app::TestApp;

async fn test(app: &TestApp, body: Value) -> Value {
    let id = channel(app, body).await;
    app.admin("POST", &format!("/api/alerts/channels/{id}/test"), Value::Null).await.json()
}

fn signed(key: &str, message: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_receiver_gets_its_own_form() {
    let app = TestApp::start("").await;
    let receiver = MockProvider::start().await;
    let url = format!("http://{}/hook?token=abc", receiver.address());
    let body = |kind: &str| json!({ "name": kind, "kind": kind, "url": url, "secret": "SECabc", "allow_private": true });
    let said = |body: &Value, place: &str| {
        assert!(body.pointer(place).is_some_and(|text| text.as_str().unwrap().contains("reach this channel")), "{body}")
    };
    for kind in ["slack", "feishu", "dingtalk", "wecom"] {
        receiver.queue(Behaviour::answer(200).json(&json!({ "code": 0, "errcode": 0 })));
        let result = test(&app, body(kind)).await;
        assert_eq!((&result["state"], &result["error"]), (&json!("delivered"), &Value::Null), "{kind}");
        let request = receiver.last_seen().unwrap();
        let sent: Value = serde_json::from_str(&request.text()).unwrap();
        match kind {
            "slack" => said(&sent, "/text"),
            "feishu" => {
                said(&sent, "/content/text");
                assert_eq!(sent["sign"], signed(&format!("{}\nSECabc", sent["timestamp"].as_str().unwrap()), ""));
            }
            "dingtalk" => {
                said(&sent, "/text/content");
                let time = request.query_parameter("timestamp").unwrap();
                let sign =
                    signed("SECabc", &format!("{time}\nSECabc")).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
                assert!(request.query().unwrap().ends_with(&format!("&sign={sign}")), "{:?}", request.query());
            }
            _ => said(&sent, "/text/content"),
        }
    }
    receiver.queue(Behaviour::answer(200).json(&json!({ "code": 19021, "msg": "sign match fail" })));
    let refused = app.admin("POST", "/api/alerts/channels/2/test", Value::Null).await.json();
    assert_eq!(
        (&refused["state"], &refused["error"]),
        (&json!("failed"), &json!("the receiver answered 19021: sign match fail"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_guarded_and_redirects_are_not_followed() {
    let app = TestApp::start("").await;
    let receiver = MockProvider::start().await;
    let url = format!("http://{}/hook", receiver.address());
    let elsewhere = url.clone();
    receiver.behave(move |_| Some(Behaviour::answer(302).header("location", elsewhere.clone())));
    let mail = MailServer::start().await;
    let failed = async |body: Value, why: &str| {
        let result = test(&app, body).await;
        let error = result["error"].as_str().unwrap_or_default();
        assert!(result["state"] == "failed" && error.contains(why), "{result}");
    };
    failed(json!({ "name": "loopback", "kind": "webhook", "url": url }), "refused").await;
    failed(
        json!({ "name": "metadata", "kind": "webhook", "url": "http://169.254.169.254/x", "allow_private": true }),
        "refused",
    )
    .await;
    let mut letter = mail.channel();
    letter["allow_private"] = json!(false);
    failed(letter, "refused").await;
    assert!(receiver.seen().is_empty() && mail.letters().is_empty(), "nothing was dialled");
    failed(json!({ "name": "redirect", "kind": "webhook", "url": url, "allow_private": true }), "302").await;
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_reaches_everybody_and_a_wrong_password_is_told() {
    let app = TestApp::start("").await;
    let mail = MailServer::start().await;
    let result = test(&app, mail.channel()).await;
    assert_eq!((&result["state"], &result["error"]), (&json!("delivered"), &Value::Null));
    let letter = mail.letters().remove(0);
    assert_eq!(
        (letter.from.as_str(), letter.to),
        ("keywheel@example.org", vec!["ops@example.org".to_owned(), "anna@example.org".to_owned()])
    );
    assert_eq!(mail.subjects(), ["[Keywheel] 🔔 Alerts of Keywheel reach this channel"]);
    assert_eq!(app.admin("PATCH", "/api/alerts/channels/1", json!({ "secret": "wrong" })).await.status, 200);
    let result = app.admin("POST", "/api/alerts/channels/1/test", Value::Null).await.json();
    let error = result["error"].as_str().unwrap();
    assert!(result["state"] == "failed" && error.contains("535"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_channel_or_rule_is_named() {
    let app = TestApp::start("").await;
    let refused = async |path: &str, body: Value, field: &str| {
        let answer = app.admin("POST", path, body).await;
        assert_eq!((answer.status, answer.json()["error"]["field"].as_str()), (400, Some(field)), "{}", answer.text());
    };
    let hook = |more: Value| {
        let mut body = json!({ "name": "x", "kind": "webhook", "url": "https://example.org/x" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let channels = "/api/alerts/channels";
    refused(channels, hook(json!({ "url": "ftp://example.org" })), "url").await;
    refused(channels, hook(json!({ "attempts": 0 })), "attempts").await;
    refused(channels, hook(json!({ "quiet": { "from": "25:00", "to": "07:00", "zone": "UTC" } })), "quiet.from").await;
    refused(channels, hook(json!({ "quiet": { "from": "22:00", "to": "07:00", "zone": "Mars/Olympus" } })), "quiet.zone").await;
    refused(channels, json!({ "name": "x", "kind": "email" }), "mail").await;
    refused("/api/alerts/rules", json!({ "name": "x", "kind": "error_rate", "threshold": 101 }), "threshold").await;
    refused("/api/alerts/rules", json!({ "name": "x", "kind": "budget", "channels": [9] }), "channels").await;
    refused("/api/alerts/rules", json!({ "name": "x", "kind": "latency", "provider": 9 }), "provider").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_shows_nothing_secret_and_leaves_its_rules_when_it_goes() {
    let app = TestApp::start("").await;
    let body = json!({ "name": "ops", "kind": "slack", "url": "https://user:hidden-1@hooks.example.org/services/hidden-2", "secret": "hidden-3" });
    let made = app.admin("POST", "/api/alerts/channels", body).await;
    let shown = made.json();
    assert_eq!((&shown["url_hint"], &shown["has_secret"]), (&json!("https://hooks.example.org/…"), &json!(true)));
    assert_eq!(app.admin("PATCH", "/api/alerts/rules/1", json!({ "channels": [1] })).await.status, 200);
    assert_eq!(app.admin("DELETE", "/api/alerts/channels/1", Value::Null).await.status, 204);
    assert_eq!(app.admin("GET", "/api/alerts/rules/1", Value::Null).await.json()["channels"], json!([]));
    assert_eq!(app.admin("POST", "/api/alerts/channels/1/restore", Value::Null).await.status, 200);
    for path in ["/api/alerts/channels", "/api/alerts/channels/1", "/api/audit"] {
        let text = app.admin("GET", path, Value::Null).await.text();
        assert!(!text.contains("hidden-"), "{path}: {text}");
    }
    assert!(!made.text().contains("hidden-"));
    let file = std::fs::read(app.stop().await.path().join("keywheel.db")).unwrap();
    assert!(!file.windows(7).any(|piece| piece == b"hidden-"), "sealed in the database");
}
