//! Conversations as the API shows and takes them.

use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;
use serde::Deserialize;

use super::write_cursor;
use crate::admin::wire::{bodies, example, set, set_or_remove, words};
use crate::domain::{Chat, ChatAnswer, ChatImage, ChatMessage, ChatSettings, ChatState, InvalidField, MessageId, to_rfc3339};
use crate::store::{ChatPage, Turn};

words!(ChatState, "ChatState", ["done", "running", "stopped", "failed"]);

bodies! {
    /// A chat to be begun.
    create ChatCreate;
    /// What to change of a chat.
    change ChatChange;
    required {}
    optional {
        /// What you call it; empty: the first message gives it a name.
        title: String,
        /// It stands above the others.
        pinned: bool,
        /// The model that is asked next.
        model: String,
        /// What the model is told ahead of all messages.
        system: String,
        /// Randomness, 0 to 2; null: as the model likes.
        temperature: f64,
        /// Share of the likeliest tokens that are considered, 0 to 1; null: as the model likes.
        top_p: f64,
        /// Most tokens of an answer; null: as the model likes.
        max_tokens: u64,
        /// How much a reasoning model thinks, such as `low`, `medium` or `high`; null: as the model likes.
        reasoning_effort: String,
        /// The message that ends the branch that is shown.
        leaf: i64,
    }
}

impl ChatChange {
    /// Title and settings of a new chat.
    pub(super) fn create(self) -> Result<(String, ChatSettings), InvalidField> {
        let mut chat = Chat::new(String::new(), ChatSettings::default(), 0);
        self.apply(&mut chat)?;
        if chat.pinned || chat.leaf.is_some() {
            let field = if chat.pinned { "pinned" } else { "leaf" };
            return Err(InvalidField { field, message: "can only be changed of a chat that exists".to_owned() });
        }
        Ok((chat.title, chat.settings))
    }

    /// Changes a chat.
    pub(super) fn apply(self, chat: &mut Chat) -> Result<(), InvalidField> {
        set(&mut chat.title, self.title);
        set(&mut chat.pinned, self.pinned);
        let settings = &mut chat.settings;
        set_or_remove(&mut settings.model, self.model);
        set(&mut settings.system, self.system);
        set_or_remove(&mut settings.temperature, self.temperature);
        set_or_remove(&mut settings.top_p, self.top_p);
        set_or_remove(&mut settings.max_tokens, self.max_tokens);
        set_or_remove(&mut settings.reasoning_effort, self.reasoning_effort);
        set_or_remove(&mut chat.leaf, map_id(self.leaf));
        Ok(())
    }
}

fn map_id(member: MaybeUndefined<i64>) -> MaybeUndefined<MessageId> {
    crate::admin::wire::map(member, MessageId)
}

/// A chat without its messages.
#[derive(Object)]
#[oai(rename = "Chat", example)]
pub(super) struct ChatBody {
    /// Id.
    id: i64,
    /// Version, as in `ETag`; a message is a new one.
    version: i64,
    /// What you call it.
    title: String,
    /// It stands above the others.
    pinned: bool,
    /// The model that is asked next.
    #[oai(nullable)]
    model: Option<String>,
    /// What the model is told ahead of all messages.
    system: String,
    /// Randomness.
    #[oai(nullable)]
    temperature: Option<f64>,
    /// Share of the likeliest tokens that are considered.
    #[oai(nullable)]
    top_p: Option<f64>,
    /// Most tokens of an answer.
    #[oai(nullable)]
    max_tokens: Option<u64>,
    /// How much a reasoning model thinks.
    #[oai(nullable)]
    reasoning_effort: Option<String>,
    /// The message that ends the branch that is shown.
    #[oai(nullable)]
    leaf: Option<i64>,
    /// When it was begun.
    created_at: String,
    /// When its last message was written.
    active_at: String,
}

impl From<Chat> for ChatBody {
    fn from(chat: Chat) -> Self {
        ChatBody {
            id: chat.id.0,
            version: chat.version,
            title: chat.title,
            pinned: chat.pinned,
            model: chat.settings.model,
            system: chat.settings.system,
            temperature: chat.settings.temperature,
            top_p: chat.settings.top_p,
            max_tokens: chat.settings.max_tokens,
            reasoning_effort: chat.settings.reasoning_effort,
            leaf: chat.leaf.map(|leaf| leaf.0),
            created_at: to_rfc3339(chat.created_ms),
            active_at: to_rfc3339(chat.active_ms),
        }
    }
}

/// A page of chats.
#[derive(Object)]
#[oai(rename = "ChatPage")]
pub(super) struct ChatPageBody {
    /// The chats.
    chats: Vec<ChatBody>,
    /// Where the next page begins; null: this is the last.
    #[oai(nullable)]
    next_cursor: Option<String>,
}

impl From<ChatPage> for ChatPageBody {
    fn from(page: ChatPage) -> Self {
        ChatPageBody { chats: page.chats.into_iter().map(ChatBody::from).collect(), next_cursor: page.next.map(write_cursor) }
    }
}

/// A chat with all its messages.
#[derive(Object)]
pub(super) struct WholeChat {
    /// The chat.
    chat: ChatBody,
    /// Its messages, by ascending id.
    messages: Vec<MessageBody>,
}

impl WholeChat {
    pub(super) fn new(chat: Chat, messages: Vec<ChatMessage>) -> Self {
        WholeChat { chat: chat.into(), messages: messages.into_iter().map(MessageBody::from).collect() }
    }

    /// The same with the pictures of each message, as `data:` URLs.
    pub(super) fn with_pictures(mut self, pictures: Vec<Vec<String>>) -> Self {
        for (message, urls) in self.messages.iter_mut().zip(pictures) {
            for (image, url) in message.images.iter_mut().zip(urls) {
                image.url = Some(url);
            }
        }
        self
    }
}

/// A message: yours, or an answer.
#[derive(Object)]
#[oai(rename = "ChatMessage", example)]
pub(super) struct MessageBody {
    /// Id.
    id: i64,
    /// What it follows; null: it begins the chat.
    #[oai(nullable)]
    parent: Option<i64>,
    /// How far it has come.
    state: ChatState,
    /// Its text, in Markdown.
    text: String,
    /// What the model thought before it answered, as far as it tells.
    reasoning: String,
    /// Its pictures.
    images: Vec<ImageBody>,
    /// What is known of an answer; null: you wrote it.
    #[oai(nullable)]
    answer: Option<AnswerBody>,
    /// When it was begun.
    created_at: String,
}

/// A picture of a message.
#[derive(Object)]
#[oai(rename = "ChatImage")]
struct ImageBody {
    /// Such as `image/png`.
    media_type: String,
    /// Its length.
    bytes: u64,
    /// The picture as a `data:` URL; in exports only.
    #[oai(nullable)]
    url: Option<String>,
}

/// What is known of an answer.
#[derive(Object)]
#[oai(rename = "ChatAnswer")]
struct AnswerBody {
    /// The model that was asked.
    model: String,
    /// It was asked together with others, to be read side by side.
    compared: bool,
    /// Why the model ended, in the provider's word, such as `stop` or `length`.
    #[oai(nullable)]
    finish: Option<String>,
    /// Why it is not whole.
    #[oai(nullable)]
    error: Option<AnswerError>,
    /// The call behind it.
    #[oai(nullable)]
    call: Option<String>,
    /// The provider that served.
    #[oai(nullable)]
    provider: Option<String>,
    /// The key that served.
    #[oai(nullable)]
    key: Option<String>,
    /// Input tokens.
    #[oai(nullable)]
    input_tokens: Option<u64>,
    /// Output tokens, reasoning included.
    #[oai(nullable)]
    output_tokens: Option<u64>,
    /// Output tokens that were spent on reasoning.
    #[oai(nullable)]
    reasoning_tokens: Option<u64>,
    /// What it cost, in dollars; null: not known.
    #[oai(nullable)]
    cost_usd: Option<f64>,
    /// Milliseconds to the first content.
    #[oai(nullable)]
    first_token_ms: Option<u64>,
    /// Milliseconds to the end.
    #[oai(nullable)]
    duration_ms: Option<u64>,
}

/// Why an answer is not whole.
#[derive(Object)]
#[oai(rename = "ChatAnswerError")]
struct AnswerError {
    /// A stable word for programs.
    code: String,
    /// A sentence for people.
    message: String,
}

impl From<ChatMessage> for MessageBody {
    fn from(message: ChatMessage) -> Self {
        let image = |image: ChatImage| ImageBody { media_type: image.media_type, bytes: image.bytes, url: None };
        MessageBody {
            id: message.id.0,
            parent: message.parent.map(|parent| parent.0),
            state: message.state,
            text: message.text,
            reasoning: message.reasoning,
            images: message.images.into_iter().map(image).collect(),
            answer: message.answer.map(AnswerBody::from),
            created_at: to_rfc3339(message.created_ms),
        }
    }
}

impl From<ChatAnswer> for AnswerBody {
    fn from(answer: ChatAnswer) -> Self {
        AnswerBody {
            model: answer.model,
            compared: answer.compared,
            finish: answer.finish,
            error: answer.error.map(|error| AnswerError { code: error.code, message: error.message }),
            call: answer.call.map(|call| call.to_string()),
            provider: answer.provider,
            key: answer.key,
            input_tokens: answer.input_tokens,
            output_tokens: answer.output_tokens,
            reasoning_tokens: answer.reasoning_tokens,
            cost_usd: answer.cost.map(|cost| cost.as_dollars()),
            first_token_ms: answer.first_token_ms,
            duration_ms: answer.total_ms,
        }
    }
}

/// What you say, and who is to answer.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ChatTurnRequest", example)]
pub(super) struct TurnRequest {
    /// The answer that it follows; null: a new beginning; left out: the end of the branch that is shown.
    #[serde(default)]
    #[oai(nullable)]
    pub(super) parent: MaybeUndefined<i64>,
    /// What you say, at most 1 MiB.
    pub(super) text: String,
    /// Pictures as `data:` URLs: PNG, JPEG, GIF or WebP, at most 8 of 5 MiB each.
    #[serde(default)]
    #[oai(default)]
    pub(super) images: Vec<String>,
    /// The models that are to answer, 1 to 4.
    pub(super) models: Vec<String>,
}

/// Who is to answer.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ChatAnswersRequest", example)]
pub(super) struct AnswersRequest {
    /// The models that are to answer, 1 to 4.
    pub(super) models: Vec<String>,
}

/// What was added to a chat.
#[derive(Object)]
#[oai(rename = "ChatTurn")]
pub(super) struct TurnBody {
    /// The chat.
    chat: ChatBody,
    /// What you said.
    message: MessageBody,
    /// The answers that have begun, in the order of the models.
    answers: Vec<MessageBody>,
}

impl From<Turn> for TurnBody {
    fn from(turn: Turn) -> Self {
        TurnBody {
            chat: turn.chat.into(),
            message: turn.message.into(),
            answers: turn.answers.into_iter().map(MessageBody::from).collect(),
        }
    }
}

example!(ChatCreate, { "model": "gpt-4o-mini", "system": "Answer in one sentence." });
example!(ChatChange, { "title": "Holiday", "pinned": true });
example!(TurnRequest, { "text": "Say hello", "models": ["gpt-4o-mini"] });
example!(AnswersRequest, { "models": ["gpt-4o-mini"] });
example!(ChatBody, {
    "id": 3, "version": 4, "title": "Holiday", "pinned": true, "model": "gpt-4o-mini", "system": "", "temperature": 0.7,
    "top_p": null, "max_tokens": null, "reasoning_effort": null, "leaf": 12, "created_at": "2026-11-25T10:00:00Z",
    "active_at": "2026-11-25T10:05:00Z",
});
example!(MessageBody, {
    "id": 12, "parent": 11, "state": "done", "text": "Hello!", "reasoning": "", "images": [],
    "answer": {
        "model": "gpt-4o-mini", "compared": false, "finish": "stop", "error": null,
        "call": "019ab8e0-1234-7000-8000-0123456789ab", "provider": "openai", "key": "team-a", "input_tokens": 9,
        "output_tokens": 3, "reasoning_tokens": null, "cost_usd": 0.0000032, "first_token_ms": 310, "duration_ms": 420,
    },
    "created_at": "2026-11-25T10:05:00Z",
});
