//! Request bodies: read once without a tree, changed only where they are changed, unpacked within a limit.
//!
//! [`peek`] reads the top level of a JSON body: the model, whether a stream is asked for, and the facts that routing
//! needs. [`Patch`] edits members on the original text. [`decode`] unpacks `Content-Encoding`.

mod decode;
mod facts;
mod patch;
mod peek;

#[cfg(test)]
mod tests;

pub use decode::{DecodeError, decode};
pub use patch::{Patch, PatchError};
pub use peek::{BodyError, Peek, StreamOptions, peek};
