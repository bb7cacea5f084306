//! `err`: an attempt that failed.

use std::sync::Arc;

use http::HeaderMap;
use rhai::{Dynamic, ImmutableString};

use super::headers::Headers;
use crate::script::register::Registrar;

/// An attempt that failed, as scripts see it. Secrets in the provider's words are masked before.
#[derive(Clone, Debug)]
pub struct AttemptError(Arc<AttemptErrorParts>);

/// What is known of a failed attempt.
#[derive(Clone, Debug, Default)]
pub struct AttemptErrorParts {
    /// The provider's HTTP status; `None` without an answer.
    pub status: Option<u16>,
    /// The error's code.
    pub code: Option<String>,
    /// The error's type.
    pub kind: Option<String>,
    /// The provider's words, or Keywheel's own about a connection that failed.
    pub message: String,
    /// The answer's headers.
    pub headers: Arc<HeaderMap>,
    /// Milliseconds since the attempt began.
    pub elapsed_ms: u64,
    /// Body bytes that the provider was sent.
    pub bytes_sent: u64,
}

impl AttemptError {
    /// A failed attempt.
    pub fn new(parts: AttemptErrorParts) -> Self {
        AttemptError(Arc::new(parts))
    }
}

fn or_unit(text: Option<&String>) -> Dynamic {
    text.map_or(Dynamic::UNIT, |text| ImmutableString::from(text.as_str()).into())
}

pub(super) fn register(registrar: &mut Registrar<'_>) {
    registrar
        .value::<AttemptError>("AttemptError", "`err`: an attempt that failed.")
        .get("status: int", "The provider's HTTP status; `()` when it did not answer.", |err: &mut AttemptError| {
            err.0.status.map_or(Dynamic::UNIT, |status| i64::from(status).into())
        })
        .get("code: string", "The error's code, or `()`.", |err: &mut AttemptError| or_unit(err.0.code.as_ref()))
        .get("type: string", "The error's type, or `()`.", |err: &mut AttemptError| or_unit(err.0.kind.as_ref()))
        .get("message: string", "The provider's words.", |err: &mut AttemptError| ImmutableString::from(err.0.message.as_str()))
        .get("headers: Headers", "The answer's headers.", |err: &mut AttemptError| Headers::new(err.0.headers.clone()))
        .get("elapsed_ms: int", "Milliseconds since the attempt began.", |err: &mut AttemptError| err.0.elapsed_ms as i64)
        .get("bytes_sent: int", "Body bytes that the provider was sent.", |err: &mut AttemptError| err.0.bytes_sent as i64);
}
