//! Streams that break, end early, fall silent or say "error": never a clean end, never a replay.

use std::time::Duration;

use keywheel::domain::{Blame, Outcome, UsageQuality};
use keywheel::mock::{Behaviour, Ending};
use serde_json::json;

use crate::app::{chat_body, eventually};
use crate::scene::{
    GOOD_COST, Scene, assert_billed, assert_ended, assert_free, attempts, chunk, cut_stream, finish, good, good_stream,
    usage_event,
};

const SHORT_IDLE: &str = "timeouts = { idle_ms = 300, first_byte_ms = 300 }";

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("whole characters")
}

/// Streams that fail before anything was sent: the next key's stream is all that the client sees.
#[tokio::test]
async fn what_fails_before_content_goes_to_the_next_key_unseen() {
    let event = |data: &str| Behaviour::stream().event(data);
    let role = r#"{"id":"x-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
    let error = r#"{"error":{"message":"The server had an error","type":"server_error","code":null}}"#;
    let filtered = r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#;
    let cases = [
        ("an error event first", event(error), "any.server_error"),
        ("an error event behind the role", event(role).event(error), "any.server_error"),
        ("an error event behind filter results", event(filtered).event(error), "any.server_error"),
        (
            "an error event that is named",
            Behaviour::stream().piece(format!("event: error\ndata: {error}\n\n")),
            "any.server_error",
        ),
        ("an error event without its blank line", Behaviour::stream().piece(format!("data: {error}")), "empty_stream"),
        ("nothing at all", Behaviour::stream(), "empty_stream"),
        ("only [DONE]", Behaviour::stream().done(), "empty_stream"),
        ("only comments", Behaviour::stream().piece(": hello\n\n: again\n\n"), "empty_stream"),
        ("only the role", event(role).done(), "empty_stream"),
        ("the role and a cut", event(role).pause_ms(10).ending(Ending::Reset), "broken_answer"),
        ("silence behind the head", Behaviour::stream().piece(": hi\n").ending(Ending::Hang), "first_byte_timeout"),
        ("silence behind the role", event(role).ending(Ending::Hang), "first_byte_timeout"),
        ("no head", Behaviour::hang(), "first_byte_timeout"),
        (
            "a plain error body",
            Behaviour::answer(200).json(&json!({"error":{"message":"no","type":"server_error"}})),
            "any.server_error",
        ),
        ("an empty body", Behaviour::answer(200).header("content-type", "application/json"), "empty_stream"),
    ];
    let scene = Scene::with(SHORT_IDLE, &["a", "b"]).await;
    scene.plays("b", [good_stream()]);
    for (what, behaviour, rule) in cases {
        scene.provider.forget_seen();
        scene.plays("a", [behaviour]);
        let (status, bytes, whole) = scene.stream().await;
        assert_eq!((status, whole), (200, true), "{what}");
        let seen = text(&bytes);
        let wanted = format!("data: {}\n\ndata: {}\n\ndata: {}\n\ndata: [DONE]\n\n", chunk("Hel"), chunk("lo"), finish());
        assert_eq!(seen, wanted, "{what}");
        let record = scene.last().await;
        assert_ended(&record, Outcome::Success, &[("a", rule), ("b", "")], what);
        assert_billed(&record, (10, 20), GOOD_COST, what);
        assert_eq!(scene.requests(), 2, "{what}");
        scene.assert_unharmed(&["a", "b"], what);
    }
    assert_eq!(scene.provider_status().breaker, None, "the other key succeeds meanwhile");
}

/// The beginnings of a response that carry nothing yet.
#[tokio::test]
async fn a_response_that_is_created_and_then_fails_goes_to_the_next_key() {
    let scene = Scene::new(&["a", "b"]).await;
    let named = |name: &str, data: serde_json::Value| format!("event: {name}\ndata: {data}\n\n");
    let created = named(
        "response.created",
        json!({"type":"response.created","response":{"id":"resp_1","status":"in_progress","output":[]}}),
    );
    let progress =
        named("response.in_progress", json!({"type":"response.in_progress","response":{"id":"resp_1","status":"in_progress"}}));
    let failed = json!({"type":"response.failed","response":{"id":"resp_1","status":"failed","error":{"code":"server_error","message":"Oops"}}});
    scene.plays("a", [Behaviour::stream().piece(created).piece(progress).piece(named("response.failed", failed))]);
    let body = r#"{"model":"gpt-4o-mini","input":"hi","stream":true}"#;
    let (status, bytes, whole) = scene.read_open("/v1/responses", body.to_owned()).await;
    assert_eq!((status, whole), (200, true));
    assert!(text(&bytes).contains("response.completed") && !text(&bytes).contains("response.failed"));
    let record = scene.last().await;
    assert_ended(&record, Outcome::Success, &[("a", "any.server_error"), ("b", "")], "response.failed");
    assert_eq!(record.usage.quality, UsageQuality::Exact);
    scene.assert_unharmed(&["a", "b"], "response.failed");
}

/// Behind content nobody can take anything back: the client is told, and nothing is sent twice.
#[tokio::test]
async fn what_fails_behind_content_is_told_and_not_replayed() {
    let begun = || Behaviour::stream().event(&chunk("Hel"));
    let error = r#"{"error":{"message":"The server had an error","type":"server_error"}}"#;
    let secret = r#"{"error":{"message":"Incorrect API key provided: sk-proj-ab****yz","code":"invalid_api_key"}}"#;
    let cases = [
        ("a reset", begun().pause_ms(20).ending(Ending::Reset), "broken_answer", "stream_interrupted", false),
        ("an early close", begun().ending(Ending::Close), "broken_answer", "stream_interrupted", false),
        ("a torn event", begun().piece("data: {\"cho").ending(Ending::Close), "broken_answer", "stream_interrupted", false),
        ("silence", begun().ending(Ending::Hang), "idle_timeout", "upstream_idle", false),
        ("an error event", begun().event(error), "any.server_error", "The server had an error", true),
        (
            "an error event and a reset",
            begun().event(error).pause_ms(20).ending(Ending::Reset),
            "any.server_error",
            "The server had",
            false,
        ),
    ];
    for (what, behaviour, rule, told, ends_whole) in cases {
        let scene = Scene::with(SHORT_IDLE, &["a", "b"]).await;
        scene.plays("a", [behaviour]);
        let (status, bytes, whole) = scene.stream().await;
        assert_eq!((status, whole), (200, ends_whole), "{what}");
        let seen = text(&bytes);
        assert!(seen.contains("Hel") && seen.contains(told), "{what}: {seen}");
        let mut events = seen.lines().filter_map(|line| line.strip_prefix("data: "));
        assert!(events.all(|data| serde_json::from_str::<serde_json::Value>(data).is_ok()), "no torn event, {what}: {seen}");
        assert_eq!(seen.matches("\"error\"").count(), 1, "{what}: {seen}");
        let record = scene.last().await;
        assert_ended(&record, Outcome::Interrupted, &[("a", rule)], what);
        assert_eq!(record.attempts[0].verdict.as_ref().map(|verdict| verdict.blame), Some(Blame::Provider), "{what}");
        assert_eq!(record.usage.quality, UsageQuality::Estimated, "{what}");
        assert!(record.error_code.is_some() && record.error_message.is_some(), "{what}");
        assert_eq!(record.bytes_out, bytes.len() as u64, "{what}");
        assert_eq!(scene.requests(), 1, "{what}");
        scene.assert_unharmed(&["a", "b"], what);
        scene.plays("a", [good()]);
        assert_eq!(scene.chat().await.status, 200, "{what}: the process is healthy");
    }
    let scene = Scene::new(&["a", "b"]).await;
    scene.plays("a", [begun().event(secret)]);
    let (_, bytes, _) = scene.stream().await;
    assert!(!text(&bytes).contains("sk-proj") && text(&bytes).contains("\"error\""), "{}", text(&bytes));
    let record = scene.last().await;
    assert_ended(&record, Outcome::Interrupted, &[("a", "openai.invalid_api_key")], "a key in an error event");
    assert!(record.error_message.is_some_and(|words| words.contains("Incorrect API key") && !words.contains("sk-proj")));
    assert_eq!(scene.key("a").state.as_str(), "disabled_auto");
}

/// A provider that always cuts its answers is at fault, not its keys.
#[tokio::test]
async fn interrupted_streams_open_the_breaker_and_charge_no_key() {
    let scene = Scene::with("attempts = 1", &["a", "b", "c", "d"]).await;
    let long = || Behaviour::stream().event(&chunk("Hel")).pause_ms(400).ending(Ending::Reset);
    scene.all_play(&["a", "b", "c", "d"], &long());
    let body = chat_body(true).replace("gpt-4o-mini", "gpt-4o");
    let call = || scene.read_open("/v1/chat/completions", body.clone());
    let (one, two, three) = tokio::join!(call(), call(), call());
    assert!(!one.2 && !two.2 && !three.2);
    assert_eq!(scene.provider_status().breaker.map(|(_, storm)| storm), Some("interruption"));
    scene.assert_unharmed(&["a", "b", "c", "d"], "an outage");
    assert_eq!(scene.chat().await.code(), "provider_unavailable");
    scene.all_play(&["a", "b", "c", "d"], &good_stream());
    eventually("the breaker closes on a whole answer", async || {
        scene.stream().await;
        scene.provider_status().breaker.is_none()
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_done_ends_at_once() {
    let scene = Scene::new(&["a"]).await;
    scene.plays("a", [Behaviour::stream().event(&chunk("Hi")).event(finish()).event(&usage_event(10, 20))]);
    let began = std::time::Instant::now();
    let (_, bytes, whole) = scene.stream().await;
    assert!(whole && began.elapsed() < Duration::from_secs(2));
    assert!(!text(&bytes).contains("[DONE]"));
    let record = scene.last().await;
    assert_ended(&record, Outcome::Success, &[("a", "")], "no [DONE]");
    assert_billed(&record, (10, 20), GOOD_COST, "no [DONE]");
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_provider_and_the_part_is_estimated() {
    let scene = Scene::new(&["a"]).await;
    scene.plays("a", [Behaviour::stream().event(&chunk("Hello there")).ending(Ending::Hang)]);
    let mut response = scene.app.request("POST", "/v1/chat/completions").body(chat_body(true)).send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    drop(response);
    let left = scene.provider.wait_until(Duration::from_secs(1), |provider| provider.in_flight() == 0).await;
    assert!(left, "the provider is cancelled within a second");
    eventually("the call is recorded", async || scene.app.records().await.len() == 1).await;
    let record = scene.last().await;
    assert_ended(&record, Outcome::ClientGone, &[("a", "")], "the client left");
    assert_eq!((record.usage.quality, record.usage.partial), (UsageQuality::Estimated, true));
    assert!(record.usage.output > Some(0) && record.cost.known().is_some());
    scene.assert_unharmed(&["a"], "the client left");
}

/// What the client was sent is kept, up to the cap, when bodies are kept.
#[tokio::test]
async fn bodies_of_streams_are_kept_as_they_were_sent() {
    let scene = Scene::new(&["a"]).await;
    scene.plays("a", [good_stream()]);
    scene.stream().await;
    assert_eq!(scene.last().await.bodies.response, None, "off by default");
    scene.set(|settings| settings.store_bodies = true).await;
    for (what, behaviour) in
        [("whole", good_stream()), ("cut", cut_stream()), ("refused", crate::scene::refusal(400, "x", "no"))]
    {
        scene.plays("a", [behaviour]);
        let (_, bytes, _) = scene.stream().await;
        let bodies = scene.last().await.bodies;
        assert_eq!(bodies.request.expect("the request").bytes, chat_body(true).as_bytes(), "{what}");
        let kept = bodies.response.expect("the answer");
        assert_eq!((text(&kept.bytes), kept.truncated), (text(&bytes), false), "{what}");
    }
    scene.set(|settings| settings.body_cap_bytes = 100).await;
    scene.plays("a", [good_stream()]);
    let (_, bytes, _) = scene.stream().await;
    let kept = scene.last().await.bodies.response.expect("the answer");
    assert_eq!((&kept.bytes[..], kept.truncated), (&bytes[..100], true));
}

/// Every key fails: the client learns of it in plain words, and pays nothing.
#[tokio::test]
async fn when_every_stream_is_empty_the_client_gets_a_502() {
    let scene = Scene::new(&["a", "b"]).await;
    scene.all_play(&["a", "b"], &Behaviour::stream().done());
    let answer = scene.app.chat_stream().await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_empty"));
    let record = scene.last().await;
    assert_eq!(record.outcome, Outcome::UpstreamError);
    assert_eq!(attempts(&record)[..2], [("a", "empty_stream"), ("b", "empty_stream")]);
    assert_free(&record, "empty streams");
    assert!(scene.requests() <= 3);
    scene.assert_unharmed(&["a", "b"], "empty streams");
}
