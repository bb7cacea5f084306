//! `/api/calls`

mod attempt;
mod body;
mod deletion;
mod detail;
mod export;
mod filters;
mod histogram;
mod live;
mod query;

use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;
use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{EventStream, Json};

use super::Tag;
use super::access::{Operator, Owner, Viewer};
use super::error::ApiError;
use super::stats::StepWord;
use super::wire::page_size;
use crate::domain::CallRecord;
use crate::store::{CallOrder, CallQuery};
use deletion::CallDeletion;
use detail::{CallBodies, CallDetail};
use export::{CallList, Format};
use filters::Filters;
use histogram::CallHistogram;
use live::LiveCall;

/// Comments keep the connection of a quiet feed open.
const FEED_KEEP_ALIVE: Duration = Duration::from_secs(15);

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
        /// `next_cursor` or `previous_cursor` of a page of the same list.
        cursor: Query<Option<String>>,
        /// Whether the oldest come first.
        #[oai(default)]
        oldest_first: Query<bool>,
        filters: Filters,
    ) -> Result<CallList, ApiError> {
        let query = CallQuery {
            filter: filters.read(&access, access.now().unix_ms)?,
            order: if oldest_first.0 { CallOrder::OldestFirst } else { CallOrder::NewestFirst },
            cursor: cursor.0.as_deref().map(query::cursor).transpose()?,
            limit: page_size(limit.0)?,
            ..CallQuery::default()
        };
        let context = access.context();
        context.settle_records().await;
        Ok(match format.0 {
            Format::Json => CallList::Page(context.call_log.list(query).await?.into()),
            format => CallList::File(format, context.call_log.clone(), Box::new(query)),
        })
    }

    /// Delete calls
    ///
    /// Every call that matches, with its attempts and bodies, for good; statistics and budgets keep what they counted, and
    /// the audit log tells of it. Without `confirm` nothing is deleted: the answer tells how many calls match. Ask again
    /// with that number, and with `from` and `to` of that answer, to delete them. A parameter that is no filter is refused.
    #[oai(path = "/calls", method = "delete", operation_id = "delete_calls")]
    async fn delete(
        &self,
        access: Owner,
        request: &Request,
        /// How many calls match, as the last answer said; another number deletes nothing.
        confirm: Query<Option<u64>>,
        filters: Filters,
    ) -> Result<Json<CallDeletion>, ApiError> {
        Ok(Json(deletion::run(&access, request, filters, confirm.0).await?))
    }

    /// Count calls over time
    ///
    /// Every call that matches, by how it ended; without a range, since the beginning of the log. Time, outcome and one of model,
    /// served model, client, provider and key are counted completely. Any other question is counted call by call, the newest
    /// first, and cut short after some tens of milliseconds: `counted_from` tells.
    #[oai(path = "/calls/histogram", method = "get", operation_id = "count_calls")]
    async fn histogram(
        &self,
        access: Viewer,
        /// The length of a step; chosen by the length of the range if left out.
        step: Query<Option<StepWord>>,
        filters: Filters,
    ) -> Result<Json<CallHistogram>, ApiError> {
        Ok(Json(histogram::of(&access, filters, step.0).await?))
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
