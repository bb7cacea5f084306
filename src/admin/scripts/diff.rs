//! What differs between two versions of the scripts.

use std::collections::BTreeSet;

use poem_openapi::{Enum, Object};
use similar::TextDiff;

use crate::admin::wire::example;
use crate::store::ScriptTexts;

/// Lines around each difference.
const CONTEXT_LINES: usize = 3;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "ScriptFileChange", rename_all = "snake_case")]
pub(super) enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Its text is another.
    Changed,
}

/// A file that differs.
#[derive(Debug, Object)]
#[oai(rename = "ScriptFileDiff", example)]
pub(super) struct FileDiff {
    /// Its name.
    name: String,
    /// What became of it.
    change: Change,
    /// The differences in unified form.
    diff: String,
}

example!(FileDiff, {
    "name": "20-route.rhai", "change": "changed",
    "diff": "@@ -1,3 +1,3 @@\n fn route(req) {\n-    #{ model: \"fast\" }\n+    if req.stream { #{ model: \"fast\" } }\n }\n",
});

/// The files that differ, by name.
pub(super) fn between(from: &ScriptTexts, to: &ScriptTexts) -> Vec<FileDiff> {
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    names.into_iter().filter(|name| from.get(*name) != to.get(*name)).map(|name| file(name, from, to)).collect()
}

fn file(name: &str, from: &ScriptTexts, to: &ScriptTexts) -> FileDiff {
    let (old, new) = (from.get(name).map(|text| &**text), to.get(name).map(|text| &**text));
    let change = match (old, new) {
        (None, _) => Change::Added,
        (_, None) => Change::Removed,
        _ => Change::Changed,
    };
    let side = |letter: char, text: Option<&str>| match text {
        Some(_) => format!("{letter}/{name}"),
        None => "/dev/null".to_owned(),
    };
    let diff = TextDiff::from_lines(old.unwrap_or_default(), new.unwrap_or_default());
    let diff = diff.unified_diff().context_radius(CONTEXT_LINES).header(&side('a', old), &side('b', new)).to_string();
    FileDiff { name: name.to_owned(), change, diff }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(files: &[(&str, &str)]) -> ScriptTexts {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).into())).collect()
    }

    #[test]
    fn only_what_differs_is_shown() {
        let before = texts(&[("a.rhai", "one\ntwo\n"), ("b.rhai", "same\n"), ("c.rhai", "gone\n")]);
        let after = texts(&[("a.rhai", "one\n2\n"), ("b.rhai", "same\n"), ("d.rhai", "new\n")]);
        let shown: Vec<_> = between(&before, &after).into_iter().map(|file| (file.name, file.change, file.diff)).collect();
        let expected = [
            ("a.rhai", Change::Changed, "--- a/a.rhai\n+++ b/a.rhai\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"),
            ("c.rhai", Change::Removed, "--- a/c.rhai\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"),
            ("d.rhai", Change::Added, "--- /dev/null\n+++ b/d.rhai\n@@ -0,0 +1 @@\n+new\n"),
        ];
        assert_eq!(shown, expected.map(|(name, change, diff)| (name.to_owned(), change, diff.to_owned())));
    }
}
