//! What the simulated provider does with one request: bytes, pauses and an ending.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::Serialize;

use super::wire::{Wire, WireStep};

/// How a connection goes on after an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// It waits for the next request.
    #[default]
    KeepAlive,
    /// It is closed in order.
    Close,
    /// It is reset.
    Reset,
    /// It stays open and silent until the client leaves.
    Hang,
    /// It stays open, silent and unread until the server stops: a large body gets stuck on its way.
    Deaf,
}

/// How a body's length is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// `content-length` of what is written.
    Length,
    /// A `content-length` that need not be true.
    Claimed(u64),
    /// `transfer-encoding: chunked`, one chunk for each piece.
    Chunked,
    /// Until the connection closes.
    UntilClose,
    /// No body and no word about it, as for 204 and 304.
    Bodiless,
    /// The bytes are written as they are, without any head.
    Raw,
}

#[derive(Clone, Debug)]
enum Step {
    Piece(Bytes),
    Pause(Duration),
}

/// What the simulated provider does with one request. Built by naming a kind and refining it:
///
/// ```
/// use keywheel::mock::{Behaviour, Ending};
/// let answer = Behaviour::answer(429).header("retry-after", "2").json(&serde_json::json!({"error": {}}));
/// let cut = Behaviour::stream().event("{}").pause_ms(50).event("{}").ending(Ending::Reset);
/// # let _ = (answer, cut);
/// ```
#[derive(Clone, Debug)]
pub struct Behaviour {
    before: Vec<Step>,
    status: u16,
    headers: Vec<(Bytes, Bytes)>,
    framing: Framing,
    steps: Vec<Step>,
    trailers: Vec<(String, String)>,
    cut_after: Option<usize>,
    ending: Ending,
}

impl Behaviour {
    fn new(status: u16, framing: Framing) -> Self {
        Behaviour {
            before: Vec::new(),
            status,
            headers: Vec::new(),
            framing,
            steps: Vec::new(),
            trailers: Vec::new(),
            cut_after: None,
            ending: Ending::KeepAlive,
        }
    }

    /// A plain answer; its length is told by `content-length`.
    pub fn answer(status: u16) -> Self {
        let bodiless = status == 204 || status == 304;
        Behaviour::new(status, if bodiless { Framing::Bodiless } else { Framing::Length })
    }

    /// A 200 in chunks, one for each piece.
    pub fn chunked() -> Self {
        Behaviour::new(200, Framing::Chunked)
    }

    /// A 200 of server-sent events, chunked, one chunk for each event or piece.
    pub fn stream() -> Self {
        Behaviour::chunked().header("content-type", "text/event-stream; charset=utf-8")
    }

    /// Bytes as they are, which need not be HTTP; the connection is closed behind them.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Behaviour::new(0, Framing::Raw).piece(bytes).ending(Ending::Close)
    }

    /// Accepts the request and never answers.
    pub fn hang() -> Self {
        Behaviour::new(0, Framing::Raw).ending(Ending::Hang)
    }

    /// Resets the connection without an answer.
    pub fn reset() -> Self {
        Behaviour::new(0, Framing::Raw).ending(Ending::Reset)
    }

    /// Closes the connection in order, without an answer.
    pub fn close() -> Self {
        Behaviour::new(0, Framing::Raw).ending(Ending::Close)
    }

    /// Adds a header line. Name and value are written as they are, so they can be wrong.
    #[must_use]
    pub fn header(mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Another status than the kind's own.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a JSON body.
    #[must_use]
    pub fn json(self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).unwrap_or_default();
        self.header("content-type", "application/json").piece(body)
    }

    /// Adds bytes to the body; they are written in one go.
    #[must_use]
    pub fn piece(mut self, bytes: impl Into<Bytes>) -> Self {
        self.push_piece(bytes);
        self
    }

    /// As [`Behaviour::piece`], in place.
    pub fn push_piece(&mut self, bytes: impl Into<Bytes>) {
        self.steps.push(Step::Piece(bytes.into()));
    }

    /// Adds one event: `data: …` and a blank line.
    #[must_use]
    pub fn event(self, data: &str) -> Self {
        self.piece(format!("data: {data}\n\n"))
    }

    /// Adds the event that ends a stream of chunks.
    #[must_use]
    pub fn done(self) -> Self {
        self.piece(Bytes::from_static(b"data: [DONE]\n\n"))
    }

    /// Adds a pause in the body, in milliseconds.
    #[must_use]
    pub fn pause_ms(self, ms: u64) -> Self {
        self.pause(Duration::from_millis(ms))
    }

    /// Adds a pause in the body.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.push_pause(pause);
        self
    }

    /// As [`Behaviour::pause`], in place.
    pub fn push_pause(&mut self, pause: Duration) {
        if !pause.is_zero() {
            self.steps.push(Step::Pause(pause));
        }
    }

    /// Waits before the head.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        if !delay.is_zero() {
            self.before.insert(0, Step::Pause(delay));
        }
        self
    }

    /// Waits before the head, in milliseconds.
    #[must_use]
    pub fn delay_ms(self, ms: u64) -> Self {
        self.delay(Duration::from_millis(ms))
    }

    /// Sends an informational head such as 103 first. `headers` are whole lines, each with its line end.
    #[must_use]
    pub fn informational(mut self, status: u16, headers: &str) -> Self {
        self.before.push(Step::Piece(format!("HTTP/1.1 {status} Info\r\n{headers}\r\n").into()));
        self
    }

    /// Claims another `content-length` than the body has.
    #[must_use]
    pub fn claim_length(mut self, length: u64) -> Self {
        self.framing = Framing::Claimed(length);
        self
    }

    /// Tells the body's length in no way: it ends when the connection closes.
    #[must_use]
    pub fn until_close(mut self) -> Self {
        self.framing = Framing::UntilClose;
        self.ending(Ending::Close)
    }

    /// Sends the body in chunks, and this trailer behind it.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.framing = Framing::Chunked;
        self.trailers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes only this many bytes, head included, and then ends as told.
    #[must_use]
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.cut_after = Some(bytes);
        self
    }

    /// How the connection goes on behind the last byte. Anything but [`Ending::KeepAlive`] leaves a chunked body open.
    #[must_use]
    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// Writes the same bytes, cut at these positions (head included) with a pause at each.
    #[must_use]
    pub fn cut_at(self, positions: &[usize], pause: Duration) -> Self {
        let ending = self.ending;
        let whole = self.to_bytes();
        let mut cuts: Vec<usize> = positions.iter().map(|at| (*at).min(whole.len())).collect();
        cuts.sort_unstable();
        let mut behaviour = Behaviour::new(0, Framing::Raw).ending(ending);
        let mut from = 0;
        for at in cuts {
            behaviour = behaviour.piece(whole.slice(from..at)).pause(pause);
            from = at;
        }
        behaviour.piece(whole.slice(from..))
    }

    /// Every byte that is written, without the pauses.
    pub fn to_bytes(&self) -> Bytes {
        let mut whole = BytesMut::new();
        for step in self.clone().compile(false).0 {
            if let WireStep::Write(bytes) = step {
                whole.extend_from_slice(&bytes);
            }
        }
        whole.freeze()
    }

    /// The steps on the wire, and the ending.
    pub(super) fn compile(self, head_only: bool) -> (Vec<WireStep>, Ending) {
        let mut wire = Wire::default();
        for step in &self.before {
            step.write(&mut wire);
        }
        if self.framing != Framing::Raw {
            wire.begin(&self.head());
        }
        let ending = self.ending;
        let cut_after = self.cut_after;
        if head_only || self.framing == Framing::Bodiless {
            return (wire.finish(cut_after), ending);
        }
        let chunked = self.framing == Framing::Chunked;
        for step in &self.steps {
            match step {
                Step::Piece(bytes) if chunked => wire.chunk(bytes),
                step => step.write(&mut wire),
            }
        }
        if chunked && ending == Ending::KeepAlive {
            wire.last_chunk(&self.trailers);
        }
        (wire.finish(cut_after), ending)
    }

    fn head(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(512);
        let reason = http::StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        head.extend_from_slice(format!("HTTP/1.1 {} {}\r\n", self.status, reason.unwrap_or("Unknown")).as_bytes());
        for (name, value) in &self.headers {
            head.extend_from_slice(name);
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        let length = |length: u64| format!("content-length: {length}\r\n");
        let framing = match self.framing {
            Framing::Length => length(self.steps.iter().map(Step::len).sum()),
            Framing::Claimed(claimed) => length(claimed),
            Framing::Chunked => "transfer-encoding: chunked\r\n".to_owned(),
            Framing::UntilClose => "connection: close\r\n".to_owned(),
            Framing::Bodiless | Framing::Raw => String::new(),
        };
        head.extend_from_slice(framing.as_bytes());
        head.extend_from_slice(b"\r\n");
        head
    }
}

impl Step {
    fn write(&self, wire: &mut Wire) {
        match self {
            Step::Piece(bytes) => wire.piece(bytes),
            Step::Pause(pause) => wire.pause(*pause),
        }
    }

    fn len(&self) -> u64 {
        match self {
            Step::Piece(bytes) => bytes.len() as u64,
            Step::Pause(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(behaviour: Behaviour) -> String {
        String::from_utf8(behaviour.to_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_plain_answer_is_one_write() {
        let behaviour = Behaviour::answer(200).header("x-a", "1").json(&serde_json::json!({"a": 1}));
        assert_eq!(
            text(behaviour.clone()),
            "HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n{\"a\":1}"
        );
        assert_eq!(behaviour.compile(false).0.len(), 1);
    }

    #[test]
    fn a_stream_is_one_write_for_each_event_and_its_end() {
        let behaviour = Behaviour::stream().event("1").event("2").done();
        assert!(
            text(behaviour.clone())
                .ends_with("\r\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        );
        assert_eq!(behaviour.compile(false).0.len(), 4);
    }

    #[test]
    fn a_trailer_follows_the_last_chunk() {
        assert!(text(Behaviour::answer(200).piece("x").trailer("x-sum", "1")).ends_with("1\r\nx\r\n0\r\nx-sum: 1\r\n\r\n"));
    }

    #[test]
    fn cuts_keep_or_drop_bytes_exactly() {
        let behaviour = Behaviour::answer(200).piece("hello");
        let whole = behaviour.to_bytes();
        assert_eq!(behaviour.clone().cut_after(20).to_bytes(), whole.slice(..20));
        assert_eq!(behaviour.clone().cut_at(&[1, 9, 9_999], Duration::ZERO).to_bytes(), whole);
        assert_eq!(text(Behaviour::answer(204)), "HTTP/1.1 204 No Content\r\n\r\n");
        assert!(text(behaviour.clone().claim_length(9)).contains("content-length: 9\r\n"));
        assert!(text(behaviour.until_close()).ends_with("connection: close\r\n\r\nhello"));
    }

    #[test]
    fn an_ending_other_than_keep_alive_leaves_a_chunked_body_open() {
        assert!(text(Behaviour::stream().event("1").ending(Ending::Close)).ends_with("data: 1\n\n\r\n"));
    }
}
