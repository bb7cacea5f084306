//! The task behind one answer: asks the data plane, keeps what comes, stores how it ended.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{Method, StatusCode, header};
use poem::{Request, Response};
use tokio::sync::oneshot;

use super::delta::{Delta, failure};
use super::live::Live;
use super::prompt::{self, Said};
use super::{Chatter, Shared, client};
use crate::domain::{CallRecord, ChatAnswer, ChatId, ChatMessage, ChatSettings, ChatState, FailedAnswer, MessageId};
use crate::proxy::{InsideCall, Splitter};
use crate::store::StoreError;

/// How often what has come is written to the disk.
const KEPT_EVERY: Duration = Duration::from_secs(1);
/// Longest wait for the record of a call that has ended.
const RECORD_WAIT: Duration = Duration::from_secs(5);
/// Most bytes of an answer, reasoning included.
const MOST_ANSWER: usize = 4 * 1024 * 1024;
/// Most bytes of an answer without a stream, and of an error.
const MOST_BODY: usize = 16 * 1024 * 1024;

/// One answer to be written.
pub(super) struct Answering {
    pub shared: Arc<Shared>,
    pub chatter: Chatter,
    pub settings: ChatSettings,
    pub chat: ChatId,
    /// The message that is answered.
    pub question: MessageId,
    pub live: Arc<Live>,
}

/// How an answer ended, besides what the record of its call says.
#[derive(Default)]
struct Ending {
    stopped: bool,
    finish: Option<String>,
    error: Option<FailedAnswer>,
}

impl Answering {
    /// Writes the answer to its end, whoever reads along.
    pub async fn run(self, mut message: ChatMessage) {
        let (follower, record) = oneshot::channel();
        let mut answer = message.answer.take().unwrap_or_default();
        let (stop, ending) = (self.live.stop.clone(), self.shared.ending.clone());
        let end = tokio::select! {
            end = self.ask(&answer.model, follower) => end,
            () = stop.cancelled() => Ending { stopped: true, ..Ending::default() },
            () = ending.cancelled() => Ending { error: Some(FailedAnswer::shutdown()), ..Ending::default() },
        };
        // Whatever is left of the call was dropped, so its record comes.
        let record = tokio::time::timeout(RECORD_WAIT, record).await.ok().and_then(Result::ok);
        message.state = conclude(&mut answer, end, record.as_ref());
        message.answer = Some(answer);
        (message.text, message.reasoning) = self.live.so_far();
        let stored = self.shared.store.end_answer(message.clone()).await;
        if let Err(error) = &stored {
            tracing::error!(%error, "cannot store an answer; it stays in memory until Keywheel ends");
        }
        let id = message.id;
        self.live.end(message);
        if stored.is_ok() {
            self.shared.running.lock().remove(&id);
        }
    }

    /// Asks, and reads the answer as it comes.
    async fn ask(&self, model: &str, follower: oneshot::Sender<CallRecord>) -> Ending {
        let (request, inside) = match self.prepare(model, follower).await {
            Ok(prepared) => prepared,
            Err(error) => {
                tracing::error!(%error, "an answer cannot begin");
                let error = FailedAnswer { code: "internal".to_owned(), message: error.to_string() };
                return Ending { error: Some(error), ..Ending::default() };
            }
        };
        let response = self.shared.proxy.call_from_within(request, inside).await;
        let content_type = response.header(header::CONTENT_TYPE).unwrap_or_default();
        if response.status() == StatusCode::OK && content_type.starts_with("text/event-stream") {
            return self.read_events(response.into_body().into_bytes_stream()).await;
        }
        self.read_whole(response).await
    }

    async fn prepare(&self, model: &str, follower: oneshot::Sender<CallRecord>) -> Result<(Request, InsideCall), StoreError> {
        let Shared { store, snapshot, clock, .. } = &*self.shared;
        let client = client::find_or_make(&snapshot.load_full(), store, clock.now().unix_ms).await?;
        let (_, branch) = store.branch(self.chatter.owner, self.chat, self.question).await?;
        let mut said = Vec::with_capacity(branch.len());
        for message in branch {
            let images = self.shared.images(self.chatter.owner, self.chat, &message).await?;
            said.push(Said { message, images });
        }
        let body = prompt::body(model, &self.settings, &said).to_string();
        let request = Request::builder()
            .method(Method::POST)
            .uri_str("/v1/chat/completions")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        let tags = vec![client::CLIENT_NAME.to_owned(), self.chatter.name.clone()];
        Ok((request, InsideCall { client, address: self.chatter.address, tags, follower }))
    }

    async fn read_events(&self, body: impl Stream<Item = Result<Bytes, std::io::Error>> + Send) -> Ending {
        let mut body = std::pin::pin!(body);
        let mut splitter = Splitter::new();
        let mut end = Ending::default();
        let mut keep = tokio::time::interval(KEPT_EVERY);
        let mut has_news = false;
        loop {
            let chunk = tokio::select! {
                chunk = body.next() => chunk,
                _ = keep.tick() => {
                    if std::mem::take(&mut has_news) {
                        self.keep_so_far().await;
                    }
                    continue;
                }
            };
            // How an answer broke off is in the record of its call.
            let Some(Ok(chunk)) = chunk else { return end };
            let mut rest = &chunk[..];
            while let Some(event) = splitter.next(&mut rest) {
                has_news = true;
                if !self.take(Delta::read(event.data), &mut end) {
                    return end;
                }
            }
        }
    }

    /// Takes what an event says; `false` when the answer has become too long.
    fn take(&self, delta: Delta, end: &mut Ending) -> bool {
        end.finish = delta.finish.or(end.finish.take());
        end.error = end.error.take().or(delta.error);
        if delta.text.is_empty() && delta.reasoning.is_empty() {
            return true;
        }
        let fits = self.live.add(&delta.text, &delta.reasoning, MOST_ANSWER);
        if !fits {
            let message = "The answer was longer than 4 MiB and was cut off.".to_owned();
            end.error = Some(FailedAnswer { code: "too_long".to_owned(), message });
        }
        fits
    }

    async fn read_whole(&self, response: Response) -> Ending {
        let status = response.status();
        let mut end = Ending::default();
        let body = response.into_body().into_bytes_limit(MOST_BODY).await.unwrap_or_default();
        if status == StatusCode::OK {
            self.take(Delta::read(&body), &mut end);
        } else {
            end.error = Some(failure(&serde_json::from_slice(&body).unwrap_or_default()));
        }
        end
    }

    /// For a restart after a crash. A disk in trouble is the recorder's to report; the text is in memory.
    async fn keep_so_far(&self) {
        let (text, reasoning) = self.live.so_far();
        drop(self.shared.store.keep_answer_so_far(self.live.id(), text, reasoning).await);
    }
}

/// Takes over how an answer ended and what its record says; the state that follows.
fn conclude(answer: &mut ChatAnswer, end: Ending, record: Option<&CallRecord>) -> ChatState {
    answer.finish = end.finish;
    answer.error = end.error;
    if let Some(record) = record {
        answer.learn(record);
    }
    match (&answer.error, end.stopped) {
        (_, true) => {
            answer.error = None;
            ChatState::Stopped
        }
        (Some(_), false) => ChatState::Failed,
        (None, false) => ChatState::Done,
    }
}
