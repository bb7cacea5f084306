//! What a model costs now and who says so, what it can do, and what models and clients have used.

use keywheel::domain::Cost;
use keywheel::mock::MockProvider;
use serde_json::{Value, json};

use crate::app::{TOKEN, TestApp, bootstrap_of, read};

async fn ok(app: &TestApp, method: &str, path: &str, body: Value) -> Value {
    let answer = app.admin(method, path, body).await;
    assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
    answer.json()
}

async fn ask(app: &TestApp, token: &str, model: &str) -> u16 {
    let body = json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] });
    read(app.request_as(token, "POST", "/v1/chat/completions").body(body.to_string())).await.status
}

fn model<'a>(list: &'a Value, name: &str) -> &'a Value {
    list["models"].as_array().unwrap().iter().find(|model| model["model"] == name).unwrap_or_else(|| panic!("{name}: {list}"))
}

#[tokio::test]
async fn the_price_in_force_says_who_set_it_and_of_when_it_is() {
    let provider = MockProvider::start().await;
    let app = TestApp::start(&bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")])).await;
    let route = json!({ "name": "fast", "targets": [{ "provider": 1, "model": "gpt-4o-mini" }] });
    let made = ok(&app, "POST", "/api/models", route).await;
    let in_force = |model: &Value| model["targets"][0]["price_in_force"].clone();
    let table = in_force(&made);
    assert_eq!((&table["origin"], &table["price"]["input"]), (&json!("table"), &json!(0.15)), "{table}");
    assert!(table["source"].as_str().unwrap().starts_with("litellm "), "{table}");
    assert!(table["since"].as_str().unwrap().starts_with("20"), "the day of the data file: {table}");
    assert_eq!((&made["capabilities"]["vision"], &made["vision"]), (&json!(true), &Value::Null), "known from the data: {made}");
    assert_eq!(made["capabilities"]["context_length"], json!(128_000));

    let set = json!({ "model": "gpt-4o-mini", "price": { "input": 1000.0, "output": 0.0 } });
    let listed = ok(&app, "PATCH", "/api/providers/1/models", set).await;
    let own = model(&listed, "gpt-4o-mini");
    assert_eq!((&own["price"]["input"], &own["first_seen_at"]), (&json!(1000.0), &Value::Null), "no key lists it: {own}");
    let of_provider = in_force(&ok(&app, "GET", "/api/models/1", Value::Null).await);
    assert_eq!((&of_provider["origin"], &of_provider["source"]), (&json!("provider"), &json!("operator")));
    assert_eq!(ask(&app, TOKEN, "fast").await, 200);
    let record = app.only_record().await;
    let input = record.usage.input.unwrap();
    let cost = |per_token: u64| Cost::Known(keywheel::domain::Nanodollars((input * per_token) as i64));
    assert_eq!(record.cost, cost(1_000_000), "what is in force is what is charged");

    let priced = ok(&app, "PATCH", "/api/models/1", json!({ "price": { "input": 2000.0, "output": 0.0 } })).await;
    let of_route = in_force(&priced);
    assert_eq!((&of_route["origin"], &of_route["price"]["input"]), (&json!("route"), &json!(2000.0)));
    let unchanged = ok(&app, "PATCH", "/api/models/1", json!({ "price": { "input": 2000.0, "output": 0.0 } })).await;
    assert_eq!(unchanged["version"], priced["version"], "the same figures are no change, and keep their date");
    assert_eq!(in_force(&unchanged)["since"], of_route["since"]);
    assert_eq!(ask(&app, TOKEN, "fast").await, 200);
    assert_eq!(app.records().await[1].cost, cost(2_000_000));
    assert_eq!(app.records().await[0].cost, cost(1_000_000), "the past is not rewritten");

    ok(&app, "PATCH", "/api/models/1", json!({ "price": null, "vision": false })).await;
    let listed = ok(&app, "PATCH", "/api/providers/1/models", json!({ "model": "gpt-4o-mini", "price": null })).await;
    assert_eq!(listed["models"], json!([]));
    let back = ok(&app, "GET", "/api/models/1", Value::Null).await;
    assert_eq!((&in_force(&back)["origin"], &back["capabilities"]["vision"]), (&json!("table"), &json!(false)));
    let unknown = json!({ "name": "odd", "targets": [{ "provider": 1, "model": "nobody-knows-1" }] });
    assert_eq!(in_force(&ok(&app, "POST", "/api/models", unknown).await), Value::Null, "unknown is not free");
    let as_shown = json!({ "targets": back["targets"] });
    assert_eq!(
        ok(&app, "PATCH", "/api/models/1", as_shown).await["version"],
        back["version"],
        "what is shown can be sent back"
    );
    for (body, field) in [
        (json!({ "model": "", "price": { "input": 1.0 } }), "model"),
        (json!({ "model": "m", "price": { "input": -1.0 } }), "price.input"),
        (json!({ "model": "m", "price": { "inptu": 1.0 } }), "price.inptu"),
    ] {
        let refused = app.admin("PATCH", "/api/providers/1/models", body).await;
        assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &json!(field)), "{}", refused.text());
    }
    let audit = ok(&app, "GET", "/api/audit", Value::Null).await.to_string();
    assert!(audit.contains("model_price"), "{audit}");
}

#[tokio::test]
async fn models_and_clients_show_what_they_have_used_and_when_also_after_a_restart() {
    let provider = MockProvider::start().await;
    let bootstrap = bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")])
        + "[[model]]\nname = 'fast'\ntargets = [{ provider = 'mock', model = 'gpt-4o-mini' }]\n\
           [[client]]\nname = 'idle'\ntoken = 'kw-idle-client'\n[[client]]\nname = 'refused'\ntoken = 'kw-refused'\nmodels = []\n";
    let app = TestApp::start(&bootstrap).await;
    for _ in 0..2 {
        assert_eq!(ask(&app, TOKEN, "fast").await, 200);
    }
    assert_eq!(ask(&app, "kw-refused", "fast").await, 404);
    let used = |list: &Value, noun: &str, name: &str| {
        let found = list[noun].as_array().unwrap().iter().find(|one| one["name"] == name).cloned();
        found.unwrap_or_else(|| panic!("{name}: {list}"))
    };
    let models = ok(&app, "GET", "/api/models", Value::Null).await;
    let fast = used(&models, "models", "fast");
    // Both clients asked for it; one of them was let in.
    assert_eq!((&fast["last_24h"]["calls"], &fast["last_24h"]["succeeded"]), (&json!(3), &json!(2)), "{fast}");
    let clients = ok(&app, "GET", "/api/clients", Value::Null).await;
    let (own, idle, refused) =
        (used(&clients, "clients", "app"), used(&clients, "clients", "idle"), used(&clients, "clients", "refused"));
    assert_eq!((&own["last_24h"]["calls"], &own["last_24h"]["succeeded"]), (&json!(2), &json!(2)), "{own}");
    assert!(own["last_24h"]["cost_usd"].as_f64().unwrap() > 0.0 && own["last_24h"]["input"].as_u64().unwrap() > 0, "{own}");
    assert_eq!((&idle["last_used_at"], &idle["last_24h"]["calls"]), (&Value::Null, &json!(0)));
    assert!(refused["last_used_at"].is_string(), "a refused call uses the token too: {refused}");
    assert!(own["last_used_at"].is_string(), "{own}");

    let app = TestApp::start_in(app.stop().await, &bootstrap, &[]).await;
    let clients = ok(&app, "GET", "/api/clients", Value::Null).await;
    assert_eq!(used(&clients, "clients", "app")["last_used_at"], own["last_used_at"]);
    assert_eq!(used(&clients, "clients", "app")["last_24h"], own["last_24h"]);
    assert_eq!(used(&clients, "clients", "idle")["last_used_at"], Value::Null);
}

#[tokio::test]
async fn a_model_of_a_provider_shows_what_that_provider_served() {
    let (provider, other) = (MockProvider::start().await, MockProvider::start().await);
    let target = |provider: &str| format!("targets = [{{ provider = '{provider}', model = 'gpt-4o-mini' }}]");
    let tables = format!(
        "[[provider]]\nname = 'other'\nbase_url = '{}'\nallow_private = true\n\
         [[key]]\nprovider = 'other'\nname = 'b'\nsecret = 'sk-mock-healthy-2'\n\
         [[model]]\nname = 'here'\n{}\n[[model]]\nname = 'there'\n{}\n",
        other.base_url(),
        target("mock"),
        target("other"),
    );
    let bootstrap = bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")]) + tables.as_str();
    let app = TestApp::start(&bootstrap).await;
    for model in ["here", "here", "there"] {
        assert_eq!(ask(&app, TOKEN, model).await, 200);
    }
    // Whatever has a price of its own is listed.
    let priced = json!({ "model": "gpt-4o-mini", "price": { "input": 1.0, "output": 1.0 } });
    let served = async |app: &TestApp, id: i64| {
        let listed = ok(app, "PATCH", &format!("/api/providers/{id}/models"), priced.clone()).await;
        model(&listed, "gpt-4o-mini")["last_24h"]["calls"].clone()
    };
    assert_eq!((served(&app, 1).await, served(&app, 2).await), (json!(2), json!(1)));
    let app = TestApp::start_in(app.stop().await, &bootstrap, &[]).await;
    assert_eq!(ask(&app, TOKEN, "there").await, 200);
    assert_eq!((served(&app, 1).await, served(&app, 2).await), (json!(2), json!(2)), "also after a restart");
}

#[tokio::test]
async fn a_change_of_an_older_version_of_a_providers_models_is_refused() {
    let provider = MockProvider::start().await;
    let app = TestApp::start(&bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")])).await;
    let path = "/api/providers/1/models";
    let version = ok(&app, "GET", "/api/providers/1", Value::Null).await["version"].clone();
    let price = async |version: &str, input: f64| {
        let body = json!({ "model": "own", "price": { "input": input } });
        let answer = app.admin_with("PATCH", path, &[("if-match", version)], body).await;
        (answer.status, answer.header("etag").to_owned(), answer.json())
    };
    let first = app.admin("GET", path, Value::Null).await;
    assert_eq!((first.header("etag"), &first.json()["version"]), ("\"1\"", &json!(1)));
    let (status, etag, priced) = price("\"1\"", 1.0).await;
    assert_eq!((status, &*etag, &priced["version"]), (200, "\"2\"", &json!(2)));
    let (status, _, refused) = price("\"1\"", 2.0).await;
    assert_eq!((status, &refused["error"]["code"]), (412, &json!("version_mismatch")));
    assert_eq!(model(&ok(&app, "GET", path, Value::Null).await, "own")["price"]["input"], 1.0);
    assert_eq!(price("\"2\"", 1.0).await.1, etag, "nothing changed");

    let synced = ok(&app, "POST", &format!("{path}/sync"), json!({})).await;
    assert!(!synced["added"].as_array().unwrap().is_empty(), "{synced}");
    assert_eq!(price("\"2\"", 2.0).await.0, 412, "the list is another");
    ok(&app, "POST", &format!("{path}/sync"), json!({})).await;
    let removed = json!({ "model": synced["added"][0], "removed": true });
    let removed = app.admin_with("PATCH", path, &[("if-match", "\"3\"")], removed).await;
    assert_eq!((removed.status, removed.header("etag")), (200, "\"4\""), "a list that was read again is no other");
    assert_eq!(ok(&app, "GET", "/api/providers/1", Value::Null).await["version"], version, "the provider is what it was");
    assert_eq!(price("*", 3.0).await.0, 200);
    assert_eq!(price("soon", 3.0).await.2["error"]["field"], "If-Match");
}
