//! A message to an address that the operator chose, behind the same guard as calls.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, StatusCode};
use reqwest::Url;

use super::clients::Outbound;
use super::connect;
use super::error::SendError;
use super::guard;
use super::headers::OWN_USER_AGENT;
use super::pool::Transport;

/// Time limit for connecting.
const CONNECT_MS: u64 = 5_000;
/// Time limit for the whole exchange.
const LIMIT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read at most.
const ANSWER_BYTES: usize = 16 * 1024;

/// A message for a webhook.
pub struct Webhook<'a> {
    /// Where it goes: an absolute `http` or `https` URL.
    pub url: &'a str,
    /// Its headers, content type included.
    pub headers: &'a [(HeaderName, HeaderValue)],
    /// Its body.
    pub body: Bytes,
    /// Whether loopback and private addresses are allowed.
    pub allow_private: bool,
}

/// A message was not delivered.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WebhookError {
    /// No head came back.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The receiver took longer than 10 s.
    #[error("no answer within {} s", LIMIT.as_secs())]
    Timeout,
    /// The receiver did not take it; a redirect is not followed.
    #[error("the receiver answered {0}")]
    Status(StatusCode),
}

impl Outbound {
    /// Posts a message, once and without a key, and waits until the receiver took it. The answer is the first bytes of what
    /// the receiver said.
    pub async fn post_webhook(&self, webhook: Webhook<'_>) -> Result<Bytes, WebhookError> {
        let url = Url::parse(webhook.url).map_err(|_| SendError::unsendable("the webhook's URL is no absolute URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(SendError::unsendable("the webhook's URL must begin with http:// or https://").into());
        }
        guard::check_literal_host(url.host_str().unwrap_or_default(), webhook.allow_private).map_err(SendError::refused)?;
        let transport = Transport { proxy: None, connect_ms: CONNECT_MS, allow_private: webhook.allow_private };
        let (client, _permit) = self.webhook_pool(transport)?.enter();
        let mut headers = HeaderMap::from_iter([(USER_AGENT, OWN_USER_AGENT)]);
        headers.extend(webhook.headers.iter().cloned());
        let mut outgoing = reqwest::Request::new(Method::POST, url);
        *outgoing.headers_mut() = headers;
        *outgoing.body_mut() = Some(webhook.body.into());
        let exchange = async {
            let (answer, connect_us) = connect::measured(client.execute(outgoing)).await;
            let answer = answer.map_err(|error| SendError::from_reqwest(&error, connect_us.is_some()))?;
            let status = answer.status();
            if status.is_success() { Ok(beginning(answer).await) } else { Err(WebhookError::Status(status)) }
        };
        tokio::time::timeout(LIMIT, exchange).await.map_err(|_| WebhookError::Timeout)?
    }
}

/// What an answer begins with. A message was taken also when the words about it break off.
async fn beginning(mut answer: reqwest::Response) -> Bytes {
    let mut read = Vec::new();
    while read.len() < ANSWER_BYTES
        && let Ok(Some(piece)) = answer.chunk().await
    {
        read.extend_from_slice(&piece);
    }
    read.truncate(ANSWER_BYTES);
    read.into()
}
