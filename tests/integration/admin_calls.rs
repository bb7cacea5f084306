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

pub fn record(started_ms: i64, seed: u64, outcome: Outcome) -> CallRecord {
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
    // Back to where it began, page by page; the first page has none before it.
    let mut back: Vec<String> = Vec::new();
    let first = loop {
        let page = api.get(&path).await;
        back.splice(0..0, ids(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page["previous_cursor"].as_str() else { break page };
        path = format!("/api/calls?limit=10&cursor={cursor}");
    };
    assert_eq!(back, expected);
    assert_eq!(
        (ids(&first).len(), first["next_cursor"].is_string()),
        (0, true),
        "a full page may be the first one: it cannot know"
    );
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
    assert_eq!(ids(&api.get("/api/calls?min_tokens=110&max_tokens=110&max_attempts=1&max_duration_ms=250").await).len(), 26);
    for none in
        ["min_duration_ms=250.1", "max_duration_ms=249.9", "max_cost_usd=0.2", "min_tokens=111", "max_tokens=109", "tag=x"]
    {
        assert!(ids(&api.get(&format!("/api/calls?{none}")).await).is_empty(), "{none}");
    }
}

fn total(histogram: &Value) -> u64 {
    let series = histogram["series"].as_array().unwrap().iter();
    series.flat_map(|one| one["calls"].as_array().unwrap()).map(|calls| calls.as_u64().unwrap()).sum()
}

#[tokio::test]
async fn calls_are_counted_over_time_for_any_filter() {
    let api = Api::start();
    let now = now_ms();
    for at in 0..40 {
        let outcome = if at % 10 == 9 { Outcome::UpstreamError } else { Outcome::Success };
        let tags = if at % 4 == 0 { vec!["night".to_owned(), "a b".to_owned()] } else { Vec::new() };
        api.recorder.record(CallRecord { tags, ..record(now - at as i64 * MINUTE_MS, at, outcome) });
    }
    for (filter, expected) in [
        ("range=1h", 40),
        ("", 40),
        ("range=1h&outcome=upstream_error", 4),
        ("range=1h&model=model-0", 14),
        ("range=1h&key=4&client=2&status=2xx", 36),
        ("range=1h&tag=night&tag=a%20b", 10),
        ("range=1h&tag=night&tag=day", 0),
        ("range=10m", 10),
    ] {
        let told = api.get(&format!("/api/calls/histogram?{filter}")).await;
        assert_eq!((&told["total"], &told["counted_from"]), (&json!(expected), &Value::Null), "{filter}");
        assert_eq!(total(&told), expected, "{filter}");
        let buckets = told["buckets"].as_array().unwrap();
        assert_eq!((&buckets[0]["from"], &buckets[buckets.len() - 1]["to"]), (&told["from"], &told["to"]), "{filter}");
        let listed = api.get(&format!("/api/calls?{filter}&limit=1000")).await;
        assert_eq!(ids(&listed).len() as u64, expected, "{filter}");
    }
    let told = api.get("/api/calls/histogram?range=1h&step=5m&zone=Asia/Kathmandu").await;
    assert_eq!((&told["step"], &told["zone"]), (&json!("5m"), &json!("Asia/Kathmandu")));
    assert!((12..=13).contains(&told["buckets"].as_array().unwrap().len()));
    let outcomes: Vec<_> = told["series"].as_array().unwrap().iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["success", "upstream_error"]);
}

#[tokio::test]
async fn texts_in_bodies_are_found_by_whoever_may_see_bodies() {
    let api = Api::start();
    let body = |text: &str| Some(StoredBody { bytes: text.to_owned().into(), truncated: false });
    let mut told = record(now_ms(), 1, Outcome::Success);
    told.bodies = BodyCapture { request: body(r#"{"messages":[{"content":"Gr\u00fc\u00dfe an Anna"}]}"#), response: None };
    api.recorder.record(told.clone());
    api.recorder.record(record(now_ms(), 2, Outcome::Success));
    let path = "/api/calls?text=gr%C3%BC%C3%9Fe%20an";
    assert_eq!(ids(&api.get(path).await), [told.id.to_string()]);
    assert_eq!(api.get("/api/calls/histogram?range=1h&text=ANNA").await["total"], 1);
    assert_eq!(api.get("/api/calls/histogram?range=1h&text=Anne").await["total"], 0);
    let viewer = api.post("/api/tokens", json!({ "name": "looks", "role": "viewer" })).await;
    let authorization = format!("Bearer {}", viewer["token"].as_str().unwrap());
    for path in [path, "/api/calls/histogram?text=anna"] {
        let refused = api.send(Method::GET, path, &[("authorization", &authorization)], None).await;
        assert_eq!((refused.status.as_u16(), &refused.body["error"]["field"]), (403, &json!("text")));
    }
    let refused = api.refused(Method::GET, "/api/calls?text=", Value::Null).await;
    assert_eq!(refused, (400, "invalid".to_owned(), json!("text")));
}

#[tokio::test]
async fn calls_are_deleted_by_whoever_knows_how_many_match() {
    let api = Api::start();
    let now = now_ms();
    let records: Vec<_> = (0..20).map(|at| record(now - at as i64 * 20 * MINUTE_MS, at, Outcome::Success)).collect();
    records.iter().for_each(|record| api.recorder.record(record.clone()));
    let counted = api.call(Method::DELETE, "/api/calls?model=model-1", Value::Null).await;
    assert_eq!(counted.status, 200, "{}", counted.body);
    assert_eq!((&counted.body["matched"], &counted.body["deleted"]), (&json!(7), &Value::Null));
    let to = counted.body["to"].as_str().unwrap();
    let path = format!("/api/calls?model=model-1&to={to}");
    let refused = api.refused(Method::DELETE, &format!("{path}&confirm=6"), Value::Null).await;
    assert_eq!(refused, (409, "conflict".to_owned(), json!("confirm")));
    let refused = api.refused(Method::DELETE, "/api/calls?modell=model-1&confirm=20", Value::Null).await;
    assert_eq!(refused, (400, "invalid".to_owned(), json!("modell")));
    assert_eq!(ids(&api.get("/api/calls").await).len(), 20, "nothing is deleted yet");

    // What comes after the count is not meant.
    api.recorder.record(record(now_ms() + 5, 22, Outcome::Success));
    let deleted = api.call(Method::DELETE, &format!("{path}&confirm=7"), Value::Null).await;
    assert_eq!((deleted.status.as_u16(), &deleted.body["deleted"]), (200, &json!(7)), "{}", deleted.body);
    let left = api.get("/api/calls").await;
    assert_eq!(ids(&left).len(), 14);
    assert_eq!(left["calls"].as_array().unwrap().iter().filter(|call| call["model"] == "model-1").count(), 1);
    let gone = api.refused(Method::GET, &format!("/api/calls/{}", records[1].id), Value::Null).await;
    assert_eq!(gone.0, 404);
    assert_eq!(api.get("/api/stats/totals?range=24h").await["total"]["calls"], 21, "statistics keep what they counted");
    assert_eq!(api.get("/api/calls/histogram?range=24h").await["total"], 14, "a count of calls does not");
    let entry = api.get("/api/audit?noun=call").await["entries"][0].clone();
    assert_eq!((&entry["action"], &entry["actor"]), (&json!("delete"), &json!("admin token")));
    assert_eq!((&entry["changes"]["matched"], &entry["changes"]["filter"]["model"]), (&json!(7), &json!("model-1")));
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
        ("/api/calls?max_cost_usd=NaN", "max_cost_usd"),
        ("/api/calls?max_duration_ms=-1", "max_duration_ms"),
        ("/api/calls?cursor=before-x", "cursor"),
        ("/api/calls/histogram?step=1m&range=90d", "step"),
        ("/api/calls/histogram?from=2026-11-25T00:00:00Z&to=2026-11-24T00:00:00Z", "to"),
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
