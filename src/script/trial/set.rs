//! A set that is loaded to be tried.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::Entropy;
use crate::script::error::Problem;
use crate::script::hook::Hook;
use crate::script::limits::ScriptLimits;
use crate::script::live::Scripts;
use crate::script::load::Loader;
use crate::script::runtime::{KvStore, LogLine, LogSink, Surroundings, Time};
use crate::script::set::ScriptSet;
use crate::script::sources::Sources;
use crate::script::stats::{HookReport, HookStats};

/// What the store behind `kv_get` begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialStore {
    /// Nothing.
    Empty,
    /// A copy of what the live scripts have set.
    CopyOfLive,
}

/// Milliseconds that a hook may take: the count of steps is the limit, so that a busy machine changes no decision.
const WALL_MS: u64 = 2_000;

/// A set with surroundings of its own: what its scripts set, log and count stays with it.
pub struct TrialSet {
    pub(super) set: ScriptSet,
    around: Arc<Surroundings>,
}

impl TrialSet {
    /// What its hooks did, those alone that it defines.
    pub fn reports(&self) -> Vec<HookReport> {
        Hook::ALL.into_iter().filter(|hook| self.set.has(*hook)).map(|hook| self.set.stats.report(hook, false)).collect()
    }

    /// What was found while loading that did not stop it.
    pub fn warnings(&self) -> &[Problem] {
        self.set.warnings()
    }

    /// The hooks that it defines.
    pub fn hooks(&self) -> impl Iterator<Item = &'static str> {
        Hook::ALL.into_iter().filter(|hook| self.set.has(*hook)).map(Hook::name)
    }

    /// A short name for exactly these scripts.
    pub fn version(&self) -> &str {
        self.set.version()
    }

    /// Sets the time that its scripts are told.
    pub(super) fn set_time(&self, at_ms: i64) {
        if let Time::Fixed(time) = &self.around.time {
            time.store(at_ms, Ordering::Relaxed);
        }
    }

    /// What its scripts have logged since the last look.
    pub(super) fn take_log(&self) -> Vec<LogLine> {
        self.around.log.take()
    }
}

impl Scripts {
    /// Loads sources to be tried, as they would be loaded live.
    ///
    /// # Errors
    /// What was found, when that stands against the set.
    pub fn trial(&self, sources: Sources, store: TrialStore) -> Result<TrialSet, Vec<Problem>> {
        let live = self.surroundings();
        let now_ms = live.now_ms();
        let kv = match store {
            TrialStore::Empty => KvStore::new(self.limits().kv_entries, self.limits().kv_bytes),
            TrialStore::CopyOfLive => live.kv.copy(now_ms),
        };
        let around = Surroundings {
            clock: live.clock,
            time: Time::Fixed(AtomicI64::new(now_ms)),
            entropy: Entropy::from_seed(0),
            kv: Arc::new(kv),
            log: LogSink::capture(),
            estimate: live.estimate,
        };
        self.load_trial(sources, Arc::new(around), Arc::new(HookStats::default()))
    }

    /// Loads the scripts that have taken a set's place: they go on with its store, as live ones do after a reload, and its counts.
    ///
    /// # Errors
    /// What was found, when that stands against the set.
    pub(super) fn trial_after(&self, before: &TrialSet, sources: Sources) -> Result<TrialSet, Vec<Problem>> {
        self.load_trial(sources, before.around.clone(), before.set.stats.clone())
    }

    fn load_trial(&self, sources: Sources, around: Arc<Surroundings>, stats: Arc<HookStats>) -> Result<TrialSet, Vec<Problem>> {
        // Each call is judged for itself: nothing is left out because calls before it failed.
        let limits =
            ScriptLimits { wall_ms: self.limits().wall_ms.max(WALL_MS), quarantine: u32::MAX, ..self.limits().clone() };
        let loader = Loader { limits, config: self.load_config(), around: around.clone(), stats };
        let mut report = loader.load(sources);
        around.log.take();
        match report.set.take() {
            Some(set) => Ok(TrialSet { set, around }),
            None => Err(report.problems),
        }
    }
}
