//! Why a request got no head back.

use std::error::Error;
use std::io;

use super::guard::{RefusedAddress, ResolveError};
use super::http1::Fault;

/// What kind of failure it was; stable, for rules, metrics and records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendErrorKind {
    /// The provider's name has no address.
    Dns,
    /// The address guard refused every address.
    RefusedAddress,
    /// Nobody listens there, or there is no way to it.
    ConnectRefused,
    /// No connection stood in time.
    ConnectTimeout,
    /// The TLS handshake failed, certificates included.
    Tls,
    /// The proxy between failed.
    Proxy,
    /// The connection broke before a whole head had come.
    ResetBeforeHead,
    /// The provider stopped reading the request, and said nothing.
    Unread,
    /// What came is no HTTP head, or a too large one.
    InvalidHead,
    /// The client's own body broke off while it was sent on.
    RequestBody,
    /// The request cannot be built from these settings: secret, header, path or proxy.
    Unsendable,
    /// Anything else.
    Other,
}

impl SendErrorKind {
    /// The name in records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            SendErrorKind::Dns => "dns",
            SendErrorKind::RefusedAddress => "refused_address",
            SendErrorKind::ConnectRefused => "connect_refused",
            SendErrorKind::ConnectTimeout => "connect_timeout",
            SendErrorKind::Tls => "tls",
            SendErrorKind::Proxy => "proxy",
            SendErrorKind::ResetBeforeHead => "reset_before_head",
            SendErrorKind::Unread => "unread",
            SendErrorKind::InvalidHead => "invalid_head",
            SendErrorKind::RequestBody => "request_body",
            SendErrorKind::Unsendable => "unsendable",
            SendErrorKind::Other => "other",
        }
    }
}

/// A request got no head back. Neither its text nor its debug form names a URL or a secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {cause}", kind.as_str())]
pub struct SendError {
    /// What kind of failure it was.
    pub kind: SendErrorKind,
    /// What happened, for the operator.
    pub cause: String,
    /// Whether any byte of the request can have reached the provider. When not, sending again is always safe.
    pub may_have_been_sent: bool,
    /// Whether a kept connection was used: one that the provider had closed meanwhile fails like this.
    pub reused_connection: bool,
    /// The address, when the guard refused it.
    pub refused: Option<RefusedAddress>,
}

impl SendError {
    pub(super) fn unsendable(cause: impl Into<String>) -> Self {
        SendError::unsent(SendErrorKind::Unsendable, cause.into())
    }

    pub(super) fn refused(refused: RefusedAddress) -> Self {
        SendError { refused: Some(refused), ..SendError::unsent(SendErrorKind::RefusedAddress, refused.to_string()) }
    }

    pub(super) fn unsent(kind: SendErrorKind, cause: String) -> Self {
        SendError { kind, cause, may_have_been_sent: false, reused_connection: false, refused: None }
    }

    /// Of an exchange that had begun to be written.
    pub(super) fn sent(fault: Fault, reused_connection: bool) -> Self {
        SendError { kind: fault.kind, cause: fault.cause, may_have_been_sent: true, reused_connection, refused: None }
    }

    /// Of a socket that could not be opened.
    pub(super) fn unconnected(error: &(dyn Error + 'static)) -> Self {
        if let Some(refused) = find::<RefusedAddress>(error) {
            return SendError::refused(*refused);
        }
        let io_kind = find::<io::Error>(error).map(io::Error::kind);
        let kind = match (find::<ResolveError>(error), io_kind) {
            (Some(_), _) => SendErrorKind::Dns,
            (None, Some(io::ErrorKind::TimedOut)) => SendErrorKind::ConnectTimeout,
            (None, Some(_)) => SendErrorKind::ConnectRefused,
            (None, None) => SendErrorKind::Other,
        };
        SendError::unsent(kind, cause_of(error))
    }

    pub(super) fn from_reqwest(error: &reqwest::Error, connected_anew: bool) -> Self {
        if let Some(refused) = find::<RefusedAddress>(error) {
            return SendError::refused(*refused);
        }
        let cause = cause_of(error);
        if error.is_builder() {
            return SendError::unsent(SendErrorKind::Unsendable, cause);
        }
        if error.is_connect() {
            return SendError::unsent(connect_kind(error, &cause), cause);
        }
        let (kind, may_have_been_sent) = kind_after_connect(error);
        SendError { kind, cause, may_have_been_sent, reused_connection: !connected_anew, refused: None }
    }
}

fn connect_kind(error: &reqwest::Error, cause: &str) -> SendErrorKind {
    if find::<rustls::Error>(error).is_some() {
        SendErrorKind::Tls
    } else if error.is_dns() {
        SendErrorKind::Dns
    } else if error.is_timeout() {
        SendErrorKind::ConnectTimeout
    } else if cause.contains("socks") || cause.contains("tunnel") || cause.contains("proxy") {
        SendErrorKind::Proxy
    } else {
        match find::<io::Error>(error).map(io::Error::kind) {
            // A peer that hangs up in the middle of the handshake.
            Some(io::ErrorKind::UnexpectedEof) => SendErrorKind::Tls,
            Some(_) => SendErrorKind::ConnectRefused,
            None => SendErrorKind::Other,
        }
    }
}

fn kind_after_connect(error: &reqwest::Error) -> (SendErrorKind, bool) {
    match find::<hyper::Error>(error) {
        Some(error) if error.is_parse() => (SendErrorKind::InvalidHead, true),
        Some(error) if error.is_user() => (SendErrorKind::RequestBody, true),
        // The connection went away before hyper took the request off its queue.
        Some(error) if error.is_canceled() => (SendErrorKind::ResetBeforeHead, false),
        Some(_) => (SendErrorKind::ResetBeforeHead, true),
        None => (SendErrorKind::Other, true),
    }
}

/// Finds an error of one type among the causes, also inside an [`io::Error`], which hides its own.
fn find<'a, Wanted: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a Wanted> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Wanted>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// The causes of an error, joined. The outermost text is left out: it names the URL, which may hold a key.
pub(super) fn cause_of(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(error) = next {
        let line = error.to_string();
        if !text.contains(&line) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&line);
        }
        next = error.source();
    }
    if text.is_empty() { "request failed".to_owned() } else { text }
}
