//! A request body that must keep coming.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

/// Bytes that buy a slow client one more second.
const BYTES_PER_SECOND: u64 = 16 * 1024;

/// A body that fails with [`io::ErrorKind::TimedOut`] when the client keeps its reader waiting too long.
///
/// A client may keep the reader waiting for `allowance` in all, and for a second more per 16 KiB that it sent: a
/// trickle ends, a long upload over a slow line does not. Time in which nobody reads does not count.
pub(super) struct PacedBody {
    inner: Incoming,
    allowance: Duration,
    waiting: Option<Waiting>,
}

struct Waiting {
    since: Instant,
    deadline: Pin<Box<Sleep>>,
}

impl PacedBody {
    pub(super) fn new(inner: Incoming, allowance: Duration) -> Self {
        PacedBody { inner, allowance, waiting: None }
    }

    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let allowance = self.allowance;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Waiting { since: Instant::now(), deadline: Box::pin(tokio::time::sleep(allowance)) });
        ready!(waiting.deadline.as_mut().poll(cx));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the request body took too long to arrive"))
    }

    fn settle_waiting(&mut self, received: usize) {
        if let Some(waiting) = self.waiting.take() {
            self.allowance = self.allowance.saturating_sub(waiting.since.elapsed());
        }
        self.allowance += Duration::from_micros(received as u64 * 1_000_000 / BYTES_PER_SECOND);
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) else {
            return this.poll_waiting(cx).map(|error| Some(Err(error)));
        };
        if let Some(Ok(frame)) = &frame {
            this.settle_waiting(frame.data_ref().map_or(0, Bytes::len));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
