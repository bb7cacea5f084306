//! Calls as they end, as an event stream.

use std::sync::Arc;

use futures_util::Stream;
use futures_util::stream::unfold;
use poem_openapi::Object;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::body::CallLine;
use crate::store::CallSummary;

/// One event of the live feed: a call that ended, or a number of calls that were missed.
#[derive(Object)]
pub(super) struct LiveCall {
    /// The call; null: some were missed.
    #[oai(nullable)]
    call: Option<CallLine>,
    /// How many calls were left out, because they came faster than they were read.
    missed: u64,
}

/// The feed, until the server shuts down.
pub(super) fn feed(
    calls: Receiver<Arc<CallSummary>>,
    ending: CancellationToken,
) -> impl Stream<Item = LiveCall> + Send + 'static {
    unfold((calls, ending), async |(mut calls, ending)| {
        let next = tokio::select! {
            () = ending.cancelled() => return None,
            next = calls.recv() => next,
        };
        let event = match next {
            Ok(call) => LiveCall { call: Some(CallLine::from(&*call)), missed: 0 },
            Err(RecvError::Lagged(missed)) => LiveCall { call: None, missed },
            Err(RecvError::Closed) => return None,
        };
        Some((event, (calls, ending)))
    })
}
