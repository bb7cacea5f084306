//! `keywheel healthcheck`: whether a running server answers, for containers without curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::{CliError, configure, machine};
use crate::config::{Environment, Flags, ListenAddress, ServerConfig};
use crate::server::connect_pinned;

/// Ask a running server on this machine whether it is ready; the exit code tells
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel healthcheck --listen 127.0.0.1:8484
  docker run --health-cmd 'keywheel healthcheck' …

The address comes from --listen, KEYWHEEL_LISTEN or keywheel.toml, as for `keywheel serve`; the first one is asked.")]
pub(super) struct Arguments {
    /// Ask /healthz (the process lives) instead of /readyz (it takes calls)
    #[arg(long)]
    live: bool,
    /// Longest wait for the answer
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    timeout: u64,
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<(), CliError> {
    let config = configure(arguments.flags, environment)?.server;
    let path = if arguments.live { "/healthz" } else { "/readyz" };
    let wait = Duration::from_secs(arguments.timeout);
    machine::runtime(std::num::NonZeroUsize::new(1))?.block_on(async {
        let asking = tokio::time::timeout(wait, ask(&config, path)).await;
        Ok(asking.with_context(|| format!("no answer within {} s", wait.as_secs()))??)
    })
}

async fn ask(config: &ServerConfig, path: &str) -> anyhow::Result<()> {
    let address = config.listen.first().context("no address to ask")?;
    let status = match address {
        ListenAddress::Unix(file) => {
            let stream = UnixStream::connect(file).await.with_context(|| format!("cannot connect to {address}"))?;
            status_of(stream, path).await
        }
        ListenAddress::Tcp(text) => {
            let stream = connect(text).await.with_context(|| format!("cannot connect to {address}"))?;
            match &config.tls {
                Some(tls) => status_of(connect_pinned(tls, stream).await?, path).await,
                None => status_of(stream, path).await,
            }
        }
    }?;
    if status != 200 {
        bail!("{address} answered {path} with {status}");
    }
    Ok(())
}

/// Connects to an address that a server listens on; one that means every address is asked on the loopback one.
async fn connect(address: &str) -> std::io::Result<TcpStream> {
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

async fn status_of(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> anyhow::Result<u16> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.context("cannot ask")?;
    let mut answer = Vec::new();
    // The head is enough; a server that says more than this is none of ours.
    stream.take(16 * 1024).read_to_end(&mut answer).await.context("cannot read the answer")?;
    let line = answer.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).context("the answer is not HTTP")?;
    std::str::from_utf8(line).ok().and_then(|status| status.parse().ok()).context("the answer has no status")
}
