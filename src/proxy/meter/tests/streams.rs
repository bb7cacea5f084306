//! Streams: usage, ends, blanks, and what is left when they break off.

use super::*;

const START: &str = r#"{"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#;

fn text(text: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-1","choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}],"usage":null}}"#
    )
}

const STOP: &str = r#"{"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#;
const USAGE: &str = r#"{"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":11, "completion_tokens":3,"total_tokens":14}}"#;

#[test]
fn a_chat_stream_is_metered_exactly() {
    let stream = lines(&[START, &text("Hel"), &text("lo"), STOP, USAGE, "[DONE]"]);
    let (words, meter) = fed(Api::Chat, &stream);
    assert_eq!(words, ["nothing", "content", "content", "finish", "nothing", "done"]);
    let metered = meter.finish(End::Whole);
    assert_eq!(figures(&metered), (Some(11), Some(3), UsageQuality::Exact));
    assert_eq!(metered.usage.raw.as_deref(), Some(r#"{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14}"#));
    assert_eq!(metered.id.as_deref(), Some("chatcmpl-1"));
    assert_eq!(metered.model.as_deref(), Some("gpt-4o-2024-08-06"));
    assert_eq!(metered.finish_reason.as_deref(), Some("stop"));
    assert!(metered.finished && metered.content_seen && !metered.blank && !metered.usage.partial);
}

#[test]
fn only_the_added_usage_event_is_recognised() {
    let is_added =
        |data: &str| Meter::is_added_usage(&Event { range: 0..0, name: b"", data: data.as_bytes(), too_long: false });
    assert!(is_added(USAGE));
    assert!(is_added(r#"{"choices": [ ],"usage" : {"prompt_tokens":1}}"#));
    for data in [
        START,
        STOP,
        r#"{"choices":[],"usage":null}"#,
        r#"{"choices":[],"prompt_filter_results":[]}"#,
        r#"{"choices":[{"delta":{"content":"\"usage\":{}"}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#,
        r#"{"usage":{"prompt_tokens":1}}"#,
        "[DONE]",
    ] {
        assert!(!is_added(data), "{data}");
    }
}

#[test]
fn of_running_totals_the_last_counts() {
    let chunk = |output: u32| {
        format!(
            r#"{{"choices":[{{"delta":{{"content":"w"}},"finish_reason":null}}],"usage":{{"prompt_tokens":10,"completion_tokens":{output}}}}}"#
        )
    };
    let chunks: Vec<String> = (1..=30).map(chunk).collect();
    let stream = |count: usize| chunks[..count].iter().map(|chunk| format!("data: {chunk}\n\n")).collect::<String>();
    let metered = streamed(Api::Chat, &(stream(30) + &*lines(&[STOP, "[DONE]"])), End::Whole);
    assert_eq!(figures(&metered), (Some(10), Some(30), UsageQuality::Exact));
    assert!(!metered.usage.partial);
    let left = streamed(Api::Chat, &stream(12), End::Cut);
    assert_eq!(figures(&left), (Some(10), Some(12), UsageQuality::Exact));
    assert!(left.usage.partial);
}

#[test]
fn missing_null_and_zero_differ() {
    let usage = |usage: &str| {
        let stream = lines(&[&text("a"), STOP, &format!(r#"{{"choices":[],"usage":{usage}}}"#)]);
        streamed(Api::Chat, &stream, End::Whole).usage
    };
    let zero = usage(r#"{"prompt_tokens":5,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":0}}"#);
    assert_eq!((zero.output, zero.cached_read, zero.cache_write), (Some(0), Some(0), None));
    let null = usage(r#"{"prompt_tokens":5,"completion_tokens":null,"prompt_tokens_details":null}"#);
    assert_eq!((null.input, null.output, null.cached_read), (Some(5), None, None));
    assert_eq!(null.quality, UsageQuality::Exact);
    let negative = usage(r#"{"prompt_tokens":5,"completion_tokens":-3,"total_tokens":2}"#);
    assert_eq!((negative.input, negative.output), (Some(5), None));
    assert_eq!(usage("{}").quality, UsageQuality::Estimated, "an empty object states nothing");
    assert_eq!(usage("[]").quality, UsageQuality::Estimated);
}

#[test]
fn usage_written_in_a_text_is_text() {
    let fake = text(r#"\"usage\":{\"prompt_tokens\":999,\"completion_tokens\":999}"#);
    let metered = streamed(Api::Chat, &lines(&[START, &text("a"), &fake, &fake, STOP, USAGE]), End::Whole);
    assert_eq!(figures(&metered), (Some(11), Some(3), UsageQuality::Exact));
    let without = streamed(Api::Chat, &lines(&[START, &fake, &fake, STOP]), End::Whole);
    assert_eq!(without.usage.quality, UsageQuality::Estimated);
    let deep = r#"{"choices":[{"delta":{"content":"a","tool_calls":[{"usage":{"prompt_tokens":999}}]}}]}"#;
    assert_eq!(streamed(Api::Chat, &lines(&[deep, STOP]), End::Whole).usage.quality, UsageQuality::Estimated);
}

#[test]
fn without_usage_the_text_is_estimated() {
    let stream = lines(&[START, &text("eight ch"), &text("汉字"), &text("\\u6c49\\u5b57"), STOP, "[DONE]"]);
    let metered = streamed(Api::Chat, &stream, End::Whole);
    assert_eq!(figures(&metered), (Some(7), Some(2 + 2 + 2), UsageQuality::Estimated));
    assert!(!metered.usage.partial);
    let cut = streamed(Api::Chat, &lines(&[START, &text("eight ch")]), End::Cut);
    assert_eq!(figures(&cut), (Some(7), Some(2), UsageQuality::Estimated));
    assert!(cut.usage.partial && !cut.finished);
    let reasoning = r#"{"choices":[{"delta":{"content":null,"reasoning_content":"sixteen letters!"},"finish_reason":null}]}"#;
    assert_eq!(streamed(Api::Chat, &lines(&[reasoning, STOP]), End::Whole).usage.output, Some(4));
}

#[test]
fn a_client_that_leaves_behind_the_finish_reason_has_its_answer() {
    let metered = streamed(Api::Chat, &lines(&[START, &text("a"), STOP]), End::Cut);
    assert!(metered.finished && !metered.usage.partial);
    let done = streamed(Api::Chat, &lines(&[START, &text("a"), STOP, USAGE, "[DONE]"]), End::Cut);
    assert_eq!(figures(&done), (Some(11), Some(3), UsageQuality::Exact));
    assert!(!done.usage.partial);
}

#[test]
fn only_without_reason_and_usage_a_stream_is_empty() {
    let is_empty = |data: &[&str]| fed(Api::Chat, &lines(data)).1.is_empty();
    assert!(is_empty(&[]));
    assert!(is_empty(&[START]));
    assert!(is_empty(&[START, "[DONE]"]));
    let (words, meter) = fed(Api::Chat, &lines(&[START, "[DONE]"]));
    assert_eq!((words, meter.is_finished()), (vec!["nothing".into(), "nothing".into()], false));
    assert!(is_empty(&[r#"{"choices":[],"prompt_filter_results":[]}"#, "[DONE]"]));
    assert!(is_empty(&[r#"{"type":"message_stop"}"#]));
    assert!(!is_empty(&[r#"{"type":"response.completed","response":{"id":"resp_1","output":[]}}"#]));
    assert!(!is_empty(&[START, STOP]));
    assert!(!is_empty(&[START, USAGE]));
    assert!(!is_empty(&[&text("a")]));
}

#[test]
fn a_blank_answer_is_told_from_a_readable_one() {
    let blank = |data: &[&str]| streamed(Api::Chat, &lines(data), End::Whole).blank;
    let thinking = r#"{"choices":[{"delta":{"reasoning_content":"hm"},"finish_reason":null}]}"#;
    let length = r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#;
    assert!(blank(&[START, thinking, thinking, length]));
    assert!(blank(&[START, STOP, r#"{"choices":[],"usage":{"prompt_tokens":900,"completion_tokens":0}}"#]));
    assert!(!blank(&[START, thinking, &text("a"), length]));
    assert!(!blank(&[START, r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#, STOP]));
    assert!(!blank(&[START, r#"{"choices":[{"delta":{"refusal":"no"}}]}"#, STOP]));
    assert!(!blank(&[START]), "what did not finish is not blank");
}

#[test]
fn usage_in_vendors_places_is_found() {
    let groq = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"prompt_tokens":4,"completion_tokens":2}}}"#;
    assert_eq!(figures(&streamed(Api::Chat, &lines(&[groq]), End::Whole)), (Some(4), Some(2), UsageQuality::Exact));
    let moonshot = r#"{"choices":[{"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":4,"completion_tokens":2,"cached_tokens":1}}]}"#;
    let metered = streamed(Api::Chat, &lines(&[moonshot]), End::Whole);
    assert_eq!((metered.usage.input, metered.usage.cached_read), (Some(4), Some(1)));
}

#[test]
fn a_responses_stream_is_metered() {
    let created = r#"{"type":"response.created","response":{"id":"resp_1","object":"response","model":"gpt-5","status":"in_progress","background":false,"error":null,"output":[],"usage":null}}"#;
    let delta = r#"{"type":"response.output_text.delta","item_id":"msg_1","delta":"eight ch","logprobs":[]}"#;
    let completed = r#"{"type":"response.completed","response":{"id":"resp_1","object":"response","status":"completed","error":null,
        "output":[{"type":"reasoning","summary":[]},{"type":"message","content":[{"type":"output_text","text":"eight ch"}]}],
        "usage":{"input_tokens":20,"input_tokens_details":{"cached_tokens":16},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":6},"total_tokens":29}}}"#
        .replace('\n', "");
    let stream = named(&[created, delta, delta, &completed]);
    let (words, meter) = fed(Api::Responses, &stream);
    assert_eq!(words, ["nothing", "content", "content", "done"]);
    let metered = meter.finish(End::Whole);
    assert_eq!(figures(&metered), (Some(20), Some(9), UsageQuality::Exact));
    assert_eq!((metered.usage.cached_read, metered.usage.reasoning), (Some(16), Some(6)));
    assert_eq!((metered.id.as_deref(), metered.model.as_deref()), (Some("resp_1"), Some("gpt-5")));
    assert_eq!((metered.finish_reason.as_deref(), metered.status.as_deref()), (Some("completed"), Some("completed")));
    assert!(!metered.blank);
    let nameless = streamed(Api::Responses, &lines(&[created, delta, delta, &completed]), End::Whole);
    assert_eq!(Metered { ..nameless }, metered, "the type may stand in the data alone");
    let cut = streamed(Api::Responses, &named(&[created, delta, delta]), End::Cut);
    assert_eq!((figures(&cut), cut.usage.partial), ((Some(7), Some(4), UsageQuality::Estimated), true));
}

#[test]
fn a_response_of_reasoning_alone_is_blank() {
    let incomplete = r#"{"type":"response.incomplete","response":{"object":"response","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}]}],"usage":{"input_tokens":5,"output_tokens":64}}}"#;
    let thinking = r#"{"type":"response.reasoning_summary_text.delta","delta":"hm"}"#;
    let metered = streamed(Api::Responses, &named(&[thinking, thinking, incomplete]), End::Whole);
    assert!(metered.blank);
    assert_eq!(metered.finish_reason.as_deref(), Some("max_output_tokens"));
}

#[test]
fn a_messages_stream_adds_up_its_two_statements() {
    let start = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"usage":{"input_tokens":200,"cache_read_input_tokens":800,"cache_creation_input_tokens":0,"output_tokens":1}}}"#;
    let begin = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"sixteen letters!"}}"#;
    let stop =
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":50}}"#;
    let end = r#"{"type":"message_stop"}"#;
    let (words, meter) = fed(Api::Messages, &named(&[start, r#"{"type":"ping"}"#, begin, delta, delta, stop, end]));
    assert_eq!(words, ["nothing", "nothing", "nothing", "content", "content", "finish", "done"]);
    let metered = meter.finish(End::Whole);
    assert_eq!(figures(&metered), (Some(1000), Some(50), UsageQuality::Exact));
    assert_eq!((metered.usage.cached_read, metered.usage.cache_write), (Some(800), Some(0)));
    assert_eq!(
        metered.usage.raw.as_deref(),
        Some(r#"{"input_tokens":200,"cache_read_input_tokens":800,"cache_creation_input_tokens":0,"output_tokens":50}"#)
    );
    assert_eq!((metered.id.as_deref(), metered.model.as_deref()), (Some("msg_1"), Some("claude-x")));
    assert_eq!(metered.finish_reason.as_deref(), Some("end_turn"));
    let cut = streamed(Api::Messages, &named(&[start, begin, delta, delta]), End::Cut);
    assert_eq!(figures(&cut), (Some(1000), Some(8), UsageQuality::Estimated), "the output stated at the start is no total");
    assert!(cut.usage.partial);
    let thinking = r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#;
    assert!(streamed(Api::Messages, &named(&[start, thinking, stop, end]), End::Whole).blank);
}

#[test]
fn pictures_and_sound_are_metered() {
    let partial = r#"{"type":"image_generation.partial_image","b64_json":"iVBO"}"#;
    let completed = r#"{"type":"image_generation.completed","b64_json":"iVBO","usage":{"input_tokens":50,"output_tokens":1290,"total_tokens":1340}}"#;
    let metered = streamed(Api::Images, &named(&[partial, partial, completed]), End::Whole);
    assert_eq!((metered.usage.pictures, metered.usage.image_output), (Some(1), Some(1290)));
    assert_eq!(figures(&metered), (Some(50), Some(1290), UsageQuality::Exact));
    let large = completed.replace("iVBO", &"iVBO".repeat(400_000));
    assert_eq!(streamed(Api::Images, &named(&[partial, &large]), End::Whole).usage, metered.usage, "also when it is too long");
    let spoken = r#"{"type":"transcript.text.done","text":"hi","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":4,"total_tokens":18}}"#;
    let metered = streamed(Api::Audio, &named(&[r#"{"type":"transcript.text.delta","delta":"hi"}"#, spoken]), End::Whole);
    assert_eq!((metered.usage.input, metered.usage.audio_input, metered.usage.output), (Some(14), Some(14), Some(4)));
    assert!(metered.finished && !metered.blank);
}

#[test]
fn padding_behind_the_text_does_not_hide_the_end() {
    let padded = |text: &str, padding: &str| {
        format!(
            r#"{{"choices":[{{"delta":{{"content":"{text}"}},"finish_reason":null}}],"usage":null,"obfuscation":"{padding}"}}"#
        )
    };
    let mut data: Vec<String> = (0..40).map(|number| padded(&"w".repeat(number % 5), &"p".repeat(number % 7))).collect();
    data.push(r#"{"choices":[{"delta":{"content":"w"},"finish_reason":"stop"}],"usage":null,"obfuscation":"pp"}"#.into());
    data.push(padded("after", "p").replace("\"usage\":null", "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}"));
    data.push(padded("last", "x").replace("\"obfuscation\"", "\"error\""));
    let data: Vec<&str> = data.iter().map(String::as_str).collect();
    let (words, meter) = fed(Api::Chat, &lines(&data));
    assert_eq!(&words[40..42], ["finish", "content"]);
    assert!(words[42].starts_with("error "), "{}", words[42]);
    assert_eq!(figures(&meter.finish(End::Whole)), (Some(1), Some(2), UsageQuality::Exact));
}
