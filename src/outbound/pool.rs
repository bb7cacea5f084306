//! Connections of one transport setting, spread so that no request waits unseen.
//!
//! An HTTP/2 peer takes only so many streams on one connection (100 is common). The client library opens one connection
//! for each host and queues what is beyond, where no time limit tells it from a slow provider. A pool therefore has
//! lanes, each with connections of its own, and opens another lane before a lane is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::Version;
use parking_lot::Mutex;
use reqwest::{Client, Proxy, Url, redirect};

use super::clients::Options;
use super::connect::MeasureConnect;
use super::error::{SendError, cause_of};
use super::guard::{GuardedResolver, Lookup, system_lookup};
use crate::domain::Provider;

/// What decides how a connection is made. Providers that agree in it share a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transport {
    pub(super) proxy: Option<String>,
    pub(super) connect_ms: u64,
    pub(super) allow_private: bool,
}

impl Transport {
    pub(super) fn of(provider: &Provider) -> Self {
        Transport {
            proxy: provider.proxy.clone(),
            connect_ms: provider.timeouts.connect_ms,
            allow_private: provider.allow_private,
        }
    }

    pub(super) fn fits(&self, provider: &Provider) -> bool {
        self.connect_ms == provider.timeouts.connect_ms
            && self.allow_private == provider.allow_private
            && self.proxy == provider.proxy
    }
}

/// The connections of one transport setting.
#[derive(Debug)]
pub(super) struct Pool {
    options: Options,
    pub(super) transport: Transport,
    lanes: ArcSwap<Vec<Lane>>,
    growing: Mutex<()>,
    speaks_http2: AtomicBool,
}

#[derive(Clone, Debug)]
struct Lane {
    client: Client,
    streams: Arc<AtomicUsize>,
}

/// A place in a lane, held from the request to the end of its answer.
#[derive(Debug)]
pub(super) struct Permit {
    streams: Arc<AtomicUsize>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lane {
    fn new(client: Client) -> Self {
        Lane { client, streams: Arc::default() }
    }

    fn enter(&self) -> (Client, Permit) {
        self.streams.fetch_add(1, Ordering::Relaxed);
        (self.client.clone(), Permit { streams: self.streams.clone() })
    }
}

/// Lanes of a pool at most; beyond, the emptiest is used.
const MAX_LANES: usize = 64;

impl Pool {
    pub(super) fn new(options: Options, transport: Transport) -> Result<Self, SendError> {
        let first = Lane::new(build_client(&options, &transport, system_lookup)?);
        Ok(Pool {
            options,
            transport,
            lanes: ArcSwap::from_pointee(vec![first]),
            growing: Mutex::new(()),
            speaks_http2: AtomicBool::new(false),
        })
    }

    /// A client with room for one more request.
    pub(super) fn enter(&self) -> (Client, Permit) {
        let lanes = self.lanes.load();
        if !self.speaks_http2.load(Ordering::Relaxed) {
            return lanes[0].enter();
        }
        if let Some(lane) = lanes.iter().find(|lane| self.has_room(lane)) {
            return lane.enter();
        }
        self.grow()
    }

    /// Remembers which protocol answered: with HTTP/1.1 every request has a connection of its own anyhow.
    pub(super) fn answered_in(&self, version: Version) {
        if version == Version::HTTP_2 && !self.speaks_http2.load(Ordering::Relaxed) {
            self.speaks_http2.store(true, Ordering::Relaxed);
        }
    }

    fn has_room(&self, lane: &Lane) -> bool {
        lane.streams.load(Ordering::Relaxed) < self.options.http2_streams_per_connection
    }

    #[cold]
    fn grow(&self) -> (Client, Permit) {
        let _growing = self.growing.lock();
        let lanes = self.lanes.load_full();
        if let Some(lane) = lanes.iter().find(|lane| self.has_room(lane)) {
            return lane.enter();
        }
        let emptiest = lanes.iter().min_by_key(|lane| lane.streams.load(Ordering::Relaxed)).unwrap_or(&lanes[0]);
        if lanes.len() >= MAX_LANES {
            return emptiest.enter();
        }
        // The same settings built the first lane, so this one cannot fail; if it does, a full lane still works.
        let Ok(client) = build_client(&self.options, &self.transport, system_lookup) else { return emptiest.enter() };
        let lane = Lane::new(client);
        let entered = lane.enter();
        self.lanes.store(Arc::new([lanes.as_slice(), &[lane]].concat()));
        entered
    }
}

/// HTTP/2 windows: a stream that nobody reads holds one window at most, and never starves its neighbours, because the
/// connection's window is far larger than all of them together.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 30;

fn build_client(options: &Options, transport: &Transport, lookup: Lookup) -> Result<Client, SendError> {
    let mut resolver = GuardedResolver { lookup, allow_private: transport.allow_private, proxy_host: None };
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .connect_timeout(Duration::from_millis(transport.connect_ms))
        .pool_idle_timeout(options.pool_idle)
        .pool_max_idle_per_host(options.pool_max_idle_per_host)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(30))
        .http1_max_headers(256)
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_header_list_size(128 * 1024)
        .connector_layer(MeasureConnect);
    if let Some(proxy) = &transport.proxy {
        let unusable = || SendError::unsendable("the provider's proxy is not a URL such as socks5://host:1080");
        let url: Url = proxy.parse().map_err(|_| unusable())?;
        resolver.proxy_host = url.host_str().map(str::to_owned);
        builder = builder.proxy(Proxy::all(url).map_err(|_| unusable())?);
    }
    builder.dns_resolver(resolver).build().map_err(|error| SendError::unsendable(cause_of(&error)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};

    use super::*;
    use crate::outbound::AddressClass;

    /// A name whose answer changes: this machine, which is allowed here, then a metadata service.
    fn changing(name: String) -> std::pin::Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>> {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let first = ASKED.fetch_add(1, Ordering::Relaxed) == 0;
        let answer = if first { "127.0.0.1:0" } else { "169.254.169.254:0" };
        assert_eq!(name, "rebinding.example");
        Box::pin(async move { Ok(vec![answer.parse().expect("an address")]) })
    }

    #[tokio::test]
    async fn a_name_that_changes_its_answer_gains_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
                stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
            }
        });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let transport = Transport { proxy: None, connect_ms: 5_000, allow_private: true };
        let client = build_client(&Options::default(), &transport, changing).unwrap();
        let ask = async || client.get(format!("http://rebinding.example:{port}/")).send().await;
        assert_eq!(ask().await.unwrap().status(), 204);
        for _ in 0..2 {
            let error = SendError::from_reqwest(&ask().await.unwrap_err(), false);
            assert_eq!(error.refused.map(|refused| refused.class), Some(AddressClass::LinkLocalOrMetadata), "{error}");
            assert!(!error.may_have_been_sent);
        }
    }
}
