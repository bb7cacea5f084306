//! `/api/keys`

mod actions;
mod body;
mod bulk;
mod checks;
mod export;
mod filter;
mod foreign;
mod import;
mod paste;
mod sort;
mod status;

use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::{EventStream, Json};

use super::Tag;
use super::access::{Access, Operator, Owner, Viewer};
use super::body::Body;
use super::error::ApiError;
use super::table::Table;
use super::versioned::{Created, Deleted, Found, expected};
use super::wire::{cursor_id, next_cursor, page_size};
use crate::domain::{Key, KeyId};
use crate::store::Stored;
use actions::DisableRequest;
use body::{KeyBody, KeyChange, KeyCreate, KeyPage};
use bulk::{BulkRequest, BulkResult};
use checks::{CheckBody, CheckHistory, CheckReport, CheckRequest};
use export::SecretExport;
use filter::KeyFilter;
use foreign::{ForeignKeys, ForeignPreview};
use import::Progress;
use paste::{PastePreview, PastedKeys};
use sort::{KeyOrder, KeySort};
use status::KeyStateWord;

/// Operations on keys.
pub(super) struct Keys;

#[OpenApi(prefix_path = "/api", tag = "Tag::Keys")]
impl Keys {
    /// List keys
    ///
    /// With their state; by ascending id, unless `sort` says otherwise.
    #[oai(path = "/keys", method = "get", operation_id = "list_keys")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the query")]
    async fn list(
        &self,
        access: Viewer,
        /// Most entries of the page, 1 to 1000; 100 if left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
        /// Only keys of the provider with this id.
        provider: Query<Option<i64>>,
        /// Only keys in this state.
        state: Query<Option<KeyStateWord>>,
        /// Only keys with this tag.
        tag: Query<Option<String>>,
        /// Only keys whose name, account or shown part of the secret contains this, in any case.
        search: Query<Option<String>>,
        /// By what they are sorted.
        #[oai(default)]
        sort: Query<KeySort>,
        /// Whether the greatest comes first.
        #[oai(default)]
        descending: Query<bool>,
    ) -> Result<Json<KeyPage>, ApiError> {
        let size = page_size(limit.0)?;
        let filter = KeyFilter { provider: provider.0, state: state.0, tag: tag.0, search: search.0 }.prepared();
        let (catalog, now) = (access.context().store().catalog(), access.now());
        let status = |row: &Stored<Key>| access.context().rotator.status(row.value.id, now);
        let state = |row: &Stored<Key>| access.context().rotator.state(row.value.id, now);
        let matches = |row: &&Stored<Key>| filter.finds(&row.value) && filter.allows(|| state(row));
        let order = KeyOrder { sort: sort.0, descending: descending.0 };
        let (rows, next_cursor) = match (order.sort, order.descending) {
            // In the catalog's own order the walk ends with the page.
            (KeySort::Id, false) => {
                let after = cursor_id(cursor.0.as_deref())?.map(KeyId);
                let mut rows: Vec<_> = catalog.after::<Key>(after).filter(matches).take(size + 1).collect();
                let next = next_cursor(&mut rows, size, |row| row.value.id.0);
                (rows, next)
            }
            _ => order.page(catalog.all::<Key>().filter(matches), cursor.0.as_deref(), size)?,
        };
        let keys = rows.into_iter().map(|row| KeyBody::of(row, &catalog, status(row))).collect();
        Ok(Json(KeyPage { keys, next_cursor }))
    }

    /// Create a key
    #[oai(path = "/keys", method = "post", operation_id = "create_key")]
    async fn create(&self, access: Operator, body: Body<KeyCreate>) -> Result<Created<KeyBody>, ApiError> {
        let key = KeyChange::from(body.0).create()?;
        let row = access.context().edit(access.actor(), move |edit| Ok(edit.create(key)?)).await?;
        Ok(Created::new(row.version, show(&row, &access)))
    }

    /// Get a key
    #[oai(path = "/keys/:id", method = "get", operation_id = "get_key")]
    async fn get(&self, access: Viewer, id: Path<i64>) -> Result<Found<KeyBody>, ApiError> {
        let row = find(&access, id.0)?;
        Ok(Found::new(row.version, show(&row, &access)))
    }

    /// Change a key
    ///
    /// A missing member stays as it is; null sets it back to its default or removes it. The key's state is not touched.
    #[oai(path = "/keys/:id", method = "patch", operation_id = "change_key")]
    async fn change(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Change it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<KeyChange>,
    ) -> Result<Found<KeyBody>, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        let change = move |key: &mut Key| Ok(body.0.apply(key)?);
        let row = access.context().edit(access.actor(), move |edit| Ok(edit.update(KeyId(id.0), version, change)?)).await?;
        Ok(Found::new(row.version, show(&row, &access)))
    }

    /// Delete a key
    ///
    /// Its name and secret are free at once. Within a day the deletion can be undone.
    #[oai(path = "/keys/:id", method = "delete", operation_id = "delete_key")]
    async fn delete(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Delete it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        access.context().edit(access.actor(), move |edit| Ok(edit.delete::<Key>(KeyId(id.0), version)?)).await?;
        Ok(Deleted)
    }

    /// Undo the deletion of a key
    ///
    /// 409 when its name or secret is taken meanwhile.
    #[oai(path = "/keys/:id/restore", method = "post", operation_id = "restore_key")]
    async fn restore(&self, access: Operator, id: Path<i64>) -> Result<Found<KeyBody>, ApiError> {
        let row = access.context().edit(access.actor(), move |edit| Ok(edit.restore::<Key>(KeyId(id.0))?)).await?;
        Ok(Found::new(row.version, show(&row, &access)))
    }

    /// Disable a key
    ///
    /// Until a time, or until it is enabled.
    #[oai(path = "/keys/:id/disable", method = "post", operation_id = "disable_key")]
    async fn disable(&self, access: Operator, id: Path<i64>, body: Body<DisableRequest>) -> Result<Found<KeyBody>, ApiError> {
        let row = find(&access, id.0)?;
        actions::disable(&access, &row.value, body.0).await?;
        Ok(Found::new(row.version, show(&row, &access)))
    }

    /// Enable a key
    ///
    /// It is no longer disabled, by whom ever, and no longer rests.
    #[oai(path = "/keys/:id/enable", method = "post", operation_id = "enable_key")]
    async fn enable(&self, access: Operator, id: Path<i64>) -> Result<Found<KeyBody>, ApiError> {
        let row = find(&access, id.0)?;
        actions::enable(&access, &row.value).await?;
        Ok(Found::new(row.version, show(&row, &access)))
    }

    /// Forget all verdicts about a key
    ///
    /// Rests, size limits, missing rights and learned limits are forgotten; what an operator decided stays.
    #[oai(path = "/keys/:id/reset", method = "post", operation_id = "reset_key")]
    async fn reset(&self, access: Operator, id: Path<i64>) -> Result<Found<KeyBody>, ApiError> {
        let row = find(&access, id.0)?;
        actions::reset(&access, &row.value).await?;
        Ok(Found::new(row.version, show(&row, &access)))
    }

    /// Check a key now
    ///
    /// Asks the provider as cheaply as it allows. Only an answer that says "invalid" disables the key, and only one that
    /// says "valid" brings back a key that a verdict disabled.
    #[oai(path = "/keys/:id/check", method = "post", operation_id = "check_key")]
    async fn check(&self, access: Operator, id: Path<i64>) -> Result<Json<CheckReport>, ApiError> {
        let check = checks::one(&access, KeyId(id.0)).await?;
        let row = find(&access, id.0)?;
        Ok(Json(CheckReport::new(check, show(&row, &access))))
    }

    /// List the checks of a key
    ///
    /// The newest 100, the newest first: those that were asked for, and those of the schedule.
    #[oai(path = "/keys/:id/checks", method = "get", operation_id = "list_key_checks")]
    async fn checks(&self, access: Viewer, id: Path<i64>) -> Result<Json<CheckHistory>, ApiError> {
        let key = find(&access, id.0)?.value.id;
        let checks = access.context().store().key_checks(key, 100).await?;
        Ok(Json(CheckHistory { checks: checks.iter().map(CheckBody::from).collect() }))
    }
}

/// Operations on many keys at once.
pub(super) struct ManyKeys;

#[OpenApi(prefix_path = "/api", tag = "Tag::Keys")]
impl ManyKeys {
    /// Preview pasted keys
    ///
    /// How every line is read, and what would become of it. Nothing is stored.
    #[oai(path = "/keys/preview", method = "post", operation_id = "preview_keys")]
    async fn preview(&self, access: Operator, body: Body<PastedKeys>) -> Result<Json<PastePreview>, ApiError> {
        let reading = paste::read(&body.0, &access.context().store().catalog())?;
        Ok(Json(PastePreview::of(reading)))
    }

    /// Import pasted keys
    ///
    /// All that are new, or none: the answer is a stream of server-sent events that tells the progress and ends with the
    /// result. Deleting the result's ids in bulk undoes the import.
    #[oai(path = "/keys/import", method = "post", operation_id = "import_keys")]
    async fn import(&self, access: Operator, body: Body<PastedKeys>) -> Result<EventStream<Progress>, ApiError> {
        Ok(EventStream::new(import::start(&access, body.0)?))
    }

    /// Preview keys of another gateway
    ///
    /// Which keys the rows of its tables hold, and which providers would take them. Nothing is stored.
    #[oai(path = "/keys/foreign/preview", method = "post", operation_id = "preview_foreign_keys")]
    async fn preview_foreign(&self, access: Operator, body: Body<ForeignKeys>) -> Result<Json<ForeignPreview>, ApiError> {
        Ok(Json(foreign::read(&body.0, &access.context().store().catalog())?.into_preview()))
    }

    /// Import keys of another gateway
    ///
    /// All that are new, with the providers that they need, or nothing. The answer is a stream of server-sent events, as that
    /// of an import of pasted keys. A base URL, the way a key is sent, names, tags, weights, priorities and models are taken
    /// over; model names that the gateway maps are those of the provider. What else it holds is not.
    #[oai(path = "/keys/foreign/import", method = "post", operation_id = "import_foreign_keys")]
    async fn import_foreign(&self, access: Operator, body: Body<ForeignKeys>) -> Result<EventStream<Progress>, ApiError> {
        Ok(EventStream::new(import::start_foreign(&access, body.0)?))
    }

    /// Do something with many keys
    ///
    /// Enable, disable, reset, change, delete, or undo a deletion: in one edit.
    #[oai(path = "/keys/bulk", method = "post", operation_id = "change_keys")]
    async fn bulk(&self, access: Operator, body: Body<BulkRequest>) -> Result<Json<BulkResult>, ApiError> {
        Ok(Json(bulk::run(&access, body.0).await?))
    }

    /// Check many keys now
    ///
    /// A few at once, each as one alone is checked. The answer is a stream of server-sent events that tells
    /// the progress; leaving it cancels what was not begun.
    #[oai(path = "/keys/check", method = "post", operation_id = "check_keys")]
    async fn check(&self, access: Operator, body: Body<CheckRequest>) -> Result<EventStream<checks::Progress>, ApiError> {
        Ok(EventStream::new(checks::many(&access, body.0)?))
    }

    /// Export keys
    ///
    /// Comma-separated values with a heading, without secrets.
    #[oai(path = "/keys/export", method = "get", operation_id = "export_keys")]
    async fn export(
        &self,
        access: Viewer,
        /// Only keys of the provider with this id.
        provider: Query<Option<i64>>,
        /// Only keys in this state.
        state: Query<Option<KeyStateWord>>,
        /// Only keys with this tag.
        tag: Query<Option<String>>,
        /// Only keys whose name, account or shown part of the secret contains this, in any case.
        search: Query<Option<String>>,
    ) -> Result<Table, ApiError> {
        export::without_secrets(&access, KeyFilter { provider: provider.0, state: state.0, tag: tag.0, search: search.0 })
    }

    /// Export keys with their secrets
    ///
    /// Comma-separated values with a heading that an import reads. Only for an owner who is signed in and gives their
    /// password once more; that it was done stands in the audit log.
    #[oai(path = "/keys/export", method = "post", operation_id = "export_key_secrets")]
    async fn export_secrets(&self, access: Owner, body: Body<SecretExport>) -> Result<Table, ApiError> {
        export::with_secrets(&access, body.0).await
    }
}

fn find(access: &Access, id: i64) -> Result<Stored<Key>, ApiError> {
    let not_found = || ApiError::not_found(format!("there is no key with id {id}"));
    access.context().store().catalog().get::<Key>(KeyId(id)).cloned().ok_or_else(not_found)
}

fn show(row: &Stored<Key>, access: &Access) -> KeyBody {
    let context = access.context();
    KeyBody::of(row, &context.store().catalog(), context.rotator.status(row.value.id, access.now()))
}
