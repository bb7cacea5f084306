//! What a trial walks through the hooks.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::{CallRecord, KeptHeaders, KeyEvent};
use crate::script::objects::{AttemptErrorParts, Missing, RequestParts, ResponseParts};

/// What is walked through the hooks.
#[derive(Clone, Debug, Default)]
pub struct TrialInput {
    /// The request.
    pub request: RequestParts,
    /// What of it is not known.
    pub missing: Missing,
    /// Headers that are known, where the others are missing.
    pub headers: Arc<KeptHeaders>,
    /// When it began, in unix milliseconds.
    pub at_ms: i64,
    /// Attempts that failed, for `classify_error`.
    pub errors: Vec<AttemptErrorParts>,
    /// The answer, for `on_response`.
    pub response: Option<ResponseParts>,
    /// Events of the answer, for `on_chunk`.
    pub events: Vec<TrialEvent>,
    /// The finished call, for `on_complete`.
    pub record: Option<Box<CallRecord>>,
    /// A change of a key's state, for `on_key_event`.
    pub key_event: Option<TrialKeyEvent>,
    /// Whether hooks that have nothing to look at are shown a stand-in, instead of being left out.
    pub stand_ins: bool,
}

/// A change of a key's state, with the names that scripts are told.
#[derive(Clone, Debug)]
pub struct TrialKeyEvent {
    /// What happened.
    pub event: KeyEvent,
    /// The provider's name.
    pub provider: String,
    /// The key's name.
    pub key: Option<String>,
}

/// One event of a stream.
#[derive(Clone, Debug, Default)]
pub struct TrialEvent {
    /// Its name.
    pub name: Option<String>,
    /// Its data.
    pub data: Bytes,
}
