//! What hooks did: counted over reloads, for the API and the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::Serialize;

use super::error::ScriptFailure;
use super::hook::Hook;

/// Counters of one hook.
#[derive(Debug, Default)]
struct HookCounters {
    calls: AtomicU64,
    failures: AtomicU64,
    stopped: AtomicU64,
    skipped: AtomicU64,
    operations: AtomicU64,
    total_us: AtomicU64,
    max_us: AtomicU64,
    last_failure: Mutex<Option<(i64, ScriptFailure)>>,
}

/// Counters of every hook.
#[derive(Debug, Default)]
pub struct HookStats([HookCounters; Hook::COUNT]);

/// What one hook did since the start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HookReport {
    /// The hook's name.
    pub hook: &'static str,
    /// Runs.
    pub calls: u64,
    /// Runs that failed.
    pub failures: u64,
    /// Runs that were stopped at a limit; they are among the failures.
    pub stopped: u64,
    /// Calls in which the hook was left out because it is quarantined.
    pub skipped: u64,
    /// Steps of all runs.
    pub operations: u64,
    /// Microseconds of all runs.
    pub total_us: u64,
    /// Microseconds of the longest run.
    pub max_us: u64,
    /// When it last failed, in unix milliseconds.
    pub last_failure_ms: Option<i64>,
    /// How it last failed.
    pub last_failure: Option<ScriptFailure>,
    /// Whether it is left out until the next reload.
    pub quarantined: bool,
}

impl HookStats {
    pub(super) fn ran(&self, hook: Hook, operations: u64, us: u64) {
        let counters = &self.0[hook.index()];
        counters.calls.fetch_add(1, Ordering::Relaxed);
        counters.operations.fetch_add(operations, Ordering::Relaxed);
        counters.total_us.fetch_add(us, Ordering::Relaxed);
        counters.max_us.fetch_max(us, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, hook: Hook, failure: &ScriptFailure, was_stopped: bool, now_ms: i64) {
        let counters = &self.0[hook.index()];
        counters.failures.fetch_add(1, Ordering::Relaxed);
        counters.stopped.fetch_add(u64::from(was_stopped), Ordering::Relaxed);
        *counters.last_failure.lock() = Some((now_ms, failure.clone()));
    }

    pub(super) fn skipped(&self, hook: Hook) {
        self.0[hook.index()].skipped.fetch_add(1, Ordering::Relaxed);
    }

    /// Steps and microseconds of all runs of a hook.
    pub(super) fn cost(&self, hook: Hook) -> (u64, u64) {
        let counters = &self.0[hook.index()];
        (counters.operations.load(Ordering::Relaxed), counters.total_us.load(Ordering::Relaxed))
    }

    /// What a hook did.
    pub fn report(&self, hook: Hook, quarantined: bool) -> HookReport {
        let counters = &self.0[hook.index()];
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let last = counters.last_failure.lock().clone();
        HookReport {
            hook: hook.name(),
            calls: read(&counters.calls),
            failures: read(&counters.failures),
            stopped: read(&counters.stopped),
            skipped: read(&counters.skipped),
            operations: read(&counters.operations),
            total_us: read(&counters.total_us),
            max_us: read(&counters.max_us),
            last_failure_ms: last.as_ref().map(|(at_ms, _)| *at_ms),
            last_failure: last.map(|(_, failure)| failure),
            quarantined,
        }
    }
}
