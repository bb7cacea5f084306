//! What surrounds a running script: its meter, its clock and randomness, the shared store and the log.
//!
//! Rhai's callbacks (`on_progress`, `on_print`) and many native functions are not told for whom they run, so the current run
//! lies in a thread-local. A script runs on one thread from its beginning to its end and never across an `await`.

mod aside;
mod kv;
mod log;
mod meter;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use rhai::{EvalAltResult, ImmutableString};

pub use aside::aside;
pub use kv::{KvStore, KvValue};
pub use log::{LogLevel, LogLine, LogSink, clean};
pub use meter::{Budget, Stop, begin as meter, charge, stopped, tick};

use crate::clock::{Clock, Entropy};

/// Where a script's time comes from.
#[derive(Debug)]
pub enum Time {
    /// The machine.
    Real,
    /// A time that stands still, in unix milliseconds: tests and replays.
    Fixed(AtomicI64),
}

/// How many tokens a request of a path with a body is expected to use, as the data plane counts them.
pub type EstimateRequest = fn(path: &str, body: &Bytes) -> u64;

/// What all runs of a set share.
#[derive(Debug)]
pub struct Surroundings {
    /// Measures runs; also the source of [`Time::Real`].
    pub clock: Clock,
    /// What `now_ms` answers.
    pub time: Time,
    /// Where `rand` starts when no call seeds it.
    pub entropy: Entropy,
    /// The store behind `kv_get`.
    pub kv: Arc<KvStore>,
    /// Where `log_info` writes.
    pub log: LogSink,
    /// What `req.estimated_tokens` is where no call has counted it.
    pub estimate: EstimateRequest,
}

impl Surroundings {
    /// Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        match &self.time {
            Time::Real => self.clock.now().unix_ms,
            Time::Fixed(at) => at.load(Ordering::Relaxed),
        }
    }
}

/// One run of a script.
pub struct Run {
    /// What it shares with others.
    pub around: Arc<Surroundings>,
    /// Its own sequence of random numbers.
    pub random: Entropy,
    /// The script's file name.
    pub script: ImmutableString,
    /// Whether a `test_*` runs, so that `mock_*` functions answer.
    pub in_test: bool,
}

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

/// Ends the run when it is dropped; an outer run goes on.
pub struct Running {
    outer: Option<Run>,
}

/// Begins a run on this thread.
pub fn enter(run: Run) -> Running {
    Running { outer: RUN.with(|cell| cell.borrow_mut().replace(run)) }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUN.with(|cell| *cell.borrow_mut() = self.outer.take());
    }
}

/// Asks the current run for something.
pub fn current<T>(ask: impl FnOnce(&Run) -> T) -> Result<T, Box<EvalAltResult>> {
    RUN.with(|cell| cell.borrow().as_ref().map(ask)).ok_or_else(|| "this works only while a hook runs".into())
}
