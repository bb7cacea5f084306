//! Who may do what: a handler gets at the application only through the role that it demands, so none works without one.

use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use subtle::ConstantTimeEq;

use super::AdminContext;
use super::error::ApiError;
use crate::domain::{Moment, hash_token};
use crate::store::Actor;

/// What somebody may do; each role may do all that the former may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Looks.
    Viewer,
    /// Runs the house: keys, models, clients.
    Operator,
    /// Everything.
    Owner,
}

/// Somebody who was let in.
pub(super) struct Access {
    context: Arc<AdminContext>,
    name: String,
    address: Option<String>,
}

impl Access {
    /// The application.
    pub(super) fn context(&self) -> &Arc<AdminContext> {
        &self.context
    }

    /// Now.
    pub(super) fn now(&self) -> Moment {
        self.context.clock.now()
    }

    /// Who is to stand in the audit log.
    pub(super) fn actor(&self) -> Actor {
        Actor { name: self.name.clone(), address: self.address.clone(), now_ms: self.now().unix_ms }
    }
}

macro_rules! role {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub(super) struct $name(Access);

        impl std::ops::Deref for $name {
            type Target = Access;

            fn deref(&self) -> &Access {
                &self.0
            }
        }

        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                registry.create_security_scheme(SCHEME, scheme());
            }

            fn security_schemes() -> Vec<&'static str> {
                vec![SCHEME]
            }

            async fn from_request(
                request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok($name(let_in(request, Role::$name)?))
            }
        }
    };
}

role!(
    /// Demands that the caller may look.
    Viewer
);
role!(
    /// Demands that the caller may run the house.
    Operator
);
role!(
    /// Demands that the caller may do everything.
    Owner
);

const SCHEME: &str = "admin_token";

fn scheme() -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty: "http",
        description: Some("The admin token, as `Authorization: Bearer TOKEN`."),
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    }
}

fn let_in(request: &Request, demanded: Role) -> Result<Access, ApiError> {
    let refused = || ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", "the admin token is missing or wrong");
    let context = request.data::<Arc<AdminContext>>().ok_or_else(refused)?;
    let given = request.header(header::AUTHORIZATION).and_then(bearer).ok_or_else(refused)?;
    // Both sides are hashes: comparing them tells nothing about the token.
    let is_admin = context.admin_token.as_ref().is_some_and(|token| bool::from(token.ct_eq(&hash_token(given))));
    if !is_admin {
        return Err(refused());
    }
    let role = Role::Owner;
    if role < demanded {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", "this role may not do that"));
    }
    let address = request.remote_addr().as_socket_addr().map(|address| address.ip().to_canonical().to_string());
    Ok(Access { context: context.clone(), name: "admin token".to_owned(), address })
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
