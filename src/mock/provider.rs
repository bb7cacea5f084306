//! The simulated provider for tests: scripted, recording, and able to be waited for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::behaviour::Behaviour;
use super::options::Options;
use super::request::SeenRequest;
use super::server::{MockServer, serve};

/// A simulated provider on a free loopback port that remembers what it saw and does what a test says.
///
/// For each request the queue is asked first, then the script; where neither decides, it is simulated by key and model.
#[derive(Debug)]
pub struct MockProvider {
    server: MockServer,
}

impl MockProvider {
    /// Starts one with the default options.
    pub async fn start() -> Self {
        MockProvider::start_with(Options::default()).await
    }

    /// Starts one. What it sees is recorded, whatever the options say.
    pub async fn start_with(options: Options) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free loopback port");
        let server = serve(listener, Options { record: true, ..options }).expect("a bound listener has an address");
        MockProvider { server }
    }

    /// An address where nobody listens: connections to it are refused.
    pub async fn nobody() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free loopback port");
        listener.local_addr().expect("a bound listener has an address")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The base URL for a provider, such as `http://127.0.0.1:40123/v1`.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// Decides what happens to each request; `None` leaves it to the simulation. Replaces the former script.
    pub fn behave(&self, script: impl Fn(&SeenRequest) -> Option<Behaviour> + Send + Sync + 'static) {
        *self.server.shared.on_request.write() = Some(Box::new(script));
    }

    /// Decides what happens to a new connection before a byte of it is read; `None` reads on. With
    /// [`Ending::Deaf`](super::Ending::Deaf) nothing is ever read.
    pub fn behave_on_accept(&self, script: impl Fn(u64) -> Option<Behaviour> + Send + Sync + 'static) {
        *self.server.shared.on_accept.write() = Some(Box::new(script));
    }

    /// Adds a behaviour for one request to come; the queue is used up in its order before the script is asked.
    pub fn queue(&self, behaviour: Behaviour) {
        self.server.shared.queue.lock().push_back(behaviour);
    }

    /// Every request so far, in the order of arrival.
    pub fn seen(&self) -> Vec<Arc<SeenRequest>> {
        self.server.shared.seen.lock().clone()
    }

    /// The last request.
    pub fn last_seen(&self) -> Option<Arc<SeenRequest>> {
        self.server.shared.seen.lock().last().cloned()
    }

    /// Forgets the requests so far.
    pub fn forget_seen(&self) {
        self.server.shared.seen.lock().clear();
    }

    /// Requests that are being answered right now.
    pub fn in_flight(&self) -> u64 {
        self.server.shared.in_flight()
    }

    /// How often a client left before its answer was complete.
    pub fn clients_left(&self) -> u64 {
        self.server.shared.clients_left()
    }

    /// Waits until a condition holds; false when it did not within the time.
    pub async fn wait_until(&self, limit: Duration, condition: impl Fn(&Self) -> bool) -> bool {
        let mut changes = self.server.shared.changed.subscribe();
        let waiting = async {
            while !condition(self) {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(limit, waiting).await;
        condition(self)
    }

    /// Stops it: connections close, and new ones are refused.
    pub fn stop(&self) {
        self.server.stop();
    }
}
