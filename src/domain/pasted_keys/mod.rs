//! Keys as people paste them: one a line, quoted, with names and stray characters; lines of a `.env`; tables; JSON.

mod json;
mod line;
mod table;

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
    /// What was found on it, or why nothing was. Empty for blank lines, remarks, headings and the brackets of a list.
    pub keys: Result<Vec<PastedKey>, PasteFault>,
}

/// One key that was found.
#[derive(Clone, Debug, Default)]
pub struct PastedKey {
    /// Its name, if one stands there.
    pub name: Option<String>,
    /// The key itself.
    pub secret: SecretString,
    /// Its labels.
    pub tags: Vec<String>,
    /// Its weight, if one stands there.
    pub weight: Option<u32>,
    /// The models that it may serve, if they stand there.
    pub models: Option<Vec<String>>,
    /// The account that it belongs to, if one stands there.
    pub account: Option<String>,
    /// The line that had the same key before.
    pub repeats: Option<usize>,
}

/// Why a line cannot be read. No message quotes what may be a part of a key.
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
    /// The text starts like JSON and is none.
    #[error("this is no JSON: {0}")]
    Json(String),
    /// A row or an entry lacks its key.
    #[error("there is no key in {0}")]
    NoKey(&'static str),
    /// A weight that is none.
    #[error("the weight must be a whole number from 0 to 1000")]
    Weight,
}

/// Reads pasted text. Its form is found out: JSON with objects, a table with a heading that names a key column, else line
/// by line. Reading never fails as a whole: every line says how it was read.
pub fn read_pasted_keys(text: &str, commas: Commas) -> Vec<PastedLine> {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = if let Some(lines) = json::read(text) {
        lines
    } else if let Some(lines) = table::read(text) {
        lines
    } else {
        text.lines().enumerate().map(|(index, line)| PastedLine { number: index + 1, keys: line::read(line, commas) }).collect()
    };
    mark_repeats(&mut lines);
    lines
}

fn mark_repeats(lines: &mut [PastedLine]) {
    let mut first_seen: HashMap<String, usize> = HashMap::new();
    for line in lines {
        for key in line.keys.iter_mut().flatten() {
            key.repeats = first_seen.get(key.secret.expose_secret()).copied();
            first_seen.entry(key.secret.expose_secret().to_owned()).or_insert(line.number);
        }
    }
}

/// A key out of a text, which must be able to stand in a header. `line` is the whole line, in which a fault has its place.
fn key(line: &str, secret: &str) -> Result<PastedKey, PasteFault> {
    if let Some(stray) = secret.chars().find(|character| !character.is_ascii_graphic()) {
        // The place in the line as it was pasted, so that an editor finds it.
        let column = line.chars().position(|character| character == stray).map_or(0, |place| place + 1);
        return Err(PasteFault::Character { column, character: describe(stray) });
    }
    Ok(PastedKey { secret: secret.into(), ..PastedKey::default() })
}

/// A text that is nothing but a key.
pub(super) fn plain_key(secret: &str) -> Result<PastedKey, PasteFault> {
    key(secret, secret)
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

/// Labels out of one text: parted by `|`, `;`, commas or spaces.
fn tags(text: &str) -> Vec<String> {
    list(text, &['|', ';', ',', ' '])
}

fn list(text: &str, parts: &[char]) -> Vec<String> {
    text.split(parts).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn weight(text: &str) -> Result<Option<u32>, PasteFault> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().ok().filter(|weight| *weight <= 1000).map(Some).ok_or(PasteFault::Weight),
    }
}

/// Counts lines up to places that follow one another in a text.
struct LineCounter<'a> {
    text: &'a [u8],
    place: usize,
    line: usize,
}

impl<'a> LineCounter<'a> {
    fn new(text: &'a str) -> Self {
        LineCounter { text: text.as_bytes(), place: 0, line: 1 }
    }

    /// The line, from 1, of what begins at a place or behind the line ends that stand there.
    fn line_at(&mut self, place: usize) -> usize {
        let ends = self.text.iter().skip(place).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let place = (place + ends).min(self.text.len());
        if place > self.place {
            self.line += self.text[self.place..place].iter().filter(|byte| **byte == b'\n').count();
            self.place = place;
        }
        self.line
    }
}

/// What a column or a member may be called, in lower case and without `_`, `-` and spaces, and what it means then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Secret,
    Name,
    Tags,
    Weight,
    Models,
    Account,
}

impl Column {
    fn of(title: &str) -> Option<Column> {
        let plain = |character: &char| !matches!(character, '_' | '-' | ' ');
        let title: String = title.trim().to_lowercase().chars().filter(plain).collect();
        Some(match &*title {
            "key" | "secret" | "apikey" | "keyvalue" | "token" | "value" => Column::Secret,
            "name" | "keyname" | "label" | "title" => Column::Name,
            "tags" | "tag" | "labels" | "group" => Column::Tags,
            "weight" => Column::Weight,
            "models" => Column::Models,
            "account" | "organization" | "organisation" | "org" => Column::Account,
            _ => return None,
        })
    }
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

    fn read(text: &str) -> Vec<String> {
        let show_key = |key: &PastedKey| {
            let PastedKey { name, tags, weight, models, account, .. } = key;
            format!("{} {name:?} {tags:?} {weight:?} {models:?} {account:?}", key.secret.expose_secret())
        };
        let show = |line: PastedLine| match &line.keys {
            Ok(keys) => format!("{}: {}", line.number, keys.iter().map(show_key).collect::<Vec<_>>().join(" + ")),
            Err(fault) => format!("{}: ! {fault}", line.number),
        };
        read_pasted_keys(text, Commas::Unclear).into_iter().map(show).collect()
    }

    #[test]
    fn a_line_may_have_name_tags_and_weight_behind_its_key() {
        assert_eq!(
            read("sk-a,first,paid|eu,3\nsk-b,second\nsk-c,third,,0\nsk-d,fourth,x,heavy"),
            [
                "1: sk-a Some(\"first\") [\"paid\", \"eu\"] Some(3) None None",
                "2: sk-b Some(\"second\") [] None None None",
                "3: sk-c Some(\"third\") [] Some(0) None None",
                "4: ! the weight must be a whole number from 0 to 1000",
            ]
        );
    }

    #[test]
    fn lines_of_an_environment_file_are_read() {
        let text = "# keys\nOPENAI_API_KEY=sk-proj-1\nexport GROQ_API_KEY=\"gsk_2\"\nPORT=8080\nEMPTY=\nA_KEY='sk-3' # old\n";
        assert_eq!(
            read(text),
            [
                "1: ",
                "2: sk-proj-1 None [] None None None",
                "3: gsk_2 None [] None None None",
                "4: ",
                "5: ",
                "6: sk-3 None [] None None None",
            ]
        );
    }

    #[test]
    fn keys_inside_a_sentence_are_found() {
        assert_eq!(
            read("please use sk-proj-AbCdEf123456 (and sk-proj-ZyXwVu654321) from now on.\nnothing here at all"),
            [
                "1: sk-proj-AbCdEf123456 None [] None None None + sk-proj-ZyXwVu654321 None [] None None None",
                "2: ! character 8 is U+0020 (a space), which no key contains",
            ]
        );
    }

    #[test]
    fn a_table_with_a_heading_is_read_by_its_columns() {
        let text = "\u{feff}Name,API Key,Tags,Weight,Models,note\r\n\"a, b\",sk-a,\"x,y\",2,\"gpt-4o*,o3\",hi\r\n,sk-b,,,,\r\nc,,,,,\r\nd,sk-d,,x,,\r\n";
        assert_eq!(
            read(text),
            [
                "1: ",
                "2: sk-a Some(\"a, b\") [\"x\", \"y\"] Some(2) Some([\"gpt-4o*\", \"o3\"]) None",
                "3: sk-b None [] None None None",
                "4: ! there is no key in this row",
                "5: ! the weight must be a whole number from 0 to 1000",
            ]
        );
    }

    #[test]
    fn json_objects_are_read_wherever_their_list_stands() {
        let text = "{\"data\": [\n  {\"key\": \"sk-a\", \"name\": \"a\", \"tags\": [\"x\"], \"weight\": 4},\n  {\"api_key\": \"sk-b\\nsk-c\", \"models\": \"gpt-4o,o3\", \"group\": \"default,vip\"},\n  {\"name\": \"none\"}\n]}";
        assert_eq!(
            read(text),
            [
                "2: sk-a Some(\"a\") [\"x\"] Some(4) None None",
                "3: sk-b None [\"default\", \"vip\"] None Some([\"gpt-4o\", \"o3\"]) None + \
                 sk-c None [\"default\", \"vip\"] None Some([\"gpt-4o\", \"o3\"]) None",
                "4: ! there is no key in this entry",
            ]
        );
        assert_eq!(read("{\"key\":\"sk-a\"}\n{\"key\":\"sk-b\"}\n").len(), 2, "one object a line");
        let broken = read("[{\"key\":\n\"sk-a\",]");
        assert!(broken.len() == 1 && broken[0].starts_with("2: ! this is no JSON"), "{broken:?}");
    }
}
