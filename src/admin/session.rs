//! `/api/session`, `/api/sessions`: signing in and out.

mod body;

use poem::http::StatusCode;
use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use super::Tag;
use super::access::{Access, Anyone, Caller, Viewer, Who, csrf_token};
use super::body::Body;
use super::error::ApiError;
use crate::clock::random_bytes;
use crate::domain::{User, hash_token, new_token};
use crate::store::Session;
use body::{PasswordChange, SessionBody, SignIn};

pub(super) use body::{SignedIn, SignedOut};

/// Operations on sessions.
pub(super) struct Sessions;

#[OpenApi(prefix_path = "/api", tag = "Tag::Session")]
impl Sessions {
    /// Sign in
    ///
    /// With a name and a password, or with the secret of a link. The session is a cookie; writes made with it need the header
    /// `x-csrf-token` with the `csrf` of the answer.
    #[oai(path = "/session", method = "post", operation_id = "sign_in")]
    async fn sign_in(&self, caller: Anyone, body: Body<SignIn>) -> Result<SignedIn, ApiError> {
        match (body.0.name, body.0.password, body.0.link) {
            (Some(name), Some(password), None) => by_password(&caller, name, password).await,
            (None, None, Some(link)) => by_link(&caller, link).await,
            _ => Err(ApiError::invalid("name", "name and password must be given, or link alone")),
        }
    }

    /// Get who is signed in
    #[oai(path = "/session", method = "get", operation_id = "get_session")]
    async fn get(&self, access: Viewer) -> Result<Json<SessionBody>, ApiError> {
        Ok(Json(SessionBody::of(access.who())))
    }

    /// Sign out
    #[oai(path = "/session", method = "delete", operation_id = "sign_out")]
    async fn sign_out(&self, access: Viewer) -> Result<SignedOut, ApiError> {
        let (_, session) = own_session(&access)?;
        access.context().store().end_session(session.hash).await?;
        Ok(SignedOut::new(&access))
    }

    /// Sign out everywhere
    ///
    /// Ends every session of whoever is signed in, this one too.
    #[oai(path = "/sessions", method = "delete", operation_id = "sign_out_everywhere")]
    async fn sign_out_everywhere(&self, access: Viewer) -> Result<SignedOut, ApiError> {
        let (user, _) = own_session(&access)?;
        access.context().store().end_sessions(user.id).await?;
        Ok(SignedOut::new(&access))
    }

    /// Change the own password
    ///
    /// Ends every session of whoever is signed in and begins a new one: the answer has another cookie and another `csrf`.
    /// `old` may be left out once after a link was used that was made for setting a password.
    #[oai(path = "/session/password", method = "put", operation_id = "change_password")]
    async fn change_password(&self, access: Viewer, body: Body<PasswordChange>) -> Result<SignedIn, ApiError> {
        let (user, session) = own_session(&access)?;
        let context = access.context();
        if !session.sets_password {
            confirm_password(&access, "old", body.0.old).await?;
        }
        let hash = context.people.passwords.hash("new", body.0.new).await?;
        let new = NewSession::of(user, access.now().unix_ms);
        let (before, session) = (user.password.clone(), new.session.clone());
        let id = user.id;
        let change = move |edit: &mut crate::store::Edit<'_>| {
            let row = edit.update(id, None, |user: &mut User| {
                // Of two changes at once the later one's old password is wrong.
                if user.password != before {
                    return Err(
                        crate::domain::InvalidField { field: "old", message: "is not the present password".into() }.into()
                    );
                }
                user.password = Some(hash);
                Ok(())
            })?;
            edit.begin_session(&session)?;
            Ok::<_, ApiError>(row.value)
        };
        let user = context.edit(access.actor(), change).await?;
        Ok(new.answer(&access, &user, StatusCode::OK))
    }
}

/// Makes sure that it is still the person who signed in: they give their password once more, in the member `field`.
///
/// # Errors
/// It is missing or wrong, was tried too often, or the caller is no person but holds an admin token.
pub(super) async fn confirm_password(access: &Access, field: &'static str, given: Option<String>) -> Result<(), ApiError> {
    let (user, _) = own_session(access)?;
    let given = given.ok_or_else(|| ApiError::invalid(field, format!("{field} must be the present password")))?;
    let people = &access.context().people;
    let attempt = people.throttle.charge(Some(&user.name), access.address(), access.now().mono_ms)?;
    if !people.passwords.is_right(given, user.password.clone()).await? {
        return Err(ApiError::invalid(field, format!("{field} is not the present password")));
    }
    people.throttle.refund(attempt);
    Ok(())
}

/// A session that is about to begin.
pub(super) struct NewSession {
    secret: String,
    pub(super) session: Session,
}

impl NewSession {
    pub(super) fn of(user: &User, now_ms: i64) -> Self {
        let secret = new_token(random_bytes());
        let hash = hash_token(&secret);
        NewSession {
            secret,
            session: Session { hash, user: user.id, sets_password: false, created_ms: now_ms, seen_ms: now_ms },
        }
    }

    pub(super) fn answer(self, caller: &Caller, user: &User, status: StatusCode) -> SignedIn {
        let body = SessionBody::of_user(user, &self.session, csrf_token(&self.secret));
        SignedIn::new(caller, status, body, &self.secret)
    }
}

async fn by_password(caller: &Caller, name: String, password: String) -> Result<SignedIn, ApiError> {
    let (context, now) = (caller.context(), caller.now());
    let attempt = context.people.throttle.charge(Some(&name), caller.address(), now.mono_ms)?;
    let known = context.store().catalog().user_named(&name).map(|row| row.value.clone());
    let hash = known.as_ref().filter(|user| !user.disabled).and_then(|user| user.password.clone());
    let is_right = context.people.passwords.is_right(password, hash).await?;
    if let Some(user) = known.filter(|_| is_right) {
        let new = NewSession::of(&user, now.unix_ms);
        let actor = caller.actor_named(format!("user:{}", user.name));
        if context.store().sign_in(actor, (*user).clone(), new.session.clone()).await? {
            context.people.throttle.refund(attempt);
            return Ok(new.answer(caller, &user, StatusCode::OK));
        }
    }
    tracing::warn!(address = caller.address().map(tracing::field::display), "somebody failed to sign in");
    Err(ApiError::new(StatusCode::UNAUTHORIZED, "wrong_credentials", "the name or the password is wrong"))
}

async fn by_link(caller: &Caller, link: String) -> Result<SignedIn, ApiError> {
    let (context, now) = (caller.context(), caller.now());
    let attempt = context.people.throttle.charge(None, caller.address(), now.mono_ms)?;
    let secret = new_token(random_bytes());
    let address = caller.address().map(|address| address.to_string());
    let begun = context.store().sign_in_by_link(address, hash_token(&link), hash_token(&secret), now.unix_ms).await?;
    let user = begun.as_ref().and_then(|session| context.store().catalog().get::<User>(session.user).cloned());
    let Some((session, user)) = begun.zip(user) else { return Err(wrong_link()) };
    context.people.throttle.refund(attempt);
    Ok(NewSession { secret, session }.answer(caller, &user.value, StatusCode::OK))
}

/// A link that nobody knows, or not any more.
pub(super) fn wrong_link() -> ApiError {
    let message = "this link is wrong, was used already, or has expired: ask an owner for another one";
    ApiError::new(StatusCode::UNAUTHORIZED, "wrong_link", message)
}

fn own_session(access: &Access) -> Result<(&User, &Session), ApiError> {
    match access.who() {
        Who::User(user, session, _) => Ok((user, session)),
        _ => Err(ApiError::new(StatusCode::BAD_REQUEST, "no_session", "an admin token has no session and no password")),
    }
}
