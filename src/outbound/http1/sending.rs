//! A request on its way to the provider.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;
use tokio::time::{Sleep, sleep};

use super::super::send::{Pieces, RequestBody};
use super::wire::Io;

/// Pieces that are handed to the socket at once.
const SLICES: usize = 4;

/// A request that is being written: its head, then its body.
pub(in crate::outbound) struct Sending {
    ready: VecDeque<Bytes>,
    pieces: Option<Paced>,
    written: bool,
    /// How long the provider may take nothing of what is ready.
    patience: Duration,
    /// Runs while the socket takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

/// A body that is still arriving.
struct Paced {
    pieces: Pieces,
    /// Bytes of the announced length that are still to come; `None`: it goes in chunks.
    left: Option<u64>,
}

/// Why a request could not be written.
#[derive(Debug)]
pub(super) enum SendFault {
    /// The connection failed.
    Connection(io::Error),
    /// The provider took nothing for so long.
    Stalled(Duration),
    /// The body broke off, or is not as long as announced.
    Body(io::Error),
}

impl Sending {
    /// A request whose head, with the framing of this body, was written into `head`, for a provider that may take nothing of it
    /// for as long as `patience`.
    pub(in crate::outbound) fn new(head: Bytes, body: RequestBody, patience: Duration) -> Self {
        let mut ready = VecDeque::with_capacity(SLICES);
        ready.push_back(head);
        let mut pieces = None;
        match body {
            RequestBody::Empty => {}
            RequestBody::Whole(body) if body.is_empty() => {}
            RequestBody::Whole(body) => ready.push_back(body),
            RequestBody::Stream { pieces: arriving, length } => pieces = Some(Paced { pieces: arriving, left: length }),
        }
        Sending { ready, pieces, written: false, patience, stalled: None }
    }

    /// What is not written yet of a request that was answered early.
    pub(super) fn take_rest(&mut self) -> Self {
        let (ready, pieces, stalled) = (std::mem::take(&mut self.ready), self.pieces.take(), self.stalled.take());
        Sending { ready, pieces, stalled, written: self.written, patience: self.patience }
    }

    /// Whether any byte may have left.
    pub(in crate::outbound) fn has_begun(&self) -> bool {
        self.written
    }

    /// Writes on; ready once everything has been written.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, io: &mut Io) -> Poll<Result<(), SendFault>> {
        loop {
            match self.poll_write(context, io) {
                Poll::Ready(written) => written.map_err(SendFault::Connection)?,
                Poll::Pending => return self.poll_stalled(context),
            }
            let Some(paced) = &mut self.pieces else { return Poll::Ready(Ok(())) };
            match ready!(paced.pieces.as_mut().poll_next(context)) {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => paced.push(piece, &mut self.ready).map_err(SendFault::Body)?,
                Some(Err(error)) => return Poll::Ready(Err(SendFault::Body(error))),
                None => {
                    match paced.left {
                        Some(0) => {}
                        Some(_) => return Poll::Ready(Err(SendFault::Body(io::ErrorKind::UnexpectedEof.into()))),
                        None => self.ready.push_back(Bytes::from_static(b"0\r\n\r\n")),
                    }
                    self.pieces = None;
                }
            }
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>, io: &mut Io) -> Poll<io::Result<()>> {
        while !self.ready.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            for (slice, bytes) in slices.iter_mut().zip(&self.ready) {
                *slice = IoSlice::new(bytes);
            }
            let count = self.ready.len().min(SLICES);
            let written = ready!(Pin::new(&mut *io).poll_write_vectored(context, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written = true;
            self.stalled = None;
            self.advance(written);
        }
        Pin::new(io).poll_flush(context)
    }

    /// Waits with the socket, but not for ever. Small requests fit into the socket's buffer and never come here.
    fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendFault>> {
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        stalled.as_mut().poll(context).map(|()| Err(SendFault::Stalled(self.patience)))
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.ready.front_mut() {
            let step = written.min(first.len());
            first.advance(step);
            written -= step;
            if !first.is_empty() {
                break;
            }
            self.ready.pop_front();
        }
    }
}

impl std::fmt::Debug for Sending {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Sending").field("written", &self.written).finish_non_exhaustive()
    }
}

impl Paced {
    /// Makes a piece ready to be written, in the body's framing.
    fn push(&mut self, piece: Bytes, ready: &mut VecDeque<Bytes>) -> io::Result<()> {
        let Some(left) = &mut self.left else {
            ready.extend([format!("{:x}\r\n", piece.len()).into(), piece, Bytes::from_static(b"\r\n")]);
            return Ok(());
        };
        let longer = || io::Error::new(io::ErrorKind::InvalidData, "the body is longer than announced");
        *left = left.checked_sub(piece.len() as u64).ok_or_else(longer)?;
        ready.push_back(piece);
        Ok(())
    }
}
