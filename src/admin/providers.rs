//! `/api/providers`

mod body;
mod change;
mod diff;
mod models;
mod sync;

use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;

use super::Tag;
use super::access::{Access, Operator, Viewer};
use super::body::Body;
use super::error::ApiError;
use super::versioned::{Created, Deleted, Found, expected};
use super::wire::{cursor_id, next_cursor, page_size};
use crate::domain::{Provider, ProviderId};
use crate::store::Stored;
use body::{ProviderBody, ProviderPage};
use change::{ProviderChange, ProviderCreate};
pub(super) use diff::DiffBody;
use models::SyncedModelList;
use sync::{AcceptedModels, ModelAcceptance, SyncReport, SyncRequest, SyncedModelChange};

/// Operations on providers.
pub(super) struct Providers;

#[OpenApi(prefix_path = "/api", tag = "Tag::Providers")]
impl Providers {
    /// List providers
    ///
    /// By ascending id.
    #[oai(path = "/providers", method = "get", operation_id = "list_providers")]
    async fn list(
        &self,
        access: Viewer,
        /// Most entries of the page, 1 to 1000; 100 if left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ProviderPage>, ApiError> {
        let (size, after) = (page_size(limit.0)?, cursor_id(cursor.0.as_deref())?);
        let catalog = access.context().store().catalog();
        let rows = catalog.after::<Provider>(after.map(ProviderId)).take(size + 1);
        let mut providers: Vec<ProviderBody> = rows.map(|row| ProviderBody::of(row, &access)).collect();
        let next_cursor = next_cursor(&mut providers, size, |provider| provider.id);
        Ok(Json(ProviderPage { providers, next_cursor }))
    }

    /// Create a provider
    #[oai(path = "/providers", method = "post", operation_id = "create_provider")]
    async fn create(&self, access: Operator, body: Body<ProviderCreate>) -> Result<Created<ProviderBody>, ApiError> {
        let provider = ProviderChange::from(body.0).create()?;
        let row = access.context().edit(access.actor(), move |edit| Ok(edit.create(provider)?)).await?;
        Ok(Created::new(row.version, ProviderBody::of(&row, &access)))
    }

    /// Get a provider
    #[oai(path = "/providers/:id", method = "get", operation_id = "get_provider")]
    async fn get(&self, access: Viewer, id: Path<i64>) -> Result<Found<ProviderBody>, ApiError> {
        let row = find(&access, id.0)?;
        Ok(Found::new(row.version, ProviderBody::of(&row, &access)))
    }

    /// Change a provider
    ///
    /// A missing member stays as it is; null sets it back to its default or removes it.
    #[oai(path = "/providers/:id", method = "patch", operation_id = "change_provider")]
    async fn change(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Change it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<ProviderChange>,
    ) -> Result<Found<ProviderBody>, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        let change = move |provider: &mut Provider| Ok(body.0.apply(provider)?);
        let edit = access.context().edit(access.actor(), move |edit| Ok(edit.update(ProviderId(id.0), version, change)?));
        let row = edit.await?;
        Ok(Found::new(row.version, ProviderBody::of(&row, &access)))
    }

    /// Delete a provider
    ///
    /// Its keys go with it. Model routes that lead to it must be changed or deleted first. Within a day the deletion can
    /// be undone.
    #[oai(path = "/providers/:id", method = "delete", operation_id = "delete_provider")]
    async fn delete(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Delete it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        let edit = access.context().edit(access.actor(), move |edit| Ok(edit.delete::<Provider>(ProviderId(id.0), version)?));
        edit.await?;
        Ok(Deleted)
    }

    /// Undo the deletion of a provider
    ///
    /// The keys that were deleted with it come back with it. 409 when its name is taken meanwhile.
    #[oai(path = "/providers/:id/restore", method = "post", operation_id = "restore_provider")]
    async fn restore(&self, access: Operator, id: Path<i64>) -> Result<Found<ProviderBody>, ApiError> {
        let edit = access.context().edit(access.actor(), move |edit| Ok(edit.restore::<Provider>(ProviderId(id.0))?));
        let row = edit.await?;
        Ok(Found::new(row.version, ProviderBody::of(&row, &access)))
    }

    /// List the models of a provider
    ///
    /// Every model that one of its keys was seen to list, also those that have vanished or were taken out, and those that have
    /// a price of their own; with what they cost, can do and have served.
    #[oai(path = "/providers/:id/models", method = "get", operation_id = "list_provider_models")]
    async fn models(&self, access: Viewer, id: Path<i64>) -> Result<Found<SyncedModelList>, ApiError> {
        models::listed(&access, &find(&access, id.0)?.value).await
    }

    /// Change a model of a provider
    ///
    /// Takes a listed model out, or lets it in again: one that was taken out takes no calls by its name, and no later list
    /// brings it back. Sets what the provider charges for it.
    #[oai(path = "/providers/:id/models", method = "patch", operation_id = "change_provider_model")]
    async fn change_model(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Change it only if the provider's models still have this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<SyncedModelChange>,
    ) -> Result<Found<SyncedModelList>, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        sync::change(&access, ProviderId(id.0), version, body.0).await?;
        models::listed(&access, &find(&access, id.0)?.value).await
    }

    /// Compare the model lists that were read last with what is kept
    ///
    /// The lists were read by the schedule, or when somebody asked for it; nothing is read now.
    #[oai(path = "/providers/:id/models/diff", method = "get", operation_id = "get_provider_model_diff")]
    async fn diff(
        &self,
        access: Viewer,
        id: Path<i64>,
        /// Show what an empty list would mean if it were believed.
        #[oai(default)]
        believe_empty: Query<bool>,
    ) -> Result<Json<DiffBody>, ApiError> {
        let row = find(&access, id.0)?;
        Ok(Json(DiffBody::of(&access, &row.value, believe_empty.0).await?))
    }

    /// Read the model lists of a provider, and compare
    ///
    /// Asks with every key that is not disabled. Nothing changes until the difference is accepted.
    #[oai(path = "/providers/:id/models/diff", method = "post", operation_id = "read_provider_models")]
    async fn read(&self, access: Operator, id: Path<i64>) -> Result<Json<DiffBody>, ApiError> {
        let provider = find(&access, id.0)?.value;
        let model_sync = &access.context().model_sync;
        model_sync.read(&provider, model_sync.keys(provider.id)).await;
        Ok(Json(DiffBody::of(&access, &provider, false).await?))
    }

    /// Accept what a provider's keys list
    ///
    /// Takes over the difference that was looked at, whole or in part. A list that could not be read changes nothing, nor does
    /// an empty one unless it is believed. A model that vanished is marked, and its routes and prices stay. 409 when the lists
    /// were read again since.
    #[oai(path = "/providers/:id/models/accept", method = "post", operation_id = "accept_provider_models")]
    async fn accept(
        &self,
        access: Operator,
        id: Path<i64>,
        body: Body<ModelAcceptance>,
    ) -> Result<Json<AcceptedModels>, ApiError> {
        let provider = find(&access, id.0)?.value;
        Ok(Json(sync::accept(&access, provider.id, body.0).await?))
    }

    /// Read the model lists of a provider, and accept them whole
    ///
    /// Asks with every key that is not disabled. A key whose list cannot be read, or is empty, keeps what it listed before.
    #[oai(path = "/providers/:id/models/sync", method = "post", operation_id = "sync_provider_models")]
    async fn sync(&self, access: Operator, id: Path<i64>, body: Body<SyncRequest>) -> Result<Json<SyncReport>, ApiError> {
        let row = find(&access, id.0)?;
        Ok(Json(sync::sync(&access, &row.value, &body.0).await?))
    }
}

fn find(access: &Access, id: i64) -> Result<Stored<Provider>, ApiError> {
    let not_found = || ApiError::not_found(format!("there is no provider with id {id}"));
    access.context().store().catalog().get::<Provider>(ProviderId(id)).cloned().ok_or_else(not_found)
}
