//! What admission reserves and gives back: budgets and token limits of clients, over a whole Keywheel.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::join_all;
use keywheel::domain::{Cost, Nanodollars};
use keywheel::mock::{Behaviour, MockProvider};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, bootstrap_of, read};
use crate::support::raise_open_files;

async fn started(extra: &str) -> (MockProvider, TestApp) {
    let provider = MockProvider::start().await;
    let app = TestApp::start(&(bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")]) + extra)).await;
    (provider, app)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_at_once_never_spend_more_than_a_budget_and_what_was_in_flight() {
    let (provider, app) = started(
        "[[model]]\nname = 'dear'\ntargets = [{ provider = 'mock', model = 'm' }]\nprice = { input = 0.0, output = 25.0 }\n\
         [[client]]\nname = 'budget'\ntoken = 'kw-budget'\nbudget_usd_month = 0.25\n",
    )
    .await;
    raise_open_files();
    // Each says that it wants 0.01 and takes 0.025: the estimate was too low, as far as one call can be.
    provider.behave(|_| Some(used(1000).delay_ms(20)));
    let answers = join_all((0..1_000).map(|_| dear(&app, 400))).await;
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.code() == "budget_exceeded"));
    assert_eq!(provider.seen().len(), served, "what was refused went nowhere");
    // 25 of 0.01 are admitted at once at most; by then nothing was settled, and none is admitted beyond the budget after.
    assert!((10..=25).contains(&served), "{served} of 1,000 calls were served");
    assert_eq!(dear(&app, 400).await.code(), "budget_exceeded");
}

/// A call whose output costs 25 dollars a million tokens, as the model `dear`.
async fn dear(app: &TestApp, max_tokens: u64) -> Answer {
    let body = json!({ "model": "dear", "max_tokens": max_tokens, "messages": [{ "role": "user", "content": "hi" }] });
    read(app.request_as("kw-budget", "POST", "/v1/chat/completions").body(body.to_string())).await
}

fn used(output: u64) -> Behaviour {
    let usage = json!({ "prompt_tokens": 8, "completion_tokens": output, "total_tokens": output + 8 });
    let message = json!({ "role": "assistant", "content": "x" });
    Behaviour::answer(200)
        .json(&json!({ "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }], "usage": usage }))
}

#[tokio::test]
async fn a_budget_is_reserved_by_estimate_settled_at_the_end_and_given_back_by_a_failed_call() {
    let (provider, app) = started(
        "[[model]]\nname = 'dear'\ntargets = [{ provider = 'mock', model = 'm' }]\nprice = { input = 0.0, output = 25.0 }\n\
         [[client]]\nname = 'budget'\ntoken = 'kw-budget'\nbudget_usd_month = 0.25\n",
    )
    .await;
    // Nobody is answered before all twenty were admitted or refused.
    provider.behave(|_| Some(used(4000).delay_ms(700)));
    let answers = join_all((0..20).map(|_| dear(&app, 4000))).await;
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((served.len(), refused.len()), (2, 18), "two of about 0.10 fit into 0.25");
    for answer in refused {
        assert_eq!((answer.status, answer.code().as_str()), (429, "budget_exceeded"), "{}", answer.text());
    }
    assert_eq!(provider.seen().len(), 2);
    provider.behave(|_| Some(Behaviour::answer(400).json(&json!({ "error": { "message": "no", "code": "bad" } }))));
    assert_eq!(dear(&app, 2000).await.status, 400);
    provider.behave(|_| Some(Behaviour::reset()));
    assert!(dear(&app, 2000).await.status >= 500);
    provider.behave(|_| Some(used(1000).delay_ms(300)));
    let (first, second) = tokio::join!(dear(&app, 2000), dear(&app, 2000));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 429], "what failed was given back, and 0.05 is left: {} {}", first.text(), second.text());
    assert_eq!(dear(&app, 1000).await.status, 200, "an estimate of 0.05 was settled to 0.025");
    assert_eq!(dear(&app, 1).await.code(), "budget_exceeded");
    let costs: i64 =
        app.records().await.iter().map(|record| if let Cost::Known(cost) = record.cost { cost.0 } else { 0 }).sum();
    assert_eq!(Nanodollars(costs), Nanodollars(250_000_000));
}

#[tokio::test]
async fn an_unpriced_model_is_admitted_within_a_budget_or_refused_where_the_setting_says_so_and_0_is_a_price() {
    let (_provider, app) = started(
        "[[model]]\nname = 'unpriced'\ntargets = [{ provider = 'mock', model = 'nobody-priced-this' }]\n\
         [[model]]\nname = 'free'\ntargets = [{ provider = 'mock', model = 'm' }]\nprice = { input = 0.0, output = 0.0 }\n\
         [[client]]\nname = 'budget'\ntoken = 'kw-budget'\nbudget_usd_month = 0.25\n",
    )
    .await;
    let ask = async |model: &str| {
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] }).to_string();
        read(app.request_as("kw-budget", "POST", "/v1/chat/completions").body(body)).await
    };
    assert_eq!((ask("unpriced").await.status, ask("free").await.status), (200, 200));
    let costs: Vec<_> = app.records().await.iter().map(|record| record.cost).collect();
    assert_eq!(costs, [Cost::Unknown, Cost::Known(Nanodollars(0))], "unknown and 0 are two things");
    let set = app.admin("PATCH", "/api/settings", json!({ "refuse_unpriced": true })).await;
    assert_eq!(set.status, 200, "{}", set.text());
    assert_eq!((ask("unpriced").await.code().as_str(), ask("free").await.status), ("unpriced_model", 200));
}

const LIMITED: &str = "[[client]]\nname = 'limited'\ntoken = 'kw-limited'\ntpm = 50000\n";

async fn limited(app: &TestApp, path: &str, body: &Value) -> Answer {
    read(app.request_as("kw-limited", "POST", path).header("content-type", "application/json").body(body.to_string())).await
}

/// 1.9 MB that no compression or pattern helps with, as base64.
fn picture() -> String {
    let mut state = 1_u64;
    let byte = |_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    let bytes: Vec<u8> = (0..1_900_000).map(byte).collect();
    BASE64_STANDARD.encode(bytes)
}

#[tokio::test]
async fn pictures_audio_and_files_count_a_bounded_sum_and_are_settled_to_what_was_reported() {
    let data = picture();
    let url = format!("data:image/png;base64,{data}");
    let chat = |part: Value| json!({ "model": "m", "messages": [{ "role": "user", "content": [{ "type": "text", "text": "What?" }, part] }] });
    let cases = [
        ("/v1/chat/completions", chat(json!({ "type": "image_url", "image_url": { "url": url } }))),
        ("/v1/chat/completions", chat(json!({ "type": "input_audio", "input_audio": { "data": data, "format": "wav" } }))),
        ("/v1/chat/completions", chat(json!({ "type": "file", "file": { "filename": "a.pdf", "file_data": url } }))),
        (
            "/v1/responses",
            json!({ "model": "m", "input": [{ "role": "user", "content": [{ "type": "input_image", "image_url": url }] }] }),
        ),
        (
            "/v1/messages",
            chat(json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": data } })),
        ),
    ];
    for (path, body) in cases {
        let (provider, app) = started(LIMITED).await;
        provider.behave(|request| {
            let usage = match request.path() {
                "/v1/chat/completions" => json!({ "prompt_tokens": 1108, "completion_tokens": 1, "total_tokens": 1109 }),
                _ => json!({ "input_tokens": 1108, "output_tokens": 1, "total_tokens": 1109 }),
            };
            Some(Behaviour::answer(200).json(&json!({ "id": "x", "usage": usage })))
        });
        let answer = limited(&app, path, &body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(app.only_record().await.usage.input, Some(1108), "{path}");
        // 1,109 and these fit into 50,000; the estimate of about 1,500 and these would not.
        let text = json!({ "model": "m", "messages": [{ "role": "user", "content": "a".repeat(48_700 * 4) }] });
        assert_eq!(limited(&app, "/v1/chat/completions", &text).await.status, 200, "{path} was settled");
    }
}

#[tokio::test]
async fn plain_text_counts_by_its_length_and_token_arrays_by_theirs() {
    let (provider, app) = started(LIMITED).await;
    let text = json!({ "model": "m", "messages": [{ "role": "user", "content": "word ".repeat(400_000) }] });
    let refused = limited(&app, "/v1/chat/completions", &text).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limit_exceeded"), "{}", refused.text());
    let tokens = |count: usize| json!({ "model": "text-embedding-3-small", "input": vec![100_257; count] });
    assert_eq!(limited(&app, "/v1/embeddings", &tokens(60_000)).await.status, 429);
    assert!(provider.seen().is_empty());
    let answer = limited(&app, "/v1/embeddings", &tokens(45_000)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// What is left of the tokens of a client's budget for the day, and of those of the minute.
async fn tokens_left(app: &TestApp) -> (u64, u64) {
    let me = read(app.request_as("kw-tokens", "GET", "/v1/keywheel/me")).await.json();
    let left = |pointer: &str| me.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer} in {me}"));
    (left("/budgets/0/tokens/left"), left("/tokens_per_minute/left"))
}

#[tokio::test]
async fn a_call_that_no_provider_worked_for_gives_its_tokens_back_and_an_answer_without_usage_stands_as_estimated() {
    let (provider, app) =
        started("[[client]]\nname = 'tokens'\ntoken = 'kw-tokens'\ntpm = 1500\nbudget_tokens_day = 1500\n").await;
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "word ".repeat(800) }] }).to_string();
    let call = async || read(app.request_as("kw-tokens", "POST", "/v1/chat/completions").body(body.clone())).await;
    assert_eq!(tokens_left(&app).await, (1500, 1500));
    let error = json!({ "error": { "message": "no", "type": "invalid_request_error" } });
    for (status, expected) in [(400, 400), (502, 502), (429, 429), (401, 503)] {
        provider.behave({
            let error = error.clone();
            move |request| (request.path() != "/v1/models").then(|| Behaviour::answer(status).json(&error))
        });
        assert_eq!(call().await.status, expected, "{status}");
        assert_eq!(tokens_left(&app).await, (1500, 1500), "after {status}");
        let key = app.key("a").key;
        app.admin("POST", &format!("/api/keys/{key}/reset"), Value::Null).await;
    }
    assert_eq!(call().await.status, 503, "the key is still disabled");
    let key = app.key("a").key;
    assert_eq!(app.admin("POST", &format!("/api/keys/{key}/enable"), Value::Null).await.status, 200);
    let message = json!({ "role": "assistant", "content": "x" });
    let silent = json!({ "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }] });
    provider.behave(move |_| Some(Behaviour::answer(200).json(&silent)));
    assert_eq!(call().await.status, 200);
    let (day, minute) = tokens_left(&app).await;
    assert!(day < 800 && minute < 800, "an answer that says nothing of tokens: {day} and {minute} are left");
    assert_eq!(call().await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_of_a_key_holds_also_for_calls_in_flight() {
    let provider = MockProvider::start().await;
    let text = bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")])
        + "budget_usd_month = 0.25\n[[client]]\nname = 'budget'\ntoken = 'kw-budget'\n\
           [[model]]\nname = 'dear'\ntargets = [{ provider = 'mock', model = 'm' }]\nprice = { input = 0.0, output = 25.0 }\n";
    let app = TestApp::start(&text).await;
    // Each says that it wants 0.1 and takes 0.1.
    provider.behave(|_| Some(used(4000).delay_ms(700)));
    let answers = join_all((0..20).map(|_| dear(&app, 4000))).await;
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((1..=2).contains(&served), "{served} of 20 calls were served within 0.25");
    assert_eq!(provider.seen().iter().filter(|request| request.path() != "/v1/models").count(), served);
}
