//! A call as spans: one of the server, and below it one of a client for each attempt.
//!
//! Names follow the semantic conventions for HTTP and for generative AI, <https://opentelemetry.io/docs/specs/semconv/>, else they
//! begin with `keywheel.`. Nothing that was said is in a span: no body, no words of a provider's error, no secret.

use serde_json::{Value, json};

use super::attributes::Attributes;
use crate::domain::{Api, AttemptRecord, CallRecord, Cost, Outcome, TraceContext, UsageQuality};
use crate::telemetry::metrics::class_name;

/// Numbers of OTLP's enumerations.
const KIND_SERVER: u8 = 2;
const KIND_CLIENT: u8 = 3;
const STATUS_UNSET: u8 = 0;
const STATUS_ERROR: u8 = 2;
/// The flags of W3C Trace Context: recorded.
const SAMPLED: u32 = 1;

/// The spans of one call.
#[derive(Debug)]
pub(super) struct CallSpans {
    /// JSON objects with commas between them.
    json: String,
    /// How many.
    pub(super) count: u64,
}

/// A call that is in a trace, as spans.
pub(super) fn spans_of(record: &CallRecord, trace: &TraceContext) -> CallSpans {
    let attempts = record.attempts.iter().enumerate();
    let mut spans = vec![of_call(record, trace).to_string()];
    spans.extend(attempts.map(|(place, attempt)| of_attempt(record, trace, place, attempt).to_string()));
    CallSpans { count: spans.len() as u64, json: spans.join(",") }
}

/// What is posted to a collector.
pub(super) fn document(calls: &[CallSpans]) -> String {
    let mut resource = Attributes::default();
    resource.text("service.name", "keywheel").text("service.version", env!("CARGO_PKG_VERSION"));
    let (resource, scope) = (json!({ "attributes": resource.done() }), json!({ "name": "keywheel" }));
    let spans: Vec<&str> = calls.iter().map(|call| call.json.as_str()).collect();
    let spans = spans.join(",");
    format!(r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{"scope":{scope},"spans":[{spans}]}}]}}]}}"#)
}

fn of_call(record: &CallRecord, trace: &TraceContext) -> Value {
    let route = route(record);
    let is_error = record.status >= 500
        || matches!(record.outcome, Outcome::NoKey | Outcome::UpstreamError | Outcome::Interrupted | Outcome::InternalError);
    let error = is_error.then(|| record.error_code.as_deref().unwrap_or(record.outcome.as_str()));
    let cost = match record.cost {
        Cost::Known(amount) => Some(amount.as_dollars()),
        Cost::Unknown => None,
    };
    let mut attributes = Attributes::default();
    attributes
        .text("http.request.method", &record.method)
        .text("http.route", &route)
        .text("url.path", &record.path)
        .some_number("http.response.status_code", Some(record.status).filter(|status| *status > 0))
        .number("http.request.body.size", record.bytes_in)
        .number("http.response.body.size", record.bytes_out)
        .some_text("client.address", record.client_ip.map(|ip| ip.to_string()))
        .some_text("error.type", error)
        .some_text("gen_ai.operation.name", operation(record.api))
        .some_text("gen_ai.request.model", record.model_asked.as_deref())
        .text("keywheel.call.id", record.id.to_string())
        .text("keywheel.outcome", record.outcome.as_str())
        .flag("keywheel.stream", record.stream)
        .number("keywheel.attempts", record.attempts.len() as u64)
        .some_number("keywheel.client.id", record.client.as_ref().map(|client| client.id.0))
        .some_text("keywheel.client.name", record.client.as_ref().map(|client| &*client.name))
        .some_fraction("keywheel.first_token_ms", record.first_token_us.map(|us| us as f64 / 1e3))
        .some_fraction("keywheel.cost_usd", cost)
        .texts("keywheel.tags", &record.tags);
    json!({
        "traceId": format!("{:032x}", trace.trace_id),
        "spanId": format!("{:016x}", trace.span),
        "parentSpanId": trace.parent.map_or_else(String::new, |parent| format!("{parent:016x}")),
        "flags": SAMPLED,
        "name": format!("{} {route}", record.method),
        "kind": KIND_SERVER,
        "startTimeUnixNano": nanoseconds(record, 0),
        "endTimeUnixNano": nanoseconds(record, record.total_us),
        "attributes": attributes.done(),
        "status": { "code": if is_error { STATUS_ERROR } else { STATUS_UNSET } },
    })
}

fn of_attempt(record: &CallRecord, trace: &TraceContext, place: usize, attempt: &AttemptRecord) -> Value {
    let verdict = attempt.verdict.as_ref();
    let operation = operation(record.api);
    let name = match (operation, &attempt.model) {
        (Some(operation), Some(model)) => format!("{operation} {model}"),
        _ => record.method.to_string(),
    };
    // What was consumed was consumed by the attempt that served.
    let served = place + 1 == record.attempts.len() && record.usage.quality != UsageQuality::Unknown;
    let usage = served.then_some(&record.usage);
    let mut attributes = Attributes::default();
    attributes
        .text("http.request.method", &record.method)
        .some_number("http.response.status_code", attempt.status)
        .some_number("http.request.resend_count", Some(place as u64).filter(|place| *place > 0))
        .some_text("error.type", verdict.map(|verdict| class_name(verdict.class)))
        .some_text("gen_ai.operation.name", operation)
        .text("gen_ai.provider.name", &attempt.provider.name)
        .some_text("gen_ai.request.model", attempt.model.as_deref())
        .some_number("gen_ai.usage.input_tokens", usage.and_then(|usage| usage.input))
        .some_number("gen_ai.usage.output_tokens", usage.and_then(|usage| usage.output))
        .some_number("gen_ai.usage.cache_read.input_tokens", usage.and_then(|usage| usage.cached_read))
        .some_number("gen_ai.usage.cache_creation.input_tokens", usage.and_then(|usage| usage.cache_write))
        .number("keywheel.provider.id", attempt.provider.id.0)
        .number("keywheel.key.id", attempt.key.id.0)
        .text("keywheel.key.name", &attempt.key.name)
        .text("keywheel.chosen_by", &attempt.why.chosen_by)
        .some_text("keywheel.verdict.rule", verdict.map(|verdict| &*verdict.rule))
        .some_text("keywheel.verdict.blame", verdict.and_then(|verdict| word(&verdict.blame)))
        .some_fraction("keywheel.first_token_ms", attempt.timings.first_token_us.map(|us| us as f64 / 1e3));
    let end = attempt.timings.last_byte_us.map_or(record.total_us, |last| attempt.offset_us + last);
    json!({
        "traceId": format!("{:032x}", trace.trace_id),
        "spanId": format!("{:016x}", trace.attempt_span(place)),
        "parentSpanId": format!("{:016x}", trace.span),
        "flags": SAMPLED,
        "name": name,
        "kind": KIND_CLIENT,
        "startTimeUnixNano": nanoseconds(record, attempt.offset_us),
        "endTimeUnixNano": nanoseconds(record, end),
        "attributes": attributes.done(),
        "status": { "code": if verdict.is_some() { STATUS_ERROR } else { STATUS_UNSET } },
    })
}

/// The path without what differs from call to call: a span's name has few values.
fn route(record: &CallRecord) -> String {
    let mut segments = record.path.trim_start_matches('/').split('/');
    let (version, first) = (segments.next(), segments.next());
    match (record.api, version, first) {
        (Api::Chat, ..) => "/v1/chat/completions".to_owned(),
        (Api::Other, ..) | (_, _, None) => "/v1/*".to_owned(),
        (_, _, Some(first)) if segments.next().is_none() => format!("/v1/{first}"),
        (_, _, Some(first)) => format!("/v1/{first}/*"),
    }
}

fn operation(api: Api) -> Option<&'static str> {
    match api {
        Api::Chat | Api::Responses | Api::Messages => Some("chat"),
        Api::Completions => Some("text_completion"),
        Api::Embeddings => Some("embeddings"),
        Api::Images | Api::Audio | Api::Moderations | Api::Other => None,
    }
}

/// A word of the domain as the log writes it.
fn word(value: &impl serde::Serialize) -> Option<String> {
    Some(serde_json::to_value(value).ok()?.as_str()?.to_owned())
}

/// A time within a call, in nanoseconds since 1970, as text.
fn nanoseconds(record: &CallRecord, after_us: u64) -> String {
    let start_us = u64::try_from(record.started_ms).unwrap_or(0) * 1_000;
    (u128::from(start_us + after_us) * 1_000).to_string()
}
