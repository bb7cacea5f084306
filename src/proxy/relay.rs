//! Passing an answer on: bytes flow as they came, pushed by nothing but the client's own reading.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::attempt::Document;
use super::call::Call;
use super::interruption::Interruption;
use super::meter::{End, Meter, Metered};
use super::watch::Watch;
use crate::domain::{Api, Outcome, Verdict};
use crate::outbound::UpstreamBody;
use crate::rotator::Lease;

/// Longest wait for the usage of an answer whose client left after its end.
const GRACE: Duration = Duration::from_secs(2);
/// Pause between an error event and the broken connection, so that the event is written out first.
const BEFORE_BREAK: Duration = Duration::from_millis(20);

/// Bytes at hand that go on without a look for more: what was read at once goes out at once.
const ENOUGH: usize = 4 * 1024;

/// How an answer's bytes are looked at while they pass.
pub(super) enum Look {
    /// Server-sent events.
    Events(Box<Watch>),
    /// A long document, metered at its end.
    Document(Box<Document>),
    /// Bytes of any other kind: sound, files.
    Other(Box<Meter>),
}

impl Look {
    /// Takes what an error event behind content said.
    fn take_late_error(&mut self) -> Option<Bytes> {
        match self {
            Look::Events(watch) => watch.take_late_error(),
            _ => None,
        }
    }

    /// What was read, once the answer has ended.
    pub fn finish(self, end: End) -> Metered {
        match self {
            Look::Events(watch) => watch.meter.finish(end),
            Look::Document(document) => document.read().finish(end),
            Look::Other(meter) => meter.finish(end),
        }
    }
}

/// An answer on its way to the client. It owns the call: whatever ends the one records the other.
pub(super) struct Relay {
    /// `None` once the call was recorded.
    flow: Option<Flow>,
    out: VecDeque<Bytes>,
    ending: Ending,
    /// Bytes still to come, when the length is known and nothing is taken out.
    length: Option<u64>,
}

struct Flow {
    call: Box<Call>,
    lease: Lease,
    upstream: UpstreamBody,
    look: Look,
    api: Api,
    idle: Idle,
    draining: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// How the body ends once `out` is empty.
enum Ending {
    /// It does not: the flow goes on.
    Open,
    /// As the provider ended it.
    Clean,
    /// With a broken connection, after a pause.
    Broken(Pin<Box<Sleep>>),
}

/// Notices a provider that says nothing. The timer is set once and moved only when it fires.
struct Idle {
    limit: Duration,
    last: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Idle {
    fn new(limit: Duration) -> Self {
        let last = Instant::now();
        Idle { limit, last, timer: Box::pin(sleep_until(last + limit)) }
    }

    fn heard(&mut self) {
        self.last = Instant::now();
    }

    fn poll_expired(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            let end = self.last + self.limit;
            if Instant::now() >= end {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(end);
        }
    }
}

/// What a relay is made of.
pub(super) struct RelayParts {
    pub call: Box<Call>,
    pub lease: Lease,
    pub held: VecDeque<Bytes>,
    pub upstream: UpstreamBody,
    pub look: Look,
    pub api: Api,
    pub length: Option<u64>,
}

impl Relay {
    /// A relay that sends what was held and then what comes.
    pub fn new(parts: RelayParts) -> Self {
        let draining = parts.call.deps.draining.clone();
        let idle = Duration::from_millis(parts.lease.provider().timeouts.idle_ms);
        let flow = Flow {
            call: parts.call,
            lease: parts.lease,
            upstream: parts.upstream,
            look: parts.look,
            api: parts.api,
            idle: Idle::new(idle),
            draining: Box::pin(draining.cancelled_owned()),
        };
        let mut relay = Relay { flow: Some(flow), out: parts.held, ending: Ending::Open, length: parts.length };
        relay.end_if_whole();
        relay
    }

    /// Ends a flow whose length is known with its last byte: nobody asks for more behind it.
    fn end_if_whole(&mut self) {
        if self.length == Some(0) && self.out.is_empty() {
            self.end();
        }
    }

    /// Takes all that may go to the client.
    fn take_out(&mut self) -> Bytes {
        let piece = match self.out.len() {
            1 => self.out.pop_front().unwrap_or_default(),
            _ => {
                let mut whole = BytesMut::with_capacity(self.out.iter().map(Bytes::len).sum());
                self.out.drain(..).for_each(|piece| whole.extend_from_slice(&piece));
                whole.freeze()
            }
        };
        if let Some(flow) = &mut self.flow {
            flow.call.sent(&piece);
        }
        self.length = self.length.map(|length| length.saturating_sub(piece.len() as u64));
        self.end_if_whole();
        piece
    }

    /// Takes the next piece from the provider; true when there is something to do without waiting.
    fn poll_upstream(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(flow) = &mut self.flow else { return Poll::Ready(()) };
        match flow.upstream.poll_chunk(context) {
            Poll::Ready(Some(Ok(chunk))) => {
                flow.idle.heard();
                flow.take(chunk, &mut self.out);
                Poll::Ready(())
            }
            Poll::Ready(Some(Err(error))) => {
                self.break_off(Interruption::BrokenOff(error));
                Poll::Ready(())
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(())
            }
            Poll::Pending => {
                if flow.idle.poll_expired(context).is_ready() {
                    let limit = flow.idle.limit;
                    self.break_off(Interruption::Silent(limit));
                    return Poll::Ready(());
                }
                if flow.draining.as_mut().poll(context).is_ready() {
                    self.break_off(Interruption::ShuttingDown);
                    return Poll::Ready(());
                }
                Poll::Pending
            }
        }
    }

    /// The provider ended the answer.
    fn end(&mut self) {
        let Some(mut flow) = self.flow.take() else { return };
        if let Look::Events(watch) = &mut flow.look {
            watch.end(&mut self.out);
        }
        self.ending = Ending::Clean;
        self.out.iter().for_each(|piece| flow.call.sent(piece));
        flow.ended();
    }

    /// The answer cannot be finished: the client is told, by an event where there can be one, and never by a clean end.
    fn break_off(&mut self, why: Interruption) {
        let Some(mut flow) = self.flow.take() else { return };
        let why = flow.look.take_late_error().map_or(why, Interruption::ErrorEvent);
        if let (Look::Events(_), Some(error)) = (&flow.look, why.error()) {
            self.out.push_back(error.event(flow.api));
        }
        self.ending = Ending::Broken(Box::pin(sleep_until(Instant::now() + BEFORE_BREAK)));
        self.out.iter().for_each(|piece| flow.call.sent(piece));
        flow.interrupted(&why, End::Cut);
    }
}

impl Flow {
    fn take(&mut self, chunk: Bytes, out: &mut VecDeque<Bytes>) {
        match &mut self.look {
            Look::Events(watch) => {
                let seen = watch.feed(chunk, out);
                if seen.content && self.call.record.first_token_us.is_none() {
                    self.call.first_content();
                }
            }
            Look::Document(document) => {
                document.push(&chunk);
                out.push_back(chunk);
            }
            Look::Other(meter) => {
                if !meter.content_seen() {
                    meter.observe_body(&chunk);
                }
                out.push_back(chunk);
            }
        }
    }

    /// Records the call, once the provider has ended the answer.
    fn ended(mut self) {
        match self.look.take_late_error() {
            Some(error) => self.interrupted(&Interruption::ErrorEvent(error), End::Whole),
            None => self.record(Outcome::Success, End::Whole, None),
        }
    }

    /// Records the call, which broke off.
    fn interrupted(mut self, why: &Interruption, end: End) {
        let verdict = why.note(&mut self.call, &self.lease);
        self.record(Outcome::Interrupted, end, verdict.as_ref());
    }

    /// Whether the client has had the whole answer, though the provider has more to say about it.
    fn is_answered(&self) -> bool {
        matches!(&self.look, Look::Events(watch) if watch.meter.is_finished())
    }

    /// Records the call.
    fn record(self, outcome: Outcome, end: End, verdict: Option<&Verdict>) {
        let Flow { call, lease, look, .. } = self;
        call.conclude(&lease, look.finish(end), outcome, verdict);
    }

    /// Reads on for the usage of an answer that the client has had, then records it as a success.
    async fn linger(mut self) {
        let mut nowhere = VecDeque::new();
        let deadline = Instant::now() + GRACE;
        while let Ok(next) = tokio::time::timeout_at(deadline, self.upstream.chunk()).await {
            match next {
                Some(Ok(chunk)) => self.take(chunk, &mut nowhere),
                Some(Err(_)) => break,
                None => {
                    if let Look::Events(watch) = &mut self.look {
                        watch.end(&mut nowhere);
                    }
                    return self.ended();
                }
            }
            nowhere.clear();
        }
        self.record(Outcome::Success, End::Cut, None);
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            let has_enough = self.out.iter().map(Bytes::len).sum::<usize>() >= ENOUGH;
            let is_open = matches!(self.ending, Ending::Open);
            if !self.out.is_empty() && (has_enough || !is_open) {
                return Poll::Ready(Some(Ok(Frame::data(self.take_out()))));
            }
            match &mut self.ending {
                Ending::Open => {
                    if self.poll_upstream(context).is_ready() {
                        continue;
                    }
                    if self.out.is_empty() {
                        return Poll::Pending;
                    }
                    return Poll::Ready(Some(Ok(Frame::data(self.take_out()))));
                }
                Ending::Clean => return Poll::Ready(None),
                Ending::Broken(pause) => {
                    ready!(pause.as_mut().poll(context));
                    self.ending = Ending::Clean;
                    return Poll::Ready(Some(Err(io::Error::other("the provider's answer broke off"))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.out.is_empty() && matches!(self.ending, Ending::Clean)
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let Some(mut flow) = self.flow.take() else { return };
        if let Some(error) = flow.look.take_late_error() {
            flow.interrupted(&Interruption::ErrorEvent(error), End::Cut);
        } else if flow.is_answered() && tokio::runtime::Handle::try_current().is_ok() {
            tokio::spawn(flow.linger());
        } else {
            flow.record(Outcome::ClientGone, End::Cut, None);
        }
    }
}
