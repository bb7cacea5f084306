//! One request to a provider, up to its head.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Version};
use reqwest::Url;
use secrecy::ExposeSecret;

use super::body::{LibraryBody, Source, UpstreamBody};
use super::clients::{Outbound, Prepared};
use super::connect;
use super::error::SendError;
use super::gunzip::Gunzip;
use super::headers::auth_header;
use super::host::Host;
use super::http1::{Head, Receiving, Sending, exchange};
use crate::domain::{AuthScheme, Key, Provider};

/// The pieces of a body that is still arriving.
pub type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A request's body.
pub enum RequestBody {
    /// No body at all.
    Empty,
    /// The whole body.
    Whole(Bytes),
    /// A body that is still arriving.
    Stream {
        /// Its pieces.
        pieces: Pieces,
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
    /// There are two limits in time: the provider's for connecting, and its `first_byte_ms` for a peer that takes nothing more of
    /// the request. Drop the future to give up, which cancels the request.
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
        let patience = Duration::from_millis(request.provider.timeouts.first_byte_ms);
        let outgoing = Outgoing { method: request.method, url, headers, body: request.body, patience };
        let answered = match prepared.direct() {
            Some(host) => outgoing.send_to(host).await,
            // The library's futures are large, and few calls need them.
            None => Box::pin(outgoing.send_by_library(&prepared)).await,
        };
        let Answered { mut head, source, connect_us } = answered?;
        let gunzip = Gunzip::for_head(&mut head.headers);
        Ok(Upstream {
            status: head.status,
            version: head.version,
            headers: head.headers,
            body: UpstreamBody::new(source, gunzip),
            connect_us,
            dropped_headers,
        })
    }
}

/// A request that is ready to go out.
struct Outgoing {
    method: Method,
    url: Arc<Url>,
    headers: HeaderMap,
    body: RequestBody,
    /// How long the provider may take nothing of it.
    patience: Duration,
}

/// What came back.
struct Answered {
    head: Head,
    source: Source,
    connect_us: Option<u64>,
}

impl Outgoing {
    /// Sends it over a connection of its own: a kept one, as long as one is found that is open, else a new one.
    async fn send_to(self, host: &Arc<Host>) -> Result<Answered, SendError> {
        let head = request_head(&self.method, &self.url, &self.headers, &self.body);
        let mut sending = Sending::new(head, self.body, self.patience);
        while let Some(wire) = host.take() {
            match exchange(wire, &mut sending, &self.method).await {
                Ok(answer) => return Ok(Answered::directly(answer, host, None)),
                Err(fault) if sending.has_begun() => return Err(SendError::sent(fault, true)),
                // It was closed meanwhile, and nothing of the request is lost.
                Err(_) => {}
            }
        }
        let (wire, connect_us) = Box::pin(host.dial()).await?;
        match exchange(wire, &mut sending, &self.method).await {
            Ok(answer) => Ok(Answered::directly(answer, host, Some(connect_us))),
            Err(fault) => Err(SendError::sent(fault, false)),
        }
    }

    async fn send_by_library(mut self, prepared: &Prepared) -> Result<Answered, SendError> {
        let mut outgoing = reqwest::Request::new(self.method, Url::clone(&self.url));
        match self.body {
            RequestBody::Empty => {}
            RequestBody::Whole(body) => *outgoing.body_mut() = Some(body.into()),
            RequestBody::Stream { pieces, length } => {
                if let Some(length) = length {
                    self.headers.insert(CONTENT_LENGTH, length.into());
                }
                *outgoing.body_mut() = Some(reqwest::Body::wrap_stream(pieces));
            }
        }
        *outgoing.headers_mut() = self.headers;
        let (client, permit) = prepared.pool.enter();
        let (answer, connect_us) = connect::measured(client.execute(outgoing)).await;
        let answer = answer.map_err(|error| SendError::from_reqwest(&error, connect_us.is_some()))?;
        prepared.answered_in(answer.version());
        let (head, body) = http::Response::from(answer).into_parts();
        let source = Source::Library(Box::new(LibraryBody { body, trailers: None, _permit: permit }));
        Ok(Answered { head: Head { status: head.status, version: head.version, headers: head.headers }, source, connect_us })
    }
}

impl Answered {
    fn directly((head, body): (Head, Receiving), host: &Arc<Host>, connect_us: Option<u64>) -> Self {
        Answered { head, source: Source::Direct(body.returning_to(host.clone())), connect_us }
    }
}

/// A request's head on the wire, its body's framing included.
fn request_head(method: &Method, url: &Url, headers: &HeaderMap, body: &RequestBody) -> Bytes {
    let mut head = Vec::with_capacity(512);
    let host = url.host_str().unwrap_or_default();
    for part in [method.as_str(), " ", url.path()] {
        head.extend_from_slice(part.as_bytes());
    }
    if let Some(query) = url.query() {
        head.push(b'?');
        head.extend_from_slice(query.as_bytes());
    }
    head.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    head.extend_from_slice(host.as_bytes());
    if let Some(port) = url.port() {
        head.extend_from_slice(format!(":{port}").as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    let length = match body {
        RequestBody::Stream { length: None, .. } => {
            head.extend_from_slice(b"transfer-encoding: chunked\r\n");
            None
        }
        RequestBody::Stream { length, .. } => *length,
        RequestBody::Whole(body) => Some(body.len() as u64),
        RequestBody::Empty if matches!(*method, Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS) => None,
        RequestBody::Empty => Some(0),
    };
    if let Some(length) = length {
        head.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head.into()
}

/// The URL of a request, with the secret where the scheme wants it there.
fn url_of(
    prepared: &Prepared,
    provider: &Provider,
    path: &str,
    query: Option<&str>,
    secret: &str,
) -> Result<Arc<Url>, SendError> {
    if climbs(path) {
        return Err(SendError::unsendable("the path has a `.` or `..` segment"));
    }
    let mut url = prepared.url(provider.base_url.join(path, query))?;
    if let AuthScheme::Query(name) = &provider.auth {
        let others = without_pairs_named(&url, name);
        let url = Arc::make_mut(&mut url);
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
