//! Calls, statistics and the state of the installation through the control plane.

use keywheel::clock::Entropy;
use keywheel::domain::{
    AttemptRecord, BodyCapture, CallId, CallRecord, ClientId, Cost, KeyId, Nanodollars, Outcome, ProviderId, Ref, StoredBody,
    Usage, UsageQuality, to_rfc3339,
};
use poem::http::Method;
use serde_json::{Value, json};

use crate::admin::Api;

const MINUTE_MS: i64 = 60_000;

fn now_ms() -> i64 {
    keywheel::clock::Clock::start().now().unix_ms
}

fn named<Id>(id: Id, name: &str) -> Ref<Id> {
    Ref { id, name: name.into() }
}

fn record(started_ms: i64, seed: u64, outcome: Outcome) -> CallRecord {
    let attempt = AttemptRecord {
        offset_us: 120,
        provider: named(ProviderId(1), "openai"),
        key: named(KeyId(4), "team-a"),
        model: Some("gpt-4o-mini".into()),
        status: Some(200),
        verdict: None,
        message: None,
        timings: Default::default(),
        why: Default::default(),
    };
    CallRecord {
        id: CallId::new(started_ms, Entropy::from_seed(seed).ten_bytes()),
        started_ms,
        total_us: 250_000,
        first_token_us: Some(80_000),
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        stream: true,
        client: Some(named(ClientId(2), "my-app")),
        model_asked: Some(format!("model-{}", seed % 3).into()),
        provider: Some(attempt.provider.clone()),
        key: Some(attempt.key.clone()),
        status: if outcome == Outcome::Success { 200 } else { 502 },
        outcome,
        client_request_id: Some(format!("mine-{seed}")),
        usage: Usage {
            input: Some(100),
            output: Some(10),
            quality: UsageQuality::Exact,
            raw: Some(r#"{"prompt_tokens":100}"#.into()),
            ..Usage::default()
        },
        cost: if seed.is_multiple_of(2) { Cost::Known(Nanodollars(250_000_000)) } else { Cost::Unknown },
        attributes: Some(r#"{"tenant":"x"}"#.into()),
        attempts: vec![attempt],
        ..CallRecord::default()
    }
}

fn ids(page: &Value) -> Vec<&str> {
    page["calls"].as_array().unwrap().iter().map(|call| call["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn calls_are_listed_page_by_page_and_found() {
    let api = Api::start();
    let now = now_ms();
    let records: Vec<_> = (0..25).map(|at| record(now - at as i64 * MINUTE_MS, at, Outcome::Success)).collect();
    let odd = record(now - 30 * MINUTE_MS, 99, Outcome::Interrupted);
    for record in records.iter().chain([&odd]) {
        api.recorder.record(record.clone());
    }
    let mut seen = Vec::new();
    let mut path = "/api/calls?limit=10".to_owned();
    loop {
        let page = api.get(&path).await;
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/calls?limit=10&cursor={cursor}");
    }
    let expected: Vec<_> = records.iter().chain([&odd]).map(|record| record.id.to_string()).collect();
    assert_eq!(seen, expected);
    let oldest = api.get("/api/calls?limit=1&oldest_first=true").await;
    assert_eq!(ids(&oldest), [odd.id.to_string()]);

    let from = to_rfc3339(now - 35 * MINUTE_MS);
    for filter in [
        "outcome=interrupted&outcome=no_key".to_owned(),
        "status=5xx".to_owned(),
        "status=502&key=4&client=2&provider=1&stream=true&probe=false&attempted_key=4&api=other".to_owned(),
        "request_id=mine-99".to_owned(),
        format!("from={from}&to={}", to_rfc3339(now - 29 * MINUTE_MS)),
    ] {
        assert_eq!(ids(&api.get(&format!("/api/calls?{filter}")).await), [odd.id.to_string()], "{filter}");
    }
    assert_eq!(ids(&api.get("/api/calls?range=10m&model=model-0").await).len(), 4);
    assert_eq!(ids(&api.get("/api/calls?min_cost_usd=0.25").await).len(), 13);
    assert!(ids(&api.get("/api/calls?min_duration_ms=250.1").await).is_empty());
}

#[tokio::test]
async fn a_call_is_shown_with_all_that_is_known() {
    let api = Api::start();
    let mut record = record(now_ms(), 2, Outcome::Success);
    record.bodies = BodyCapture {
        request: Some(StoredBody { bytes: r#"{"a":"é"#.as_bytes()[..7].to_vec().into(), truncated: true }),
        response: Some(StoredBody { bytes: vec![0xff, 0x00].into(), truncated: false }),
    };
    api.recorder.record(record.clone());
    let call = api.get(&format!("/api/calls/{}", record.id)).await;
    assert_eq!(call["started_at"], to_rfc3339(record.started_ms));
    assert_eq!((&call["duration_ms"], &call["first_token_ms"]), (&json!(250.0), &json!(80.0)));
    assert_eq!(call["client"], json!({ "id": 2, "name": "my-app" }));
    assert_eq!((&call["cost_usd"], &call["usage"]["raw"]["prompt_tokens"]), (&json!(0.25), &json!(100)));
    assert_eq!(call["attributes"], json!({ "tenant": "x" }));
    assert_eq!((&call["attempt_count"], &call["attempts"][0]["key"]["name"]), (&json!(1), &json!("team-a")));
    assert_eq!(call["has_bodies"], true);
    let bodies = api.get(&format!("/api/calls/{}/bodies", record.id)).await;
    assert_eq!(bodies["request"], json!({ "text": r#"{"a":""#, "base64": null, "bytes": 7, "truncated": true }));
    assert_eq!(bodies["response"], json!({ "text": null, "base64": "/wA=", "bytes": 2, "truncated": false }));

    let missing = CallId::new(now_ms(), [1; 10]);
    let refused = api.refused(Method::GET, &format!("/api/calls/{missing}"), Value::Null).await;
    assert_eq!(refused, (404, "not_found".to_owned(), Value::Null));
}

#[tokio::test]
async fn totals_and_series_tell_the_same() {
    let api = Api::start();
    let now = now_ms();
    for at in 0..30 {
        let outcome = if at % 10 == 9 { Outcome::UpstreamError } else { Outcome::Success };
        api.recorder.record(record(now - at as i64 * MINUTE_MS, at, outcome));
    }
    let totals = api.get("/api/stats/totals?by=model&range=2h&step=5m&former=true").await;
    assert_eq!(totals["total"]["calls"], 30);
    assert_eq!(totals["total"]["outcomes"]["upstream_error"], 3);
    assert_eq!((&totals["total"]["cost_usd"], &totals["total"]["unpriced"]), (&json!(3.75), &json!(15)));
    assert_eq!(totals["former"]["sums"]["calls"], 0);
    assert_eq!(totals["former"]["sums"]["latency_ms"], Value::Null);
    let median = totals["total"]["latency_ms"]["p50"].as_f64().unwrap();
    assert!((235.0..265.0).contains(&median), "{median}");
    let names: Vec<_> = totals["members"].as_array().unwrap().iter().map(|member| member["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["model-0", "model-1", "model-2"]);

    let series = api.get("/api/stats/series?by=model&range=2h&step=5m&top=2").await;
    assert_eq!((&series["from"], &series["to"], &series["step"]), (&totals["from"], &totals["to"], &json!("5m")));
    let buckets = series["buckets"].as_array().unwrap();
    assert_eq!(buckets.len(), 24);
    assert_eq!(buckets.iter().filter(|bucket| bucket["running"] == true).count(), 1);
    let lines = series["series"].as_array().unwrap();
    assert_eq!(lines.iter().map(|line| line["is_others"].as_bool().unwrap()).collect::<Vec<_>>(), [false, false, true]);
    let sum = |line: &Value| line["calls"].as_array().unwrap().iter().map(|calls| calls.as_i64().unwrap()).sum::<i64>();
    assert_eq!(lines.iter().map(sum).sum::<i64>(), 30);
    for line in lines {
        assert_eq!(line["calls"].as_array().unwrap().len(), 24);
        assert_eq!(line["sums"]["calls"], sum(line));
        assert!(line["latency_p50_ms"].as_array().unwrap().contains(&Value::Null), "a bucket without calls has no latency");
    }
    let total = api.get("/api/stats/series?range=2h").await;
    assert_eq!(total["series"].as_array().unwrap().len(), 1);
    for by in ["provider", "key", "served_model", "client", "outcome"] {
        let totals = api.get(&format!("/api/stats/totals?by={by}&range=2h&rank=cost")).await;
        let calls: i64 = totals["members"].as_array().unwrap().iter().map(|line| line["sums"]["calls"].as_i64().unwrap()).sum();
        assert_eq!(calls, 30, "{by}");
    }
    assert_eq!(api.get("/api/stats/totals?by=key&range=2h").await["members"][0]["id"], 4);
    assert_eq!(api.get("/api/stats/totals?range=yesterday&zone=Asia/Kolkata").await["members"], json!([]));
}

#[tokio::test]
async fn a_wrong_question_names_its_parameter() {
    let api = Api::start();
    for (path, field) in [
        ("/api/calls?limit=0", "limit"),
        ("/api/calls?cursor=x", "cursor"),
        ("/api/calls?range=1y", "range"),
        ("/api/calls?range=0h", "range"),
        ("/api/calls?range=today&zone=Mars", "zone"),
        ("/api/calls?from=soon", "from"),
        ("/api/calls?status=9xx", "status"),
        ("/api/calls?outcome=fine", "outcome"),
        ("/api/calls?min_cost_usd=-1", "min_cost_usd"),
        ("/api/calls/x", "id"),
        ("/api/stats/series?step=2m", "step"),
        ("/api/stats/series?range=90d&step=1m", "step"),
        ("/api/stats/series?top=0", "top"),
        ("/api/stats/series?by=weather", "by"),
        ("/api/stats/totals?from=2026-11-25&to=2026-11-24", "to"),
    ] {
        let (status, code, at) = api.refused(Method::GET, path, Value::Null).await;
        assert_eq!((status, code.as_str(), at), (400, "invalid", json!(field)), "{path}");
    }
}

#[tokio::test]
async fn the_state_of_the_installation() {
    let api = Api::start();
    api.recorder.record(record(now_ms(), 1, Outcome::Success));
    api.recorder.flush().await;
    let system = api.get("/api/system").await;
    assert_eq!(system["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&system["recorder"]["written"], &system["recorder"]["trouble"]), (&json!(1), &Value::Null));
    assert_eq!(system["log"]["days"].as_array().unwrap().len(), 1);
    assert!(system["log"]["bytes"].as_u64() > Some(0) && system["log"]["disk_free_bytes"].as_u64() > Some(0));
}

#[tokio::test]
async fn the_live_feed_is_an_event_stream() {
    let api = Api::start();
    let mut stream = api.open_stream("/api/calls/live").await;
    assert_eq!(stream.header("content-type").unwrap(), "text/event-stream");
    let record = record(now_ms(), 1, Outcome::Success);
    api.recorder.record(record.clone());
    let mut body = stream.take_body().into_bytes_stream();
    let first = futures_util::StreamExt::next(&mut body).await.unwrap().unwrap();
    let text = String::from_utf8(first.to_vec()).unwrap();
    let event: Value = serde_json::from_str(text.trim_end().strip_prefix("data: ").expect(&text)).unwrap();
    assert_eq!((&event["call"]["id"], &event["missed"]), (&json!(record.id.to_string()), &json!(0)));
    api.ending.cancel();
    while let Some(rest) = futures_util::StreamExt::next(&mut body).await {
        rest.unwrap();
    }
}
