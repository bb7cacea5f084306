//! Traces: `traceparent` on its way to providers, and the spans that a collector is sent.

use keywheel::mock::{Behaviour, MockProvider};
use serde_json::{Value, json};

use crate::alerts::soon;
use crate::app::{Answer, TOKEN, TestApp, bootstrap_of, chat_body, read};

const KEYS: &[(&str, &str)] = &[("a", "sk-secret-of-a"), ("b", "sk-secret-of-b")];
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NOT_RECORDED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// A collector that takes everything.
async fn collector() -> MockProvider {
    let collector = MockProvider::start().await;
    collector.behave(|_| Some(Behaviour::answer(200).json(&json!({}))));
    collector
}

async fn traced(provider: &MockProvider, collector: &MockProvider) -> TestApp {
    let endpoint = format!("http://{}", collector.address());
    let variables =
        [("KEYWHEEL_OTLP_ENDPOINT", &*endpoint), ("KEYWHEEL_OTLP_HEADERS", "authorization=Bearer of-the-collector")];
    TestApp::start_with(&bootstrap_of(provider, "", KEYS), &variables).await
}

async fn chat(app: &TestApp, headers: &[(&str, &str)]) -> Answer {
    let mut request = app.request("POST", "/v1/chat/completions").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(request.body(chat_body(false))).await
}

/// Every span that a collector was sent.
fn spans(collector: &MockProvider) -> Vec<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let documents = collector.seen();
    let documents = documents.iter().map(|request| request.json::<Value>().expect("JSON"));
    let resources = documents.flat_map(|document| list(&document["resourceSpans"]));
    let scopes = resources.flat_map(|resource| list(&resource["scopeSpans"]));
    scopes.flat_map(|scope| list(&scope["spans"])).collect()
}

/// An attribute's value, whatever its type.
fn attribute(span: &Value, name: &str) -> Value {
    let found = span["attributes"].as_array().unwrap().iter().find(|attribute| attribute["key"] == name);
    let value = found.and_then(|attribute| attribute["value"].as_object()?.values().next());
    value.cloned().unwrap_or_default()
}

fn nanoseconds(span: &Value, member: &str) -> u64 {
    span[member].as_str().expect("64 bits are written as text").parse().expect("a number")
}

/// The `traceparent` of each request that the provider saw.
fn sent(provider: &MockProvider) -> Vec<Option<String>> {
    provider.seen().iter().map(|request| request.header("traceparent").map(str::to_owned)).collect()
}

async fn counted(app: &TestApp, metric: &str) -> u64 {
    let text = app.get("/metrics").await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(metric)).unwrap_or("0");
    line.trim().parse().expect("a number")
}

#[tokio::test]
async fn a_call_with_failover_is_a_tree_of_spans() {
    let (provider, collector) = (MockProvider::start().await, collector().await);
    let app = traced(&provider, &collector).await;
    provider
        .queue(Behaviour::answer(429).json(&json!({ "error": { "message": "sk-secret-of-a and b: too many, Say hello" } })));
    let answer = chat(&app, &[("traceparent", CALLER), ("tracestate", "vendor=1")]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (call_id, used) = (answer.header("x-request-id").to_owned(), answer.json()["usage"].clone());
    let (sent, seen) = (sent(&provider), provider.seen());
    app.stop().await;

    let spans = spans(&collector);
    let [call, first, second] = &spans[..] else { panic!("{spans:#?}") };
    assert!(spans.iter().all(|span| span["traceId"] == TRACE));
    assert_eq!((&call["parentSpanId"], &call["kind"]), (&json!("00f067aa0ba902b7"), &json!(2)));
    for (attempt, traceparent) in [first, second].into_iter().zip(&sent) {
        assert_eq!((&attempt["parentSpanId"], &attempt["kind"]), (&call["spanId"], &json!(3)));
        let span = attempt["spanId"].as_str().unwrap();
        assert_eq!(traceparent.as_deref(), Some(&*format!("00-{TRACE}-{span}-01")), "the provider was told the attempt's span");
        assert!(nanoseconds(call, "startTimeUnixNano") <= nanoseconds(attempt, "startTimeUnixNano"));
        assert!(nanoseconds(attempt, "startTimeUnixNano") < nanoseconds(attempt, "endTimeUnixNano"));
        assert!(nanoseconds(attempt, "endTimeUnixNano") <= nanoseconds(call, "endTimeUnixNano"));
    }
    assert!(nanoseconds(first, "endTimeUnixNano") <= nanoseconds(second, "startTimeUnixNano"));
    assert_ne!(first["spanId"], second["spanId"]);
    assert!(seen.iter().all(|request| request.header("tracestate") == Some("vendor=1")));

    assert_eq!((&call["name"], &call["status"]["code"]), (&json!("POST /v1/chat/completions"), &json!(0)));
    for (name, value) in [
        ("http.response.status_code", json!("200")),
        ("keywheel.call.id", json!(call_id)),
        ("keywheel.outcome", json!("success")),
        ("keywheel.client.name", json!("app")),
        ("keywheel.attempts", json!("2")),
        ("keywheel.stream", json!(false)),
        ("client.address", json!("127.0.0.1")),
        ("error.type", Value::Null),
    ] {
        assert_eq!(attribute(call, name), value, "{name}");
    }
    let text = |number: &Value| json!(number.to_string());
    for (name, of_first, of_second) in [
        ("http.response.status_code", json!("429"), json!("200")),
        ("error.type", json!("rate_limit"), Value::Null),
        ("keywheel.verdict.blame", json!("key_model"), Value::Null),
        ("gen_ai.operation.name", json!("chat"), json!("chat")),
        ("gen_ai.provider.name", json!("mock"), json!("mock")),
        ("gen_ai.request.model", json!("gpt-4o-mini"), json!("gpt-4o-mini")),
        ("gen_ai.usage.input_tokens", Value::Null, text(&used["prompt_tokens"])),
        ("gen_ai.usage.output_tokens", Value::Null, text(&used["completion_tokens"])),
        ("http.request.resend_count", Value::Null, json!("1")),
    ] {
        assert_eq!((attribute(first, name), attribute(second, name)), (of_first, of_second), "{name}");
    }
    assert_eq!((&first["status"]["code"], &second["status"]["code"]), (&json!(2), &json!(0)));
    let mut names =
        [attribute(first, "keywheel.key.name"), attribute(second, "keywheel.key.name")].map(|name| name.to_string());
    names.sort();
    assert_eq!(names, ["\"a\"", "\"b\""]);

    for request in collector.seen() {
        assert_eq!((&*request.method, &*request.target), ("POST", "/v1/traces"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("authorization"), Some("Bearer of-the-collector"));
        let text = request.text();
        for secret in ["sk-secret", TOKEN, "of-the-collector", "Say hello", "admin-token"] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}

#[tokio::test]
async fn a_caller_is_followed_where_its_header_is_valid() {
    let (provider, collector) = (MockProvider::start().await, collector().await);
    let app = traced(&provider, &collector).await;
    let invalid = CALLER.to_ascii_uppercase();
    let without = chat(&app, &[("tracestate", "vendor=1")]).await;
    let wrong = chat(&app, &[("traceparent", &invalid), ("tracestate", "vendor=1")]).await;
    let twice = chat(&app, &[("traceparent", CALLER), ("traceparent", CALLER)]).await;
    let refused = read(app.request_as("kw-nobody-knows-it", "GET", "/v1/models/x").header("traceparent", CALLER)).await;
    assert_eq!(refused.status, 401);
    chat(&app, &[("traceparent", NOT_RECORDED), ("tracestate", "vendor=1")]).await;
    app.stop().await;

    let all = spans(&collector);
    for (answer, request) in [without, wrong, twice].iter().zip(provider.seen()) {
        let call_id = answer.header("x-request-id");
        let trace = call_id.replace('-', "");
        let of_trace: Vec<&Value> = all.iter().filter(|span| span["traceId"] == *trace).collect();
        let [call, attempt] = of_trace[..] else { panic!("{call_id}: {all:#?}") };
        assert_eq!((&attribute(call, "keywheel.call.id"), &call["parentSpanId"]), (&json!(call_id), &json!("")));
        let expected = format!("00-{trace}-{}-01", attempt["spanId"].as_str().unwrap());
        assert_eq!(request.header_values("traceparent").collect::<Vec<_>>(), [expected]);
        assert_eq!(request.header("tracestate"), None, "it belongs to a trace that is not followed");
    }
    let of_caller: Vec<&Value> = all.iter().filter(|span| span["traceId"] == TRACE).collect();
    let [refused] = of_caller[..] else { panic!("{of_caller:#?}") };
    assert_eq!(refused["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(attribute(refused, "http.response.status_code"), "401");
    assert_eq!(all.len(), 7, "a trace that is not recorded has no spans");
    let last = provider.last_seen().unwrap();
    assert_eq!((last.header("traceparent"), last.header("tracestate")), (Some(NOT_RECORDED), Some("vendor=1")));
}

#[tokio::test]
async fn without_a_collector_the_header_passes_as_it_came() {
    let provider = MockProvider::start().await;
    let app = TestApp::with_keys(&provider, KEYS).await;
    chat(&app, &[]).await;
    for header in [CALLER, NOT_RECORDED, "00-1-2-01"] {
        chat(&app, &[("traceparent", header), ("tracestate", "vendor=1")]).await;
        assert_eq!(provider.last_seen().unwrap().header("tracestate"), Some("vendor=1"));
    }
    assert_eq!(sent(&provider), [None, Some(CALLER.into()), Some(NOT_RECORDED.into()), Some("00-1-2-01".into())]);
    assert!(!app.get("/metrics").await.text().contains("keywheel_spans"));
}

#[tokio::test]
async fn what_a_collector_refuses_is_dropped_and_counted() {
    let (provider, collector) = (MockProvider::start().await, MockProvider::start().await);
    collector.behave(|_| Some(Behaviour::answer(500)));
    let app = traced(&provider, &collector).await;
    assert_eq!(chat(&app, &[]).await.status, 200);
    let dropped = "keywheel_spans_dropped_total{reason=\"collector\"}";
    soon("the drop is counted", async || counted(&app, dropped).await == 2).await;
    assert_eq!(collector.seen().len(), 1, "a 500 is not asked again");

    collector.forget_seen();
    collector.behave(|_| Some(Behaviour::answer(200).json(&json!({}))));
    collector.queue(Behaviour::answer(503));
    assert_eq!(chat(&app, &[]).await.status, 200);
    soon("a 503 is asked again", async || counted(&app, "keywheel_spans_exported_total").await == 2).await;
    let bodies: Vec<String> = collector.seen().iter().map(|request| request.text()).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(counted(&app, dropped).await, 2);
}

#[tokio::test]
async fn a_collector_that_hangs_keeps_no_call_waiting() {
    let (provider, collector) = (MockProvider::start().await, MockProvider::start().await);
    collector.behave(|_| Some(Behaviour::hang()));
    let app = traced(&provider, &collector).await;
    assert_eq!(chat(&app, &[]).await.status, 200);
    soon("the collector has the spans and says nothing", async || collector.in_flight() == 1).await;
    for _ in 0..20 {
        assert_eq!(chat(&app, &[]).await.status, 200);
    }
    soon("its silence has an end", async || counted(&app, "keywheel_spans_dropped_total{reason=\"collector\"}").await >= 2)
        .await;
    assert_eq!(chat(&app, &[]).await.status, 200);
    app.stop().await;
}
