//! Threads that own connections: closures go in over a bounded channel, answers come back over a channel of one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::error::DatabaseError;

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// How long a blocking caller sleeps before it tries a full queue again.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(1);

/// Threads, each with a state of its own (a connection, or several), that share one queue of work.
///
/// Dropping it lets the threads finish what is queued, then waits for them.
#[derive(Debug)]
pub(in crate::store) struct Workers<S> {
    jobs: Option<mpsc::Sender<Job<S>>>,
    threads: Vec<JoinHandle<()>>,
}

impl<S: Send + 'static> Workers<S> {
    /// Starts one thread for each state. At most `queue` pieces of work wait; then callers wait.
    pub(in crate::store) fn start(name: &str, states: Vec<S>, queue: usize) -> Result<Self, DatabaseError> {
        let (sender, receiver) = mpsc::channel::<Job<S>>(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::with_capacity(states.len());
        for state in states {
            let receiver = receiver.clone();
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || work(state, &receiver));
            threads.push(thread.map_err(|source| DatabaseError::Open { path: name.into(), source })?);
        }
        Ok(Workers { jobs: Some(sender), threads })
    }

    /// Runs a closure on one of the threads and waits for its answer without blocking. Work that nobody waits for any
    /// more is done all the same, once it is queued.
    pub(in crate::store) async fn call<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        F: FnOnce(&mut S) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(DatabaseError::Closed)?;
        jobs.send(job(work, move |result| drop(reply.send(result)))).await.map_err(|_| DatabaseError::Closed)?;
        answer.await.map_err(|_| DatabaseError::Panicked)?
    }

    /// Runs a closure on one of the threads and blocks until it answers; for start, stop and threads of their own.
    pub(in crate::store) fn call_blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        F: FnOnce(&mut S) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        let jobs = self.jobs.as_ref().ok_or(DatabaseError::Closed)?;
        let mut next = job(work, move |result| drop(reply.send(result)));
        loop {
            match jobs.try_send(next) {
                Ok(()) => break,
                Err(mpsc::error::TrySendError::Full(again)) => next = again,
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(DatabaseError::Closed.into()),
            }
            std::thread::sleep(FULL_QUEUE_PAUSE);
        }
        answer.recv().map_err(|_| DatabaseError::Panicked)?
    }
}

fn job<S, T, E>(
    work: impl FnOnce(&mut S) -> Result<T, E> + Send + 'static,
    reply: impl FnOnce(Result<T, E>) + Send + 'static,
) -> Job<S> {
    Box::new(move |state| reply(work(state)))
}

fn work<S>(mut state: S, jobs: &Mutex<mpsc::Receiver<Job<S>>>) {
    loop {
        // The lock is held while waiting: whoever has it takes the next job, the others queue behind it.
        let next = jobs.lock().blocking_recv();
        let Some(job) = next else { return };
        // A panic drops the reply, which tells the caller; an open transaction rolls back as it unwinds.
        if catch_unwind(AssertUnwindSafe(|| job(&mut state))).is_err() {
            tracing::error!("work on a database ended in a panic");
        }
    }
}

impl<S> Drop for Workers<S> {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // The last owner may be a closure on one of these threads; it cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() {
                drop(thread.join());
            }
        }
    }
}
