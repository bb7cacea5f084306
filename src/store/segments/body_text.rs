//! A text that is looked for in bodies: in what was sent as it stands, in its JSON spelling, and in what a stream says.

use std::sync::Arc;

use regex_automata::Input;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use serde_json::Value;

/// Longest text, in characters.
const MOST_CHARACTERS: usize = 200;
/// How deep an event of a stream is read.
const DEEPEST: usize = 6;

/// A text that is looked for in bodies, in any case.
///
/// `"` is also found as `\"`, a line's end as `\n`, and `é` as `\u00e9`, since bodies are JSON; and what a stream says is
/// put together first, since it comes in pieces.
#[derive(Clone, Debug)]
pub struct BodyText {
    text: Box<str>,
    finder: Arc<DFA>,
}

/// Why a text cannot be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a text to look for has 1 to {MOST_CHARACTERS} characters")]
pub struct BodyTextError;

impl BodyText {
    /// Gets ready to look for a text of 1 to 200 characters.
    pub fn new(text: &str) -> Result<Self, BodyTextError> {
        if text.is_empty() || text.chars().nth(MOST_CHARACTERS).is_some() {
            return Err(BodyTextError);
        }
        let mut pattern = String::new();
        text.chars().for_each(|letter| spell(letter, &mut pattern));
        let finder = DFA::builder()
            .syntax(syntax::Config::new().case_insensitive(true).utf8(false))
            .thompson(thompson::Config::new().utf8(false))
            .build(&pattern)
            .map_err(|_| BodyTextError)?;
        Ok(BodyText { text: text.into(), finder: Arc::new(finder) })
    }

    pub(super) fn search(&self) -> Search<'_> {
        Search { finder: &self.finder, cache: self.finder.create_cache() }
    }
}

impl PartialEq for BodyText {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for BodyText {}

/// The pattern of one character in all its spellings.
fn spell(letter: char, pattern: &mut String) {
    match letter {
        '"' | '/' => *pattern += &format!(r"\\?{letter}"),
        '\\' => *pattern += r"\\\\?",
        '\n' => *pattern += r"(?:\r?\n|(?:\\r)?\\n)",
        '\t' => *pattern += r"(?:\t|\\t)",
        _ => {
            let forms: Vec<char> = [letter].into_iter().chain(letter.to_lowercase()).chain(letter.to_uppercase()).collect();
            let is_cased_simply = letter.to_lowercase().count() == 1 && letter.to_uppercase().count() == 1;
            *pattern += &format!(r"(?:\x{{{:x}}}", u32::from(letter));
            if !letter.is_ascii() {
                for form in &forms[..if is_cased_simply { 3 } else { 1 }] {
                    *pattern += "|";
                    form.encode_utf16(&mut [0; 2]).iter().for_each(|unit| *pattern += &format!(r"\\u{unit:04x}"));
                }
            }
            *pattern += ")";
        }
    }
}

/// One search through many bodies.
pub(super) struct Search<'t> {
    finder: &'t DFA,
    cache: Cache,
}

impl Search<'_> {
    /// Whether a body has the text.
    pub(super) fn finds(&mut self, body: &[u8]) -> bool {
        self.finds_in(body) || said(body).is_some_and(|said| self.finds_in(said.as_bytes()))
    }

    fn finds_in(&mut self, bytes: &[u8]) -> bool {
        // It fails on a byte that the pattern excludes, or when its memory may not be cleared again: here neither is so.
        let found = self.finder.try_search_fwd(&mut self.cache, &Input::new(bytes).earliest(true));
        found.is_ok_and(|found| found.is_some())
    }
}

/// What the events of a stream say, piece after piece; `None`: the body is no stream of events.
fn said(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).unwrap_or_else(|error| {
        // A body that was cut off in a character is read up to there.
        std::str::from_utf8(&body[..error.valid_up_to()]).unwrap_or_default()
    });
    let is_stream = ["data:", "event:", ":", "id:"].iter().any(|start| text.trim_start().starts_with(start));
    if !is_stream {
        return None;
    }
    let mut said = String::new();
    for event in text.lines().filter_map(|line| line.strip_prefix("data:")) {
        let Ok(event) = serde_json::from_str::<Value>(event.trim_start()) else { continue };
        // What says everything once more at the end has no delta.
        pieces(&event["delta"], DEEPEST, &mut said);
        for choice in event["choices"].as_array().into_iter().flatten() {
            pieces(&choice["delta"], DEEPEST, &mut said);
            pieces(&choice["text"], DEEPEST, &mut said);
        }
    }
    Some(said)
}

/// The texts of a delta, but not the words by which it says what it is.
fn pieces(value: &Value, deepest: usize, said: &mut String) {
    match value {
        Value::String(text) => said.push_str(text),
        Value::Array(items) if deepest > 0 => items.iter().for_each(|item| pieces(item, deepest - 1, said)),
        Value::Object(members) if deepest > 0 => {
            let texts = members.iter().filter(|(name, _)| !matches!(name.as_str(), "role" | "type" | "id" | "stop_reason"));
            texts.for_each(|(_, value)| pieces(value, deepest - 1, said));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: &str, body: &str) -> bool {
        BodyText::new(text).unwrap().search().finds(body.as_bytes())
    }

    #[test]
    fn a_text_is_found_in_every_spelling_and_case() {
        for (text, body) in [
            ("secret", r#"{"content":"A SeCrEt."}"#),
            ("say \"hi\"", r#"{"content":"say \"hi\""}"#),
            ("say \"hi\"", r#"say "hi""#),
            ("a\nb", r#"{"content":"a\nb"}"#),
            ("a\nb", "a\r\nb"),
            ("c:\\dir", r#"{"content":"C:\\dir"}"#),
            ("http://h/x", r#"{"url":"http:\/\/h\/x"}"#),
            ("É", r#"{"content":"é"}"#),
            ("É", r#"{"content":"\u00e9"}"#),
            ("é", r#"{"content":"\u00C9"}"#),
            ("你好", r#"{"content":"\u4f60\u597d"}"#),
            ("你好", r#"{"content":"你好"}"#),
            ("🦀", r#"{"content":"\ud83e\udd80"}"#),
            ("a.b*(c)[d]", "a.b*(c)[d]"),
            ("straße", "STRAßE"),
        ] {
            assert!(finds(text, body), "{text} in {body}");
        }
        for (text, body) in [("a.b", "axb"), ("secret", r#"{"content":"none"}"#), ("你好", r#"{"content":"\u4f60\u597e"}"#)] {
            assert!(!finds(text, body), "{text} in {body}");
        }
    }

    #[test]
    fn what_a_stream_says_is_put_together() {
        let chat = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"Good mor\"}}]}\n\n\
                    data: {\"choices\":[{\"delta\":{\"content\":\"ning\"}}]}\n\ndata: [DONE]\n\n";
        let responses = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Good mor\"}\n\n\
                         event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"ning\"}\n\n";
        let messages = ": comment\n\nevent: content_block_delta\n\
                        data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Good mor\"}}\n\n\
                        data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"ning\"}}\n\n";
        let tools = "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":\"{\\\"good mor\"}}]}}]}\n\n\
                     data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":\"ning\\\"\"}}]}}]}\n\n";
        for body in [chat, responses, messages, tools] {
            assert!(finds("good morning", body), "{body}");
            assert!(!finds("good evening", body), "{body}");
        }
        assert!(!finds("good morning", &chat.replace("data", "date")), "only streams are put together");
        let cut = "data: {\"choices\":[{\"delta\":{\"content\":\"你\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"好\"}}]}\n\ndata: é"
            .as_bytes();
        assert!(BodyText::new("你好").unwrap().search().finds(&cut[..cut.len() - 1]));
    }

    #[test]
    fn a_text_has_a_length() {
        assert_eq!(BodyText::new(""), Err(BodyTextError));
        assert_eq!(BodyText::new(&"é".repeat(201)), Err(BodyTextError));
        assert!(finds(&"é".repeat(200), &"é".repeat(200)));
    }
}
