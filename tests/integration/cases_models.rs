//! Which name is asked, checked, served and recorded: model names through a whole Keywheel.

use keywheel::domain::Cost;
use keywheel::mock::{Behaviour, MockProvider};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, bootstrap_of, chat_body, read};

/// A small chat call for a model, with a token.
async fn ask(app: &TestApp, token: &str, model: &str) -> Answer {
    let body = json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] });
    read(app.request_as(token, "POST", "/v1/chat/completions").body(body.to_string())).await
}

/// A name as one segment of a path.
fn encoded(name: &str) -> String {
    name.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn is_unknown(answer: &Answer, name: &str) -> bool {
    let error = &answer.json()["error"];
    answer.status == 404
        && answer.code() == "model_not_found"
        && error["param"] == "model"
        && error["type"].is_string()
        && error["message"].as_str().is_some_and(|message| message.contains(name))
}

#[tokio::test]
async fn names_with_slashes_and_any_script_are_listed_fetched_and_called() {
    let provider = MockProvider::start().await;
    let mut bootstrap = bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")]).replace("default = true\n", "");
    let names = ["vendor/m-1", "Vendor/Chat", "a:b", "m?x#y", "模型 1", "100%", "models", "a//b", "x/../y", "./z", "a+b&c=d"];
    for name in names {
        bootstrap.push_str(&format!("[[model]]\nname = '{name}'\ntargets = [{{ provider = 'mock', model = 'up/{name}' }}]\n"));
    }
    let app = TestApp::start(&bootstrap).await;
    let list = app.get("/v1/models").await.json();
    let listed: Vec<&str> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    assert_eq!(listed, sorted);
    provider.behave(|_| Some(Behaviour::answer(200).json(&json!({ "choices": [] }))));
    for name in names {
        let climbs = name.split('/').any(|part| matches!(part, "" | "." | ".."));
        if !climbs {
            let answer = app.get(&format!("/v1/models/{}", encoded(name))).await;
            assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(name)), "{}", answer.text());
        }
        if !climbs && name.contains('/') {
            assert_eq!(app.get(&format!("/v1/models/{name}")).await.json()["id"], json!(name), "the slash as it is");
        }
        let answer = ask(&app, crate::app::TOKEN, name).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        assert_eq!(provider.last_seen().unwrap().json::<Value>().unwrap()["model"], json!(format!("up/{name}")));
    }
    for (path, name) in
        [("nobody", "nobody"), ("vendor%2Fm-2", "vendor/m-2"), ("vendor/m-2", "vendor/m-2"), ("%E6%A8%A1", "模")]
    {
        let answer = app.get(&format!("/v1/models/{path}")).await;
        assert!(is_unknown(&answer, name), "{path}: {}", answer.text());
    }
    assert!(is_unknown(&ask(&app, crate::app::TOKEN, "nobody").await, "nobody"));
}

#[tokio::test]
async fn what_a_client_asked_for_is_checked_and_record_price_and_statistics_hold_asked_and_served() {
    let provider = MockProvider::start().await;
    let bootstrap = bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")])
        + "[[model]]\nname = 'fast'\ntargets = [{ provider = 'mock', model = 'gpt-4o-mini' }]\nprice = { input = 1000.0, output = 0.0 }\n\
           [[client]]\nname = 'limited'\ntoken = 'kw-limited'\nmodels = ['fast']\n";
    let app = TestApp::start(&bootstrap).await;
    assert_eq!(ask(&app, "kw-limited", "fast").await.status, 200);
    for refused in ["gpt-4o-mini", "smart", "mock/fast", "mock/gpt-4o-mini", "FAST", "fast "] {
        let answer = ask(&app, "kw-limited", refused).await;
        assert!(is_unknown(&answer, refused), "{refused}: {}", answer.text());
        assert!(answer.text().contains("This token may use: fast."), "{}", answer.text());
        assert!(is_unknown(
            &read(app.request_as("kw-limited", "GET", &format!("/v1/models/{}", encoded(refused)))).await,
            refused
        ));
    }
    assert_eq!(provider.seen().len(), 1);
    let record = app.records().await.remove(0);
    assert_eq!((record.model_asked.as_deref(), record.model_served.as_deref()), (Some("fast"), Some("gpt-4o-mini")));
    let input = record.usage.input.unwrap();
    assert!(
        matches!(record.cost, Cost::Known(cost) if cost.0 as u64 == input * 1_000_000),
        "the route's price: {:?}",
        record.cost
    );
    let totals = app.admin("GET", "/api/stats/totals?by=model", Value::Null).await.text();
    assert!(totals.contains("fast"), "{totals}");
}

/// Providers `one`, `two` and, where `rest` says so, others; each with a key.
fn providers(of: &[(&str, &MockProvider, &str)]) -> String {
    let entry = |(name, provider, rest): &(&str, &MockProvider, &str)| {
        format!(
            "[[provider]]\nname = '{name}'\nbase_url = '{}'\nallow_private = true\n{}\n\
             [[key]]\nprovider = '{name}'\nname = 'k'\nsecret = 'sk-mock-healthy-1'\n{}\n",
            provider.base_url(),
            if *rest == "default" { "default = true" } else { "" },
            if rest.starts_with("models") { rest } else { &"" },
        )
    };
    of.iter().map(entry).collect::<String>() + "[[client]]\nname = 'app'\ntoken = 'kw-test-token-of-app'\n"
}

#[tokio::test]
async fn a_name_goes_to_its_route_else_to_who_has_it_else_to_the_default_provider_else_nowhere() {
    let (one, two, other) = (MockProvider::start().await, MockProvider::start().await, MockProvider::start().await);
    let routes = "[[model]]\nname = 'routed'\ntargets = [{ provider = 'two', model = 'm2' }]\n\
                  [[model]]\nname = 'off'\nenabled = false\ntargets = [{ provider = 'two', model = 'm2' }]\n";
    let held = "models = ['held', 'routed', 'off']";
    let with_default = providers(&[("one", &one, held), ("two", &two, ""), ("other", &other, "default")]) + routes;
    let app = TestApp::start(&with_default).await;
    let served = async |app: &TestApp, name: &str| {
        for provider in [&one, &two, &other] {
            provider.forget_seen();
        }
        let answer = ask(app, crate::app::TOKEN, name).await;
        let seen = [&one, &two, &other]
            .map(|provider| provider.last_seen().map(|seen| seen.json::<Value>().unwrap()["model"].clone()));
        (answer, seen.map(|model| model.map(|model| model.as_str().unwrap().to_owned())))
    };
    let only = |at: usize, model: &str| std::array::from_fn(|place| (place == at).then(|| model.to_owned()));
    for (name, at, model) in [
        ("routed", 1, "m2"),
        ("held", 0, "held"),
        ("one/held", 0, "held"),
        ("two/vendor/m", 1, "vendor/m"),
        ("unheard-of", 2, "unheard-of"),
        ("nobody/unheard-of", 2, "nobody/unheard-of"),
    ] {
        let (answer, seen) = served(&app, name).await;
        assert_eq!((answer.status, seen), (200, only(at, model)), "{name}: {}", answer.text());
    }
    let (answer, seen) = served(&app, "off").await;
    assert!(is_unknown(&answer, "off") && seen.iter().all(Option::is_none), "a route that is off goes nowhere else: {seen:?}");

    let synced = app.admin("POST", "/api/providers/2/models/sync", Value::Null).await;
    assert_eq!(synced.status, 200, "{}", synced.text());
    let listed = app.get("/v1/models").await.text();
    assert!(listed.contains("\"gpt-4o\""), "{listed}");
    let (answer, seen) = served(&app, "gpt-4o").await;
    assert_eq!((answer.status, seen), (200, only(1, "gpt-4o")), "the synced list comes before the default provider");
    app.admin("PATCH", "/api/providers/2", json!({ "enabled": false })).await;
    let (_, seen) = served(&app, "gpt-4o").await;
    assert_eq!(seen, only(2, "gpt-4o"), "only enabled providers count");

    // A pattern of a key's models is for the names that nothing else has.
    let wild = "models = ['hel*', 'routed', 'claude-*']";
    let listed = &providers(&[("one", &one, wild), ("two", &two, "models = ['held', '*']"), ("other", &other, "default")]);
    let app = TestApp::start(&(listed.clone() + routes)).await;
    for (name, at) in [("claude-opus", 0), ("held", 1), ("help", 0), ("unheard-of", 2)] {
        let (answer, seen) = served(&app, name).await;
        assert_eq!((answer.status, seen), (200, only(at, name)), "{name}: {}", answer.text());
    }
    let app = TestApp::start(&(providers(&[("one", &one, held), ("two", &two, "")]) + routes)).await;
    let (answer, seen) = served(&app, "unheard-of").await;
    assert!(is_unknown(&answer, "unheard-of") && seen.iter().all(Option::is_none), "{}", answer.text());
    assert!(answer.text().contains("This token may use: held, routed."), "{}", answer.text());
    assert_eq!(
        app.post("/v1/chat/completions", chat_body(false).replace("\"model\":\"gpt-4o-mini\",", "")).await.code(),
        "missing_model"
    );
}
