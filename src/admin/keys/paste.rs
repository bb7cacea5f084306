//! Pasted keys: how each line is read, and what would become of it.

use std::collections::{HashMap, HashSet};

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::admin::error::ApiError;
use crate::admin::wire::example;
use crate::domain::{Commas, Key, PastedKey, Pattern, Provider, ProviderId, read_pasted_keys, secret_hint};
use crate::store::Catalog;

/// Most keys of one paste.
pub(super) const MOST_KEYS: usize = 100_000;

/// What a comma between things that look like keys means.
#[derive(Clone, Copy, Default, Enum, Deserialize)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub(super) enum CommasWord {
    /// Nobody said: such a line is malformed.
    #[default]
    Unclear,
    /// It parts two keys.
    Part,
    /// It belongs to the key.
    Belong,
}

/// Keys as they were pasted or read from a file, and what all of them get where their line says nothing.
#[derive(Default, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(in crate::admin) struct PastedKeys {
    /// Id of the provider that issued them. A preview may leave it out: then nothing is known already.
    #[serde(default)]
    #[oai(nullable)]
    pub(super) provider: Option<i64>,
    /// One key a line, or `key,name,tags,weight` (tags parted by `|`); a table with a heading; JSON; lines of a `.env`;
    /// text that keys stand in.
    text: String,
    /// What a comma between things that look like keys means.
    #[serde(default)]
    #[oai(default)]
    commas: CommasWord,
    /// Import what can be read, although other lines cannot.
    #[serde(default)]
    #[oai(default)]
    pub(super) skip_malformed: bool,
    /// Labels that every key gets besides its own.
    #[serde(default)]
    #[oai(default)]
    tags: Vec<String>,
    /// Weight of keys whose line says none; 1 if left out.
    #[serde(default)]
    #[oai(nullable)]
    weight: Option<u32>,
    /// Models that keys may serve whose line says none; null is every model.
    #[serde(default)]
    #[oai(nullable)]
    models: Option<Vec<String>>,
    /// Account of keys whose line says none.
    #[serde(default)]
    #[oai(nullable)]
    account: Option<String>,
}

impl Example for PastedKeys {
    fn example() -> Self {
        PastedKeys {
            provider: Some(1),
            text: "sk-…,team-a,paid|eu,2\nsk-…".to_owned(),
            tags: vec!["batch-7".to_owned()],
            ..PastedKeys::default()
        }
    }
}

/// What would become of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum LineState {
    /// A key that will be added.
    Valid,
    /// The same key stands on a line before.
    Duplicate,
    /// The provider has this key already.
    Exists,
    /// It cannot be read; `message` says why.
    Malformed,
    /// Blank, a remark, a heading, or a setting that is no key.
    Skipped,
}

/// How one line was read; a line with several keys has one entry for each.
#[derive(Object)]
pub(super) struct ReadLine {
    /// Its number, from 1.
    line: usize,
    /// What would become of it.
    pub(super) state: LineState,
    /// The name that the key gets.
    #[oai(nullable)]
    name: Option<String>,
    /// The last four characters of the key.
    #[oai(nullable)]
    secret_hint: Option<String>,
    /// Its labels.
    tags: Vec<String>,
    /// Its weight.
    #[oai(nullable)]
    weight: Option<u32>,
    /// Why it cannot be read, which line has the same key, or which key of the store is the same.
    #[oai(nullable)]
    message: Option<String>,
    /// Id of the key of the store that is the same.
    #[oai(nullable)]
    existing_id: Option<i64>,
}

/// How every line was read; nothing is stored.
#[derive(Object)]
#[oai(example)]
pub(in crate::admin) struct PastePreview {
    /// Keys that would be added.
    valid: usize,
    /// Keys that stand there more than once.
    duplicate: usize,
    /// Keys that the provider has already.
    exists: usize,
    /// Lines that cannot be read.
    malformed: usize,
    /// Lines that say nothing.
    skipped: usize,
    /// Every line.
    lines: Vec<ReadLine>,
}

impl PastePreview {
    pub(super) fn of(reading: Vec<(ReadLine, Option<Key>)>) -> Self {
        let count = |state| count(&reading, state);
        PastePreview {
            valid: count(LineState::Valid),
            duplicate: count(LineState::Duplicate),
            exists: count(LineState::Exists),
            malformed: count(LineState::Malformed),
            skipped: count(LineState::Skipped),
            lines: reading.into_iter().map(|(line, _)| line).collect(),
        }
    }
}

/// How many lines of a reading are in a state.
pub(super) fn count(reading: &[(ReadLine, Option<Key>)], state: LineState) -> usize {
    reading.iter().filter(|(line, _)| line.state == state).count()
}

/// Refuses a paste with lines that cannot be read, unless they are to be left out.
pub(super) fn demand_readable(reading: &[(ReadLine, Option<Key>)]) -> Result<(), ApiError> {
    let malformed = reading.iter().filter(|(line, _)| line.state == LineState::Malformed);
    refuse_unreadable("lines", malformed.map(|(line, _)| (format!("line {}", line.line), line.message.as_deref())))
}

/// The refusal that names the first place that cannot be read, and why, and counts the others.
pub(super) fn refuse_unreadable<'a>(
    noun: &str,
    mut malformed: impl Iterator<Item = (String, Option<&'a str>)>,
) -> Result<(), ApiError> {
    let Some((place, why)) = malformed.next() else { return Ok(()) };
    let why = why.unwrap_or_default();
    let more = match malformed.count() {
        0 => String::new(),
        more => format!(" ({more} more {noun} cannot be read either)"),
    };
    let message = format!("{place}: {why}{more}; nothing was imported: correct it, or set skip_malformed");
    Err(ApiError::invalid("text", message))
}

/// A key's own labels and those that every key of an import gets, each once.
pub(super) fn labels(mut own: Vec<String>, more: &[String]) -> Vec<String> {
    own.extend(more.iter().cloned());
    let mut seen = HashSet::new();
    own.retain(|tag| seen.insert(tag.clone()));
    own
}

/// Reads a paste against what the catalog has: every line, and the key that would be made of it.
pub(super) fn read(paste: &PastedKeys, catalog: &Catalog) -> Result<Vec<(ReadLine, Option<Key>)>, ApiError> {
    let provider = paste.provider.map(ProviderId);
    if let Some(id) = provider
        && catalog.get::<Provider>(id).is_none()
    {
        return Err(ApiError::invalid("provider", format!("there is no provider with id {id}")));
    }
    let commas = match paste.commas {
        CommasWord::Unclear => Commas::Unclear,
        CommasWord::Part => Commas::Part,
        CommasWord::Belong => Commas::Belong,
    };
    let lines = read_pasted_keys(&paste.text, commas);
    if lines.iter().filter_map(|line| line.keys.as_ref().ok()).map(Vec::len).sum::<usize>() > MOST_KEYS {
        return Err(ApiError::invalid("text", format!("one paste can hold at most {MOST_KEYS} keys: split it")));
    }
    let mut names = Names::default();
    let mut existing = HashMap::new();
    for row in catalog.all::<Key>().filter(|row| Some(row.value.provider) == provider) {
        names.taken.insert(row.value.name.clone());
        existing.insert(row.value.secret.expose_secret(), &*row.value);
    }
    let mut reading = Vec::with_capacity(lines.len());
    for line in lines {
        match line.keys {
            Err(fault) => reading.push((blank(line.number, LineState::Malformed, Some(fault.to_string())), None)),
            Ok(keys) if keys.is_empty() => reading.push((blank(line.number, LineState::Skipped, None), None)),
            Ok(keys) => reading.extend(keys.into_iter().map(|found| {
                let known = existing.get(found.secret.expose_secret()).copied();
                read_key(line.number, found, known, paste, &mut names)
            })),
        }
    }
    Ok(reading)
}

fn read_key(
    line: usize,
    found: PastedKey,
    known: Option<&Key>,
    paste: &PastedKeys,
    names: &mut Names,
) -> (ReadLine, Option<Key>) {
    let (state, message) = match (found.repeats, known) {
        (Some(before), _) => (LineState::Duplicate, Some(format!("the same key as on line {before}"))),
        (None, Some(known)) => (LineState::Exists, Some(format!("this key is there already, as {}", known.name))),
        (None, None) => (LineState::Valid, None),
    };
    let wanted = found.name.clone();
    let key = key(found, paste);
    let mut read = ReadLine {
        line,
        state,
        name: wanted.clone(),
        secret_hint: Some(secret_hint(key.secret.expose_secret())),
        tags: key.tags.clone(),
        weight: Some(key.weight),
        message,
        existing_id: known.map(|key| key.id.0),
    };
    if state != LineState::Valid {
        return (read, None);
    }
    let key = Key { name: names.free(wanted.as_deref()), ..key };
    if let Err(invalid) = key.validate() {
        return (ReadLine { state: LineState::Malformed, message: Some(invalid.to_string()), ..read }, None);
    }
    if wanted.as_ref().is_some_and(|wanted| *wanted != key.name) {
        read.message = Some("its name is taken by another key".to_owned());
    }
    names.take(&key.name);
    (ReadLine { name: Some(key.name.clone()), ..read }, Some(key))
}

fn key(found: PastedKey, paste: &PastedKeys) -> Key {
    Key {
        tags: labels(found.tags, &paste.tags),
        weight: found.weight.or(paste.weight).unwrap_or(1),
        models: found.models.or_else(|| paste.models.clone()).map(|models| models.into_iter().map(Pattern::new).collect()),
        account: found.account.or_else(|| paste.account.clone()),
        ..Key::new(ProviderId(paste.provider.unwrap_or_default()), "", found.secret)
    }
}

fn blank(line: usize, state: LineState, message: Option<String>) -> ReadLine {
    ReadLine { line, state, name: None, secret_hint: None, tags: Vec::new(), weight: None, message, existing_id: None }
}

/// Names that are taken, and the next one that may be free.
#[derive(Default)]
pub(super) struct Names {
    taken: HashSet<String>,
    last: usize,
    last_of: HashMap<String, usize>,
}

impl Names {
    pub(super) fn of(taken: impl Iterator<Item = String>) -> Self {
        Names { taken: taken.collect(), ..Names::default() }
    }

    pub(super) fn take(&mut self, name: &str) {
        self.taken.insert(name.to_owned());
    }

    /// The wanted name if it is free, else with the next number behind it; `key-1` and so on where none is wanted.
    pub(super) fn free(&mut self, wanted: Option<&str>) -> String {
        let (stem, last) = match wanted {
            Some(wanted) if !self.taken.contains(wanted) => return wanted.to_owned(),
            Some(wanted) => (wanted, self.last_of.entry(wanted.to_owned()).or_insert(1)),
            None => ("key", &mut self.last),
        };
        loop {
            *last += 1;
            let name = format!("{stem}-{last}");
            if !self.taken.contains(&name) {
                return name;
            }
        }
    }
}

example!(PastePreview, {
    "valid": 1, "duplicate": 0, "exists": 0, "malformed": 1, "skipped": 0,
    "lines": [
        { "line": 1, "state": "valid", "name": "team-a", "secret_hint": "…a1b2", "tags": ["paid"], "weight": 2,
          "message": null, "existing_id": null },
        { "line": 2, "state": "malformed", "name": null, "secret_hint": null, "tags": [], "weight": null,
          "message": "character 4 is U+200B (a zero-width space), which no key contains", "existing_id": null },
    ],
});
