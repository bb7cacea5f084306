//! Trials of scripts against what live calls did: the same numbers, the same decisions, hook by hook.

use std::collections::BTreeMap;

use keywheel::domain::CallRecord;
use keywheel::mock::MockProvider;
use serde_json::{Value, json};

use super::app::{TestApp, chat_body, eventually};
use super::scripts::{bootstrap, scripted};
use super::scripts_api::{put, start};
use super::scripts_trial::{draft, get, post, replayed};

async fn keep_bodies(app: &TestApp, keep: bool) {
    let answer = app.admin("PATCH", "/api/settings", json!({ "store_bodies": keep })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// The differences of one aspect that a replay found: what the draft decided, and how often.
fn changes(replay: &Value, aspect: &str) -> BTreeMap<String, u64> {
    let changes = replay["comparison"]["changes"].as_array().expect("changes").iter();
    let of = changes.filter(|change| change["aspect"] == aspect);
    of.map(|change| (change["draft"].as_str().unwrap().to_owned(), change["count"].as_u64().unwrap())).collect()
}

fn counted<T: Ord>(of: impl Iterator<Item = T>) -> BTreeMap<T, u64> {
    of.fold(BTreeMap::new(), |mut counts, one| {
        *counts.entry(one).or_default() += 1;
        counts
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_estimate_is_one_number_live_and_in_every_trial() {
    let provider = MockProvider::start().await;
    let app =
        scripted(&bootstrap(&provider), &[("a.rhai", "fn on_request(req) { req.tags.push(`e${req.estimated_tokens}`); () }")])
            .await;
    let picture = format!("data:image/png;base64,{}", "iVBORw0KGgo+/".repeat(2_000));
    let parts = json!([{ "type": "text", "text": "what is it?" }, { "type": "image_url", "image_url": { "url": picture } }]);
    let numbers: Vec<u32> = (100_000..100_300).collect();
    let requests = [
        (
            "/v1/chat/completions",
            json!({ "model": "fast", "messages": [{ "role": "user", "content": "汉字 and words ".repeat(40) }] }),
        ),
        ("/v1/chat/completions", json!({ "model": "fast", "messages": [{ "role": "user", "content": parts }] })),
        ("/v1/embeddings", json!({ "model": "fast", "input": [numbers] })),
        ("/v1/batches", json!({ "input_file_id": "none", "endpoint": "/v1/embeddings" })),
    ];
    let mut live = Vec::new();
    for keep in [false, true] {
        keep_bodies(&app, keep).await;
        for (path, body) in &requests {
            app.post(path, body.to_string()).await;
            let record: CallRecord = app.records().await.pop().expect("a record");
            let told = record.tags[0].trim_start_matches('e').parse::<u64>().expect("a number");
            assert_eq!(record.estimated_tokens, Some(told), "{path}");
            let shown = get(&app, &format!("/api/calls/{}", record.id)).await["estimated_tokens"].clone();
            assert_eq!(shown, told, "{path}");
            for input in [json!({ "call": record.id.to_string() }), json!({ "request": { "path": path, "body": body } })] {
                let found = post(&app, "/api/scripts/dry-run", input).await;
                assert_eq!(found["steps"][0]["changes"]["tags"], json!([format!("e{told}")]), "{path}, kept: {keep}");
            }
            live.push(told);
        }
    }
    let [text, picture, numbers, other] = live[..4] else { unreachable!() };
    assert_eq!(live[..4], live[4..], "whether bodies are kept changes nothing");
    assert!(text > 100 && (1_500..1_600).contains(&picture) && (300..320).contains(&numbers) && other == 0, "{live:?}");
    let refusing = draft("fn on_request(req) { reject(400, `e${req.estimated_tokens}`, \"\") }");
    let found = replayed(&app, json!({ "draft": refusing })).await;
    let expected = counted(live.iter().map(|told| format!("rejected: 400 e{told}")));
    assert_eq!(changes(&found, "reject"), expected);
}

/// Those calls of a model that were served by this one of the provider's.
fn served<'r>(records: &'r [CallRecord], model: &'r str, asked: &'r str) -> impl Iterator<Item = &'r CallRecord> {
    let is_served = move |record: &&CallRecord| record.status == 200 && record.model_served.as_deref() == Some(model);
    records.iter().filter(is_served).filter(move |record| record.model_asked.as_deref() == Some(asked))
}

/// Refuses by chance, routes by length and by name, and chooses keys.
const DECIDING: &str = r#"
fn on_request(req) {
    if rand() < 0.25 { return reject(403, "unlucky", "no"); }
    ()
}
fn route(req) {
    if req.estimated_tokens > 200 { return #{ model: "smart", tags: ["paid"] }; }
    if req.model == "odd" { #{ provider: "other" } }
}
fn select_key(req, keys, attempt) {
    if req.estimated_tokens > 200 { return keys.with_tag("paid").filter(|key| key.name == "b"); }
    if req.model == "fast" { keys.with_tag("free").next() }
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_decides_about_logged_calls_as_they_were_decided() {
    let provider = MockProvider::start().await;
    let app = scripted(&bootstrap(&provider), &[("a.rhai", DECIDING)]).await;
    let long = json!({ "model": "fast", "messages": [{ "role": "user", "content": "word ".repeat(300) }] }).to_string();
    for _ in 0..12 {
        for model in ["fast", "smart", "odd"] {
            app.post("/v1/chat/completions", chat_body(false).replace("gpt-4o-mini", model)).await;
        }
        app.post("/v1/chat/completions", long.clone()).await;
    }
    let records = app.records().await;
    assert_eq!(records.len(), 48);
    let key_of = |record: &CallRecord| {
        let attempt = record.attempts.first().filter(|attempt| &*attempt.why.chosen_by == "script");
        attempt.map(|attempt| attempt.key.name.to_string())
    };
    for record in &records {
        let found = post(&app, "/api/scripts/dry-run", json!({ "call": record.id.to_string() })).await;
        let decision = &found["decision"];
        let ending = if record.status == 403 { ("rejected", json!("unlucky")) } else { ("sent", Value::Null) };
        assert_eq!((decision["ending"].as_str().unwrap(), decision["reason"].clone()), ending, "{decision}");
        assert_eq!(decision["key_name"].as_str(), key_of(record).as_deref(), "{decision}");
        if record.status == 200 {
            let provider = record.provider.as_ref().map(|provider| &*provider.name);
            assert_eq!(decision["provider"].as_str(), provider, "{decision}");
            assert_eq!(decision["provider_model"].as_str(), record.model_served.as_deref(), "{decision}");
        }
    }
    let same = replayed(&app, json!({})).await;
    assert_eq!((&same["comparison"]["same"], &same["comparison"]["changes"]), (&json!(48), &json!([])));

    // Against no scripts at all, the replay finds what the records tell.
    assert_eq!(app.admin("DELETE", "/api/scripts/files/a.rhai", Value::Null).await.status, 200);
    let found = replayed(&app, json!({ "draft": draft(DECIDING) })).await;
    let refused = records.iter().filter(|record| record.status == 403).count() as u64;
    assert!((1..48).contains(&refused), "a quarter is refused, about: {refused}");
    assert_eq!(changes(&found, "reject"), BTreeMap::from([("rejected: 403 unlucky".to_owned(), refused)]));
    assert_eq!(changes(&found, "key"), counted(records.iter().filter_map(key_of)));
    assert_eq!(changes(&found, "model"), counted(served(&records, "gpt-4o", "fast").map(|_| "smart".to_owned())));
    assert_eq!(changes(&found, "provider"), counted(served(&records, "odd", "odd").map(|_| "other".to_owned())));
    assert_eq!(found["comparison"]["same"], served(&records, "gpt-4o", "smart").count());
}

const AFTERWARDS: &str = r#"
fn classify_error(err, key, attempt) { #{ retry: "none", reason: `${err.status} ${err.code}` } }
fn on_response(req, resp) { resp.headers["x-stream"] = `${resp.is_stream}`; }
fn on_chunk(req, event) { if event.data == () { false } else { `${event.data.choices[0].delta.content}!` } }
fn on_complete(record) { #{ tags: [`${record.outcome} ${record.model} ${record.status}`] } }
fn on_key_event(event) { log_info(`${event.provider} ${event.key} ${event.kind}`); }
"#;

/// The steps of a hook.
fn steps<'a>(found: &'a Value, hook: &str) -> Vec<&'a Value> {
    found["steps"].as_array().expect("steps").iter().filter(|step| step["hook"] == hook).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_every_hook_something_and_names_stand_ins() {
    let (_provider, app) = start().await;
    let request = json!({ "model": "gpt-4o-mini" });
    let plain = json!({ "draft": draft(AFTERWARDS), "request": { "body": request } });
    let found = post(&app, "/api/scripts/dry-run", plain.clone()).await;
    let hooks = ["classify_error", "on_response", "on_chunk", "on_complete", "on_key_event"];
    let [classified, answered, event, ended, heard] = hooks.map(|hook| steps(&found, hook)[0].clone());
    assert!([&classified, &answered, &event, &ended, &heard].iter().all(|step| step["failure"].is_null()), "{found}");
    assert_eq!((&classified["stand_in"]["status"], &classified["answer"]["reason"]), (&json!(503), &json!("503 overloaded")));
    assert_eq!((&answered["stand_in"]["status"], &answered["changes"]["headers"]["x-stream"]), (&json!(200), &json!("false")));
    assert_eq!(
        (&event["stand_in"]["data"]["choices"][0]["delta"]["content"], &event["answer"]),
        (&json!("Hello!"), &json!("Hello!!"))
    );
    assert_eq!(
        (&ended["stand_in"]["outcome"], &ended["changes"]["tags"]),
        (&json!("success"), &json!(["success gpt-4o-mini 200"]))
    );
    assert_eq!((&heard["stand_in"]["kind"], heard["log"].as_array().map(Vec::len)), (&json!("cooling"), Some(1)));

    // What is given takes the stand-in's place.
    let mut given = plain.clone();
    given["errors"] = json!([{ "status": 429, "code": "slow_down" }]);
    given["response"] = json!({ "status": 200 });
    given["events"] = json!([{ "data": "[DONE]" }]);
    given["key_event"] = json!({ "kind": "disabled_auto", "provider": "openai", "key": "a" });
    let found = post(&app, "/api/scripts/dry-run", given).await;
    let [classified, answered, event, _, heard] = hooks.map(|hook| steps(&found, hook)[0].clone());
    assert!([&classified, &answered, &event, &heard].iter().all(|step| step["stand_in"].is_null()), "{found}");
    assert_eq!((&classified["answer"]["reason"], &event["answer"]), (&json!("429 slow_down"), &json!(false)));
    assert_eq!(heard["log"][0]["text"], "openai a disabled_auto");

    // Where a script ends the call, what comes after the answer is left out, and the record tells of the refusal.
    let mut refusing = plain;
    refusing["draft"]["files"]["draft.rhai"] =
        json!(format!("fn on_request(req) {{ reject(403, \"no\", \"\") }}\n{AFTERWARDS}"));
    let found = post(&app, "/api/scripts/dry-run", refusing).await;
    assert!(hooks[..3].iter().all(|hook| steps(&found, hook).is_empty()), "{found}");
    assert_eq!(steps(&found, "on_complete")[0]["changes"]["tags"], json!(["rejected gpt-4o-mini 403"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logged_stream_is_shown_event_by_event() {
    let (_provider, app) = start().await;
    keep_bodies(&app, true).await;
    let streamed = app.chat_stream().await;
    let events = streamed.text().matches("data: ").count();
    let call = app.only_record().await.id.to_string();
    let found = post(&app, "/api/scripts/dry-run", json!({ "draft": draft(AFTERWARDS), "call": call })).await;
    let shown = steps(&found, "on_chunk");
    assert!(shown.iter().all(|step| step["stand_in"].is_null()), "{found}");
    assert_eq!((shown.len(), &shown[events - 1]["answer"]), (events, &json!(false)), "the last one is [DONE]");
    assert_eq!(steps(&found, "on_complete")[0]["stand_in"], Value::Null);
    assert_eq!(steps(&found, "on_response")[0]["changes"]["headers"]["x-stream"], "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_is_compared_with_the_scripts_that_are_live_at_each_call() {
    let (_provider, app) = start().await;
    let text = "fn route(req) { #{ model: \"other\" } }";
    post(&app, "/api/scripts/shadow", json!({ "draft": draft(text), "minutes": 5 })).await;
    let seen = async |calls: u64| {
        let all = async || get(&app, "/api/scripts/shadow").await["comparison"]["calls"] == calls;
        eventually("the shadow has seen every call", all).await;
        get(&app, "/api/scripts/shadow").await
    };
    for _ in 0..2 {
        app.chat().await;
    }
    let found = seen(2).await;
    assert_eq!((&found["comparison"]["different"], &found["comparison"]["same"]), (&json!(2), &json!(0)));
    assert_eq!(put(&app, "live.rhai", text).await.status, 200);
    for _ in 0..3 {
        app.chat().await;
    }
    let found = seen(5).await;
    assert_eq!((&found["comparison"]["different"], &found["comparison"]["same"]), (&json!(2), &json!(3)), "{found}");
    assert_eq!(found["live"], get(&app, "/api/scripts").await["version"]);
    assert_eq!(found["comparison"]["live_hooks"][0]["calls"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_begins_with_what_the_live_scripts_have_kept() {
    let (_provider, app) = start().await;
    let text = "fn on_request(req) { if kv_incr(\"n\", 1, 3600) > 2 { return reject(429, \"enough\", \"\"); } () }";
    assert_eq!(put(&app, "live.rhai", text).await.status, 200);
    for _ in 0..2 {
        assert_eq!(app.chat().await.status, 200);
    }
    let none = json!({ "files": { "live.rhai": "fn on_request(req) { () }" } });
    post(&app, "/api/scripts/shadow", json!({ "draft": none, "minutes": 5 })).await;
    assert_eq!(app.chat().await.status, 429);
    let all = async || get(&app, "/api/scripts/shadow").await["comparison"]["different"] == 1;
    eventually("the shadow's live side refuses as the live scripts did", all).await;
}
