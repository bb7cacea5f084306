//! The playground: saved conversations whose answers come through the data plane.
//!
//! Owns answers while they are written: each is a task of its own, so that it goes on when its reader leaves, and whoever
//! comes back gets the text so far and then goes on live. Refuses everything about HTTP towards the reader; that is `admin`'s.

mod answer;
mod client;
mod delta;
mod export;
mod image;
mod live;
mod prompt;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::domain::{Capabilities, ChatId, ChatMessage, ChatOwner, FailedAnswer, InvalidField, MessageId, Snapshot};
use crate::proxy::Proxy;
use crate::store::{NewImage, NewTurn, Store, StoreError, Turn};

use answer::Answering;
use live::Live;

pub use client::CLIENT_NAME;
pub use export::markdown;
pub use image::{data_url, read_image};
pub use live::{ChatEvent, ChatEvents};

/// Most answers that are written at once for one owner.
const MOST_RUNNING: usize = 8;
/// Most models that are asked at once.
const MOST_MODELS: usize = 4;
/// Most bytes of what an owner writes at once.
const MOST_TEXT: usize = 1024 * 1024;
/// Most pictures of a message.
const MOST_IMAGES: usize = 8;

/// Why the playground refuses.
#[derive(Debug, thiserror::Error)]
pub enum PlaygroundError {
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The owner has as many answers under way as there may be.
    #[error("{MOST_RUNNING} answers are being written already: wait for one, or stop one")]
    Busy,
}

impl From<InvalidField> for PlaygroundError {
    fn from(error: InvalidField) -> Self {
        PlaygroundError::Store(error.into())
    }
}

/// Who chats.
#[derive(Clone, Debug)]
pub struct Chatter {
    /// Whose conversations.
    pub owner: ChatOwner,
    /// The name on the records of the calls, such as `user:anna`.
    pub name: String,
    /// Where from.
    pub address: Option<IpAddr>,
}

/// A model that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatModel {
    /// The public name.
    pub name: String,
    /// What it can do, where a model route says so.
    pub capabilities: Capabilities,
}

/// Saved conversations, and the answers that are being written. Cheap to clone.
#[derive(Clone)]
pub struct Playground {
    shared: Arc<Shared>,
}

/// What the tasks of the answers share.
struct Shared {
    store: Arc<Store>,
    proxy: Proxy,
    snapshot: Arc<ArcSwap<Snapshot>>,
    clock: Clock,
    running: Mutex<HashMap<MessageId, Arc<Live>>>,
    tasks: TaskTracker,
    ending: CancellationToken,
}

impl Playground {
    /// A playground. Answers that a former process left unfinished are marked as broken off. Blocks.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn start(store: Arc<Store>, proxy: Proxy, snapshot: Arc<ArcSwap<Snapshot>>, clock: Clock) -> Result<Self, StoreError> {
        store.break_off_answers_blocking(FailedAnswer::shutdown())?;
        let (running, tasks, ending) = Default::default();
        Ok(Playground { shared: Arc::new(Shared { store, proxy, snapshot, clock, running, tasks, ending }) })
    }

    /// Models that can be asked, by name.
    pub fn models(&self) -> Vec<ChatModel> {
        let snapshot = self.shared.snapshot.load();
        let client = client::find(&snapshot).unwrap_or_else(|| Arc::new(client::template(Default::default())));
        let to_model = |name: &str| ChatModel { name: name.to_owned(), capabilities: snapshot.capabilities(name) };
        snapshot.models_of(&client).into_iter().map(to_model).collect()
    }

    /// Adds what an owner says to a conversation, and begins the answers.
    ///
    /// # Errors
    /// The turn cannot be meant, there is no such conversation, or too many answers are under way.
    pub async fn say(&self, chatter: &Chatter, chat: ChatId, turn: NewTurn) -> Result<Turn, PlaygroundError> {
        check_models(&turn.models)?;
        if turn.text.trim().is_empty() && turn.images.is_empty() {
            return Err(InvalidField { field: "text", message: "must not be empty".to_owned() }.into());
        }
        if turn.text.len() > MOST_TEXT {
            return Err(InvalidField { field: "text", message: "must be at most 1 MiB".to_owned() }.into());
        }
        if turn.images.len() > MOST_IMAGES {
            return Err(InvalidField { field: "images", message: format!("must be at most {MOST_IMAGES}") }.into());
        }
        self.shared.assert_room(chatter.owner, turn.models.len())?;
        let now_ms = self.shared.clock.now().unix_ms;
        let added = self.shared.store.add_turn(chatter.owner, chat, turn, now_ms).await?;
        self.begin(chatter, &added);
        Ok(added)
    }

    /// Begins further answers to what an owner said.
    ///
    /// # Errors
    /// As [`Playground::say`].
    pub async fn answer_again(
        &self,
        chatter: &Chatter,
        chat: ChatId,
        to: MessageId,
        models: Vec<String>,
    ) -> Result<Turn, PlaygroundError> {
        check_models(&models)?;
        self.shared.assert_room(chatter.owner, models.len())?;
        let now_ms = self.shared.clock.now().unix_ms;
        let added = self.shared.store.add_answers(chatter.owner, chat, to, models, now_ms).await?;
        self.begin(chatter, &added);
        Ok(added)
    }

    /// The events of an answer: its text so far, then what comes, then the whole message.
    ///
    /// # Errors
    /// There is no such message.
    pub async fn follow(&self, owner: ChatOwner, chat: ChatId, id: MessageId) -> Result<ChatEvents, StoreError> {
        match self.shared.live(owner, chat, id) {
            Some(live) => Ok(live.events()),
            None => Ok(live::ended_events(self.message(owner, chat, id).await?)),
        }
    }

    /// Stops an answer, and waits until what had come is stored. An answer that has ended stays as it is.
    ///
    /// # Errors
    /// There is no such message.
    pub async fn stop(&self, owner: ChatOwner, chat: ChatId, id: MessageId) -> Result<ChatMessage, StoreError> {
        match self.shared.live(owner, chat, id) {
            Some(live) => Ok(live.stop().await),
            None => self.message(owner, chat, id).await,
        }
    }

    /// Stops the answers of a conversation and deletes it; within a day that can be undone.
    ///
    /// # Errors
    /// There is no such conversation.
    pub async fn delete(&self, owner: ChatOwner, chat: ChatId) -> Result<(), StoreError> {
        self.shared.store.delete_chat(owner, chat, self.shared.clock.now().unix_ms).await?;
        let running: Vec<_> = self.shared.running.lock().values().filter(|live| live.is_of(owner, chat)).cloned().collect();
        for live in running {
            live.stop().await;
        }
        Ok(())
    }

    /// The pictures of a message, in their order.
    ///
    /// # Errors
    /// The database cannot be read, or there is no such conversation.
    pub async fn images(&self, owner: ChatOwner, chat: ChatId, of: &ChatMessage) -> Result<Vec<NewImage>, StoreError> {
        self.shared.images(owner, chat, of).await
    }

    /// Breaks off every answer and waits until what had come is stored.
    pub async fn finish(&self) {
        self.shared.ending.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    async fn message(&self, owner: ChatOwner, chat: ChatId, id: MessageId) -> Result<ChatMessage, StoreError> {
        let (_, mut branch) = self.shared.store.branch(owner, chat, id).await?;
        branch.pop().ok_or(StoreError::NotFound { noun: "message", id: id.0 })
    }

    fn begin(&self, chatter: &Chatter, turn: &Turn) {
        for answer in &turn.answers {
            let live = Arc::new(Live::new(chatter.owner, turn.chat.id, answer.clone()));
            self.shared.running.lock().insert(answer.id, live.clone());
            let answering = Answering {
                shared: self.shared.clone(),
                chatter: chatter.clone(),
                settings: turn.chat.settings.clone(),
                chat: turn.chat.id,
                question: turn.message.id,
                live,
            };
            self.shared.tasks.spawn(answering.run(answer.clone()));
        }
    }
}

impl Shared {
    async fn images(&self, owner: ChatOwner, chat: ChatId, of: &ChatMessage) -> Result<Vec<NewImage>, StoreError> {
        let mut images = Vec::with_capacity(of.images.len());
        for position in 0..of.images.len() as u32 {
            images.extend(self.store.chat_image(owner, chat, of.id, position).await?);
        }
        Ok(images)
    }

    fn live(&self, owner: ChatOwner, chat: ChatId, id: MessageId) -> Option<Arc<Live>> {
        self.running.lock().get(&id).filter(|live| live.is_of(owner, chat)).cloned()
    }

    fn assert_room(&self, owner: ChatOwner, models: usize) -> Result<(), PlaygroundError> {
        let running = self.running.lock().values().filter(|live| live.owner == owner).count();
        if running + models > MOST_RUNNING { Err(PlaygroundError::Busy) } else { Ok(()) }
    }
}

fn check_models(models: &[String]) -> Result<(), InvalidField> {
    let is_name = |name: &String| (1..=300).contains(&name.len());
    if (1..=MOST_MODELS).contains(&models.len()) && models.iter().all(is_name) {
        return Ok(());
    }
    Err(InvalidField { field: "models", message: format!("must be the names of 1 to {MOST_MODELS} models") })
}
