//! Where scripts take part in a call: what they are shown, and how what they answer is followed.
//!
//! A call takes the live set once, at its start, and keeps it to its end. A hook that no script defines costs a look at one bit.
//! `on_request` and `on_upstream_request` fail closed; where another hook fails, the call goes on as built in.

mod attempt;
mod chunk;
mod keys;
mod request;
mod response;
mod route;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::body::{Patch, PatchError};
use super::error::ProxyError;
use crate::domain::CallRecord;
use crate::script::{BodyEdit, BodyEditAction, HeaderEdit, Hook, ScriptRequest, ScriptSet};

pub(super) use attempt::{classify_error, on_upstream_request};
pub(super) use chunk::{ChunkEditor, Edited, chunk_editor, with_data};
pub use keys::candidates;
pub(super) use keys::select_key;
pub(super) use request::{Taken, on_request};
pub(super) use response::on_response;
pub(super) use route::{Routed, route};

/// Hooks that see the request.
const WITH_REQUEST: [Hook; 7] = [
    Hook::OnRequest,
    Hook::Route,
    Hook::SelectKey,
    Hook::OnUpstreamRequest,
    Hook::ClassifyError,
    Hook::OnResponse,
    Hook::OnChunk,
];

/// The scripts of one call.
pub(super) struct Scripted {
    set: Arc<ScriptSet>,
    /// The request as scripts see it, once it was read.
    request: Option<ScriptRequest>,
}

impl Scripted {
    /// The scripts of a call that begins.
    pub fn new(set: Arc<ScriptSet>) -> Self {
        Scripted { set, request: None }
    }

    /// What a hook is run with, when a script defines it.
    #[inline]
    pub fn hook(&self, hook: Hook) -> Option<(&Arc<ScriptSet>, &ScriptRequest)> {
        if self.set.has(hook) { self.request.as_ref().map(|request| (&self.set, request)) } else { None }
    }

    fn sees_requests(&self) -> bool {
        WITH_REQUEST.into_iter().any(|hook| self.set.has(hook))
    }

    /// Puts on the record what scripts left behind. The answer is the set whose `on_complete` is still to run.
    pub fn finish(self, record: &mut CallRecord) -> Option<Arc<ScriptSet>> {
        if let Some(request) = &self.request {
            record.tags.extend(request.tags());
            record.attributes = request.attributes();
            record.script_notes = request.notes();
        }
        self.set.has(Hook::OnComplete).then_some(self.set)
    }
}

/// What a client is told when a script failed where nothing may pass unseen. The cause is on the call's record.
fn script_error() -> ProxyError {
    let message = "A script of this Keywheel failed, so the call was not sent. Ask the operator to look at the call's record.";
    ProxyError::rejected(StatusCode::INTERNAL_SERVER_ERROR, "script_error", message)
}

/// Makes a script's edits on the original text.
fn patched(body: &Bytes, edits: &[BodyEdit]) -> Result<Bytes, PatchError> {
    let add = |patch: Patch, edit: &BodyEdit| match &edit.action {
        BodyEditAction::Set(json) => patch.set_json(&edit.pointer, json.clone()),
        BodyEditAction::Insert(json) => patch.insert_json(&edit.pointer, json.clone()),
        BodyEditAction::Remove => patch.remove(&edit.pointer),
    };
    edits.iter().try_fold(Patch::new(), add)?.apply(body)
}

fn edit_headers(headers: &mut HeaderMap, edits: &[HeaderEdit]) {
    for edit in edits {
        match &edit.value {
            Some(value) => drop(headers.insert(edit.name.clone(), value.clone())),
            None => drop(headers.remove(&edit.name)),
        }
    }
}
