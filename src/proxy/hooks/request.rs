//! `on_request`: the call goes on, changed or not, or ends here.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use poem::Response;

use super::{Scripted, edit_headers, patched, script_error};
use crate::proxy::body::{Patch, peek};
use crate::proxy::call::Call;
use crate::proxy::error::ProxyError;
use crate::proxy::plan::Payload;
use crate::script::{Hook, Reply, RequestDecision, RequestParts, ScriptRequest};

/// A request as it was read, and as scripts have changed it.
pub(in crate::proxy) struct Taken {
    pub payload: Payload,
    pub headers: Arc<HeaderMap>,
    /// The model that the body names.
    pub asked: Option<Arc<str>>,
    /// The model by which the call is routed.
    pub wanted: Option<Arc<str>>,
}

/// Shows a request to the scripts and takes over what they changed. An answer ends the call.
pub(in crate::proxy) fn on_request(
    call: &mut Call,
    taken: &mut Taken,
    stream: bool,
    estimated_tokens: u64,
) -> Result<Option<Response>, ProxyError> {
    call.record.estimated_tokens = Some(estimated_tokens);
    let live = call.scripted.as_ref().map(|scripted| &scripted.set);
    call.deps.scripts.offer_to_shadow(call.record.id, live, || parts(call, taken, stream, estimated_tokens));
    if !call.scripted.as_ref().is_some_and(Scripted::sees_requests) {
        return Ok(None);
    }
    let request = ScriptRequest::new(parts(call, taken, stream, estimated_tokens));
    let Some(scripted) = call.scripted.as_mut() else { return Ok(None) };
    scripted.request = Some(request.clone());
    let set = &scripted.set;
    if !set.has(Hook::OnRequest) {
        return Ok(None);
    }
    match set.on_request(&request) {
        Ok(RequestDecision::Continue) => take_over(&request, taken).map(|()| None).map_err(|message| {
            set.refuse_answer(&request, Hook::OnRequest, None, message);
            script_error()
        }),
        Ok(RequestDecision::Reject(rejection)) => {
            Err(ProxyError::rejected(status(rejection.status), rejection.code, rejection.message))
        }
        Ok(RequestDecision::Respond(reply)) => Ok(Some(response(reply))),
        Err(_) => Err(script_error()),
    }
}

/// A request as scripts are shown it.
fn parts(call: &Call, taken: &Taken, stream: bool, estimated_tokens: u64) -> RequestParts {
    RequestParts {
        id: call.record.id,
        method: call.record.method.clone(),
        path: call.record.path.as_str().into(),
        model: taken.asked.clone(),
        stream,
        client: call.client.clone(),
        client_ip: call.record.client_ip,
        headers: taken.headers.clone(),
        body: match &taken.payload {
            Payload::Json(peek) => peek.body.clone(),
            _ => Bytes::new(),
        },
        estimated_tokens,
        body_values: call.deps.scripts.limits().body_values,
    }
}

fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn response(reply: Reply) -> Response {
    let mut response = Response::builder().status(status(reply.status)).body(reply.body);
    response.headers_mut().extend(reply.headers);
    response
}

/// Makes a script's changes on the request; the error says why they cannot be made.
fn take_over(request: &ScriptRequest, taken: &mut Taken) -> Result<(), String> {
    let edits = request.body_edits();
    if !edits.is_empty() {
        let body = match &taken.payload {
            Payload::Json(peek) => peek.body.clone(),
            Payload::Opaque(body) if body.is_empty() => Bytes::from_static(b"null"),
            _ => return Err("the body is no JSON object, so it cannot be edited".to_owned()),
        };
        let before = taken.asked.clone();
        set_body(taken, &patched(&body, &edits).map_err(|error| error.to_string())?)?;
        if taken.asked != before {
            taken.wanted = taken.asked.clone();
        }
    }
    if let Some(model) = request.changed_model() {
        let unnamed = match &taken.payload {
            Payload::Json(peek) if peek.model.is_none() => Some(peek.body.clone()),
            _ => None,
        };
        if let Some(body) = unnamed {
            let named = Patch::new().set("/model", &*model).and_then(|patch| patch.apply(&body));
            set_body(taken, &named.map_err(|error| error.to_string())?)?;
        }
        taken.wanted = Some(model);
    }
    let headers = request.header_edits();
    if !headers.is_empty() {
        edit_headers(Arc::make_mut(&mut taken.headers), &headers);
    }
    Ok(())
}

fn set_body(taken: &mut Taken, body: &Bytes) -> Result<(), String> {
    let peek = peek(body).map_err(|error| format!("the edited body cannot be used: {error}"))?;
    taken.asked = peek.model.clone();
    taken.payload = Payload::Json(peek);
    Ok(())
}
