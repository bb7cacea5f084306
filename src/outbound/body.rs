//! The body of a provider's answer, read piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::error::cause_of;
use super::gunzip::Gunzip;
use super::http1::Receiving;
use super::pool::Permit;

/// A provider's answer broke off before its end: the connection was cut, or the length was another than announced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer broke off: {cause}")]
pub struct BodyError {
    /// What happened, without address or secret.
    pub cause: String,
}

/// The body of a provider's answer. Pieces come as the provider sent them, unpacked where it packed them unasked; dropping it
/// cancels the request.
///
/// It is also a [`Stream`] of pieces and an [`http_body::Body`].
pub struct UpstreamBody {
    source: Source,
    gunzip: Option<Box<Gunzip>>,
}

/// Where a body comes from.
pub(super) enum Source {
    /// A connection of the call's own.
    Direct(Receiving),
    /// The client library.
    Library(Box<LibraryBody>),
}

/// A body that the client library reads, and the place in a connection that it takes.
pub(super) struct LibraryBody {
    pub(super) body: reqwest::Body,
    pub(super) trailers: Option<HeaderMap>,
    pub(super) _permit: Permit,
}

impl Source {
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        match self {
            Source::Direct(receiving) => {
                let broken = |error: std::io::Error| BodyError { cause: error.to_string() };
                receiving.poll_chunk(context).map(|piece| piece.map(|piece| piece.map_err(broken)))
            }
            Source::Library(library) => library.poll_data(context),
        }
    }
}

impl LibraryBody {
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(BodyError { cause: cause_of(&error) }))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Poll::Ready(Some(Ok(data))),
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
            }
        }
    }
}

impl UpstreamBody {
    pub(super) fn new(source: Source, gunzip: Option<Box<Gunzip>>) -> Self {
        UpstreamBody { source, gunzip }
    }

    /// The next piece; `None` at the proper end.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        std::future::poll_fn(|context| self.poll_chunk(context)).await
    }

    /// Polls for the next piece.
    pub fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            if let Some(unpacked) = self.gunzip.as_mut().and_then(|gunzip| gunzip.unpacked()) {
                return Poll::Ready(Some(unpacked.map_err(unreadable)));
            }
            match (ready!(self.source.poll_data(context)), &mut self.gunzip) {
                (None, gunzip) => {
                    let rest = gunzip.take().and_then(Gunzip::finish);
                    return Poll::Ready(rest.map(|rest| rest.map_err(unreadable)));
                }
                (Some(Ok(packed)), Some(gunzip)) => gunzip.push(packed),
                (Some(data), _) => return Poll::Ready(Some(data)),
            }
        }
    }

    /// The whole body up to `limit` bytes; what is beyond is cut off and the request cancelled.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, BodyError> {
        let Some(first) = self.chunk().await.transpose()? else { return Ok(Bytes::new()) };
        let Some(second) = self.chunk().await.transpose()? else { return Ok(first.slice(..first.len().min(limit))) };
        let mut whole = Vec::with_capacity((first.len() + second.len()).min(limit));
        let mut next = Some(first);
        let mut after = Some(second);
        while let Some(piece) = next {
            let room = limit - whole.len();
            whole.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.len() > room {
                break;
            }
            next = match after.take() {
                Some(piece) => Some(piece),
                None => self.chunk().await.transpose()?,
            };
        }
        Ok(whole.into())
    }

    /// The trailers that came after the last piece, once the end was read.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        match &self.source {
            Source::Direct(receiving) => receiving.trailers(),
            Source::Library(library) => library.trailers.as_ref(),
        }
    }

    /// The number of bytes to come, when the provider announced it.
    pub fn length(&self) -> Option<u64> {
        Body::size_hint(self).exact()
    }
}

fn unreadable(error: std::io::Error) -> BodyError {
    BodyError { cause: format!("what was packed cannot be unpacked: {error}") }
}

impl std::fmt::Debug for UpstreamBody {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("UpstreamBody").field("length", &self.length()).finish_non_exhaustive()
    }
}

impl Stream for UpstreamBody {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(context)
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.poll_chunk(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        let is_ended = match &self.source {
            Source::Direct(receiving) => receiving.is_ended(),
            Source::Library(library) => library.body.is_end_stream(),
        };
        self.gunzip.is_none() && is_ended
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            _ if self.gunzip.is_some() => SizeHint::default(),
            Source::Direct(receiving) => receiving.length().map_or_else(SizeHint::default, SizeHint::with_exact),
            Source::Library(library) => library.body.size_hint(),
        }
    }
}
