//! The live set: swapped whole, never in part; a reload that fails leaves the last good one in place.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;

use super::error::{Place, Problem};
use super::hook::Hook;
use super::limits::ScriptLimits;
use super::load::{LoadConfig, LoadReport, Loader, TestReport};
use super::runtime::{EstimateRequest, KvStore, LogSink, Surroundings, Time};
use super::set::ScriptSet;
use super::sources::Sources;
use super::stats::{HookReport, HookStats};
use super::trial::ShadowSlot;
use crate::clock::{Clock, Entropy};

/// Asked at each load for what `on_load` is told.
pub type ConfigSource = Box<dyn Fn() -> LoadConfig + Send + Sync>;

/// What scripts are loaded with.
pub struct ScriptsOptions {
    /// The script folder; `None`: there are no scripts.
    pub folder: Option<PathBuf>,
    /// Limits of hooks.
    pub limits: ScriptLimits,
    /// The clock.
    pub clock: Clock,
    /// What `on_load` is told.
    pub config: ConfigSource,
    /// How the data plane estimates requests.
    pub estimate: EstimateRequest,
}

/// The scripts of an installation.
pub struct Scripts {
    folder: Option<PathBuf>,
    limits: ScriptLimits,
    config: ConfigSource,
    around: Arc<Surroundings>,
    stats: Arc<HookStats>,
    current: ArcSwap<ScriptSet>,
    /// Which hooks the live set defines, so that a call without scripts looks at one number.
    defined: AtomicU16,
    /// Held while a load runs, so that one load ends before the next begins.
    pub(super) loading: Mutex<Option<Sources>>,
    last: Mutex<LastReload>,
    reloads: AtomicU64,
    failed_reloads: AtomicU64,
    shadow: ShadowSlot,
}

/// How the last reload went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LastReload {
    /// When, in unix milliseconds.
    pub at_ms: i64,
    /// Whether the set went live.
    pub ok: bool,
    /// Microseconds that it took.
    pub micros: u64,
    /// The version that was loaded, or that failed.
    pub version: String,
    /// What was found.
    pub problems: Vec<Problem>,
    /// The tests that ran.
    pub tests: Vec<TestReport>,
}

/// A file of the live set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScriptFile {
    /// Its name inside the folder.
    pub name: String,
    /// Its length in bytes.
    pub bytes: usize,
    /// The hooks that it defines.
    pub hooks: Vec<&'static str>,
}

/// How scripts are doing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScriptStatus {
    /// The folder.
    pub folder: Option<String>,
    /// The version that is live.
    pub version: String,
    /// Its files.
    pub files: Vec<ScriptFile>,
    /// How the last reload went; when it failed, `version` is an older one.
    pub last_reload: LastReload,
    /// Reloads since the start that changed the set.
    pub reloads: u64,
    /// Reloads since the start that failed.
    pub failed_reloads: u64,
    /// What each hook did since the start.
    pub hooks: Vec<HookReport>,
}

impl Scripts {
    /// Loads the folder for a server that starts. A folder that does not exist is an empty set.
    ///
    /// When its scripts have errors, or it cannot be read, there is no last good set to go on with, and none at all would let
    /// through what a filter was there to stop. So the server starts closed: each call fails with the first error, until the
    /// folder loads. Meanwhile it can be mended in place, or through the admin API.
    pub fn start(options: ScriptsOptions) -> Arc<Self> {
        let sources = read(options.folder.as_deref());
        Scripts::load_sources(options, sources)
    }

    /// Loads the folder, as [`Scripts::start`] does.
    ///
    /// # Errors
    /// What stands against the scripts.
    pub fn load(options: ScriptsOptions) -> Result<Arc<Self>, Vec<Problem>> {
        let scripts = Scripts::start(options);
        if scripts.is_closed() { Err(scripts.last.lock().problems.clone()) } else { Ok(scripts) }
    }

    fn load_sources(options: ScriptsOptions, read: Result<Sources, Vec<Problem>>) -> Arc<Self> {
        let around = Arc::new(Surroundings {
            clock: options.clock,
            time: Time::Real,
            entropy: Entropy::from_system(),
            kv: Arc::new(KvStore::new(options.limits.kv_entries, options.limits.kv_bytes)),
            log: LogSink::tracing(options.limits.log_lines),
            estimate: options.estimate,
        });
        let stats = Arc::new(HookStats::default());
        let loader =
            Loader { limits: options.limits.clone(), config: (options.config)(), around: around.clone(), stats: stats.clone() };
        let began = around.clock.micros();
        let (report, sources) = match read {
            Ok(sources) => (loader.load(sources.clone()), Some(sources)),
            Err(problems) => (LoadReport { set: None, problems, tests: Vec::new() }, None),
        };
        let last = LastReload::new(&report, &around, began);
        let version = sources.as_ref().map(Sources::version).unwrap_or_default();
        let is_refused = report.set.is_none();
        let set = report.set.unwrap_or_else(|| loader.closed(&last.problems));
        let scripts = Scripts {
            folder: options.folder,
            limits: options.limits,
            config: options.config,
            around,
            stats,
            defined: AtomicU16::new(set.defined.bits()),
            current: ArcSwap::from_pointee(set),
            loading: Mutex::new(sources.filter(|_| is_refused)),
            last: Mutex::new(LastReload { version, ..last }),
            reloads: AtomicU64::new(0),
            failed_reloads: AtomicU64::new(0),
            shadow: ShadowSlot::default(),
        };
        if is_refused {
            scripts.last.lock().tell();
            tracing::error!("no call is let through until the scripts load");
        }
        Arc::new(scripts)
    }

    /// Whether no set has loaded since the start, so that no call is let through.
    pub fn is_closed(&self) -> bool {
        self.current.load().closed.is_some()
    }

    /// The live set, unless it defines no hook: one relaxed look then.
    #[inline]
    pub fn live(&self) -> Option<Arc<ScriptSet>> {
        if self.defined.load(Ordering::Relaxed) == 0 { None } else { Some(self.current()) }
    }

    /// The live set. A call takes it once and keeps it to its end.
    pub fn current(&self) -> Arc<ScriptSet> {
        self.current.load_full()
    }

    /// The script folder.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Reads the folder again and makes its scripts live if they pass. `None`: nothing has changed since the last time.
    pub fn reload(&self) -> Option<LastReload> {
        self.reload_from(read)
    }

    /// As [`Scripts::reload`], with the way in which the folder is read.
    pub(super) fn reload_from(&self, read: impl FnOnce(Option<&Path>) -> Result<Sources, Vec<Problem>>) -> Option<LastReload> {
        let mut failed = self.loading.lock();
        // Where nothing is live, a folder that is not there is an empty one: nobody has to make it before the first script.
        if let Some(folder) = &self.folder
            && !folder.exists()
            && (self.is_closed() || !self.current().sources().is_empty())
        {
            let place = Place::of(&folder.display().to_string());
            return self.refuse(Problem::error(place, "the script folder is gone; the last good scripts stay live"));
        }
        let sources = match read(self.folder.as_deref()) {
            Ok(sources) => sources,
            Err(problems) => return problems.into_iter().next().and_then(|problem| self.refuse(problem)),
        };
        if failed.as_ref() == Some(&sources) {
            return None;
        }
        if !self.is_closed() && *self.current().sources() == sources {
            *failed = None;
            return self.forget_failure();
        }
        let (last, set) = self.try_load(sources.clone());
        *failed = set.is_none().then_some(sources);
        if let Some(set) = set {
            self.go_live(set);
        }
        Some(self.finish(last))
    }

    /// Loads sources as they would be loaded live, without making them live.
    pub fn check(&self, sources: Sources) -> LoadReport {
        self.loader().load(sources)
    }

    /// How scripts are doing.
    pub fn status(&self) -> ScriptStatus {
        let set = self.current();
        let hooks_of = |at: usize| {
            let defines = |hook: &Hook| set.hooks[hook.index()].iter().any(|function| function.unit == at);
            Hook::ALL.into_iter().filter(defines).map(Hook::name).collect()
        };
        let unit_of = |name: &str| set.units.iter().position(|unit| unit.name == name);
        let file = |(name, text): (&str, &Arc<str>)| ScriptFile {
            name: name.to_owned(),
            bytes: text.len(),
            hooks: unit_of(name).map(hooks_of).unwrap_or_default(),
        };
        ScriptStatus {
            folder: self.folder.as_ref().map(|folder| folder.display().to_string()),
            version: set.version().to_owned(),
            files: set.sources().iter().map(file).collect(),
            last_reload: self.last_reload(),
            reloads: self.reloads.load(Ordering::Relaxed),
            failed_reloads: self.failed_reloads.load(Ordering::Relaxed),
            hooks: set.reports(),
        }
    }

    pub(super) fn surroundings(&self) -> &Surroundings {
        &self.around
    }

    /// Tokens that a request of this path and body is expected to use, as the data plane counts them.
    pub fn estimate_request(&self, path: &str, body: &Bytes) -> u64 {
        (self.around.estimate)(path, body)
    }

    /// The limits under which hooks run.
    pub fn limits(&self) -> &ScriptLimits {
        &self.limits
    }

    pub(super) fn load_config(&self) -> LoadConfig {
        (self.config)()
    }

    pub(super) fn shadow_slot(&self) -> &ShadowSlot {
        &self.shadow
    }

    fn loader(&self) -> Loader {
        Loader { limits: self.limits.clone(), config: (self.config)(), around: self.around.clone(), stats: self.stats.clone() }
    }

    pub(super) fn try_load(&self, sources: Sources) -> (LastReload, Option<ScriptSet>) {
        let began = self.around.clock.micros();
        let version = sources.version();
        let report = self.loader().load(sources);
        (LastReload { version, ..LastReload::new(&report, &self.around, began) }, report.set)
    }

    pub(super) fn go_live(&self, set: ScriptSet) {
        let defined = set.defined.bits();
        self.current.store(Arc::new(set));
        self.defined.store(defined, Ordering::Release);
    }

    pub(super) fn last_reload(&self) -> LastReload {
        self.last.lock().clone()
    }

    pub(super) fn finish(&self, last: LastReload) -> LastReload {
        if last.ok {
            self.reloads.fetch_add(1, Ordering::Relaxed);
            tracing::info!(version = last.version, duration_us = last.micros, tests = last.tests.len(), "scripts reloaded");
        } else {
            self.failed_reloads.fetch_add(1, Ordering::Relaxed);
            last.tell();
        }
        *self.last.lock() = last.clone();
        last
    }

    /// Notes that the folder could not be read; `None` when that is known already.
    fn refuse(&self, problem: Problem) -> Option<LastReload> {
        if self.last.lock().problems.first() == Some(&problem) {
            return None;
        }
        let (at_ms, version) = (self.around.now_ms(), self.current().version().to_owned());
        Some(self.finish(LastReload { at_ms, ok: false, micros: 0, version, problems: vec![problem], tests: Vec::new() }))
    }

    /// The folder is again as the live set has it: an error that was shown is over.
    fn forget_failure(&self) -> Option<LastReload> {
        let mut last = self.last.lock();
        if last.ok {
            return None;
        }
        let set = self.current();
        *last = LastReload {
            at_ms: self.around.now_ms(),
            ok: true,
            micros: 0,
            version: set.version().to_owned(),
            problems: set.warnings().to_vec(),
            tests: Vec::new(),
        };
        Some(last.clone())
    }
}

impl LastReload {
    /// Logs what stands against the scripts.
    fn tell(&self) {
        for problem in &self.problems {
            tracing::error!(place = %problem.place, value = problem.value, "scripts refused: {}", problem.message);
        }
    }

    fn new(report: &LoadReport, around: &Surroundings, began_us: u64) -> Self {
        LastReload {
            at_ms: around.now_ms(),
            ok: report.set.is_some(),
            micros: around.clock.micros() - began_us,
            version: report.set.as_ref().map(|set| set.version().to_owned()).unwrap_or_default(),
            problems: report.problems.clone(),
            tests: report.tests.clone(),
        }
    }
}

pub(super) fn read(folder: Option<&Path>) -> Result<Sources, Vec<Problem>> {
    let Some(folder) = folder else { return Ok(Sources::default()) };
    let place = || Place::of(&folder.display().to_string());
    Sources::read(folder).map_err(|error| vec![Problem::error(place(), error.to_string())])
}
