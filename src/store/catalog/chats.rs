//! Saved conversations. Every question names the owner, and what is another's is not there.

mod list;
mod messages;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::StoreError;
use super::row::Json;
use super::{RESTORABLE_MS, Store, durable};
use crate::domain::{Chat, ChatId, ChatMessage, ChatOwner, ChatSettings, InvalidField, MessageId};

pub use list::{ChatCursor, ChatPage, ChatQuery};
pub use messages::{NewImage, NewTurn, Turn};

const COLUMNS: &str = "id, version, title, pinned, settings, leaf, created_ms, active_ms";

impl Store {
    /// Begins a conversation without a message.
    pub async fn create_chat(
        &self,
        owner: ChatOwner,
        title: String,
        settings: ChatSettings,
        now_ms: i64,
    ) -> Result<Chat, StoreError> {
        let mut chat = Chat::new(title, settings, now_ms);
        let insert = "INSERT INTO chats (owner, title, pinned, settings, created_ms, active_ms) VALUES (?1, ?2, 0, ?3, ?4, ?4)";
        let create = move |connection: &mut Connection| {
            durable(connection, |transaction| {
                chat.check()?;
                transaction.execute(insert, params![owner.to_string(), chat.title, Json(&chat.settings), now_ms])?;
                chat.id = ChatId(transaction.last_insert_rowid());
                Ok(chat)
            })
        };
        self.database.writer().call(create).await
    }

    /// A conversation with all its messages, by ascending id, so that each follows its parent.
    pub async fn chat(&self, owner: ChatOwner, id: ChatId) -> Result<(Chat, Vec<ChatMessage>), StoreError> {
        let read = move |connection: &mut Connection| {
            let chat = find(connection, owner, id)?;
            Ok((chat, messages::all(connection, id)?))
        };
        self.database.readers().call(read).await
    }

    /// Changes title, pin, settings or the branch that is shown. With `expected`, only if it still has that version.
    pub async fn change_chat<F>(
        &self,
        owner: ChatOwner,
        id: ChatId,
        expected: Option<i64>,
        change: F,
    ) -> Result<Chat, StoreError>
    where
        F: FnOnce(&mut Chat) -> Result<(), InvalidField> + Send + 'static,
    {
        let update = move |connection: &mut Connection| {
            durable(connection, |transaction| {
                let before = find(transaction, owner, id)?;
                if expected.is_some_and(|version| version != before.version) {
                    return Err(StoreError::VersionMismatch { noun: "chat", found: before.version });
                }
                let mut chat = before.clone();
                change(&mut chat)?;
                chat.check()?;
                if let Some(leaf) = chat.leaf
                    && !messages::belongs(transaction, id, leaf)?
                {
                    return Err(InvalidField { field: "leaf", message: "must be a message of this chat".to_owned() }.into());
                }
                if chat == before {
                    return Ok(chat);
                }
                chat.version += 1;
                let update = "UPDATE chats SET version = ?2, title = ?3, pinned = ?4, settings = ?5, leaf = ?6 WHERE id = ?1";
                let leaf = chat.leaf.map(|leaf| leaf.0);
                let columns = params![id.0, chat.version, chat.title, chat.pinned, Json(&chat.settings), leaf];
                transaction.execute(update, columns)?;
                Ok(chat)
            })
        };
        self.database.writer().call(update).await
    }

    /// Deletes a conversation; within a day that can be undone.
    pub async fn delete_chat(&self, owner: ChatOwner, id: ChatId, now_ms: i64) -> Result<(), StoreError> {
        let delete = move |connection: &mut Connection| {
            durable(connection, |transaction| {
                find(transaction, owner, id)?;
                Ok(transaction.execute("UPDATE chats SET deleted_ms = ?2 WHERE id = ?1", (id.0, now_ms)).map(drop)?)
            })
        };
        self.database.writer().call(delete).await
    }

    /// Undoes the deletion of a conversation.
    pub async fn restore_chat(&self, owner: ChatOwner, id: ChatId, now_ms: i64) -> Result<Chat, StoreError> {
        let restore = move |connection: &mut Connection| {
            durable(connection, |transaction| {
                let update = "UPDATE chats SET deleted_ms = NULL WHERE id = ?1 AND owner = ?2 AND deleted_ms > ?3";
                transaction.execute(update, params![id.0, owner.to_string(), now_ms - RESTORABLE_MS])?;
                find(transaction, owner, id)
            })
        };
        self.database.writer().call(restore).await
    }
}

/// Forgets conversations that were deleted before, and those whose owners are gone for good.
pub(super) fn forget(connection: &Connection, before_ms: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM chats WHERE deleted_ms < ?1", [before_ms])?;
    for (prefix, table) in [("user:", "users"), ("token:", "admin_tokens")] {
        let orphans = format!(
            "DELETE FROM chats WHERE owner LIKE '{prefix}%'
             AND CAST(substr(owner, {}) AS INTEGER) NOT IN (SELECT id FROM {table})",
            prefix.len() + 1
        );
        connection.execute(&orphans, ())?;
    }
    Ok(())
}

fn find(connection: &Connection, owner: ChatOwner, id: ChatId) -> Result<Chat, StoreError> {
    let select = format!("SELECT {COLUMNS} FROM chats WHERE id = ?1 AND owner = ?2 AND deleted_ms IS NULL");
    let found = connection.prepare_cached(&select)?.query_row(params![id.0, owner.to_string()], read).optional()?;
    found.ok_or(StoreError::NotFound { noun: "chat", id: id.0 })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Chat> {
    Ok(Chat {
        id: ChatId(row.get("id")?),
        version: row.get("version")?,
        title: row.get("title")?,
        pinned: row.get("pinned")?,
        settings: row.get::<_, Json<ChatSettings>>("settings")?.0,
        leaf: row.get::<_, Option<i64>>("leaf")?.map(MessageId),
        created_ms: row.get("created_ms")?,
        active_ms: row.get("active_ms")?,
    })
}
