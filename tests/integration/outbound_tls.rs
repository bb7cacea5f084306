//! TLS and HTTP/2 to a provider with a certificate of its own.
//!
//! The certificate is trusted through `SSL_CERT_FILE`, which a test cannot set for itself without disturbing others: each
//! test runs again in a process of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keywheel::outbound::{Options, Outbound, RequestBody, SendError, SendErrorKind, SendRequest, Upstream};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;

use super::outbound::{LIMIT, key, provider};

const CERTIFICATE: &str = "OUTBOUND_TLS_TEST_CERTIFICATE";
const SECRET_KEY: &str = "OUTBOUND_TLS_TEST_KEY";

/// Runs `test` in another process that trusts a new certificate. There it returns true, and the test goes on.
async fn in_a_process_that_trusts(test: &str) -> bool {
    if std::env::var_os(CERTIFICATE).is_some() {
        return true;
    }
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let encode = |der: &[u8]| base64::engine::general_purpose::STANDARD.encode(der);
    let certificate = encode(pair.cert.der());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roots.pem");
    let lines: Vec<&str> = certificate.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    std::fs::write(&file, format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))).unwrap();
    let mut inner = std::process::Command::new(std::env::current_exe().unwrap());
    inner.args(["--exact", &format!("outbound_tls::{test}"), "--nocapture"]);
    inner.env(CERTIFICATE, certificate).env(SECRET_KEY, encode(&pair.signing_key.serialize_der())).env("SSL_CERT_FILE", file);
    let output = tokio::task::spawn_blocking(move || inner.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    false
}

fn variable(name: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(std::env::var(name).unwrap()).unwrap()
}

/// Answers every request with one event and then silence.
async fn endless(
    _: Request<Incoming>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let first = futures_util::stream::once(async { Ok(Frame::data(Bytes::from_static(b"data: 1\n\n"))) });
    Ok(Response::new(StreamBody::new(first.chain(futures_util::stream::pending()))))
}

/// A server that takes `streams` requests at once on one HTTP/2 connection.
async fn server(protocols: &[&str], streams: u32) -> SocketAddr {
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(variable(SECRET_KEY)));
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![variable(CERTIFICATE).into()], secret)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let mut builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                builder.http2().max_concurrent_streams(streams);
                let _ = builder.serve_connection(TokioIo::new(stream), hyper::service::service_fn(endless)).await;
            });
        }
    });
    address
}

async fn get(outbound: &Outbound, base_url: &str) -> Result<Upstream, SendError> {
    let (provider, key, client) = (provider(base_url), key("s"), HeaderMap::new());
    let request = SendRequest {
        provider: &provider,
        key: &key,
        method: Method::GET,
        path: "/x",
        query: None,
        client_headers: &client,
        extra_headers: &[],
        body: RequestBody::Empty,
    };
    tokio::time::timeout(LIMIT, outbound.send(request)).await.expect("a head in time")
}

#[tokio::test]
async fn no_request_waits_behind_a_full_connection() {
    if !in_a_process_that_trusts("no_request_waits_behind_a_full_connection").await {
        return;
    }
    let address = server(&["h2", "http/1.1"], 4).await;
    let outbound = Outbound::new(Options { http2_streams_per_connection: 4, ..Options::default() });
    let base = format!("https://localhost:{}", address.port());
    let mut open = Vec::new();
    for number in 0..14 {
        let mut upstream = get(&outbound, &base).await.unwrap();
        assert_eq!(upstream.version, Version::HTTP_2);
        assert_eq!(upstream.connect_us.is_some(), number % 4 == 0, "a connection for each four streams: {number}");
        assert_eq!(upstream.body.chunk().await.unwrap().unwrap(), "data: 1\n\n");
        open.push(upstream);
    }
    drop(open);
    assert_eq!(get(&outbound, &base).await.unwrap().connect_us, None);
}

#[tokio::test]
async fn the_peer_chooses_the_protocol() {
    if !in_a_process_that_trusts("the_peer_chooses_the_protocol").await {
        return;
    }
    let address = server(&["http/1.1"], 4).await;
    let outbound = Outbound::new(Options { pool_idle: Duration::from_secs(5), ..Options::default() });
    let upstream = get(&outbound, &format!("https://localhost:{}", address.port())).await.unwrap();
    assert_eq!(upstream.version, Version::HTTP_11);
    let error = get(&outbound, &format!("https://127.0.0.1:{}", address.port())).await.unwrap_err();
    assert_eq!((error.kind, error.may_have_been_sent), (SendErrorKind::Tls, false), "a certificate for another name: {error}");
}
