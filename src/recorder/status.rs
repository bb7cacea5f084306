//! What the recorder tells of itself.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

/// What waits, what was written and what was dropped, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecorderStatus {
    /// Records that wait, or are being written.
    pub queued: usize,
    /// Records that were written.
    pub written: u64,
    /// Records that were dropped because the queue was full.
    pub dropped_queue: u64,
    /// Records that were dropped because they could not be written: a full disk, a segment that was refused.
    pub dropped_disk: u64,
    /// Why writing fails at the moment; `None` while all is well.
    pub trouble: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    in_hand: AtomicUsize,
    written: AtomicU64,
    dropped_queue: AtomicU64,
    dropped_disk: AtomicU64,
    trouble: Mutex<Option<String>>,
}

impl Counters {
    pub(super) fn drop_for_full_queue(&self) {
        self.dropped_queue.fetch_add(1, Ordering::Relaxed);
    }

    /// The thread took records out of the queue.
    pub(super) fn take(&self, count: usize) {
        self.in_hand.fetch_add(count, Ordering::Relaxed);
    }

    /// Records that were taken are in the log.
    pub(super) fn write(&self, count: usize) {
        self.in_hand.fetch_sub(count, Ordering::Relaxed);
        self.written.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Records that were taken could not be written.
    pub(super) fn drop_for_disk(&self, count: usize) {
        self.in_hand.fetch_sub(count, Ordering::Relaxed);
        self.dropped_disk.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Says why writing fails, or that it works again. `true` when that is news.
    pub(super) fn set_trouble(&self, trouble: Option<String>) -> bool {
        let mut current = self.trouble.lock();
        let is_news = current.is_some() != trouble.is_some();
        *current = trouble;
        is_news
    }

    pub(super) fn status(&self, waiting: usize) -> RecorderStatus {
        RecorderStatus {
            queued: waiting + self.in_hand.load(Ordering::Relaxed),
            written: self.written.load(Ordering::Relaxed),
            dropped_queue: self.dropped_queue.load(Ordering::Relaxed),
            dropped_disk: self.dropped_disk.load(Ordering::Relaxed),
            trouble: self.trouble.lock().clone(),
        }
    }
}
