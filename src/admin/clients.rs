//! `/api/clients`

mod body;

use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;

use super::Tag;
use super::access::{Access, Operator, Viewer};
use super::body::Body;
use super::error::ApiError;
use super::usage::RecentUses;
use super::versioned::{Created, Deleted, Found, expected};
use super::wire::{cursor_id, next_cursor, page_size};
use crate::clock::random_bytes;
use crate::domain::{Client, ClientId, FormerToken, hash_token, new_token, token_hint};
use crate::store::{Dimension, Stored};
use body::{ClientBody, ClientChange, ClientCreate, ClientFacts, ClientPage, ClientWithToken, TokenChange};

/// Longest time for which two tokens are taken: 30 days.
const LONGEST_OVERLAP_S: u64 = 30 * 24 * 3600;

/// Operations on clients.
pub(super) struct Clients;

#[OpenApi(prefix_path = "/api", tag = "Tag::Clients")]
impl Clients {
    /// List clients
    ///
    /// By ascending id.
    #[oai(path = "/clients", method = "get", operation_id = "list_clients")]
    async fn list(
        &self,
        access: Viewer,
        /// Most entries of the page, 1 to 1000; 100 if left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
        /// Only clients whose name contains this, in any case.
        search: Query<Option<String>>,
    ) -> Result<Json<ClientPage>, ApiError> {
        let (size, after) = (page_size(limit.0)?, cursor_id(cursor.0.as_deref())?);
        let search = search.0.unwrap_or_default().to_lowercase();
        let catalog = access.context().store().catalog();
        let rows = catalog.after::<Client>(after.map(ClientId)).filter(|row| row.value.name.to_lowercase().contains(&search));
        let uses = uses(&access).await?;
        let mut clients: Vec<ClientBody> = rows.take(size + 1).map(|row| show_with(row, &access, &uses)).collect();
        let next_cursor = next_cursor(&mut clients, size, |client| client.id);
        Ok(Json(ClientPage { clients, next_cursor }))
    }

    /// Create a client
    ///
    /// The answer is the only one that ever shows the token.
    #[oai(path = "/clients", method = "post", operation_id = "create_client")]
    async fn create(&self, access: Operator, body: Body<ClientCreate>) -> Result<Created<ClientWithToken>, ApiError> {
        let mut change = ClientChange::from(body.0);
        let token = change.take_token().unwrap_or_else(|| new_token(random_bytes()));
        let client = change.create(&token)?;
        let row = access.context().edit(access.actor(), move |edit| Ok(edit.create(client)?)).await?;
        Ok(Created::new(row.version, ClientWithToken { client: show(&row, &access).await?, token }))
    }

    /// Get a client
    #[oai(path = "/clients/:id", method = "get", operation_id = "get_client")]
    async fn get(&self, access: Viewer, id: Path<i64>) -> Result<Found<ClientBody>, ApiError> {
        let catalog = access.context().store().catalog();
        let not_found = || ApiError::not_found(format!("there is no client with id {}", id.0));
        let row = catalog.get::<Client>(ClientId(id.0)).ok_or_else(not_found)?;
        Ok(Found::new(row.version, show(row, &access).await?))
    }

    /// Change a client
    ///
    /// A missing member stays as it is; null sets it back to its default or removes it.
    #[oai(path = "/clients/:id", method = "patch", operation_id = "change_client")]
    async fn change(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Change it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<ClientChange>,
    ) -> Result<Found<ClientBody>, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        let change = move |client: &mut Client| Ok(body.0.apply(client)?);
        let row = access.context().edit(access.actor(), move |edit| Ok(edit.update(ClientId(id.0), version, change)?)).await?;
        Ok(Found::new(row.version, show(&row, &access).await?))
    }

    /// Give a client another token
    ///
    /// The former one is refused from then on, or after `overlap_s`. The answer is the only one that ever shows the new one.
    #[oai(path = "/clients/:id/token", method = "post", operation_id = "change_client_token")]
    async fn change_token(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Change it only if the client still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<TokenChange>,
    ) -> Result<Found<ClientWithToken>, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        let token = body.0.token.unwrap_or_else(|| new_token(random_bytes()));
        let (token_hint, token_hash) = (token_hint(&token)?, hash_token(&token));
        if body.0.overlap_s > LONGEST_OVERLAP_S {
            return Err(ApiError::invalid(
                "overlap_s",
                format!("overlap_s must be at most {LONGEST_OVERLAP_S}, which is 30 days"),
            ));
        }
        let until_ms = access.now().unix_ms + 1000 * body.0.overlap_s as i64;
        let change = move |client: &mut Client| {
            let former = FormerToken { hash: client.token_hash, until_ms };
            client.former_token = (body.0.overlap_s > 0).then_some(former);
            client.token_hint = token_hint;
            client.token_hash = token_hash;
            Ok(())
        };
        let row = access.context().edit(access.actor(), move |edit| Ok(edit.update(ClientId(id.0), version, change)?)).await?;
        Ok(Found::new(row.version, ClientWithToken { client: show(&row, &access).await?, token }))
    }

    /// Delete a client
    ///
    /// Its token is refused from then on. Within a day the deletion can be undone.
    #[oai(path = "/clients/:id", method = "delete", operation_id = "delete_client")]
    async fn delete(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Delete it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        access.context().edit(access.actor(), move |edit| Ok(edit.delete::<Client>(ClientId(id.0), version)?)).await?;
        Ok(Deleted)
    }

    /// Undo the deletion of a client
    ///
    /// 409 when its name or token is taken meanwhile.
    #[oai(path = "/clients/:id/restore", method = "post", operation_id = "restore_client")]
    async fn restore(&self, access: Operator, id: Path<i64>) -> Result<Found<ClientBody>, ApiError> {
        let row = access.context().edit(access.actor(), move |edit| Ok(edit.restore::<Client>(ClientId(id.0))?)).await?;
        Ok(Found::new(row.version, show(&row, &access).await?))
    }
}

type Uses = RecentUses<i64>;

async fn uses(access: &Access) -> Result<Uses, ApiError> {
    RecentUses::read(access, Dimension::Client, |member| member.id).await
}

async fn show(row: &Stored<Client>, access: &Access) -> Result<ClientBody, ApiError> {
    Ok(show_with(row, access, &uses(access).await?))
}

fn show_with(row: &Stored<Client>, access: &Access, uses: &Uses) -> ClientBody {
    let (client, quota) = (&*row.value, &access.context().quota);
    let facts = ClientFacts {
        used: quota.remaining(client, access.now()),
        last_use: quota.last_use(client.id),
        last_24h: uses.of(&client.id.0),
    };
    ClientBody::of(row, facts)
}
