//! The data plane: `/v1/*`.
//!
//! Owns the life of a call from its head to its record. Refuses SQL: nothing here touches the database while a call runs.

mod body;
mod estimate;
mod json;
mod meter;
mod multipart;
mod sse;

pub use body::{BodyError, DecodeError, Patch, PatchError, Peek, StreamOptions, decode, peek};
pub use estimate::estimate_tokens;
pub use json::JsonError;
pub use meter::{End, EventKind, Meter, Metered, RequestFacts, body_error, event_kind};
pub use multipart::{Form, FormError, FormReader, read_form};
pub use sse::{Event, LONGEST_EVENT, Splitter};
