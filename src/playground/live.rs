//! An answer while it is written: what has come so far, for any number of readers, who may come and go.

use std::pin::Pin;

use futures_util::Stream;
use futures_util::stream::{once, unfold};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::domain::{ChatId, ChatMessage, ChatOwner, ChatState, MessageId};

/// One step of an answer: more text, or its end.
#[derive(Clone, Debug, PartialEq)]
pub enum ChatEvent {
    /// More has come; the first event holds all that had come before.
    More {
        /// To be put behind the text.
        text: String,
        /// To be put behind the reasoning.
        reasoning: String,
    },
    /// The answer has ended: the whole message.
    End(Box<ChatMessage>),
}

/// The events of an answer, until its end.
pub type ChatEvents = Pin<Box<dyn Stream<Item = ChatEvent> + Send>>;

/// An answer that is being written.
pub(super) struct Live {
    pub owner: ChatOwner,
    chat: ChatId,
    /// Cancelled when its reader wants no more of it.
    pub stop: CancellationToken,
    message: watch::Sender<ChatMessage>,
}

impl Live {
    /// An answer of which nothing has come.
    pub fn new(owner: ChatOwner, chat: ChatId, message: ChatMessage) -> Self {
        Live { owner, chat, stop: CancellationToken::new(), message: watch::Sender::new(message) }
    }

    /// The answer's id.
    pub fn id(&self) -> MessageId {
        self.message.borrow().id
    }

    /// Whether it is part of a conversation of this owner.
    pub fn is_of(&self, owner: ChatOwner, chat: ChatId) -> bool {
        self.owner == owner && self.chat == chat
    }

    /// Puts more behind the answer; `false` when it has become longer than `most` bytes.
    pub fn add(&self, text: &str, reasoning: &str, most: usize) -> bool {
        let mut fits = true;
        self.message.send_modify(|message| {
            message.text.push_str(text);
            message.reasoning.push_str(reasoning);
            fits = message.text.len() + message.reasoning.len() <= most;
        });
        fits
    }

    /// The text and the reasoning so far.
    pub fn so_far(&self) -> (String, String) {
        let message = self.message.borrow();
        (message.text.clone(), message.reasoning.clone())
    }

    /// Tells every reader that the answer has ended.
    pub fn end(&self, message: ChatMessage) {
        self.message.send_replace(message);
    }

    /// Stops it and waits for its end.
    pub async fn stop(&self) -> ChatMessage {
        self.stop.cancel();
        let mut message = self.message.subscribe();
        // The sender is this value, which is held.
        match message.wait_for(|message| message.state != ChatState::Running).await {
            Ok(ended) => ended.clone(),
            Err(_) => self.message.borrow().clone(),
        }
    }

    /// What has come so far, what comes, and the end. A slow reader gets more at once, and never holds the answer up.
    pub fn events(&self) -> ChatEvents {
        let mut message = self.message.subscribe();
        message.mark_changed();
        Box::pin(unfold(Some(Reader { message, text: 0, reasoning: 0 }), async |reader| {
            let mut reader = reader?;
            let event = reader.next().await?;
            let is_end = matches!(event, ChatEvent::End(_));
            Some((event, (!is_end).then_some(reader)))
        }))
    }
}

/// The events of an answer that has ended, or of any other message.
pub(super) fn ended_events(message: ChatMessage) -> ChatEvents {
    Box::pin(once(async { ChatEvent::End(Box::new(message)) }))
}

struct Reader {
    message: watch::Receiver<ChatMessage>,
    /// Bytes of the text that the reader has.
    text: usize,
    /// Bytes of the reasoning that the reader has.
    reasoning: usize,
}

impl Reader {
    async fn next(&mut self) -> Option<ChatEvent> {
        self.message.changed().await.ok()?;
        let message = self.message.borrow_and_update();
        if message.state != ChatState::Running {
            return Some(ChatEvent::End(Box::new(message.clone())));
        }
        let more = |whole: &str, had: usize| whole.get(had..).unwrap_or_default().to_owned();
        let (text, reasoning) = (more(&message.text, self.text), more(&message.reasoning, self.reasoning));
        (self.text, self.reasoning) = (message.text.len(), message.reasoning.len());
        Some(ChatEvent::More { text, reasoning })
    }
}
