//! Every script of `scripts/examples` at work: alone in the folder, with real calls.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use keywheel::mock::{Behaviour, MockProvider};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, chat_body, read};
use crate::scripts::{bootstrap, scripted};

/// Those of eighty clients `client-0` to `client-79` that the canary example takes.
const CANARIES: [&str; 5] = ["client-14", "client-15", "client-21", "client-7", "client-72"];

/// A Keywheel with one example, and a change of the bootstrap file.
async fn example(provider: &MockProvider, name: &str, replaced: (&str, &str)) -> TestApp {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/examples").join(name);
    let text = std::fs::read_to_string(path).expect("the example");
    scripted(&bootstrap(provider).replace(replaced.0, replaced.1), &[(name, &text)]).await
}

async fn ask(app: &TestApp, model: &str) -> Answer {
    app.post("/v1/chat/completions", chat_body(false).replace("gpt-4o-mini", model)).await
}

fn sent(provider: &MockProvider) -> Value {
    provider.last_seen().and_then(|request| request.json()).expect("a request with a JSON body")
}

/// Whether it is between 8 and 18 on a weekday in Berlin.
fn is_office_hour() -> bool {
    let now = jiff::Timestamp::now().in_tz("Europe/Berlin").expect("the zone");
    now.weekday().to_monday_one_offset() <= 5 && (8..18).contains(&now.hour())
}

#[tokio::test]
async fn keys_are_chosen_by_time() {
    let provider = MockProvider::start().await;
    let text = include_str!("../../scripts/examples/keys-by-time.rhai");
    let tagged = |day: &str, night: &str| {
        let tags = bootstrap(&provider).replace("\"paid\", \"eu\"", &format!("\"{day}\""));
        tags.replace("\"free\"", &format!("\"{night}\""))
    };
    // The key `b` has the day and `c` the night; then the other way round.
    for (tags, by_day, by_night) in [(tagged("day", "night"), "b", "c"), (tagged("night", "day"), "c", "b")] {
        let app = scripted(&tags, &[("keys-by-time.rhai", text)]).await;
        for _ in 0..3 {
            let before = is_office_hour();
            assert_eq!(ask(&app, "fast").await.status, 200);
            // A call over the turn of the hour may be either's.
            let hours = [before, is_office_hour()];
            let records = app.records().await;
            let attempt = &records.last().expect("a record").attempts[0];
            let expected = hours.map(|is_office| if is_office { by_day } else { by_night });
            assert!(expected.contains(&&*attempt.key.name), "{} instead of {expected:?}", attempt.key.name);
            assert!(attempt.why.script.as_deref().is_some_and(|script| script.starts_with("keys-by-time.rhai:")));
        }
    }
}

#[tokio::test]
async fn seven_of_ten_calls_use_the_committed_keys() {
    const CALLS: usize = 300;
    let provider = MockProvider::start().await;
    let text = include_str!("../../scripts/examples/weighted-by-tag.rhai");
    let tagged = bootstrap(&provider).replace("\"paid\"", "\"committed\"").replace("\"free\"", "\"payg\"");
    let app = scripted(&tagged, &[("a.rhai", text)]).await;
    let all_well = stream::iter(0..CALLS).map(|_| ask(&app, "fast")).buffer_unordered(8);
    assert!(all_well.all(async |answer: Answer| answer.status == 200).await);
    let mut calls = BTreeMap::<String, usize>::new();
    for record in app.records().await {
        assert_eq!(&*record.attempts[0].why.chosen_by, "script");
        *calls.entry(record.attempts[0].key.name.to_string()).or_default() += 1;
    }
    // 210 on average with a deviation of 8: a fair draw leaves these bounds once in a billion runs. The two committed keys take
    // turns, and the third key is the other pool.
    let committed = calls["a"] + calls["b"];
    assert!((160..=260).contains(&committed), "{calls:?}");
    assert_eq!((committed + calls["c"], calls.len()), (CALLS, 3));
    assert!(calls["a"].abs_diff(calls["b"]) <= committed / 2, "{calls:?}");
}

#[tokio::test]
async fn the_same_clients_are_canaries_at_all_times() {
    let provider = MockProvider::start().await;
    let clients = |n: usize| format!("[[client]]\nname = \"client-{n}\"\ntoken = \"kw-test-token-of-client-{n}\"\n");
    let many = format!("{}{}", bootstrap(&provider), (0..80).map(clients).collect::<String>());
    let app = scripted(&many, &[("a.rhai", include_str!("../../scripts/examples/canary.rhai"))]).await;
    for n in (0..80).chain(0..80) {
        let request = app.request_as(&format!("kw-test-token-of-client-{n}"), "POST", "/v1/chat/completions");
        assert_eq!(read(request.body(chat_body(false).replace("gpt-4o-mini", "fast"))).await.status, 200);
    }
    let mut canaries = BTreeMap::<String, usize>::new();
    for record in app.records().await {
        let is_canary = record.tags == ["canary"];
        assert_eq!(record.model_served.as_deref(), Some(if is_canary { "gpt-4o" } else { "gpt-4o-mini" }));
        if is_canary {
            *canaries.entry(record.client.expect("a client").name.to_string()).or_default() += 1;
        }
    }
    // By name alone, in every version: these of eighty.
    let expected = CANARIES.map(|name| (name.to_owned(), 2));
    assert_eq!(canaries.into_iter().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn models_are_chosen_by_fit_length_and_alias() {
    let provider = MockProvider::start().await;
    let app = example(&provider, "cheapest-that-fits.rhai", ("name = \"fast\"", "name = \"small\"")).await;
    assert_eq!(ask(&app, "auto").await.status, 200);
    assert_eq!(sent(&provider)["model"], "gpt-4o-mini");
    let app = example(&provider, "route-by-length.rhai", ("", "")).await;
    assert_eq!(ask(&app, "chat").await.status, 200);
    assert_eq!(sent(&provider)["model"], "gpt-4o-mini");
    let long = json!({"model": "chat", "messages": [{"role": "user", "content": "word ".repeat(9_000)}]});
    assert_eq!(app.post("/v1/chat/completions", long.to_string()).await.status, 200);
    assert_eq!(sent(&provider)["model"], "gpt-4o");
    let app = example(&provider, "model-aliases.rhai", ("", "")).await;
    assert_eq!(ask(&app, "best").await.status, 200);
    assert_eq!(sent(&provider)["model"], "gpt-4o");
    // Where the first of the chain is not served, the next one is.
    provider.behave(|request| {
        let model = request.json::<Value>().map(|body| body["model"].clone());
        (model == Some("gpt-4o".into())).then(|| Behaviour::answer(404).json(&json!({"error": {"code": "model_not_found"}})))
    });
    assert_eq!(ask(&app, "best").await.status, 200);
    let records = app.records().await;
    let tried: Vec<_> = records[1].attempts.iter().map(|attempt| attempt.model.as_deref().unwrap_or_default()).collect();
    assert_eq!((tried.first(), tried.last()), (Some(&"gpt-4o"), Some(&"gpt-4o-mini")), "{tried:?}");
}

#[tokio::test]
async fn tenants_keep_to_their_keys() {
    let provider = MockProvider::start().await;
    let tagged = bootstrap(&provider).replace("tags = [\"beta\"]", "tags = [\"tenant:acme\"]");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/examples/tenant-pinning.rhai");
    let script = std::fs::read_to_string(path).expect("the example");
    let app = scripted(&tagged.replace("\"free\"", "\"tenant:acme\""), &[("a.rhai", &script)]).await;
    for _ in 0..3 {
        assert_eq!(ask(&app, "fast").await.status, 200);
    }
    assert!(app.records().await.iter().all(|record| &*record.attempts[0].key.name == "c"));
    let app = scripted(&tagged, &[("a.rhai", &script)]).await;
    assert_eq!(ask(&app, "fast").await.code(), "no_available_key", "no other key takes its place");
}

#[tokio::test]
async fn prompts_are_cleaned_blocked_and_begun() {
    let provider = MockProvider::start().await;
    let body = |text: &str| json!({"model": "fast", "messages": [{"role": "user", "content": text}]}).to_string();
    let app = example(&provider, "redact.rhai", ("", "")).await;
    let kept = app.admin("PATCH", "/api/settings", json!({ "store_bodies": true })).await;
    assert_eq!(kept.status, 200, "{}", kept.text());
    let personal = "mail a.b@example.org, key sk-abcdefghijklmnop1234, ghp_0123456789abcdefABCD, card 4111-1111-1111-1111, \
                    account DE89 3704 0044 0532 0130 00";
    assert_eq!(app.post("/v1/chat/completions", body(personal)).await.status, 200);
    assert_eq!(sent(&provider)["messages"][0]["content"], "mail [email], key [key], [key], card [card], account [account]");
    let record = app.only_record().await;
    let kept = String::from_utf8_lossy(&record.bodies.request.as_ref().expect("a kept body").bytes).into_owned();
    assert_eq!(kept.matches("[redacted]").count(), 5, "{kept}");
    assert!(["example.org", "abcdef", "4111", "3704"].iter().all(|secret| !kept.contains(secret)), "{kept}");
    let app = example(&provider, "block-list.rhai", ("", "")).await;
    assert_eq!(app.post("/v1/chat/completions", body("Project Nightingale?")).await.code(), "content_blocked");
    assert_eq!(app.post("/v1/chat/completions", body("hello")).await.status, 200);
    let app = example(&provider, "block-list.rhai", ("name = \"app\"", "name = \"mallory\"")).await;
    assert_eq!(ask(&app, "fast").await.code(), "client_blocked");
    let app = example(&provider, "client-prompts.rhai", ("name = \"app\"", "name = \"intern\"")).await;
    assert_eq!(app.post("/v1/chat/completions", body("hello")).await.status, 200);
    assert_eq!(sent(&provider)["messages"][0], json!({"content": "Explain every step.", "role": "system"}));
}

#[tokio::test]
async fn a_quirky_provider_is_understood() {
    let provider = MockProvider::start().await;
    provider.behave(|request| {
        let error = json!({"error": {"code": "daily_limit", "message": "no right"}});
        (request.secret() == Some("sk-mock-healthy-a")).then(|| Behaviour::answer(403).json(&error))
    });
    let renamed = bootstrap(&provider).replace("\"mock\"", "\"quirky\"");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/examples/quirky-provider.rhai");
    let app = scripted(&renamed, &[("a.rhai", &std::fs::read_to_string(path).expect("the example"))]).await;
    for _ in 0..3 {
        assert_eq!(ask(&app, "fast").await.status, 200);
    }
    assert_eq!(app.key("a").state.as_str(), "cooling");
}

#[tokio::test]
async fn a_day_s_tokens_are_used_up() {
    let provider = MockProvider::start().await;
    provider.behave(|request| {
        let usage = json!({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 150_000, "completion_tokens": 60_000, "total_tokens": 210_000}});
        (request.path() != "/v1/models").then(|| Behaviour::answer(200).json(&usage))
    });
    let app = example(&provider, "budget-guard.rhai", ("", "")).await;
    assert_eq!(ask(&app, "fast").await.status, 200);
    app.app.flush().await;
    assert_eq!(ask(&app, "fast").await.code(), "daily_tokens_used");
}
