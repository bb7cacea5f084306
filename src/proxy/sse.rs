//! Server-sent events, observed beside the bytes: an incremental splitter that never changes what is relayed.

#[cfg(test)]
mod tests;

use std::ops::Range;

/// Longest event that is looked into, in bytes. A longer one is relayed all the same; of it the observer sees the end only.
pub const LONGEST_EVENT: usize = 1024 * 1024;

/// How much is kept of an event that is too long, in bytes: its end, where pictures have their usage.
const LONGEST_TAIL: usize = 8 * 1024;

/// Longest name of an event that is too long, in bytes.
const LONGEST_NAME: usize = 256;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One event, complete with the blank line behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Where its bytes stand in the stream: from behind the former event to behind its blank line.
    pub range: Range<u64>,
    /// The value of its `event:` line; empty when there is none.
    pub name: &'a [u8],
    /// The values of its `data:` lines, joined by line feeds; of an event that is too long, the end of its last line.
    pub data: &'a [u8],
    /// The event was longer than [`LONGEST_EVENT`].
    pub too_long: bool,
}

/// Splits a stream of chunks, cut anywhere, into events.
///
/// Lines may end in CRLF, LF or CR. Comments are no events, and neither are blocks without name and data. A CR that ends a
/// chunk and an event is held back until it is known whether its LF follows, so that ranges never depend on the cuts.
#[derive(Debug, Default)]
pub struct Splitter {
    /// Bytes of the stream taken so far.
    offset: u64,
    /// Where the event that is being read begins.
    start: u64,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    /// Its length, of which only the end is kept when the event is too long.
    line_length: usize,
    name: Vec<u8>,
    data: Vec<u8>,
    data_lines: usize,
    too_long: bool,
    past_first_line: bool,
    awaited: Awaited,
    /// The last returned event is still in the buffers.
    returned: bool,
}

/// What a CR at the end of a chunk waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Awaited {
    #[default]
    Nothing,
    /// Perhaps the LF of a line that was taken.
    LineFeed,
    /// Perhaps the LF of the blank line that ends an event.
    LineFeedOfBlank,
}

impl Splitter {
    /// A splitter at the start of a stream.
    pub fn new() -> Self {
        Splitter::default()
    }

    /// Where the event begins that is not complete yet: all bytes before it belong to complete ones.
    pub fn pending_from(&self) -> u64 {
        if self.returned { self.offset } else { self.start }
    }

    /// The next event that `chunk` completes, moving `chunk` behind it. With `None` the chunk is used up.
    pub fn next<'a, 'chunk: 'a>(&'a mut self, chunk: &mut &'chunk [u8]) -> Option<Event<'a>> {
        self.forget_returned();
        let whole: &'chunk [u8] = chunk;
        if whole.is_empty() {
            return None;
        }
        let mut at = 0;
        let mut data = None;
        let awaited = std::mem::take(&mut self.awaited);
        if awaited != Awaited::Nothing && whole[0] == b'\n' {
            at = 1;
        }
        let mut complete = awaited == Awaited::LineFeedOfBlank && self.complete(at);
        while !complete && at < whole.len() {
            let rest = &whole[at..];
            let Some(length) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.keep_line(rest, at);
                at = whole.len();
                break;
            };
            let is_crlf = rest[length] == b'\r' && rest.get(length + 1) == Some(&b'\n');
            let is_blank = self.take_line(whole, at..at + length, &mut data);
            at += length + 1 + usize::from(is_crlf);
            if rest[length] == b'\r' && !is_crlf && at == whole.len() {
                self.awaited = if is_blank { Awaited::LineFeedOfBlank } else { Awaited::LineFeed };
            } else {
                complete = is_blank && self.complete(at);
            }
        }
        *chunk = &whole[at..];
        let range = self.start..self.offset + at as u64;
        self.offset = range.end;
        if complete {
            self.returned = true;
            let data = data.filter(|_| !self.too_long).map_or(&self.data[..], |data| &whole[data]);
            return Some(Event { range, name: &self.name, data, too_long: self.too_long });
        }
        if let Some(data) = data.filter(|_| !self.too_long) {
            self.data.extend_from_slice(&whole[data]);
        }
        None
    }

    /// The event that the stream's end leaves without its blank line. Parsers differ on it; an observer must see it.
    pub fn finish(&mut self) -> Option<Event<'_>> {
        self.forget_returned();
        self.awaited = Awaited::Nothing;
        if self.line_length > 0 {
            self.take_line(&[], 0..0, &mut None);
        }
        if !self.complete(0) {
            return None;
        }
        self.returned = true;
        Some(Event { range: self.start..self.offset, name: &self.name, data: &self.data, too_long: self.too_long })
    }

    /// A blank line ended a block, `taken` bytes into the chunk: whether it was an event.
    fn complete(&mut self, taken: usize) -> bool {
        let is_event = self.data_lines > 0 || !self.name.is_empty() || self.too_long;
        if !is_event {
            self.start = self.offset + taken as u64;
        }
        is_event
    }

    fn forget_returned(&mut self) {
        if !std::mem::take(&mut self.returned) {
            return;
        }
        self.start = self.offset;
        self.name.clear();
        self.data.clear();
        self.data.shrink_to(64 * 1024);
        self.data_lines = 0;
        self.too_long = false;
    }

    /// Takes a whole line, which ends in `chunk`; true when it is blank.
    fn take_line(&mut self, chunk: &[u8], line: Range<usize>, data: &mut Option<Range<usize>>) -> bool {
        let carried = std::mem::take(&mut self.line_length);
        if carried + line.len() == 0 {
            self.past_first_line = true;
            return true;
        }
        self.check_length(line.end);
        if self.too_long {
            self.keep_tail(&chunk[line]);
            self.data.clear();
            std::mem::swap(&mut self.line, &mut self.data);
            return false;
        }
        if carried == 0 {
            return self.read_line(chunk, line, data);
        }
        let mut text = std::mem::take(&mut self.line);
        text.extend_from_slice(&chunk[line]);
        let mut buffered = None;
        let is_blank = self.read_line(&text, 0..text.len(), &mut buffered);
        if let Some(value) = buffered {
            self.data.extend_from_slice(&text[value]);
        }
        text.clear();
        text.shrink_to(64 * 1024);
        self.line = text;
        is_blank
    }

    fn read_line(&mut self, text: &[u8], mut line: Range<usize>, data: &mut Option<Range<usize>>) -> bool {
        if !std::mem::replace(&mut self.past_first_line, true) && text[line.clone()].starts_with(BYTE_ORDER_MARK) {
            line.start += BYTE_ORDER_MARK.len();
        }
        let bytes = &text[line.clone()];
        if let Some(at) = value_start(bytes, b"data") {
            let value = line.start + at..line.end;
            if self.data_lines == 0 {
                *data = Some(value);
            } else {
                if let Some(former) = data.take() {
                    self.data.extend_from_slice(&text[former]);
                }
                self.data.push(b'\n');
                self.data.extend_from_slice(&text[value]);
            }
            self.data_lines += 1;
        } else if let Some(at) = value_start(bytes, b"event") {
            self.name.clear();
            self.name.extend_from_slice(&bytes[at..]);
        }
        bytes.is_empty()
    }

    /// Keeps the beginning of a line that goes on in the next chunk.
    fn keep_line(&mut self, text: &[u8], at: usize) {
        self.check_length(at + text.len());
        self.line_length += text.len();
        if self.too_long {
            self.keep_tail(text);
        } else {
            self.line.extend_from_slice(text);
        }
    }

    /// Adds to a line of an event that is too long, of which only the end is kept.
    fn keep_tail(&mut self, text: &[u8]) {
        self.line.extend_from_slice(&text[text.len().saturating_sub(LONGEST_TAIL)..]);
        self.line.drain(..self.line.len().saturating_sub(LONGEST_TAIL));
    }

    fn check_length(&mut self, taken: usize) {
        if !self.too_long && self.offset + taken as u64 - self.start > LONGEST_EVENT as u64 {
            self.too_long = true;
            self.name.truncate(LONGEST_NAME);
            self.data.clear();
            self.line.drain(..self.line.len().saturating_sub(LONGEST_TAIL));
            self.line.shrink_to(2 * LONGEST_TAIL);
        }
    }
}

/// Where the value of a line's field begins, when the line is of that field.
fn value_start(line: &[u8], field: &[u8]) -> Option<usize> {
    match line.strip_prefix(field)? {
        [] => Some(field.len()),
        [b':', b' ', ..] => Some(field.len() + 2),
        [b':', ..] => Some(field.len() + 1),
        _ => None,
    }
}
