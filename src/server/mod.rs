//! The way in: sockets, connections, time limits and the drain.
//!
//! Owns the accept loop, what a request head may look like, the client's address, the canonical path, TLS and the
//! graceful end. Refuses to know any route: what a request means is the endpoint's.

mod body;
mod connection;
mod gate;
mod guard;
mod head;
mod listen;
mod pinned;
mod refusal;
mod shutdown;
mod tls;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use poem::{Endpoint, EndpointExt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use self::connection::Shared;
use self::listen::Listener;
use crate::config::ServerConfig;

pub use self::listen::Listeners;
pub use self::pinned::connect_pinned;
pub use self::shutdown::Shutdown;
pub use self::tls::read_tls;

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address as configured.
        address: String,
        /// What the machine said.
        source: io::Error,
    },
    /// A certificate or its key could not be read.
    #[error("cannot use the TLS file {path}: {reason}")]
    Tls {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Time for the last events of streams that were told to end.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Pause after a failed accept, such as one for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown.draining` is cancelled and calls in flight have ended, or had `drain_timeout` to do so.
///
/// While it drains, new connections still find `/healthz`, `/readyz` and `/metrics`; other requests get 503. At the
/// deadline `shutdown.deadline` is cancelled, and what has not ended 2 s later is cut.
pub async fn run(config: ServerConfig, listeners: Listeners, endpoint: impl Endpoint + 'static, shutdown: Shutdown) {
    let drain_timeout = config.drain_timeout;
    let connections = Arc::new(Semaphore::new(config.connections));
    let Listeners { sockets, certificate, tls } = listeners;
    let endpoint = endpoint.map_to_response().boxed();
    let shared = Arc::new(Shared::new(config, endpoint, shutdown.clone(), tls));
    let tracker = TaskTracker::new();
    let mut accepting = JoinSet::new();
    for socket in sockets {
        accepting.spawn(accept(socket, shared.clone(), connections.clone(), tracker.clone()));
    }
    if let Some(certificate) = certificate {
        accepting.spawn(certificate.keep_up());
    }
    shutdown.draining.cancelled().await;
    tracker.close();
    if tokio::time::timeout(drain_timeout, tracker.wait()).await.is_err() {
        tracing::warn!(connections = tracker.len(), "drain time is over: ending what is still in flight");
        shutdown.deadline.cancel();
        let _ = tokio::time::timeout(LAST_WORDS, tracker.wait()).await;
    }
    shutdown.deadline.cancel();
    accepting.shutdown().await;
}

/// Accepts for ever. Above the limit of connections, new ones wait in the backlog until another ends.
async fn accept(socket: Listener, shared: Arc<Shared>, connections: Arc<Semaphore>, tracker: TaskTracker) {
    // The semaphore is never closed, so a permit always comes.
    while let Ok(permit) = connections.clone().acquire_owned().await {
        let (stream, local, remote) = match socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let shared = shared.clone();
        let serving = async move {
            connection::serve(shared, stream, local, remote).await;
            drop(permit);
        };
        spawn(&tracker, serving);
    }
}

/// What came before the drain is waited for; a health check during it is not.
fn spawn(tracker: &TaskTracker, serving: impl Future<Output = ()> + Send + 'static) {
    if tracker.is_closed() {
        tokio::spawn(serving);
    } else {
        tracker.spawn(serving);
    }
}
