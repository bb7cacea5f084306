//! Links that let somebody in without a password. Only their hashes are stored.

use rusqlite::{Connection, OptionalExtension, Row};

use super::edit::Edit;
use super::error::StoreError;
use super::row::parsed;
use super::{Store, durable};
use crate::domain::{TokenHash, UserId};

/// What a link is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Makes the first owner; works once.
    Setup,
    /// Lets a user in to set a password; works once.
    Password,
    /// Lets a user in, again and again until it expires; for demonstrations.
    Visit,
}

impl LinkPurpose {
    fn as_str(self) -> &'static str {
        match self {
            LinkPurpose::Setup => "setup",
            LinkPurpose::Password => "password",
            LinkPurpose::Visit => "visit",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [LinkPurpose::Setup, LinkPurpose::Password, LinkPurpose::Visit].into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// A link that lets somebody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// SHA-256 of the secret in it.
    pub hash: TokenHash,
    /// What it is good for.
    pub purpose: LinkPurpose,
    /// Whom it lets in; `None` for [`LinkPurpose::Setup`].
    pub user: Option<UserId>,
    /// Unix milliseconds after which it is refused.
    pub expires_ms: i64,
}

impl Store {
    /// Makes a link; former ones of the same purpose and user are void then. Blocks.
    pub fn add_link_blocking(&self, link: Link) -> Result<(), StoreError> {
        self.database.writer().call_blocking(move |connection| durable(connection, |transaction| Ok(put(transaction, &link)?)))
    }

    /// The link with this secret's hash, unless it has expired by `now_ms`.
    pub async fn link(&self, hash: TokenHash, now_ms: i64) -> Result<Option<Link>, StoreError> {
        self.database.readers().call(move |connection| Ok(find(connection, &hash, now_ms)?)).await
    }
}

impl Edit<'_> {
    /// Makes a link; former ones of the same purpose and user are void then.
    pub fn add_link(&mut self, link: &Link) -> Result<(), StoreError> {
        Ok(put(&self.transaction, link)?)
    }

    /// Uses the setup link up; `false` where it is none, or has expired.
    pub fn take_setup_link(&mut self, hash: &TokenHash) -> Result<bool, StoreError> {
        let link = find(&self.transaction, hash, self.now_ms())?;
        if link.is_none_or(|link| link.purpose != LinkPurpose::Setup) {
            return Ok(false);
        }
        self.transaction.execute("DELETE FROM links WHERE purpose = ?1", [LinkPurpose::Setup.as_str()])?;
        Ok(true)
    }
}

fn put(connection: &Connection, link: &Link) -> rusqlite::Result<()> {
    let (purpose, user) = (link.purpose.as_str(), link.user.map(|user| user.0));
    connection.execute("DELETE FROM links WHERE purpose = ?1 AND user IS ?2", (purpose, user))?;
    let insert = "INSERT INTO links (hash, purpose, user, expires_ms) VALUES (?1, ?2, ?3, ?4)";
    connection.execute(insert, (link.hash, purpose, user, link.expires_ms)).map(drop)
}

pub(super) fn find(connection: &Connection, hash: &TokenHash, now_ms: i64) -> rusqlite::Result<Option<Link>> {
    let select = "SELECT * FROM links WHERE hash = ?1 AND expires_ms > ?2";
    connection.query_row(select, (hash, now_ms), read).optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Link> {
    Ok(Link {
        hash: row.get("hash")?,
        purpose: parsed(row, "purpose", LinkPurpose::parse)?,
        user: row.get::<_, Option<i64>>("user")?.map(UserId),
        expires_ms: row.get("expires_ms")?,
    })
}
