//! The body of an answer, read as it is asked for.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;

use super::framing::Framing;
use super::sending::Sending;
use super::wire::Wire;
use crate::outbound::host::Host;

/// Bytes that are read at once of a body without a length, such as a stream: so much lies in memory for a reader who is slow.
const READ_BYTES: usize = 4 * 1024;
/// The same of a body whose length is known.
const MOST_READ_BYTES: usize = 64 * 1024;

/// A body that is being received. Dropping it closes the connection, unless the body was read to its end.
#[derive(Debug)]
pub(in crate::outbound) struct Receiving {
    /// `None` once the body has ended.
    wire: Option<Wire>,
    framing: Framing,
    keeps_alive: bool,
    /// What is still to be written of the request.
    sending: Option<Box<Sending>>,
    /// Where the connection goes for the next request.
    home: Option<Arc<Host>>,
    trailers: Option<Box<HeaderMap>>,
}

impl Receiving {
    pub(super) fn new(wire: Wire, framing: Framing, keeps_alive: bool, sending: Option<Box<Sending>>) -> Self {
        Receiving { wire: Some(wire), framing, keeps_alive, sending, home: None, trailers: None }
    }

    /// Gives the connection back to its host, once the body has been read.
    pub(in crate::outbound) fn returning_to(mut self, host: Arc<Host>) -> Self {
        self.home = Some(host);
        self.end_if_done();
        self
    }

    /// The next piece, as large as what is at hand; `None` at the proper end.
    pub(in crate::outbound) fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.send_on(context);
        loop {
            let Some(wire) = &mut self.wire else { return Poll::Ready(None) };
            if !wire.buffer.is_empty() {
                match self.framing.take(&mut wire.buffer) {
                    Err(error) => return self.broken(error),
                    Ok(data) => {
                        self.end_if_done();
                        if !data.is_empty() {
                            return Poll::Ready(Some(Ok(data)));
                        }
                        continue;
                    }
                }
            }
            let most = match self.framing {
                Framing::Length(left) => left.clamp(1, MOST_READ_BYTES as u64) as usize,
                _ => READ_BYTES,
            };
            match ready!(wire.poll_fill(context, most)) {
                Ok(0) if matches!(self.framing, Framing::Close) => self.wire = None,
                Ok(0) => {
                    return self
                        .broken(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed before its end"));
                }
                Ok(_) => {}
                Err(error) => return self.broken(error),
            }
        }
    }

    /// Writes on what is left of the request. That it cannot be written any more is no fault of the answer's.
    fn send_on(&mut self, context: &mut Context<'_>) {
        if let (Some(sending), Some(wire)) = (&mut self.sending, &mut self.wire) {
            match sending.poll(context, &mut wire.io) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.sending = None,
                Poll::Ready(Err(_)) => (self.sending, self.keeps_alive) = (None, false),
            }
        }
    }

    fn broken(&mut self, error: io::Error) -> Poll<Option<io::Result<Bytes>>> {
        self.wire = None;
        Poll::Ready(Some(Err(error)))
    }

    /// Lets go of the connection behind the last byte of the body.
    fn end_if_done(&mut self) {
        if !self.framing.is_done() {
            return;
        }
        if let Framing::Chunked(chunks) = &mut self.framing {
            self.trailers = chunks.take_trailers().map(Box::new);
        }
        let (wire, home) = (self.wire.take(), self.home.take());
        if let (Some(wire), Some(home), true, None) = (wire, home, self.keeps_alive, &self.sending) {
            home.keep(wire);
        }
    }

    /// Whether nothing comes any more.
    pub(in crate::outbound) fn is_ended(&self) -> bool {
        self.wire.is_none()
    }

    /// The number of bytes to come, when it is known.
    pub(in crate::outbound) fn length(&self) -> Option<u64> {
        match (&self.wire, &self.framing) {
            (None, _) => Some(0),
            (Some(_), Framing::Length(left)) => Some(*left),
            _ => None,
        }
    }

    /// The trailers, once the end was read.
    pub(in crate::outbound) fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_deref()
    }
}
