//! Steps on a socket: which bytes go out together, and where pauses stand.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

/// One step on a socket.
#[derive(Clone, Debug)]
pub(super) enum WireStep {
    Write(Bytes),
    Pause(Duration),
}

/// Collects steps; a head goes out in one write with the first piece behind it.
#[derive(Default)]
pub(super) struct Wire {
    steps: Vec<WireStep>,
    waiting: BytesMut,
}

impl Wire {
    pub(super) fn pause(&mut self, pause: Duration) {
        self.flush();
        self.steps.push(WireStep::Pause(pause));
    }

    /// Bytes that wait for the next piece.
    pub(super) fn begin(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    pub(super) fn piece(&mut self, bytes: &Bytes) {
        if self.waiting.is_empty() {
            self.steps.push(WireStep::Write(bytes.clone()));
        } else {
            self.waiting.extend_from_slice(bytes);
            self.flush();
        }
    }

    pub(super) fn chunk(&mut self, bytes: &Bytes) {
        // An empty chunk would end the body.
        if bytes.is_empty() {
            return;
        }
        let mut size = String::new();
        let _ = write!(size, "{:x}\r\n", bytes.len());
        self.waiting.reserve(size.len() + bytes.len() + 2);
        self.waiting.extend_from_slice(size.as_bytes());
        self.waiting.extend_from_slice(bytes);
        self.waiting.extend_from_slice(b"\r\n");
        self.flush();
    }

    /// The end of a chunked body goes out with the last piece, as servers do it.
    pub(super) fn last_chunk(&mut self, trailers: &[(String, String)]) {
        let mut end = BytesMut::from(&b"0\r\n"[..]);
        for (name, value) in trailers {
            end.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        end.extend_from_slice(b"\r\n");
        self.waiting.extend_from_slice(&end);
    }

    fn flush(&mut self) {
        if !self.waiting.is_empty() {
            self.steps.push(WireStep::Write(self.waiting.split().freeze()));
        }
    }

    /// The steps; with a limit, only so many bytes of them.
    pub(super) fn finish(mut self, cut_after: Option<usize>) -> Vec<WireStep> {
        self.flush();
        if let Some(limit) = cut_after {
            self.cut(limit);
        }
        self.steps
    }

    fn cut(&mut self, limit: usize) {
        let mut room = limit;
        self.steps.retain_mut(|step| match step {
            WireStep::Write(bytes) => {
                bytes.truncate(room);
                room -= bytes.len();
                !bytes.is_empty()
            }
            WireStep::Pause(_) => room > 0,
        });
    }
}
