//! Answers of unusual kinds on their way back: heads that come first, bodies that are none, sound, files, and what stays behind.

use keywheel::domain::{Cost, Nanodollars, Outcome};
use keywheel::mock::{Behaviour, Ending};
use serde_json::json;

use crate::app::read;
use crate::scene::{GOOD_COST, MODEL, Scene, assert_billed, assert_ended, good};

#[tokio::test]
async fn what_belongs_to_the_provider_s_connection_stays_behind() {
    let scene = Scene::new(&["a"]).await;
    let own = [
        ("set-cookie", "session=1; Path=/"),
        ("connection", "keep-alive, X-Hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-authenticate", "Basic"),
        ("upgrade", "h2c"),
        ("trailer", "x-sum"),
        ("te", "trailers"),
        ("openai-organization", "org-1"),
        ("server", "cloudflare"),
        ("cf-ray", "1-FRA"),
        ("strict-transport-security", "max-age=1"),
        ("location", "http://10.0.0.1/"),
        ("www-authenticate", "Bearer"),
        ("access-control-allow-origin", "*"),
        ("alt-svc", "h3=\":443\""),
    ];
    let kept =
        [("openai-processing-ms", "12"), ("x-ratelimit-remaining-requests", "9"), ("retry-after", "1"), ("x-vendor", "a, b")];
    let behaviour = own.iter().chain(&kept).fold(good(), |answer, (name, value)| answer.header(*name, *value));
    scene.plays("a", [behaviour.header("set-cookie", "second=2").header("x-request-id", "req_9")]);
    let answer = scene.chat().await;
    assert_eq!(answer.status, 200);
    for (name, _) in own.iter().filter(|(name, _)| *name != "connection") {
        assert!(!answer.headers.contains_key(*name), "{name} went through: {:?}", answer.headers);
    }
    assert!(!answer.header("connection").contains("X-Hop"));
    for (name, value) in kept {
        assert_eq!(answer.header(name), value);
    }
    assert_eq!(answer.header("x-upstream-request-id"), "req_9");
    let record = scene.last().await;
    assert_eq!(answer.header("x-request-id"), record.id.to_string());
    assert_eq!(record.upstream_request_id.as_deref(), Some("req_9"));
    assert_billed(&record, (10, 20), GOOD_COST, "headers");
}

/// Heads and ends that an answer may have besides its body.
#[tokio::test]
async fn informational_heads_and_trailers_do_not_disturb() {
    let scene = Scene::new(&["a"]).await;
    let hints = "link: </style.css>; rel=preload\r\nset-cookie: a=b\r\n";
    let cases = [
        ("103", good().informational(103, hints)),
        ("100 and 103", good().informational(100, "").informational(103, hints)),
        ("trailers", good().trailer("x-sum", "1").trailer("set-cookie", "a=b")),
        ("until close", good().until_close()),
    ];
    for (what, behaviour) in cases {
        scene.plays("a", [behaviour]);
        let answer = scene.chat().await;
        assert_eq!((answer.status, answer.json()["usage"]["total_tokens"].as_u64()), (200, Some(30)), "{what}");
        assert!(!answer.headers.contains_key("set-cookie") && !answer.headers.contains_key("link"), "{what}");
        let record = scene.last().await;
        assert_ended(&record, Outcome::Success, &[("a", "")], what);
        assert_billed(&record, (10, 20), GOOD_COST, what);
    }
    scene.assert_unharmed(&["a"], "heads and trailers");
}

#[tokio::test]
async fn answers_without_a_body() {
    let scene = Scene::new(&["a"]).await;
    for (status, method) in [(204, "DELETE"), (204, "POST"), (304, "GET"), (202, "POST"), (201, "POST")] {
        scene.provider.forget_seen();
        let behaviour = Behaviour::answer(status).header("etag", "\"1\"");
        scene.plays("a", [behaviour]);
        let answer = read(scene.app.request(method, "/v1/files/file-123456")).await;
        assert_eq!((answer.status, answer.body.len(), answer.header("etag")), (status, 0, "\"1\""), "{status} {method}");
        let record = scene.last().await;
        assert_ended(&record, Outcome::Success, &[("a", "")], method);
        assert_eq!((record.status, record.bytes_out, scene.requests()), (status, 0, 1));
    }
    scene.plays("a", [good()]);
    let head = read(scene.app.request("HEAD", "/v1/files/file-123456")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    scene.plays("a", [Behaviour::answer(200).header("content-type", "audio/mpeg").piece(vec![1; 700]), good()]);
    let head = read(scene.app.request("HEAD", "/v1/files/file-123456/content")).await;
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, "700"));
    assert_ended(&scene.record_of(&head).await, Outcome::Success, &[("a", "")], "HEAD");
    assert_eq!(scene.chat().await.status, 200, "the connection is in order");
    scene.assert_unharmed(&["a"], "no body");
}

/// Sound and files go through to the byte, with their type and length.
#[tokio::test]
async fn binary_answers_pass_to_the_byte() {
    let sound: Vec<u8> = (0..3_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let scene = Scene::new(&["a"]).await;
    let speech = json!({ "model": MODEL, "input": "hi", "voice": "alloy" }).to_string();
    let audio = || Behaviour::answer(200).header("content-type", "audio/mpeg");
    let chunks = sound
        .chunks(70_001)
        .fold(Behaviour::chunked().header("content-type", "audio/mpeg"), |answer, piece| answer.piece(piece.to_vec()));
    for (what, behaviour, length) in [
        ("with a length", audio().piece(sound.clone()), Some(sound.len() as u64)),
        ("in chunks", chunks, None),
        ("until close", audio().piece(sound.clone()).until_close(), None),
    ] {
        scene.plays("a", [behaviour]);
        let answer = scene.app.post("/v1/audio/speech", speech.clone()).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "audio/mpeg"), "{what}");
        assert!(answer.body == sound, "{what}: {} bytes", answer.body.len());
        assert_eq!(answer.header("content-length").parse().ok(), length, "{what}");
        let record = scene.last().await;
        assert_ended(&record, Outcome::Success, &[("a", "")], what);
        assert_eq!((record.bytes_out, record.usage.characters), (sound.len() as u64, Some(2)), "{what}");
    }
    let file = Behaviour::answer(200)
        .header("content-type", "application/octet-stream")
        .header("content-disposition", "attachment; filename=\"a.jsonl\"");
    scene.plays("a", [file.piece(sound.clone())]);
    let answer = scene.app.get("/v1/files/file-123456/content").await;
    assert_eq!((answer.status, answer.header("content-disposition")), (200, "attachment; filename=\"a.jsonl\""));
    assert!(answer.body == sound);
    assert_eq!(scene.last().await.cost, Cost::Known(Nanodollars(0)), "a download costs nothing");
    scene.assert_unharmed(&["a"], "binary answers");
}

/// A body that is not as long as it was announced is never a success once some of it was sent.
#[tokio::test]
async fn a_binary_answer_that_breaks_off_is_aborted() {
    let scene = Scene::with("timeouts = { idle_ms = 300 }", &["a", "b"]).await;
    let speech = || json!({ "model": MODEL, "input": "hi", "voice": "alloy" }).to_string();
    let audio = || Behaviour::answer(200).header("content-type", "audio/mpeg").piece(vec![7; 5_000]);
    let cases = [
        ("too short", audio().claim_length(9_000).ending(Ending::Close), "broken_answer", "stream_interrupted"),
        ("reset", audio().claim_length(9_000).pause_ms(50).ending(Ending::Reset), "broken_answer", "stream_interrupted"),
        ("silent", audio().claim_length(9_000).ending(Ending::Hang), "idle_timeout", "upstream_idle"),
    ];
    for (what, behaviour, rule, code) in cases {
        scene.provider.forget_seen();
        scene.plays("a", [behaviour]);
        let (status, bytes, whole) = scene.read_open("/v1/audio/speech", speech()).await;
        assert_eq!((status, whole), (200, false), "{what}: {} bytes", bytes.len());
        let record = scene.last().await;
        assert_ended(&record, Outcome::Interrupted, &[("a", rule)], what);
        assert_eq!((record.error_code.as_deref(), scene.requests()), (Some(code), 1), "{what}");
        scene.assert_unharmed(&["a", "b"], what);
    }
}

/// Long JSON goes through in pieces and is metered all the same; what breaks it off goes to the next key while it is held.
#[tokio::test]
async fn long_documents_are_metered_as_they_pass() {
    let scene = Scene::new(&["a", "b"]).await;
    let vector = vec!["0.0123456789"; 400_000].join(",");
    let body =
        format!(r#"{{"object":"list","data":[{{"embedding":[{vector}]}}],"usage":{{"prompt_tokens":8,"total_tokens":8}}}}"#);
    let document = || Behaviour::answer(200).header("content-type", "application/json").piece(body.clone());
    scene.plays("a", [document()]);
    let request = format!(r#"{{"model":"{MODEL}","input":"hi"}}"#);
    let answer = scene.app.post("/v1/embeddings", request.clone()).await;
    assert!(answer.status == 200 && answer.text() == body);
    let record = scene.last().await;
    assert_ended(&record, Outcome::Success, &[("a", "")], "5 MB");
    assert_eq!((record.usage.input, record.cost), (Some(8), Cost::Known(Nanodollars(80_000))));
    scene.plays("a", [document().cut_after(500_000).ending(Ending::Close)]);
    scene.plays("b", [document()]);
    assert_eq!(scene.app.post("/v1/embeddings", request.clone()).await.text(), body);
    assert_ended(&scene.last().await, Outcome::Success, &[("a", "broken_answer"), ("b", "")], "cut while it is held");
    scene.plays("a", [document().cut_after(3_000_000).ending(Ending::Close)]);
    let (status, bytes, whole) = scene.read_open("/v1/embeddings", request).await;
    assert!(status == 200 && !whole && bytes.len() < body.len());
    assert_ended(&scene.last().await, Outcome::Interrupted, &[("a", "broken_answer")], "cut on its way");
}
