//! One record for each call: a bounded queue, batches, the live feed.
//!
//! Never blocks a call; what does not fit is dropped and counted. One thread owns the write side of the call log: it
//! gathers records for at most 200 ms, writes them in one transaction, counts them into the rollups and the metrics, and
//! removes what is older than its retention.

mod owners;
mod queue;
mod status;
mod thread;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{broadcast, oneshot};

use crate::clock::Clock;
use crate::domain::{CallId, CallRecord, Cost, Usage};
use crate::store::{Amended, Amendment, CallLogWriter, CallSummary, DatabaseError, LogEntry, Retention};
use crate::telemetry::{Metrics, Traces};

use queue::{Finish, Item, Queue, Removal};
use status::Counters;

pub use owners::Owners;
pub use status::RecorderStatus;

/// How much is gathered, and for how long.
#[derive(Clone, Debug)]
pub struct RecorderOptions {
    /// Records that may wait; further ones are dropped. 1 or more.
    pub queue: usize,
    /// Records that are written without waiting for more. 1 or more.
    pub batch: usize,
    /// Longest time that a record waits for others.
    pub gather: Duration,
    /// Longest time that a batch is tried again when the disk is in trouble. What still cannot be written then is dropped,
    /// and so is, without a second try, every further batch until one succeeds.
    pub patience: Duration,
    /// Longest time that statistics lag behind the log, unless somebody asks for them.
    pub rollups: Duration,
    /// Time between two looks at what is older than its retention.
    pub maintenance: Duration,
    /// Summaries that a listener of the live feed may fall behind.
    pub feed: usize,
    /// Who takes the spans of calls; `None`: there are no traces.
    pub traces: Option<Traces>,
}

impl Default for RecorderOptions {
    fn default() -> Self {
        RecorderOptions {
            queue: 65_536,
            batch: 1_000,
            gather: Duration::from_millis(200),
            patience: Duration::from_secs(3),
            rollups: Duration::from_secs(2),
            maintenance: Duration::from_secs(60),
            feed: 1_024,
            traces: None,
        }
    }
}

/// Takes records from calls. Cheap to clone; when the last clone goes, what waits is written.
#[derive(Clone, Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    thread: Arc<ThreadOwner>,
}

/// What calls and the recorder's thread share.
#[derive(Debug)]
struct Shared {
    queue: Queue,
    counters: Counters,
    feed: broadcast::Sender<Arc<CallSummary>>,
    is_tracing: bool,
}

/// Ends the thread and waits for it.
#[derive(Debug)]
struct ThreadOwner {
    shared: Arc<Shared>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Recorder {
    /// Starts the thread that writes. `retention` is asked at every maintenance.
    ///
    /// # Errors
    ///
    /// The operating system gives no thread.
    pub fn start(
        writer: CallLogWriter,
        metrics: Arc<Metrics>,
        clock: Clock,
        retention: impl Fn() -> Retention + Send + 'static,
        options: RecorderOptions,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Queue::new(options.queue, options.batch),
            counters: Counters::default(),
            feed: broadcast::Sender::new(options.feed.max(1)),
            is_tracing: options.traces.is_some(),
        });
        let run = thread::Writing::new(writer, metrics, clock, Box::new(retention), options, shared.clone());
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(move || run.run())?;
        let thread = Arc::new(ThreadOwner { shared: shared.clone(), thread: Mutex::new(Some(thread)) });
        Ok(Recorder { shared, thread })
    }

    /// Takes the record of a call that ended. Never blocks; a full queue drops the record and counts it.
    pub fn record(&self, record: CallRecord) {
        self.push_call(record, None);
    }

    /// As [`Recorder::record`]; `finish` completes the record on the recorder's thread before it is written. It must not
    /// panic, and what it takes long for keeps other records waiting.
    pub fn record_after(&self, record: CallRecord, finish: impl FnOnce(&mut CallRecord) + Send + 'static) {
        self.push_call(record, Some(Finish(Box::new(finish))));
    }

    fn push_call(&self, record: CallRecord, finish: Option<Finish>) {
        if self.shared.queue.push(Item { entry: LogEntry::Call(Box::new(record)), finish, reply: None }).is_err() {
            self.shared.counters.drop_for_full_queue();
        }
    }

    /// Bills a usage that became known later to its call: record and statistics change exactly once, however often this
    /// is asked. It is queued at once, behind the call's own record; the future tells what became of it, and may be dropped.
    pub fn amend(&self, call: CallId, usage: Usage, cost: Cost) -> impl Future<Output = Amended> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let entry = LogEntry::Amend(Box::new(Amendment { call, usage, cost }));
        if self.shared.queue.push(Item { entry, finish: None, reply: Some(reply) }).is_err() {
            self.shared.counters.drop_for_full_queue();
        }
        async move { answer.await.unwrap_or(Amended::Failed) }
    }

    /// Removes calls from the log, with all that belongs to them and for good; statistics keep them. The answer is how many
    /// of them there were. Other records wait meanwhile: ask for about a thousand at a time.
    ///
    /// # Errors
    ///
    /// A segment cannot be written; the calls of the days before it are removed. The recorder was shut down.
    pub async fn remove(&self, calls: Vec<CallId>) -> Result<usize, DatabaseError> {
        let (reply, answer) = oneshot::channel();
        self.shared.queue.ask_removal(Removal { calls, reply });
        answer.await.unwrap_or(Err(DatabaseError::Closed))
    }

    /// Waits until everything that was taken before is in the log and in the statistics, or was dropped.
    pub async fn flush(&self) {
        let (reply, answer) = oneshot::channel();
        self.shared.queue.ask_flush(reply);
        // An error says that the thread has ended; it writes all it has before.
        drop(answer.await);
    }

    /// Writes what waits, closes the files and ends the thread. Later records are dropped and counted.
    pub async fn shutdown(&self) {
        self.flush().await;
        let owner = self.thread.clone();
        // Joining takes as long as closing the files does.
        drop(tokio::task::spawn_blocking(move || owner.end()).await);
    }

    /// Calls as they end, at most about 200 ms later. Costs nothing while nobody listens; a listener that is too slow
    /// misses some, and learns how many.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<CallSummary>> {
        self.shared.feed.subscribe()
    }

    /// Whether calls become spans of traces.
    pub fn is_tracing(&self) -> bool {
        self.shared.is_tracing
    }

    /// What waits, what was written and what was dropped.
    pub fn status(&self) -> RecorderStatus {
        self.shared.counters.status(self.shared.queue.len())
    }
}

impl ThreadOwner {
    fn end(&self) {
        self.shared.queue.close();
        if let Some(thread) = self.thread.lock().take() {
            drop(thread.join());
        }
    }
}

impl Drop for ThreadOwner {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests;
