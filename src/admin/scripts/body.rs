//! Scripts and what is known of them, as the API shows it.

use poem_openapi::Object;
use poem_openapi::types::ToJSON;

use crate::admin::wire::{example, words};
use crate::domain::to_rfc3339;
use crate::script::{
    Edited, HookReport, LastReload, LogLevel, LogLine, Problem, ScriptFailure, ScriptStatus, Severity, Sources, TestReport,
};

words!(Severity, "ScriptProblemSeverity", ["error", "warning"]);
words!(LogLevel, "ScriptLogLevel", ["debug", "info", "warn"]);

/// Something that is wrong with a script.
#[derive(Clone, Debug, Object)]
#[oai(rename = "ScriptProblem", example)]
pub struct ProblemBody {
    /// `error` refuses the set; `warning` does not, but it is probably not what was meant.
    severity: Severity,
    /// The file.
    script: String,
    /// The line, from 1; 0 when it is not known.
    line: u64,
    /// The column in characters, from 1; 0 when it is not known.
    column: u64,
    /// What is wrong.
    message: String,
    /// The value at fault, shortened.
    #[oai(nullable)]
    value: Option<String>,
    /// That line of the script.
    #[oai(nullable)]
    source: Option<String>,
}

impl From<&Problem> for ProblemBody {
    fn from(problem: &Problem) -> Self {
        ProblemBody {
            severity: problem.severity,
            script: problem.place.script.clone(),
            line: problem.place.line as u64,
            column: problem.place.column as u64,
            message: problem.message.clone(),
            value: problem.value.clone(),
            source: problem.source.clone(),
        }
    }
}

example!(ProblemBody, {
    "severity": "error", "script": "20-route.rhai", "line": 3, "column": 9, "message": "`req` is not defined here",
    "value": null, "source": "    if reqq.stream {",
});

/// A line that a script logged.
#[derive(Clone, Debug, Object)]
#[oai(rename = "ScriptLogLine")]
pub(super) struct LogLineBody {
    /// How much it matters.
    level: LogLevel,
    /// The script.
    script: String,
    /// What it says.
    text: String,
}

impl From<LogLine> for LogLineBody {
    fn from(line: LogLine) -> Self {
        LogLineBody { level: line.level, script: line.script, text: line.text }
    }
}

/// A `test_*` function that ran.
#[derive(Debug, Object)]
#[oai(rename = "ScriptTest")]
pub(super) struct TestBody {
    /// The function's name.
    name: String,
    /// The script.
    script: String,
    /// The line of its definition.
    line: u64,
    /// Whether it passed.
    passed: bool,
    /// Microseconds that it took.
    micros: u64,
    /// What it logged.
    log: Vec<LogLineBody>,
}

impl From<TestReport> for TestBody {
    fn from(test: TestReport) -> Self {
        let log = test.log.into_iter().map(LogLineBody::from).collect();
        let line = test.place.line as u64;
        TestBody { name: test.name, script: test.place.script, line, passed: test.passed, micros: test.micros, log }
    }
}

/// How scripts were loaded.
#[derive(Debug, Object)]
#[oai(rename = "ScriptReload", example)]
pub(super) struct ReloadBody {
    /// When.
    at: String,
    /// Whether they went live.
    ok: bool,
    /// Microseconds that it took.
    micros: u64,
    /// The version that was loaded, or that was refused.
    version: String,
    /// What was found, errors first.
    problems: Vec<ProblemBody>,
    /// The tests that ran.
    tests: Vec<TestBody>,
}

impl From<LastReload> for ReloadBody {
    fn from(reload: LastReload) -> Self {
        ReloadBody {
            at: to_rfc3339(reload.at_ms),
            ok: reload.ok,
            micros: reload.micros,
            version: reload.version,
            problems: reload.problems.iter().map(ProblemBody::from).collect(),
            tests: reload.tests.into_iter().map(TestBody::from).collect(),
        }
    }
}

/// How a hook failed.
#[derive(Clone, Debug, Object)]
#[oai(rename = "ScriptFailure")]
pub(super) struct FailureBody {
    /// The hook.
    hook: String,
    /// `thrown`, `runtime`, `operations`, `time`, `size`, `answer`, `engine` or `quarantined`.
    kind: String,
    /// The script.
    script: String,
    /// The line, from 1; 0 when it is not known.
    line: u64,
    /// The column in characters, from 1; 0 when it is not known.
    column: u64,
    /// What happened.
    message: String,
    /// The value at fault, shortened.
    #[oai(nullable)]
    value: Option<String>,
}

impl From<ScriptFailure> for FailureBody {
    fn from(failure: ScriptFailure) -> Self {
        FailureBody {
            hook: failure.hook.to_owned(),
            kind: failure.kind.as_str().to_owned(),
            script: failure.place.script,
            line: failure.place.line as u64,
            column: failure.place.column as u64,
            message: failure.message,
            value: failure.value,
        }
    }
}

/// What a hook did.
#[derive(Debug, Object)]
#[oai(rename = "ScriptHook", example)]
pub(super) struct HookBody {
    /// Its name.
    hook: String,
    /// Runs.
    calls: u64,
    /// Microseconds of all runs.
    total_us: u64,
    /// Microseconds of the longest run.
    max_us: u64,
    /// Steps of all runs.
    operations: u64,
    /// Runs that failed.
    failures: u64,
    /// Runs that were stopped at a limit; they are among the failures.
    stopped: u64,
    /// Calls in which it was left out because it is quarantined.
    skipped: u64,
    /// Whether it is left out until the next reload.
    quarantined: bool,
    /// When it last failed.
    #[oai(nullable)]
    last_failure_at: Option<String>,
    /// How it last failed.
    #[oai(nullable)]
    last_failure: Option<FailureBody>,
}

impl From<HookReport> for HookBody {
    fn from(report: HookReport) -> Self {
        HookBody {
            hook: report.hook.to_owned(),
            calls: report.calls,
            total_us: report.total_us,
            max_us: report.max_us,
            operations: report.operations,
            failures: report.failures,
            stopped: report.stopped,
            skipped: report.skipped,
            quarantined: report.quarantined,
            last_failure_at: report.last_failure_ms.map(to_rfc3339),
            last_failure: report.last_failure.map(FailureBody::from),
        }
    }
}

/// A file of the script folder.
#[derive(Debug, Object)]
#[oai(rename = "ScriptFile")]
pub(super) struct FileBody {
    /// Its name inside the folder.
    name: String,
    /// Its length in bytes.
    bytes: u64,
    /// A short name for its text, as in its `ETag`.
    tag: String,
    /// Whether this text is live; if not, `last_reload` says why.
    live: bool,
    /// The hooks that it defines, as it is live.
    hooks: Vec<String>,
}

/// The scripts.
#[derive(Debug, Object)]
#[oai(rename = "Scripts", example)]
pub(super) struct ScriptsBody {
    /// The folder; null: none is configured.
    #[oai(nullable)]
    folder: Option<String>,
    /// Why the folder cannot be changed from here; null: it can.
    #[oai(nullable)]
    read_only: Option<String>,
    /// The version that is live.
    version: String,
    /// Its files as they are on the disk, in the order in which they are called.
    files: Vec<FileBody>,
    /// How the last reload went. When it failed, `version` is an older one.
    last_reload: ReloadBody,
    /// Reloads since the start that changed the set.
    reloads: u64,
    /// Reloads since the start that failed.
    failed_reloads: u64,
    /// What each hook did since the start.
    hooks: Vec<HookBody>,
}

impl ScriptsBody {
    /// `live` and `on_disk` may differ: a folder with errors is not live.
    pub(super) fn new(status: ScriptStatus, live: &Sources, on_disk: &Sources, read_only: Option<String>) -> Self {
        let hooks_of = |name: &str| {
            let file = status.files.iter().find(|file| file.name == name);
            file.map(|file| file.hooks.iter().map(ToString::to_string).collect()).unwrap_or_default()
        };
        let file = |(name, text): (&str, &std::sync::Arc<str>)| FileBody {
            name: name.to_owned(),
            bytes: text.len() as u64,
            tag: on_disk.tag(name).unwrap_or_default(),
            live: live.get(name) == Some(text),
            hooks: hooks_of(name),
        };
        ScriptsBody {
            files: on_disk.iter().map(file).collect(),
            folder: status.folder,
            read_only,
            version: status.version,
            last_reload: status.last_reload.into(),
            reloads: status.reloads,
            failed_reloads: status.failed_reloads,
            hooks: status.hooks.into_iter().map(HookBody::from).collect(),
        }
    }
}

/// A script's text.
#[derive(Debug, Object)]
#[oai(rename = "ScriptText", example)]
pub(super) struct TextBody {
    /// Its name inside the folder.
    pub(super) name: String,
    /// Its text.
    pub(super) text: String,
}

example!(TextBody, { "name": "20-route.rhai", "text": "fn route(req) {\n    if req.stream { #{ model: \"fast\" } }\n}\n" });

/// How an edit went.
#[derive(Debug, Object)]
#[oai(rename = "ScriptEdit", example)]
pub(super) struct EditedBody {
    /// The files that were written or removed; none when the folder was like that already.
    files: Vec<String>,
    /// The version that was live before.
    before: String,
    /// How the set that is live now was loaded, with its warnings.
    reload: ReloadBody,
}

impl From<Edited> for EditedBody {
    fn from(edited: Edited) -> Self {
        let files = edited.files.iter().map(ToString::to_string).collect();
        EditedBody { files, before: edited.before, reload: edited.reload.into() }
    }
}

/// What was found in scripts that were only looked at.
#[derive(Debug, Object)]
#[oai(rename = "ScriptCheck", example)]
pub(super) struct CheckBody {
    /// Whether the set could go live.
    pub(super) ok: bool,
    /// What was found, errors first.
    pub(super) problems: Vec<ProblemBody>,
    /// The tests that ran.
    pub(super) tests: Vec<TestBody>,
}

example!(ReloadBody, {
    "at": "2026-11-25T10:00:00Z", "ok": true, "micros": 5120, "version": "9f86d081884c", "problems": [],
    "tests": [{
        "name": "test_streams_are_fast", "script": "20-route.rhai", "line": 7, "passed": true, "micros": 84,
        "log": [{ "level": "info", "script": "20-route.rhai", "text": "routed to fast" }],
    }],
});
example!(HookBody, {
    "hook": "route", "calls": 912, "total_us": 19_152, "max_us": 410, "operations": 27_360, "failures": 0, "stopped": 0,
    "skipped": 0, "quarantined": false, "last_failure_at": null, "last_failure": null,
});
example!(ScriptsBody, {
    "folder": "./scripts", "read_only": null, "version": "9f86d081884c",
    "files": [{ "name": "20-route.rhai", "bytes": 58, "tag": "3f1a9c0b", "live": true, "hooks": ["route"] }],
    "last_reload": ReloadBody::example().to_json(), "reloads": 3, "failed_reloads": 0,
    "hooks": [HookBody::example().to_json()],
});
example!(EditedBody, {
    "files": ["20-route.rhai"], "before": "2c26b46b68ff", "reload": ReloadBody::example().to_json(),
});
example!(CheckBody, { "ok": false, "problems": [ProblemBody::example().to_json()], "tests": [] });
