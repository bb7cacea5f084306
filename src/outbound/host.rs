//! One host and its connections that speak HTTP/1.1, kept from one call to the next.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use http::Uri;
use parking_lot::Mutex;
use tokio::time::{Duration, Instant};

use super::clients::Options;
use super::dial::Dialer;
use super::error::SendError;
use super::guard::{GuardedResolver, system_lookup};
use super::http1::Wire;
use super::pool::Transport;

/// A host that calls are sent to without a proxy.
#[derive(Debug)]
pub(super) struct Host {
    dialer: Dialer,
    most_idle: usize,
    idle_for: Duration,
    idle: Mutex<Idle>,
    /// Whether it is known to speak HTTP/1.1: without TLS there is nothing else, behind it a host may choose HTTP/2.
    speaks_http1: AtomicBool,
}

/// Connections that wait for the next call, those that were used last behind.
#[derive(Debug, Default)]
struct Idle {
    wires: Vec<(Wire, Instant)>,
    is_swept: bool,
}

impl Host {
    /// A host by its scheme, name and port.
    pub(super) fn new(uri: Uri, transport: &Transport, options: &Options) -> Result<Self, SendError> {
        let resolver = GuardedResolver { lookup: system_lookup, allow_private: transport.allow_private, proxy_host: None };
        let speaks_http1 = AtomicBool::new(uri.scheme_str() == Some("http"));
        let dialer = Dialer::new(uri, resolver, Duration::from_millis(transport.connect_ms))?;
        let (most_idle, idle_for) = (options.pool_max_idle_per_host, options.pool_idle);
        Ok(Host { dialer, most_idle, idle_for, idle: Mutex::default(), speaks_http1 })
    }

    pub(super) fn speaks_http1(&self) -> bool {
        self.speaks_http1.load(Ordering::Relaxed)
    }

    /// Notes whether the host chose HTTP/1.1.
    pub(super) fn answered_in_http1(&self, is_http1: bool) {
        if self.speaks_http1() != is_http1 {
            self.speaks_http1.store(is_http1, Ordering::Relaxed);
        }
    }

    /// A kept connection that is still open, as far as can be told without asking.
    pub(super) fn take(&self) -> Option<Wire> {
        let now = Instant::now();
        loop {
            let (mut wire, since) = self.idle.lock().wires.pop()?;
            if now.duration_since(since) < self.idle_for && wire.is_usable() {
                return Some(wire);
            }
        }
    }

    /// A new connection, and the microseconds that it took.
    pub(super) async fn dial(&self) -> Result<(Wire, u64), SendError> {
        let began = Instant::now();
        let io = self.dialer.dial().await?;
        Ok((Wire::new(io), began.elapsed().as_micros() as u64))
    }

    /// Keeps a connection for the next call.
    pub(super) fn keep(self: &Arc<Self>, wire: Wire) {
        let mut idle = self.idle.lock();
        if idle.wires.len() >= self.most_idle {
            return;
        }
        idle.wires.push((wire, Instant::now()));
        if !idle.is_swept
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            idle.is_swept = true;
            runtime.spawn(sweep(Arc::downgrade(self), self.idle_for));
        }
    }

    /// Closes what has waited too long; false when nothing is left to look after.
    fn close_old(&self) -> bool {
        let mut idle = self.idle.lock();
        let now = Instant::now();
        let old = idle.wires.iter().take_while(|(_, since)| now.duration_since(*since) >= self.idle_for).count();
        idle.wires.drain(..old);
        idle.is_swept = !idle.wires.is_empty();
        idle.is_swept
    }
}

/// Closes old connections for as long as there are any.
async fn sweep(host: Weak<Host>, idle_for: Duration) {
    loop {
        tokio::time::sleep(idle_for / 2).await;
        let Some(host) = host.upgrade() else { return };
        if !host.close_old() {
            return;
        }
    }
}
