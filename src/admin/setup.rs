//! `/api/setup`: the first owner, made with the link that a start without users prints.

use poem::http::StatusCode;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::Tag;
use super::access::Anyone;
use super::body::Body;
use super::error::ApiError;
use super::session::{NewSession, SignedIn, wrong_link};
use super::wire::example;
use crate::domain::{Role, User, UserId, hash_token};

/// Operations of the first start.
pub(super) struct Setup;

#[OpenApi(prefix_path = "/api", tag = "Tag::Setup")]
impl Setup {
    /// Get whether the first owner is still to be made
    #[oai(path = "/setup", method = "get", operation_id = "get_setup")]
    async fn get(&self, caller: Anyone) -> Result<Json<SetupBody>, ApiError> {
        let needed = caller.context().store().catalog().all::<User>().next().is_none();
        Ok(Json(SetupBody { needed }))
    }

    /// Make the first owner
    ///
    /// Works once, with the token in the link that the start has printed; begins a session.
    #[oai(path = "/setup", method = "post", operation_id = "set_up")]
    async fn set_up(&self, caller: Anyone, body: Body<SetupRequest>) -> Result<SignedIn, ApiError> {
        let (context, now, SetupRequest { token, name, password }) = (caller.context(), caller.now(), body.0);
        let link = hash_token(&token);
        let attempt = context.people.throttle.charge(None, caller.address(), now.mono_ms)?;
        if context.store().catalog().all::<User>().next().is_some() {
            return Err(done_already());
        }
        // Looked at first, so that only who has the link makes Keywheel work on a password; used up in the edit.
        context.store().link(link, now.unix_ms).await?.ok_or_else(wrong_setup_link)?;
        let password = Some(context.people.passwords.hash("password", password).await?);
        let owner = User { id: UserId(0), name: name.clone(), role: Role::Owner, password, disabled: false };
        let make = move |edit: &mut crate::store::Edit<'_>| {
            if edit.catalog().all::<User>().next().is_some() {
                return Err(done_already());
            }
            if !edit.take_setup_link(&link)? {
                return Err(wrong_setup_link());
            }
            let row = edit.create(owner)?;
            let new = NewSession::of(&row.value, now.unix_ms);
            edit.begin_session(&new.session)?;
            Ok((row.value, new))
        };
        let (user, new) = context.edit(caller.actor_named(format!("user:{name}")), make).await?;
        context.people.throttle.refund(attempt);
        Ok(new.answer(&caller, &user, StatusCode::OK))
    }
}

fn done_already() -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "set_up_already", "there is an owner already: sign in")
}

fn wrong_setup_link() -> ApiError {
    ApiError {
        message: "this link is wrong or has expired: start keywheel again, and it prints a new one".into(),
        ..wrong_link()
    }
}

/// Whether something is to be set up.
#[derive(Object)]
#[oai(rename = "Setup", example)]
struct SetupBody {
    /// Whether the first owner is still to be made.
    needed: bool,
}

/// The first owner.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example)]
struct SetupRequest {
    /// The token in the link.
    token: String,
    /// Name to sign in with.
    name: String,
    /// Password: 8 or more characters, at most 1024 bytes.
    password: String,
}

example!(SetupRequest, { "token": "kw-…", "name": "anna", "password": "correct horse battery" });
example!(SetupBody, { "needed": false });
