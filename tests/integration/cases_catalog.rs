//! Edits of the catalog through the API of a whole Keywheel: what the next call, the next start and the next row see.

use keywheel::mock::{Behaviour, MockProvider};
use serde_json::{Value, json};

use crate::app::{Answer, TOKEN, TestApp, bootstrap_of, chat_body, read};
use crate::cli::{ON_A_FREE_PORT, Running, keywheel, text};

async fn started() -> (MockProvider, TestApp) {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, &[("a", "sk-mock-healthy-1")]).await;
    (provider, app)
}

/// A request that must succeed; its answer.
async fn done(app: &TestApp, method: &str, path: &str, body: Value) -> Value {
    let answer = app.admin(method, path, body.clone()).await;
    assert!((200..300).contains(&answer.status), "{method} {path} {body}: {} {}", answer.status, answer.text());
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

/// Status, code and field of a request that must be refused.
async fn refused(app: &TestApp, method: &str, path: &str, body: Value) -> (u16, String, Value) {
    let answer = app.admin(method, path, body).await;
    (answer.status, answer.code(), answer.json()["error"]["field"].clone())
}

async fn audit_entries(app: &TestApp) -> Vec<Value> {
    done(app, "GET", "/api/audit?limit=1000", Value::Null).await["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_was_edited_stays_over_a_restart_until_the_files_own_value_changes() {
    let provider = MockProvider::start().await;
    let bootstrap = |weight: u32| {
        let text = bootstrap_of(&provider, "", &[("b", "sk-mock-healthy-2"), ("a", "sk-mock-healthy-1")]);
        format!("{text}weight = {weight}\n")
    };
    let app = TestApp::start(&bootstrap(2)).await;
    let keys = done(&app, "GET", "/api/keys", Value::Null).await;
    let a =
        keys["keys"].as_array().unwrap().iter().find(|key| key["name"] == "a").map(|key| format!("/api/keys/{}", key["id"]));
    let a = a.unwrap();
    assert_eq!(done(&app, "GET", &a, Value::Null).await["weight"], 2);
    done(&app, "PATCH", &a, json!({ "weight": 5 })).await;
    done(&app, "POST", &format!("{a}/disable"), json!({ "reason": "mine" })).await;
    done(&app, "POST", "/api/models", json!({ "name": "added", "targets": [{ "provider": 1, "model": "m" }] })).await;
    let message = json!({ "error": { "message": "slow down", "code": "rate_limit_exceeded" } });
    provider.behave(move |_| Some(Behaviour::answer(429).header("retry-after", "3000").json(&message)));
    assert_eq!(app.chat().await.status, 429);
    let entries = audit_entries(&app).await.len();

    let data = app.stop().await;
    let app = TestApp::start_in(data, &bootstrap(2), &[]).await;
    let state = async |app: &TestApp, path: &str| done(app, "GET", path, Value::Null).await["status"]["state"].clone();
    assert_eq!(done(&app, "GET", &a, Value::Null).await["weight"], 5, "the edit survives");
    assert_eq!((state(&app, &a).await, app.key("b").models.len()), (json!("disabled_manual"), 1), "so do states");
    assert!(app.get("/v1/models").await.text().contains("\"added\""), "nothing vanishes");
    assert_eq!(audit_entries(&app).await.len(), entries, "a start that changes nothing leaves no entry");
    assert_eq!(app.chat().await.status, 429, "the key still rests");

    let data = app.stop().await;
    let app = TestApp::start_in(data, &bootstrap(3), &[]).await;
    assert_eq!(done(&app, "GET", &a, Value::Null).await["weight"], 3, "the file's own value changed");
    assert_eq!(state(&app, &a).await, "disabled_manual");
    let after = audit_entries(&app).await;
    assert_eq!(after.len(), entries + 1);
    assert_eq!(
        (&after[0]["actor"], &after[0]["changes"]),
        (&json!("bootstrap file"), &json!({ "weight": { "from": 5, "to": 3 } }))
    );
}

#[tokio::test]
async fn an_empty_patch_changes_nothing_and_a_misspelt_or_required_null_member_is_named() {
    let (_provider, app) = started().await;
    done(&app, "POST", "/api/models", json!({ "name": "m", "targets": [{ "provider": 1, "model": "x" }] })).await;
    let before = audit_entries(&app).await.len();
    for (noun, misspelt) in [("providers", "defualt"), ("keys", "rpn"), ("models", "target"), ("clients", "model")] {
        let path = format!("/api/{noun}/1");
        let old = done(&app, "GET", &path, Value::Null).await;
        assert_eq!(done(&app, "PATCH", &path, json!({})).await["version"], old["version"]);
        let same = json!({ "name": old["name"] });
        assert_eq!(done(&app, "PATCH", &path, same).await["version"], old["version"], "{noun}: the same value is no change");
        let unknown = refused(&app, "PATCH", &path, json!({ misspelt: 1 })).await;
        assert_eq!(unknown, (400, "invalid".to_owned(), json!(misspelt)), "{noun}");
        assert_eq!(refused(&app, "PATCH", &path, json!({ "name": null })).await, (400, "invalid".to_owned(), json!("name")));
        assert_eq!(done(&app, "GET", &path, Value::Null).await["updated_at"], old["updated_at"]);
    }
    assert_eq!(audit_entries(&app).await.len(), before, "no change, no entry");
}

/// Changes a row, checks that the answer says so, and calls: the status.
async fn after(app: &TestApp, path: &str, change: Value) -> u16 {
    let shown = done(app, "PATCH", path, change.clone()).await;
    for (member, value) in change.as_object().unwrap() {
        assert!(value.is_null() || shown[member] == *value, "{path} {change}: {shown}");
    }
    app.chat().await.status
}

#[tokio::test]
async fn the_next_call_obeys_what_a_change_of_a_client_answered() {
    let (_provider, app) = started().await;
    for (member, none, some, refused) in [
        ("rpm", json!(0), json!(100), 429),
        ("tpm", json!(0), json!(1_000_000), 429),
        ("concurrency", json!(0), json!(5), 429),
        ("budget_usd_month", json!(0.0), json!(9.5), 429),
        ("models", json!([]), json!(["gpt-4o*"]), 404),
        ("key_tags", json!(["nobody-has-it"]), json!(null), 503),
        ("allow_ips", json!([]), json!(["127.0.0.0/8"]), 403),
        ("enabled", json!(false), json!(true), 401),
        ("expires_at", json!("2001-01-01T00:00:00Z"), json!("2999-01-01T00:00:00Z"), 401),
    ] {
        assert_eq!(after(&app, "/api/clients/1", json!({ member: none })).await, refused, "{member}: none is allowed");
        assert_eq!(after(&app, "/api/clients/1", json!({ member: some })).await, 200, "{member}");
        assert_eq!(after(&app, "/api/clients/1", json!({ member: none })).await, refused, "{member}");
        assert_eq!(after(&app, "/api/clients/1", json!({ member: null })).await, 200, "{member}: null is no limit");
    }
    let shown = done(&app, "GET", "/api/clients/1", Value::Null).await;
    assert!(["rpm", "tpm", "models", "allow_ips", "expires_at"].iter().all(|member| shown[*member].is_null()), "{shown}");
}

#[tokio::test]
async fn the_next_call_obeys_what_a_change_of_a_key_a_provider_or_a_model_answered() {
    let (provider, app) = started().await;
    for (member, none) in [
        ("rpm", json!(0)),
        ("tpm", json!(0)),
        ("rpd", json!(0)),
        ("concurrency", json!(0)),
        ("budget_usd_month", json!(0.0)),
        ("models", json!([])),
    ] {
        let status = after(&app, "/api/keys/1", json!({ member: none })).await;
        assert!([404, 429, 503].contains(&status), "{member}: none is allowed: {status}");
        assert_eq!(after(&app, "/api/keys/1", json!({ member: null })).await, 200, "{member}: null is no limit");
    }
    done(&app, "PATCH", "/api/keys/1", json!({ "secret": "sk-mock-healthy-changed" })).await;
    assert_eq!((app.chat().await.status, provider.last_seen().unwrap().secret()), (200, Some("sk-mock-healthy-changed")));

    assert_eq!(after(&app, "/api/providers/1", json!({ "enabled": false })).await, 404);
    assert_eq!(after(&app, "/api/providers/1", json!({ "enabled": null })).await, 200);
    done(&app, "PATCH", "/api/providers/1", json!({ "headers": { "X-Added": "1" }, "auth": "x-api-key" })).await;
    assert_eq!(app.chat().await.status, 200);
    let seen = provider.last_seen().unwrap();
    assert_eq!(
        (seen.header("x-added"), seen.header("x-api-key"), seen.header("authorization")),
        (Some("1"), Some("sk-mock-healthy-changed"), None)
    );
    done(&app, "PATCH", "/api/providers/1", json!({ "headers": { "x-added": null }, "auth": null })).await;
    assert_eq!(app.chat().await.status, 200);
    let seen = provider.last_seen().unwrap();
    assert_eq!((seen.header("x-added"), seen.header("authorization")), (None, Some("Bearer sk-mock-healthy-changed")));

    let target = |model: &str| json!({ "targets": [{ "provider": 1, "model": model }] });
    done(&app, "POST", "/api/models", json!({ "name": "gpt-4o-mini", "targets": target("up-1")["targets"] })).await;
    let served = || provider.last_seen().unwrap().json::<Value>().unwrap()["model"].clone();
    for model in ["up-2", "up-3"] {
        done(&app, "PATCH", "/api/models/1", target(model)).await;
        assert_eq!((app.chat().await.status, served()), (200, json!(model)));
    }
    assert_eq!(after(&app, "/api/models/1", json!({ "enabled": false })).await, 404);
    assert_eq!(after(&app, "/api/models/1", json!({ "enabled": null })).await, 200);
}

#[tokio::test]
async fn a_deleted_name_is_free_for_every_noun_twenty_times_and_an_undo_says_that_it_is_taken() {
    let (_provider, app) = started().await;
    let taken = |field: &str| (409, "conflict".to_owned(), json!(field));
    for (noun, body, also) in [
        ("providers", json!({ "name": "again", "base_url": "https://h" }), None),
        ("keys", json!({ "provider": 1, "name": "again", "secret": "sk-mock-again-0123" }), Some("secret")),
        ("models", json!({ "name": "again", "targets": [{ "provider": 1, "model": "x" }] }), None),
        ("clients", json!({ "name": "again", "token": "kw-again-and-again" }), Some("token")),
    ] {
        let list = format!("/api/{noun}");
        let make = async || {
            let made = app.admin("POST", &list, body.clone()).await;
            assert_eq!(made.status, 201, "{noun}: {}", made.text());
            let made = made.json();
            let row = if noun == "clients" { made["client"].clone() } else { made };
            format!("{list}/{}", row["id"])
        };
        let mut rows = Vec::new();
        for _ in 0..20 {
            let row = make().await;
            assert_eq!(refused(&app, "POST", &list, body.clone()).await, taken("name"), "{noun}: a real conflict");
            if let Some(field) = also {
                let mut other = body.clone();
                other["name"] = json!("another");
                assert_eq!(refused(&app, "POST", &list, other).await, taken(field), "{noun}");
            }
            assert_eq!(app.admin("DELETE", &row, Value::Null).await.status, 204);
            rows.push(row);
        }
        let live = make().await;
        for row in [&rows[0], &rows[19]] {
            assert_eq!(refused(&app, "POST", &format!("{row}/restore"), Value::Null).await, taken("name"), "{noun}");
        }
        assert_eq!(done(&app, "GET", &live, Value::Null).await["name"], "again", "nothing is lost");
        done(&app, "PATCH", &live, json!({ "name": "renamed" })).await;
        if let Some(field) = also {
            assert_eq!(refused(&app, "POST", &format!("{}/restore", rows[0]), Value::Null).await, taken(field), "{noun}");
        }
        app.admin("DELETE", &live, Value::Null).await;
        assert_eq!(done(&app, "POST", &format!("{}/restore", rows[0]), Value::Null).await["name"], "again", "{noun}");
        let renamed = refused(&app, "PATCH", &make_other(&app, &list, &body).await, json!({ "name": "again" })).await;
        assert_eq!(renamed, taken("name"), "{noun}: renaming onto a name that is taken");
    }
}

/// Makes a row like `body` with a name and secret of its own; its path.
async fn make_other(app: &TestApp, list: &str, body: &Value) -> String {
    let mut other = body.clone();
    for (member, value) in [("name", "other"), ("secret", "sk-mock-other-0123"), ("token", "kw-other-0123")] {
        if other.get(member).is_some() {
            other[member] = json!(value);
        }
    }
    let made = done(app, "POST", list, other).await;
    let row = if made["client"].is_object() { &made["client"] } else { &made };
    format!("{list}/{}", row["id"])
}

#[tokio::test]
async fn a_client_made_again_with_its_token_calls_as_the_new_one() {
    let (_provider, app) = started().await;
    let chat = async |token: &str| -> Answer {
        read(app.request_as(token, "POST", "/v1/chat/completions").body(chat_body(false))).await
    };
    let body = json!({ "name": "again", "token": "a phrase of mine" });
    let first = done(&app, "POST", "/api/clients", body.clone()).await["client"]["id"].clone();
    assert_eq!(chat("a phrase of mine").await.status, 200);
    app.admin("DELETE", &format!("/api/clients/{first}"), Value::Null).await;
    assert_eq!(chat("a phrase of mine").await.status, 401);
    let second = done(&app, "POST", "/api/clients", body).await["client"]["id"].clone();
    assert_eq!((chat("a phrase of mine").await.status, chat(TOKEN).await.status), (200, 200));
    let ids: Vec<_> =
        app.records().await.iter().map(|record| record.client.as_ref().map(|client| json!(client.id.0))).collect();
    assert_eq!(ids, [Some(first), None, Some(second), Some(json!(1))]);
}

#[test]
fn an_import_counts_a_deleted_secret_as_new() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bootstrap.toml"), "[[provider]]\nname = 'p'\nbase_url = 'https://h'\n").unwrap();
    std::fs::write(folder.path().join("keys.txt"), "sk-first-0123456789abc\nsk-second-0123456789abc\n").unwrap();
    let variables = [("KEYWHEEL_BOOTSTRAP", "bootstrap.toml"), ("KEYWHEEL_ADMIN_TOKEN", "admin-token-for-tests")];
    let serving = Running::start(folder.path(), ON_A_FREE_PORT, &variables);
    let import = || {
        let arguments = ["keys", "import", "--provider", "p", "keys.txt"];
        let answer = keywheel(folder.path(), &arguments).envs(variables).output().unwrap();
        format!("{}{}", text(&answer.stdout), text(&answer.stderr))
    };
    assert!(import().contains("imported for p: 2; there already: 0"));
    assert!(serving.ask_as("admin-token-for-tests", "DELETE /api/keys/1").starts_with("HTTP/1.1 204 "));
    let again = import();
    assert!(again.contains("imported for p: 1; there already: 1"), "{again}");
}
