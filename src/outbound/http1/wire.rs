//! A connection: its socket, and what was read of it and not yet understood.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::BytesMut;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use tokio_util::io::poll_read_buf;

/// A socket, encrypted or not.
pub(in crate::outbound) type Io = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// One connection to a provider, between exchanges or in one.
#[derive(Debug)]
pub(in crate::outbound) struct Wire {
    pub(super) io: Io,
    pub(super) buffer: BytesMut,
}

impl Wire {
    /// A new connection.
    pub(in crate::outbound) fn new(io: Io) -> Self {
        Wire { io, buffer: BytesMut::new() }
    }

    /// Reads once, up to about `most` bytes; 0 is the end. While there is nothing to read, no empty buffer is kept.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        // No buffer is made for a wait. Behind encryption only a read can tell.
        if let (true, Either::Left(socket)) = (self.buffer.is_empty(), &self.io) {
            ready!(socket.poll_read_ready(context))?;
        }
        // What is left of a buffer is used up first, unless it is hardly worth a read.
        if self.buffer.capacity() - self.buffer.len() < most / 8 {
            self.buffer.reserve(most);
        }
        let read = poll_read_buf(Pin::new(&mut self.io), context, &mut self.buffer);
        if read.is_pending() && self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        read
    }

    /// Whether another exchange can begin on it: the provider has neither closed it nor said anything unasked.
    pub(in crate::outbound) fn is_usable(&mut self) -> bool {
        self.buffer.is_empty() && self.poll_fill(&mut Context::from_waker(Waker::noop()), 64).is_pending()
    }
}
