//! One connection: its protocol, its requests, its end.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use poem::endpoint::BoxEndpoint;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Body, Endpoint, Request, RequestParts, Response};
use tokio_rustls::TlsAcceptor;

use super::body::PacedBody;
use super::gate::{Gate, Gated};
use super::guard::{Guard, Protocol, REFUSED_METHOD};
use super::head::{MAX_HEADER_BYTES, MAX_HEADERS, MAX_TARGET};
use super::listen::{Plain, encrypt};
use super::refusal::Refusal;
use super::shutdown::Shutdown;
use crate::client_address::{client_address, client_is_secure, forwarded_host};
use crate::config::ServerConfig;
use crate::request_path::{canonical_path, strip_base_path};

/// Time that a connection made just before the drain has to say what it was made for.
const FIRST_WORDS: Duration = Duration::from_secs(1);
/// Time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Largest buffer for one connection's incoming bytes: a largest head fits.
const MAX_BUFFER: usize = MAX_TARGET + MAX_HEADER_BYTES + 16 * 1024;
/// How often a silent HTTP/2 client is asked whether it is there, and how long it may take to say so.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Calls at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 250;

/// What every connection of a server shares.
pub(super) struct Shared {
    pub(super) config: ServerConfig,
    pub(super) endpoint: BoxEndpoint<'static, Response>,
    pub(super) shutdown: Shutdown,
    pub(super) tls: Option<Arc<TlsAcceptor>>,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl Shared {
    pub(super) fn new(
        config: ServerConfig,
        endpoint: BoxEndpoint<'static, Response>,
        shutdown: Shutdown,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let mut http1 = http1::Builder::new();
        // The guard limits the time of a head, and notices that a client leaves; here the same clock limits an idle connection.
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(config.keep_alive)
            .half_close(true)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_BUFFER);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(MAX_HEADER_BYTES as u32)
            .max_concurrent_streams(MAX_STREAMS)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        Shared { config, endpoint, shutdown, tls: tls.map(Arc::new), http1, http2 }
    }
}

/// Who is connected to whom.
struct Ends {
    local: Addr,
    remote: Addr,
    /// The peer's address; `None` on a Unix socket.
    peer: Option<IpAddr>,
    tls: bool,
    refusal: Arc<OnceLock<Refusal>>,
    /// Holds answers back while the socket is full; `None`: HTTP/2 does that itself.
    gate: Option<Arc<Gate>>,
}

/// Serves a connection until either side ends it.
pub(super) async fn serve(shared: Arc<Shared>, plain: Plain, local: Addr, remote: Addr) {
    let Ok(Ok((stream, tls))) = tokio::time::timeout(HANDSHAKE, Box::pin(encrypt(plain, shared.tls.as_ref()))).await else {
        return;
    };
    let draining = shared.shutdown.draining.clone();
    // What connects during the drain is a health check, or is told to go elsewhere: it is served like any other.
    let came_before_drain = !draining.is_cancelled();
    let mut guard = Guard::new(stream, shared.config.header_timeout, shared.config.write_timeout);
    let protocol = tokio::select! {
        protocol = guard.protocol() => protocol,
        () = async { draining.cancelled().await; tokio::time::sleep(FIRST_WORDS).await }, if came_before_drain => return,
    };
    let Ok(Some(protocol)) = protocol else { return };
    let peer = remote.as_socket_addr().map(SocketAddr::ip);
    let gate = (protocol == Protocol::Http1).then(|| guard.gate());
    let ends = Arc::new(Ends { local, remote, peer, tls, refusal: guard.refusal(), gate });
    let service = service_fn({
        let shared = shared.clone();
        move |request| answer(shared.clone(), ends.clone(), request)
    });
    // A connection that ends in an error ends: its client left or broke the protocol, and was told where it could be.
    macro_rules! run {
        ($builder:expr) => {{
            let mut connection = std::pin::pin!($builder.serve_connection(TokioIo::new(guard), service));
            // First what has been sent is read: a request that is there is answered, not cut.
            tokio::select! {
                biased;
                _ = connection.as_mut() => return,
                () = draining.cancelled(), if came_before_drain => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        }};
    }
    match protocol {
        Protocol::Http1 => run!(shared.http1),
        Protocol::Http2 => run!(shared.http2),
    }
}

type Answer = Gated<http_body_util::combinators::BoxBody<bytes::Bytes, std::io::Error>>;

async fn answer(
    shared: Arc<Shared>,
    ends: Arc<Ends>,
    request: http::Request<Incoming>,
) -> Result<http::Response<Answer>, Infallible> {
    let gate = ends.gate.clone();
    let response: http::Response<_> = respond(&shared, &ends, request).await.into();
    Ok(response.map(|body| Gated::new(body, gate)))
}

async fn respond(shared: &Shared, ends: &Ends, request: http::Request<Incoming>) -> Response {
    if let Some(location) = page_behind(request.uri().path(), &shared.config.base_path) {
        return redirect(&location);
    }
    match admit(shared, ends, request) {
        Ok(request) => {
            let response = AssertUnwindSafe(shared.endpoint.get_response(request)).catch_unwind().await;
            response.unwrap_or_else(|_| Refusal::Panicked.response())
        }
        Err(refusal) => refusal.response(),
    }
}

/// Where the page lies for whoever asks for the base path without its slash: everything on it is named relative to it, and
/// so is this answer, which a reverse proxy may give under another path.
fn page_behind(path: &str, base_path: &str) -> Option<String> {
    let is_bare = !base_path.is_empty() && path == base_path;
    is_bare.then(|| format!("{}/", base_path.rsplit('/').next().unwrap_or_default()))
}

fn redirect(location: &str) -> Response {
    Response::builder().status(StatusCode::PERMANENT_REDIRECT).header(header::LOCATION, location).finish()
}

/// Gives a request its canonical path, its client's address, the host that the client asked for and a body that keeps coming, or refuses it.
fn admit(shared: &Shared, ends: &Ends, request: http::Request<Incoming>) -> Result<Request, Refusal> {
    let (mut parts, body) = request.into_parts();
    if let Some(refusal) = ends.refusal.get()
        && parts.method == REFUSED_METHOD
    {
        return Err(*refusal);
    }
    if parts.headers.len() > MAX_HEADERS {
        return Err(Refusal::HeadTooLarge);
    }
    parts.uri = canonical_uri(parts.uri, &shared.config.base_path)?;
    if shared.shutdown.draining.is_cancelled() && !matches!(parts.uri.path(), "/healthz" | "/readyz" | "/metrics") {
        return Err(Refusal::ShuttingDown);
    }
    let trusted = &shared.config.trusted_proxies;
    let secure = client_is_secure(ends.tls, ends.peer, &parts.headers, trusted);
    let remote = match client_address(ends.peer, &parts.headers, trusted) {
        client if client == ends.peer => ends.remote.clone(),
        Some(client) => SocketAddr::new(client, 0).into(),
        None => ends.remote.clone(),
    };
    let host = forwarded_host(ends.peer, &parts.headers, trusted).and_then(|host| HeaderValue::from_str(host).ok());
    if let Some(host) = host {
        parts.headers.insert(header::HOST, host);
    }
    let body =
        if body.is_end_stream() { Body::empty() } else { Body::from(PacedBody::new(body, shared.config.body_timeout).boxed()) };
    let scheme = if secure { Scheme::HTTPS } else { Scheme::HTTP };
    let parts = RequestParts::from((parts, LocalAddr(ends.local.clone()), RemoteAddr(remote), scheme));
    Ok(Request::from_parts(parts, body))
}

/// The path by its one canonical spelling, behind the base path.
fn canonical_uri(uri: http::Uri, base_path: &str) -> Result<http::Uri, Refusal> {
    if uri.path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET) {
        return Err(Refusal::TargetTooLong);
    }
    let canonical = canonical_path(uri.path()).map_err(|_| Refusal::Path)?;
    let path = strip_base_path(&canonical, base_path);
    if path == uri.path() {
        return Ok(uri);
    }
    let target = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let target = PathAndQuery::try_from(target).map_err(|_| Refusal::Path)?;
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(target);
    http::Uri::from_parts(parts).map_err(|_| Refusal::Path)
}
