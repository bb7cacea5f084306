//! Sockets that wait for connections.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use poem::Addr;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::either::Either;

use super::ServerError;
use super::tls::Certificate;
use crate::config::{ListenAddress, Tls};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;

/// Bound sockets, ready to accept.
pub struct Listeners {
    pub(super) sockets: Vec<Listener>,
    pub(super) certificate: Option<Arc<Certificate>>,
    pub(super) tls: Option<TlsAcceptor>,
}

/// One bound socket.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, UnixPath),
}

/// An accepted socket without encryption.
pub(super) type Plain = Either<TcpStream, UnixStream>;

/// The file of a Unix socket, removed when the listener ends.
pub(super) struct UnixPath(PathBuf);

impl Drop for UnixPath {
    fn drop(&mut self) {
        // Another process may have replaced it meanwhile; either way nothing more can be done here.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listeners {
    /// Binds every address and reads the certificate, if one is configured. TCP sockets use it, Unix sockets do not.
    pub async fn bind(addresses: &[ListenAddress], tls: Option<&Tls>) -> Result<Self, ServerError> {
        let certificate = tls.map(Certificate::open).transpose()?;
        let tls = certificate.as_ref().map(Certificate::acceptor).transpose()?;
        let mut sockets = Vec::with_capacity(addresses.len());
        for address in addresses {
            let bound = match address {
                ListenAddress::Tcp(address) => bind_tcp(address).await.map(Listener::Tcp),
                ListenAddress::Unix(path) => bind_unix(path).map(|listener| Listener::Unix(listener, UnixPath(path.clone()))),
            };
            sockets.push(bound.map_err(|source| ServerError::Bind { address: address.to_string(), source })?);
        }
        Ok(Listeners { sockets, certificate, tls })
    }

    /// The addresses in use as URLs, such as `http://127.0.0.1:40123` or `unix:/run/keywheel.sock`.
    pub fn urls(&self) -> Vec<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let url = |socket: &Listener| match socket {
            Listener::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| scheme.to_owned(), |ip| format!("{scheme}://{ip}"))
            }
            Listener::Unix(_, path) => format!("unix:{}", path.0.display()),
        };
        self.sockets.iter().map(url).collect()
    }

    /// The TCP addresses in use.
    pub fn tcp_addresses(&self) -> Vec<SocketAddr> {
        let address = |socket: &Listener| match socket {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(..) => None,
        };
        self.sockets.iter().filter_map(address).collect()
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.urls()).finish()
    }
}

impl Listener {
    /// The next connection, with its own address and the client's.
    pub(super) async fn accept(&self) -> io::Result<(Plain, Addr, Addr)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, remote) = listener.accept().await?;
                // Small pieces of a stream must not wait for an acknowledgement.
                stream.set_nodelay(true)?;
                let local = stream.local_addr()?;
                Ok((Either::Left(stream), local.into(), remote.into()))
            }
            Listener::Unix(listener, path) => {
                let (stream, remote) = listener.accept().await?;
                let local = Addr::custom("unix", path.0.display().to_string());
                Ok((Either::Right(stream), local, remote.into()))
            }
        }
    }
}

async fn bind_tcp(address: &str) -> io::Result<TcpListener> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in tokio::net::lookup_host(address).await? {
        match bind_socket(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_socket(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { tokio::net::TcpSocket::new_v4()? } else { tokio::net::TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit this: a client whose machine vanished is noticed within three minutes.
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(30));
    SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Binds a socket file that its owner and group may use. A file left behind by a process that is gone is replaced; a
/// socket that somebody listens on, or a file of another kind, is not touched.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    if let Ok(metadata) = std::fs::symlink_metadata(path) {
        if !metadata.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket is in its place"));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens on it"));
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Encrypts an accepted socket where a certificate is configured and the socket is a TCP one.
pub(super) type Stream = Either<Plain, Box<tokio_rustls::server::TlsStream<Plain>>>;

pub(super) async fn encrypt(plain: Plain, tls: Option<&Arc<TlsAcceptor>>) -> io::Result<(Stream, bool)> {
    match (&plain, tls) {
        (Either::Left(_), Some(tls)) => Ok((Either::Right(Box::new(tls.accept(plain).await?)), true)),
        _ => Ok((Either::Left(plain), false)),
    }
}
