//! What a chat completion says, whether it comes whole or in events.

use serde_json::Value;

use crate::domain::FailedAnswer;

/// Members in which providers tell what a model thinks.
const REASONING: [&str; 3] = ["reasoning_content", "reasoning", "thinking"];

/// What one event, or a whole answer, adds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Delta {
    pub text: String,
    pub reasoning: String,
    pub finish: Option<String>,
    pub error: Option<FailedAnswer>,
}

impl Delta {
    /// Reads the data of an event, or the body of an answer without a stream.
    pub fn read(data: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(data) else { return Delta::default() };
        if !value["error"].is_null() {
            return Delta { error: Some(failure(&value)), ..Delta::default() };
        }
        let choice = &value["choices"][0];
        let said = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        let text = text_of(&said["content"]);
        Delta {
            text: if text.is_empty() { text_of(&said["refusal"]) } else { text },
            reasoning: REASONING.iter().map(|name| text_of(&said[*name])).find(|text| !text.is_empty()).unwrap_or_default(),
            finish: choice["finish_reason"].as_str().map(str::to_owned),
            error: None,
        }
    }
}

/// A text, or the texts of a list of parts.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// The error of a body in the OpenAI shape, or of anything else.
pub(super) fn failure(body: &Value) -> FailedAnswer {
    let error = &body["error"];
    let message = error["message"].as_str().or_else(|| error.as_str()).unwrap_or("The provider answered with an error.");
    let code = error["code"].as_str().or_else(|| error["type"].as_str()).unwrap_or("upstream_error");
    FailedAnswer { code: code.to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String) {
        let delta = Delta::read(text.as_bytes());
        (delta.text, delta.reasoning)
    }

    #[test]
    fn text_and_reasoning_are_kept_apart() {
        let pair = |text: &str, reasoning: &str| (text.to_owned(), reasoning.to_owned());
        for (event, expected) in [
            (r#"{"choices":[{"delta":{"content":"Hi"}}]}"#, pair("Hi", "")),
            (r#"{"choices":[{"delta":{"reasoning_content":"hm","content":null}}]}"#, pair("", "hm")),
            (r#"{"choices":[{"delta":{"reasoning":"hm"}}]}"#, pair("", "hm")),
            (r#"{"choices":[{"delta":{"refusal":"no"}}]}"#, pair("no", "")),
            (r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"text":"b"}]}}]}"#, pair("ab", "")),
            (r#"{"choices":[],"usage":{"prompt_tokens":1}}"#, pair("", "")),
            ("[DONE]", pair("", "")),
        ] {
            assert_eq!(read(event), expected, "{event}");
        }
        let last = Delta::read(br#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#);
        assert_eq!(last.finish.as_deref(), Some("length"));
    }

    #[test]
    fn an_error_is_read_in_every_shape() {
        for (body, code, message) in [
            (r#"{"error":{"message":"m","type":"t","code":"c"}}"#, "c", "m"),
            (r#"{"error":{"message":"m","type":"t","code":null}}"#, "t", "m"),
            (r#"{"error":"m"}"#, "upstream_error", "m"),
        ] {
            let error = Delta::read(body.as_bytes()).error.unwrap();
            assert_eq!((error.code.as_str(), error.message.as_str()), (code, message));
        }
    }
}
