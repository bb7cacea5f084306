//! Keys as people paste them: one a line, quoted, in a JSON list, with names, marks and stray characters.

use std::collections::HashMap;

use secrecy::{ExposeSecret, SecretString};

/// What a comma between things that look like keys means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commas {
    /// Nobody said: such a line is refused.
    Unclear,
    /// It parts two keys.
    Part,
    /// It belongs to the key.
    Belong,
}

/// How one line was read.
#[derive(Clone, Debug)]
pub struct PastedLine {
    /// Its number, from 1.
    pub number: usize,
    /// What was found on it, or why nothing was. Empty for blank lines, remarks and the brackets of a list.
    pub keys: Result<Vec<PastedKey>, PasteFault>,
}

/// One key that was found.
#[derive(Clone, Debug)]
pub struct PastedKey {
    /// The name in front of it.
    pub name: Option<String>,
    /// The key itself.
    pub secret: SecretString,
    /// The line that had the same key before.
    pub repeats: Option<usize>,
}

/// Why a line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasteFault {
    /// A character that cannot be in a header.
    #[error("character {column} is {character}, which no key contains")]
    Character {
        /// Its place in the line, from 1.
        column: usize,
        /// What it is.
        character: String,
    },
    /// The line starts like a list and is none.
    #[error("the list cannot be read")]
    List,
    /// The commas could part keys or belong to one.
    #[error("commas could part several keys: say whether they do")]
    Commas,
}

/// Reads pasted text line by line.
pub fn read_pasted_keys(text: &str, commas: Commas) -> Vec<PastedLine> {
    let mut first_seen: HashMap<String, usize> = HashMap::new();
    let mut read = |(index, line)| {
        let number = index + 1;
        let mut keys = read_line(line, commas);
        for key in keys.iter_mut().flatten() {
            key.repeats = first_seen.get(key.secret.expose_secret()).copied();
            first_seen.entry(key.secret.expose_secret().to_owned()).or_insert(number);
        }
        PastedLine { number, keys }
    };
    text.lines().enumerate().map(&mut read).collect()
}

fn read_line(line: &str, commas: Commas) -> Result<Vec<PastedKey>, PasteFault> {
    let content = line.trim_start_matches('\u{feff}').trim();
    let content = content.trim_end_matches([',', ';']).trim_end();
    match content {
        "" | "[" | "]" => return Ok(Vec::new()),
        _ if content.starts_with('#') || content.starts_with("//") => return Ok(Vec::new()),
        _ if content.starts_with('[') => {
            let secrets: Vec<String> = serde_json::from_str(content).map_err(|_| PasteFault::List)?;
            return secrets.iter().map(|secret| key(line, None, secret)).collect();
        }
        _ => {}
    }
    let bare = unquote(content);
    let parts: Vec<&str> = content.split(',').map(|part| unquote(part.trim())).filter(|part| !part.is_empty()).collect();
    match (parts.as_slice(), commas) {
        (&[name, secret], _) if !looks_like_key(name) && looks_like_key(secret) => Ok(vec![key(line, Some(name), secret)?]),
        (&[_] | &[], _) | (_, Commas::Belong) => Ok(vec![key(line, None, bare)?]),
        (parts, Commas::Part) => parts.iter().map(|secret| key(line, None, secret)).collect(),
        (_, Commas::Unclear) => Err(PasteFault::Commas),
    }
}

fn key(line: &str, name: Option<&str>, secret: &str) -> Result<PastedKey, PasteFault> {
    if let Some(stray) = secret.chars().find(|character| !character.is_ascii_graphic()) {
        // The place in the line as it was pasted, so that an editor finds it.
        let column = line.chars().position(|character| character == stray).map_or(0, |place| place + 1);
        return Err(PasteFault::Character { column, character: describe(stray) });
    }
    Ok(PastedKey { name: name.map(str::to_owned), secret: secret.into(), repeats: None })
}

fn describe(character: char) -> String {
    let name = match character {
        ' ' => " (a space)",
        '\t' => " (a tab)",
        '\u{200b}' => " (a zero-width space)",
        '\u{200c}' | '\u{200d}' | '\u{2060}' => " (a zero-width joiner)",
        '\u{feff}' => " (a byte order mark)",
        '\u{a0}' => " (a no-break space)",
        _ => "",
    };
    format!("U+{:04X}{name}", u32::from(character))
}

fn unquote(text: &str) -> &str {
    let inside = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).or_else(|| inside('`')).unwrap_or(text)
}

/// Whether a text is a key rather than a name: how vendors begin theirs, or long and without a space.
fn looks_like_key(text: &str) -> bool {
    const BEGINNINGS: [&str; 8] = ["sk-", "sk_", "gsk_", "AIza", "xai-", "r8_", "hf_", "pplx-"];
    let unbroken = !text.chars().any(char::is_whitespace);
    unbroken && (BEGINNINGS.iter().any(|beginning| text.starts_with(beginning)) || text.len() >= 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASTE: &str = "\u{feff}sk-a|b+c\n  sk-d \r\n\"sk-e\",\n[\"sk-f\",\"sk-g\"]\nsk-h,sk-i\nsk-a|b+c\nsk-\u{200b}k\nmy name,sk-l\n\n# note\n";

    fn shown(commas: Commas) -> Vec<String> {
        let show_key = |key: &PastedKey| {
            let name = key.name.as_ref().map_or(String::new(), |name| format!("{name}="));
            let repeats = key.repeats.map_or(String::new(), |line| format!(" (line {line})"));
            format!("{name}{}{repeats}", key.secret.expose_secret())
        };
        let show = |line: PastedLine| match &line.keys {
            Ok(keys) => keys.iter().map(show_key).collect::<Vec<_>>().join(" + "),
            Err(fault) => format!("! {fault}"),
        };
        read_pasted_keys(PASTE, commas).into_iter().map(show).collect()
    }

    #[test]
    fn every_line_of_a_paste_says_how_it_was_read() {
        let zero_width = "! character 4 is U+200B (a zero-width space), which no key contains";
        let unclear = "! commas could part several keys: say whether they do";
        let repeated = "sk-a|b+c (line 1)";
        assert_eq!(
            shown(Commas::Unclear),
            ["sk-a|b+c", "sk-d", "sk-e", "sk-f + sk-g", unclear, repeated, zero_width, "my name=sk-l", "", ""]
        );
        assert_eq!(shown(Commas::Part)[4], "sk-h + sk-i");
        assert_eq!(shown(Commas::Belong)[4], "sk-h,sk-i");
        assert_eq!(shown(Commas::Part)[7], "my name=sk-l");
    }

    #[test]
    fn a_list_over_several_lines_and_its_repeats_are_read() {
        let lines = read_pasted_keys("[\n  \"sk-a\",\n  \"sk-b\"\n]\n[\"sk-c\", \"sk-c\"]\n[\"sk-d\", 7]", Commas::Unclear);
        let counts: Vec<_> = lines.iter().map(|line| line.keys.as_ref().map(Vec::len)).collect();
        assert_eq!(counts, [Ok(0), Ok(1), Ok(1), Ok(0), Ok(2), Err(&PasteFault::List)]);
        let repeats: Vec<_> = lines[4].keys.as_ref().unwrap().iter().map(|key| key.repeats).collect();
        assert_eq!(repeats, [None, Some(5)]);
    }

    #[test]
    fn a_space_inside_a_key_is_no_key() {
        let lines = read_pasted_keys("sk-a b", Commas::Unclear);
        assert_eq!(lines[0].keys.as_ref().unwrap_err().to_string(), "character 5 is U+0020 (a space), which no key contains");
    }
}
