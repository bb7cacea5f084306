//! An answer as an event stream.

use std::pin::Pin;

use futures_util::stream::unfold;
use futures_util::{Stream, StreamExt};
use poem_openapi::Object;
use tokio_util::sync::CancellationToken;

use super::body::MessageBody;
use crate::playground::{ChatEvent, ChatEvents};

pub(super) type Feed = Pin<Box<dyn Stream<Item = AnswerEvent> + Send>>;

/// One event of an answer: more of it, or its end.
#[derive(Object)]
#[oai(rename = "ChatAnswerEvent")]
pub(super) struct AnswerEvent {
    /// To be put behind the text.
    text: String,
    /// To be put behind the reasoning.
    reasoning: String,
    /// The whole message, when it has ended; the last event.
    #[oai(nullable)]
    message: Option<MessageBody>,
}

/// The events, until the answer ends or the server shuts down.
pub(super) fn feed(events: ChatEvents, ending: CancellationToken) -> Feed {
    Box::pin(unfold((events, ending), async |(mut events, ending)| {
        let event = tokio::select! {
            () = ending.cancelled() => return None,
            event = events.next() => event?,
        };
        let event = match event {
            ChatEvent::More { text, reasoning } => AnswerEvent { text, reasoning, message: None },
            ChatEvent::End(message) => {
                AnswerEvent { text: String::new(), reasoning: String::new(), message: Some((*message).into()) }
            }
        };
        Some((event, (events, ending)))
    }))
}
