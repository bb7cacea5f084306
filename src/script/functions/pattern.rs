//! Regular expressions in linear time, with a bound on that line too.
//!
//! The engine underneath is a lazy DFA alone, which gives up instead of falling back to a slower one: a single search cannot
//! be interrupted, so it must never be slow. `\b` is the ASCII word boundary, the only one that such an engine knows.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use regex_automata::hybrid::{dfa, regex};
use regex_automata::nfa::thompson::{self, pikevm};
use regex_automata::util::{captures::Captures, pool::Pool};
use regex_automata::{Anchored, Input, Match};
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString};

use crate::script::error::fault;
use crate::script::register::Registrar;
use crate::script::runtime::charge;

type Fallible<T> = Result<T, Box<EvalAltResult>>;
type Caches = Pool<regex::Cache, Box<dyn Fn() -> regex::Cache + Send + Sync>>;

/// Longest pattern, in bytes.
const PATTERN_BYTES: usize = 2_000;
/// Largest compiled pattern, in bytes, forwards and backwards separately.
const PROGRAM_BYTES: usize = 512 * 1024;
/// Memory for the states of a search.
const CACHE_BYTES: usize = 2 * 1024 * 1024;
/// How often a search may run out of that memory before it gives up.
const CACHE_CLEARS: usize = 4;
/// Patterns kept compiled; beyond that all are dropped.
const KEPT_PATTERNS: usize = 256;
/// What compiling a pattern costs, in bytes of other work.
const COMPILE_WORK: usize = 32 * 1024;

/// A compiled pattern.
struct Pattern {
    finder: Arc<regex::Regex>,
    caches: Caches,
    groups: pikevm::PikeVM,
}

impl Pattern {
    fn compile(pattern: &str) -> Fallible<Self> {
        if pattern.len() > PATTERN_BYTES {
            return Err(fault(format!("a pattern may have {PATTERN_BYTES} bytes, not {}", pattern.len())));
        }
        let refused = |error: &dyn std::error::Error| {
            let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            fault(format!("this is not a usable pattern: {}", cause.lines().last().unwrap_or_default().trim()))
        };
        let pattern = ascii_boundaries(pattern);
        let size = thompson::Config::new().nfa_size_limit(Some(PROGRAM_BYTES));
        let search = dfa::Config::new().cache_capacity(CACHE_BYTES).minimum_cache_clear_count(Some(CACHE_CLEARS));
        let finder = regex::Builder::new().thompson(size.clone()).dfa(search).build(&pattern);
        let finder = Arc::new(finder.map_err(|error| refused(&error))?);
        let groups = pikevm::Builder::new().thompson(size).build(&pattern).map_err(|error| refused(&error))?;
        let for_cache = finder.clone();
        let caches: Caches = Pool::new(Box::new(move || for_cache.create_cache()));
        Ok(Pattern { finder, caches, groups })
    }

    fn find(&self, text: &str, from: usize) -> Fallible<Option<Match>> {
        let mut cache = self.caches.get();
        let found = self.finder.try_search(&mut cache, &Input::new(text).range(from..));
        found.map_err(|_| fault("the pattern is too complex for this text"))
    }

    /// Calls `each` with every match, until it answers `false`.
    fn find_all(&self, text: &str, mut each: impl FnMut(Match) -> Fallible<bool>) -> Fallible<()> {
        let mut from = 0;
        charge(text.len())?;
        while from <= text.len() {
            charge(64)?;
            let Some(found) = self.find(text, from)? else { break };
            if !each(found)? {
                break;
            }
            from = found.end();
            if found.is_empty() {
                from += text[from..].chars().next().map_or(1, char::len_utf8);
            }
        }
        Ok(())
    }

    /// What `$1`, `${name}` and `$$` in a replacement stand for at a match.
    fn expand(&self, text: &str, found: Match, replacement: &str, out: &mut String) -> Fallible<()> {
        charge(found.len().saturating_mul(self.groups.get_nfa().states().len()))?;
        let mut captures = Captures::all(self.groups.get_nfa().group_info().clone());
        let input = Input::new(text).range(found.range()).anchored(Anchored::Yes);
        self.groups.search(&mut self.groups.create_cache(), &input, &mut captures);
        captures.interpolate_string_into(text, replacement, out);
        Ok(())
    }

    fn replace(&self, text: &str, replacement: &str) -> Fallible<Option<String>> {
        let has_groups = replacement.contains('$');
        let (mut out, mut copied, mut is_changed) = (String::new(), 0, false);
        self.find_all(text, |found| {
            is_changed = true;
            out.push_str(&text[copied..found.start()]);
            if has_groups {
                self.expand(text, found, replacement, &mut out)?
            } else {
                out.push_str(replacement)
            }
            copied = found.end();
            charge(replacement.len())?;
            Ok(true)
        })?;
        out.push_str(&text[copied..]);
        Ok(is_changed.then_some(out))
    }
}

/// Writes `\b` as the ASCII word boundary.
fn ascii_boundaries(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('\\', Some('b')) => {
                rest.next();
                out.push_str(if rest.peek() == Some(&'{') { r"\b" } else { r"(?-u:\b)" });
            }
            ('\\', Some(next)) => {
                out.extend(['\\', *next]);
                rest.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// Compiled patterns, shared by all scripts of a set.
#[derive(Clone, Default)]
pub struct Patterns(Arc<RwLock<HashMap<ImmutableString, Arc<Pattern>>>>);

impl Patterns {
    fn get(&self, pattern: &ImmutableString) -> Fallible<Arc<Pattern>> {
        if let Some(found) = self.0.read().get(pattern) {
            return Ok(found.clone());
        }
        charge(COMPILE_WORK)?;
        let compiled = Arc::new(Pattern::compile(pattern)?);
        let mut kept = self.0.write();
        if kept.len() >= KEPT_PATTERNS {
            kept.clear();
        }
        kept.insert(pattern.clone(), compiled.clone());
        Ok(compiled)
    }

    /// Whether a pattern matches somewhere in a text.
    pub fn is_match(&self, text: &str, pattern: &ImmutableString) -> Fallible<bool> {
        charge(text.len())?;
        Ok(self.get(pattern)?.find(text, 0)?.is_some())
    }

    /// Replaces every match; `None` when there is none.
    pub fn replace(&self, text: &str, pattern: &ImmutableString, replacement: &str) -> Fallible<Option<String>> {
        self.get(pattern)?.replace(text, replacement)
    }

    fn find(&self, text: &str, pattern: &ImmutableString) -> Fallible<Dynamic> {
        charge(text.len())?;
        let found = self.get(pattern)?.find(text, 0)?;
        Ok(found.map_or(Dynamic::UNIT, |found| ImmutableString::from(&text[found.range()]).into()))
    }

    fn find_all(&self, text: &str, pattern: &ImmutableString, most: usize) -> Fallible<Array> {
        let mut found = Array::new();
        self.get(pattern)?.find_all(text, |one| {
            found.push(ImmutableString::from(&text[one.range()]).into());
            Ok(found.len() < most)
        })?;
        Ok(found)
    }
}

/// Registers the functions; `most` is the longest array.
pub(super) fn register(registrar: &mut Registrar<'_>, patterns: &Patterns, most: usize) {
    let (matches, finds, lists, replaces) = (patterns.clone(), patterns.clone(), patterns.clone(), patterns.clone());
    registrar
        .group(
            "Regular expressions",
            "Searches take time in proportion to the text. There are no look-around and no back-references; `\\b` knows ASCII \
             letters only. Write patterns in back-quotes, so that backslashes stay: `` `\\d+` ``.",
        )
        .function(
            "regex_is_match(text: string, pattern: string) -> bool",
            "Whether the pattern matches somewhere in the text.",
            move |text: &str, pattern: ImmutableString| matches.is_match(text, &pattern),
        )
        .function(
            "regex_find(text: string, pattern: string) -> string",
            "The first match, or `()`.",
            move |text: &str, pattern: ImmutableString| finds.find(text, &pattern),
        )
        .function(
            "regex_find_all(text: string, pattern: string) -> array",
            "Every match.",
            move |text: &str, pattern: ImmutableString| lists.find_all(text, &pattern, most),
        )
        .function(
            "regex_replace(text: string, pattern: string, replacement: string) -> string",
            "The text with every match replaced. `$1` or `${name}` stand for a group, `$$` for a dollar sign.",
            move |text: ImmutableString, pattern: ImmutableString, replacement: &str| {
                let replaced = replaces.replace(&text, &pattern, replacement)?;
                Ok::<_, Box<EvalAltResult>>(replaced.map_or(text, ImmutableString::from))
            },
        );
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn replace(text: &str, pattern: &str, replacement: &str) -> String {
        Patterns::default().replace(text, &pattern.into(), replacement).unwrap().unwrap_or_else(|| text.to_owned())
    }

    #[test]
    fn matches_are_replaced() {
        assert_eq!(replace("a1b22c", r"\d+", "#"), "a#b#c");
        assert_eq!(replace("John Smith", r"(?P<first>\w+) (\w+)", "$2, ${first} $$"), "Smith, John $");
        assert_eq!(replace("ééé", "", "-"), "-é-é-é-");
        assert_eq!(replace("none", "x", "y"), "none");
        assert_eq!(replace("x", "x", ""), "");
        assert_eq!(replace("cat concat 猫cat", r"\bcat\b", "dog"), "dog concat 猫dog");
        assert_eq!(replace("a.b", r"\.", r"\"), r"a\b");
    }

    #[test]
    fn what_no_linear_engine_knows_is_refused() {
        for bad in ["(", r"(a)\1", "(?=a)", &"a".repeat(3_000), r"(?:\w{1000}){1000}"] {
            assert!(Patterns::default().is_match("a", &bad.into()).is_err(), "{bad:.20}");
        }
    }

    #[test]
    fn a_search_is_never_slow() {
        let text = "01".repeat(100_000) + "a".repeat(200_000).as_str();
        for pattern in [r"(a+)+$", r"(?:a|a)*b", r"[01]*1[01]{300}x", r"(.*)(.*)(.*)z", r"(x+x+)+y", r"\w{1,200}\d\w{1,200}z"] {
            let began = Instant::now();
            _ = Patterns::default().is_match(&text, &pattern.into());
            assert!(began.elapsed() < Duration::from_secs(2), "{pattern}: {:?}", began.elapsed());
        }
    }
}
