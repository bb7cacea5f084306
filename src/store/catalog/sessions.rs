//! Sessions: who is signed in, and when a user or an admin token was last at work.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Map;

use super::audit::{self, Actor};
use super::edit::Edit;
use super::error::StoreError;
use super::links::{self, LinkPurpose};
use super::row::Noun;
use super::{Store, durable, relaxed};
use crate::domain::{TokenHash, User, UserId};

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the secret in the cookie.
    pub hash: TokenHash,
    /// Who.
    pub user: UserId,
    /// Whether a password may be set without the former one: the session began with a link made for that.
    pub sets_password: bool,
    /// When it began, in UTC unix milliseconds.
    pub created_ms: i64,
    /// When it was last used, about, in UTC unix milliseconds.
    pub seen_ms: i64,
}

impl Store {
    /// The session with this secret's hash.
    pub async fn session(&self, hash: TokenHash) -> Result<Option<Session>, StoreError> {
        let find = move |connection: &mut Connection| {
            let select = "SELECT user, sets_password, created_ms, seen_ms FROM sessions WHERE hash = ?1";
            let found = connection.prepare_cached(select)?.query_row([hash], |row| {
                Ok(Session {
                    hash,
                    user: UserId(row.get(0)?),
                    sets_password: row.get(1)?,
                    created_ms: row.get(2)?,
                    seen_ms: row.get(3)?,
                })
            });
            Ok(found.optional()?)
        };
        self.database.readers().call(find).await
    }

    /// Begins the session of a user whose password was just found right. `false`: meanwhile the user was changed, disabled
    /// or deleted, and no session was made.
    pub async fn sign_in(&self, actor: Actor, user: User, session: Session) -> Result<bool, StoreError> {
        let begin = move |connection: &mut Connection| {
            durable(connection, |transaction| {
                let unchanged = "SELECT count(*) FROM users
                    WHERE id = ?1 AND deleted_ms IS NULL AND NOT disabled AND role = ?2 AND password IS ?3";
                let found: i64 =
                    transaction
                        .query_row(unchanged, params![user.id.0, user.role.as_str(), user.password], |row| row.get(0))?;
                if found == 1 {
                    insert(transaction, &session)?;
                    audit::append(transaction, &actor, "sign in", "user", (user.id.0, &user.name), &Map::new())?;
                }
                Ok(found == 1)
            })
        };
        self.database.writer().call(begin).await
    }

    /// Begins the session of the user whom a link lets in, and uses the link up unless it works again and again. `None`:
    /// the link is unknown, used or expired, or its user is disabled or deleted.
    pub async fn sign_in_by_link(
        &self,
        address: Option<String>,
        link: TokenHash,
        session: TokenHash,
        now_ms: i64,
    ) -> Result<Option<Session>, StoreError> {
        let begin = move |connection: &mut Connection| {
            durable(connection, |transaction| {
                let Some(link) = links::find(transaction, &link, now_ms)? else { return Ok(None) };
                let select = "SELECT name FROM users WHERE id = ?1 AND deleted_ms IS NULL AND NOT disabled";
                let name: Option<String> =
                    transaction.query_row(select, [link.user.map(|user| user.0)], |row| row.get(0)).optional()?;
                let (Some(user), Some(name)) = (link.user, name) else { return Ok(None) };
                if link.purpose != LinkPurpose::Visit {
                    transaction.execute("DELETE FROM links WHERE hash = ?1", [link.hash])?;
                }
                let sets_password = link.purpose == LinkPurpose::Password;
                let session = Session { hash: session, user, sets_password, created_ms: now_ms, seen_ms: now_ms };
                insert(transaction, &session)?;
                let actor = Actor { name: format!("user:{name}"), address, now_ms };
                audit::append(transaction, &actor, "sign in by link", "user", (user.0, &name), &Map::new())?;
                Ok(Some(session))
            })
        };
        self.database.writer().call(begin).await
    }

    /// Ends one session.
    pub async fn end_session(&self, hash: TokenHash) -> Result<(), StoreError> {
        let end = move |connection: &mut Connection| {
            durable(connection, |transaction| {
                Ok(transaction.execute("DELETE FROM sessions WHERE hash = ?1", [hash]).map(drop)?)
            })
        };
        self.database.writer().call(end).await
    }

    /// Ends every session of a user.
    pub async fn end_sessions(&self, user: UserId) -> Result<(), StoreError> {
        let end = move |connection: &mut Connection| durable(connection, |transaction| Ok(delete_sessions(transaction, user)?));
        self.database.writer().call(end).await
    }

    /// Remembers that a session was used.
    pub async fn touch_session(&self, hash: TokenHash, now_ms: i64) -> Result<(), StoreError> {
        let touch = move |connection: &mut Connection| {
            relaxed(connection, |transaction| {
                Ok(transaction.execute("UPDATE sessions SET seen_ms = ?2 WHERE hash = ?1", (hash, now_ms)).map(drop)?)
            })
        };
        Ok(self.database.writer().call(touch).await?)
    }

    /// Remembers that a user or an admin token was at work.
    pub async fn touch<T: Noun>(&self, id: T::Id, now_ms: i64) -> Result<(), StoreError> {
        self.touch_all::<T>(vec![(id, now_ms)]).await
    }

    /// Remembers when users, admin tokens or clients were last at work, in UTC unix milliseconds.
    pub async fn touch_all<T: Noun>(&self, uses: Vec<(T::Id, i64)>) -> Result<(), StoreError> {
        let insert = "INSERT INTO last_used (noun, row, at_ms) VALUES (?1, ?2, ?3)
            ON CONFLICT (noun, row) DO UPDATE SET at_ms = excluded.at_ms";
        let touch = move |connection: &mut Connection| {
            relaxed(connection, |transaction| {
                let mut insert = transaction.prepare_cached(insert)?;
                uses.iter().try_for_each(|(id, at)| insert.execute((T::NOUN, T::number(*id), at)).map(drop))?;
                Ok(())
            })
        };
        Ok(self.database.writer().call(touch).await?)
    }

    /// When rows of a kind were last at work, by the number in their ids, in UTC unix milliseconds.
    pub async fn last_used<T: Noun>(&self) -> Result<HashMap<i64, i64>, StoreError> {
        let read = |connection: &mut Connection| {
            let mut statement = connection.prepare_cached("SELECT row, at_ms FROM last_used WHERE noun = ?1")?;
            let rows = statement.query_map([T::NOUN], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.database.readers().call(read).await
    }

    /// Forgets sessions that nobody has used since `unseen_ms` or that began before `begun_ms`, and links that have expired.
    pub async fn forget_sessions(&self, unseen_ms: i64, begun_ms: i64, now_ms: i64) -> Result<(), StoreError> {
        let forget = move |connection: &mut Connection| {
            relaxed(connection, |transaction| {
                transaction.execute("DELETE FROM sessions WHERE seen_ms < ?1 OR created_ms < ?2", (unseen_ms, begun_ms))?;
                Ok(transaction.execute("DELETE FROM links WHERE expires_ms <= ?1", [now_ms]).map(drop)?)
            })
        };
        Ok(self.database.writer().call(forget).await?)
    }
}

impl Edit<'_> {
    /// Begins a session together with what the edit does.
    pub fn begin_session(&mut self, session: &Session) -> Result<(), StoreError> {
        Ok(insert(&self.transaction, session)?)
    }

    /// Ends the sessions of a user and voids the links that would let the user in.
    pub(super) fn shut_out(&mut self, user: UserId) -> Result<(), StoreError> {
        delete_sessions(&self.transaction, user)?;
        Ok(self.transaction.execute("DELETE FROM links WHERE user = ?1", [user.0]).map(drop)?)
    }
}

fn insert(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    let insert = "INSERT INTO sessions (hash, user, sets_password, created_ms, seen_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
    let Session { hash, user, sets_password, created_ms, seen_ms } = session;
    connection.prepare_cached(insert)?.execute(params![hash, user.0, sets_password, created_ms, seen_ms]).map(drop)
}

fn delete_sessions(connection: &Connection, user: UserId) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM sessions WHERE user = ?1", [user.0]).map(drop)
}
