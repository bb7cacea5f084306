//! Loading: compile, `on_load`, `test_*`. Only a set that passed all three can go live.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use rhai::{Dynamic, Engine, Map, Module, ModuleResolver};
use serde::Serialize;

use super::engine;
use super::error::{FailureKind, Place, Problem, ScriptFailure, Severity, explain};
use super::functions::Patterns;
use super::hook::{Hook, HookSet};
use super::limits::ScriptLimits;
use super::modules::Modules;
use super::runtime::{Budget, KvStore, LogLine, LogSink, Run, Surroundings, Time, enter, meter, stopped};
use super::set::{HookFunction, ScriptSet};
use super::sources::Sources;
use super::stats::HookStats;
use super::unit::{Compiler, Unit, place_of, resolve_constants};
use crate::clock::Entropy;

/// What `on_load` is told about the installation, so that it can refuse names that do not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadConfig {
    /// Names of providers.
    pub providers: Vec<String>,
    /// Public names of models.
    pub models: Vec<String>,
    /// Tags that keys have.
    pub key_tags: Vec<String>,
}

/// A `test_*` function that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestReport {
    /// The function's name.
    pub name: String,
    /// Where it is defined.
    #[serde(flatten)]
    pub place: Place,
    /// Whether it passed.
    pub passed: bool,
    /// Microseconds that it took.
    pub micros: u64,
    /// What it logged.
    pub log: Vec<LogLine>,
}

/// What loading found.
pub struct LoadReport {
    /// The set, when nothing stands against it.
    pub set: Option<ScriptSet>,
    /// What was found, errors first.
    pub problems: Vec<Problem>,
    /// The tests that ran.
    pub tests: Vec<TestReport>,
}

impl LoadReport {
    /// The errors alone.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error)
    }
}

/// What a set is loaded with.
pub struct Loader {
    /// The limits of the set.
    pub limits: ScriptLimits,
    /// What `on_load` is told.
    pub config: LoadConfig,
    /// What surrounds the set when it is live.
    pub around: Arc<Surroundings>,
    /// Where its hooks are counted.
    pub stats: Arc<HookStats>,
}

impl Loader {
    /// Compiles the sources, runs `on_load` and the tests.
    pub fn load(&self, sources: Sources) -> LoadReport {
        let mut problems = Vec::new();
        let mut set = self.compile(sources, &mut problems);
        let mut tests = Vec::new();
        if !has_errors(&problems) {
            self.run_on_load(&set, &mut problems);
        }
        if !has_errors(&problems) {
            tests = self.run_tests(&mut set, &mut problems);
        }
        let with_source = |problem: Problem| match set.sources.get(&problem.place.script) {
            Some(text) => problem.with_source(text),
            None => problem,
        };
        let mut problems: Vec<Problem> = problems.into_iter().map(with_source).collect();
        problems.sort_by_key(|problem| problem.severity == Severity::Warning);
        let set = (!has_errors(&problems)).then(|| {
            set.warnings = problems.clone();
            set
        });
        LoadReport { set, problems, tests }
    }

    /// The set of a server that could not load its scripts: no call passes it.
    pub(super) fn closed(&self, problems: &[Problem]) -> ScriptSet {
        let mut set = self.compile(Sources::default(), &mut Vec::new());
        let first = problems.first();
        let place = first.map(|problem| problem.place.clone()).unwrap_or_default();
        let cause = first.map(|problem| problem.message.as_str()).unwrap_or_default();
        let message = format!("the scripts could not be loaded at the start, so no call is let through: {cause}");
        set.closed = Some(ScriptFailure::new(Hook::OnRequest, FailureKind::Closed, place, message));
        set.defined = HookSet::default().with(Hook::OnRequest);
        set
    }

    fn compile(&self, sources: Sources, problems: &mut Vec<Problem>) -> ScriptSet {
        let modules = Modules::new(sources.clone(), lenient_engine(&self.limits));
        let (engine, groups) = engine::build(&self.limits, modules.clone());
        let mut set = ScriptSet {
            engine,
            units: Vec::new(),
            hooks: Default::default(),
            defined: HookSet::default(),
            around: self.around.clone(),
            limits: self.limits.clone(),
            stats: self.stats.clone(),
            streaks: Default::default(),
            wary: Default::default(),
            version: sources.version(),
            sources: sources.clone(),
            warnings: Vec::new(),
            groups,
            closed: None,
            patterns: Patterns::default(),
        };
        for (name, text) in sources.scripts() {
            let compiler = Compiler { engine: &set.engine, modules: &modules };
            let compiled = self.guarded(&self.around, name, false, || compiler.compile(name, text));
            match compiled {
                Ok(unit) => add_unit(&mut set, unit, text, problems),
                Err(problem) => problems.push(problem),
            }
        }
        self.check_unused_modules(&sources, &set.engine, &modules, problems);
        let constants = modules.complete();
        if !constants.is_empty() {
            resolve_constants(&mut set.engine, constants);
        }
        set
    }

    /// Scripts below the folder that nothing imports are compiled too, so that a mistake in them is found now.
    fn check_unused_modules(&self, sources: &Sources, engine: &Engine, modules: &Modules, problems: &mut Vec<Problem>) {
        for (name, _) in sources.iter().filter(|(name, _)| name.contains('/')) {
            let compiled = self.guarded(&self.around, name, false, || {
                let path = name.trim_end_matches(".rhai");
                let module: Result<rhai::Shared<Module>, _> = modules.resolve(engine, None, path, rhai::Position::NONE);
                module.map(drop).map_err(|error| explain(*error, name, stopped()).into_problem())
            });
            if let Err(problem) = compiled
                && !problems.iter().any(|known| known.place == problem.place)
            {
                problems.push(problem);
            }
        }
    }

    fn run_on_load(&self, set: &ScriptSet, problems: &mut Vec<Problem>) {
        for unit in &set.units {
            if !unit.functions().any(|function| function.name == "on_load" && function.params.len() == 1) {
                continue;
            }
            let config = config_map(&self.config);
            let called = self.guarded(&self.around, &unit.name, false, || {
                set.call(unit, "on_load", [config.clone()], self.around.entropy.next_u64(), false)
                    .map_err(|error| explain(*error, &unit.name, stopped()).into_problem())
            });
            if let Err(problem) = called {
                problems.push(problem);
            }
        }
    }

    fn run_tests(&self, set: &mut ScriptSet, problems: &mut Vec<Problem>) -> Vec<TestReport> {
        let mut reports = Vec::new();
        let live = set.around.clone();
        for at in 0..set.units.len() {
            let mut names: Vec<String> = tests_of(&set.units[at]).map(ToOwned::to_owned).collect();
            names.sort();
            for name in names {
                set.around = Arc::new(test_surroundings(&self.around, &self.limits));
                let (report, problem) = self.run_test(set, at, &name);
                reports.push(report);
                problems.extend(problem);
            }
        }
        set.around = live;
        reports
    }

    fn run_test(&self, set: &ScriptSet, at: usize, name: &str) -> (TestReport, Option<Problem>) {
        let unit = &set.units[at];
        let place = place_in(set, &unit.name, name);
        let began = self.around.clock.micros();
        let called = self.guarded(&set.around, &unit.name, true, || {
            set.call(unit, name, [], 1, true).map_err(|error| explain(*error, &unit.name, stopped()).into_problem())
        });
        let problem = called.err().map(|mut problem| {
            if problem.place.line == 0 {
                problem.place = place.clone();
            }
            problem.message = format!("{name}: {}", problem.message);
            problem
        });
        let micros = self.around.clock.micros() - began;
        let report = TestReport { name: name.to_owned(), place, passed: problem.is_none(), micros, log: set.around.log.take() };
        (report, problem)
    }

    /// Runs something of a load under the limits of a load.
    fn guarded<T>(
        &self,
        around: &Arc<Surroundings>,
        script: &str,
        in_test: bool,
        run: impl FnOnce() -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let operations = self.limits.operations.saturating_mul(50);
        let _metered = meter(Budget { operations, wall_us: self.limits.load_ms * 1000 }, self.around.clock);
        let random = Entropy::from_seed(self.around.entropy.next_u64());
        let _running = enter(Run { around: around.clone(), random, script: script.into(), in_test });
        run()
    }
}

fn lenient_engine(limits: &ScriptLimits) -> Engine {
    let mut engine = Engine::new_raw();
    engine::limit(&mut engine, limits);
    engine
}

fn add_unit(set: &mut ScriptSet, unit: Unit, text: &str, problems: &mut Vec<Problem>) {
    let at = set.units.len();
    for function in unit.functions() {
        let place = || place_of(text, &unit.name, function.name);
        match (Hook::by_name(function.name), function.params.len()) {
            (Some(hook), count) if count == hook.parameters().len() => {
                set.defined = set.defined.with(hook);
                let place = place();
                let label = format!("{}:{}", place.script, place.line).into();
                set.hooks[hook.index()].push(HookFunction { unit: at, place, label });
            }
            (Some(hook), count) => {
                problems.push(Problem::error(place(), wrong_parameters(hook.name(), hook.parameters(), count)))
            }
            (None, count) if function.name == "on_load" && count != 1 => {
                problems.push(Problem::error(place(), wrong_parameters("on_load", &["config"], count)));
            }
            (None, count) if function.name.starts_with("test_") && count > 0 => {
                problems.push(Problem::warning(
                    place(),
                    format!("`{}` has parameters, so it does not run as a test", function.name),
                ));
            }
            (None, _) if function.name.starts_with("on_") && function.name != "on_load" => {
                problems.push(Problem::warning(place(), unknown_hook(function.name)));
            }
            _ => {}
        }
    }
    set.units.push(unit);
}

fn wrong_parameters(name: &str, wanted: &[&str], count: usize) -> String {
    format!(
        "`{name}` takes ({}), {} parameter{}, not {count}",
        wanted.join(", "),
        wanted.len(),
        if wanted.len() == 1 { "" } else { "s" }
    )
}

fn unknown_hook(name: &str) -> String {
    let nearest = Hook::ALL.into_iter().map(Hook::name).min_by_key(|hook| distance(hook, name)).unwrap_or_default();
    match distance(nearest, name) {
        0..=3 => format!("there is no hook `{name}`, so nothing calls it: did you mean `{nearest}`?"),
        _ => format!("there is no hook `{name}`, so nothing calls it"),
    }
}

/// Letters to change between two names (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, byte) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in other.bytes().enumerate() {
            let changed = diagonal + usize::from(byte != other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

fn tests_of(unit: &Unit) -> impl Iterator<Item = &str> {
    unit.functions()
        .filter(|function| function.name.starts_with("test_") && function.params.is_empty())
        .map(|function| function.name)
}

fn place_in(set: &ScriptSet, script: &str, function: &str) -> Place {
    set.sources.get(script).map_or_else(|| Place::of(script), |text| place_of(text, script, function))
}

fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

fn config_map(config: &LoadConfig) -> Dynamic {
    let list = |names: &[String]| Dynamic::from(names.iter().map(|name| Dynamic::from(name.clone())).collect::<rhai::Array>());
    Dynamic::from(Map::from([
        ("version".into(), env!("CARGO_PKG_VERSION").into()),
        ("providers".into(), list(&config.providers)),
        ("models".into(), list(&config.models)),
        ("key_tags".into(), list(&config.key_tags)),
    ]))
}

/// Tests have a store and a log of their own, and their time stands still.
fn test_surroundings(live: &Surroundings, limits: &ScriptLimits) -> Surroundings {
    Surroundings {
        clock: live.clock,
        time: Time::Fixed(AtomicI64::new(live.now_ms())),
        entropy: Entropy::from_seed(1),
        kv: Arc::new(KvStore::new(limits.kv_entries, limits.kv_bytes)),
        log: LogSink::capture(),
        estimate: live.estimate,
    }
}
