//! Messages of a conversation.

use std::time::Duration;

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::{EventStream, Json};
use poem_openapi::types::MaybeUndefined;

use super::body::{AnswersRequest, MessageBody, TurnBody, TurnRequest};
use super::events::{Feed, feed};
use super::export::Picture;
use super::{chatter, owner};
use crate::admin::Tag;
use crate::admin::access::{Operator, Viewer};
use crate::admin::body::Body;
use crate::admin::error::ApiError;
use crate::domain::{ChatId, MessageId};
use crate::playground::read_image;
use crate::store::NewTurn;

/// Comments keep the connection open while a model thinks.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Operations on messages.
pub(in crate::admin) struct Messages;

#[OpenApi(prefix_path = "/api", tag = "Tag::Chats")]
impl Messages {
    /// Say something and have it answered
    ///
    /// The answers are written whether anybody reads along or not; several models answer side by side. The calls count for the
    /// client `playground`.
    #[oai(path = "/chats/:id/messages", method = "post", operation_id = "say_in_chat")]
    async fn say(&self, access: Operator, id: Path<i64>, body: Body<TurnRequest>) -> Result<Json<TurnBody>, ApiError> {
        let TurnRequest { parent, text, images, models } = body.0;
        let parent = match parent {
            MaybeUndefined::Value(parent) => Some(MessageId(parent)),
            MaybeUndefined::Null => None,
            MaybeUndefined::Undefined => access.context().store().chat(owner(&access), ChatId(id.0)).await?.0.leaf,
        };
        let images = images.iter().map(|url| read_image(url)).collect::<Result<_, _>>()?;
        let turn = NewTurn { parent, text, images, models };
        Ok(Json(access.context().playground.say(&chatter(&access), ChatId(id.0), turn).await?.into()))
    }

    /// Have a message of yours answered again
    ///
    /// The former answers stay: the new ones stand beside them.
    #[oai(path = "/chats/:id/messages/:message/answers", method = "post", operation_id = "answer_chat_again")]
    async fn answer(
        &self,
        access: Operator,
        id: Path<i64>,
        message: Path<i64>,
        body: Body<AnswersRequest>,
    ) -> Result<Json<TurnBody>, ApiError> {
        let playground = &access.context().playground;
        let (chat, to) = (ChatId(id.0), MessageId(message.0));
        Ok(Json(playground.answer_again(&chatter(&access), chat, to, body.0.models).await?.into()))
    }

    /// Read an answer as it is written
    ///
    /// Server-sent events: first what has come so far, then what comes, last the whole message. Come and go as you like: the
    /// answer is written all the same.
    #[oai(path = "/chats/:id/messages/:message/events", method = "get", operation_id = "follow_chat_message")]
    async fn events(&self, access: Viewer, id: Path<i64>, message: Path<i64>) -> Result<EventStream<Feed>, ApiError> {
        let context = access.context();
        let events = context.playground.follow(owner(&access), ChatId(id.0), MessageId(message.0)).await?;
        Ok(EventStream::new(Box::pin(access.lasting(feed(events, context.ending.clone()))) as Feed).keep_alive(KEEP_ALIVE))
    }

    /// Stop an answer
    ///
    /// What had come is kept. An answer that has ended stays as it is.
    #[oai(path = "/chats/:id/messages/:message/stop", method = "post", operation_id = "stop_chat_message")]
    async fn stop(&self, access: Operator, id: Path<i64>, message: Path<i64>) -> Result<Json<MessageBody>, ApiError> {
        let message = access.context().playground.stop(owner(&access), ChatId(id.0), MessageId(message.0)).await?;
        Ok(Json(message.into()))
    }

    /// Get a picture of a message
    #[oai(path = "/chats/:id/messages/:message/images/:position", method = "get", operation_id = "get_chat_image")]
    async fn image(
        &self,
        access: Viewer,
        id: Path<i64>,
        message: Path<i64>,
        /// Which picture of the message, from 0.
        position: Path<u32>,
    ) -> Result<Picture, ApiError> {
        let (chat, message) = (ChatId(id.0), MessageId(message.0));
        let found = access.context().store().chat_image(owner(&access), chat, message, position.0).await?;
        found.map(Picture::new).ok_or_else(|| ApiError::not_found("there is no such picture"))
    }
}
