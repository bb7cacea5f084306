//! A stream's bytes are the provider's, wherever they were cut on their way.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, stream};
use keywheel::domain::Outcome;
use keywheel::mock::{Behaviour, Ending};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::app::{chat_body, eventually};
use crate::scene::{Scene, assert_billed, assert_ended, chunk};

/// Every line end, comments, data on several lines and without a space, other fields, emoji and CJK, a byte order mark.
fn odd_stream() -> String {
    let text = "\u{1f600}\u{1f469}\u{200d}\u{1f4bb} \u{6f22}\u{5b57}\u{304b}\u{306a} \u{ac00} e\u{301}";
    let word = chunk(text);
    let parts = word.split_at(word.find("\"choices\"").unwrap());
    let mut whole = "\u{feff}: \u{3053}\u{3093}\r\n\r\n".to_owned();
    whole.push_str("data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\r\n\r\n");
    whole.push_str(&format!("event: chunk\ndata:{}\n\n", chunk("one")));
    whole.push_str(&format!(": ping\r\rid: 7\rretry: 10\rdata: {}\rdata: {}\r\r", parts.0, parts.1));
    whole.push_str(&format!("data: {}\r\ndata: {}\r\n\r\n\r\n\n", parts.0, parts.1));
    whole.push_str("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
    whole.push_str(
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,\"total_tokens\":30}}\r\n\r\n",
    );
    whole.push_str("data: [DONE]\n\n");
    whole
}

/// A request that asks for usage itself, so that nothing is taken out.
fn body() -> String {
    chat_body(true).replace("\"stream\":true", "\"stream\":true,\"stream_options\":{\"include_usage\":true}")
}

/// The stream, written in pieces that end at these positions, each of them on its own.
fn cut_at(whole: &[u8], cuts: &[usize]) -> Behaviour {
    let mut behaviour = Behaviour::stream();
    let mut from = 0;
    for cut in cuts.iter().copied().chain([whole.len()]) {
        behaviour = behaviour.piece(whole[from..cut].to_vec()).pause(Duration::from_millis(1));
        from = cut;
    }
    behaviour
}

async fn assert_same_bytes(cases: Vec<Vec<usize>>) {
    let whole = odd_stream().into_bytes();
    let count = cases.len();
    let scene = Scene::new(&["a"]).await;
    scene.plays("a", cases.iter().map(|cuts| cut_at(&whole, cuts)));
    let calls = (0..count).map(|_| scene.read_open("/v1/chat/completions", body()));
    let mut answers = stream::iter(calls).buffer_unordered(16);
    while let Some((status, bytes, ended)) = answers.next().await {
        assert_eq!((status, ended), (200, true));
        assert_eq!(
            String::from_utf8(bytes).expect("no character is cut"),
            String::from_utf8(whole.clone()).unwrap(),
            "{cases:?}"
        );
    }
    drop(answers);
    let records = scene.app.records().await;
    assert_eq!(records.len(), count);
    for record in records {
        assert_ended(&record, Outcome::Success, &[("a", "")], "cut");
        assert_billed(&record, (10, 20), 500_000, "cut");
        assert_eq!(record.bytes_out, whole.len() as u64);
    }
}

#[tokio::test]
async fn bytes_are_the_same_for_every_single_cut() {
    assert_same_bytes((0..=odd_stream().len()).map(|cut| vec![cut]).collect()).await;
}

#[tokio::test]
async fn bytes_are_the_same_for_any_number_of_cuts() {
    let cuts = proptest::collection::vec(0..=odd_stream().len(), 0..60).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts
    });
    let mut runner = TestRunner::default();
    let cases = (0..200).map(|_| cuts.new_tree(&mut runner).expect("cuts").current()).collect();
    assert_same_bytes(cases).await;
    assert_same_bytes(vec![(0..odd_stream().len()).collect()]).await;
}

/// Any bytes pass, whatever a parser would make of them.
#[tokio::test]
async fn bytes_that_are_no_events_pass_too() {
    let scene = Scene::new(&["a"]).await;
    let head = format!("data: {}\n\n", chunk("one"));
    for odd in [
        "\u{0}\u{1}\u{fffd}\n\n",
        "data\n\n",
        "data:x\n\n",
        "data: {\"a\":\n\n",
        ": only a comment",
        "event: x\n\n",
        "\n\n\n\r\r",
    ] {
        let whole = format!("{head}{odd}{head}data: [DONE]\n\n");
        scene.plays("a", [Behaviour::stream().piece(whole.clone())]);
        let (_, bytes, ended) = scene.stream().await;
        assert_eq!((String::from_utf8_lossy(&bytes).as_ref(), ended), (whole.as_str(), true));
    }
    let mut invalid = head.clone().into_bytes();
    invalid.extend_from_slice(b"data: \xff\xfe\xc3\n\n");
    scene.plays("a", [Behaviour::stream().piece(invalid.clone())]);
    assert_eq!(scene.stream().await.1, invalid, "also what is no UTF-8");
}

/// An event of 64 MiB goes on as it comes; the meter looks no further than its bound.
#[tokio::test]
async fn a_giant_event_is_forwarded() {
    const SIZE: usize = 64 << 20;
    let scene = Scene::new(&["a"]).await;
    let giant = Behaviour::stream().event(&chunk("one")).piece("data: ").piece(vec![b'x'; SIZE]).piece("\n\n");
    let usage = crate::scene::usage_event(10, 20);
    scene.plays("a", [giant.event(crate::scene::finish()).event(&usage).done()]);
    let mut response = scene.app.request("POST", "/v1/chat/completions").body(body()).send().await.unwrap();
    let (mut length, mut end) = (0, Vec::new());
    while let Some(piece) = response.chunk().await.expect("a whole stream") {
        length += piece.len();
        end.extend_from_slice(&piece[piece.len().saturating_sub(20)..]);
    }
    assert!(length > SIZE && end.ends_with(b"data: [DONE]\n\n"));
    let record = scene.last().await;
    assert_ended(&record, Outcome::Success, &[("a", "")], "64 MiB");
    assert_eq!((record.bytes_out, record.usage.input, record.usage.output), (length as u64, Some(10), Some(20)));
}

/// Events reach the client one by one as they come, whatever the client said about encodings.
#[tokio::test]
async fn delivery_is_incremental_and_identity_is_asked_for() {
    let scene = Scene::new(&["a"]).await;
    scene.plays("a", [Behaviour::stream().event(&chunk("one")).ending(Ending::Hang)]);
    let request = scene.app.request("POST", "/v1/chat/completions").header("accept-encoding", "gzip, br").body(body());
    let mut response = request.send().await.unwrap();
    let first = tokio::time::timeout(Duration::from_secs(5), response.chunk()).await.expect("at once").unwrap().unwrap();
    assert_eq!(first, format!("data: {}\n\n", chunk("one")));
    assert_eq!(response.headers().get("x-accel-buffering").unwrap(), "no");
    assert!(!response.headers().contains_key("content-encoding"));
    assert_eq!(scene.provider.last_seen().unwrap().header("accept-encoding"), Some("identity"));
}

/// A provider that packs its stream though nobody asked: the client gets plain events, one by one as they come.
#[tokio::test]
async fn a_packed_stream_is_unpacked_as_it_comes() {
    let scene = Scene::new(&["a", "b"]).await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let usage = crate::scene::usage_event(10, 20);
    let texts = ["one", "two"].map(chunk);
    let mut events: Vec<String> = texts.iter().map(|event| format!("data: {event}\n\n")).collect();
    events.push(format!("data: {}\n\ndata: {usage}\n\ndata: [DONE]\n\n", crate::scene::finish()));
    let mut packed = Vec::new();
    for event in &events {
        encoder.write_all(event.as_bytes()).unwrap();
        encoder.flush().unwrap();
        packed.push(std::mem::take(encoder.get_mut()));
    }
    packed.push(encoder.finish().unwrap());
    let stream = |pieces: &[Vec<u8>]| {
        let head = Behaviour::stream().header("content-encoding", "gzip");
        pieces.iter().fold(head, |stream, piece| stream.piece(piece.clone()))
    };
    scene.plays("a", [stream(&packed[..1]).ending(Ending::Hang)]);
    let mut response = scene.app.request("POST", "/v1/chat/completions").body(body()).send().await.unwrap();
    assert!(!response.headers().contains_key("content-encoding"));
    let first = tokio::time::timeout(Duration::from_secs(5), response.chunk()).await.expect("at once").unwrap().unwrap();
    assert_eq!(first, events[0]);
    drop(response);
    eventually("the call has ended", async || scene.app.records().await.len() == 1).await;

    scene.plays("a", [stream(&packed)]);
    let answer = scene.app.chat_stream().await;
    let hidden = format!("data: {usage}\n\n");
    assert_eq!(answer.text(), events.concat().replace(&hidden, ""));
    let record = scene.record_of(&answer).await;
    assert_ended(&record, Outcome::Success, &[("a", "")], "gzip");
    assert_eq!((record.usage.input, record.usage.output), (Some(10), Some(20)));

    scene.plays("a", [stream(&packed[..2])]);
    let (status, bytes, whole) = scene.stream().await;
    assert!(status == 200 && !whole && bytes.starts_with(events[..2].concat().as_bytes()), "its end is missing");
    assert_eq!(scene.last().await.outcome, Outcome::Interrupted);
}
