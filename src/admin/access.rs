//! Who may do what: a handler gets at the application only through the role that it demands, so none works without one.

mod cookie;
mod declared;
mod examples;
mod lasting;
mod origin;

use std::net::IpAddr;
use std::sync::Arc;

use poem::http::uri::Scheme;
use poem::http::{StatusCode, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use subtle::ConstantTimeEq;

use super::AdminContext;
use super::error::ApiError;
use super::wire::words;
use crate::domain::{AdminToken, Moment, Role, User, hash_token};
use crate::store::{Actor, Session};

pub(super) use cookie::{clear_cookie, csrf_token, set_cookie};
pub(super) use declared::{assert_declared, document};

words!(Role, "Role", ["viewer", "operator", "owner"]);

/// A session ends when nobody has used it for so long,
const IDLE_MS: i64 = 7 * 24 * 3_600_000;
/// or so long after it began.
const LONGEST_MS: i64 = 30 * 24 * 3_600_000;
/// What was used is noted again after so long.
const NOTED_MS: i64 = 60_000;

/// Where a request comes from, and the application.
pub(super) struct Caller {
    context: Arc<AdminContext>,
    address: Option<IpAddr>,
    is_encrypted: bool,
}

impl Caller {
    /// The application.
    pub(super) fn context(&self) -> &Arc<AdminContext> {
        &self.context
    }

    /// Now.
    pub(super) fn now(&self) -> Moment {
        self.context.clock.now()
    }

    /// The client's address; `None` on a Unix socket.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Whether the client's side of the connection is encrypted, so that its cookies may be bound to that.
    pub(super) fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Somebody by this name, for the audit log.
    pub(super) fn actor_named(&self, name: String) -> Actor {
        Actor { name, address: self.address.map(|address| address.to_string()), now_ms: self.now().unix_ms }
    }

    fn of(request: &Request) -> Result<Self, ApiError> {
        let context = request.data::<Arc<AdminContext>>().ok_or_else(unauthorized)?.clone();
        let address = request.remote_addr().as_socket_addr().map(|address| address.ip().to_canonical());
        Ok(Caller { context, address, is_encrypted: *request.scheme() == Scheme::HTTPS })
    }
}

/// Who was let in.
pub(super) enum Who {
    /// The holder of the admin token of the configuration: an owner.
    ConfiguredToken,
    /// The holder of an admin token that was made in the control plane.
    Token(Arc<AdminToken>),
    /// A user who is signed in.
    User(Arc<User>, Session, String),
}

impl Who {
    /// What they may do.
    pub(super) fn role(&self) -> Role {
        match self {
            Who::ConfiguredToken => Role::Owner,
            Who::Token(token) => token.role,
            Who::User(user, ..) => user.role,
        }
    }

    /// Their name in the audit log.
    pub(super) fn name(&self) -> String {
        match self {
            Who::ConfiguredToken => "admin token".to_owned(),
            Who::Token(token) => format!("token:{}", token.name),
            Who::User(user, ..) => format!("user:{}", user.name),
        }
    }
}

/// Somebody who was let in.
pub(super) struct Access {
    caller: Caller,
    who: Who,
    /// What they had to be.
    demanded: Role,
}

impl std::ops::Deref for Access {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl Access {
    /// Who it is.
    pub(super) fn who(&self) -> &Who {
        &self.who
    }

    /// Who is to stand in the audit log.
    pub(super) fn actor(&self) -> Actor {
        self.caller.actor_named(self.who.name())
    }
}

macro_rules! role {
    ($(#[$doc:meta])* $name:ident($inner:ty), $declared:expr, $let_in:expr) => {
        $(#[$doc])*
        pub(super) struct $name($inner);

        impl std::ops::Deref for $name {
            type Target = $inner;

            fn deref(&self) -> &$inner {
                &self.0
            }
        }

        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                declared::register(registry);
            }

            fn security_schemes() -> Vec<&'static str> {
                vec![$declared]
            }

            async fn from_request(
                request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok($name($let_in(request).await?))
            }
        }
    };
}

role!(
    /// Demands nothing: for signing in.
    Anyone(Caller),
    declared::ANYONE,
    let_anyone_in
);
role!(
    /// Demands that the caller may look.
    Viewer(Access),
    Role::Viewer.as_str(),
    async |request| let_in(request, Role::Viewer).await
);
role!(
    /// Demands that the caller may run the house.
    Operator(Access),
    Role::Operator.as_str(),
    async |request| let_in(request, Role::Operator).await
);
role!(
    /// Demands that the caller may do everything.
    Owner(Access),
    Role::Owner.as_str(),
    async |request| let_in(request, Role::Owner).await
);

async fn let_anyone_in(request: &Request) -> Result<Caller, ApiError> {
    if !request.method().is_safe() {
        origin::check(request)?;
    }
    Caller::of(request)
}

async fn let_in(request: &Request, demanded: Role) -> Result<Access, ApiError> {
    let caller = Caller::of(request)?;
    let who = match request.header(header::AUTHORIZATION).and_then(bearer) {
        Some(token) => holder(&caller, token)?,
        None => signed_in(&caller, request).await?,
    };
    if who.role() < demanded {
        let message = format!("this needs the role {}; yours is {}", demanded.as_str(), who.role().as_str());
        return Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", message));
    }
    note_use(&caller, &who);
    Ok(Access { caller, who, demanded })
}

fn unauthorized() -> ApiError {
    let message = "sign in, or send an admin token as `Authorization: Bearer …`";
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Both sides of each comparison are hashes, and it takes the same time whatever they are.
fn holder(caller: &Caller, token: &str) -> Result<Who, ApiError> {
    let given = hash_token(token);
    if caller.context.admin_token.as_ref().is_some_and(|token| bool::from(token.ct_eq(&given))) {
        return Ok(Who::ConfiguredToken);
    }
    let catalog = caller.context.store().catalog();
    let found = catalog.all::<AdminToken>().find(|row| bool::from(row.value.token_hash.ct_eq(&given)));
    let token = &found.ok_or_else(unauthorized)?.value;
    if !is_in_time(token, caller.now().unix_ms) {
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "token_expired", "this admin token has expired"));
    }
    Ok(Who::Token(token.clone()))
}

fn is_in_time(token: &AdminToken, now_ms: i64) -> bool {
    token.expires_at.is_none_or(|at| at > now_ms)
}

async fn signed_in(caller: &Caller, request: &Request) -> Result<Who, ApiError> {
    for secret in cookie::secrets(request) {
        let Some((user, session)) = session_of(caller, secret).await? else { continue };
        let csrf = csrf_token(secret);
        if !request.method().is_safe() {
            origin::check(request)?;
            let given = request.header(cookie::CSRF_HEADER).unwrap_or_default();
            if !bool::from(given.as_bytes().ct_eq(csrf.as_bytes())) {
                let message = "the header x-csrf-token must be what GET /api/session says";
                return Err(ApiError::new(StatusCode::FORBIDDEN, "csrf", message));
            }
        }
        return Ok(Who::User(user, session, csrf));
    }
    Err(unauthorized())
}

async fn session_of(caller: &Caller, secret: &str) -> Result<Option<(Arc<User>, Session)>, ApiError> {
    let store = caller.context.store();
    let Some(session) = store.session(hash_token(secret)).await? else { return Ok(None) };
    let lasts = session_in_time(&session, caller.now().unix_ms);
    let user = store.catalog().get::<User>(session.user).map(|row| row.value.clone());
    Ok(user.filter(|user| lasts && !user.disabled).map(|user| (user, session)))
}

fn session_in_time(session: &Session, now_ms: i64) -> bool {
    session.seen_ms + IDLE_MS > now_ms && session.created_ms + LONGEST_MS > now_ms
}

/// Notes now and then that somebody is at work. Nobody waits for it, and it may fail.
fn note_use(caller: &Caller, who: &Who) {
    let now_ms = caller.now().unix_ms;
    let store = caller.context.store().clone();
    match who {
        Who::ConfiguredToken => {}
        Who::Token(token) => {
            let mut noted = caller.context.people.tokens_noted.lock();
            let last = noted.entry(token.id).or_insert(i64::MIN);
            if last.saturating_add(NOTED_MS) <= now_ms {
                *last = now_ms;
                let id = token.id;
                tokio::spawn(async move { store.touch::<AdminToken>(id, now_ms).await });
            }
        }
        Who::User(user, session, _) if session.seen_ms + NOTED_MS <= now_ms => {
            let (user, session) = (user.id, session.hash);
            tokio::spawn(async move {
                store.touch_session(session, now_ms).await?;
                store.touch::<User>(user, now_ms).await
            });
        }
        Who::User(..) => {}
    }
}

impl AdminContext {
    /// Forgets sessions that have ended by themselves, and links that have expired.
    pub async fn forget_sessions(&self) -> Result<(), crate::store::StoreError> {
        let now_ms = self.clock.now().unix_ms;
        self.store().forget_sessions(now_ms - IDLE_MS, now_ms - LONGEST_MS, now_ms).await
    }
}
