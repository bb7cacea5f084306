//! Whole answers of every API.

use super::*;

#[test]
fn a_chat_answer_is_metered() {
    let metered = whole(
        Api::Chat,
        r#"{"id":"chatcmpl-9","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant",
        "content":"Hello","refusal":null,"annotations":[]},"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":10,
        "total_tokens":29,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":2},"completion_tokens_details":{"reasoning_tokens":3,
        "audio_tokens":1}},"service_tier":"default"}"#,
    );
    assert_eq!(figures(&metered), (Some(19), Some(10), UsageQuality::Exact));
    let usage = &metered.usage;
    assert_eq!(
        (usage.cached_read, usage.audio_input, usage.reasoning, usage.audio_output),
        (Some(4), Some(2), Some(3), Some(1))
    );
    assert_eq!(metered.finish_reason.as_deref(), Some("stop"));
    assert!(!metered.blank && metered.finished && !metered.background);
}

#[test]
fn answers_without_usage_are_estimated_where_they_are_text() {
    let answer = r#"{"choices":[{"message":{"content":"some words and some more of them"},"finish_reason":"stop"}]}"#;
    let metered = whole(Api::Chat, answer);
    assert_eq!(metered.usage.quality, UsageQuality::Estimated);
    assert_eq!(metered.usage.input, Some(7));
    assert!((8..30).contains(&metered.usage.output.unwrap()), "{:?}", metered.usage.output);
    let mut looked_at = Meter::new(Api::Messages, RequestFacts::default());
    assert_eq!(looked_at.observe_body(br#"{"input_tokens":2095}"#), None);
    assert_eq!(looked_at.finish(End::Whole).usage, Usage::default(), "counting tokens costs nothing");
    assert_eq!(whole(Api::Other, r#"{"id":"file-1","object":"file"}"#).usage.quality, UsageQuality::Unknown);
    assert_eq!(
        figures(&whole(Api::Moderations, r#"{"results":[{"flagged":false}]}"#)),
        (Some(7), None, UsageQuality::Estimated)
    );
}

#[test]
fn blank_answers_are_marked() {
    let blank = |api, body: &str| whole(api, body).blank;
    assert!(blank(
        Api::Chat,
        r#"{"choices":[{"message":{"role":"assistant","content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":900,"completion_tokens":0}}"#
    ));
    assert!(blank(
        Api::Chat,
        r#"{"choices":[{"message":{"content":null,"reasoning_content":"hm"},"finish_reason":"length"}]}"#
    ));
    assert!(!blank(
        Api::Chat,
        r#"{"choices":[{"message":{"content":null,"tool_calls":[{"id":"c"}]},"finish_reason":"tool_calls"}]}"#
    ));
    assert!(!blank(Api::Chat, r#"{"choices":[{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}]}"#));
    assert!(blank(
        Api::Messages,
        r#"{"content":[{"type":"thinking","thinking":"hm","signature":"s"}],"stop_reason":"max_tokens"}"#
    ));
    assert!(!blank(Api::Messages, r#"{"content":[{"type":"text","text":"a"}],"stop_reason":"end_turn"}"#));
    assert!(blank(
        Api::Responses,
        r#"{"object":"response","status":"completed","output":[{"type":"message","id":"m","content":[{"type":"output_text","text":"","annotations":[]}]}]}"#
    ));
    assert!(!blank(
        Api::Responses,
        r#"{"object":"response","status":"completed","output":[{"type":"function_call","name":"f","arguments":""}]}"#
    ));
    assert!(!blank(Api::Embeddings, r#"{"object":"list","data":[],"usage":{"prompt_tokens":8,"total_tokens":8}}"#));
}

#[test]
fn a_background_response_has_no_usage_yet() {
    let queued =
        r#"{"id":"resp_1","object":"response","status":"queued","background":true,"error":null,"output":[],"usage":null}"#;
    let metered = whole(Api::Responses, queued);
    assert!(metered.background && !metered.blank);
    assert_eq!((metered.id.as_deref(), metered.status.as_deref()), (Some("resp_1"), Some("queued")));
    assert_eq!(metered.usage.quality, UsageQuality::Unknown);
    let done = queued
        .replace("queued", "completed")
        .replace("\"usage\":null", "\"usage\":{\"input_tokens\":1000,\"output_tokens\":500}");
    let mut fetched = Meter::new(Api::Responses, RequestFacts::default());
    fetched.observe_body(done.as_bytes());
    assert_eq!(figures(&fetched.finish(End::Whole)), (Some(1000), Some(500), UsageQuality::Exact));
}

#[test]
fn embeddings_are_read_at_their_ends() {
    let vector = vec!["-0.0123456"; 1536].join(",");
    let rows = vec![format!(r#"{{"object":"embedding","embedding":[{vector}]}}"#); 100].join(",");
    let body =
        format!(r#"{{"object":"list","model":"te-3","data":[{rows}],"usage":{{"prompt_tokens":812,"total_tokens":812}}}}"#);
    assert!(body.len() > 1024 * 1024);
    let metered = whole(Api::Embeddings, &body);
    assert_eq!(figures(&metered), (Some(812), None, UsageQuality::Exact));
    assert_eq!(metered.model.as_deref(), Some("te-3"));
    let tail = format!(r#"{{"data":[{rows}],"usage":{{"total_tokens":3}},"model":"m","meta":[{{"a":1}}]}}"#);
    assert_eq!(whole(Api::Embeddings, &tail).usage.input, Some(3), "members may follow");
    let inner = format!(r#"{{"data":[{rows},{{"usage":{{"total_tokens":3}}}}]}}"#);
    assert_eq!(whole(Api::Embeddings, &inner).usage.quality, UsageQuality::Estimated, "only the answer's own usage counts");
}

#[test]
fn texts_and_sounds_that_are_not_json_are_taken() {
    let spoken = Meter::new(Api::Audio, RequestFacts { input_characters: Some(1000), ..facts() });
    let mut with_sound = spoken;
    assert_eq!(with_sound.observe_body(b"ID3\x04\x00"), None);
    let metered = with_sound.finish(End::Whole);
    assert_eq!((metered.usage.characters, metered.usage.quality), (Some(1000), UsageQuality::Exact));
    assert!(!metered.blank);
    let subtitles = whole(Api::Audio, "1\n00:00 --> 00:01\nHi\n");
    assert_eq!(subtitles.usage.quality, UsageQuality::Unknown);
    assert_eq!(whole(Api::Audio, r#"{"text":"hi","duration":8.4567}"#).usage.audio_ms, Some(8457));
}

#[test]
fn broken_or_hostile_answers_never_panic() {
    let answer = r#"{"id":"x","choices":[{"message":{"content":"é\ud800"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1e300,"completion_tokens":18446744073709551615,"total_tokens":-1,"prompt_tokens_details":{"cached_tokens":18446744073709551615}}}"#;
    for api in [Api::Chat, Api::Responses, Api::Images, Api::Audio, Api::Embeddings, Api::Other] {
        for end in 0..=answer.len() {
            let mut meter = Meter::new(api, facts());
            meter.observe_body(&answer.as_bytes()[..end]);
            meter.observe(&Event { range: 0..0, name: b"", data: &answer.as_bytes()[..end], too_long: false });
            let _ = meter.finish(End::Cut);
        }
    }
    let usage = whole(Api::Chat, answer).usage;
    assert_eq!((usage.output, usage.cached_read), (Some(u64::MAX), Some(u64::MAX)));
}
