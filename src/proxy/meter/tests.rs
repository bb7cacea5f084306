//! The meter on what providers send, streamed and whole.

mod bodies;
mod costs;
mod failures;
mod kinds;
mod streams;

use super::*;
use crate::proxy::Splitter;

/// Facts of a call that asks for an answer, with 7 estimated input tokens.
fn facts() -> RequestFacts {
    RequestFacts { generates: true, estimated_input: Some(7), input_characters: None }
}

/// What one event is, in a word; an error with the JSON for the classifier.
fn word(kind: EventKind<'_>) -> String {
    match kind {
        EventKind::Nothing => "nothing".into(),
        EventKind::Content => "content".into(),
        EventKind::Error(error) => format!("error {}", String::from_utf8_lossy(error)),
        EventKind::Finish => "finish".into(),
        EventKind::Done => "done".into(),
    }
}

/// Feeds a stream in small pieces; returns what its events are, and the meter.
fn fed(api: Api, stream: &str) -> (Vec<String>, Meter) {
    let mut splitter = Splitter::new();
    let mut meter = Meter::new(api, facts());
    let mut words = Vec::new();
    for piece in stream.as_bytes().chunks(61) {
        let mut rest = piece;
        while let Some(event) = splitter.next(&mut rest) {
            words.push(word(meter.observe(&event)));
        }
    }
    if let Some(event) = splitter.finish() {
        words.push(word(meter.observe(&event)));
    }
    (words, meter)
}

fn streamed(api: Api, stream: &str, end: End) -> Metered {
    fed(api, stream).1.finish(end)
}

/// A stream with one line of data for each event.
fn lines(data: &[&str]) -> String {
    data.iter().map(|data| format!("data: {data}\n\n")).collect()
}

/// A stream with named events, the name being the data's `type`.
fn named(data: &[&str]) -> String {
    let name = |data: &str| serde_json::from_str::<serde_json::Value>(data).unwrap()["type"].as_str().unwrap().to_owned();
    data.iter().map(|data| format!("event: {}\ndata: {data}\n\n", name(data))).collect()
}

/// A whole answer that is no error.
fn whole(api: Api, body: &str) -> Metered {
    let mut meter = Meter::new(api, facts());
    assert_eq!(meter.observe_body(body.as_bytes()), None);
    meter.finish(End::Whole)
}

/// Input, output and quality.
fn figures(metered: &Metered) -> (Option<u64>, Option<u64>, UsageQuality) {
    (metered.usage.input, metered.usage.output, metered.usage.quality)
}
