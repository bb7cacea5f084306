//! `on_upstream_request` and `classify_error`: one attempt, before it is sent and after it failed.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::{edit_headers, patched, script_error};
use crate::domain::{Key, Verdict};
use crate::outbound::{RequestBody, passing_client_headers};
use crate::proxy::attempt::Failure;
use crate::proxy::call::Call;
use crate::proxy::error::ProxyError;
use crate::proxy::plan::{Payload, Plan};
use crate::rotator::{Lease, holds_secret, mask};
use crate::script::{AttemptError, AttemptErrorParts, Candidate, Hook, ScriptRequest, ScriptSet, Upstream, UpstreamParts};

/// A request as it goes to the provider.
pub(in crate::proxy) struct Outgoing {
    /// Another path than the client's.
    pub path: Option<String>,
    /// Other headers of the client's than those that came.
    pub headers: Option<HeaderMap>,
    /// Headers that a script set.
    pub extra: Vec<(HeaderName, HeaderValue)>,
    pub body: RequestBody,
}

impl Outgoing {
    fn plain(body: RequestBody) -> Self {
        Outgoing { path: None, headers: None, extra: Vec::new(), body }
    }
}

/// Shows a request to the scripts before it is sent. An error ends the call, and nothing is sent.
pub(in crate::proxy) fn on_upstream_request(
    call: &Call,
    plan: &Plan,
    lease: &Lease,
    body: RequestBody,
) -> Result<Outgoing, ProxyError> {
    let Some((set, request)) = call.hook(Hook::OnUpstreamRequest) else { return Ok(Outgoing::plain(body)) };
    let text = match (&body, &plan.payload) {
        (RequestBody::Whole(body), Payload::Json(_)) => body.clone(),
        _ => Bytes::new(),
    };
    let up = Upstream::new(UpstreamParts {
        provider: lease.provider().name.as_str().into(),
        model: Some(lease.model()).filter(|model| !model.is_empty()).cloned(),
        path: plan.path.rest.as_str().into(),
        headers: Arc::new(passing_client_headers(lease.provider(), &plan.headers)),
        body: text.clone(),
        body_values: set.limits().body_values,
    });
    let key = leased(call, lease);
    set.on_upstream_request(request, &up, &key, attempt_number(call)).map_err(|_| script_error())?;
    let edits = up.edits();
    let mut outgoing = Outgoing { path: edits.path, ..Outgoing::plain(body) };
    if !edits.body.is_empty() {
        outgoing.body = RequestBody::Whole(edited(set, request, &text, &edits.body)?);
    }
    if !edits.headers.is_empty() {
        let mut headers = HeaderMap::clone(&plan.headers);
        edit_headers(&mut headers, &edits.headers);
        outgoing.headers = Some(headers);
        outgoing.extra = edits.headers.into_iter().filter_map(|edit| Some((edit.name, edit.value?))).collect();
    }
    Ok(outgoing)
}

fn edited(
    set: &ScriptSet,
    request: &ScriptRequest,
    body: &Bytes,
    edits: &[crate::script::BodyEdit],
) -> Result<Bytes, ProxyError> {
    let result = if body.is_empty() {
        Err("the body is no JSON object, so it cannot be edited".to_owned())
    } else {
        patched(body, edits).map_err(|error| error.to_string())
    };
    result.map_err(|message| {
        set.refuse_answer(request, Hook::OnUpstreamRequest, None, message);
        script_error()
    })
}

/// Asks the scripts what a failed attempt means. `message` is the failure in words, without secrets.
pub(in crate::proxy) fn classify_error(
    call: &Call,
    plan: &Plan,
    lease: &Lease,
    failure: &Failure,
    message: Option<&str>,
    built_in: Verdict,
) -> Verdict {
    let Some((set, request)) = call.hook(Hook::ClassifyError) else { return built_in };
    let no_headers = HeaderMap::new();
    let (status, headers, body) = match failure {
        Failure::Status { head, body } => (Some(head.status), &head.headers, &body[..]),
        Failure::Inside { head, error } => (Some(head.status), &head.headers, &error[..]),
        Failure::Redirect(head) => (Some(head.status), &head.headers, &b""[..]),
        Failure::Broken { status, .. } | Failure::Empty(status) => (Some(*status), &no_headers, &b""[..]),
        _ => (None, &no_headers, &b""[..]),
    };
    let words = Words::read(body).masked(lease.key());
    let error = AttemptError::new(AttemptErrorParts {
        status: status.map(|status| status.as_u16()),
        code: words.code,
        kind: words.kind,
        message: message.unwrap_or_default().to_owned(),
        headers: Arc::new(headers.clone()),
        elapsed_ms: call.attempt_us() / 1000,
        bytes_sent: match &plan.payload {
            Payload::Json(peek) => peek.body.len() as u64,
            Payload::Form { body, .. } | Payload::Opaque(body) => body.len() as u64,
            Payload::Upload(_) => call.record.bytes_in,
        },
    });
    match set.classify_error(request, &error, &leased(call, lease), attempt_number(call)) {
        Some(answer) => answer.onto(&built_in),
        None => built_in,
    }
}

/// What an error body says in single words.
#[derive(Default)]
struct Words {
    code: Option<String>,
    kind: Option<String>,
}

impl Words {
    /// Reads `error.code` and `error.type`, also where the object stands inside an array or bare.
    fn read(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return Words::default() };
        let outer = value.get(0).unwrap_or(&value);
        let error = outer.get("error").filter(|error| error.is_object()).unwrap_or(outer);
        let word = |name: &str| match error.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        Words { code: word("code"), kind: word("type").or_else(|| word("status")) }
    }

    /// The words without the key's secret.
    fn masked(self, key: &Key) -> Self {
        let masked = |word: String| if holds_secret(&word, key) { mask(&word, key) } else { word };
        Words { code: self.code.map(masked), kind: self.kind.map(masked) }
    }
}

/// The key of the current attempt.
fn leased(call: &Call, lease: &Lease) -> Candidate {
    let status = call.deps.rotator.status(lease.key().id, call.deps.clock.now());
    let facts = status.map(|status| status.facts).unwrap_or_default();
    Candidate { key: lease.key().clone(), provider: lease.provider().name.as_str().into(), facts }
}

/// The number of the current attempt, from 1.
fn attempt_number(call: &Call) -> u32 {
    call.record.attempts.len() as u32
}
