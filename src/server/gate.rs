//! No more of an answer is asked for than the client's socket takes.
//!
//! The HTTP library asks a body for pieces until sixteen of them wait, or many bytes, before it writes any; and it goes on
//! asking while the socket takes nothing. Each piece lies in memory, for each of thousands of streams. Here the body waits
//! while the socket is full, and between two writes only so much is handed over as fits into one.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Most bytes of an answer that wait to be written when another piece is asked for.
const MOST_UNWRITTEN: usize = 4 * 1024;

/// How far a connection's writing is behind its answers. Both sides of it run in the connection's own task.
#[derive(Debug, Default)]
pub(super) struct Gate {
    is_full: AtomicBool,
    unwritten: AtomicUsize,
}

impl Gate {
    /// The socket took some bytes.
    pub(super) fn wrote(&self, bytes: usize) {
        self.is_full.store(false, Ordering::Relaxed);
        // The HTTP library's own framing counts as well, so that less may seem to wait than does.
        let left = self.unwritten.load(Ordering::Relaxed).saturating_sub(bytes);
        self.unwritten.store(left, Ordering::Relaxed);
    }

    /// The socket takes nothing more; it wakes the task when it does.
    pub(super) fn is_full(&self) {
        self.is_full.store(true, Ordering::Relaxed);
    }
}

/// A body of an answer behind the gate of its HTTP/1 connection.
pub(super) struct Gated<B> {
    body: B,
    gate: Option<Arc<Gate>>,
}

impl<B> Gated<B> {
    /// `None`: the connection has many answers at once and limits each by itself, as HTTP/2 does.
    pub(super) fn new(body: B, gate: Option<Arc<Gate>>) -> Self {
        Gated { body, gate }
    }
}

impl<B: Body<Data = Bytes, Error = io::Error> + Unpin> Body for Gated<B> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if let Some(gate) = &this.gate {
            if gate.is_full.load(Ordering::Relaxed) {
                return Poll::Pending;
            }
            if gate.unwritten.load(Ordering::Relaxed) >= MOST_UNWRITTEN {
                // The library writes when the body has nothing more, and does not come back by itself.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        let frame = Pin::new(&mut this.body).poll_frame(context);
        if let (Some(gate), Poll::Ready(Some(Ok(frame)))) = (&this.gate, &frame) {
            gate.unwritten.fetch_add(frame.data_ref().map_or(0, Bytes::len), Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::Waker;

    use super::*;

    struct Pieces(VecDeque<Bytes>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    #[test]
    fn a_body_waits_while_the_socket_is_behind() {
        let gate = Arc::new(Gate::default());
        let pieces = Pieces((0..4).map(|_| Bytes::from(vec![0; 2_500])).collect());
        let mut body = Gated::new(pieces, Some(gate.clone()));
        let mut next = || Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())).is_ready();
        assert!(next() && next(), "little waits");
        assert!(!next(), "two pieces wait to be written");
        gate.wrote(2_000);
        assert!(next());
        gate.wrote(5_500);
        gate.is_full();
        assert!(!next(), "the socket takes nothing");
        gate.wrote(1);
        assert!(next() && next(), "the last piece and the end");
    }
}
