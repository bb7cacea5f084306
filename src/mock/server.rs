//! The listening side: accepts, counts, remembers, and asks the script or the simulation what to do.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::behaviour::Behaviour;
use super::connection::Connection;
use super::options::Options;
use super::request::SeenRequest;
use super::simulation::Simulation;

type OnRequest = Box<dyn Fn(&SeenRequest) -> Option<Behaviour> + Send + Sync>;
type OnAccept = Box<dyn Fn(u64) -> Option<Behaviour> + Send + Sync>;

/// A running simulated provider. It stops when it is dropped.
#[derive(Debug)]
pub struct MockServer {
    address: SocketAddr,
    stop: CancellationToken,
    pub(super) shared: Arc<Shared>,
}

impl MockServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for a provider, such as `http://127.0.0.1:40123/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Stops accepting and closes every connection.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it was stopped.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Serves the simulated provider on a listener until the handle is stopped or dropped.
pub fn serve(listener: TcpListener, options: Options) -> io::Result<MockServer> {
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let shared = Arc::new(Shared::new(options));
    let (stopping, sharing) = (stop.clone(), shared.clone());
    tokio::spawn(async move {
        stopping.run_until_cancelled(accept(listener, sharing, stopping.clone())).await;
    });
    Ok(MockServer { address, stop, shared })
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    for number in 0.. {
        let stream = loop {
            match listener.accept().await {
                Ok((stream, _)) => break stream,
                // Out of descriptors, or a client that left at once: go on when there is room again.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        };
        let _ = stream.set_nodelay(true);
        let connection = Connection::new(stream, number, shared.clone());
        let stop = stop.clone();
        tokio::spawn(async move { stop.run_until_cancelled(connection.run()).await });
    }
}

/// What all connections of a server share.
pub(super) struct Shared {
    record: bool,
    simulation: Simulation,
    pub(super) on_request: RwLock<Option<OnRequest>>,
    pub(super) on_accept: RwLock<Option<OnAccept>>,
    pub(super) queue: Mutex<VecDeque<Behaviour>>,
    pub(super) seen: Mutex<Vec<Arc<SeenRequest>>>,
    in_flight: AtomicU64,
    clients_left: AtomicU64,
    /// Changes whenever something that a test may wait for has happened.
    pub(super) changed: watch::Sender<()>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Shared").field("in_flight", &self.in_flight).finish_non_exhaustive()
    }
}

impl Shared {
    fn new(options: Options) -> Self {
        Shared {
            record: options.record,
            simulation: Simulation::new(options),
            on_request: RwLock::default(),
            on_accept: RwLock::default(),
            queue: Mutex::default(),
            seen: Mutex::default(),
            in_flight: AtomicU64::new(0),
            clients_left: AtomicU64::new(0),
            changed: watch::Sender::new(()),
        }
    }

    pub(super) fn on_accept(&self, connection: u64) -> Option<Behaviour> {
        self.on_accept.read().as_ref().and_then(|on_accept| on_accept(connection))
    }

    /// The queue comes first, then the script, then the simulation.
    pub(super) fn decide(&self, request: SeenRequest) -> Behaviour {
        if !self.record {
            return self.simulation.answer(&request);
        }
        let request = Arc::new(request);
        self.seen.lock().push(request.clone());
        let queued = self.queue.lock().pop_front();
        let scripted = || self.on_request.read().as_ref().and_then(|on_request| on_request(&request));
        let behaviour = queued.or_else(scripted).unwrap_or_else(|| self.simulation.answer(&request));
        self.changed.send_replace(());
        behaviour
    }

    pub(super) fn enter(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight { shared: self }
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn client_left(&self) {
        self.clients_left.fetch_add(1, Ordering::Relaxed);
        self.notify();
    }

    pub(super) fn clients_left(&self) -> u64 {
        self.clients_left.load(Ordering::Relaxed)
    }

    fn notify(&self) {
        if self.record {
            self.changed.send_replace(());
        }
    }
}

/// Counts a request while it is being answered.
pub(super) struct InFlight<'a> {
    shared: &'a Shared,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.shared.notify();
    }
}
