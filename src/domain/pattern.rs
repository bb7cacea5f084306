//! Name patterns: a literal, or a literal with `*` for any run of characters.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A pattern over model names, such as `gpt-4o*`. Case-sensitive; `*` matches any run, also an empty one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// Wraps the text of a pattern; every text is a pattern.
    pub fn new(text: impl Into<String>) -> Self {
        Pattern(text.into())
    }

    /// The text as the operator wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern names exactly one model.
    pub fn is_literal(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether `name` matches the whole pattern.
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or("");
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let mut middle: Vec<&str> = parts.collect();
        let Some(last) = middle.pop() else { return rest.is_empty() };
        for part in middle {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.len() >= last.len() && rest.ends_with(last)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, name, expected) in [
            ("gpt-4o*", "gpt-4o-mini", true),
            ("gpt-4o*", "gpt-4o", true),
            ("gpt-4o*", "o1", false),
            ("*", "", true),
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("*-mini", "gpt-4o-mini", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*a", "a", false),
            ("vendor/*", "vendor/m?x#y", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern} against {name}");
        }
    }
}
