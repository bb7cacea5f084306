//! Reading a request's body: bounded in bytes, before any provider is contacted. Its pace is the server's affair.

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use poem::Body;

use super::error::ProxyError;

/// Bounds for reading a body.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Most bytes that are held in memory for one body, before and after decompression.
    pub buffer_bytes: u64,
    /// Most bytes of an upload that streams through without being held.
    pub upload_bytes: u64,
}

impl Default for BodyLimits {
    fn default() -> Self {
        BodyLimits { buffer_bytes: 32 * 1024 * 1024, upload_bytes: 1024 * 1024 * 1024 }
    }
}

/// A body as it was read.
pub(super) enum Inbound {
    /// The whole body.
    Whole(Bytes),
    /// An upload beyond the buffer limit: its beginning, and the rest as it comes.
    Upload { head: Bytes, rest: Upload },
}

/// The part of an upload that was not read yet.
pub(super) struct Upload {
    body: BoxBody<Bytes, io::Error>,
    left: u64,
    /// Bytes of the whole upload, when the client said so.
    pub length: Option<u64>,
}

/// Reads a body. `may_stream`: a body beyond the buffer limit is handed on in part instead of being refused.
pub(super) async fn read(
    body: Body,
    headers: &HeaderMap,
    limits: &BodyLimits,
    may_stream: bool,
) -> Result<Inbound, ProxyError> {
    let length = content_length(headers);
    let most = if may_stream { limits.upload_bytes } else { limits.buffer_bytes };
    if length.is_some_and(|length| length > most) {
        return Err(too_large(most));
    }
    let mut body: BoxBody<Bytes, io::Error> = body.into();
    let Some(first) = next_chunk(&mut body).await? else { return Ok(Inbound::Whole(Bytes::new())) };
    if length == Some(first.len() as u64) {
        return Ok(Inbound::Whole(first));
    }
    let mut whole = BytesMut::with_capacity(length.unwrap_or(0).min(limits.buffer_bytes).max(first.len() as u64) as usize);
    whole.extend_from_slice(&first);
    while (whole.len() as u64) <= limits.buffer_bytes {
        let Some(chunk) = next_chunk(&mut body).await? else { return Ok(Inbound::Whole(whole.freeze())) };
        whole.extend_from_slice(&chunk);
    }
    if !may_stream {
        return Err(too_large(limits.buffer_bytes));
    }
    let left = limits.upload_bytes.saturating_sub(whole.len() as u64);
    Ok(Inbound::Upload { head: whole.freeze(), rest: Upload { body, left, length } })
}

async fn next_chunk(body: &mut BoxBody<Bytes, io::Error>) -> Result<Option<Bytes>, ProxyError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        if let Ok(data) = frame.into_data()
            && !data.is_empty()
        {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

fn broken(error: &io::Error) -> ProxyError {
    if error.kind() == io::ErrorKind::TimedOut {
        let message = "The body took too long to arrive. Send it faster, or in smaller pieces.";
        return ProxyError::rejected(StatusCode::REQUEST_TIMEOUT, "body_timeout", message).closing();
    }
    let message = "The body broke off or its framing is wrong. Send it again.";
    ProxyError::bad_request("body_incomplete", message).closing()
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The error for a body over a limit.
pub(super) fn too_large(limit: u64) -> ProxyError {
    let message = format!(
        "The body is larger than {} MiB. Send less, or ask the operator to raise the limit.",
        (limit as f64 / 1048576.0 * 10.0).round() / 10.0
    );
    ProxyError::rejected(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message).closing()
}

impl Upload {
    /// The whole upload as a stream: the head that was read, then the rest, up to the upload limit.
    pub fn into_stream(self, head: Bytes) -> impl Stream<Item = Result<Bytes, io::Error>> + Send + 'static {
        futures_util::stream::unfold((Some(head), self), |(head, mut rest)| async move {
            if let Some(head) = head {
                return Some((Ok(head), (None, rest)));
            }
            loop {
                let data = match rest.body.frame().await? {
                    Ok(frame) => match frame.into_data() {
                        Ok(data) => data,
                        Err(_) => continue,
                    },
                    Err(error) => return Some((Err(error), (None, rest))),
                };
                let Some(left) = rest.left.checked_sub(data.len() as u64) else {
                    return Some((Err(io::Error::other("the upload is larger than the limit")), (None, rest)));
                };
                rest.left = left;
                return Some((Ok(data), (None, rest)));
            }
        })
    }
}
