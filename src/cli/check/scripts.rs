//! The script folder, checked: for people and for programs.

use std::fmt::Write;
use std::path::Path;

use serde_json::json;

use crate::app::script_limits;
use crate::cli::CliError;
use crate::clock::Clock;
use crate::config::Config;
use crate::proxy::estimate_request;
use crate::script::{Hook, LoadConfig, LoadReport, Problem, Severity, check_folder};

/// What was found in the script folder.
pub(super) struct CheckedScripts {
    report: LoadReport,
    folder: String,
}

impl CheckedScripts {
    /// Compiles and tests the folder.
    pub(super) fn check(config: &Config, declared: LoadConfig) -> Result<Self, CliError> {
        let folder = config.scripts.display().to_string();
        let report = check_folder(&config.scripts, script_limits(config), declared, Clock::start(), estimate_request)
            .map_err(|error| CliError::Failed(anyhow::anyhow!("the script folder {folder} cannot be used: {error}")))?;
        Ok(CheckedScripts { report, folder })
    }

    /// Whether the scripts would not go live.
    pub(super) fn is_refused(&self) -> bool {
        self.report.set.is_none()
    }

    /// For people: each problem with its place and a caret under the column, then the tests.
    pub(super) fn to_text(&self) -> String {
        let mut out = String::new();
        for problem in &self.report.problems {
            out += &self.problem_text(problem);
        }
        for test in &self.report.tests {
            let (outcome, time) = (if test.passed { "ok" } else { "FAILED" }, test.micros as f64 / 1e3);
            _ = writeln!(out, "{}: {} {outcome} ({time:.1} ms)", self.place(&test.place.script), test.name);
            test.log.iter().for_each(|line| _ = writeln!(out, "    {}", line.text));
        }
        if let Some(set) = &self.report.set {
            let hooks = Hook::ALL.into_iter().filter(|hook| set.has(*hook)).map(Hook::name).collect::<Vec<_>>();
            let hooks = if hooks.is_empty() { "no hooks".to_owned() } else { hooks.join(", ") };
            let (scripts, tests) = (set.sources().scripts().count(), self.report.tests.len());
            _ = writeln!(out, "{}: {}, {hooks}; {} passed", self.folder, count(scripts, "script"), count(tests, "test"));
        }
        out
    }

    fn problem_text(&self, problem: &Problem) -> String {
        let kind = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut out = format!("{}: {kind}: {}", self.place(&problem.place.to_string()), problem.message);
        problem.value.iter().for_each(|value| _ = write!(out, " (value: {value})"));
        out.push('\n');
        if let Some(source) = &problem.source {
            let number = problem.place.line.to_string();
            let indent = " ".repeat(number.len());
            _ = writeln!(out, " {number} | {source}");
            if let Some(before) = problem.place.column.checked_sub(1) {
                _ = writeln!(out, " {indent} | {}^", " ".repeat(before));
            }
        }
        out
    }

    /// A place inside the folder, as an editor opens it.
    fn place(&self, inside: &str) -> String {
        Path::new(&self.folder).join(inside).display().to_string()
    }

    /// For programs.
    pub(super) fn to_json(&self, config: &Config) -> String {
        let settings = config
            .shown
            .iter()
            .map(|shown| json!({ "name": shown.name, "value": shown.value, "source": shown.source.to_string() }));
        let set = self.report.set.as_ref();
        let hooks = set.map(|set| Hook::ALL.into_iter().filter(|hook| set.has(*hook)).map(Hook::name).collect::<Vec<_>>());
        let found = json!({
            "ok": !self.is_refused(),
            "settings": settings.collect::<Vec<_>>(),
            "warnings": config.warnings,
            "scripts": {
                "folder": self.folder,
                "version": set.map(|set| set.version()),
                "hooks": hooks.unwrap_or_default(),
                "problems": self.report.problems,
                "tests": self.report.tests,
            },
        });
        format!("{found:#}")
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
