//! A cursor over JSON text: it checks the grammar and walks members, elements and values without building anything.
//!
//! Everything that reads a body on the call path stands on it: the peek at a request, patches on the original text, the
//! meter beside an answer. It never recurses, so depth cannot overflow the stack, and it never decodes what it skips, so
//! lone surrogates and numbers of any length pass as they are. Callers hand in valid UTF-8 where that matters.

mod cursor;
mod members;
mod value;

#[cfg(test)]
pub(super) mod tests;

pub(super) use cursor::{Cursor, Skip, Visit};
pub(super) use members::{Elements, Member, Members};
pub(super) use value::{as_bool, as_text, as_u64, compact, member, name_is, unescape};

/// Deepest nesting that is accepted, counting the outermost value.
pub(super) const MAX_DEPTH: usize = 512;

/// Why text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// A byte that cannot stand where it stands.
    #[error("unexpected character at byte {0}")]
    Unexpected(usize),
    /// The text ends inside a value.
    #[error("the text ends inside a value")]
    Ended,
    /// Nesting beyond 512 levels.
    #[error("nested deeper than 512 levels")]
    TooDeep,
}
