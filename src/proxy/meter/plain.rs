//! Plain deltas: events that add text and nothing else. They pass by the thousand, so telling them apart must cost
//! nanoseconds.

use std::ops::Range;

use crate::proxy::estimate::text_quarters;
use crate::proxy::json::Cursor;

use super::text::{
    ARGUMENTS, CONTENT, DELTA, ERROR, FINISH_REASON, Name, PARTIAL_JSON, REASONING, REASONING_CONTENT, REFUSAL, TEXT, THINKING,
    USAGE,
};

/// How often one stream's template is learned anew before it is given up.
const MOST_LESSONS: u32 = 16;

/// Recognises the plain deltas of one stream.
///
/// Two plain deltas of a stream mostly differ in their text alone, and perhaps in a last string (padding that hides the
/// text's length). So the bytes around the text of a known one are kept: an event with the same bytes around is plain too.
#[derive(Debug, Default)]
pub(super) struct PlainDeltas {
    before: Vec<u8>,
    behind: Vec<u8>,
    /// A string that may differ, and a closing brace, follow `behind`.
    ends_with_string: bool,
    lessons: u32,
}

impl PlainDeltas {
    /// The estimated tokens, in quarters, of the text that an event adds, if it is a plain delta: no end, no usage, no
    /// error. `None` may also be a plain one that takes a closer look.
    pub fn quarters(&mut self, name: &[u8], data: &[u8]) -> Option<u64> {
        if let Some(text) = self.matched(data) {
            return Some(text_quarters(text));
        }
        if !is_plain(name, data) {
            return None;
        }
        let Some(text) = added_text(name, data) else { return Some(0) };
        let quarters = text_quarters(&data[text.clone()]);
        if self.lessons < MOST_LESSONS {
            self.lessons += 1;
            self.learn(&data[..text.start], &data[text.end..]);
        }
        Some(quarters)
    }

    fn matched<'a>(&self, data: &'a [u8]) -> Option<&'a [u8]> {
        if self.before.is_empty() {
            return None;
        }
        data.strip_prefix(&self.before[..])?;
        let text = string_from(data, self.before.len())?;
        let rest = data[text.end..].strip_prefix(&self.behind[..])?;
        let is_end = if self.ends_with_string {
            let end = string_from(data, data.len() - rest.len())?.end;
            &data[end..] == b"\"}"
        } else {
            rest.is_empty()
        };
        is_end.then_some(&data[text])
    }

    fn learn(&mut self, before: &[u8], behind: &[u8]) {
        let last_string = behind.strip_suffix(b"\"}").and_then(|open| {
            let start = memchr::memrchr(b'"', open)? + 1;
            let is_value = open[..start - 1].trim_ascii_end().ends_with(b":");
            is_value.then_some(start)
        });
        self.ends_with_string = last_string.is_some();
        self.before.clear();
        self.before.extend_from_slice(before);
        self.behind.clear();
        self.behind.extend_from_slice(&behind[..last_string.unwrap_or(behind.len())]);
    }
}

/// The string whose opening quote stands just before `start`: where its text stands.
fn string_from(text: &[u8], start: usize) -> Option<Range<usize>> {
    Cursor::new(text, start.checked_sub(1)?).string().ok()
}

/// Whether an event is a delta without end, usage or error.
fn is_plain(name: &[u8], data: &[u8]) -> bool {
    if !name.is_empty() {
        return name.ends_with(b".delta") || name == b"content_block_delta";
    }
    let is_null = |at: usize| data[at..].starts_with(b"null");
    let mut reasons = FINISH_REASON.values(data).peekable();
    reasons.peek().is_some() && reasons.all(is_null) && USAGE.values(data).all(is_null) && ERROR.values(data).all(is_null)
}

/// Where the text stands that a delta adds.
pub(super) fn added_text(name: &[u8], data: &[u8]) -> Option<Range<usize>> {
    let names: &[&Name] = if name.ends_with(b".delta") {
        &[&DELTA]
    } else if name == b"content_block_delta" {
        &[&TEXT, &PARTIAL_JSON, &THINKING]
    } else {
        &[&CONTENT, &TEXT, &DELTA, &REASONING_CONTENT, &REASONING, &ARGUMENTS, &REFUSAL]
    };
    names.iter().find_map(|name| name.first_text(data))
}
