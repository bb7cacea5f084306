//! `/api/alerts`

mod body;
mod channel_body;
mod channels;
mod rule_body;
mod rules;

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::Tag;
use super::access::{Operator, Viewer};
use super::error::ApiError;
use super::wire::{cursor_id, next_cursor, page_size};
use crate::domain::AlertChannelId;
use body::{AlertBody, AlertPage, DeliveryBody, DeliveryPage, OpenAlerts};

/// Every operation on alerts.
pub(super) type Alerts = (Told, rules::Rules, channels::Channels);

/// Every operation on alerts.
pub(super) const ALERTS: Alerts = (Told, rules::Rules, channels::Channels);

/// Operations on what happened and what was told.
pub(super) struct Told;

#[OpenApi(prefix_path = "/api/alerts", tag = "Tag::Alerts")]
impl Told {
    /// List open alerts
    ///
    /// The oldest first. One rule has one open alert about one subject at most.
    #[oai(path = "/open", method = "get", operation_id = "list_open_alerts")]
    async fn open(&self, access: Viewer) -> Result<Json<OpenAlerts>, ApiError> {
        let alerts = access.context().alerts.open().iter().map(AlertBody::from).collect();
        Ok(Json(OpenAlerts { alerts }))
    }

    /// List alerts, open and over
    ///
    /// The newest first. About 5,000 are kept.
    #[oai(path = "/history", method = "get", operation_id = "list_alerts")]
    async fn history(
        &self,
        access: Viewer,
        /// Most entries of the page, 1 to 1000; 100 if left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AlertPage>, ApiError> {
        let (size, before) = (page_size(limit.0)?, cursor_id(cursor.0.as_deref())?);
        let found = access.context().store().alerts(before, size as u32 + 1).await?;
        let mut alerts: Vec<AlertBody> = found.iter().map(AlertBody::from).collect();
        let next_cursor = next_cursor(&mut alerts, size, |alert| alert.id);
        Ok(Json(AlertPage { alerts, next_cursor }))
    }

    /// Note that somebody has seen an open alert
    ///
    /// It stays open until what it is about is over.
    #[oai(path = "/open/:id/acknowledge", method = "post", operation_id = "acknowledge_alert")]
    async fn acknowledge(&self, access: Operator, id: Path<i64>) -> Result<Json<AlertBody>, ApiError> {
        let alert = access.context().alerts.acknowledge(id.0, &access.who().name(), access.now());
        let alert = alert.ok_or_else(|| ApiError::not_found(format!("no alert with id {} is open", id.0)))?;
        Ok(Json(AlertBody::from(&alert)))
    }

    /// List deliveries
    ///
    /// The newest first: what was told, to whom, and what became of it. About 5,000 are kept.
    #[oai(path = "/deliveries", method = "get", operation_id = "list_alert_deliveries")]
    async fn deliveries(
        &self,
        access: Viewer,
        /// Most entries of the page, 1 to 1000; 100 if left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
        /// Only deliveries to this channel.
        channel: Query<Option<i64>>,
    ) -> Result<Json<DeliveryPage>, ApiError> {
        let (size, before) = (page_size(limit.0)?, cursor_id(cursor.0.as_deref())?);
        let store = access.context().store();
        let found = store.alert_deliveries(before, channel.0.map(AlertChannelId), size as u32 + 1).await?;
        let mut deliveries: Vec<DeliveryBody> = found.iter().map(DeliveryBody::from).collect();
        let next_cursor = next_cursor(&mut deliveries, size, |delivery| delivery.id);
        Ok(Json(DeliveryPage { deliveries, next_cursor }))
    }
}
