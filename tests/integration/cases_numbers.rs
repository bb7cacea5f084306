//! What calls used and what they cost, as providers state it in their many ways.

use keywheel::domain::{Cost, Nanodollars, Outcome, Usage, UsageQuality};
use keywheel::mock::Behaviour;
use serde_json::{Value, json};

use crate::app::{chat_body, read};
use crate::scene::{MODEL, Scene, answer_with, assert_billed, assert_ended, chunk, finish};

fn streamed_with(usage: &Value) -> Behaviour {
    let last = json!({ "id": "x-1", "choices": [], "usage": usage });
    Behaviour::stream().event(&chunk("Hello")).event(finish()).event(&last.to_string()).done()
}

fn message_with(usage: &Value) -> Behaviour {
    Behaviour::answer(200).json(&json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL,
        "content": [{ "type": "text", "text": "Hello" }], "stop_reason": "end_turn", "usage": usage }))
}

fn streamed_message_with(usage: &Value) -> Behaviour {
    let mut first = usage.clone();
    first["output_tokens"] = json!(1);
    let event = |name: &str, data: Value| format!("event: {name}\ndata: {data}\n\n");
    Behaviour::stream()
        .piece(event("message_start", json!({ "type": "message_start", "message": { "id": "msg_1", "usage": first } })))
        .piece(event(
            "content_block_delta",
            json!({ "type": "content_block_delta", "delta": { "type": "text_delta", "text": "Hi" } }),
        ))
        .piece(event(
            "message_delta",
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" },
            "usage": { "output_tokens": usage["output_tokens"] } }),
        ))
        .piece(event("message_stop", json!({ "type": "message_stop" })))
}

/// Cached tokens stand inside the prompt (chat) or beside the input (messages); reasoning tokens inside or beside the
/// completion. Prices a million: in 10, cached read 1, cache write 12.5, out 20.
#[tokio::test]
async fn cached_and_reasoning_tokens_are_counted_once() {
    let chat = [
        (
            json!({ "prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050, "prompt_tokens_details": { "cached_tokens": 800 } }),
            (1000, 50),
            3_800_000,
        ),
        (
            json!({ "prompt_tokens": 100, "completion_tokens": 100, "total_tokens": 200, "completion_tokens_details": { "reasoning_tokens": 60 } }),
            (100, 100),
            3_000_000,
        ),
        (
            json!({ "prompt_tokens": 100, "completion_tokens": 40, "total_tokens": 200, "completion_tokens_details": { "reasoning_tokens": 60 } }),
            (100, 100),
            3_000_000,
        ),
        (
            json!({ "prompt_tokens": 100, "completion_tokens": 40, "completion_tokens_details": { "reasoning_tokens": 60 } }),
            (100, 100),
            3_000_000,
        ),
        (
            json!({ "prompt_tokens": 100, "completion_tokens": 100, "completion_tokens_details": { "reasoning_tokens": 60 } }),
            (100, 100),
            3_000_000,
        ),
    ];
    let messages = [
        (json!({ "input_tokens": 200, "cache_read_input_tokens": 800, "output_tokens": 50 }), (1000, 50), 3_800_000),
        (
            json!({ "input_tokens": 200, "cache_read_input_tokens": 400, "cache_creation_input_tokens": 400, "output_tokens": 50 }),
            (1000, 50),
            8_400_000,
        ),
    ];
    let scene = Scene::new(&["a"]).await;
    let check = async |path: &str, stream: bool, behaviour: Behaviour, usage: &Value, tokens, nanodollars| {
        let what = format!("{path}, stream {stream}: {usage}");
        scene.plays("a", [behaviour]);
        assert_eq!(scene.app.post(path, chat_body(stream)).await.status, 200, "{what}");
        let record = scene.last().await;
        assert_ended(&record, Outcome::Success, &[("a", "")], &what);
        assert_billed(&record, tokens, nanodollars, &what);
        let raw: Value = serde_json::from_str(record.usage.raw.as_deref().expect("the raw usage")).expect("JSON");
        for (name, value) in usage.as_object().expect("members") {
            assert_eq!(&raw[name], value, "{what}");
        }
    };
    for (usage, tokens, nanodollars) in &chat {
        check("/v1/chat/completions", false, answer_with(usage.clone()), usage, *tokens, *nanodollars).await;
        check("/v1/chat/completions", true, streamed_with(usage), usage, *tokens, *nanodollars).await;
    }
    for (usage, tokens, nanodollars) in &messages {
        check("/v1/messages", false, message_with(usage), usage, *tokens, *nanodollars).await;
        check("/v1/messages", true, streamed_message_with(usage), usage, *tokens, *nanodollars).await;
    }
    assert_eq!(
        scene.key("a").spent_month.0,
        scene.app.records().await.iter().filter_map(|record| record.cost.known()).map(|cost| cost.0).sum::<i64>()
    );
}

/// Usage in units other than tokens, each with its own price.
#[tokio::test]
async fn units_other_than_tokens_have_their_own_price() {
    let models = [
        ("heard", "{ per_second = 0.0001, output = 0.0 }"),
        ("drawn", "{ input = 0.0, output = 30.0, image_output = 30.0, per_picture = 0.039 }"),
        ("drawn-by-piece", "{ per_picture = 0.039 }"),
        ("spoken", "{ per_million_characters = 15.0 }"),
        ("free", "{ input = 0.0, output = 0.0 }"),
    ];
    let table = |(name, price): &(&str, &str)| {
        format!("[[model]]\nname = \"{name}\"\ntargets = [{{ provider = \"mock\", model = \"{name}-up\" }}]\nprice = {price}\n")
    };
    let scene = Scene::built("", &[("a", "")], &models.iter().map(table).collect::<String>()).await;
    let pictures = |count: usize, usage: Value| {
        let mut body = json!({ "created": 1, "data": vec![json!({ "b64_json": "AAAA" }); count] });
        if !usage.is_null() {
            body["usage"] = usage;
        }
        Behaviour::answer(200).json(&body)
    };
    let speech = || Behaviour::answer(200).header("content-type", "audio/mpeg").piece(vec![1u8; 500]);
    let body = |model: &str, input: &str| json!({ "model": model, "input": input, "prompt": "a cat" }).to_string();
    let tokens = json!({ "input_tokens": 0, "output_tokens": 1290, "total_tokens": 1290 });
    let heard = Behaviour::answer(200).json(&json!({ "text": "Hello", "usage": { "type": "duration", "seconds": 27 } }));
    let silent = Behaviour::answer(200).json(&json!({ "text": "Hello" }));
    let nothing = answer_with(json!(null));
    let unpriced = answer_with(json!({ "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 }));
    let stated = |usage: &Usage| usage.output.filter(|_| usage.quality == UsageQuality::Exact);
    let used = |usage: &Usage| (usage.audio_ms, usage.pictures, usage.characters, stated(usage));
    let unknown = Cost::Unknown;
    let known = |nanodollars: i64| Cost::Known(Nanodollars(nanodollars));
    let long = "x".repeat(1_000);
    let cases = [
        ("seconds", "/v1/audio/transcriptions", form("heard"), heard, (Some(27_000), None, None, None), known(2_700_000)),
        ("nothing said", "/v1/audio/transcriptions", form("heard"), silent, (None, None, None, None), unknown),
        (
            "picture tokens",
            "/v1/images/generations",
            body("drawn", ""),
            pictures(1, tokens),
            (None, Some(1), None, Some(1290)),
            known(38_700_000),
        ),
        (
            "pictures",
            "/v1/images/generations",
            body("drawn-by-piece", ""),
            pictures(2, json!(null)),
            (None, Some(2), None, None),
            known(78_000_000),
        ),
        ("characters", "/v1/audio/speech", body("spoken", &long), speech(), (None, None, Some(1_000), None), known(15_000_000)),
        (
            "a price of 0",
            "/v1/embeddings",
            body("free", "hi"),
            answer_with(json!({ "prompt_tokens": 7, "total_tokens": 7 })),
            (None, None, None, None),
            known(0),
        ),
        (
            "no price",
            "/v1/chat/completions",
            chat_body(false).replace(MODEL, "mystery-9"),
            unpriced,
            (None, None, None, Some(1)),
            unknown,
        ),
        (
            "no usage, no price",
            "/v1/chat/completions",
            chat_body(false).replace(MODEL, "mystery-9"),
            nothing,
            (None, None, None, None),
            unknown,
        ),
    ];
    for (what, path, request, behaviour, wanted, cost) in cases {
        scene.plays("a", [behaviour]);
        let kind = if request.starts_with("--") { "multipart/form-data; boundary=cut" } else { "application/json" };
        let answer = read(scene.app.request("POST", path).header("content-type", kind).body(request)).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        let record = scene.last().await;
        assert_ended(&record, Outcome::Success, &[("a", "")], what);
        assert_eq!((used(&record.usage), record.cost), (wanted, cost), "{what}: {record:#?}");
        let says = record.usage.quality != UsageQuality::Unknown;
        assert_eq!(says, what != "nothing said", "{what}");
    }
}

fn form(model: &str) -> String {
    format!(
        "--cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\nSOUND\r\n\
         --cut\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n--cut--\r\n"
    )
}
