//! `/api/tokens`: admin tokens, with which programs use the control plane.

mod body;

use std::collections::HashMap;

use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;

use super::Tag;
use super::access::Owner;
use super::body::Body;
use super::error::ApiError;
use super::versioned::{Created, Deleted, expected};
use super::wire::{cursor_id, next_cursor, page_size};
use crate::clock::random_bytes;
use crate::domain::{AdminToken, AdminTokenId, new_token};
use body::{TokenBody, TokenCreate, TokenPage, TokenWithSecret};

/// Operations on admin tokens.
pub(super) struct Tokens;

#[OpenApi(prefix_path = "/api", tag = "Tag::Tokens")]
impl Tokens {
    /// List admin tokens
    ///
    /// By ascending id. The token of the configuration is none of them.
    #[oai(path = "/tokens", method = "get", operation_id = "list_tokens")]
    async fn list(
        &self,
        access: Owner,
        /// Most entries of the page, 1 to 1000; 100 if left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<TokenPage>, ApiError> {
        let (size, after) = (page_size(limit.0)?, cursor_id(cursor.0.as_deref())?);
        let store = access.context().store();
        let (used, catalog) = (store.last_used::<AdminToken>().await?, store.catalog());
        let rows = catalog.after::<AdminToken>(after.map(AdminTokenId));
        let mut tokens: Vec<TokenBody> = rows.take(size + 1).map(|row| TokenBody::of(row, &used)).collect();
        let next_cursor = next_cursor(&mut tokens, size, |token| token.id);
        Ok(Json(TokenPage { tokens, next_cursor }))
    }

    /// Create an admin token
    ///
    /// The answer is the only one that ever shows the token.
    #[oai(path = "/tokens", method = "post", operation_id = "create_token")]
    async fn create(&self, access: Owner, body: Body<TokenCreate>) -> Result<Created<TokenWithSecret>, ApiError> {
        let token = new_token(random_bytes());
        let made = body.0.create(&token, access.now().unix_ms)?;
        let row = access.context().edit(access.actor(), move |edit| Ok::<_, ApiError>(edit.create(made)?)).await?;
        let admin_token = TokenBody::of(&row, &HashMap::new());
        Ok(Created::new(row.version, TokenWithSecret { admin_token, token }))
    }

    /// Revoke an admin token
    ///
    /// It is refused from then on.
    #[oai(path = "/tokens/:id", method = "delete", operation_id = "revoke_token")]
    async fn revoke(
        &self,
        access: Owner,
        id: Path<i64>,
        /// Revoke it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        access.context().edit(access.actor(), move |edit| Ok(edit.delete::<AdminToken>(AdminTokenId(id.0), version)?)).await?;
        Ok(Deleted)
    }
}
