//! Requests to a server on this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::config::{ListenAddress, Tls};
use crate::server::connect_pinned;

/// Longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 20;

/// Where a server listens, from the URL that it prints: `http://127.0.0.1:8484`, `https://[::1]:443` or `unix:/path`.
pub(super) fn address_of(url: &str) -> Option<ListenAddress> {
    ListenAddress::parse(url.split_once("://").map_or(url, |(_, address)| address))
}

/// A connection of any kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Connects to where a server listens; an address that means every address is reached by the loopback one.
pub(super) async fn dial(address: &ListenAddress, tls: Option<&Tls>) -> anyhow::Result<Box<dyn Stream>> {
    let failed = || format!("cannot connect to {address}");
    match (address, tls) {
        (ListenAddress::Unix(file), _) => Ok(Box::new(UnixStream::connect(file).await.with_context(failed)?)),
        (ListenAddress::Tcp(text), None) => Ok(Box::new(dial_tcp(text).await.with_context(failed)?)),
        (ListenAddress::Tcp(text), Some(tls)) => {
            let stream = dial_tcp(text).await.with_context(failed)?;
            Ok(Box::new(connect_pinned(tls, stream).await?))
        }
    }
}

async fn dial_tcp(address: &str) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    for address in tokio::net::lookup_host(address).await? {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        match TcpStream::connect(SocketAddr::new(ip, address.port())).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Sends one request on a connection of its own and reads the whole answer.
pub(super) async fn exchange(stream: Box<dyn Stream>, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Bytes>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.context("cannot speak HTTP")?;
    let asking = async {
        let answer = sender.send_request(request).await.context("no answer")?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        Ok(Response::from_parts(head, body.map_err(anyhow::Error::from_boxed).context("the answer broke off")?.to_bytes()))
    };
    tokio::select! {
        answered = asking => answered,
        Err(error) = connection => Err(error).context("the connection broke off"),
    }
}
