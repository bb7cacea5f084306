//! An error's codes and words, however a provider wraps them.

use serde_json::Value;

/// Most bytes of a body that are looked at.
const MOST_BYTES: usize = 64 * 1024;
/// Most JSON values that are looked at.
const MOST_VALUES: usize = 512;
/// Deepest nesting that is followed.
const DEEPEST: u32 = 8;

/// What an error body says.
#[derive(Debug, Default)]
pub(super) struct ErrorBody {
    /// Codes, types, statuses and reasons, in lower case.
    pub(super) codes: Vec<String>,
    /// The error's words, in lower case.
    pub(super) words: String,
    /// Ids of exhausted quotas, in lower case.
    pub(super) quota_ids: Vec<String>,
    /// A wait that a member of its own names, such as `retryDelay`.
    pub(super) wait: Option<String>,
    /// Whether the body was JSON.
    pub(super) is_json: bool,
}

impl ErrorBody {
    /// Reads a body: JSON of any vendor's shape, else plain text.
    pub(super) fn read(body: &[u8]) -> Self {
        let body = &body[..body.len().min(MOST_BYTES)];
        let mut read = ErrorBody::default();
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => {
                read.is_json = true;
                let mut left = MOST_VALUES;
                read.gather("", &value, 0, &mut left);
            }
            Err(_) => read.words = String::from_utf8_lossy(body).to_lowercase(),
        }
        read
    }

    /// Whether one of the codes equals `code`, without case.
    pub(super) fn has_code(&self, code: &str) -> bool {
        self.codes.iter().any(|known| known.eq_ignore_ascii_case(code))
    }

    /// The HTTP status that the error itself names, when it does.
    pub(super) fn status(&self) -> Option<u16> {
        self.codes.iter().filter_map(|code| code.parse().ok()).find(|status| (400..600).contains(status))
    }

    /// The limit and the larger request, when the words name both: `Limit 30000, Requested 36055`.
    pub(super) fn oversize(&self) -> Option<u64> {
        let limit = number_behind(&self.words, "limit")?;
        let requested = number_behind(&self.words, "requested")?;
        (requested > limit).then_some(limit)
    }

    fn gather(&mut self, name: &str, value: &Value, depth: u32, left: &mut usize) {
        if depth > DEEPEST || *left == 0 {
            return;
        }
        *left -= 1;
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| self.gather(name, value, depth + 1, left));
            }
            Value::Array(items) => items.iter().for_each(|item| self.gather(name, item, depth + 1, left)),
            Value::String(text) => self.gather_text(name, text, depth, left),
            Value::Number(number) if is_code(name) => self.codes.push(number.to_string()),
            _ => {}
        }
    }

    fn gather_text(&mut self, name: &str, text: &str, depth: u32, left: &mut usize) {
        if name == "raw"
            && let Ok(inner @ Value::Object(_)) = serde_json::from_str(text)
        {
            return self.gather("", &inner, depth + 1, left);
        }
        match name {
            _ if is_code(name) => {
                self.codes.push(text.to_lowercase());
                self.say(text);
            }
            "message" | "msg" | "error" | "detail" | "error_message" | "error_description" | "status_msg" | "raw" => {
                self.say(text)
            }
            "retryDelay" | "retry_after" | "retry_delay" => self.wait = Some(text.to_owned()),
            "quotaId" | "quota_id" => self.quota_ids.push(text.to_lowercase()),
            _ if name.eq_ignore_ascii_case("x-ratelimit-reset") => self.wait = Some(text.to_owned()),
            _ => {}
        }
    }

    fn say(&mut self, text: &str) {
        if !self.words.is_empty() {
            self.words.push(' ');
        }
        self.words.push_str(&text.to_lowercase());
    }
}

fn is_code(name: &str) -> bool {
    matches!(
        name,
        "code" | "type" | "status" | "reason" | "error_code" | "errorCode" | "err_code" | "status_code" | "statusCode"
    )
}

/// The first number that directly follows a word: `limit 30000`, `limit: 30,000`.
fn number_behind(text: &str, word: &str) -> Option<u64> {
    text.match_indices(word).find_map(|(at, _)| {
        let tail = text[at + word.len()..].trim_start_matches([' ', ':', '=']);
        let digits: String =
            tail.chars().take_while(|c| c.is_ascii_digit() || *c == ',').filter(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendor_s_shape() {
        for (body, code, words) in [
            (
                r#"{"error":{"message":"Quota!","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
                "insufficient_quota",
                "quota!",
            ),
            (
                r#"[{"error":{"code":400,"message":"No","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#,
                "api_key_invalid",
                "no",
            ),
            (r#"{"type":"error","error":{"type":"rate_limit_error","message":"Slow"}}"#, "rate_limit_error", "slow"),
            (r#"{"code":"InvalidApiKey","message":"Bad","request_id":"x"}"#, "invalidapikey", "bad"),
            (r#"{"error":{"code":"1302","message":"快"}}"#, "1302", "快"),
            (r#"{"error":{"code":1302,"message":"快"}}"#, "1302", "快"),
            (r#"{"error":"Unauthorized","code":401}"#, "401", "unauthorized"),
            (
                r#"{"error":{"code":502,"message":"Provider returned error","metadata":{"raw":"{\"error\":{\"code\":\"inner\",\"message\":\"Deep\"}}"}}}"#,
                "inner",
                "deep",
            ),
            (
                r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"Oops"}}}"#,
                "server_error",
                "oops",
            ),
        ] {
            let read = ErrorBody::read(body.as_bytes());
            assert!(read.has_code(code), "{body}: {:?}", read.codes);
            assert!(read.words.contains(words), "{body}: {}", read.words);
        }
        assert_eq!(ErrorBody::read(b"<html>Bad Gateway").words, "<html>bad gateway");
        assert_eq!(ErrorBody::read(br#"{"error":{"code":429}}"#).status(), Some(429));
    }

    #[test]
    fn a_request_larger_than_its_limit() {
        let oversize = |message: &str| ErrorBody::read(message.as_bytes()).oversize();
        assert_eq!(
            oversize("Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 36055."),
            Some(30_000)
        );
        assert_eq!(oversize("Rate limit reached: Limit 10,000, Used 8554, Requested 3082. Please try again in 9.8s."), None);
        assert_eq!(oversize("Rate limit reached"), None);
    }

    #[test]
    fn a_deep_or_wide_body_is_bounded() {
        let deep = format!("{}\"x\"{}", "[".repeat(100), "]".repeat(100));
        assert!(ErrorBody::read(deep.as_bytes()).is_json);
        let wide = format!("[{}]", vec!["{\"code\":1}"; 5_000].join(","));
        assert!(ErrorBody::read(wide.as_bytes()).codes.len() <= MOST_VALUES);
    }
}
