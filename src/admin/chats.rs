//! `/api/chats`

mod body;
mod events;
mod export;
mod messages;
mod models;

use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;

use super::Tag;
use super::access::{Access, Operator, Viewer, Who};
use super::body::Body;
use super::error::ApiError;
use super::versioned::{Deleted, Found, expected};
use super::wire::page_size;
use crate::domain::{ChatId, ChatOwner};
use crate::playground::Chatter;
use crate::store::{ChatCursor, ChatQuery};
use body::{ChatBody, ChatChange, ChatCreate, ChatPageBody, WholeChat};
use export::{Exported, Format};
use models::ChatModels;

pub(super) use messages::Messages;

/// Milliseconds after which a search answers with what it has.
const SEARCH_PATIENCE_MS: u64 = 200;

/// Operations on conversations.
pub(super) struct Chats;

#[OpenApi(prefix_path = "/api", tag = "Tag::Chats")]
impl Chats {
    /// List your chats
    ///
    /// The pinned ones first, then by their last message. A search looks at titles and at every message, for a limited time: a
    /// page may hold fewer than the limit, or none, and still have a next one.
    #[oai(path = "/chats", method = "get", operation_id = "list_chats")]
    async fn list(
        &self,
        access: Viewer,
        /// Most chats of the page, 1 to 1000; 100 if left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
        /// Only chats in which this stands, in any case.
        search: Query<Option<String>>,
    ) -> Result<Json<ChatPageBody>, ApiError> {
        let query = ChatQuery {
            search: search.0.unwrap_or_default().trim().to_owned(),
            after: cursor.0.as_deref().map(read_cursor).transpose()?,
            limit: page_size(limit.0)?,
            patience_ms: SEARCH_PATIENCE_MS,
        };
        let context = access.context();
        Ok(Json(context.store().chats(owner(&access), query, context.clock).await?.into()))
    }

    /// List the models to chat with
    ///
    /// What the client `playground` may ask for, by name.
    #[oai(path = "/chats/models", method = "get", operation_id = "list_chat_models")]
    async fn models(&self, access: Viewer) -> Result<Json<ChatModels>, ApiError> {
        Ok(Json(access.context().playground.models().into()))
    }

    /// Begin a chat
    #[oai(path = "/chats", method = "post", operation_id = "create_chat")]
    async fn create(&self, access: Operator, body: Body<ChatCreate>) -> Result<Found<ChatBody>, ApiError> {
        let (title, settings) = ChatChange::from(body.0).create()?;
        let chat = access.context().store().create_chat(owner(&access), title, settings, access.now().unix_ms).await?;
        Ok(Found::new(chat.version, chat.into()))
    }

    /// Get a chat with all its messages
    ///
    /// The messages are a tree: each names the one that it follows. `leaf` ends the branch that is shown.
    #[oai(path = "/chats/:id", method = "get", operation_id = "get_chat")]
    async fn get(&self, access: Viewer, id: Path<i64>) -> Result<Found<WholeChat>, ApiError> {
        let (chat, messages) = access.context().store().chat(owner(&access), ChatId(id.0)).await?;
        Ok(Found::new(chat.version, WholeChat::new(chat, messages)))
    }

    /// Change a chat
    ///
    /// A missing member stays as it is; null sets it back to its default.
    #[oai(path = "/chats/:id", method = "patch", operation_id = "change_chat")]
    async fn change(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Change it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<ChatChange>,
    ) -> Result<Found<ChatBody>, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        let change = move |chat: &mut _| body.0.apply(chat);
        let chat = access.context().store().change_chat(owner(&access), ChatId(id.0), version, change).await?;
        Ok(Found::new(chat.version, chat.into()))
    }

    /// Delete a chat
    ///
    /// Answers that are being written are stopped. Within a day the deletion can be undone.
    #[oai(path = "/chats/:id", method = "delete", operation_id = "delete_chat")]
    async fn delete(&self, access: Operator, id: Path<i64>) -> Result<Deleted, ApiError> {
        access.context().playground.delete(owner(&access), ChatId(id.0)).await?;
        Ok(Deleted)
    }

    /// Undo the deletion of a chat
    #[oai(path = "/chats/:id/restore", method = "post", operation_id = "restore_chat")]
    async fn restore(&self, access: Operator, id: Path<i64>) -> Result<Found<ChatBody>, ApiError> {
        let now_ms = access.now().unix_ms;
        let chat = access.context().store().restore_chat(owner(&access), ChatId(id.0), now_ms).await?;
        Ok(Found::new(chat.version, chat.into()))
    }

    /// Export a chat as a file
    ///
    /// Markdown holds the branch that is shown; JSON holds every message, with its pictures as `data:` URLs.
    #[oai(path = "/chats/:id/export", method = "get", operation_id = "export_chat")]
    async fn export(
        &self,
        access: Viewer,
        id: Path<i64>,
        /// The format.
        format: Query<Format>,
    ) -> Result<Exported, ApiError> {
        export::export(access.context(), owner(&access), ChatId(id.0), format.0).await
    }
}

/// Whose chats the caller's are.
fn owner(access: &Access) -> ChatOwner {
    match access.who() {
        Who::ConfiguredToken => ChatOwner::ConfiguredToken,
        Who::Token(token) => ChatOwner::Token(token.id),
        Who::User(user, ..) => ChatOwner::User(user.id),
    }
}

fn chatter(access: &Access) -> Chatter {
    Chatter { owner: owner(access), name: access.who().name(), address: access.address() }
}

fn read_cursor(text: &str) -> Result<ChatCursor, ApiError> {
    let read = || {
        let mut parts = text.split('.');
        let cursor = ChatCursor {
            pinned: parts.next()? == "1",
            active_ms: parts.next()?.parse().ok()?,
            id: ChatId(parts.next()?.parse().ok()?),
        };
        parts.next().is_none().then_some(cursor)
    };
    read().ok_or_else(|| ApiError::invalid("cursor", "cursor is none of this list"))
}

fn write_cursor(cursor: ChatCursor) -> String {
    format!("{}.{}.{}", u8::from(cursor.pinned), cursor.active_ms, cursor.id)
}
