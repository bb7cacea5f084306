//! `on_response`: an answer, before the client gets it.

use std::sync::Arc;

use bytes::Bytes;
use http::{StatusCode, header};

use super::{edit_headers, patched};
use crate::proxy::call::Call;
use crate::script::{self, Hook, ResponseParts};

/// Shows an answer to the scripts and takes over what they changed. `body` is the whole body; `None` for one that flows.
///
/// The answer is the new body, when it was changed.
pub(in crate::proxy) fn on_response(call: &mut Call, response: &mut poem::Response, body: Option<&Bytes>) -> Option<Bytes> {
    let (set, request) = call.hook(Hook::OnResponse)?;
    let shown = script::Response::new(ResponseParts {
        status: response.status().as_u16(),
        headers: Arc::new(response.headers().clone()),
        body: body.cloned(),
        body_values: set.limits().body_values,
    });
    set.on_response(request, &shown).ok()?;
    let edits = shown.edits();
    let new_body = match body {
        Some(body) if !edits.body.is_empty() => match patched(body, &edits.body) {
            Ok(new) => Some(new),
            Err(error) => {
                set.refuse_answer(request, Hook::OnResponse, None, error.to_string());
                return None;
            }
        },
        _ => None,
    };
    edit_headers(response.headers_mut(), &edits.headers);
    if let Some(status) = edits.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        response.set_status(status);
        call.record.status = status.as_u16();
    }
    if let Some(new) = &new_body {
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.set_body(new.clone());
    }
    new_body
}
