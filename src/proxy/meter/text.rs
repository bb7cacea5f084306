//! Searches in the text of events and answers that are cheaper than reading them.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::proxy::json::{Cursor, Members};

/// A quoted name cannot stand inside a JSON string, whose quotes are escaped, unless it ends the string; and then no colon
/// follows. So a hit with a colon behind it is a member.
pub(super) struct Name(LazyLock<Finder<'static>>);

macro_rules! names {
    ($($name:ident = $text:literal;)*) => {
        $(pub(super) static $name: Name = Name(LazyLock::new(|| Finder::new(concat!("\"", $text, "\""))));)*
    };
}

names! {
    FINISH_REASON = "finish_reason";
    USAGE = "usage";
    ERROR = "error";
    CONTENT = "content";
    TEXT = "text";
    DELTA = "delta";
    REASONING_CONTENT = "reasoning_content";
    REASONING = "reasoning";
    THINKING = "thinking";
    ARGUMENTS = "arguments";
    PARTIAL_JSON = "partial_json";
    REFUSAL = "refusal";
}

impl Name {
    /// Where the values of members of this name start, at any depth.
    pub fn values<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        self.0.find_iter(text).filter_map(move |at| {
            let mut cursor = Cursor::new(text, at + self.0.needle().len());
            (cursor.next_byte() == Ok(b':')).then_some(())?;
            let mut cursor = Cursor::new(text, cursor.position() + 1);
            cursor.next_byte().ok()?;
            Some(cursor.position())
        })
    }

    /// Where the first text that is not empty stands in a member of this name, between its quotes.
    pub fn first_text(&self, data: &[u8]) -> Option<Range<usize>> {
        let at = self.values(data).find(|at| data[*at] == b'"' && data.get(at + 1) != Some(&b'"'))?;
        Cursor::new(data, at).string().ok()
    }
}

/// The usage object among the last members of a long answer, of which `end` is the end.
pub(super) fn last_usage(end: &[u8]) -> Option<&[u8]> {
    let at = USAGE.values(end).filter(|at| end[*at] == b'{').last()?;
    let mut cursor = Cursor::new(end, at);
    let usage = cursor.value().ok()?;
    let is_top_level = match cursor.next_byte() {
        Ok(b'}') => Cursor::new(end, cursor.position() + 1).end().is_ok(),
        Ok(b',') => ends_as_members(end, cursor.position() + 1),
        _ => false,
    };
    is_top_level.then(|| &end[usage])
}

/// Whether the text from `at` is members up to the brace that ends the answer.
fn ends_as_members(text: &[u8], at: usize) -> bool {
    let Some(mut members) = Members::resume(text, at) else { return false };
    members.by_ref().all(|member| member.is_ok()) && members.cursor().end().is_ok()
}
