//! The recorder's thread.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::queue::{Item, Removal, Taken};
use super::{RecorderOptions, Shared};
use crate::clock::Clock;
use crate::store::{Amended, CallLogWriter, CallSummary, DatabaseError, Day, LogEntry, Retention};
use crate::telemetry::Metrics;

/// Most entries of one transaction.
const MOST_AT_ONCE: usize = 5_000;
/// The wait before a batch is tried again; each further wait is twice as long.
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(100);

/// What the thread owns.
pub(super) struct Writing {
    writer: CallLogWriter,
    metrics: Arc<Metrics>,
    clock: Clock,
    retention: Box<dyn Fn() -> Retention + Send>,
    options: RecorderOptions,
    shared: Arc<Shared>,
    /// Monotonic milliseconds at which these are due.
    rollups_due: u64,
    maintenance_due: u64,
    /// What the last maintenance kept to.
    maintained: Option<Retention>,
    /// The rollups may lack calls of before the start.
    is_behind: bool,
    /// The last batch could not be written.
    is_failing: bool,
}

impl Writing {
    pub(super) fn new(
        writer: CallLogWriter,
        metrics: Arc<Metrics>,
        clock: Clock,
        retention: Box<dyn Fn() -> Retention + Send>,
        options: RecorderOptions,
        shared: Arc<Shared>,
    ) -> Self {
        let now = clock.now().mono_ms;
        Writing {
            writer,
            metrics,
            clock,
            retention,
            options,
            shared,
            rollups_due: now,
            maintenance_due: now,
            maintained: None,
            is_behind: true,
            is_failing: false,
        }
    }

    /// Runs until the queue is closed and empty.
    pub(super) fn run(mut self) {
        loop {
            let Taken { items, flushes, removals, closed } = self.shared.queue.take(self.idle_time(), self.options.gather);
            self.shared.counters.take(items.len());
            self.write_all(items);
            let is_asked = !flushes.is_empty();
            self.catch_up(is_asked);
            self.commit_rollups(is_asked || closed);
            answer(flushes, ());
            removals.into_iter().for_each(|removal| self.remove(removal));
            if closed {
                break;
            }
            self.maintain();
        }
        if let Err(error) = self.writer.close(self.clock.now().unix_ms) {
            tracing::error!(%error, "the call log was not closed cleanly; the next start counts what is missing");
        }
    }

    /// How long the thread may sleep when nothing comes.
    fn idle_time(&self) -> Duration {
        if self.is_behind {
            return Duration::ZERO;
        }
        let due =
            if self.writer.has_pending_rollups() { self.rollups_due.min(self.maintenance_due) } else { self.maintenance_due };
        Duration::from_millis(due.saturating_sub(self.clock.now().mono_ms).max(1))
    }

    fn write_all(&mut self, mut items: VecDeque<Item>) {
        items.iter_mut().for_each(Item::finish);
        // Entries of one day keep their order; batches around midnight are the only ones with two days.
        items.make_contiguous().sort_by_key(|item| item.entry.day());
        while let Some(first) = items.front() {
            let day = first.entry.day();
            let count = items.iter().take(MOST_AT_ONCE).take_while(|item| item.entry.day() == day).count();
            let (entries, replies): (Vec<LogEntry>, Vec<_>) = items.drain(..count).map(|item| (item.entry, item.reply)).unzip();
            self.write(day, &entries, replies.into_iter().flatten());
            self.tell(&entries);
        }
    }

    fn write(&mut self, day: Day, entries: &[LogEntry], replies: impl Iterator<Item = oneshot::Sender<Amended>>) {
        match self.write_with_patience(day, entries) {
            Ok(amended) => {
                self.shared.counters.write(entries.len());
                for (reply, amended) in replies.zip(amended) {
                    answer([reply], amended);
                }
            }
            Err(error) => {
                self.shared.counters.drop_for_disk(entries.len());
                self.say_trouble(&error);
                answer(replies, Amended::Failed);
            }
        }
    }

    fn write_with_patience(&mut self, day: Day, entries: &[LogEntry]) -> Result<Vec<Amended>, DatabaseError> {
        let mut left = if self.is_failing { Duration::ZERO } else { self.options.patience };
        let mut wait = FIRST_RETRY_AFTER;
        let result = loop {
            match self.write_once(day, entries) {
                Err(error) if may_pass(&error) && !left.is_zero() && !self.shared.queue.is_closed() => self.say_trouble(&error),
                result => break result,
            }
            self.shared.queue.pause(wait.min(left));
            left = left.saturating_sub(wait);
            wait *= 2;
        };
        self.is_failing = result.is_err();
        if !self.is_failing && self.shared.counters.set_trouble(None) {
            tracing::info!("the call log can be written again");
        }
        result
    }

    fn write_once(&mut self, day: Day, entries: &[LogEntry]) -> Result<Vec<Amended>, DatabaseError> {
        let now_ms = self.clock.now().unix_ms;
        let writer = &mut self.writer;
        catch_unwind(AssertUnwindSafe(|| writer.write(day, entries, now_ms))).unwrap_or_else(|_| {
            // What a panic left half done is in memory only: files that are opened anew are whole.
            self.writer.reopen();
            Err(DatabaseError::Panicked)
        })
    }

    /// Removes calls of one day after the other. What could not be removed may be asked for again.
    fn remove(&mut self, Removal { mut calls, reply }: Removal) {
        let now_ms = self.clock.now().unix_ms;
        calls.sort_unstable();
        let mut days = calls.chunk_by(|left, right| Day::of(*left) == Day::of(*right));
        let removed = days.try_fold(0, |sum, calls| Ok(sum + self.writer.remove(Day::of(calls[0]), calls, now_ms)?));
        // Whoever does not wait any more is no error.
        drop(reply.send(removed));
    }

    /// Trouble is logged when it begins, and shown as long as it lasts.
    fn say_trouble(&self, error: &DatabaseError) {
        if self.shared.counters.set_trouble(Some(error.to_string())) {
            tracing::error!(%error, "calls cannot be recorded; they are served all the same");
        }
    }

    /// Counts what happened into the metrics and the traces, and shows it to whoever listens.
    fn tell(&self, entries: &[LogEntry]) {
        let has_listeners = self.shared.feed.receiver_count() > 0;
        for entry in entries {
            let LogEntry::Call(record) = entry else { continue };
            self.metrics.observe(record);
            if let Some(traces) = &self.options.traces {
                traces.take(record);
            }
            if has_listeners {
                // The last listener may have gone in between.
                drop(self.shared.feed.send(Arc::new(CallSummary::from(&**record))));
            }
        }
    }

    /// Counts calls of before the start into the rollups: a day at a time, or all of them.
    fn catch_up(&mut self, all: bool) {
        while self.is_behind {
            match self.writer.catch_up(self.clock.now().unix_ms) {
                Ok(more) => self.is_behind = more,
                // A segment that is refused is left behind; the next day may be well.
                Err(error) => tracing::warn!(%error, "a day cannot be counted into the statistics"),
            }
            if !all {
                return;
            }
        }
    }

    fn commit_rollups(&mut self, now: bool) {
        let at = self.clock.now();
        if !self.writer.has_pending_rollups() || (!now && at.mono_ms < self.rollups_due) {
            return;
        }
        self.rollups_due = at.mono_ms + self.options.rollups.as_millis() as u64;
        if let Err(error) = self.writer.commit_rollups(at.unix_ms) {
            self.say_trouble(&error);
        }
    }

    fn maintain(&mut self) {
        let (now, retention) = (self.clock.now(), (self.retention)());
        // Whoever shortens the retention wants the space now.
        let is_due = now.mono_ms >= self.maintenance_due || self.maintained != Some(retention);
        if self.is_behind || !is_due {
            return;
        }
        self.maintenance_due = now.mono_ms + self.options.maintenance.as_millis() as u64;
        self.maintained = Some(retention);
        match self.writer.maintain(retention, now.unix_ms) {
            Ok(removed) => removed.iter().for_each(|day| tracing::info!(%day, "removed a day of calls beyond its retention")),
            Err(error) => tracing::warn!(%error, "maintenance of the call log failed"),
        }
    }
}

/// Answers those who still wait; whoever does not is no error.
fn answer<T: Copy>(replies: impl IntoIterator<Item = oneshot::Sender<T>>, what: T) {
    for reply in replies {
        let _ = reply.send(what);
    }
}

/// Whether waiting can help.
fn may_pass(error: &DatabaseError) -> bool {
    matches!(
        error,
        DatabaseError::DiskFull
            | DatabaseError::WriteFailed(_)
            | DatabaseError::Busy(_)
            | DatabaseError::ReadOnly(_)
            | DatabaseError::Open { .. }
            | DatabaseError::Sqlite(_)
    )
}
