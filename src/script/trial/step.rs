//! One hook of a trial: what it answered, changed, logged and cost.

use serde_json::{Value, json};

use super::set::TrialSet;
use crate::script::error::ScriptFailure;
use crate::script::hook::Hook;
use crate::script::objects::{BodyEdit, BodyEditAction, HeaderEdit};
use crate::script::runtime::LogLine;

/// One hook of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The hook.
    pub hook: Hook,
    /// What it was shown, as JSON, where nothing was given for it.
    pub stand_in: Option<Value>,
    /// What it answered, as JSON; null is `()`.
    pub answer: Value,
    /// What it changed, as JSON: `body`, `headers`, `model`, `path`, `status`, `tags`, `attributes`.
    pub changes: Value,
    /// Steps that it took.
    pub operations: u64,
    /// Microseconds that it took.
    pub micros: u64,
    /// What it logged.
    pub log: Vec<LogLine>,
    /// How it failed.
    pub failure: Option<ScriptFailure>,
}

/// What a hook gave back, told apart from what it cost.
pub(super) struct Told {
    pub answer: Value,
    pub changes: Value,
    pub failure: Option<ScriptFailure>,
}

impl TrialSet {
    /// Runs a hook and notes what it cost.
    pub(super) fn step<T>(&self, hook: Hook, run: impl FnOnce() -> T, tell: impl FnOnce(&T) -> Told) -> (T, Step) {
        let before = self.set.stats.cost(hook);
        let result = run();
        let after = self.set.stats.cost(hook);
        let Told { answer, changes, failure } = tell(&result);
        let (operations, micros) = (after.0 - before.0, after.1 - before.1);
        (result, Step { hook, stand_in: None, answer, changes, operations, micros, log: self.take_log(), failure })
    }
}

/// Edits of a body as JSON.
pub(super) fn body_edits(edits: &[BodyEdit]) -> Value {
    let parsed = |text: &String| serde_json::from_str::<Value>(text).unwrap_or_else(|_| Value::from(text.as_str()));
    let one = |edit: &BodyEdit| match &edit.action {
        BodyEditAction::Set(text) => json!({ "at": edit.pointer, "set": parsed(text) }),
        BodyEditAction::Insert(text) => json!({ "at": edit.pointer, "insert": parsed(text) }),
        BodyEditAction::Remove => json!({ "at": edit.pointer, "remove": true }),
    };
    edits.iter().map(one).collect()
}

/// Changes of headers as JSON: null removes.
pub(super) fn header_edits(edits: &[HeaderEdit]) -> Value {
    let value = |edit: &HeaderEdit| edit.value.as_ref().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    edits.iter().map(|edit| (edit.name.to_string(), json!(value(edit)))).collect::<serde_json::Map<_, _>>().into()
}

/// An object of those members that say something.
pub(super) fn changes<const N: usize>(members: [(&str, Value); N]) -> Value {
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    };
    let kept = members.into_iter().filter(|(_, value)| says(value)).map(|(name, value)| (name.to_owned(), value));
    Value::Object(kept.collect())
}
