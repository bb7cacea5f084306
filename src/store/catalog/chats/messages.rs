//! The messages of a conversation: turns are added, answers grow and end.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Json, find};
use crate::domain::{
    Chat, ChatAnswer, ChatId, ChatImage, ChatMessage, ChatOwner, ChatState, FailedAnswer, InvalidField, MessageId,
};
use crate::store::catalog::row::parsed;
use crate::store::catalog::{Store, StoreError, durable, relaxed};

/// A picture with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewImage {
    /// Such as `image/png`.
    pub media_type: String,
    /// The file.
    pub bytes: Bytes,
}

/// What an owner adds to a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTurn {
    /// The answer that it follows; `None`: a new beginning.
    pub parent: Option<MessageId>,
    /// What the owner wrote.
    pub text: String,
    /// The pictures with it.
    pub images: Vec<NewImage>,
    /// The models that are to answer.
    pub models: Vec<String>,
}

/// What was added to a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// The conversation with its new title and branch.
    pub chat: Chat,
    /// What its owner wrote.
    pub message: ChatMessage,
    /// The answers that have begun, in the order of the models.
    pub answers: Vec<ChatMessage>,
}

impl Store {
    /// Adds what the owner wrote, and one answer that has begun for each model.
    pub async fn add_turn(&self, owner: ChatOwner, chat: ChatId, turn: NewTurn, now_ms: i64) -> Result<Turn, StoreError> {
        let NewTurn { parent, text, images, models } = turn;
        let add = move |connection: &mut Connection| {
            durable(connection, |transaction| {
                let mut chat = find(transaction, owner, chat)?;
                if let Some(parent) = parent
                    && message(transaction, chat.id, parent)?.answer.is_none()
                {
                    return Err(wrong_parent("must be an answer, or null for a new beginning"));
                }
                if chat.title.is_empty() {
                    chat.title = Chat::title_of(&text);
                }
                let id = insert(transaction, chat.id, parent, &text, None, now_ms)?;
                for (position, image) in images.iter().enumerate() {
                    let insert = "INSERT INTO chat_images (message, position, media_type, bytes) VALUES (?1, ?2, ?3, ?4)";
                    transaction.execute(insert, params![id.0, position as i64, image.media_type, &image.bytes[..]])?;
                }
                begin_answers(transaction, chat, id, models, now_ms)
            })
        };
        self.database.writer().call(add).await
    }

    /// Adds further answers to a message that the owner wrote.
    pub async fn add_answers(
        &self,
        owner: ChatOwner,
        chat: ChatId,
        to: MessageId,
        models: Vec<String>,
        now_ms: i64,
    ) -> Result<Turn, StoreError> {
        let add = move |connection: &mut Connection| {
            durable(connection, |transaction| {
                let chat = find(transaction, owner, chat)?;
                if message(transaction, chat.id, to)?.answer.is_some() {
                    return Err(wrong_parent("must be a message that you wrote, not an answer"));
                }
                begin_answers(transaction, chat, to, models, now_ms)
            })
        };
        self.database.writer().call(add).await
    }

    /// A conversation and the branch that ends with a message, the first message first.
    pub async fn branch(
        &self,
        owner: ChatOwner,
        chat: ChatId,
        leaf: MessageId,
    ) -> Result<(Chat, Vec<ChatMessage>), StoreError> {
        let read = move |connection: &mut Connection| {
            let found = find(connection, owner, chat)?;
            let mut branch = Vec::new();
            let mut next = Some(leaf);
            while let Some(id) = next {
                let message = message(connection, chat, id)?;
                next = message.parent;
                branch.push(message);
            }
            branch.reverse();
            Ok((found, branch))
        };
        self.database.readers().call(read).await
    }

    /// A picture of a message.
    pub async fn chat_image(
        &self,
        owner: ChatOwner,
        chat: ChatId,
        message: MessageId,
        position: u32,
    ) -> Result<Option<NewImage>, StoreError> {
        let read = move |connection: &mut Connection| {
            find(connection, owner, chat)?;
            let select = "SELECT media_type, bytes FROM chat_images JOIN chat_messages ON chat_messages.id = message
                WHERE chat = ?1 AND message = ?2 AND position = ?3";
            let read = |row: &Row<'_>| Ok(NewImage { media_type: row.get(0)?, bytes: row.get::<_, Vec<u8>>(1)?.into() });
            Ok(connection.prepare_cached(select)?.query_row((chat.0, message.0, position), read).optional()?)
        };
        self.database.readers().call(read).await
    }

    /// Keeps what has come of an answer so far.
    pub async fn keep_answer_so_far(&self, id: MessageId, text: String, reasoning: String) -> Result<(), StoreError> {
        let update = "UPDATE chat_messages SET text = ?2, reasoning = ?3 WHERE id = ?1 AND state = 'running'";
        let keep = move |connection: &mut Connection| {
            relaxed(connection, |transaction| Ok(transaction.execute(update, params![id.0, text, reasoning]).map(drop)?))
        };
        Ok(self.database.writer().call(keep).await?)
    }

    /// Ends an answer.
    pub async fn end_answer(&self, ended: ChatMessage) -> Result<(), StoreError> {
        let update = "UPDATE chat_messages SET state = ?2, text = ?3, reasoning = ?4, answer = ?5 WHERE id = ?1";
        let end = move |connection: &mut Connection| {
            durable(connection, |transaction| {
                let ChatMessage { id, state, text, reasoning, answer, .. } = &ended;
                let answer = answer.as_ref().map(Json);
                Ok(transaction.execute(update, params![id.0, state.as_str(), text, reasoning, answer]).map(drop)?)
            })
        };
        self.database.writer().call(end).await
    }

    /// Marks answers that nobody writes any more: Keywheel ended while they came. Blocks; for the start.
    pub fn break_off_answers_blocking(&self, error: FailedAnswer) -> Result<(), StoreError> {
        let mark = move |connection: &mut Connection| {
            durable(connection, |transaction| {
                let mut statement = transaction.prepare("SELECT id, answer FROM chat_messages WHERE state = 'running'")?;
                let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get::<_, Json<ChatAnswer>>(1)?.0)))?;
                for (id, mut answer) in rows.collect::<rusqlite::Result<Vec<(i64, ChatAnswer)>>>()? {
                    answer.error = Some(error.clone());
                    let update = "UPDATE chat_messages SET state = 'failed', answer = ?2 WHERE id = ?1";
                    transaction.execute(update, params![id, Json(answer)])?;
                }
                Ok(())
            })
        };
        self.database.writer().call_blocking(mark)
    }
}

fn wrong_parent(message: &str) -> StoreError {
    InvalidField { field: "parent", message: message.to_owned() }.into()
}

fn begin_answers(
    connection: &Connection,
    mut chat: Chat,
    to: MessageId,
    models: Vec<String>,
    now_ms: i64,
) -> Result<Turn, StoreError> {
    let compared = models.len() > 1;
    let mut answers = Vec::new();
    for model in models {
        let answer = ChatAnswer { model, compared, ..ChatAnswer::default() };
        let id = insert(connection, chat.id, Some(to), "", Some(&answer), now_ms)?;
        answers.push(message(connection, chat.id, id)?);
    }
    chat.leaf = answers.first().map(|answer| answer.id);
    chat.active_ms = now_ms;
    chat.settings.model = answers.first().and_then(|answer| Some(answer.answer.as_ref()?.model.clone()));
    chat.version += 1;
    let update = "UPDATE chats SET version = ?2, title = ?3, settings = ?4, leaf = ?5, active_ms = ?6 WHERE id = ?1";
    let leaf = chat.leaf.map(|leaf| leaf.0);
    connection.execute(update, params![chat.id.0, chat.version, chat.title, Json(&chat.settings), leaf, now_ms])?;
    Ok(Turn { message: message(connection, chat.id, to)?, chat, answers })
}

fn insert(
    connection: &Connection,
    chat: ChatId,
    parent: Option<MessageId>,
    text: &str,
    answer: Option<&ChatAnswer>,
    now_ms: i64,
) -> Result<MessageId, StoreError> {
    let state = if answer.is_some() { ChatState::Running } else { ChatState::Done };
    let insert = "INSERT INTO chat_messages (chat, parent, state, text, reasoning, answer, created_ms)
        VALUES (?1, ?2, ?3, ?4, '', ?5, ?6)";
    let parent = parent.map(|parent| parent.0);
    connection.prepare_cached(insert)?.execute(params![chat.0, parent, state.as_str(), text, answer.map(Json), now_ms])?;
    Ok(MessageId(connection.last_insert_rowid()))
}

pub(super) fn belongs(connection: &Connection, chat: ChatId, id: MessageId) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM chat_messages WHERE chat = ?1 AND id = ?2")?.exists((chat.0, id.0))
}

const SELECT: &str = "SELECT id, parent, state, text, reasoning, answer, created_ms FROM chat_messages";

/// Every message of a conversation, by ascending id.
pub(super) fn all(connection: &Connection, chat: ChatId) -> Result<Vec<ChatMessage>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE chat = ?1 ORDER BY id"))?;
    let mut found = statement.query_map([chat.0], read)?.collect::<Result<Vec<_>, _>>()?;
    for message in found.iter_mut().filter(|message| message.answer.is_none()) {
        message.images = images(connection, message.id)?;
    }
    Ok(found)
}

fn message(connection: &Connection, chat: ChatId, id: MessageId) -> Result<ChatMessage, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE chat = ?1 AND id = ?2"))?;
    let found = statement.query_row((chat.0, id.0), read).optional()?;
    let mut message = found.ok_or(StoreError::NotFound { noun: "message", id: id.0 })?;
    message.images = images(connection, id)?;
    Ok(message)
}

fn images(connection: &Connection, message: MessageId) -> rusqlite::Result<Vec<ChatImage>> {
    let select = "SELECT media_type, length(bytes) FROM chat_images WHERE message = ?1 ORDER BY position";
    let mut statement = connection.prepare_cached(select)?;
    let read = |row: &Row<'_>| Ok(ChatImage { media_type: row.get(0)?, bytes: row.get::<_, i64>(1)? as u64 });
    statement.query_map([message.0], read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<ChatMessage> {
    Ok(ChatMessage {
        id: MessageId(row.get("id")?),
        parent: row.get::<_, Option<i64>>("parent")?.map(MessageId),
        state: parsed(row, "state", ChatState::parse)?,
        text: row.get("text")?,
        reasoning: row.get("reasoning")?,
        images: Vec::new(),
        answer: row.get::<_, Option<Json<ChatAnswer>>>("answer")?.map(|json| json.0),
        created_ms: row.get("created_ms")?,
    })
}
