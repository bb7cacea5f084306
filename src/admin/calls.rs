//! `/api/calls`
#![expect(clippy::too_many_arguments, reason = "each argument is a query parameter, described where it stands")]

mod attempt;
mod body;
mod detail;
mod export;
mod live;
mod query;

use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{EventStream, Json};

use super::Tag;
use super::access::{Operator, Viewer};
use super::error::ApiError;
use super::period::{Period, UTC};
use super::wire::page_size;
use crate::domain::{Api, CallRecord, ClientId, KeyId, Outcome, ProviderId};
use crate::store::{CallFilter, CallOrder, CallQuery};
use detail::{CallBodies, CallDetail};
use export::{CallList, Format};
use live::LiveCall;

/// Comments keep the connection of a quiet feed open.
const FEED_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Calls that one request looks at: about 20 ms.
const SCAN_LIMIT: usize = 50_000;

type Feed = Pin<Box<dyn Stream<Item = LiveCall> + Send>>;

/// Operations on calls.
pub(super) struct Calls;

#[OpenApi(prefix_path = "/api", tag = "Tag::Calls")]
impl Calls {
    /// List calls
    ///
    /// The newest first. Every filter that is given must match. `format` asks for a file of every match instead of a page.
    #[oai(path = "/calls", method = "get", operation_id = "list_calls")]
    async fn list(
        &self,
        access: Viewer,
        /// A page, or a file of every call that matches, to which `limit` does not apply.
        #[oai(default)]
        format: Query<Format>,
        /// Most calls of the page, 1 to 1000; 100 if left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
        /// Whether the oldest come first.
        #[oai(default)]
        oldest_first: Query<bool>,
        /// `today`, `yesterday`, or a number of minutes, hours or days up to now: `15m`, `24h`, `7d`.
        range: Query<Option<String>>,
        /// Calls that began at this time or later; beats `range`.
        from: Query<Option<String>>,
        /// Calls that began before this time; beats `range`.
        to: Query<Option<String>>,
        /// The IANA time zone of `today` and `yesterday`; UTC if left out.
        zone: Query<Option<String>>,
        /// Any of these outcomes.
        outcome: Query<Option<Vec<Outcome>>>,
        /// The HTTP status that the client saw: `429`, `4xx` or `400-499`.
        status: Query<Option<String>>,
        /// The error's code.
        error_code: Query<Option<String>>,
        /// The API.
        api: Query<Option<Api>>,
        /// The model's name in the request.
        model: Query<Option<String>>,
        /// The provider's own name of the model that served.
        served_model: Query<Option<String>>,
        /// The client's id.
        client: Query<Option<i64>>,
        /// The id of the last attempt's key.
        key: Query<Option<i64>>,
        /// The id of any attempt's key.
        attempted_key: Query<Option<i64>>,
        /// The id of the last attempt's provider.
        provider: Query<Option<i64>>,
        /// Whether the client asked for a stream.
        stream: Query<Option<bool>>,
        /// Whether it was Keywheel's own probe.
        probe: Query<Option<bool>>,
        /// Calls that cost at least so many US dollars.
        min_cost_usd: Query<Option<f64>>,
        /// Calls that took at least so many milliseconds.
        min_duration_ms: Query<Option<f64>>,
        /// Calls that took at least so many attempts.
        min_attempts: Query<Option<u32>>,
        /// The client's or the provider's request id.
        request_id: Query<Option<String>>,
    ) -> Result<CallList, ApiError> {
        let period = Period { range: range.0, from: from.0, to: to.0 };
        let (from_ms, to_ms) = period.read(zone.0.as_deref().unwrap_or(UTC), access.now().unix_ms)?;
        let filter = CallFilter {
            from_ms,
            to_ms,
            outcomes: outcome.0.unwrap_or_default(),
            status: status.0.as_deref().map(query::status).transpose()?,
            error_code: error_code.0,
            api: api.0,
            model_asked: model.0,
            model_served: served_model.0,
            client: client.0.map(ClientId),
            key: key.0.map(KeyId),
            attempted_key: attempted_key.0.map(KeyId),
            provider: provider.0.map(ProviderId),
            stream: stream.0,
            probe: probe.0,
            min_cost: min_cost_usd.0.map(query::dollars).transpose()?,
            min_total_us: min_duration_ms.0.map(query::microseconds).transpose()?,
            min_attempts: min_attempts.0,
            request_id: request_id.0,
        };
        let query = CallQuery {
            filter,
            order: if oldest_first.0 { CallOrder::OldestFirst } else { CallOrder::NewestFirst },
            cursor: cursor.0.map(|cursor| query::call_id("cursor", &cursor)).transpose()?,
            limit: page_size(limit.0)?,
            scan_limit: SCAN_LIMIT,
        };
        let context = access.context();
        context.settle_records().await;
        Ok(match format.0 {
            Format::Json => CallList::Page(context.call_log.list(query).await?.into()),
            format => CallList::File(format, context.call_log.clone(), Box::new(query)),
        })
    }

    /// Watch calls as they end
    ///
    /// Server-sent events, each about 200 ms after its call. A reader that is too slow learns how many it missed. The events end
    /// with the session or the token that they were asked for with.
    #[oai(path = "/calls/live", method = "get", operation_id = "watch_calls")]
    async fn live(&self, access: Viewer) -> Result<EventStream<Feed>, ApiError> {
        let context = access.context();
        let feed: Feed = Box::pin(access.lasting(live::feed(context.recorder.subscribe(), context.ending.clone())));
        Ok(EventStream::new(feed).keep_alive(FEED_KEEP_ALIVE))
    }

    /// Get a call
    ///
    /// With every attempt, and why its key was chosen.
    #[oai(path = "/calls/:id", method = "get", operation_id = "get_call")]
    async fn get(&self, access: Viewer, id: Path<String>) -> Result<Json<CallDetail>, ApiError> {
        Ok(Json(CallDetail::from(&find(&access, &id.0).await?)))
    }

    /// Get the bodies of a call
    ///
    /// As far as the settings keep them. They may hold whatever clients sent.
    #[oai(path = "/calls/:id/bodies", method = "get", operation_id = "get_call_bodies")]
    async fn bodies(&self, access: Operator, id: Path<String>) -> Result<Json<CallBodies>, ApiError> {
        Ok(Json(CallBodies::from(&find(&access, &id.0).await?)))
    }
}

pub(super) async fn find(access: &super::access::Access, id: &str) -> Result<CallRecord, ApiError> {
    let id = query::call_id("id", id)?;
    access.context().settle_records().await;
    let not_found = || ApiError::not_found(format!("there is no call with id {id}, or no longer"));
    access.context().call_log.get(id).await?.ok_or_else(not_found)
}
