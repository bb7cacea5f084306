//! The reference of everything that scripts can use, generated from what is registered with the engine.

use std::fmt::Write;

use super::engine;
use super::hook::Hook;
use super::limits::ScriptLimits;
use super::modules::Modules;
use super::register::{Entry, EntryKind, Group};

const INTRODUCTION: &str = "\
# Scripts

Keywheel asks your scripts, written in [Rhai](https://rhai.rs/book/), at the points of a call where you may want a say: who may ask
what, where a call goes, which key it uses, what a failure means, what the client gets. Every `*.rhai` file of the script folder
(`--scripts`, `./scripts` unless told otherwise) is loaded, in the order of their names; files in folders below it are there to be
imported. A change goes live by itself, most often within a fraction of a second, and only if it compiles, its `on_load` agrees and its
tests pass.

`keywheel script new NAME` writes a file to start from, `keywheel check` tests the folder, and [examples](examples) shows twelve
things that others do with it. `keywheel script definitions > keywheel.d.rhai` describes all of this to an editor's language server.

This page is generated: `keywheel script reference` prints it.
";

const RULES: &str = "\
- Where several scripts define a hook, they run in order, and the first answer that is not `()` counts; changes add up.
- What a function's last statement gives is its answer. End with `;` or `()` where that is not meant.
- A call keeps the scripts that it began with. Nothing is kept between two runs but what `kv_set` and `kv_incr` store.
- A changed file is looked at at once where the system tells of changes, and within two seconds on a mount that does not, such as some
  network and container mounts; `--script-watch 500ms` looks that often instead. What the API writes is live before it answers.
- Constants at a file's top level can be used in its functions; a top-level `let` cannot.
- `on_load(config)` runs before a set goes live; `throw` refuses it. `config` is a map: `version, providers, models, key_tags`.
- `test_*()` functions run at every load, each with a store and a clock of its own; `throw` or a failed `assert` refuses the set.
- There is no network, no file, no environment, no `eval` and no `sleep`. A script never sees a secret.
- When `on_request` or `on_upstream_request` fails, the client gets 500 `script_error` and nothing is sent. Where any other hook fails,
  the call goes on as if there were no such hook. A failure is in the log, in `/metrics`, and on the call's record with its line and column.
- `on_response` gets a body only where the answer is held whole: JSON of at most 1 MiB, or a provider's refusal. All others flow, and are
  as a stream to it.
- A hook that fails many calls in a row is left out until the next reload; a filter that is left out stays closed.
- When the scripts cannot be loaded at a start, there is no last good set to go on with: no call is let through until they load.
";

/// The reference in Markdown.
pub fn reference() -> String {
    let mut out = INTRODUCTION.to_owned();
    out += "\n## Hooks\n";
    for hook in Hook::ALL {
        let parameters = hook.parameters().join(", ");
        _ = write!(out, "\n### `{}({parameters})`\n\nCalled {}. {}\n", hook.name(), hook.when(), hook.may());
    }
    out += "\n## Rules\n\n";
    out += RULES;
    out += &limits();
    let groups = groups();
    out += "\n## Objects\n";
    groups.iter().filter(|group| group.is_type).for_each(|group| describe(group, &mut out));
    out += "\n## Functions\n";
    groups.iter().filter(|group| !group.is_type).for_each(|group| describe(group, &mut out));
    out
}

fn limits() -> String {
    let limits = ScriptLimits::default();
    format!(
        "\n## Limits\n\nOne run of a hook may take {} ms (`--script-time`) and {} steps (`--script-operations`). A string has at most \
         {} KiB, an array {} elements, a map {} members; functions call each other {} deep. After {} failures in a row a hook is left \
         out.\n",
        limits.wall_ms,
        limits.operations,
        limits.string_bytes / 1024,
        limits.array_len,
        limits.map_len,
        limits.call_depth,
        limits.quarantine
    )
}

fn groups() -> Vec<Group> {
    let limits = ScriptLimits::default();
    let mut lenient = rhai::Engine::new_raw();
    engine::limit(&mut lenient, &limits);
    engine::build(&limits, Modules::new(Default::default(), lenient)).1
}

fn describe(group: &Group, out: &mut String) {
    _ = write!(out, "\n### {}\n\n", group.title);
    if !group.doc.is_empty() {
        _ = write!(out, "{}\n\n", group.doc);
    }
    out.push_str("| | |\n|---|---|\n");
    for entry in &group.entries {
        let changes = if entry.kind == EntryKind::Mutable { " Can be assigned to." } else { "" };
        let (signature, doc) = (entry.signature.replace('|', "\\|"), entry.doc.replace('|', "\\|"));
        _ = writeln!(out, "| `{signature}` | {doc}{changes} |");
    }
}

/// What a topic of the reference is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A hook that a script may define.
    Hook,
    /// An object that hooks get.
    Object,
    /// Functions that are always there.
    Functions,
    /// What holds for every script.
    Rules,
}

/// One topic of the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// What it is about.
    pub part: Part,
    /// Its title: a hook with its parameters, an object's name, what functions are for.
    pub title: String,
    /// What is said about it, as Markdown.
    pub text: String,
    /// Its functions, properties and forms of syntax.
    pub entries: Vec<TopicEntry>,
}

/// One thing that a script can write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicEntry {
    /// How it is written.
    pub signature: String,
    /// What it does.
    pub text: String,
    /// Whether it can be assigned to.
    pub assignable: bool,
}

/// The reference in pieces: hooks, objects, functions, rules.
pub fn topics() -> Vec<Topic> {
    let hook = |hook: &Hook| Topic {
        part: Part::Hook,
        title: format!("{}({})", hook.name(), hook.parameters().join(", ")),
        text: format!("Called {}. {}", hook.when(), hook.may()),
        entries: Vec::new(),
    };
    let group = |group: &Group| Topic {
        part: if group.is_type { Part::Object } else { Part::Functions },
        title: group.title.to_owned(),
        text: group.doc.to_owned(),
        entries: group.entries.iter().map(topic_entry).collect(),
    };
    let groups = groups();
    let mut topics: Vec<Topic> = Hook::ALL.iter().map(hook).collect();
    topics.extend(groups.iter().filter(|group| group.is_type).map(group));
    topics.extend(groups.iter().filter(|group| !group.is_type).map(group));
    topics.push(Topic { part: Part::Rules, title: "Rules".to_owned(), text: RULES.to_owned(), entries: Vec::new() });
    topics
}

fn topic_entry(entry: &Entry) -> TopicEntry {
    TopicEntry {
        signature: entry.signature.to_owned(),
        text: entry.doc.to_owned(),
        assignable: entry.kind == EntryKind::Mutable,
    }
}

/// Definitions for Rhai's language server (`*.d.rhai`).
pub fn definitions() -> String {
    let mut out = "module static;\n".to_owned();
    for group in groups() {
        for entry in group.entries.iter().filter(|entry| entry.kind != EntryKind::Syntax) {
            _ = writeln!(out, "\n/// {}", entry.doc);
            define(&group, entry, &mut out);
        }
    }
    out
}

fn define(group: &Group, entry: &Entry, out: &mut String) {
    let (head, result) = match entry.kind {
        EntryKind::Property | EntryKind::Mutable => entry.signature.split_once(':').unwrap_or((entry.signature, "any")),
        _ => entry.signature.split_once("->").unwrap_or((entry.signature, "void")),
    };
    let (own, result) = (group.title, type_of(result));
    match entry.kind {
        EntryKind::Function => {
            let parameters: Vec<String> = parameters(head).collect();
            _ = writeln!(out, "fn {}({}) -> {result};", entry.name(), parameters.join(", "));
        }
        EntryKind::Method => {
            let all: Vec<String> = std::iter::once(format!("this_value: {own}")).chain(parameters(head)).collect();
            _ = writeln!(out, "fn {}({}) -> {result};", entry.name(), all.join(", "));
        }
        EntryKind::Property | EntryKind::Mutable => {
            _ = writeln!(out, "fn get {}(this_value: {own}) -> {result};", entry.name());
            if entry.kind == EntryKind::Mutable {
                _ = writeln!(out, "fn set {}(this_value: {own}, value: {result}) -> void;", entry.name());
            }
        }
        EntryKind::Syntax => {}
    }
}

/// `name: type` for each parameter of a signature.
fn parameters(head: &str) -> impl Iterator<Item = String> {
    let inside = head.split_once('(').map_or("", |(_, rest)| rest.trim().trim_end_matches(')'));
    inside.split(',').filter_map(|parameter| {
        let (name, kind) = parameter.split_once(':')?;
        Some(format!("{}: {}", name.trim(), type_of(kind)))
    })
}

fn type_of(written: &str) -> &str {
    match written.trim() {
        "string" => "String",
        "array" => "Array",
        "map" => "Map",
        "any" => "?",
        "function" => "FnPtr",
        "void" => "void",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_registered_is_described() {
        let (reference, definitions) = (reference(), definitions());
        for hook in Hook::ALL {
            assert!(reference.contains(&format!("### `{}(", hook.name())), "{}", hook.name());
        }
        for group in groups() {
            assert!(reference.contains(&format!("### {}\n", group.title)), "{}", group.title);
            for entry in group.entries {
                assert!(!entry.doc.is_empty(), "{}", entry.signature);
                if entry.kind != EntryKind::Syntax {
                    assert!(definitions.contains(entry.name()), "{}", entry.signature);
                }
            }
        }
    }

    #[test]
    fn definitions_say_types() {
        let definitions = definitions();
        for line in [
            "fn reject(status: int, code: String, message: String) -> Rejection;",
            "fn get model(this_value: Request) -> String;",
            "fn set model(this_value: Request, value: String) -> void;",
            "fn with_tag(this_value: Keys, tag: String) -> Keys;",
            "fn header(headers: Headers, name: String, default: ?) -> ?;",
        ] {
            assert!(definitions.lines().any(|found| found == line), "{line} is not in\n{definitions}");
        }
    }
}
