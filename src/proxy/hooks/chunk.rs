//! `on_chunk`: the events of a stream, one by one.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::patched;
use crate::proxy::call::Call;
use crate::proxy::sse::Event;
use crate::script::{ChunkAnswer, ChunkEvent, Hook, ScriptRequest, ScriptSet};

/// What becomes of an event.
pub(in crate::proxy) enum Edited {
    /// It goes on as it came.
    Keep,
    /// It is left out.
    Drop,
    /// It goes on with this data.
    Replace(Bytes),
}

/// Shows the events of one stream to the scripts.
pub(in crate::proxy) struct ChunkEditor {
    set: Arc<ScriptSet>,
    request: ScriptRequest,
    index: u64,
}

/// The editor of a call's stream, when a script defines `on_chunk`.
pub(in crate::proxy) fn chunk_editor(call: &Call) -> Option<ChunkEditor> {
    let (set, request) = call.hook(Hook::OnChunk)?;
    Some(ChunkEditor { set: set.clone(), request: request.clone(), index: 0 })
}

impl ChunkEditor {
    /// What the scripts make of the next event. One that is too long to be held is not theirs to change.
    pub fn edit(&mut self, event: &Event<'_>) -> Edited {
        let index = self.index;
        self.index += 1;
        if event.too_long {
            return Edited::Keep;
        }
        let name = std::str::from_utf8(event.name).ok().filter(|name| !name.is_empty());
        let data = Bytes::copy_from_slice(event.data);
        let shown = ChunkEvent::new(name, index, data.clone(), self.set.limits().body_values);
        match self.set.on_chunk(&self.request, &shown) {
            ChunkAnswer::Keep => Edited::Keep,
            ChunkAnswer::Drop => Edited::Drop,
            ChunkAnswer::Replace(text) => Edited::Replace(text.into()),
            ChunkAnswer::Edit(edits) => match patched(&data, &edits) {
                Ok(new) => Edited::Replace(new),
                Err(error) => {
                    self.set.refuse_answer(&self.request, Hook::OnChunk, None, error.to_string());
                    Edited::Keep
                }
            },
        }
    }
}

/// An event with other data: its other lines stay as they came.
pub(in crate::proxy) fn with_data(original: &VecDeque<Bytes>, data: &[u8]) -> Bytes {
    let original: Vec<u8> = original.iter().flatten().copied().collect();
    let mut event = Vec::with_capacity(original.len() + data.len());
    for line in lines(&original).filter(|line| !line.is_empty() && !is_data(line)) {
        event.extend_from_slice(line);
        event.push(b'\n');
    }
    for line in lines(data) {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.push(b'\n');
    }
    event.push(b'\n');
    event.into()
}

fn is_data(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    line == b"data" || line.starts_with(b"data:")
}

/// Lines that end in CRLF, LF or CR. A last line without an end counts too.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(at) = memchr::memchr2(b'\n', b'\r', text) else {
            rest = None;
            return Some(text);
        };
        let end = if text[at..].starts_with(b"\r\n") { at + 2 } else { at + 1 };
        rest = Some(&text[end..]);
        Some(&text[..at])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_data_of_an_event_is_replaced() {
        let pieces = ["id: 7\r\nda", "ta: {\"a\":1}\r\n: note\r\nevent: x\r\ndata:more\r\n\r\n"];
        let original: VecDeque<Bytes> = pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
        assert_eq!(&with_data(&original, b"new")[..], b"id: 7\n: note\nevent: x\ndata: new\n\n");
        assert_eq!(&with_data(&VecDeque::new(), b"two\nlines")[..], b"data: two\ndata: lines\n\n");
    }
}
