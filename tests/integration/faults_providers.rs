//! Providers that refuse, fail, hang and answer nonsense: what the client sees, what the record says, what the keys suffer.

use std::time::{Duration, Instant};

use keywheel::domain::{Blame, Outcome};
use keywheel::mock::{Behaviour, Ending, MockProvider};
use serde_json::json;

use crate::app::{TOKEN, TestApp, chat_body, eventually};
use crate::scene::{
    GOOD_COST, MODEL, Scene, assert_billed, assert_ended, assert_free, attempts, good, good_stream, refusal, secret,
};

/// Failures of the provider: the next key answers, no key is charged, and the call is billed once.
#[tokio::test]
async fn a_provider_s_failure_goes_to_the_next_key() {
    let json = |status: u16| refusal(status, "server_error", "The server had an error");
    let mut cases = vec![
        ("a reset before the head", Behaviour::reset(), "no_head"),
        ("a close before the head", Behaviour::close(), "no_head"),
        ("half a head", good().cut_after(20).ending(Ending::Close), "no_head"),
        ("no HTTP at all", Behaviour::raw("SSH-2.0-OpenSSH_9.6\r\n"), "no_head"),
        ("a line feed inside a header", Behaviour::raw("HTTP/1.1 200 OK\r\nx-a: 1\rset-cookie: a=b\r\n\r\n"), "no_head"),
        ("a body shorter than announced", good().claim_length(10_000).ending(Ending::Close), "broken_answer"),
        ("a body that is reset", good().claim_length(10_000).ending(Ending::Reset), "broken_answer"),
        (
            "a 200 with an error body",
            Behaviour::answer(200).json(&json!({"error":{"message":"Oops","type":"server_error"}})),
            "any.server_error",
        ),
        ("a 200 with a text for an error", Behaviour::answer(200).json(&json!({"error":"upstream failed"})), "error_inside"),
        (
            "an error page behind a 403",
            Behaviour::answer(403).header("content-type", "text/html").piece("<html>no</html>"),
            "status.403_page",
        ),
        ("overloaded", refusal(529, "overloaded_error", "Overloaded"), "moonshot.engine_overloaded"),
        (
            "overloaded, as a 429",
            refusal(429, "engine_overloaded_error", "The engine is currently overloaded"),
            "moonshot.engine_overloaded",
        ),
    ];
    let names = ["status.408", "status.409", "status.500", "status.502", "status.503", "status.504", "status.520"];
    for (rule, status) in names.into_iter().zip([408, 409, 500, 502, 503, 504, 520]) {
        cases.push((rule, json(status), rule));
    }
    let scene = Scene::new(&["a", "b"]).await;
    scene.plays("b", [good()]);
    for (what, behaviour, rule) in cases {
        scene.provider.forget_seen();
        scene.plays("a", [behaviour]);
        let answer = scene.chat().await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        assert_eq!(answer.json()["usage"]["total_tokens"], 30, "{what}");
        let record = scene.last().await;
        assert_ended(&record, Outcome::Success, &[("a", rule), ("b", "")], what);
        let blame = record.attempts[0].verdict.as_ref().map(|verdict| verdict.blame);
        assert_eq!(blame, Some(Blame::Provider), "{what}");
        assert_billed(&record, (10, 20), GOOD_COST, what);
        assert_eq!(scene.requests(), 2, "{what}");
        scene.assert_unharmed(&["a", "b"], what);
    }
    assert_eq!(scene.provider_status().breaker, None, "the other key succeeds meanwhile");
}

/// What is wrong with the request goes back word for word, after one attempt.
#[tokio::test]
async fn the_provider_s_words_about_the_request_go_back_as_they_are() {
    let cases = [
        (400, "context_length_exceeded", "This model's maximum context length is 128000 tokens.", "any.content"),
        (400, "content_filter", "The response was filtered.", "any.content"),
        (400, "invalid_request_error", "Unknown field: 'temprature'.", "status.400"),
        (400, "INVALID_ARGUMENT", "Invalid JSON payload received. Unknown name \"foo\"", "status.400"),
        (413, "request_too_big", "Payload too large", "status.413"),
        (415, "unsupported_media_type", "Use JSON", "status.415"),
        (422, "unprocessable", "messages: field required", "status.422"),
        (404, "not_found", "Invalid URL (POST /v1/chat/completion)", "status.404"),
        (405, "method_not_allowed", "Not allowed to POST on /v1/models", "status.405"),
        (403, "moderation", "Your input was flagged", "openrouter.moderation"),
    ];
    for (status, code, message, rule) in cases {
        let scene = Scene::new(&["a", "b", "c"]).await;
        let behaviour = refusal(status, code, message).header("x-request-id", "req_77");
        scene.all_play(&["a", "b", "c"], &behaviour);
        for stream in [false, true, false] {
            let answer = scene.app.post("/v1/chat/completions", chat_body(stream)).await;
            assert_eq!(answer.status, status, "{message}");
            let body = json!({ "error": { "message": message, "type": code, "param": null, "code": code } });
            assert_eq!(answer.text(), body.to_string(), "{message}");
            assert_eq!(answer.header("x-upstream-request-id"), "req_77");
            let record = scene.last().await;
            assert_ended(&record, Outcome::RequestError, &[("a", rule)], message);
            assert_eq!((record.status, record.error_code.as_deref()), (status, Some(rule)));
            assert_free(&record, message);
        }
        assert_eq!(scene.requests(), 3, "{message}");
        scene.assert_unharmed(&["a", "b", "c"], message);
        assert_eq!(scene.provider_status().breaker, None, "{message}");
        assert_eq!(scene.provider_status().check_base_url, status == 404 || status == 405, "{message}");
    }
}

#[tokio::test]
async fn nobody_there_and_no_such_name_are_tried_and_end_in_502() {
    let good = MockProvider::start().await;
    let nobody = MockProvider::nobody().await;
    for (what, url) in [("refused", format!("http://{nobody}/v1")), ("no address", "http://nothing.invalid/v1".to_owned())] {
        let bootstrap = |tier_two: bool| {
            let targets = if tier_two {
                "[{ provider = \"gone\", model = \"m\" }, { provider = \"good\", model = \"m\", tier = 2 }]"
            } else {
                "[{ provider = \"gone\", model = \"m\" }]"
            };
            format!(
                "[[provider]]\nname = \"gone\"\nbase_url = \"{url}\"\nallow_private = true\n\
                 [[provider]]\nname = \"good\"\nbase_url = \"{}\"\nallow_private = true\n\
                 [[key]]\nprovider = \"gone\"\nname = \"a\"\nsecret = \"sk-gone-000001\"\n\
                 [[key]]\nprovider = \"good\"\nname = \"b\"\nsecret = \"sk-mock-healthy-b\"\n\
                 [[client]]\nname = \"app\"\ntoken = \"{TOKEN}\"\n[[model]]\nname = \"{MODEL}\"\ntargets = {targets}\n",
                good.base_url()
            )
        };
        let app = TestApp::start(&bootstrap(true)).await;
        assert_eq!(app.chat().await.status, 200, "{what}: the next answers");
        assert_ended(&app.only_record().await, Outcome::Success, &[("a", "unreachable"), ("b", "")], what);
        assert_eq!(app.key("a").state.as_str(), "active", "{what}");
        let app = TestApp::start(&bootstrap(false)).await;
        let answer = app.chat().await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"), "{what}");
        assert!(!answer.text().contains("invalid") && !answer.text().contains(&nobody.to_string()), "no address goes out");
        let record = app.only_record().await;
        assert_eq!((record.outcome, attempts(&record)[0]), (Outcome::UpstreamError, ("a", "unreachable")), "{what}");
        assert!(record.attempts.len() <= 3, "{what}");
        assert_free(&record, what);
        assert_eq!((app.key("a").state.as_str(), app.key("a").facts.failures), ("active", 0), "{what}");
    }
}

#[tokio::test]
async fn a_single_key_gets_one_more_try_after_a_reset() {
    let scene = Scene::new(&["a"]).await;
    scene.plays("a", [Behaviour::reset(), good()]);
    assert_eq!(scene.chat().await.status, 200);
    assert_ended(&scene.last().await, Outcome::Success, &[("a", "no_head"), ("a", "")], "a reset");
    assert_eq!(scene.requests(), 2);
}

/// A stream may go on to the next key; a plain call was sent and may be worked on, so it is not sent again.
#[tokio::test]
async fn a_provider_that_never_answers() {
    let scene = Scene::with("timeouts = { first_byte_ms = 250, answer_ms = 500 }", &["a", "b"]).await;
    scene.plays("a", [Behaviour::hang()]);
    scene.plays("b", [good_stream()]);
    let (status, _, whole) = scene.stream().await;
    assert_eq!((status, whole), (200, true));
    assert_ended(&scene.last().await, Outcome::Success, &[("a", "first_byte_timeout"), ("b", "")], "a stream");
    for (what, behaviour) in [("no head", Behaviour::hang()), ("half a body", good().claim_length(9_999).ending(Ending::Hang))]
    {
        scene.provider.forget_seen();
        scene.plays("a", [behaviour]);
        let began = Instant::now();
        let answer = scene.chat().await;
        assert_eq!((answer.status, answer.code().as_str()), (504, "upstream_timeout"), "{what}");
        assert!((450..3_000).contains(&began.elapsed().as_millis()), "{what}: its own limit, {:?}", began.elapsed());
        let record = scene.last().await;
        assert_ended(&record, Outcome::UpstreamError, &[("a", "answer_timeout")], what);
        assert_eq!(scene.requests(), 1, "not sent twice, {what}");
        let cancelled = scene.provider.wait_until(Duration::from_secs(1), |provider| provider.in_flight() == 0).await;
        assert!(cancelled, "{what}");
    }
    scene.assert_unharmed(&["a", "b"], "timeouts");
    scene.set(|settings| settings.retry_sent_timeouts = true).await;
    scene.plays("b", [good()]);
    assert_eq!(scene.chat().await.status, 200, "unless the settings allow it");
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_not_visible() {
    let scene = Scene::new(&["a"]).await;
    scene.plays("a", [good().ending(Ending::Close)]);
    for round in 0..10 {
        assert_eq!(scene.chat().await.status, 200, "round {round}");
    }
    assert!(scene.app.records().await.iter().all(|record| record.outcome == Outcome::Success));
    scene.assert_unharmed(&["a"], "stale connections");
}

/// An outage is not multiplied: three attempts a call at most, and retries only as far as their budget goes.
#[tokio::test]
async fn a_persistent_failure_is_tried_three_times_within_the_budget() {
    let keys: Vec<String> = (0..40).map(|at| format!("k{at}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let scene = Scene::new(&keys).await;
    scene.all_play(&keys, &refusal(503, "unavailable", "Service Unavailable"));
    let answer = scene.chat().await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["error"]["message"], "Service Unavailable");
    let record = scene.last().await;
    assert_eq!((record.outcome, record.attempts.len(), scene.requests()), (Outcome::UpstreamError, 3, 3));
    assert_free(&record, "an outage");
    scene.assert_unharmed(&keys, "an outage");
    assert_eq!(scene.provider_status().breaker.map(|(_, storm)| storm), Some("outage"));
    let answer = scene.chat().await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "provider_unavailable"));
    assert!(!answer.header("retry-after").is_empty());

    let scene = Scene::new(&["a", "b"]).await;
    scene.set(|settings| (settings.retry_burst, settings.retry_share) = (0, 0.2)).await;
    scene.plays("a", [refusal(503, "unavailable", "Service Unavailable")]);
    scene.plays("b", [good()]);
    let mut answered = 0;
    for _ in 0..20 {
        answered += u32::from(scene.chat().await.status == 200);
    }
    assert!((3..=5).contains(&answered), "one retry in five calls: {answered}");
    assert_eq!(scene.requests(), 20 + answered as usize);
}

#[tokio::test]
async fn a_redirect_to_a_metadata_address_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let scene = Scene::new(&["a"]).await;
        let target = "http://169.254.169.254/latest/meta-data/";
        scene.plays("a", [Behaviour::answer(status).header("location", target).piece("moved")]);
        let answer = scene.chat().await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_redirect"), "{status}");
        assert!(answer.headers.get("location").is_none() && !answer.text().contains("169.254"), "{status}");
        let record = scene.last().await;
        assert_eq!((record.outcome, attempts(&record)[0]), (Outcome::UpstreamError, ("a", "redirect")), "{status}");
        assert_free(&record, "a redirect");
        scene.assert_unharmed(&["a"], "a redirect");
    }
}

/// Heads that are too much: dropped header by header, or no head at all.
#[tokio::test]
async fn giant_headers_are_dropped_or_refused() {
    let scene = Scene::new(&["a", "b"]).await;
    scene.plays("b", [good()]);
    scene.plays("a", [good().header("x-giant", "g".repeat(20_000)).header("x-small", "1")]);
    let answer = scene.chat().await;
    assert_eq!((answer.status, answer.header("x-small"), answer.header("x-giant")), (200, "1", ""));
    assert_ended(&scene.last().await, Outcome::Success, &[("a", "")], "one giant header");
    scene.plays("a", [good().header("x-giant", "g".repeat(2_000_000))]);
    assert_eq!(scene.chat().await.status, 200, "a giant head is the provider's failure");
    assert_ended(&scene.last().await, Outcome::Success, &[("a", "no_head"), ("b", "")], "a giant head");
    scene.assert_unharmed(&["a", "b"], "giant heads");
}

/// Readers that do not read push back on the provider: nothing piles up in between.
#[tokio::test]
async fn slow_readers_hold_the_provider_back() {
    const READERS: usize = 200;
    const BODY: usize = 10 << 20;
    let scene = Scene::new(&["a"]).await;
    scene.plays("a", [Behaviour::answer(200).header("content-type", "audio/mpeg").piece("").piece(vec![7; BODY])]);
    let before = resident_bytes();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let body = json!({ "model": MODEL, "input": "hi", "voice": "alloy" }).to_string();
        readers.push(scene.app.request("POST", "/v1/audio/speech").body(body).send().await.expect("a head"));
    }
    let mut first = readers.swap_remove(0);
    let mut bytes = 0;
    while let Some(piece) = first.chunk().await.expect("a whole body") {
        bytes += piece.len();
    }
    assert_eq!(bytes, BODY, "who reads gets all of it");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < (READERS * BODY / 4) as u64, "{} MiB for {READERS} slow readers", grown >> 20);
    drop(readers);
    eventually("the provider is let go", async || scene.provider.in_flight() == 0).await;
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// What a provider echoes of a request holds the key: no status, header, body or record hands it to anybody.
#[tokio::test]
async fn a_provider_that_echoes_its_key_tells_it_to_nobody() {
    for status in [200, 400, 403, 404, 413, 418, 429, 500, 503] {
        let scene = Scene::new(&["a"]).await;
        let own = secret("a");
        let echo =
            json!({ "error": { "message": format!("bad field in authorization: {own}"), "type": "invalid_request_error" } });
        let answer = if status == 200 { good() } else { Behaviour::answer(status).json(&echo) };
        scene.plays("a", [answer.header("x-echo", format!("Bearer {own}")).header("x-other", "stays")]);
        let answer = scene.chat().await;
        assert!(!answer.text().contains(&own), "{status}: {}", answer.text());
        assert!(!format!("{:?}", answer.headers).contains(&own), "{status}: {:?}", answer.headers);
        let record = format!("{:?}", scene.last().await);
        assert!(!record.contains(&own), "{status}: {record}");
        if status == 200 {
            assert_eq!((answer.header("x-other"), answer.header("x-echo")), ("stays", ""));
        }
    }
}
