//! Admin tokens as the API shows and takes them.

use std::collections::HashMap;

use poem_openapi::Object;
use poem_openapi::types::ToJSON;
use serde::Deserialize;

use crate::admin::wire::example;
use crate::domain::{AdminToken, AdminTokenId, InvalidField, Role, from_rfc3339, hash_token, to_rfc3339, token_hint};
use crate::store::Stored;

/// An admin token to be made.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "AdminTokenCreate", example)]
pub(super) struct TokenCreate {
    /// Name, unique.
    name: String,
    /// What its holder may do.
    role: Role,
    /// When it ends, RFC 3339; null is never.
    #[serde(default)]
    #[oai(nullable)]
    expires_at: Option<String>,
}

example!(TokenCreate, { "name": "ci", "role": "operator", "expires_at": "2027-01-31T00:00:00Z" });

impl TokenCreate {
    pub(super) fn create(self, secret: &str, now_ms: i64) -> Result<AdminToken, InvalidField> {
        let read = |text: String| {
            let message = "must be an RFC 3339 time to come, such as 2027-01-31T00:00:00Z".to_owned();
            let time = from_rfc3339(&text).filter(|at| *at > now_ms);
            time.ok_or(InvalidField { field: "expires_at", message })
        };
        Ok(AdminToken {
            id: AdminTokenId(0),
            name: self.name,
            role: self.role,
            token_hash: hash_token(secret),
            token_hint: token_hint(secret)?,
            expires_at: self.expires_at.map(read).transpose()?,
        })
    }
}

/// An admin token.
#[derive(Object)]
#[oai(rename = "AdminToken", example)]
pub(super) struct TokenBody {
    /// Id.
    pub(super) id: i64,
    /// Version, as in `ETag`.
    version: i64,
    /// When it was made.
    created_at: String,
    /// Name.
    name: String,
    /// What its holder may do.
    role: Role,
    /// First characters of the token.
    token_hint: String,
    /// When it ends; null is never.
    #[oai(nullable)]
    expires_at: Option<String>,
    /// When it was last used, about; null: never.
    #[oai(nullable)]
    last_used_at: Option<String>,
}

example!(TokenBody, {
    "id": 1, "version": 1, "created_at": "2026-11-25T10:00:00Z", "name": "ci", "role": "operator", "token_hint": "kw-AbCd…",
    "expires_at": "2027-01-31T00:00:00Z", "last_used_at": null,
});

impl TokenBody {
    /// `last_used`: when tokens were last used, by their numbers.
    pub(super) fn of(row: &Stored<AdminToken>, last_used: &HashMap<i64, i64>) -> Self {
        let token = &*row.value;
        TokenBody {
            id: token.id.0,
            version: row.version,
            created_at: to_rfc3339(row.created_ms),
            name: token.name.clone(),
            role: token.role,
            token_hint: token.token_hint.clone(),
            expires_at: token.expires_at.map(to_rfc3339),
            last_used_at: last_used.get(&token.id.0).map(|at| to_rfc3339(*at)),
        }
    }
}

/// An admin token and its secret, which no other answer shows.
#[derive(Object)]
#[oai(rename = "AdminTokenWithSecret", example)]
pub(super) struct TokenWithSecret {
    /// What is known of it.
    pub(super) admin_token: TokenBody,
    /// The token itself.
    pub(super) token: String,
}

/// A page of admin tokens.
#[derive(Object)]
#[oai(rename = "AdminTokenPage")]
pub(super) struct TokenPage {
    /// The tokens.
    pub(super) tokens: Vec<TokenBody>,
    /// Where the next page begins; null: this is the last.
    #[oai(nullable)]
    pub(super) next_cursor: Option<String>,
}

example!(TokenWithSecret, { "admin_token": TokenBody::example().to_json(), "token": "kwa-…" });
