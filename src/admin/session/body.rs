//! Sessions as the API shows and takes them.

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde::Deserialize;

use crate::admin::access::{Caller, Who, clear_cookie, set_cookie};
use crate::admin::wire::example;
use crate::domain::{Role, User};
use crate::store::Session;

/// What somebody signs in with: a name and a password, or a link.
#[derive(Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(example)]
#[derive(Default)]
pub(super) struct SignIn {
    /// The user's name, in any case of its letters.
    #[oai(nullable)]
    pub(super) name: Option<String>,
    /// The user's password.
    #[oai(nullable)]
    pub(super) password: Option<String>,
    /// The secret of a link, alone.
    #[oai(nullable)]
    pub(super) link: Option<String>,
}

example!(SignIn, { "name": "anna", "password": "correct horse battery" });

/// A new password.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(super) struct PasswordChange {
    /// The present password.
    #[serde(default)]
    #[oai(nullable)]
    pub(super) old: Option<String>,
    /// The new password: 8 or more characters, at most 1024 bytes.
    pub(super) new: String,
}

example!(PasswordChange, { "old": "correct horse battery", "new": "a better password" });

/// Who is signed in.
#[derive(Object)]
#[oai(rename = "Session", example)]
pub(in crate::admin) struct SessionBody {
    /// Who.
    user: SessionUser,
    /// What the header `x-csrf-token` of writes must say; null for an admin token, which needs none.
    #[oai(nullable)]
    csrf: Option<String>,
    /// Whether a password is to be set, without the former one: the session began with a link made for that.
    sets_password: bool,
}

/// Somebody who is signed in.
#[derive(Object)]
struct SessionUser {
    /// The user's id; null for an admin token.
    #[oai(nullable)]
    id: Option<i64>,
    /// Name, as in the audit log for an admin token.
    name: String,
    /// What they may do.
    role: Role,
}

example!(SessionBody, { "user": { "id": 1, "name": "anna", "role": "owner" }, "csrf": "0pJ…", "sets_password": false });

impl SessionBody {
    pub(super) fn of(who: &Who) -> Self {
        match who {
            Who::User(user, session, csrf) => SessionBody::of_user(user, session, csrf.clone()),
            Who::ConfiguredToken | Who::Token(_) => SessionBody {
                user: SessionUser { id: None, name: who.name(), role: who.role() },
                csrf: None,
                sets_password: false,
            },
        }
    }

    pub(super) fn of_user(user: &User, session: &Session, csrf: String) -> Self {
        SessionBody {
            user: SessionUser { id: Some(user.id.0), name: user.name.clone(), role: user.role },
            csrf: Some(csrf),
            sets_password: session.sets_password,
        }
    }
}

/// A session that begins, with its cookie.
pub(in crate::admin) struct SignedIn {
    status: StatusCode,
    body: SessionBody,
    cookie: Option<HeaderValue>,
}

impl SignedIn {
    pub(super) fn new(caller: &Caller, status: StatusCode, body: SessionBody, secret: &str) -> Self {
        SignedIn { status, body, cookie: set_cookie(caller, secret) }
    }
}

impl IntoResponse for SignedIn {
    fn into_response(self) -> Response {
        with_cookie(Json(self.body).with_status(self.status).into_response(), self.cookie)
    }
}

impl ApiResponse for SignedIn {
    fn meta() -> MetaResponses {
        let content =
            vec![MetaMediaType { content_type: Json::<SessionBody>::CONTENT_TYPE, schema: SessionBody::schema_ref() }];
        responses("Signed in.", StatusCode::OK, content)
    }

    fn register(registry: &mut Registry) {
        SessionBody::register(registry);
    }
}

/// A session that has ended: its cookie is taken back.
pub(in crate::admin) struct SignedOut(Option<HeaderValue>);

impl SignedOut {
    pub(super) fn new(caller: &Caller) -> Self {
        SignedOut(clear_cookie(caller))
    }
}

impl IntoResponse for SignedOut {
    fn into_response(self) -> Response {
        with_cookie(StatusCode::NO_CONTENT.into_response(), self.0)
    }
}

impl ApiResponse for SignedOut {
    fn meta() -> MetaResponses {
        responses("Signed out.", StatusCode::NO_CONTENT, Vec::new())
    }

    fn register(_registry: &mut Registry) {}
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    // Neither a cookie nor its proof is for anybody's cache.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn responses(description: &'static str, status: StatusCode, content: Vec<MetaMediaType>) -> MetaResponses {
    let cookie = MetaHeader {
        name: "Set-Cookie".to_owned(),
        description: Some("The session's cookie.".to_owned()),
        required: true,
        deprecated: false,
        schema: String::schema_ref(),
    };
    let status = Some(status.as_u16());
    MetaResponses { responses: vec![MetaResponse { description, status, status_range: None, content, headers: vec![cookie] }] }
}
