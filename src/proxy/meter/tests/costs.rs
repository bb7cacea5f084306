//! From what a provider sent to dollars.

use super::*;
use crate::domain::{Cost, Nanodollars, Price, Rate};

fn price() -> Price {
    Price {
        input: Some(Rate::per_million(10.0)),
        cached_read: Some(Rate::per_million(1.0)),
        cache_write: Some(Rate::per_million(12.5)),
        output: Some(Rate::per_million(20.0)),
        ..Price::default()
    }
}

fn dollars(metered: &Metered, price: &Price) -> Option<f64> {
    metered.usage.cost(price).known().map(Nanodollars::as_dollars)
}

/// A chat answer with this usage, whole and streamed, which must agree.
fn chat(usage: &str) -> Metered {
    let body = format!(r#"{{"choices":[{{"message":{{"content":"a"}},"finish_reason":"stop"}}],"usage":{usage}}}"#);
    let answer = whole(Api::Chat, &body);
    let text = r#"{"choices":[{"delta":{"content":"a"},"finish_reason":null}]}"#;
    let stop = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let stream = lines(&[text, stop, &format!(r#"{{"choices":[],"usage":{usage}}}"#), "[DONE]"]);
    assert_eq!(streamed(Api::Chat, &stream, End::Whole).usage, answer.usage);
    answer
}

/// A messages answer with this usage, whole and streamed, which must agree.
fn messages(input: u64, read: u64, write: u64, output: u64) -> Metered {
    let cached = format!(r#""cache_read_input_tokens":{read},"cache_creation_input_tokens":{write}"#);
    let body = format!(
        r#"{{"content":[{{"type":"text","text":"a"}}],"stop_reason":"end_turn","usage":{{"input_tokens":{input},{cached},"output_tokens":{output}}}}}"#
    );
    let answer = whole(Api::Messages, &body);
    let start =
        format!(r#"{{"type":"message_start","message":{{"usage":{{"input_tokens":{input},{cached},"output_tokens":1}}}}}}"#);
    let delta = r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}"#;
    let stop =
        format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"end_turn"}},"usage":{{"output_tokens":{output}}}}}"#);
    let stream = named(&[&start, delta, &stop, r#"{"type":"message_stop"}"#]);
    assert_eq!(streamed(Api::Messages, &stream, End::Whole).usage, answer.usage);
    answer
}

#[test]
fn cached_tokens_inside_and_beside_cost_the_same() {
    let inside = chat(
        r#"{"prompt_tokens":1000,"completion_tokens":50,"total_tokens":1050,"prompt_tokens_details":{"cached_tokens":800}}"#,
    );
    assert_eq!((inside.usage.input, dollars(&inside, &price())), (Some(1000), Some(0.0038)));
    let beside = messages(200, 800, 0, 50);
    assert_eq!((beside.usage.input, dollars(&beside, &price())), (Some(1000), Some(0.0038)));
    let written = messages(200, 400, 400, 50);
    assert_eq!((written.usage.input, dollars(&written, &price())), (Some(1000), Some(0.0084)));
    let fewer_cached = messages(1000, 200, 0, 50);
    assert_eq!(fewer_cached.usage.input, Some(1200), "beside, though it would fit inside");
}

#[test]
fn vendors_spellings_of_cached_tokens_are_read() {
    for usage in [
        r#"{"prompt_tokens":1000,"completion_tokens":50,"total_tokens":1050,"prompt_cache_hit_tokens":800,"prompt_cache_miss_tokens":200}"#,
        r#"{"prompt_tokens":1000,"completion_tokens":50,"total_tokens":1050,"cached_tokens":800}"#,
        r#"{"prompt_tokens":1000,"completion_tokens":50,"total_tokens":1050,"cache_read_input_tokens":800}"#,
        r#"{"prompt_tokens":200,"completion_tokens":50,"total_tokens":1050,"prompt_tokens_details":{"cached_tokens":800}}"#,
        r#"{"prompt_tokens":200,"completion_tokens":50,"cached_tokens":800}"#,
        r#"{"input_tokens":1000,"output_tokens":50,"total_tokens":1050,"input_tokens_details":{"cached_tokens":800},"num_sources_used":3}"#,
        r#"{"promptTokenCount":1000,"candidatesTokenCount":50,"totalTokenCount":1050,"cachedContentTokenCount":800}"#,
    ] {
        let metered = chat(usage);
        assert_eq!(metered.usage.input, Some(1000), "{usage}");
        assert_eq!(metered.usage.cached_read, Some(800), "{usage}");
        assert_eq!(dollars(&metered, &price()), Some(0.0038), "{usage}");
        assert_eq!(metered.usage.raw.as_deref(), Some(usage));
    }
    let parts = r#"{"input_tokens":100,"cache_creation":{"ephemeral_5m_input_tokens":300,"ephemeral_1h_input_tokens":100},"output_tokens":1}"#;
    assert_eq!(chat(parts).usage.cache_write, Some(400));
}

#[test]
fn reasoning_inside_and_beside_costs_the_same() {
    for usage in [
        r#"{"prompt_tokens":100,"completion_tokens":100,"total_tokens":200,"completion_tokens_details":{"reasoning_tokens":60}}"#,
        r#"{"prompt_tokens":100,"completion_tokens":40,"total_tokens":200,"completion_tokens_details":{"reasoning_tokens":60}}"#,
        r#"{"prompt_tokens":100,"completion_tokens":40,"reasoning_tokens":60}"#,
        r#"{"promptTokenCount":100,"candidatesTokenCount":40,"thoughtsTokenCount":60,"totalTokenCount":200}"#,
    ] {
        let metered = chat(usage);
        assert_eq!((metered.usage.output, metered.usage.reasoning), (Some(100), Some(60)), "{usage}");
        assert_eq!(dollars(&metered, &price()), Some(0.003), "{usage}");
        assert_eq!(metered.usage.raw.as_deref(), Some(usage));
    }
    let both = r#"{"prompt_tokens":100,"completion_tokens":40,"total_tokens":500,"cached_tokens":300,"reasoning_tokens":60}"#;
    let metered = chat(both);
    assert_eq!((metered.usage.input, metered.usage.output), (Some(400), Some(100)));
}

#[test]
fn seconds_are_priced_by_the_minute() {
    let minute = Price { per_second: Some(Rate::per_unit(0.006 / 60.0)), output: Some(Rate(0)), ..Price::default() };
    let heard = whole(Api::Audio, r#"{"text":"hi","usage":{"type":"duration","seconds":27}}"#);
    assert_eq!((heard.usage.audio_ms, dollars(&heard, &minute)), (Some(27_000), Some(0.0027)));
    let verbose = whole(Api::Audio, r#"{"task":"transcribe","duration":27.0,"text":"hi"}"#);
    assert_eq!(dollars(&verbose, &minute), Some(0.0027));
}

#[test]
fn pictures_are_priced_by_token_or_by_piece_but_never_both() {
    let price = Price {
        input: Some(Rate::per_million(5.0)),
        image_output: Some(Rate::per_million(30.0)),
        per_picture: Some(Rate::per_unit(0.039)),
        ..Price::default()
    };
    let tokens = r#"{"data":[{"b64_json":"iVBO"}],"usage":{"input_tokens":0,"output_tokens":1290,"total_tokens":1290}}"#;
    let drawn = whole(Api::Images, tokens);
    assert_eq!((drawn.usage.image_output, dollars(&drawn, &price)), (Some(1290), Some(0.0387)));
    let chat = chat(r#"{"prompt_tokens":0,"completion_tokens":1290,"completion_tokens_details":{"image_tokens":1290}}"#);
    assert_eq!(dollars(&chat, &price), Some(0.0387));
    let two = whole(Api::Images, r#"{"created":1,"data":[{"url":"https://a"},{"url":"https://b"}]}"#);
    assert_eq!((two.usage.pictures, dollars(&two, &price)), (Some(2), Some(0.078)));
}

#[test]
fn speech_is_priced_by_character() {
    let price = Price { per_character: Some(Rate::per_million(15.0)), ..Price::default() };
    let mut meter = Meter::new(Api::Audio, RequestFacts { input_characters: Some(1000), ..facts() });
    meter.observe_body(b"RIFF");
    assert_eq!(dollars(&meter.finish(End::Whole), &price), Some(0.015));
}

#[test]
fn what_is_not_known_is_never_zero() {
    let nothing = whole(Api::Other, "{}");
    assert_eq!(nothing.usage.cost(&price()), Cost::Unknown);
    let used = chat(r#"{"prompt_tokens":10,"completion_tokens":1}"#);
    assert_eq!(used.usage.cost(&Price::default()), Cost::Unknown);
    let free = Price { input: Some(Rate(0)), output: Some(Rate(0)), ..Price::default() };
    assert_eq!(used.usage.cost(&free), Cost::Known(Nanodollars(0)));
    assert_eq!(whole(Api::Audio, r#"{"text":"hi"}"#).usage.cost(&price()), Cost::Unknown);
}
