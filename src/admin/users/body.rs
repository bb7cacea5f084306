//! Users as the API shows and takes them.

use std::collections::HashMap;

use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;
use serde::Deserialize;

use crate::admin::wire::{example, required};
use crate::clock::random_bytes;
use crate::domain::{InvalidField, Role, User, UserId, hash_token, new_token, to_rfc3339};
use crate::store::{Link, LinkPurpose, Stored};

/// How long a link works that lets a user in to set a password.
const LINK_MS: i64 = 24 * 3_600_000;

/// A user to be made.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(super) struct UserCreate {
    /// Name to sign in with, unique in any case of its letters.
    pub(super) name: String,
    /// What the user may do.
    pub(super) role: Role,
    /// Password: 8 or more characters, at most 1024 bytes; left out: the answer has a link instead.
    #[serde(default)]
    #[oai(nullable)]
    pub(super) password: Option<String>,
}

example!(UserCreate, { "name": "bert", "role": "operator" });

/// What to change of a user.
#[derive(Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(example)]
pub(super) struct UserChange {
    /// Name to sign in with, unique in any case of its letters.
    name: MaybeUndefined<String>,
    /// What the user may do.
    role: MaybeUndefined<Role>,
    /// Whether nothing lets the user in.
    disabled: MaybeUndefined<bool>,
}

example!(UserChange, { "role": "viewer" });

impl UserChange {
    pub(super) fn apply(self, user: &mut User) -> Result<(), InvalidField> {
        user.name = required("name", self.name)?.unwrap_or_else(|| user.name.clone());
        user.role = required("role", self.role)?.unwrap_or(user.role);
        user.disabled = required("disabled", self.disabled)?.unwrap_or(user.disabled);
        Ok(())
    }
}

/// A user.
#[derive(Object)]
#[oai(rename = "User", example)]
pub(super) struct UserBody {
    /// Id.
    pub(super) id: i64,
    /// Version, as in `ETag`.
    version: i64,
    /// When the user was made.
    created_at: String,
    /// When the user was last changed.
    updated_at: String,
    /// Name to sign in with.
    name: String,
    /// What the user may do.
    role: Role,
    /// Whether nothing lets the user in.
    disabled: bool,
    /// Whether a password is set; if not, only a link lets the user in.
    has_password: bool,
    /// When the user was last at work, about; null: never.
    #[oai(nullable)]
    last_used_at: Option<String>,
}

example!(UserBody, {
    "id": 2, "version": 1, "created_at": "2026-11-25T10:00:00Z", "updated_at": "2026-11-25T10:00:00Z", "name": "bert",
    "role": "operator", "disabled": false, "has_password": true, "last_used_at": "2026-11-25T10:05:00Z",
});

impl UserBody {
    /// `last_used`: when users were last at work, by their numbers.
    pub(super) fn of(row: &Stored<User>, last_used: &HashMap<i64, i64>) -> Self {
        let user = &*row.value;
        UserBody {
            id: user.id.0,
            version: row.version,
            created_at: to_rfc3339(row.created_ms),
            updated_at: to_rfc3339(row.updated_ms),
            name: user.name.clone(),
            role: user.role,
            disabled: user.disabled,
            has_password: user.password.is_some(),
            last_used_at: last_used.get(&user.id.0).map(|at| to_rfc3339(*at)),
        }
    }
}

/// A page of users.
#[derive(Object)]
pub(super) struct UserPage {
    /// The users.
    pub(super) users: Vec<UserBody>,
    /// Where the next page begins; null: this is the last.
    #[oai(nullable)]
    pub(super) next_cursor: Option<String>,
}

/// A user, and the link that lets the person in to set a password.
#[derive(Object)]
pub(super) struct UserWithLink {
    /// The user.
    pub(super) user: UserBody,
    /// The link, which no other answer shows; null where a password was given.
    #[oai(nullable)]
    pub(super) link: Option<LinkBody>,
}

/// A link that lets a user in, once.
#[derive(Object)]
#[oai(rename = "UserLink", example)]
pub(super) struct LinkBody {
    /// Its secret, as `POST /api/session` takes it.
    link: String,
    /// The page that uses it, behind scheme, host and port of this installation.
    path: String,
    /// When it expires.
    expires_at: String,
}

example!(LinkBody, { "link": "kw-…", "path": "/#/sign-in?link=kw-…", "expires_at": "2026-11-26T10:00:00Z" });

impl LinkBody {
    pub(super) fn of(link: NewLink, base_path: &str) -> Self {
        let NewLink { secret, expires_ms } = link;
        let path = format!("{base_path}/#/sign-in?link={secret}");
        LinkBody { link: secret, path, expires_at: to_rfc3339(expires_ms) }
    }
}

/// A link that is about to be made.
pub(super) struct NewLink {
    secret: String,
    expires_ms: i64,
}

impl NewLink {
    pub(super) fn of(now_ms: i64) -> Self {
        NewLink { secret: new_token(random_bytes()), expires_ms: now_ms + LINK_MS }
    }

    pub(super) fn for_user(&self, user: UserId) -> Link {
        let hash = hash_token(&self.secret);
        Link { hash, purpose: LinkPurpose::Password, user: Some(user), expires_ms: self.expires_ms }
    }
}
