//! `/api/alerts/channels`

use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;

use super::body::DeliveryBody;
use super::channel_body::{AlertChannelBody, AlertChannelChange, AlertChannelCreate, AlertChannelPage};
use crate::admin::Tag;
use crate::admin::access::{Operator, Viewer};
use crate::admin::body::Body;
use crate::admin::error::ApiError;
use crate::admin::versioned::{Created, Deleted, Found, expected};
use crate::admin::wire::{cursor_id, next_cursor, page_size};
use crate::alerts;
use crate::domain::{AlertChannel, AlertChannelId};

/// Operations on channels.
pub(in crate::admin) struct Channels;

#[OpenApi(prefix_path = "/api/alerts", tag = "Tag::Alerts")]
impl Channels {
    /// List alert channels
    ///
    /// By ascending id. Neither a URL nor a secret is shown.
    #[oai(path = "/channels", method = "get", operation_id = "list_alert_channels")]
    async fn list(
        &self,
        access: Viewer,
        /// Most entries of the page, 1 to 1000; 100 if left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AlertChannelPage>, ApiError> {
        let (size, after) = (page_size(limit.0)?, cursor_id(cursor.0.as_deref())?);
        let catalog = access.context().store().catalog();
        let rows = catalog.after::<AlertChannel>(after.map(AlertChannelId)).take(size + 1);
        let mut channels: Vec<AlertChannelBody> = rows.map(AlertChannelBody::from).collect();
        let next_cursor = next_cursor(&mut channels, size, |channel| channel.id);
        Ok(Json(AlertChannelPage { channels, next_cursor }))
    }

    /// Create an alert channel
    ///
    /// Rules that name no channels tell it from now on.
    #[oai(path = "/channels", method = "post", operation_id = "create_alert_channel")]
    async fn create(&self, access: Operator, body: Body<AlertChannelCreate>) -> Result<Created<AlertChannelBody>, ApiError> {
        let channel = AlertChannelChange::from(body.0).create()?;
        let row = access.context().edit(access.actor(), move |edit| Ok(edit.create(channel)?)).await?;
        Ok(Created::new(row.version, AlertChannelBody::from(&row)))
    }

    /// Get an alert channel
    #[oai(path = "/channels/:id", method = "get", operation_id = "get_alert_channel")]
    async fn get(&self, access: Viewer, id: Path<i64>) -> Result<Found<AlertChannelBody>, ApiError> {
        let catalog = access.context().store().catalog();
        let row = catalog.get::<AlertChannel>(AlertChannelId(id.0)).ok_or_else(|| no_channel(id.0))?;
        Ok(Found::new(row.version, AlertChannelBody::from(row)))
    }

    /// Change an alert channel
    ///
    /// A missing member stays as it is; null sets it back to its default or removes it.
    #[oai(path = "/channels/:id", method = "patch", operation_id = "change_alert_channel")]
    async fn change(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Change it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<AlertChannelChange>,
    ) -> Result<Found<AlertChannelBody>, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        let change = move |channel: &mut AlertChannel| Ok(body.0.apply(channel)?);
        let edit = move |edit: &mut crate::store::Edit<'_>| Ok(edit.update(AlertChannelId(id.0), version, change)?);
        let row = access.context().edit(access.actor(), edit).await?;
        Ok(Found::new(row.version, AlertChannelBody::from(&row)))
    }

    /// Delete an alert channel
    ///
    /// Rules that name it go on without it. Within a day the deletion can be undone.
    #[oai(path = "/channels/:id", method = "delete", operation_id = "delete_alert_channel")]
    async fn delete(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Delete it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        let delete = move |edit: &mut crate::store::Edit<'_>| Ok(edit.delete::<AlertChannel>(AlertChannelId(id.0), version)?);
        access.context().edit(access.actor(), delete).await?;
        Ok(Deleted)
    }

    /// Undo the deletion of an alert channel
    ///
    /// 409 when its name is taken meanwhile.
    #[oai(path = "/channels/:id/restore", method = "post", operation_id = "restore_alert_channel")]
    async fn restore(&self, access: Operator, id: Path<i64>) -> Result<Found<AlertChannelBody>, ApiError> {
        let restore = move |edit: &mut crate::store::Edit<'_>| Ok(edit.restore::<AlertChannel>(AlertChannelId(id.0))?);
        let row = access.context().edit(access.actor(), restore).await?;
        Ok(Found::new(row.version, AlertChannelBody::from(&row)))
    }

    /// Test an alert channel
    ///
    /// Sends one message now, also in quiet hours, and answers with what became of it: `delivered`, or `failed` and why.
    #[oai(path = "/channels/:id/test", method = "post", operation_id = "test_alert_channel")]
    async fn test(&self, access: Operator, id: Path<i64>) -> Result<Json<DeliveryBody>, ApiError> {
        let context = access.context();
        let catalog = context.store().catalog();
        let channel = catalog.get::<AlertChannel>(AlertChannelId(id.0)).ok_or_else(|| no_channel(id.0))?.value.clone();
        let context = context.clone();
        // On a task of its own, so that it ends also when whoever asked has gone.
        let test = tokio::spawn(async move {
            let delivery = context.alerts.test(&channel, context.clock.now());
            let outcome = alerts::send(&context.outbound, &channel, &delivery, context.clock.now()).await;
            context.alerts.finish(delivery.id, &channel, outcome, context.clock.now()).unwrap_or(delivery)
        });
        let delivery = test.await.map_err(|error| ApiError::internal(&error))?;
        Ok(Json(DeliveryBody::from(&delivery)))
    }
}

fn no_channel(id: i64) -> ApiError {
    ApiError::not_found(format!("there is no alert channel with id {id}"))
}
