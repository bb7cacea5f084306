//! What calls used and what they cost, as providers state it in their many ways.

use keywheel::domain::Outcome;
use keywheel::mock::Behaviour;
use serde_json::{Value, json};

use crate::app::chat_body;
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
