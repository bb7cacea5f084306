//! `/api/users`

mod body;

use std::collections::HashMap;

use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;

use super::Tag;
use super::access::{Operator, Owner};
use super::body::Body;
use super::error::ApiError;
use super::versioned::{Created, Deleted, Found, expected};
use super::wire::{cursor_id, next_cursor, page_size};
use crate::domain::{User, UserId};
use body::{LinkBody, NewLink, UserBody, UserChange, UserCreate, UserPage, UserWithLink};

/// Operations on users.
pub(super) struct Users;

#[OpenApi(prefix_path = "/api", tag = "Tag::Users")]
impl Users {
    /// List users
    ///
    /// By ascending id.
    #[oai(path = "/users", method = "get", operation_id = "list_users")]
    async fn list(
        &self,
        access: Operator,
        /// Most entries of the page, 1 to 1000; 100 if left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
        /// Only users whose name contains this, in any case.
        search: Query<Option<String>>,
    ) -> Result<Json<UserPage>, ApiError> {
        let (size, after) = (page_size(limit.0)?, cursor_id(cursor.0.as_deref())?);
        let search = search.0.unwrap_or_default().to_lowercase();
        let store = access.context().store();
        let (seen, catalog) = (store.last_used::<User>().await?, store.catalog());
        let rows = catalog.after::<User>(after.map(UserId)).filter(|row| row.value.name.to_lowercase().contains(&search));
        let mut users: Vec<UserBody> = rows.take(size + 1).map(|row| UserBody::of(row, &seen)).collect();
        let next_cursor = next_cursor(&mut users, size, |user| user.id);
        Ok(Json(UserPage { users, next_cursor }))
    }

    /// Create a user
    ///
    /// Without a password the answer has a link, which lets the person in once to set one.
    #[oai(path = "/users", method = "post", operation_id = "create_user")]
    async fn create(&self, access: Owner, body: Body<UserCreate>) -> Result<Created<UserWithLink>, ApiError> {
        let UserCreate { name, role, password } = body.0;
        let context = access.context();
        let link = password.is_none().then(|| NewLink::of(access.now().unix_ms));
        let password = match password {
            Some(password) => Some(context.people.passwords.hash("password", password).await?),
            None => None,
        };
        let user = User { id: UserId(0), name, role, password, disabled: false };
        let make = move |edit: &mut crate::store::Edit<'_>| {
            let row = edit.create(user)?;
            if let Some(link) = &link {
                edit.add_link(&link.for_user(row.value.id))?;
            }
            Ok::<_, ApiError>((row, link))
        };
        let (row, link) = context.edit(access.actor(), make).await?;
        let link = link.map(|link| LinkBody::of(link, &context.people.base_path));
        Ok(Created::new(row.version, UserWithLink { user: UserBody::of(&row, &HashMap::new()), link }))
    }

    /// Get a user
    #[oai(path = "/users/:id", method = "get", operation_id = "get_user")]
    async fn get(&self, access: Operator, id: Path<i64>) -> Result<Found<UserBody>, ApiError> {
        let store = access.context().store();
        let (seen, catalog) = (store.last_used::<User>().await?, store.catalog());
        let row = catalog.get::<User>(UserId(id.0)).ok_or_else(|| no_user(id.0))?;
        Ok(Found::new(row.version, UserBody::of(row, &seen)))
    }

    /// Change a user
    ///
    /// A missing member stays as it is. Another role, or being disabled, ends the user's sessions and voids links. The last
    /// owner can be neither disabled nor given another role.
    #[oai(path = "/users/:id", method = "patch", operation_id = "change_user")]
    async fn change(
        &self,
        access: Owner,
        id: Path<i64>,
        /// Change it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<UserChange>,
    ) -> Result<Found<UserBody>, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        let change = move |user: &mut User| Ok(body.0.apply(user)?);
        let edit = move |edit: &mut crate::store::Edit<'_>| Ok::<_, ApiError>(edit.update(UserId(id.0), version, change)?);
        let row = access.context().edit(access.actor(), edit).await?;
        let seen = access.context().store().last_used::<User>().await?;
        Ok(Found::new(row.version, UserBody::of(&row, &seen)))
    }

    /// Make a link that lets a user in to set a password
    ///
    /// Works once, within a day; a former link is void. The present password stays until another one is set. The answer is
    /// the only one that ever shows the link.
    #[oai(path = "/users/:id/link", method = "post", operation_id = "make_user_link")]
    async fn link(&self, access: Owner, id: Path<i64>) -> Result<Json<LinkBody>, ApiError> {
        let (context, user) = (access.context(), UserId(id.0));
        let link = NewLink::of(access.now().unix_ms);
        let make = move |edit: &mut crate::store::Edit<'_>| {
            let row = edit.catalog().get::<User>(user).ok_or_else(|| no_user(user.0))?;
            if row.value.disabled {
                return Err(ApiError::invalid("id", "this user is disabled: no link would let the person in"));
            }
            edit.add_link(&link.for_user(user))?;
            edit.note::<User>(user, "make link", serde_json::Map::new())?;
            Ok(link)
        };
        let link = context.edit(access.actor(), make).await?;
        Ok(Json(LinkBody::of(link, &context.people.base_path)))
    }

    /// Delete a user
    ///
    /// Ends the user's sessions. The last owner cannot be deleted.
    #[oai(path = "/users/:id", method = "delete", operation_id = "delete_user")]
    async fn delete(
        &self,
        access: Owner,
        id: Path<i64>,
        /// Delete it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        access.context().edit(access.actor(), move |edit| Ok(edit.delete::<User>(UserId(id.0), version)?)).await?;
        Ok(Deleted)
    }
}

fn no_user(id: i64) -> ApiError {
    ApiError::not_found(format!("there is no user with id {id}"))
}
