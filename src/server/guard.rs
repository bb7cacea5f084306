//! The door of a connection: every HTTP/1 head is examined here before the HTTP library reads it.
//!
//! A complete head that came in one piece stays in the buffer it was read into. A head that comes in pieces is held back
//! until it is complete, for a limited time. Instead of a refused head the library reads a marker, so that the refusal is
//! answered in its turn behind earlier answers; nothing is read after it.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::gate::Gate;
use super::head::{ChunkScan, Framing, HeadScan};
use super::refusal::Refusal;

/// The method of the request that stands for a refused one.
pub(super) const REFUSED_METHOD: &str = "REFUSED";
const REFUSED_HEAD: &[u8] = b"REFUSED / HTTP/1.1\r\nconnection: close\r\n\r\n";
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long and how much is read and thrown away after an answer that came before its request had ended: closing at
/// once would reset the connection and take the answer with it.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// What the next incoming byte belongs to.
#[derive(Debug)]
enum Position {
    Head(HeadScan),
    Body {
        left: u64,
    },
    Chunks(ChunkScan),
    /// HTTP/2, which frames its own messages.
    Unexamined,
    /// Behind a refused head; nothing more is read.
    Refused {
        announced: bool,
    },
    /// Behind a malformed chunk; reading fails.
    Broken,
}

/// A socket whose request heads have been examined.
pub(super) struct Guard<S> {
    inner: S,
    position: Position,
    /// The beginning of a head that is not complete yet.
    held: Vec<u8>,
    /// Examined bytes that wait to be read.
    ready: Bytes,
    head_timeout: Duration,
    /// Runs while a head is incomplete.
    head_deadline: Option<Pin<Box<Sleep>>>,
    write_timeout: Duration,
    /// Runs while the client takes nothing of what is written.
    write_deadline: Option<Pin<Box<Sleep>>>,
    gate: Arc<Gate>,
    refusal: Arc<OnceLock<Refusal>>,
    linger: Linger,
}

enum Linger {
    NotYet,
    Reading { until: Pin<Box<Sleep>>, left: usize },
    Done,
}

/// The protocol that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    /// Guards a socket. A head, once begun, has `head_timeout` to become complete; a client that reads nothing for
    /// `write_timeout` while something is to be written has left.
    pub(super) fn new(inner: S, head_timeout: Duration, write_timeout: Duration) -> Self {
        Guard {
            inner,
            position: Position::Head(HeadScan::default()),
            held: Vec::new(),
            ready: Bytes::new(),
            head_timeout,
            head_deadline: None,
            write_timeout,
            write_deadline: None,
            gate: Arc::default(),
            refusal: Arc::default(),
            linger: Linger::NotYet,
        }
    }

    /// Where the reason stands when a request with [`REFUSED_METHOD`] arrives.
    pub(super) fn refusal(&self) -> Arc<OnceLock<Refusal>> {
        self.refusal.clone()
    }

    /// Tells answers how far the socket is behind them.
    pub(super) fn gate(&self) -> Arc<Gate> {
        self.gate.clone()
    }

    /// Reads the first bytes and tells the protocol; `None` when the client says nothing in time, or leaves.
    pub(super) async fn protocol(&mut self) -> io::Result<Option<Protocol>> {
        let mut deadline = Box::pin(tokio::time::sleep(self.head_timeout));
        let mut first = Vec::new();
        loop {
            let read = poll_fn(|cx| {
                // Not in the future: a connection holds as much memory for all its life as this needs.
                let mut piece = [MaybeUninit::uninit(); 2048];
                let mut buffer = ReadBuf::uninit(&mut piece);
                ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer))?;
                first.extend_from_slice(buffer.filled());
                Poll::Ready(io::Result::Ok(buffer.filled().len()))
            });
            let count = tokio::select! {
                count = read => count?,
                () = &mut deadline => return Ok(None),
            };
            let common = first.len().min(HTTP2_PREFACE.len());
            if count == 0 {
                return Ok(None);
            } else if first[..common] != HTTP2_PREFACE[..common] {
                self.head_deadline = Some(deadline);
                self.admit_owned(first);
                return Ok(Some(Protocol::Http1));
            } else if common == HTTP2_PREFACE.len() {
                self.position = Position::Unexamined;
                self.ready = first.into();
                return Ok(Some(Protocol::Http2));
            }
        }
    }

    /// Walks over bytes to their end, to an incomplete head or to a fault; how many were walked.
    fn examine(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            match &mut self.position {
                Position::Head(scan) => match scan.advance(&bytes[at..]) {
                    Ok(None) => break,
                    Ok(Some((length, framing))) => {
                        at += length;
                        self.position = match framing {
                            Framing::Length(0) => Position::Head(HeadScan::default()),
                            Framing::Length(left) => Position::Body { left },
                            Framing::Chunked => Position::Chunks(ChunkScan::START),
                        };
                    }
                    Err(refusal) => self.refuse(refusal),
                },
                Position::Body { left } => {
                    let step = (*left).min((bytes.len() - at) as u64);
                    at += step as usize;
                    *left -= step;
                    if *left == 0 {
                        self.position = Position::Head(HeadScan::default());
                    }
                }
                Position::Chunks(chunks) => match chunks.advance(&bytes[at..]) {
                    Ok(step) => {
                        at += step;
                        if *chunks == ChunkScan::Done {
                            self.position = Position::Head(HeadScan::default());
                        }
                    }
                    Err(_) => self.position = Position::Broken,
                },
                Position::Unexamined => return bytes.len(),
                Position::Refused { .. } | Position::Broken => break,
            }
        }
        at
    }

    fn refuse(&mut self, refusal: Refusal) {
        // Set once: nothing is examined after a refusal.
        let _ = self.refusal.set(refusal);
        self.position = Position::Refused { announced: false };
    }

    /// Examines bytes; how many of them may be read on. The rest is held if it begins a head, else dropped.
    fn admit(&mut self, bytes: &[u8]) -> usize {
        let passed = self.examine(bytes);
        let rest = &bytes[passed..];
        if !matches!(self.position, Position::Head(_)) {
            self.head_deadline = None;
        } else if rest.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            // Some clients send an empty line behind a body: it begins no head.
            self.position = Position::Head(HeadScan::default());
            self.head_deadline = None;
        } else {
            self.held = rest.to_vec();
            self.head_deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.head_timeout)));
        }
        passed
    }

    fn admit_owned(&mut self, mut bytes: Vec<u8>) {
        let passed = self.admit(&bytes);
        bytes.truncate(passed);
        self.ready = bytes.into();
    }

    /// Reads straight into the library's buffer; `true` when there is something, or the end, to be read on.
    fn poll_direct(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        let count = buffer.filled().len() - before;
        let passed = self.admit(&buffer.filled()[before..]);
        buffer.set_filled(before + passed);
        Poll::Ready(Ok(passed > 0 || count == 0))
    }

    /// Reads more of a held head; `true` when the client has left.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut piece = [0; 4096];
        let mut buffer = ReadBuf::new(&mut piece);
        let Poll::Ready(result) = Pin::new(&mut self.inner).poll_read(cx, &mut buffer) else {
            let Some(deadline) = &mut self.head_deadline else { return Poll::Pending };
            ready!(deadline.as_mut().poll(cx));
            self.held = Vec::new();
            self.refuse(Refusal::HeadTimeout);
            return Poll::Ready(Ok(false));
        };
        result?;
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(buffer.filled());
        self.admit_owned(bytes);
        Poll::Ready(Ok(buffer.filled().is_empty()))
    }

    /// Turns a wait for a client that takes nothing into an error, after its time.
    fn limit_write(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = written {
            self.write_deadline = None;
            self.gate.wrote(*result.as_ref().unwrap_or(&0));
            return Poll::Ready(result);
        }
        self.gate.is_full();
        let deadline = self.write_deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.write_timeout)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing")))
    }

    /// Between two requests, notices that the client has left; what it sends instead is kept for the library.
    ///
    /// The library would look for that by itself, with a buffer of 8 KiB for as long as an answer takes.
    fn notice_end(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !matches!(self.position, Position::Head(_)) || !self.held.is_empty() || !self.ready.is_empty() {
            return Ok(());
        }
        let mut piece = [MaybeUninit::uninit(); 1024];
        let mut buffer = ReadBuf::uninit(&mut piece);
        match Pin::new(&mut self.inner).poll_read(cx, &mut buffer) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Ready(Ok(())) => {
                self.admit_owned(buffer.filled().to_vec());
                // The library may be waiting for a request, or for the rest of one.
                cx.waker().wake_by_ref();
                Ok(())
            }
            Poll::Ready(Err(error)) => Err(error),
        }
    }

    /// Reads and drops what the client still sends, so that it can read the answer before the connection closes.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Linger::Reading { until, left } = &mut self.linger else { return Poll::Ready(()) };
        let mut piece = [0; 8192];
        loop {
            let mut buffer = ReadBuf::new(&mut piece);
            match Pin::new(&mut self.inner).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() && *left > 0 => {
                    *left = left.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => break,
                Poll::Pending => {
                    ready!(until.as_mut().poll(cx));
                    break;
                }
            }
        }
        self.linger = Linger::Done;
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.ready.is_empty() {
                let count = this.ready.len().min(buffer.remaining());
                buffer.put_slice(&this.ready.split_to(count));
                return Poll::Ready(Ok(()));
            }
            match &mut this.position {
                Position::Refused { announced: announced @ false } => {
                    *announced = true;
                    this.ready = Bytes::from_static(REFUSED_HEAD);
                    continue;
                }
                Position::Refused { announced: true } => return Poll::Pending,
                Position::Broken => return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, Refusal::ChunkedBody))),
                _ => {}
            }
            let done = if this.held.is_empty() { this.poll_direct(cx, buffer) } else { this.poll_held(cx) };
            if ready!(done)? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.limit_write(cx, written)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        this.limit_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    /// The library flushes whenever it has looked at the connection, which makes this the place to notice that a client left.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.notice_end(cx)?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if matches!(this.linger, Linger::NotYet) {
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
            let unfinished = !matches!(this.position, Position::Head(_) | Position::Unexamined);
            this.linger = if unfinished {
                Linger::Reading { until: Box::pin(tokio::time::sleep(LINGER)), left: LINGER_BYTES }
            } else {
                Linger::Done
            };
        }
        this.poll_linger(cx).map(Ok)
    }
}

#[cfg(test)]
mod tests;
