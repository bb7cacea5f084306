//! A set: every script of a folder at one moment, compiled, and the running of its hooks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rhai::{Dynamic, Engine, EvalAltResult, NativeCallContext, Position};

use super::error::{FailureKind, Place, Problem, ScriptFailure, explain};
use super::functions::Patterns;
use super::hook::{Hook, HookSet};
use super::limits::ScriptLimits;
use super::register::Group;
use super::runtime::{Budget, Run, Surroundings, aside, enter, meter, stopped};
use super::sources::Sources;
use super::stats::{HookReport, HookStats};
use super::unit::Unit;
use crate::clock::Entropy;
use crate::domain::CallId;

/// Microseconds from which a run is a slow one.
const SLOW_US: u64 = 2_000;
/// Runs of a hook after a slow one that do not count on being fast.
const WARY_RUNS: u32 = 256;

/// A function that a script defines for a hook.
pub(super) struct HookFunction {
    pub unit: usize,
    /// Where it is defined.
    pub place: Place,
    /// The same as text, for records.
    pub label: Arc<str>,
}

/// Every script of a folder at one moment, compiled. Calls that began with a set end with it.
pub struct ScriptSet {
    pub(super) engine: Engine,
    pub(super) units: Vec<Unit>,
    pub(super) hooks: [Vec<HookFunction>; Hook::COUNT],
    pub(super) defined: HookSet,
    pub(super) around: Arc<Surroundings>,
    pub(super) limits: ScriptLimits,
    pub(super) stats: Arc<HookStats>,
    /// Failures in a row, for each hook.
    pub(super) streaks: [AtomicU32; Hook::COUNT],
    /// Runs of each hook that leave the worker's other calls to another thread, since one was slow lately.
    pub(super) wary: [AtomicU32; Hook::COUNT],
    pub(super) version: String,
    pub(super) sources: Sources,
    pub(super) warnings: Vec<Problem>,
    pub(super) groups: Vec<Group>,
    /// Why no call is let through, when no scripts could be loaded at the start.
    pub(super) closed: Option<ScriptFailure>,
    /// For `redact` in the answer of `on_complete`.
    pub(super) patterns: Patterns,
}

/// What an answer turned out to be when it was read.
pub(super) type Read<T> = Result<Option<T>, Box<EvalAltResult>>;

impl ScriptSet {
    /// Whether some script defines the hook.
    #[inline]
    pub fn has(&self, hook: Hook) -> bool {
        self.defined.contains(hook)
    }

    /// A short name for exactly these scripts.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The scripts' texts.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// What was found while loading that did not stop the set.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The limits under which hooks run.
    pub fn limits(&self) -> &ScriptLimits {
        &self.limits
    }

    /// Everything that scripts can use, as it was registered.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// What each hook did.
    pub fn reports(&self) -> Vec<HookReport> {
        Hook::ALL.into_iter().map(|hook| self.stats.report(hook, self.is_quarantined(hook))).collect()
    }

    /// Whether the hook is left out because it failed too often in a row.
    pub fn is_quarantined(&self, hook: Hook) -> bool {
        self.streaks[hook.index()].load(Ordering::Relaxed) >= self.limits.quarantine
    }

    /// Runs every script's function for a hook, in order, until one answers; `read` reads an answer that is not `()`.
    ///
    /// One budget covers them all. The arguments are made anew for each function.
    pub(super) fn run_hook<const N: usize, T>(
        &self,
        hook: Hook,
        seed: u64,
        arguments: impl Fn() -> [Dynamic; N],
        mut read: impl FnMut(&HookFunction, Dynamic) -> Read<T>,
    ) -> Result<Option<T>, ScriptFailure> {
        if let Some(failure) = &self.closed {
            self.stats.skipped(hook);
            return Err(failure.clone());
        }
        if self.is_quarantined(hook) {
            self.stats.skipped(hook);
            return if hook.fails_closed() { Err(self.quarantine_failure(hook)) } else { Ok(None) };
        }
        let mut run = || {
            let limits = Budget { operations: self.limits.operations, wall_us: self.limits.wall_ms * 1000 };
            let metered = meter(limits, self.around.clock);
            let mut answer = Ok(None);
            for function in &self.hooks[hook.index()] {
                answer = self.run_function(hook, function, seed, arguments(), &mut read);
                if !matches!(answer, Ok(None)) {
                    break;
                }
            }
            (answer, stopped().is_some(), metered.operations(), metered.elapsed_us())
        };
        let wary = &self.wary[hook.index()];
        let left = wary.load(Ordering::Relaxed);
        let (answer, was_stopped, operations, elapsed_us) = if left > 0 { aside(run) } else { run() };
        if elapsed_us >= SLOW_US {
            wary.store(WARY_RUNS, Ordering::Relaxed);
        } else if left > 0 {
            wary.store(left - 1, Ordering::Relaxed);
        }
        self.stats.ran(hook, operations, elapsed_us);
        match &answer {
            Ok(_) => self.streaks[hook.index()].store(0, Ordering::Relaxed),
            Err(failure) => self.note_failure(hook, failure, was_stopped),
        }
        answer
    }

    fn run_function<const N: usize, T>(
        &self,
        hook: Hook,
        function: &HookFunction,
        seed: u64,
        arguments: [Dynamic; N],
        read: &mut impl FnMut(&HookFunction, Dynamic) -> Read<T>,
    ) -> Result<Option<T>, ScriptFailure> {
        let unit = &self.units[function.unit];
        let called = self.call(unit, hook.name(), arguments, seed, false);
        let (kind, read) = match called {
            Ok(answer) if answer.is_unit() => return Ok(None),
            Ok(answer) => (FailureKind::Answer, read(function, answer)),
            Err(error) => (FailureKind::Runtime, Err(error)),
        };
        read.map_err(|error| {
            let mut failure = explain(*error, &unit.name, stopped()).into_failure(hook);
            if failure.place.line == 0 {
                failure.place = function.place.clone();
            }
            if kind == FailureKind::Answer {
                failure.kind = kind;
            }
            failure
        })
    }

    /// Calls a function of a script. The caller meters it.
    pub(super) fn call<const N: usize>(
        &self,
        unit: &Unit,
        function: &str,
        mut arguments: [Dynamic; N],
        seed: u64,
        in_test: bool,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let random = Entropy::from_seed(seed);
        let _running = enter(Run { around: self.around.clone(), random, script: unit.name.clone(), in_test });
        let context = NativeCallContext::new_with_all_fields(
            &self.engine,
            function,
            Some(unit.name.as_str()),
            unit.global(),
            Position::NONE,
        );
        let mut arguments = arguments.each_mut();
        // Rhai states invariants of its own with panics; a script that finds a way to break one must not take the call's
        // thread along.
        let called = catch_unwind(AssertUnwindSafe(|| context.call_fn_raw(function, false, false, &mut arguments)));
        match called {
            // What was stopped inside a comparison of `sort` goes unnoticed there, and the script would seem to have ended well.
            Ok(Ok(_)) if stopped().is_some() => Err(EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE).into()),
            Ok(Err(error)) => match *error {
                EvalAltResult::Exit(value, _) => Ok(value),
                other => Err(other.into()),
            },
            Ok(answer) => answer,
            Err(_) => Err(EvalAltResult::ErrorSystem("the script engine failed".to_owned(), "panicked".into()).into()),
        }
    }

    pub(super) fn note_failure(&self, hook: Hook, failure: &ScriptFailure, was_stopped: bool) {
        let now_ms = self.around.now_ms();
        self.stats.failed(hook, failure, was_stopped, now_ms);
        let streak = self.streaks[hook.index()].fetch_add(1, Ordering::Relaxed) + 1;
        let ScriptFailure { hook: name, place, message, .. } = failure;
        let kind = failure.kind.as_str();
        if streak == self.limits.quarantine {
            tracing::error!(hook = name, %place, kind, streak, "script hook quarantined until the next reload: {message}");
        } else if self.around.log.admits(now_ms) {
            tracing::warn!(hook = name, %place, kind, value = failure.value, "script hook failed: {message}");
        }
    }

    fn quarantine_failure(&self, hook: Hook) -> ScriptFailure {
        let last = self.stats.report(hook, true).last_failure;
        let place = last.as_ref().map_or_else(|| self.hooks[hook.index()][0].place.clone(), |failure| failure.place.clone());
        let cause = last.map(|failure| format!(": {}", failure.message)).unwrap_or_default();
        let message = format!("left out until the next reload after {} failures in a row{cause}", self.limits.quarantine);
        ScriptFailure::new(hook, FailureKind::Quarantined, place, message)
    }
}

/// Where the random numbers of a hook begin: the call, the hook and the attempt decide, so that a replay finds the same.
pub(super) fn seed(call: CallId, hook: Hook, attempt: u32) -> u64 {
    let id = call.0.as_u128();
    (id as u64 ^ (id >> 64) as u64)
        .wrapping_add(((hook.index() as u64 + 1) << 32 | u64::from(attempt)).wrapping_mul(0x9e37_79b9))
}
