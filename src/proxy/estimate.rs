//! How many tokens a request is likely to cost, before a provider has counted: for admission, limits and hooks.

use bytes::Bytes;

use crate::domain::{estimate_quarter_tokens, estimate_text_tokens};

use super::body::peek;
use super::json::{self, Cursor, Visit};
use super::path::ApiPath;
use super::plan::Payload;

/// Tokens that a picture, a piece of audio or a file counts, however many bytes its base64 has.
const BLOB_TOKENS: u64 = 1_500;

/// A string below this length, in bytes, is not worth a look for base64.
const SHORTEST_BLOB: usize = 256;

/// Estimated input tokens of a request body, in one pass.
///
/// Text counts by its script; pictures, audio and files inside as data URLs or base64 count a fixed sum each; arrays of
/// token numbers count their length. A body that is no JSON counts as plain text.
pub fn estimate_tokens(body: &[u8]) -> u64 {
    let mut estimate = Estimate::default();
    let mut cursor = Cursor::new(body, 0);
    match cursor.walk(0, &mut estimate) {
        Ok(_) => estimate.tokens(),
        Err(_) => estimate_text_tokens(body),
    }
}

/// Tokens that a `POST` of this body is expected to use, as a live call of the path counts them: for trials of scripts.
pub fn estimate_request(path: &str, body: &Bytes) -> u64 {
    match (ApiPath::parse(path), peek(body)) {
        (Some(path), Ok(peek)) => estimated_tokens(&path, &Payload::Json(peek)),
        _ => 0,
    }
}

/// Tokens that a call is expected to use: what limits and scripts go by.
pub(super) fn estimated_tokens(path: &ApiPath, payload: &Payload) -> u64 {
    match payload {
        Payload::Json(peek) if path.is_generation() || path.is_unknown() => peek.estimated_tokens,
        Payload::Form { form, .. } => form.text_bytes / 4,
        _ => 0,
    }
}

/// An estimate in the making, told of the names, strings and numbers of a body.
#[derive(Default)]
pub(super) struct Estimate {
    whole: u64,
    /// Quarters of a token, so that many short texts do not round up one by one.
    quarters: u64,
    /// The member at hand is one in which pictures, audio or files stand.
    may_hold_blob: bool,
}

impl Estimate {
    /// The estimated tokens of what was told so far.
    pub fn tokens(&self) -> u64 {
        self.quarters.div_ceil(4) + self.whole
    }
}

impl Visit for Estimate {
    fn key(&mut self, name: &[u8], _value_at: usize) {
        self.quarters += name.len() as u64;
        self.may_hold_blob = matches!(
            name,
            b"url"
                | b"image_url"
                | b"video_url"
                | b"file_url"
                | b"file_data"
                | b"data"
                | b"b64_json"
                | b"image"
                | b"audio"
                | b"bytes"
        );
    }

    fn string(&mut self, text: &[u8], is_plain: bool) {
        if self.may_hold_blob && text.len() >= SHORTEST_BLOB && is_blob(text) {
            self.whole += BLOB_TOKENS;
        } else if is_plain {
            self.quarters += text.len() as u64;
        } else {
            self.quarters += text_quarters(text);
        }
    }

    fn number(&mut self) {
        self.whole += 1;
    }
}

/// Quarters of a token of an escaped text. An escaped character (`\u6c49`) is one token, not the six bytes that it is
/// written with.
pub(super) fn text_quarters(text: &[u8]) -> u64 {
    let quarters = estimate_quarter_tokens(text);
    let escaped = memchr::memchr_iter(b'\\', text).filter(|at| text.get(at + 1) == Some(&b'u')).count() as u64;
    quarters.saturating_sub(2 * escaped)
}

/// Whether a string is base64, as a data URL or bare: judged by its beginning.
fn is_blob(text: &[u8]) -> bool {
    let start = &text[..text.len().min(SHORTEST_BLOB)];
    let encoded = match start.strip_prefix(b"data:") {
        Some(rest) => match memchr::memmem::find(rest, b";base64,") {
            Some(at) => &rest[at + 8..],
            None => return false,
        },
        None => start,
    };
    let encoded = json::unescape(encoded.strip_suffix(b"\\").unwrap_or(encoded));
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'\r' | b'\n');
    encoded.is_some_and(|encoded| encoded.bytes().all(is_base64))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::proxy::peek;

    /// The estimate of a body, which its peek must share.
    fn estimate(body: &str) -> u64 {
        let tokens = estimate_tokens(body.as_bytes());
        assert_eq!(peek(&Bytes::copy_from_slice(body.as_bytes())).unwrap().estimated_tokens, tokens);
        tokens
    }

    fn is_about(tokens: u64, expected: u64) -> bool {
        tokens.abs_diff(expected) * 20 <= expected
    }

    #[test]
    fn a_picture_counts_a_fixed_sum() {
        let base64 = "iVBORw0KGgo+/".repeat(150_000);
        for part in [
            format!(r#"{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{base64}"}}}}"#),
            format!(r#"{{"type":"input_image","image_url":"data:image/png;base64,{base64}"}}"#),
            format!(r#"{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{base64}"}}}}"#),
            format!(r#"{{"type":"input_audio","input_audio":{{"format":"wav","data":"{base64}"}}}}"#),
            format!(r#"{{"type":"file","file":{{"filename":"a.pdf","file_data":"data:application/pdf;base64,{base64}"}}}}"#),
            format!(r#"{{"type":"file","file":{{"file_data":"{}"}}}}"#, base64.replace('/', "\\/")),
        ] {
            let tokens = estimate(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{part}]}}]}}"#));
            assert!((1_500..1_600).contains(&tokens), "{tokens} for {}", &part[..80]);
        }
    }

    #[test]
    fn text_counts_in_full_wherever_it_stands() {
        let two_megabytes = "word ".repeat(400_000);
        for body in [
            format!(r#"{{"messages":[{{"role":"user","content":"{two_megabytes}"}}]}}"#),
            format!(r#"{{"source":{{"type":"text","data":"{two_megabytes}"}}}}"#),
            format!(r#"{{"content":"data:image/png;base64,{}"}}"#, "A".repeat(2_000_000)),
            format!(r#"{{"input":"{}"}}"#, "a".repeat(2_000_000)),
            format!(r#"{{"image_url":"data:text/plain,{two_megabytes}"}}"#),
        ] {
            assert!(is_about(estimate(&body), 500_000), "{}", &body[..60]);
        }
        let hidden = format!(r#"{{"url":"data:image/png;base64,{}"}}"#, "not base64 at all ".repeat(1000));
        assert!(is_about(estimate(&hidden), 4_500));
    }

    #[test]
    fn scripts_and_escapes_weigh_as_characters() {
        let plain = estimate(&format!(r#"{{"input":"{}"}}"#, "汉字".repeat(5_000)));
        let escaped = estimate(&format!(r#"{{"input":"{}"}}"#, "\\u6c49\\u5b57".repeat(5_000)));
        assert!(is_about(plain, 10_000));
        assert!(is_about(escaped, 10_000));
    }

    #[test]
    fn token_arrays_count_their_length() {
        let numbers = vec!["100257"; 5_000].join(",");
        assert!(is_about(estimate(&format!(r#"{{"input":[[{numbers}],[{numbers}]]}}"#)), 10_000));
    }

    #[test]
    fn other_bodies_count_as_text() {
        assert_eq!(estimate_tokens(b""), 0);
        assert_eq!(estimate_tokens(&b"plain ".repeat(100)), 150);
        assert!(estimate_tokens(b"\xff\xfe{") > 0);
    }
}
