//! The queue between calls and the recorder's thread: a short lock, one wake-up for each batch.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::domain::{CallId, CallRecord};
use crate::store::{Amended, DatabaseError, LogEntry};

/// Something that is done to a record before it is written, off the call's path.
pub(super) struct Finish(pub(super) Box<dyn FnOnce(&mut CallRecord) + Send>);

impl std::fmt::Debug for Finish {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Finish")
    }
}

impl Item {
    /// Does what is still to be done to the record.
    pub(super) fn finish(&mut self) {
        if let (LogEntry::Call(record), Some(finish)) = (&mut self.entry, self.finish.take()) {
            (finish.0)(record);
        }
    }
}

/// One thing that waits to be written, and who wants to know what becomes of it.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) entry: LogEntry,
    /// What is still to be done to the record.
    pub(super) finish: Option<Finish>,
    pub(super) reply: Option<oneshot::Sender<Amended>>,
}

/// What the thread takes at once.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) items: VecDeque<Item>,
    pub(super) flushes: Vec<oneshot::Sender<()>>,
    pub(super) removals: Vec<Removal>,
    /// Nothing comes after this.
    pub(super) closed: bool,
}

/// Calls that somebody wants removed, and who wants to know how many of them there were.
#[derive(Debug)]
pub(super) struct Removal {
    pub(super) calls: Vec<CallId>,
    pub(super) reply: oneshot::Sender<Result<usize, DatabaseError>>,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    flushes: Vec<oneshot::Sender<()>>,
    removals: Vec<Removal>,
    closed: bool,
}

impl State {
    /// Whether somebody waits for the thread.
    fn is_urgent(&self) -> bool {
        self.closed || !self.flushes.is_empty() || !self.removals.is_empty()
    }
}

/// A bounded queue for many calls and one thread.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
    batch: usize,
}

impl Queue {
    pub(super) fn new(capacity: usize, batch: usize) -> Self {
        Queue { state: Mutex::default(), changed: Condvar::new(), capacity: capacity.max(1), batch: batch.max(1) }
    }

    /// Adds an item, or gives it back when the queue is full or closed. The thread is woken for the first item and for a
    /// full batch only.
    pub(super) fn push(&self, item: Item) -> Result<(), Item> {
        let mut state = self.state.lock();
        if state.closed || state.items.len() >= self.capacity {
            return Err(item);
        }
        state.items.push_back(item);
        let length = state.items.len();
        drop(state);
        if length == 1 || length == self.batch {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Asks for an answer when everything that waits now has been written. On a closed queue the answer never comes.
    pub(super) fn ask_flush(&self, reply: oneshot::Sender<()>) {
        let mut state = self.state.lock();
        if !state.closed {
            state.flushes.push(reply);
            self.changed.notify_one();
        }
    }

    /// Asks for a removal, behind everything that waits now. On a closed queue the answer never comes.
    pub(super) fn ask_removal(&self, removal: Removal) {
        let mut state = self.state.lock();
        if !state.closed {
            state.removals.push(removal);
            self.changed.notify_one();
        }
    }

    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().items.len()
    }

    /// Waits up to `idle` for something to do. Once there is a first item, more are awaited for up to `gather`, unless
    /// a batch is full or somebody asks for a flush.
    pub(super) fn take(&self, idle: Duration, gather: Duration) -> Taken {
        let mut state = self.state.lock();
        if state.items.is_empty() && !state.is_urgent() {
            self.changed.wait_for(&mut state, idle);
        }
        if !state.items.is_empty() {
            let is_gathering = |state: &mut State| state.items.len() < self.batch && !state.is_urgent();
            self.changed.wait_while_for(&mut state, is_gathering, gather);
        }
        Taken {
            items: std::mem::take(&mut state.items),
            flushes: std::mem::take(&mut state.flushes),
            removals: std::mem::take(&mut state.removals),
            closed: state.closed,
        }
    }

    /// Sleeps, unless the queue is closed or becomes so.
    pub(super) fn pause(&self, time: Duration) {
        let mut state = self.state.lock();
        self.changed.wait_while_for(&mut state, |state| !state.closed, time);
    }
}
