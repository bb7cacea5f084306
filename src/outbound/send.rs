//! One request to a provider, up to its head.

use std::io;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Version};
use reqwest::Url;
use secrecy::ExposeSecret;

use super::body::UpstreamBody;
use super::clients::{Outbound, Prepared};
use super::connect;
use super::error::SendError;
use super::gunzip::Gunzip;
use super::headers::auth_header;
use crate::domain::{AuthScheme, Key, Provider};

/// A request's body.
pub enum RequestBody {
    /// No body at all.
    Empty,
    /// The whole body.
    Whole(Bytes),
    /// A body that is still arriving.
    Stream {
        /// Its pieces.
        pieces: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
        /// Its length in bytes, when the client announced one; chunked otherwise.
        length: Option<u64>,
    },
}

/// One request for a provider.
pub struct SendRequest<'a> {
    /// Where it goes.
    pub provider: &'a Provider,
    /// Whose secret it carries.
    pub key: &'a Key,
    /// The method.
    pub method: Method,
    /// The API path without version, beginning with `/`, such as `/chat/completions`.
    pub path: &'a str,
    /// The client's query without `?`.
    pub query: Option<&'a str>,
    /// The client's headers, as they came; the allow-list decides what passes.
    pub client_headers: &'a HeaderMap,
    /// Headers set by Keywheel itself; they replace those of the client and of the provider's settings.
    pub extra_headers: &'a [(HeaderName, HeaderValue)],
    /// The body.
    pub body: RequestBody,
}

/// A provider's answer: its head, and a body to read.
#[derive(Debug)]
pub struct Upstream {
    /// The status.
    pub status: StatusCode,
    /// HTTP/1.1 or HTTP/2.
    pub version: Version,
    /// The head's headers as the provider sent them, but for a packing that [`Self::body`] undoes; [`super::client_headers`] says
    /// which may go on.
    pub headers: HeaderMap,
    /// The body; dropping it cancels the request.
    pub body: UpstreamBody,
    /// Microseconds that a new connection took, TLS included; `None`: one was reused.
    pub connect_us: Option<u64>,
    /// Names of the client's headers that were left out and are worth mentioning.
    pub dropped_headers: Vec<HeaderName>,
}

impl Outbound {
    /// Sends one request with a key's secret and waits for the head.
    ///
    /// There is no time limit but the provider's for connecting: drop the future to give up, which cancels the request.
    /// A kept connection that turned out closed before anything was written is replaced unseen, and so is an HTTP/2 one
    /// whose peer says that it took no notice of the request; nothing else is retried.
    pub async fn send(&self, request: SendRequest<'_>) -> Result<Upstream, SendError> {
        let prepared = self.prepared(request.provider)?;
        let secret = request.key.secret.expose_secret();
        let url = url_of(&prepared, request.provider, request.path, request.query, secret)?;
        let (mut headers, dropped_headers) = prepared.headers.for_request(request.client_headers, request.extra_headers);
        if let Some((name, value)) = auth_header(&request.provider.auth, secret).map_err(SendError::unsendable)? {
            headers.insert(name, value);
        }
        let mut outgoing = reqwest::Request::new(request.method, url);
        match request.body {
            RequestBody::Empty => {}
            RequestBody::Whole(body) => *outgoing.body_mut() = Some(body.into()),
            RequestBody::Stream { pieces, length } => {
                if let Some(length) = length {
                    headers.insert(CONTENT_LENGTH, length.into());
                }
                *outgoing.body_mut() = Some(reqwest::Body::wrap_stream(pieces));
            }
        }
        *outgoing.headers_mut() = headers;
        let (client, permit) = prepared.pool.enter();
        let (answer, connect_us) = connect::measured(client.execute(outgoing)).await;
        let answer = answer.map_err(|error| SendError::from_reqwest(&error, connect_us.is_some()))?;
        prepared.pool.answered_in(answer.version());
        let (mut head, body) = http::Response::from(answer).into_parts();
        let gunzip = Gunzip::for_head(&mut head.headers);
        Ok(Upstream {
            status: head.status,
            version: head.version,
            headers: head.headers,
            body: UpstreamBody::new(body, gunzip, permit),
            connect_us,
            dropped_headers,
        })
    }
}

/// The URL of a request, with the secret where the scheme wants it there.
fn url_of(prepared: &Prepared, provider: &Provider, path: &str, query: Option<&str>, secret: &str) -> Result<Url, SendError> {
    if climbs(path) {
        return Err(SendError::unsendable("the path has a `.` or `..` segment"));
    }
    let mut url = prepared.url(provider.base_url.join(path, query))?;
    if let AuthScheme::Query(name) = &provider.auth {
        let others = without_pairs_named(&url, name);
        url.set_query(Some(others.as_str()).filter(|others| !others.is_empty()));
        url.query_pairs_mut().append_pair(name, secret);
    }
    Ok(url)
}

/// The query without what a client gave under this name, however it spelt it; the rest as it was.
fn without_pairs_named(url: &Url, name: &str) -> String {
    let given = url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let others = given.zip(url.query_pairs()).filter(|(_, (given, _))| given != name).map(|(pair, _)| pair);
    others.collect::<Vec<_>>().join("&")
}

/// Whether a path has a segment that a URL parser would resolve, and so leave the provider's base path.
fn climbs(path: &str) -> bool {
    let is_dots = |segment: &str| {
        let mut rest = segment;
        let mut dots = 0;
        while !rest.is_empty() {
            let dot = rest.strip_prefix('.').or_else(|| rest.strip_prefix("%2e")).or_else(|| rest.strip_prefix("%2E"));
            match dot {
                Some(after) => rest = after,
                None => return false,
            }
            dots += 1;
        }
        dots == 1 || dots == 2
    };
    path.split(['/', '\\']).any(is_dots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_climb() {
        for path in ["/../admin", "/a/./b", "/a/%2e%2E/b", "/a/..", "/..\\b", "/.%2e"] {
            assert!(climbs(path), "{path}");
        }
        for path in ["/chat/completions", "/models/a..b", "/models/...", "/files/%2f", "/models/gpt-4.1", "/"] {
            assert!(!climbs(path), "{path}");
        }
    }
}
