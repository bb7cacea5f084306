//! One connection pool per transport setting, and what is prepared once per provider.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use foldhash::HashMap;
use http::Version;
use parking_lot::{Mutex, RwLock};
use reqwest::Url;

use super::error::SendError;
use super::guard;
use super::headers::ProviderHeaders;
use super::host::Host;
use super::pool::{Pool, Transport};
use crate::domain::{Provider, ProviderId};

/// How connections are kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long an unused connection is kept: less than servers keep theirs (30 s and more), so that few are found closed.
    pub pool_idle: Duration,
    /// Unused connections kept per host.
    pub pool_max_idle_per_host: usize,
    /// HTTP/2 streams at once on one connection; then another is opened. Common servers allow 100.
    pub http2_streams_per_connection: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { pool_idle: Duration::from_secs(20), pool_max_idle_per_host: 256, http2_streams_per_connection: 80 }
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

/// URLs that are kept ready for a provider; paths with ids in them come once, so the rest is forgotten when they are many.
const MOST_URLS: usize = 64;
/// Longest URL that is kept, in bytes.
const LONGEST_URL: usize = 256;

/// A provider's settings, made ready for sending.
#[derive(Debug)]
pub(super) struct Prepared {
    origin: String,
    headers_given: Vec<(String, String)>,
    pass_given: Vec<String>,
    pub(super) pool: Arc<Pool>,
    /// Where its connections of HTTP/1.1 are kept; `None`: a proxy stands between.
    host: Option<Arc<Host>>,
    pub(super) headers: ProviderHeaders,
    urls: RwLock<HashMap<String, Arc<Url>>>,
}

impl Prepared {
    /// The URL of a text without secrets, whose host was checked when it is an address.
    pub(super) fn url(&self, text: String) -> Result<Arc<Url>, SendError> {
        if let Some(url) = self.urls.read().get(&text) {
            return Ok(url.clone());
        }
        let url = Url::parse(&text).map_err(|error| SendError::unsendable(format!("the base URL is unusable: {error}")))?;
        guard::check_literal_host(url.host_str().unwrap_or_default(), self.pool.transport.allow_private)
            .map_err(SendError::refused)?;
        let url = Arc::new(url);
        if text.len() <= LONGEST_URL {
            let mut urls = self.urls.write();
            if urls.len() >= MOST_URLS {
                urls.clear();
            }
            urls.insert(text, url.clone());
        }
        Ok(url)
    }

    /// The host, when calls speak HTTP/1.1 with it over connections of their own.
    pub(super) fn direct(&self) -> Option<&Arc<Host>> {
        self.host.as_ref().filter(|host| host.speaks_http1())
    }

    /// Notes in which protocol the client library was answered.
    pub(super) fn answered_in(&self, version: Version) {
        self.pool.answered_in(version);
        if let Some(host) = &self.host {
            host.answered_in_http1(version != Version::HTTP_2);
        }
    }

    fn fits(&self, provider: &Provider) -> bool {
        self.origin == provider.base_url.origin()
            && self.pool.transport.fits(provider)
            && self.headers_given == provider.headers
            && self.pass_given == provider.pass_headers
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
        let transport_is_direct = transport.proxy.is_none();
        let pool = match all.values().find(|other| other.pool.transport == transport) {
            Some(other) => other.pool.clone(),
            None => Arc::new(Pool::new(self.options.clone(), transport)?),
        };
        let host = match transport_is_direct {
            true => Some(self.host(provider, &pool.transport, &all)?),
            false => None,
        };
        let prepared = Arc::new(Prepared {
            origin: provider.base_url.origin().to_owned(),
            host,
            headers_given: provider.headers.clone(),
            pass_given: provider.pass_headers.clone(),
            pool,
            headers: ProviderHeaders::new(provider).map_err(SendError::unsendable)?,
            urls: RwLock::default(),
        });
        let mut all = HashMap::clone(&all);
        all.insert(provider.id, prepared.clone());
        self.prepared.store(Arc::new(all));
        Ok(prepared)
    }

    /// The host of a provider, shared with others that reach it in the same way.
    fn host(
        &self,
        provider: &Provider,
        transport: &Transport,
        all: &HashMap<ProviderId, Arc<Prepared>>,
    ) -> Result<Arc<Host>, SendError> {
        let is_same = |other: &&Arc<Prepared>| other.pool.transport == *transport && other.origin == provider.base_url.origin();
        if let Some(host) = all.values().find(is_same).and_then(|other| other.host.clone()) {
            return Ok(host);
        }
        let uri = provider.base_url.origin().parse();
        let uri = uri.map_err(|error| SendError::unsendable(format!("the base URL is unusable: {error}")))?;
        Ok(Arc::new(Host::new(uri, transport, &self.options)?))
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
