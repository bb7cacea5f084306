//! Answers as providers really give them: empty beginnings, running totals, refused members, blank ends, late fetches.

use std::time::Duration;

use keywheel::domain::{Cost, Nanodollars, Outcome, UsageQuality};
use keywheel::mock::{Behaviour, Ending};
use serde_json::{Value, json};

use crate::app::{TOKEN, chat_body, eventually, read};
use crate::scene::{
    GOOD_COST, MODEL, Scene, assert_billed, assert_ended, chunk, finish, good, good_stream, refusal, secret, usage_event,
};

fn running(total: u64) -> String {
    let usage = json!({ "prompt_tokens": 10, "completion_tokens": total, "total_tokens": 10 + total });
    json!({ "id": "x-1", "choices": [{ "index": 0, "delta": { "content": "w " } }], "usage": usage }).to_string()
}

/// Events that carry nothing yet are neither content nor an error, and pass as they are.
#[tokio::test]
async fn events_that_carry_nothing_pass_unchanged() {
    let scene = Scene::new(&["a", "b"]).await;
    let filtered = r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#;
    let events = [
        filtered.to_owned(),
        r#"{"id":"x-1","choices":[{"index":0}],"usage":null}"#.to_owned(),
        r#"{"id":"x-1","choices":[{"index":0,"delta":null}],"usage":null}"#.to_owned(),
    ];
    let begin = events.iter().fold(Behaviour::stream(), |stream, event| stream.event(event)).pause_ms(300);
    let whole = begin.event(&chunk("Hello")).event(finish()).event(&usage_event(10, 20)).done();
    scene.plays("a", [whole]);
    let answer = scene.app.chat_stream().await;
    let mut wanted: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    wanted.push_str(&format!("data: {}\n\ndata: {}\n\ndata: [DONE]\n\n", chunk("Hello"), finish()));
    assert_eq!(answer.text(), wanted);
    let record = scene.last().await;
    assert_ended(&record, Outcome::Success, &[("a", "")], "nothing yet");
    assert_billed(&record, (10, 20), GOOD_COST, "nothing yet");
    let timings = &record.attempts[0].timings;
    let (first_byte, first_token) = (timings.first_byte_us.unwrap(), timings.first_token_us.unwrap());
    assert!(first_token >= first_byte + 250_000, "the first token is the first text: {timings:?}");
}

/// Usage in every chunk is a running total, and text that looks like usage is text.
#[tokio::test]
async fn running_totals_are_not_added_up() {
    let scene = Scene::new(&["a"]).await;
    let all = (1..=30).fold(Behaviour::stream(), |stream, total| stream.event(&running(total)));
    scene.plays("a", [all.event(finish()).done()]);
    scene.stream().await;
    assert_billed(&scene.last().await, (10, 30), 10 * 10_000 + 30 * 20_000, "a running total");

    let some = (1..=12).fold(Behaviour::stream(), |stream, total| stream.event(&running(total)));
    scene.plays("a", [some.ending(Ending::Hang)]);
    let mut response = scene.app.request("POST", "/v1/chat/completions").body(chat_body(true)).send().await.unwrap();
    let mut seen = Vec::new();
    while seen.windows(2).filter(|pair| pair == b"\n\n").count() < 12 {
        seen.extend_from_slice(&response.chunk().await.unwrap().unwrap());
    }
    drop(response);
    eventually("the call is recorded", async || scene.app.records().await.len() == 2).await;
    let record = scene.last().await;
    assert_eq!((record.outcome, record.usage.partial), (Outcome::ClientGone, true));
    assert_billed(&record, (10, 12), 10 * 10_000 + 12 * 20_000, "a part");

    let text = r#"Look: "usage":{"prompt_tokens":999,"completion_tokens":999}"#;
    scene.plays("a", [Behaviour::stream().event(&chunk(text)).event(finish()).event(&usage_event(10, 20)).done()]);
    scene.stream().await;
    assert_billed(&scene.last().await, (10, 20), GOOD_COST, "usage inside a text");
}

/// A member that Keywheel added and a provider refuses is left out from then on, and nobody is charged for it.
#[tokio::test]
async fn a_refused_include_usage_is_remembered() {
    for status in [400, 422] {
        let scene = Scene::new(&["a", "b"]).await;
        let refused = refusal(status, "invalid_request_error", "Unrecognized request argument supplied: stream_options");
        scene.plays("a", [refused.clone(), good_stream()]);
        for (call, wanted) in [(1, 2), (2, 3), (3, 4)] {
            let (seen, _, whole) = scene.stream().await;
            assert_eq!((seen, whole, scene.requests()), (200, true, wanted), "call {call}");
            let record = scene.last().await;
            let attempts: &[(&str, &str)] =
                if call == 1 { &[("a", "keywheel.added_stream_options"), ("a", "")] } else { &[("a", "")] };
            assert_ended(&record, Outcome::Success, attempts, "include_usage");
            assert_billed(&record, (10, 20), GOOD_COST, "include_usage");
        }
        let added: Vec<bool> = scene.provider.seen().iter().map(|request| request.text().contains("stream_options")).collect();
        assert_eq!(added, [true, false, false, false]);
        scene.assert_unharmed(&["a", "b"], "include_usage");
        let own = r#"{"model":"gpt-4o-mini","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#;
        scene.plays("a", [refused]);
        let answer = scene.app.post("/v1/chat/completions", own).await;
        assert!(answer.status == status && answer.text().contains("stream_options"), "the client's own goes back verbatim");
        assert_eq!(scene.last().await.attempts.len(), 1);
    }
    let scene = Scene::new(&["a"]).await;
    for path in ["/v1/responses", "/v1/messages", "/v1/unheard/of"] {
        scene.app.post(path, r#"{"model":"gpt-4o-mini","input":"x","messages":[],"max_tokens":5,"stream":true}"#).await;
        assert!(!scene.provider.last_seen().unwrap().text().contains("stream_options"), "never on {path}");
    }
}

/// The extra event is hidden from a client that did not ask, and only from that one.
#[tokio::test]
async fn the_usage_event_is_for_those_who_ask() {
    let scene = Scene::new(&["a"]).await;
    scene.plays("a", [good_stream()]);
    assert!(!scene.app.chat_stream().await.text().contains("usage"));
    let asks = chat_body(true).replace("\"stream\":true", "\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    assert!(scene.app.post("/v1/chat/completions", asks).await.text().contains(&usage_event(10, 20)));
    let declines = chat_body(true).replace("\"stream\":true", "\"stream\":true,\"stream_options\":{\"include_usage\":false}");
    assert!(!scene.app.post("/v1/chat/completions", declines).await.text().contains("usage"));
    for record in scene.app.records().await {
        assert_billed(&record, (10, 20), GOOD_COST, "usage is counted in any case");
    }
}

/// Ids of providers and clients need not be unique: each call has its own, and is found by either.
#[tokio::test]
async fn ids_that_repeat_do_not_mix_calls_up() {
    let scene = Scene::new(&["a"]).await;
    let null = Behaviour::answer(200)
        .json(&json!({ "id": null, "choices": [{ "message": { "content": "x" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 20 } }));
    scene.plays("a", [good().header("x-request-id", "x-1"), good().header("x-request-id", "x-1"), null]);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let request = scene.app.request("POST", "/v1/chat/completions").header("x-request-id", "mine").body(chat_body(false));
        let answer = read(request).await;
        assert_eq!(answer.status, 200);
        ids.push(answer.header("x-request-id").to_owned());
    }
    let records = scene.app.records().await;
    assert_eq!(records.iter().map(|record| record.id.to_string()).collect::<Vec<_>>(), ids);
    assert!(records.iter().all(|record| record.client_request_id.as_deref() == Some("mine")));
    assert_eq!(records[0].upstream_request_id.as_deref(), Some("x-1"));
}

/// A client that closes once it has the answer was answered.
#[tokio::test]
async fn a_client_that_closes_at_the_end_was_served() {
    let end = || Behaviour::stream().event(&chunk("Hello")).event(finish());
    for (what, behaviour, until) in [
        ("behind the finish reason", end().pause_ms(300).event(&usage_event(10, 20)).done(), "\"finish_reason\":\"stop\""),
        ("behind [DONE]", end().event(&usage_event(10, 20)).done().pause_ms(100), "[DONE]"),
    ] {
        let scene = Scene::new(&["a"]).await;
        scene.plays("a", [behaviour]);
        let mut response = scene.app.request("POST", "/v1/chat/completions").body(chat_body(true)).send().await.unwrap();
        let mut seen = String::new();
        while !seen.contains(until) {
            seen.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
        }
        drop(response);
        eventually("the call is recorded", async || scene.app.records().await.len() == 1).await;
        let record = scene.last().await;
        assert_ended(&record, Outcome::Success, &[("a", "")], what);
        assert_billed(&record, (10, 20), GOOD_COST, what);
    }
}

/// A finished answer in which nothing can be read is an answer: passed on, billed once, marked.
#[tokio::test]
async fn a_blank_answer_is_an_answer() {
    let ending = |reason: &str| json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] }).to_string();
    let delta = |delta: Value| json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] }).to_string();
    let usage = usage_event(900, 0);
    let cases = [
        ("only reasoning, cut by length", vec![delta(json!({ "reasoning_content": "Hm" })), ending("length")], true),
        (
            "a tool call",
            vec![
                delta(json!({ "tool_calls": [{ "index": 0, "function": { "name": "f", "arguments": "{}" } }] })),
                ending("tool_calls"),
            ],
            false,
        ),
        ("a refusal", vec![delta(json!({ "refusal": "No." })), ending("stop")], false),
        ("a stop at once", vec![ending("stop")], true),
        ("sound", vec![delta(json!({ "audio": { "data": "AAAA" } })), ending("stop")], false),
    ];
    let scene = Scene::new(&["a", "b"]).await;
    for (what, events, blank) in cases {
        scene.provider.forget_seen();
        let stream = events.iter().fold(Behaviour::stream(), |stream, event| stream.event(event));
        scene.plays("a", [stream.event(&usage).done()]);
        let answer = scene.app.chat_stream().await;
        let wanted: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        assert_eq!(answer.text(), wanted + "data: [DONE]\n\n", "{what}");
        let record = scene.last().await;
        assert_ended(&record, Outcome::Success, &[("a", "")], what);
        assert_billed(&record, (900, 0), 9_000_000, what);
        assert_eq!((record.blank, scene.requests()), (blank, 1), "{what}");
    }
    let empty = json!({ "choices": [{ "index": 0, "message": { "role": "assistant", "content": "" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 900, "completion_tokens": 0, "total_tokens": 900 } });
    scene.plays("a", [Behaviour::answer(200).json(&empty)]);
    assert_eq!(scene.chat().await.json(), empty);
    let record = scene.last().await;
    assert_ended(&record, Outcome::Success, &[("a", "")], "plain");
    assert!(record.blank);
    scene.assert_unharmed(&["a", "b"], "blank answers");
}

/// The client sees thinking at once: whatever can be seen or used lifts the barrier.
#[tokio::test]
async fn thinking_is_seen_at_once() {
    let scene = Scene::with("timeouts = { idle_ms = 30000, first_byte_ms = 30000 }", &["a"]).await;
    for delta in [
        json!({ "reasoning_content": "Hm" }),
        json!({ "reasoning": "Hm" }),
        json!({ "refusal": "No" }),
        json!({ "audio": { "data": "AA" } }),
        json!({ "tool_calls": [{ "index": 0, "function": { "name": "f" } }] }),
    ] {
        let event = json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] }).to_string();
        scene.plays("a", [Behaviour::stream().event(&event).ending(Ending::Hang)]);
        let first = async {
            let mut response = scene.app.request("POST", "/v1/chat/completions").body(chat_body(true)).send().await.unwrap();
            response.chunk().await.unwrap()
        };
        let first = tokio::time::timeout(Duration::from_secs(5), first).await.expect("the barrier is lifted");
        assert_eq!(first.unwrap(), format!("data: {event}\n\n"));
    }
}

/// A plain answer has one limit for all of it, by provider and by model; streams have others.
#[tokio::test]
async fn a_long_answer_without_a_stream_has_its_own_limit() {
    let model = "[[model]]\nname = \"hasty\"\nanswer_ms = 300\ntargets = [{ provider = \"mock\", model = \"m\" }]";
    let scene =
        Scene::built("timeouts = { first_byte_ms = 100, idle_ms = 100, answer_ms = 20000 }", &[("a", ""), ("b", "")], model)
            .await;
    scene.plays("a", [good().delay_ms(600)]);
    assert_eq!(scene.chat().await.status, 200, "a head later than a stream's limit");
    assert_ended(&scene.last().await, Outcome::Success, &[("a", "")], "a long answer");
    assert_eq!(scene.requests(), 1);
    let answer = scene.app.post("/v1/chat/completions", chat_body(false).replace(MODEL, "hasty")).await;
    assert_eq!((answer.status, answer.code().as_str(), scene.requests()), (504, "upstream_timeout", 2));
    scene.plays("a", [good_stream().delay_ms(600)]);
    scene.plays("b", [good_stream()]);
    assert_eq!(scene.app.chat_stream().await.status, 200);
    assert_ended(&scene.last().await, Outcome::Success, &[("a", "first_byte_timeout"), ("b", "")], "a stream");
    scene.assert_unharmed(&["a", "b"], "limits");
}

/// An answer that is fetched later is billed once, to the call that made it; and only its client may fetch it.
#[tokio::test]
async fn a_background_answer_is_billed_once_to_its_post() {
    let other = format!("[[client]]\nname = \"other\"\ntoken = \"{TOKEN}-of-other\"\n");
    let scene = Scene::built("", &[("a", ""), ("b", "")], &other).await;
    let response = |status: &str, usage: Value| {
        Behaviour::answer(200).json(&json!({ "id": "resp_42", "object": "response", "status": status, "background": true,
            "model": MODEL, "output": [], "usage": usage }))
    };
    let used = json!({ "input_tokens": 1000, "output_tokens": 500, "total_tokens": 1500 });
    let mut plays = vec![response("queued", json!(null))];
    plays.extend((0..5).map(|_| response("in_progress", json!(null))));
    plays.push(response("completed", used));
    scene.plays("a", plays);
    let body = format!(r#"{{"model":"{MODEL}","input":"hi","background":true}}"#);
    assert_eq!(scene.app.post("/v1/responses", body).await.json()["status"], "queued");
    let record = scene.last().await;
    assert_eq!((record.usage.quality, record.cost), (UsageQuality::Unknown, Cost::Unknown), "never fetched is unknown");
    for poll in 0..9 {
        let answer = scene.app.get("/v1/responses/resp_42").await;
        assert_eq!(answer.json()["status"], if poll < 5 { "in_progress" } else { "completed" });
    }
    let stranger = scene.app.request_as(&format!("{TOKEN}-of-other"), "GET", "/v1/responses/resp_42");
    assert_eq!(read(stranger).await.status, 404, "another client's token");
    let cost = 1000 * 10_000 + 500 * 20_000;
    eventually("it is billed", async || scene.app.records().await[0].cost.known().is_some()).await;
    let records = scene.app.records().await;
    assert_billed(&records[0], (1000, 500), cost, "the POST");
    let rest: i64 = records[1..].iter().filter_map(|record| record.cost.known()).map(|cost: Nanodollars| cost.0).sum();
    assert_eq!((records.len(), rest), (11, 0), "and nothing else");
    let key = scene.app.admin("GET", &format!("/api/keys/{}", scene.key("a").key), Value::Null).await.json();
    assert_eq!(key["status"]["spent_month_usd"], json!(cost as f64 / 1e9), "the key's month: {key}");
    let me = scene.app.get("/v1/keywheel/me").await.json();
    assert_eq!(me["budgets"][0]["tokens_used"], 1500, "the client's tokens, once: {me}");
    assert!(
        scene.provider.seen().iter().all(|request| request.secret() == Some(&secret("a"))),
        "always by the key that made it"
    );
    scene.plays("a", [Behaviour::answer(200).json(&json!({ "input_tokens": 77 }))]);
    assert_eq!(scene.app.post("/v1/messages/count_tokens", chat_body(false)).await.status, 200);
    assert_eq!(scene.last().await.cost, Cost::Known(Nanodollars(0)), "counting costs nothing");
}

/// A background answer that nobody fetches holds nothing against its client.
#[tokio::test]
async fn a_background_answer_that_is_never_fetched_gives_its_reservation_back() {
    let scene = Scene::new(&["a"]).await;
    let queued = json!({ "id": "resp_43", "object": "response", "status": "queued", "background": true, "model": MODEL,
        "output": [], "usage": null });
    scene.plays("a", [Behaviour::answer(200).json(&queued)]);
    let body = json!({ "model": MODEL, "input": "word ".repeat(500), "background": true }).to_string();
    assert_eq!(scene.app.post("/v1/responses", body).await.status, 200);
    let me = scene.app.get("/v1/keywheel/me").await.json();
    assert_eq!(me["budgets"][0]["tokens_used"], 0, "{me}");
}

/// A provider that takes no more of a large request is left for the next key, long before the time limit of a whole answer.
#[tokio::test]
async fn a_peer_that_never_reads_the_body_is_left_for_the_next_key() {
    let scene = Scene::with("timeouts = { first_byte_ms = 700 }", &["a", "b"]).await;
    let deaf = std::sync::atomic::AtomicBool::new(true);
    scene.provider.behave_on_accept(move |_| {
        let first = deaf.swap(false, std::sync::atomic::Ordering::Relaxed);
        first.then(|| Behaviour::hang().ending(Ending::Deaf))
    });
    scene.all_play(&["a", "b"], &good());
    let body = json!({ "model": MODEL, "messages": [{ "role": "user", "content": "word ".repeat(4 << 20) }] }).to_string();
    let answer = scene.app.post("/v1/chat/completions", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let record = scene.last().await;
    assert_eq!(record.attempts.len(), 2);
    assert!(record.attempts[0].message.as_deref().is_some_and(|words| words.contains("took nothing more")), "{record:?}");
}
