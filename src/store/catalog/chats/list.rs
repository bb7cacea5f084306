//! Listing and searching conversations: the pinned ones first, then by their last message.

use rusqlite::{Connection, params};

use super::{COLUMNS, read};
use crate::clock::Clock;
use crate::domain::{Chat, ChatId, ChatOwner};
use crate::store::catalog::{Store, StoreError};

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatCursor {
    /// Whether the last conversation of the page before was pinned.
    pub pinned: bool,
    /// When its last message was written.
    pub active_ms: i64,
    /// Its id.
    pub id: ChatId,
}

impl ChatCursor {
    fn of(chat: &Chat) -> Self {
        ChatCursor { pinned: chat.pinned, active_ms: chat.active_ms, id: chat.id }
    }
}

/// A question for one page.
#[derive(Clone, Debug)]
pub struct ChatQuery {
    /// Only conversations whose title or any message contains this, in any case; empty is every one.
    pub search: String,
    /// Where the page before ended.
    pub after: Option<ChatCursor>,
    /// Most conversations of the page.
    pub limit: usize,
    /// Milliseconds after which a search ends where it stands.
    pub patience_ms: u64,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatPage {
    /// The conversations. A page of a search may hold fewer than were asked for and still have a next one.
    pub chats: Vec<Chat>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<ChatCursor>,
}

impl Store {
    /// One page of an owner's conversations.
    pub async fn chats(&self, owner: ChatOwner, query: ChatQuery, clock: Clock) -> Result<ChatPage, StoreError> {
        self.database.readers().call(move |connection| list(connection, owner, &query, clock)).await
    }
}

fn list(connection: &Connection, owner: ChatOwner, query: &ChatQuery, clock: Clock) -> Result<ChatPage, StoreError> {
    let ends_ms = clock.uptime_ms() + query.patience_ms;
    let after = query.after.unwrap_or(ChatCursor { pinned: true, active_ms: i64::MAX, id: ChatId(i64::MAX) });
    let select = format!(
        "SELECT {COLUMNS} FROM chats WHERE owner = ?1 AND deleted_ms IS NULL AND (pinned, active_ms, id) < (?2, ?3, ?4)
         ORDER BY pinned DESC, active_ms DESC, id DESC"
    );
    let mut statement = connection.prepare_cached(&select)?;
    let mut rows = statement.query(params![owner.to_string(), after.pinned, after.active_ms, after.id.0])?;
    let wanted = query.search.to_lowercase();
    let mut chats = Vec::new();
    let mut last = None;
    while let Some(row) = rows.next()? {
        let is_full = chats.len() == query.limit;
        let is_late = last.is_some() && clock.uptime_ms() >= ends_ms;
        if is_full || is_late {
            return Ok(ChatPage { chats, next: last });
        }
        let chat = read(row)?;
        last = Some(ChatCursor::of(&chat));
        if wanted.is_empty() || chat.title.to_lowercase().contains(&wanted) || says(connection, chat.id, &wanted)? {
            chats.push(chat);
        }
    }
    Ok(ChatPage { chats, next: None })
}

/// Whether any message contains a text, in any case and any script.
fn says(connection: &Connection, chat: ChatId, wanted: &str) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT text FROM chat_messages WHERE chat = ?1")?;
    let mut rows = statement.query([chat.0])?;
    while let Some(row) = rows.next()? {
        if row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?.to_lowercase().contains(wanted) {
            return Ok(true);
        }
    }
    Ok(false)
}
