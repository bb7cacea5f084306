//! What can go wrong with scripts, in words that name script, line, column and the value at fault.

use std::fmt;

use rhai::{Dynamic, EvalAltResult, ParseError, ParseErrorType, Position};
use serde::{Deserialize, Serialize};

use super::hook::Hook;
use super::json;
use super::runtime::{Stop, clean};
use crate::domain::ScriptNote;

/// Longest rendering of a value inside a message, in characters.
const VALUE_CHARACTERS: usize = 200;

/// Why there is no `sleep`.
pub(super) const NO_SLEEP: &str = "`sleep` is not available: it would block the thread past every limit";

/// A place in a script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Place {
    /// The file's name, relative to the folder.
    pub script: String,
    /// Line, from 1; 0 when it is not known.
    pub line: usize,
    /// Column in characters, from 1; 0 when it is not known.
    pub column: usize,
}

impl Place {
    /// The beginning of nowhere in particular in a file.
    pub fn of(script: &str) -> Self {
        Place { script: script.to_owned(), line: 0, column: 0 }
    }

    fn at(script: &str, position: Position) -> Self {
        let line = position.line().unwrap_or(0);
        Place { script: script.to_owned(), line, column: if line == 0 { 0 } else { position.position().unwrap_or(0).max(1) } }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(out, "{}", self.script),
            (line, 0) => write!(out, "{}:{line}", self.script),
            (line, column) => write!(out, "{}:{line}:{column}", self.script),
        }
    }
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The script threw, or an assertion failed.
    Thrown,
    /// A mistake that showed while the script ran: an unknown function, a wrong type, an index outside.
    Runtime,
    /// The hook took too many steps.
    Operations,
    /// The hook took too long.
    Time,
    /// A value, or the depth of calls, became too large.
    Size,
    /// The hook answered with something that its contract does not know.
    Answer,
    /// The script engine itself failed.
    Engine,
    /// The hook is left out because it failed too often in a row.
    Quarantined,
    /// The scripts could not be loaded at the start, so no call is let through.
    Closed,
}

impl FailureKind {
    /// The name in the log, the API and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Thrown => "thrown",
            FailureKind::Runtime => "runtime",
            FailureKind::Operations => "operations",
            FailureKind::Time => "time",
            FailureKind::Size => "size",
            FailureKind::Answer => "answer",
            FailureKind::Engine => "engine",
            FailureKind::Quarantined => "quarantined",
            FailureKind::Closed => "closed",
        }
    }
}

/// A hook failed in a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScriptFailure {
    /// The hook's name.
    pub hook: &'static str,
    /// What kind of failure it was.
    pub kind: FailureKind,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What happened.
    pub message: String,
    /// The value at fault, shortened.
    pub value: Option<String>,
}

impl ScriptFailure {
    pub(super) fn new(hook: Hook, kind: FailureKind, place: Place, message: impl Into<String>) -> Self {
        ScriptFailure { hook: hook.name(), kind, place, message: message.into(), value: None }
    }
}

impl From<&ScriptFailure> for ScriptNote {
    fn from(failure: &ScriptFailure) -> Self {
        let message = match &failure.value {
            Some(value) => format!("{} (value: {value})", failure.message),
            None => failure.message.clone(),
        };
        note(failure.hook, failure.kind.as_str(), &failure.place, message)
    }
}

/// What a hook did, for a call's record.
pub(super) fn note(hook: &'static str, kind: &'static str, place: &Place, message: String) -> ScriptNote {
    let [line, column] = [place.line, place.column].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    ScriptNote { hook: hook.into(), kind: kind.into(), script: place.script.clone(), line, column, message }
}

impl fmt::Display for ScriptFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} in {}: {}", self.hook, self.place, self.message)?;
        self.value.iter().try_for_each(|value| write!(out, " (value: {value})"))
    }
}

impl std::error::Error for ScriptFailure {}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The set is refused.
    Error,
    /// The set can go live, but this is probably not what was meant.
    Warning,
}

/// Something found while a set was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// The value at fault, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The line of the script, for a caret under the column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Problem {
    pub(super) fn error(place: Place, message: impl Into<String>) -> Self {
        Problem { severity: Severity::Error, place, message: message.into(), value: None, source: None }
    }

    pub(super) fn warning(place: Place, message: impl Into<String>) -> Self {
        Problem { severity: Severity::Warning, ..Problem::error(place, message) }
    }

    /// Whether it stands against the set.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The problem as an error of the engine, for whoever imports the script.
    pub(super) fn into_error(self) -> Box<EvalAltResult> {
        throw(Fault { kind: FailureKind::Runtime, message: self.message, value: self.value, place: Some(self.place) })
    }

    /// Adds the line that the place names.
    pub(super) fn with_source(mut self, source: &str) -> Self {
        self.source = self.place.line.checked_sub(1).and_then(|at| source.lines().nth(at)).map(|line| clean(&untab(line)));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.message)?;
        self.value.iter().try_for_each(|value| write!(out, " (value: {value})"))
    }
}

/// A tab is one character wide in columns, so it must be one wide on the screen too.
fn untab(line: &str) -> String {
    line.replace('\t', " ")
}

/// What an error says, told apart from where it is.
pub(super) struct Explained {
    pub kind: FailureKind,
    pub place: Place,
    pub message: String,
    pub value: Option<String>,
}

impl Explained {
    pub(super) fn into_failure(self, hook: Hook) -> ScriptFailure {
        ScriptFailure { hook: hook.name(), kind: self.kind, place: self.place, message: self.message, value: self.value }
    }

    pub(super) fn into_problem(self) -> Problem {
        Problem { value: self.value, ..Problem::error(self.place, self.message) }
    }
}

/// Takes an error of the engine apart: the innermost cause, and the script and position it belongs to.
pub(super) fn explain(error: EvalAltResult, script: &str, stopped: Option<Stop>) -> Explained {
    let mut script = script.to_owned();
    let mut position = Position::NONE;
    let mut cause = error;
    loop {
        let own = cause.position();
        if !own.is_none() {
            position = own;
        }
        cause = match cause {
            EvalAltResult::ErrorInFunctionCall(_, source, inner, _) => {
                if !source.is_empty() {
                    script = source;
                }
                *inner
            }
            EvalAltResult::ErrorInModule(module, inner, _) => {
                if !module.is_empty() {
                    script = module;
                }
                *inner
            }
            other => break explain_cause(other, Place::at(&script, position), stopped),
        };
    }
}

fn explain_cause(mut cause: EvalAltResult, place: Place, stopped: Option<Stop>) -> Explained {
    use EvalAltResult as E;
    let explained = |kind, message: String| Explained { kind, place: place.clone(), message, value: None };
    match cause {
        E::ErrorTerminated(..) | E::ErrorTooManyOperations(..) => match stopped {
            Some(Stop::Time) => explained(FailureKind::Time, "the hook took too long and was stopped".to_owned()),
            _ => explained(FailureKind::Operations, "the hook took too many steps and was stopped".to_owned()),
        },
        E::ErrorRuntime(value, _) => explain_thrown(value, place),
        E::ErrorDataTooLarge(what, _) => explained(FailureKind::Size, format!("too large: {}", what.to_lowercase())),
        E::ErrorStackOverflow(_) => explained(FailureKind::Size, "functions call each other too deeply".to_owned()),
        E::ErrorTooManyVariables(_) => explained(FailureKind::Size, "too many variables".to_owned()),
        E::ErrorParsing(kind, _) => explained(FailureKind::Runtime, parse_message(&kind)),
        E::ErrorFunctionNotFound(signature, _) => explained(FailureKind::Runtime, unknown_function(&signature)),
        E::ErrorModuleNotFound(name, _) => {
            explained(FailureKind::Runtime, format!("there is no script `{name}` in the folder to import"))
        }
        _ => {
            cause.clear_position();
            let text = cause.to_string();
            explained(FailureKind::Runtime, clean(text.lines().next().unwrap_or_default()))
        }
    }
}

fn explain_thrown(value: Dynamic, place: Place) -> Explained {
    let kind = FailureKind::Thrown;
    if let Some(fault) = value.read_lock::<Fault>() {
        let Fault { kind, message, value, place: own } = fault.clone();
        let place = own.unwrap_or(place);
        return Explained { kind, place, message, value };
    }
    match value.read_lock::<rhai::ImmutableString>() {
        Some(text) => Explained { kind, place, message: clean(&text), value: None },
        None if value.is_unit() => Explained { kind, place, message: "the script threw".to_owned(), value: None },
        None => {
            let named = value.read_lock::<rhai::Map>().and_then(|map| map.get("message").map(|text| clean(&text.to_string())));
            Explained {
                kind,
                place,
                message: named.unwrap_or_else(|| "the script threw".to_owned()),
                value: Some(show(&value)),
            }
        }
    }
}

/// What a native function throws: a message, and the value at fault.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub kind: FailureKind,
    pub message: String,
    pub value: Option<String>,
    /// Where, when that is not where it was thrown: a mistake in an imported script.
    pub place: Option<Place>,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)?;
        self.value.iter().try_for_each(|value| write!(out, " (value: {value})"))
    }
}

/// The error of a native function that refuses what it was asked.
pub(super) fn fault(message: impl Into<String>) -> Box<EvalAltResult> {
    throw(Fault { kind: FailureKind::Runtime, message: message.into(), value: None, place: None })
}

/// As [`fault`], with the value at fault.
pub(super) fn fault_at(message: impl Into<String>, value: &Dynamic) -> Box<EvalAltResult> {
    throw(Fault { kind: FailureKind::Runtime, message: message.into(), value: Some(show(value)), place: None })
}

/// The error of a native function.
pub(super) fn throw(fault: Fault) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(Dynamic::from(fault), Position::NONE).into()
}

/// A value inside a message: JSON where it can be, shortened.
pub(super) fn show(value: &Dynamic) -> String {
    let text = json::shown(value, VALUE_CHARACTERS * 4);
    match text.char_indices().nth(VALUE_CHARACTERS) {
        Some((at, _)) => format!("{}…", clean(&text[..at])),
        None => clean(&text),
    }
}

/// Explains an error of the parser.
pub(super) fn explain_parse(error: &ParseError, script: &str) -> Problem {
    Problem::error(Place::at(script, error.position()), parse_message(error.err_type()))
}

fn parse_message(kind: &ParseErrorType) -> String {
    match kind {
        ParseErrorType::Reserved(name) if name == "eval" => "`eval` is not available".to_owned(),
        ParseErrorType::BadInput(rhai::LexError::ImproperSymbol(name, _)) if name == "eval" => {
            "`eval` is not available".to_owned()
        }
        ParseErrorType::VariableUndefined(name) => format!(
            "`{name}` is not defined here: a function sees its parameters, its own variables and the file's top-level `const` \
             values, not a top-level `let`"
        ),
        ParseErrorType::ModuleUndefined(name) if name == "global" => {
            "`global::` is not needed: write the constant's plain name".to_owned()
        }
        ParseErrorType::ModuleUndefined(name) => format!("`{name}::` is not imported above"),
        other => clean(&other.to_string()),
    }
}

fn unknown_function(signature: &str) -> String {
    match signature.split_once(" (") {
        Some((name, arguments)) => format!("there is no function `{name}` for ({arguments}"),
        None => format!("there is no function `{signature}`"),
    }
}
