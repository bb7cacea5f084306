//! One connection pool per transport setting, and what is prepared once per provider.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use reqwest::{Client, Proxy, Url, redirect};

use super::connect::MeasureConnect;
use super::error::{SendError, cause_of};
use super::guard::GuardedResolver;
use super::headers::ProviderHeaders;
use crate::domain::{Provider, ProviderId};

/// How connections are kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long an unused connection is kept: less than servers keep theirs (30 s and more), so that few are found closed.
    pub pool_idle: Duration,
    /// Unused connections kept per host.
    pub pool_max_idle_per_host: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { pool_idle: Duration::from_secs(20), pool_max_idle_per_host: 256 }
    }
}

/// Everything that leaves for a provider; built once and shared.
#[derive(Debug)]
pub struct Outbound {
    options: Options,
    prepared: ArcSwap<HashMap<ProviderId, Arc<Prepared>>>,
    preparing: Mutex<()>,
    for_webhooks: Mutex<Vec<Arc<Pool>>>,
}

/// What decides how a connection is made. Providers that agree in it share a pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Transport {
    proxy: Option<String>,
    connect_ms: u64,
    allow_private: bool,
}

impl Transport {
    fn of(provider: &Provider) -> Self {
        Transport {
            proxy: provider.proxy.clone(),
            connect_ms: provider.timeouts.connect_ms,
            allow_private: provider.allow_private,
        }
    }

    fn fits(&self, provider: &Provider) -> bool {
        self.connect_ms == provider.timeouts.connect_ms
            && self.allow_private == provider.allow_private
            && self.proxy == provider.proxy
    }
}

/// A provider's settings, made ready for sending.
#[derive(Debug)]
pub(super) struct Prepared {
    transport: Transport,
    headers_given: Vec<(String, String)>,
    pass_given: Vec<String>,
    pub(super) client: Client,
    pub(super) headers: ProviderHeaders,
}

impl Prepared {
    fn fits(&self, provider: &Provider) -> bool {
        self.transport.fits(provider) && self.headers_given == provider.headers && self.pass_given == provider.pass_headers
    }
}

impl Outbound {
    /// Installs the TLS implementation for the process, when none is yet, and opens nothing.
    pub fn new(options: Options) -> Self {
        // An error says that one is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Outbound { options, prepared: ArcSwap::default(), preparing: Mutex::new(()), for_webhooks: Mutex::default() }
    }

    /// Forgets providers that `keep` does not name; their unused connections close.
    pub fn retain(&self, keep: impl Fn(ProviderId) -> bool) {
        let _preparing = self.preparing.lock();
        let mut all = HashMap::clone(&self.prepared.load());
        all.retain(|id, _| keep(*id));
        self.prepared.store(Arc::new(all));
    }

    /// What is prepared for a provider; made anew when its settings changed.
    pub(super) fn prepared(&self, provider: &Provider) -> Result<Arc<Prepared>, SendError> {
        if let Some(prepared) = self.prepared.load().get(&provider.id).filter(|prepared| prepared.fits(provider)) {
            return Ok(prepared.clone());
        }
        let _preparing = self.preparing.lock();
        let all = self.prepared.load_full();
        if let Some(prepared) = all.get(&provider.id).filter(|prepared| prepared.fits(provider)) {
            return Ok(prepared.clone());
        }
        let transport = Transport::of(provider);
        let client = match all.values().find(|other| other.transport == transport) {
            Some(other) => other.client.clone(),
            None => build_client(&self.options, &transport)?,
        };
        let prepared = Arc::new(Prepared {
            transport,
            headers_given: provider.headers.clone(),
            pass_given: provider.pass_headers.clone(),
            client,
            headers: ProviderHeaders::new(provider).map_err(SendError::unsendable)?,
        });
        let mut all = HashMap::clone(&all);
        all.insert(provider.id, prepared.clone());
        self.prepared.store(Arc::new(all));
        Ok(prepared)
    }

    /// The pool for webhooks of one kind; there are two kinds at most.
    pub(super) fn webhook_pool(&self, transport: Transport) -> Result<Arc<Pool>, SendError> {
        let mut pools = self.for_webhooks.lock();
        if let Some(pool) = pools.iter().find(|pool| pool.transport == transport) {
            return Ok(pool.clone());
        }
        let pool = Arc::new(Pool::new(self.options.clone(), transport)?);
        pools.push(pool.clone());
        Ok(pool)
    }
}

/// HTTP/2 windows: a stream that nobody reads holds one window at most, and never starves its neighbours, because the
/// connection's window is far larger than all of them together.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 30;

fn build_client(options: &Options, transport: &Transport) -> Result<Client, SendError> {
    let mut resolver = GuardedResolver { allow_private: transport.allow_private, proxy_host: None };
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
