//! Which events hold the head back, lift the barrier, or end a stream.

use super::*;

fn kind(name: &str, data: &str) -> String {
    word(event_kind(&Event { range: 0..0, name: name.as_bytes(), data: data.as_bytes(), too_long: false }))
}

#[test]
fn events_that_carry_nothing_yet() {
    for data in [
        r#"{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
        r#"{"choices":[{"delta":{"role":"assistant","content":null,"tool_calls":[],"refusal":null}}]}"#,
        r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}"#,
        r#"{"choices":[{"index":0,"finish_reason":null,"content_filter_results":{}}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":null,"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"text":"","finish_reason":null}]}"#,
        r#"{"object":"chat.completion.chunk"}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#,
        r#"{"type":"response.created","response":{"id":"resp_1","status":"in_progress","error":null,"output":[]}}"#,
        r#"{"type":"response.in_progress","response":{"error":null}}"#,
        r#"{"type":"response.queued","response":{}}"#,
        r#"{"type":"response.output_item.added","item":{"type":"message","content":[]}}"#,
        r#"{"type":"response.output_text.delta","delta":""}"#,
        r#"{"type":"message_start","message":{"id":"msg_1","content":[],"usage":{"input_tokens":5,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":1}}"#,
        r#"{"type": "ping"}"#,
        "",
    ] {
        assert_eq!(kind("", data), "nothing", "{data}");
    }
}

#[test]
fn text_reasoning_tools_refusals_and_audio_are_content() {
    for delta in [
        r#""content":"a""#,
        r#""content":null,"reasoning_content":"a""#,
        r#""reasoning":"a""#,
        r#""tool_calls":[{"index":0}]"#,
        r#""function_call":{"arguments":"{"}"#,
        r#""refusal":"no""#,
        r#""audio":{"data":"UklG"}"#,
        r#""role":"assistant","unheard_of":[1]"#,
    ] {
        assert_eq!(kind("", &format!(r#"{{"choices":[{{"delta":{{{delta}}},"finish_reason":null}}]}}"#)), "content", "{delta}");
    }
    for data in [
        r#"{"choices":[{"index":0,"text":"a","finish_reason":null}]}"#,
        r#"{"choices":[{"delta":{}},{"delta":{"content":"b"}}]}"#,
        r#"{"type":"response.output_text.delta","delta":"a"}"#,
        r#"{"type":"response.reasoning_summary_text.delta","delta":"a"}"#,
        r#"{"type":"response.function_call_arguments.delta","delta":"{"}"#,
        r#"{"type":"response.refusal.delta","delta":"no"}"#,
        r#"{"type":"response.web_search_call.searching"}"#,
        r#"{"type":"content_block_start","content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"a"}}"#,
        r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}"#,
        r#"{"type":"speech.audio.delta","audio":"UklG"}"#,
        r#"{"type":"image_generation.partial_image","b64_json":"iVBO"}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#,
        "plain text",
        "[1,2]",
        "{broken",
    ] {
        assert_eq!(kind("", data), "content", "{data}");
    }
    let long = Event { range: 0..2_000_000, name: b"", data: b"", too_long: true };
    assert_eq!(event_kind(&long), EventKind::Content);
}

#[test]
fn ends_are_told() {
    for (data, expected) in [
        (r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#, "finish"),
        (r#"{"choices":[{"delta":{"content":"last"},"finish_reason":"length"}]}"#, "finish"),
        (r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#, "finish"),
        (r#"{"type":"image_generation.completed","b64_json":"iVBO"}"#, "finish"),
        ("[DONE]", "done"),
        (" [DONE] ", "done"),
        (r#"{"type":"message_stop"}"#, "done"),
        (r#"{"type":"response.completed","response":{"status":"completed","error":null}}"#, "done"),
        (r#"{"type":"response.incomplete","response":{"status":"incomplete"}}"#, "done"),
        (r#"{"type":"transcript.text.done","text":"a"}"#, "done"),
    ] {
        assert_eq!(kind("", data), expected, "{data}");
    }
    assert_eq!(kind("done", ""), "done");
}

#[test]
fn errors_come_with_what_a_classifier_reads() {
    let failed = r#"{"id":"resp_1","status":"failed","error":{"code":"server_error","message":"m"}}"#;
    assert_eq!(kind("", &format!(r#"{{"type":"response.failed","response":{failed}}}"#)), format!("error {failed}"));
    let choice = r#"{"index":0,"delta":{"content":""},"error":{"code":502,"message":"m"},"finish_reason":"error"}"#;
    assert_eq!(kind("", &format!(r#"{{"choices":[{choice}]}}"#)), format!("error {choice}"));
    for data in [
        r#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#,
        r#"{"error":"overloaded"}"#,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
        r#"{"type":"error","code":"server_error","message":"m","param":null}"#,
        r#"{"choices":[],"error":{"message":"m"}}"#,
        r#"{"object":"error","message":"m","code":50000}"#,
        r#"{"code":"Throttling","message":"m","request_id":"r"}"#,
    ] {
        assert_eq!(kind("", data), format!("error {data}"));
    }
    assert_eq!(kind("error", "gateway broke"), "error gateway broke");
    assert_eq!(kind("error", r#"{"detail":"m"}"#), r#"error {"detail":"m"}"#);
    assert_eq!(kind("error", ""), "error ");
}

#[test]
fn words_inside_a_text_are_text() {
    for text in [r#"\"error\":{\"message\":\"m\"}"#, r#"\"usage\":{}"#, r#"[DONE]"#, r#"\"finish_reason\":\"stop\""#] {
        let data = format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}},"finish_reason":null}}],"error":null}}"#);
        assert_eq!(kind("", &data), "content", "{data}");
    }
}
