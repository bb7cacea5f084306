//! What hooks are given: requests, keys, errors, answers, as views that copy nothing a script does not look at.

mod attempt;
mod decision;
mod document;
mod frozen;
mod headers;
mod json;
mod key;
mod list;
mod request;
mod response;
mod upstream;

pub use attempt::{AttemptError, AttemptErrorParts};
pub use decision::{Rejection, Reply};
pub use document::{BodyEdit, BodyEditAction};
pub use frozen::FrozenKeys;
pub use headers::HeaderEdit;
pub use json::Json;
pub use key::{Candidate, Candidates, Keys, tagged};
pub use list::StringList;
pub(super) use request::tag;
pub use request::{Missing, RequestParts, ScriptRequest};
pub use response::{ChunkEvent, Response, ResponseEdits, ResponseParts};
pub use upstream::{Upstream, UpstreamEdits, UpstreamParts};

use super::register::Registrar;

/// Registers every type.
pub fn register(registrar: &mut Registrar<'_>) {
    request::register(registrar);
    json::register(registrar);
    headers::register(registrar);
    list::register(registrar);
    decision::register(registrar);
    key::register(registrar);
    upstream::register(registrar);
    attempt::register(registrar);
    response::register(registrar);
}
