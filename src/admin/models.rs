//! `/api/models`

mod body;

use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;

use super::Tag;
use super::access::{Access, Operator, Viewer};
use super::body::Body;
use super::error::ApiError;
use super::providers::DiffBody;
use super::versioned::{Created, Deleted, Found, expected};
use super::wire::{cursor_id, next_cursor, page_size};
use crate::domain::{Model, ModelId, Provider};
use crate::store::Stored;
use body::{DiffList, ModelBody, ModelChange, ModelCreate, ModelFacts, ModelPage};

/// Operations on model routes.
pub(super) struct Models;

#[OpenApi(prefix_path = "/api", tag = "Tag::Models")]
impl Models {
    /// List model routes
    ///
    /// By ascending id.
    #[oai(path = "/models", method = "get", operation_id = "list_models")]
    async fn list(
        &self,
        access: Viewer,
        /// Most entries of the page, 1 to 1000; 100 if left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
        /// Only routes whose name contains this, in any case.
        search: Query<Option<String>>,
    ) -> Result<Json<ModelPage>, ApiError> {
        let (size, after) = (page_size(limit.0)?, cursor_id(cursor.0.as_deref())?);
        let search = search.0.unwrap_or_default().to_lowercase();
        let catalog = access.context().store().catalog();
        let rows = catalog.after::<Model>(after.map(ModelId)).filter(|row| row.value.name.to_lowercase().contains(&search));
        let facts = ModelFacts::read(&access).await?;
        let mut models: Vec<ModelBody> = rows.take(size + 1).map(|row| ModelBody::of(row, &facts)).collect();
        let next_cursor = next_cursor(&mut models, size, |model| model.id);
        Ok(Json(ModelPage { models, next_cursor }))
    }

    /// Create a model route
    #[oai(path = "/models", method = "post", operation_id = "create_model")]
    async fn create(&self, access: Operator, body: Body<ModelCreate>) -> Result<Created<ModelBody>, ApiError> {
        let model = ModelChange::from(body.0).create()?;
        let row = access.context().edit(access.actor(), move |edit| Ok(edit.create(model)?)).await?;
        Ok(Created::new(row.version, show(&row, &access).await?))
    }

    /// List what has changed at the providers
    ///
    /// One entry for each provider whose model lists were read since Keywheel started, by ascending id: how they differ from
    /// what is kept.
    #[oai(path = "/models/diffs", method = "get", operation_id = "list_model_diffs")]
    async fn diffs(&self, access: Viewer) -> Result<Json<DiffList>, ApiError> {
        let context = access.context();
        let catalog = context.store().catalog();
        let read = catalog.all::<Provider>().filter(|row| context.model_sync.latest(row.value.id).is_some());
        let mut diffs = Vec::new();
        for row in read {
            diffs.push(DiffBody::of(&access, &row.value, false).await?);
        }
        Ok(Json(DiffList { diffs }))
    }

    /// Get a model route
    #[oai(path = "/models/:id", method = "get", operation_id = "get_model")]
    async fn get(&self, access: Viewer, id: Path<i64>) -> Result<Found<ModelBody>, ApiError> {
        let catalog = access.context().store().catalog();
        let not_found = || ApiError::not_found(format!("there is no model with id {}", id.0));
        let row = catalog.get::<Model>(ModelId(id.0)).ok_or_else(not_found)?;
        Ok(Found::new(row.version, show(row, &access).await?))
    }

    /// Change a model route
    ///
    /// A missing member stays as it is; null sets it back to its default or removes it.
    #[oai(path = "/models/:id", method = "patch", operation_id = "change_model")]
    async fn change(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Change it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<ModelChange>,
    ) -> Result<Found<ModelBody>, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        let change = move |model: &mut Model| Ok(body.0.apply(model)?);
        let row = access.context().edit(access.actor(), move |edit| Ok(edit.update(ModelId(id.0), version, change)?)).await?;
        Ok(Found::new(row.version, show(&row, &access).await?))
    }

    /// Delete a model route
    ///
    /// Within a day the deletion can be undone.
    #[oai(path = "/models/:id", method = "delete", operation_id = "delete_model")]
    async fn delete(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Delete it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        access.context().edit(access.actor(), move |edit| Ok(edit.delete::<Model>(ModelId(id.0), version)?)).await?;
        Ok(Deleted)
    }

    /// Undo the deletion of a model route
    ///
    /// 409 when its name is taken meanwhile.
    #[oai(path = "/models/:id/restore", method = "post", operation_id = "restore_model")]
    async fn restore(&self, access: Operator, id: Path<i64>) -> Result<Found<ModelBody>, ApiError> {
        let row = access.context().edit(access.actor(), move |edit| Ok(edit.restore::<Model>(ModelId(id.0))?)).await?;
        Ok(Found::new(row.version, show(&row, &access).await?))
    }
}

async fn show(row: &Stored<Model>, access: &Access) -> Result<ModelBody, ApiError> {
    Ok(ModelBody::of(row, &ModelFacts::read(access).await?))
}
