//! Who may use the control plane: users, and tokens for programs.

use serde::{Deserialize, Serialize};

use super::client::TokenHash;
use super::ids::{AdminTokenId, UserId};

/// What somebody may do in the control plane; each role may do all that the former may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Runs the house: keys, models, clients.
    Operator,
    /// Everything.
    Owner,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Owner];

    /// Its name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Owner => "owner",
        }
    }

    /// The role with a name.
    pub fn parse(name: &str) -> Option<Self> {
        Role::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// A person who signs in.
#[derive(Clone, Debug)]
pub struct User {
    /// Row id.
    pub id: UserId,
    /// Name to sign in with, unique in any case.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// argon2id hash of the password, as a PHC string; `None`: only a link lets the person in.
    pub password: Option<String>,
    /// Whether nothing lets the person in.
    pub disabled: bool,
}

impl User {
    /// Whether this user can rule: there must always be one.
    pub fn is_ruling(&self) -> bool {
        self.role == Role::Owner && !self.disabled
    }
}

/// A token with which a program uses the control plane.
#[derive(Clone, Debug)]
pub struct AdminToken {
    /// Row id.
    pub id: AdminTokenId,
    /// The operator's name for it, unique.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// SHA-256 of the token.
    pub token_hash: TokenHash,
    /// First characters of the token, for recognition.
    pub token_hint: String,
    /// Unix milliseconds after which it is refused; `None` is never.
    pub expires_at: Option<i64>,
}
