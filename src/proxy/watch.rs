//! Watching a stream while it passes: which bytes may go on, what they mean, and what they cost.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;

use super::error::ProxyError;
use super::hooks::{ChunkEditor, Edited, with_data};
use super::meter::{EventKind, Meter};
use super::sse::{Event, LONGEST_EVENT, Splitter};
use crate::domain::{Api, Key};
use crate::rotator::mask;

/// Bytes of an unfinished event that are held back at most. A longer event goes on in pieces.
const HELD_BYTES: u64 = 64 * 1024;

/// The beginning of an event that is less than this part of its chunk is kept as a copy, so that it does not keep the whole
/// chunk in memory.
const TORN_SHARE: usize = 4;

/// Bytes that are kept of an error behind content.
const LATE_ERROR_BYTES: usize = 2048;

/// What one chunk brought.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Something that a reader of the answer can see or use, or the answer's regular end.
    pub content: bool,
    /// An error event's data, when it came before any content.
    pub error: Option<Bytes>,
}

/// Watches one stream of events.
///
/// Bytes go on as they came. An event goes on only when it is whole, so that a broken connection leaves no torn event
/// behind and the usage event that Keywheel asked for can be taken out.
pub(super) struct Watch {
    splitter: Splitter,
    pub meter: Meter,
    hide_usage_event: bool,
    /// Shows events to scripts that want to see them.
    editor: Option<ChunkEditor>,
    content: bool,
    late_error: LateError,
    held: VecDeque<Bytes>,
    held_from: u64,
    received: u64,
}

impl Watch {
    /// A watch at the start of a stream. `hide_usage_event`: the event that only carries usage is taken out. `key`: an error
    /// event with a piece of its secret, or of any, is replaced.
    pub fn new(meter: Meter, hide_usage_event: bool, key: Option<Arc<Key>>) -> Self {
        Watch {
            splitter: Splitter::new(),
            meter,
            hide_usage_event,
            editor: None,
            content: false,
            late_error: LateError { first: None, key },
            held: VecDeque::new(),
            held_from: 0,
            received: 0,
        }
    }

    /// The same watch, with scripts that may change events.
    pub fn edited_by(self, editor: Option<ChunkEditor>) -> Self {
        Watch { editor, ..self }
    }

    /// Takes what the first error event behind content said.
    pub fn take_late_error(&mut self) -> Option<Bytes> {
        self.late_error.first.take()
    }

    /// Whether the stream carried nothing at all: no content and no announced end.
    pub fn is_empty(&self) -> bool {
        !self.content && !self.meter.is_finished() && !self.meter.has_usage()
    }

    /// Takes a chunk; what may go on is appended to `out`.
    pub fn feed(&mut self, chunk: Bytes, out: &mut VecDeque<Bytes>) -> Seen {
        let mut seen = Seen::default();
        self.received += chunk.len() as u64;
        self.held.push_back(chunk.clone());
        let mut taken = 0;
        loop {
            let mut rest = &chunk[taken..];
            let event = self.splitter.next(&mut rest);
            taken = chunk.len() - rest.len();
            let Some(event) = event else { break };
            let mut is_replaced = false;
            match self.meter.observe(&event) {
                EventKind::Nothing => {}
                EventKind::Content | EventKind::Finish | EventKind::Done => self.content = true,
                EventKind::Error(error) if !self.content => {
                    seen.error.get_or_insert_with(|| Bytes::copy_from_slice(error));
                }
                EventKind::Error(error) => {
                    if let Some(instead) = self.late_error.take(error, self.meter.api()) {
                        release(&mut self.held, &mut self.held_from, event.range.start, Some(out));
                        release(&mut self.held, &mut self.held_from, event.range.end, None);
                        out.push_back(instead);
                        is_replaced = true;
                    }
                }
            }
            if self.hide_usage_event && Meter::is_added_usage(&event) {
                release(&mut self.held, &mut self.held_from, event.range.start, Some(out));
                release(&mut self.held, &mut self.held_from, event.range.end, None);
            } else if let Some(editor) = self.editor.as_mut().filter(|_| !is_replaced) {
                edit(editor, &event, &mut self.held, &mut self.held_from, out);
            }
        }
        seen.content = self.content;
        let whole_until = self.splitter.pending_from();
        // An event that scripts want to see is held for as long as it can be read at all.
        let most = if self.editor.is_some() { LONGEST_EVENT as u64 } else { HELD_BYTES };
        let until = if self.received - whole_until > most { self.received } else { whole_until };
        release(&mut self.held, &mut self.held_from, until, Some(out));
        if let [torn] = self.held.make_contiguous()
            && torn.len() < chunk.len() / TORN_SHARE
        {
            *torn = Bytes::copy_from_slice(torn);
        }
        seen
    }

    /// Takes the end of the stream: an event without its blank line is observed and everything held goes on.
    pub fn end(&mut self, out: &mut VecDeque<Bytes>) {
        if let Some(event) = self.splitter.finish() {
            if let EventKind::Error(error) = self.meter.observe(&event)
                && let Some(instead) = self.late_error.take(error, self.meter.api())
            {
                self.held.clear();
                out.push_back(instead);
            } else if self.hide_usage_event && Meter::is_added_usage(&event) {
                self.held.clear();
            } else if let Some(editor) = &mut self.editor {
                edit(editor, &event, &mut self.held, &mut self.held_from, out);
            }
        }
        out.extend(self.held.drain(..));
    }
}

/// An error event behind content, which nobody can take back.
struct LateError {
    /// The beginning of the first one's data.
    first: Option<Bytes>,
    key: Option<Arc<Key>>,
}

impl LateError {
    /// Takes an error. Returns the event that goes on instead, when it would tell a piece of a key, account or address.
    fn take(&mut self, error: &[u8], api: Api) -> Option<Bytes> {
        let words = &error[..error.len().min(LATE_ERROR_BYTES)];
        self.first.get_or_insert_with(|| Bytes::copy_from_slice(words));
        let text = String::from_utf8_lossy(error);
        if self.key.as_deref().is_none_or(|key| mask(&text, key) == text) {
            return None;
        }
        let message = "The provider failed in the middle of its answer. Send the call again.";
        Some(ProxyError::upstream(StatusCode::BAD_GATEWAY, "upstream_error", message).event(api))
    }
}

/// Lets a script change an event whose bytes are held.
fn edit(
    editor: &mut ChunkEditor,
    event: &Event<'_>,
    held: &mut VecDeque<Bytes>,
    held_from: &mut u64,
    out: &mut VecDeque<Bytes>,
) {
    let edited = editor.edit(event);
    if matches!(edited, Edited::Keep) {
        return;
    }
    release(held, held_from, event.range.start, Some(out));
    let mut original = VecDeque::new();
    release(held, held_from, event.range.end, Some(&mut original));
    if let Edited::Replace(data) = edited {
        out.push_back(with_data(&original, &data));
    }
}

/// Moves the held bytes before the stream position `until` to `out`, or away.
fn release(held: &mut VecDeque<Bytes>, held_from: &mut u64, until: u64, mut out: Option<&mut VecDeque<Bytes>>) {
    while *held_from < until {
        let Some(mut piece) = held.pop_front() else { return };
        let length = (until - *held_from).min(piece.len() as u64) as usize;
        let taken = piece.split_to(length);
        *held_from += length as u64;
        if !piece.is_empty() {
            held.push_front(piece);
        }
        if let Some(out) = out.as_deref_mut() {
            out.push_back(taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proxy::meter::RequestFacts;

    const STREAM: &str = "\u{feff}: hello\r\n\r\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\r\n\r\n\
        data:{\"choices\":[{\"delta\":{\"content\":\"\u{1f600} \u{6f22}\u{5b57}\"}}]}\n\n\
        event: x\ndata: {\"choices\":\ndata: []}\n\nid: 7\rdata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\r\r\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}\n\ndata: [DONE]\n\n";
    const USAGE_EVENT: &str =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}\n\n";

    fn relayed(stream: &[u8], cuts: &[usize], hide: bool) -> (Vec<u8>, Watch) {
        let facts = RequestFacts { generates: true, ..RequestFacts::default() };
        let mut watch = Watch::new(Meter::new(Api::Chat, facts), hide, None);
        let mut out = VecDeque::new();
        let mut from = 0;
        for cut in cuts.iter().copied().chain([stream.len()]) {
            watch.feed(Bytes::copy_from_slice(&stream[from..cut]), &mut out);
            from = cut;
        }
        watch.end(&mut out);
        (out.iter().flatten().copied().collect(), watch)
    }

    proptest! {
        #[test]
        fn bytes_are_the_same_wherever_they_are_cut(mut cuts in proptest::collection::vec(0..=STREAM.len(), 0..40)) {
            cuts.sort_unstable();
            let (bytes, watch) = relayed(STREAM.as_bytes(), &cuts, false);
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), STREAM);
            let usage = watch.meter.finish(crate::proxy::meter::End::Whole).usage;
            prop_assert_eq!((usage.input, usage.output), (Some(3), Some(2)));
            let (bytes, _) = relayed(STREAM.as_bytes(), &cuts, true);
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), STREAM.replace(USAGE_EVENT, ""));
        }
    }

    #[test]
    fn every_single_cut() {
        for cut in 0..=STREAM.len() {
            let (bytes, _) = relayed(STREAM.as_bytes(), &[cut], false);
            assert_eq!(bytes, STREAM.as_bytes(), "cut at {cut}");
        }
    }

    #[test]
    fn a_torn_event_is_held_back_and_a_long_one_goes_on() {
        let facts = RequestFacts::default();
        let mut watch = Watch::new(Meter::new(Api::Chat, facts), false, None);
        let mut out = VecDeque::new();
        watch.feed(Bytes::from_static(b"data: {\"a\":1}\n\ndata: {\"b\""), &mut out);
        assert_eq!(out.iter().map(Bytes::len).sum::<usize>(), "data: {\"a\":1}\n\n".len());
        watch.feed(Bytes::from(vec![b'x'; 70_000]), &mut out);
        assert_eq!(out.iter().map(Bytes::len).sum::<usize>(), "data: {\"a\":1}\n\ndata: {\"b\"".len() + 70_000);
    }

    #[test]
    fn an_error_before_content_is_told_from_one_behind_it() {
        let mut out = VecDeque::new();
        let mut early = Watch::new(Meter::new(Api::Chat, RequestFacts::default()), false, None);
        let seen = early.feed(Bytes::from_static(b"data: {\"error\":{\"message\":\"no\"}}\n\n"), &mut out);
        assert!(seen.error.is_some() && !seen.content && early.take_late_error().is_none());
        let mut late = Watch::new(Meter::new(Api::Chat, RequestFacts::default()), false, None);
        let stream = b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"error\":{\"message\":\"no\"}}\n\n";
        let seen = late.feed(Bytes::from_static(stream), &mut out);
        assert!(seen.error.is_none() && seen.content);
        assert_eq!(late.take_late_error().unwrap(), "{\"error\":{\"message\":\"no\"}}");
    }
}
