//! Plain stand-ins: what a hook is shown in a dry run where nothing was given for it, and how that is told with its step.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use super::input::{TrialEvent, TrialInput, TrialKeyEvent};
use super::walk::{Decision, Ending};
use crate::domain::{Api, CallRecord, KeyEvent, KeyEventKind, KeyId, Outcome, ProviderId, Ref, Usage, UsageQuality};
use crate::script::complete::{call_map, event_map};
use crate::script::json::to_json;
use crate::script::objects::{AttemptErrorParts, ResponseParts};

/// How long the key of the stand-in rests, in milliseconds.
const REST_MS: i64 = 60_000;
/// Output tokens of the stand-in for a finished call.
const OUTPUT_TOKENS: u64 = 10;

/// What was given; else a stand-in, where one is wanted, with what is told of it.
pub(super) fn given_or<T>(
    given: Option<T>,
    is_wanted: bool,
    stand_in: impl FnOnce() -> (T, Value),
) -> Option<(T, Option<Value>)> {
    match given {
        Some(given) => Some((given, None)),
        None => is_wanted.then(stand_in).map(|(shown, told)| (shown, Some(told))),
    }
}

/// A provider that is overloaded.
pub(super) fn errors() -> (Vec<AttemptErrorParts>, Value) {
    let (code, kind, message) = ("overloaded", "server_error", "The server is overloaded.");
    let error = AttemptErrorParts {
        status: Some(503),
        code: Some(code.to_owned()),
        kind: Some(kind.to_owned()),
        message: message.to_owned(),
        ..AttemptErrorParts::default()
    };
    (vec![error], json!({ "status": 503, "code": code, "type": kind, "message": message }))
}

/// A short answer: its head alone where the client asked for a stream.
pub(super) fn response(input: &TrialInput) -> (ResponseParts, Value) {
    let (kind, body) = match input.request.stream {
        true => ("text/event-stream", None),
        false => {
            let message = json!({ "role": "assistant", "content": "Hello!" });
            let choices = json!([{ "index": 0, "message": message, "finish_reason": "stop" }]);
            ("application/json", Some(json!({ "object": "chat.completion", "model": input.request.model, "choices": choices })))
        }
    };
    let headers: HeaderMap = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))].into_iter().collect();
    let told = json!({ "status": 200, "headers": { "content-type": kind }, "body": body });
    let body = body.map(|body| Bytes::from(body.to_string()));
    (ResponseParts { status: 200, headers: Arc::new(headers), body, body_values: input.request.body_values }, told)
}

/// One event with a piece of text.
pub(super) fn events() -> (Vec<TrialEvent>, Value) {
    let data = json!({ "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": { "content": "Hello!" } }] });
    let event = TrialEvent { name: None, data: data.to_string().into() };
    (vec![event], json!({ "name": null, "data": data }))
}

/// The call, as it would have ended by what was decided.
pub(super) fn record(input: &TrialInput, decision: &Decision) -> (CallRecord, Value) {
    let request = &input.request;
    let code = |code: &str| Some(code.into());
    let (status, outcome, error_code) = match &decision.ending {
        Ending::Sent => (200, Outcome::Success, None),
        Ending::Answered { status } => (*status, Outcome::Success, None),
        Ending::Rejected { status, code: reason } => (*status, Outcome::Rejected, code(reason)),
        Ending::Failed => (500, Outcome::Rejected, code("script_error")),
        Ending::Nowhere(_) => (503, Outcome::NoKey, code("no_available_key")),
    };
    let usage = Usage {
        input: Some(request.estimated_tokens),
        output: Some(OUTPUT_TOKENS),
        quality: UsageQuality::Estimated,
        ..Usage::default()
    };
    let record = CallRecord {
        id: request.id,
        started_ms: input.at_ms,
        total_us: 1_000_000,
        method: request.method.clone(),
        path: request.path.to_string(),
        api: if &*request.path == "/v1/chat/completions" { Api::Chat } else { Api::Other },
        stream: request.stream,
        client: request.client.as_ref().map(|client| Ref { id: client.id, name: client.name.as_str().into() }),
        client_ip: request.client_ip,
        model_asked: request.model.clone(),
        model_served: decision.provider_model.clone(),
        provider: decision.provider.clone().map(|name| Ref { id: ProviderId(0), name }),
        key: decision.key.clone().map(|(id, name)| Ref { id, name }),
        status,
        outcome,
        error_code,
        estimated_tokens: Some(request.estimated_tokens),
        usage: if outcome == Outcome::Success { usage } else { Usage::default() },
        bytes_in: request.body.len() as u64,
        ..CallRecord::default()
    };
    let told = told(call_map(&record));
    (record, told)
}

/// The key that was chosen begins to rest.
pub(super) fn key_event(input: &TrialInput, decision: &Decision) -> (TrialKeyEvent, Value) {
    let key = decision.key.as_ref();
    let event = KeyEvent {
        at_ms: input.at_ms,
        provider: ProviderId(0),
        key: Some(key.map_or(KeyId(0), |(id, _)| *id)),
        kind: KeyEventKind::Cooling { until_ms: input.at_ms + REST_MS, model: None },
        reason: "default.rate_limit".to_owned(),
    };
    let provider = decision.provider.as_deref().unwrap_or("provider").to_owned();
    let name = key.map_or("key", |(_, name)| name).to_owned();
    let told = told(event_map(&event, &provider, Some(&name)));
    (TrialKeyEvent { event, provider, key: Some(name) }, told)
}

/// What scripts are shown, as JSON.
fn told(shown: rhai::Map) -> Value {
    to_json(&shown.into()).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}
