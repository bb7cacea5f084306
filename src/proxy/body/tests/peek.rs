//! What one pass over a request body finds, and what it refuses.

use bytes::Bytes;
use proptest::prelude::*;

use crate::proxy::json::tests::{any_value, loosely};
use crate::proxy::{BodyError, Peek, StreamOptions, peek};

fn read(text: &str) -> Result<Peek, BodyError> {
    peek(&Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn model_and_stream_are_read_wherever_they_stand() {
    let found =
        read(r#" {"messages":[{"role":"user","content":"model: \"x\""}],"mod\u0065l" : "gpt-4o","stream":true} "#).unwrap();
    assert_eq!(found.model.as_deref(), Some("gpt-4o"));
    assert_eq!(found.stream, Some(true));
    let at = found.model_at.clone().unwrap();
    assert_eq!(&found.body[at], b"\"gpt-4o\"");
    let escaped = read(r#"{"model":"模\u578b 1","stream":null}"#).unwrap();
    assert_eq!(escaped.model.as_deref(), Some("模型 1"));
    assert_eq!(escaped.stream, None);
    assert_eq!(read("{}").unwrap().model, None);
    assert_eq!(read(r#"{"model":null}"#).unwrap().model, None);
}

#[test]
fn a_repeated_deciding_member_is_refused() {
    let filler = "x".repeat(300 * 1024);
    let late = format!(r#"{{"model":"cheap","messages":"{filler}","model":"dear"}}"#);
    let cases = [
        r#"{"model":"cheap","model":"cheap"}"#,
        r#"{"model":"cheap","mod\u0065l":"dear"}"#,
        r#"{"\u006dodel":"cheap","model":"dear"}"#,
        r#"{"model":null,"model":"dear"}"#,
        r#"{"model":"cheap","Model":"dear"}"#,
        r#"{"MODEL":"cheap","model":"dear"}"#,
        &late,
    ];
    for case in cases {
        let error = read(case).unwrap_err();
        assert_eq!(error, BodyError::Repeated("model"));
        assert_eq!((error.code(), error.param()), ("repeated_member", Some("model")));
        assert!(error.to_string().contains("`model`"));
        assert!(!error.is_other_content());
    }
    assert_eq!(read(r#"{"stream":false,"str\u0065am":true}"#).unwrap_err(), BodyError::Repeated("stream"));
    assert!(read(r#"{"model":"a","x":{"model":1,"model":2,"stream":3,"stream":4},"y":1,"y":2}"#).is_ok(), "others may repeat");
}

#[test]
fn wrong_kinds_are_named() {
    for (text, member) in [
        (r#"{"model":3}"#, "model"),
        (r#"{"model":["a"]}"#, "model"),
        (r#"{"model":"\ud800"}"#, "model"),
        (r#"{"stream":"true"}"#, "stream"),
        (r#"{"stream":1}"#, "stream"),
    ] {
        let error = read(text).unwrap_err();
        assert_eq!((error.code(), error.param()), ("invalid_type", Some(member)), "{text}");
    }
}

#[test]
fn bodies_of_another_kind_are_told_apart() {
    for text in ["", "[1,2]", "7", "\"text\"", "model=gpt-4o", "{\"a\":1} x", "{\"a\":1", "{\"a\":01}", "\u{feff}{}"] {
        assert!(read(text).unwrap_err().is_other_content(), "{text}");
    }
    assert_eq!(read("").unwrap_err(), BodyError::Empty);
    assert_eq!(read("[1]").unwrap_err(), BodyError::NotAnObject);
    let error = peek(&Bytes::from_static(b"{\"model\":\"\xff\"}")).unwrap_err();
    assert_eq!((error.clone(), error.code()), (BodyError::NotUtf8(10), "invalid_json"));
}

#[test]
fn depth_is_limited_and_never_overflows() {
    let nested = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(read(&nested(511)).is_ok());
    assert_eq!(read(&nested(512)).unwrap_err(), BodyError::TooDeep);
    assert_eq!(read(&nested(10_000)).unwrap_err(), BodyError::TooDeep);
    assert_eq!(read(&"[".repeat(1_000_000)).unwrap_err(), BodyError::TooDeep);
}

#[test]
fn facts_for_routing_are_read() {
    let found = read(
        r#"{"model":"m","background":true,"previous_response_id":"resp_1","conversation":{"id":"conv_1"},"n":2,
           "max_tokens":100,"max_completion_tokens":50,"stream_options":{"include_usage":false},"vector_store_id":"vs_9",
           "tools":[{"type":"file_search","vector_store_ids":["vs_1","vs_2"]},{"container":{"type":"auto","file_ids":["file-3"]}}],
           "input":[{"content":[{"type":"input_file","file_\u0069d":"file-1"},{"type":"input_image","file_id":"file-1"},
           {"type":"input_text","text":"\"file_id\":\"no\""}]}]}"#,
    )
    .unwrap();
    assert!(found.background);
    assert_eq!(found.previous_response_id.as_deref(), Some("resp_1"));
    assert_eq!(found.conversation.as_deref(), Some("conv_1"));
    assert_eq!((found.n, found.max_output_tokens), (Some(2), Some(50)));
    assert_eq!(found.stream_options, StreamOptions::IncludeUsage(false));
    let ids: Vec<&str> = found.object_ids.iter().map(|id| &**id).collect();
    assert_eq!(ids, ["vs_9", "vs_1", "vs_2", "file-3", "file-1"]);
    assert_eq!(read(r#"{"stream_options":{}}"#).unwrap().stream_options, StreamOptions::Silent);
    assert_eq!(read(r#"{"stream_options":null}"#).unwrap().stream_options, StreamOptions::Missing);
    assert_eq!(read(r#"{"training_file":"file-7"}"#).unwrap().object_ids[0].as_ref(), "file-7");
    assert_eq!(read(r#"{"conversation":"conv_2"}"#).unwrap().conversation.as_deref(), Some("conv_2"));
}

#[test]
fn object_ids_are_bounded() {
    let many: Vec<String> = (0..1000).map(|number| format!("\"file-{number}\"")).collect();
    assert_eq!(read(&format!(r#"{{"file_ids":[{}]}}"#, many.join(","))).unwrap().object_ids.len(), 64);
    let long = "x".repeat(1000);
    assert!(read(&format!(r#"{{"file_id":"{long}"}}"#)).unwrap().object_ids.is_empty());
}

#[test]
fn speech_is_counted_in_characters() {
    assert_eq!(read(r#"{"input":"h\u00e9llo 🙂\n"}"#).unwrap().input_characters(), Some(8));
    assert_eq!(read(r#"{"input":["a"]}"#).unwrap().input_characters(), None);
    assert_eq!(read("{}").unwrap().input_characters(), None);
}

#[test]
fn the_prompt_prefix_is_the_same_in_every_turn() {
    let hash = |text: &str| read(text).unwrap().prompt_prefix_hash();
    let first = hash(r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}]}"#);
    let later = hash(
        r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},
           {"role":"user","content":"c"}],"model":"m","temperature":1}"#,
    );
    let other = hash(r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"z"}]}"#);
    assert!(first.is_some());
    assert_eq!(first, later);
    assert_ne!(first, other);
    let long = "s".repeat(5000);
    let shared = |user: &str| hash(&format!(r#"{{"system":"{long}","messages":[{{"role":"user","content":"{user}"}}]}}"#));
    assert_eq!(shared("a"), shared("b"), "a long common beginning is shared");
    let keyed = |text: &str| hash(&format!(r#"{{"prompt_cache_key":"k","input":"{text}"}}"#));
    assert_eq!(keyed("a"), keyed("b"), "the client's own cache key decides");
    assert_ne!(hash(r#"{"input":"a"}"#), hash(r#"{"input":"b"}"#));
    assert_eq!(hash(r#"{"model":"m"}"#), None);
}

proptest! {
    #[test]
    fn any_body_is_read_or_refused_but_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = peek(&Bytes::from(body));
    }

    #[test]
    fn agrees_with_a_parse(value in any_value(), model in ".{0,8}", stream: bool, salt in 0usize..12) {
        let mut value = if value.is_object() { value } else { serde_json::json!({}) };
        value["model"] = model.clone().into();
        value["stream"] = stream.into();
        let found = read(&loosely(&value, salt)).unwrap();
        prop_assert_eq!(found.model.as_deref(), Some(&*model));
        prop_assert_eq!(found.stream, Some(stream));
    }
}
