//! The data plane: `/v1/*`.
//!
//! Owns the life of a call from its head to its record. Refuses SQL: nothing here touches the database while a call runs.
//!
//! A call walks through these phases, in this order; every way out ends in its record:
//!
//! 1. `auth`: the token's hash names the client.
//! 2. `intake`: the body once, bounded, decoded, its `model` and `stream` read; the asked model is checked.
//! 3. `hooks`: `on_request` may change, refuse or answer the call; `route` may send it elsewhere.
//! 4. `intake`: the model's route, the owner of objects that the call names, admission by the client's limits.
//! 5. `forward`: pick a key (`select_key`), `attempt` (`on_upstream_request`), judge a failure (`classify_error`), go on or stop.
//! 6. `deliver`: the head (`on_response`); then `relay` passes bytes on while `watch` (`on_chunk`) and `meter` read beside them.
//! 7. `call`: the record, which `on_complete` sees on the recorder's thread.

mod attempt;
mod auth;
mod body;
mod call;
mod cors;
mod deliver;
mod error;
mod estimate;
mod forward;
mod hooks;
mod inbound;
mod inside;
mod intake;
mod interruption;
mod json;
mod me;
mod meter;
mod models;
mod multipart;
mod named;
mod ownership;
mod path;
mod plan;
mod refusal;
mod relay;
mod sse;
mod watch;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{HeaderValue, header};
use parking_lot::RwLock;
use poem::{Request, Response};
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Entropy};
use crate::domain::{Moment, ProviderId, Snapshot};
use crate::outbound::Outbound;
use crate::quota::Quota;
use crate::recorder::{Owners, Recorder};
use crate::rotator::Rotator;
use crate::script::Scripts;
use crate::telemetry::Metrics;

pub use body::{BodyError, DecodeError, Patch, PatchError, Peek, StreamOptions, decode, peek};
pub use estimate::{estimate_request, estimate_tokens};
pub use hooks::candidates;
pub use inbound::BodyLimits;
pub use inside::InsideCall;
pub use json::JsonError;
pub use meter::{End, EventKind, Meter, Metered, RequestFacts, body_error, event_kind};
pub use multipart::{Form, FormError, FormReader, read_form};
pub use sse::{Event, LONGEST_EVENT, Splitter};

use call::Call;
use intake::Intake;

/// What the data plane works with.
pub struct ProxyParts {
    /// The clocks.
    pub clock: Clock,
    /// Randomness for call ids.
    pub entropy: Arc<Entropy>,
    /// The view of the catalog that calls read.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Picks keys.
    pub rotator: Arc<Rotator>,
    /// Admits clients.
    pub quota: Arc<Quota>,
    /// Sends to providers.
    pub outbound: Arc<Outbound>,
    /// Decide where operators want them to.
    pub scripts: Arc<Scripts>,
    /// Takes records.
    pub recorder: Recorder,
    /// Remembers who made what.
    pub owners: Owners,
    /// Counts calls in flight.
    pub metrics: Arc<Metrics>,
    /// Bounds of request bodies.
    pub limits: BodyLimits,
    /// Cancelled when what still runs must end.
    pub draining: CancellationToken,
}

/// The handles of a proxy, and the little that it remembers between calls.
struct Deps {
    parts: ProxyParts,
    /// Providers and endpoints that refused `stream_options` when Keywheel added it.
    include_usage_refused: RwLock<HashSet<(ProviderId, &'static str)>>,
}

impl std::ops::Deref for Deps {
    type Target = ProxyParts;

    fn deref(&self) -> &ProxyParts {
        &self.parts
    }
}

impl Deps {
    fn refuses_include_usage(&self, place: (ProviderId, &'static str)) -> bool {
        self.include_usage_refused.read().contains(&place)
    }

    fn remember_include_usage_refused(&self, place: (ProviderId, &'static str)) {
        self.include_usage_refused.write().insert(place);
    }
}

/// The data plane, as the server calls it.
#[derive(Clone)]
pub struct Proxy {
    deps: Arc<Deps>,
}

impl Proxy {
    /// A data plane over these parts.
    pub fn new(parts: ProxyParts) -> Self {
        Proxy { deps: Arc::new(Deps { parts, include_usage_refused: RwLock::default() }) }
    }

    /// Answers one request under `/v1`. The path must be canonical; `client_ip` is the client's own address.
    pub async fn handle(&self, mut request: Request, client_ip: Option<IpAddr>) -> Response {
        let snapshot = self.deps.snapshot.load_full();
        let settings = snapshot.settings.clone();
        let origin = cors::allowed_origin(&settings, request.headers());
        if let Some(preflight) = cors::preflight(&settings, request.method(), request.headers()) {
            return preflight;
        }
        let now = self.deps.clock.now();
        let call = Call::begin(self.deps.clone(), &settings, &request, client_ip, now);
        if call.record.trace.is_some_and(|trace| trace.parent.is_none()) {
            // It belongs to the trace that the caller did not name.
            request.headers_mut().remove("tracestate");
        }
        let mut response = answer(call, snapshot, request, now).await;
        if let Some(origin) = origin {
            cors::allow(&mut response, origin);
        }
        response
    }
}

/// Takes a call through its phases, as far as the head of its answer.
async fn answer(mut call: Box<Call>, snapshot: Arc<Snapshot>, request: Request, now: Moment) -> Response {
    let id = call.record.id.to_string();
    let mut response = match intake::take_in(&mut call, snapshot, request, now).await {
        Ok(Intake::Forward(plan)) => deliver::deliver(call, plan).await,
        Ok(Intake::Answered(response)) => {
            call.answered(response.status());
            response
        }
        Err(error) => {
            let response = error.response(call.record.api);
            call.fail(&error);
            response
        }
    };
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// Whether a request wants to become a WebSocket.
fn is_websocket(request: &Request) -> bool {
    request.header(header::UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}
