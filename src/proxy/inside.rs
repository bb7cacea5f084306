//! Calls that Keywheel makes itself, for somebody in the control plane: like any other, but without a token.

use std::net::IpAddr;
use std::sync::Arc;

use poem::{Request, Response};
use tokio::sync::oneshot;

use super::call::Call;
use super::{Proxy, answer};
use crate::domain::{CallRecord, Client};

/// For whom Keywheel calls.
#[derive(Debug)]
pub struct InsideCall {
    /// The client that the call counts for; its limits and its allowed models hold.
    pub client: Arc<Client>,
    /// Where the person behind it is.
    pub address: Option<IpAddr>,
    /// Labels of the record.
    pub tags: Vec<String>,
    /// Gets the record when the call has ended: its answer's body was read or dropped, or nobody waits for its head any more.
    pub follower: oneshot::Sender<CallRecord>,
}

impl Proxy {
    /// Answers a request under `/v1` that Keywheel makes itself.
    pub async fn call_from_within(&self, request: Request, inside: InsideCall) -> Response {
        let snapshot = self.deps.snapshot.load_full();
        let now = self.deps.clock.now();
        let mut call = Call::begin(self.deps.clone(), &snapshot.settings, &request, inside.address, now);
        call.client = Some(inside.client);
        call.record.tags = inside.tags;
        call.follower = Some(inside.follower);
        answer(call, snapshot, request, now).await
    }
}
