//! A small request of Keywheel's own, with a time limit and a bounded answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::clients::Outbound;
use super::error::SendError;
use super::send::{RequestBody, SendRequest};
use crate::domain::{AuthScheme, Key, Provider};

/// Time limit for one question, head and body together, however generous the provider's own limits are.
const LIMIT: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// A provider's whole answer to one of Keywheel's own questions.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers as the provider sent them.
    pub headers: HeaderMap,
    /// The body, at most 16 MiB of it.
    pub body: Bytes,
}

/// A question got no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("no whole answer within {} s", LIMIT.as_secs())]
    Timeout,
    #[error(transparent)]
    Body(#[from] super::BodyError),
}

pub(super) struct Question<'a> {
    pub(super) provider: &'a Provider,
    pub(super) key: &'a Key,
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) json: Option<String>,
}

impl Outbound {
    /// Asks a provider with a key's secret, through the provider's own proxy.
    pub(super) async fn ask(&self, question: Question<'_>) -> Result<Answer, NoAnswer> {
        let provider = question.provider;
        let limit = LIMIT.min(Duration::from_millis(provider.timeouts.answer_ms));
        let asking = async {
            let mut own = HeaderMap::new();
            if provider.auth == AuthScheme::XApiKey {
                own.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
            }
            let body = match question.json {
                Some(json) => {
                    own.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                    RequestBody::Whole(json.into())
                }
                None => RequestBody::Empty,
            };
            let request = SendRequest {
                provider,
                key: question.key,
                method: question.method,
                path: question.path,
                query: question.query,
                client_headers: &own,
                extra_headers: &[],
                body,
            };
            let upstream = self.send(request).await?;
            let body = upstream.body.collect(MAX_ANSWER_BYTES).await?;
            Ok(Answer { status: upstream.status, headers: upstream.headers, body })
        };
        tokio::time::timeout(limit, asking).await.unwrap_or(Err(NoAnswer::Timeout))
    }
}
