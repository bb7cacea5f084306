//! One line: a key, with what may stand around it.

use super::{Commas, PasteFault, PastedKey, key, tags, weight};

/// How vendors begin their keys.
const BEGINNINGS: [&str; 8] = ["sk-", "sk_", "gsk_", "AIza", "xai-", "r8_", "hf_", "pplx-"];
/// Fewest characters of a key that is found inside a sentence.
const FEWEST_IN_SENTENCE: usize = 16;

pub(super) fn read(line: &str, commas: Commas) -> Result<Vec<PastedKey>, PasteFault> {
    let content = line.trim_start_matches('\u{feff}').trim();
    let content = content.trim_end_matches([',', ';']).trim_end();
    match content {
        "" | "[" | "]" => return Ok(Vec::new()),
        _ if content.starts_with('#') || content.starts_with("//") => return Ok(Vec::new()),
        _ if content.starts_with('[') => {
            let secrets: Vec<String> = serde_json::from_str(content).map_err(|_| PasteFault::List)?;
            return secrets.iter().map(|secret| key(line, secret)).collect();
        }
        _ => {}
    }
    match variable(content) {
        Some(value) if value.split(',').any(looks_like_key) => read_parts(line, value, commas),
        Some(_) => Ok(Vec::new()),
        None => read_parts(line, content, commas),
    }
}

/// The value of an assignment to a variable, as in a `.env`.
fn variable(content: &str) -> Option<&str> {
    let content = content.strip_prefix("export ").map_or(content, str::trim_start);
    let (name, value) = content.split_once('=')?;
    let name = name.trim_end();
    let is_name = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|character| character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_');
    // Keys may end in `=` themselves.
    if !is_name || value.starts_with('=') {
        return None;
    }
    let value = value.split_once(" #").map_or(value, |(value, _)| value);
    Some(unquote(value.trim()))
}

fn read_parts(line: &str, content: &str, commas: Commas) -> Result<Vec<PastedKey>, PasteFault> {
    let bare = unquote(content);
    let parts: Vec<&str> = bare_parts(content);
    let full: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    match (full.as_slice(), commas) {
        (&[name, secret], _) if !looks_like_key(name) && looks_like_key(secret) => named(line, secret, &[name]),
        (&[secret, name, ..], _) if parts.len() <= 4 && looks_like_key(secret) && !looks_like_key(name) => {
            named(line, secret, &parts[1..])
        }
        (&[_] | &[], _) | (_, Commas::Belong) => {
            key(line, bare).map(|key| vec![key]).or_else(|fault| in_sentence(content, fault))
        }
        (parts, Commas::Part) => parts.iter().map(|secret| key(line, secret)).collect(),
        (_, Commas::Unclear) => in_sentence(content, PasteFault::Commas),
    }
}

fn bare_parts(content: &str) -> Vec<&str> {
    content.split(',').map(|part| unquote(part.trim())).collect()
}

/// A key with its name, tags and weight, as far as they stand there.
fn named(line: &str, secret: &str, rest: &[&str]) -> Result<Vec<PastedKey>, PasteFault> {
    let mut found = key(line, secret)?;
    let at = |place: usize| rest.get(place).copied().unwrap_or_default();
    found.name = Some(at(0).to_owned()).filter(|name| !name.is_empty());
    found.tags = tags(at(1));
    found.weight = weight(at(2))?;
    Ok(vec![found])
}

/// Keys that stand in other words; the fault, where there are none.
fn in_sentence(content: &str, fault: PasteFault) -> Result<Vec<PastedKey>, PasteFault> {
    if !content.contains(char::is_whitespace) {
        return Err(fault);
    }
    let is_part = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let words = content.split(|character: char| !is_part(character)).map(|word| word.trim_end_matches('.'));
    let begins = |word: &&str| word.len() >= FEWEST_IN_SENTENCE && BEGINNINGS.iter().any(|start| word.starts_with(start));
    let found: Result<Vec<_>, _> = words.filter(begins).map(|word| key(content, word)).collect();
    found.and_then(|found| if found.is_empty() { Err(fault) } else { Ok(found) })
}

fn unquote(text: &str) -> &str {
    let inside = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).or_else(|| inside('`')).unwrap_or(text)
}

/// Whether a text is a key rather than a name: how vendors begin theirs, or long and without a space.
pub(super) fn looks_like_key(text: &str) -> bool {
    let text = text.trim();
    let unbroken = !text.chars().any(char::is_whitespace);
    unbroken && (BEGINNINGS.iter().any(|beginning| text.starts_with(beginning)) || text.len() >= 20)
}
