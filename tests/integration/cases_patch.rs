//! Every member of every noun: what was set is shown, null brings back what a new row has, and nothing is swallowed.

use std::collections::BTreeSet;

use keywheel::mock::MockProvider;
use serde_json::{Map, Value, json};

use crate::app::TestApp;

/// A noun: the schema of its changes, what a row needs, and a value for each member that differs from a new row's.
struct Noun {
    path: &'static str,
    schema: &'static str,
    needed: Value,
    values: Value,
}

fn nouns() -> Vec<Noun> {
    vec![
        Noun {
            path: "/api/providers",
            schema: "ProviderChange",
            needed: json!({ "name": "n", "base_url": "https://h" }),
            values: json!({
                "exact_base_url": true, "auth": "query:key", "headers": { "X-One": "value" }, "pass_headers": ["x-trace"],
                "timeouts": { "connect_ms": 9 }, "proxy": "socks5://h:1080", "default": true, "allow_private": true,
                "attempts": 2, "time_zone": "Asia/Kolkata", "probe": { "enabled": false }, "enabled": false,
            }),
        },
        Noun {
            path: "/api/keys",
            schema: "KeyChange",
            needed: json!({ "provider": 1, "name": "n", "secret": "sk-mock-healthy-n" }),
            values: json!({
                "tags": ["t"], "weight": 7, "priority": 3, "models": [], "account": "org", "rpm": 0, "tpm": 1, "rpd": 2,
                "concurrency": 3, "budget_usd_month": 0.5,
            }),
        },
        Noun {
            path: "/api/models",
            schema: "ModelChange",
            needed: json!({ "name": "n", "targets": [{ "provider": 1, "model": "x" }] }),
            values: json!({
                "strategy": "sticky", "price": { "input": 0.0 }, "context_length": 1000, "vision": true, "tools": true,
                "answer_ms": 90_000, "enabled": false, "visible": false,
            }),
        },
        Noun {
            path: "/api/clients",
            schema: "ClientChange",
            needed: json!({ "name": "n", "token": "kw-token-of-n" }),
            values: json!({
                "tags": ["t"], "models": [], "key_tags": ["t"], "rpm": 0, "tpm": 1, "concurrency": 2, "budget_usd_month": 0.5,
                "expires_at": "2999-01-01T00:00:00Z", "allow_ips": ["10.0.0.0/8"], "allow_debug": true, "enabled": false,
            }),
        },
    ]
}

/// The members that a schema of the committed document names.
fn members_of(schema: &str) -> BTreeSet<String> {
    let document: Value = serde_json::from_str(include_str!("../../openapi/admin.json")).unwrap();
    document["components"]["schemas"][schema]["properties"].as_object().expect(schema).keys().cloned().collect()
}

async fn patch(app: &TestApp, path: &str, member: &str, value: &Value) -> (u16, Value) {
    let body = Value::Object(Map::from_iter([(member.to_owned(), value.clone())]));
    let answer = app.admin("PATCH", path, body).await;
    (answer.status, answer.json())
}

/// For a member that has no value above: the first plain value that it takes, and null.
async fn set_and_back(app: &TestApp, path: &str, member: &str, default: &Value) {
    for value in [json!(7), json!(600), json!(90_000), json!(0.5), json!(true), json!(false), json!(["t"])] {
        let (status, shown) = patch(app, path, member, &value).await;
        if status == 200 && shown[member] != *default {
            let (status, shown) = patch(app, path, member, &Value::Null).await;
            assert_eq!((status, &shown[member]), (200, default), "{path} {member}: null brings the default back");
            return;
        }
    }
    panic!("{path} {member} takes no plain value: give it one in this file");
}

#[tokio::test]
async fn null_sets_every_member_back_or_is_refused_with_its_name() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[]).await;
    for noun in nouns() {
        let made = app.admin("POST", noun.path, noun.needed.clone()).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        let row = if made["client"].is_object() { made["client"].clone() } else { made };
        let path = format!("{}/{}", noun.path, row["id"]);
        let (needed, values) = (noun.needed.as_object().unwrap(), noun.values.as_object().unwrap());
        let members = members_of(noun.schema);
        assert!(needed.keys().chain(values.keys()).all(|member| members.contains(member)), "{members:?}");
        for member in members.iter().filter(|member| !needed.contains_key(*member) && !values.contains_key(*member)) {
            set_and_back(&app, &path, member, &row[member]).await;
        }
        for (member, value) in values {
            let (status, shown) = patch(&app, &path, member, value).await;
            assert_eq!(status, 200, "{path} {member}: {shown}");
            assert_ne!(shown[member], row[member], "{path} {member}: the value is shown");
            let (status, shown) = patch(&app, &path, member, &Value::Null).await;
            assert_eq!((status, &shown[member]), (200, &row[member]), "{path} {member}: null brings the default back");
        }
        for member in needed.keys() {
            let (status, refused) = patch(&app, &path, member, &Value::Null).await;
            assert_eq!((status, &refused["error"]["field"]), (400, &json!(member)), "{path} {member}: {refused}");
        }
        let shown = app.admin("GET", &path, Value::Null).await.json();
        for member in values.keys() {
            assert_eq!(shown[member], row[member], "{path} {member} is as it was");
        }
    }
}

#[tokio::test]
async fn null_sets_every_setting_back() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[]).await;
    let rule = json!({ "id": "mine", "match": { "status": 418 }, "class": "quota", "blame": "key", "retry": "next", "effect": { "kind": "none" } });
    let values = json!({
        "strategy": "sticky", "attempts": 5, "retry_share": 0.5, "retry_burst": 3, "keepalive_ms": 0, "commit_ms": 1000,
        "commit_bytes": 4096, "owner_wait_ms": 5, "store_bodies": true, "body_cap_bytes": 1024, "body_retention_days": 3,
        "retention_days": 30, "refuse_unpriced": true, "retry_sent_timeouts": true, "cors_origins": ["https://h"],
        "recorded_headers": ["x-team"],
        "error_rules": [rule],
    });
    let values = values.as_object().unwrap();
    let (members, before) = (members_of("SettingsChange"), app.admin("GET", "/api/settings", Value::Null).await.json());
    assert!(values.keys().all(|member| members.contains(member)), "{members:?}");
    for member in members.iter().filter(|member| !values.contains_key(*member)) {
        set_and_back(&app, "/api/settings", member, &before[member]).await;
    }
    let version = app.admin("GET", "/api/settings", Value::Null).await.json()["version"].as_u64().unwrap();
    for (member, value) in values {
        let (status, shown) = patch(&app, "/api/settings", member, value).await;
        assert_eq!((status, &shown[member]), (200, value), "{member}: {shown}");
        let (status, shown) = patch(&app, "/api/settings", member, &Value::Null).await;
        assert_eq!((status, &shown[member]), (200, &before[member]), "{member}: null brings the default back");
    }
    let (status, shown) = patch(&app, "/api/settings", "attempts", &before["attempts"]).await;
    assert_eq!((status, &shown["version"]), (200, &json!(version + 2 * values.len() as u64)), "the same value is no change");
}
