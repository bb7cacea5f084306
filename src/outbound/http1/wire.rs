//! A connection: its socket, and what was read of it and not yet understood.

use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use tokio_util::io::poll_read_buf;

const SCRATCH_BYTES: usize = 8 * 1024;

thread_local! {
    /// Where the connections of a thread read to: thousands of them wait, and each would hold a buffer of its own.
    static SCRATCH: RefCell<Box<[MaybeUninit<u8>]>> = RefCell::new(Box::new_uninit_slice(SCRATCH_BYTES));
}

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

    /// Reads once, up to about `most` bytes; 0 is the end. No buffer is kept while there is nothing to read, and none that is
    /// larger than what was read, unless much is expected.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        if most > SCRATCH_BYTES {
            return self.poll_fill_directly(context, most);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let mut read = ReadBuf::uninit(&mut scratch[..most]);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut read))?;
            self.buffer.extend_from_slice(read.filled());
            Poll::Ready(Ok(read.filled().len()))
        })
    }

    fn poll_fill_directly(&mut self, context: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
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
