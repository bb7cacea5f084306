//! Blanks what must not stand in a record: keys and pieces of them, organisation ids, upstream addresses.

use bytes::Bytes;
use secrecy::ExposeSecret;

use crate::domain::Key;

const BLANK: &str = "[masked]";
/// Beginnings of keys: whatever follows is one.
const KEYS: [&str; 10] = ["sk-", "sk_", "gsk_", "xai-", "aiza", "pplx-", "nvapi-", "csk-", "tgp_", "kw-"];
/// Beginnings of keys and of account, organisation and project ids that are also beginnings of words.
const IDS: [&str; 12] = ["org-", "org_", "proj_", "proj-", "pk-", "hf_", "r8_", "fw_", "key-", "ak-", "user-", "team-"];
/// What follows such a beginning is an id when it has a digit, or this many characters.
const ID_LENGTH: usize = 12;
/// A run of letters and digits of this length is taken for a secret.
const LONG: usize = 32;

/// Blanks the key's own secret, and whatever looks like a key, an organisation id or an address.
pub fn mask(text: &str, key: &Key) -> String {
    if holds_secret(text, key) {
        return mask_provider_text(&text.replace(key.secret.expose_secret(), BLANK));
    }
    mask_provider_text(text)
}

/// Whether bytes hold the key's own secret, as what a provider echoes may.
pub fn holds_secret(bytes: impl AsRef<[u8]>, key: &Key) -> bool {
    let (bytes, secret) = (bytes.as_ref(), key.secret.expose_secret().as_bytes());
    (4..=bytes.len()).contains(&secret.len()) && memchr::memmem::find(bytes, secret).is_some()
}

/// Blanks the key's own secret, and leaves everything else as it is.
pub fn without_secret(body: Bytes, key: &Key) -> Bytes {
    if !holds_secret(&body, key) {
        return body;
    }
    String::from_utf8_lossy(&body).replace(key.secret.expose_secret(), BLANK).into()
}

/// Blanks whatever looks like a key (also one that is partly starred), an organisation id or an address.
pub fn mask_provider_text(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let gap = rest.find(is_word).unwrap_or(rest.len());
        masked.push_str(&rest[..gap]);
        rest = &rest[gap..];
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let word = rest[..end].trim_end_matches(['.', ':', '/', '…']);
        let tail = &rest[word.len()..end];
        masked.push_str(if is_secret(word) { BLANK } else { word });
        masked.push_str(tail);
        rest = &rest[end..];
    }
    masked
}

/// Whether a character may stand inside a key, id or address.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "-_*.:/•…%@+=~?&#".contains(c)
}

fn is_secret(word: &str) -> bool {
    let lower = word.to_lowercase();
    lower.contains("://")
        || ["***", "•••", "xxxx"].iter().any(|stars| lower.contains(stars))
        || parts(&lower).any(|part| {
            let behind = |beginnings: &[&str]| beginnings.iter().find_map(|beginning| part.strip_prefix(beginning));
            behind(&KEYS).is_some_and(|rest| rest.len() >= 4)
                || behind(&IDS).is_some_and(|rest| rest.len() >= ID_LENGTH || rest.contains(|c: char| c.is_ascii_digit()))
        })
        || is_elided(word)
        || is_long(&lower)
}

/// The word, and what stands behind `:` and `=` in it, such as the key in `api_key=sk-…`.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    word.split([':', '='])
}

/// `abcd...wxyz` or `abcd…wxyz`.
fn is_elided(word: &str) -> bool {
    ["...", "…"].iter().any(|gap| word.split_once(gap).is_some_and(|(head, tail)| !head.is_empty() && !tail.is_empty()))
}

fn is_long(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    word.len() >= LONG
        && !word.starts_with("req")
        && word.split(|c| !is_plain(c)).any(|run| {
            run.len() >= LONG && run.contains(|c: char| c.is_ascii_digit()) && run.contains(|c: char| c.is_ascii_alphabetic())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_piece_of_a_key_is_left() {
        for (text, masked) in [
            (
                "Incorrect API key provided: sk-proj-ab*****yz. You can find it at https://platform.openai.com/x.",
                "Incorrect API key provided: [masked]. You can find it at [masked].",
            ),
            (
                "Rate limit reached for gpt-4o-mini in organization org-AbCdEf123 on tokens per min (TPM)",
                "Rate limit reached for gpt-4o-mini in organization [masked] on tokens per min (TPM)",
            ),
            (r#"{"error":{"message":"bad key sk-1234567890abcdef"}}"#, r#"{"error":{"message":"bad key [masked]"}}"#),
            ("key=AIzaSyA1234567890 failed", "[masked] failed"),
            ("Your api key: ****abcd is invalid", "Your api key: [masked] is invalid"),
            ("project proj_abc123def", "project [masked]"),
            ("key 0123456789abcdef0123456789abcdef!", "key [masked]!"),
            ("request req_0123456789abcdef0123456789abcdef", "request req_0123456789abcdef0123456789abcdef"),
            ("the key abcd...wxyz, and so on...", "the key [masked], and so on..."),
            ("api_key=sk-1234567890", "[masked]"),
            ("您的限额 2026-11-25 18:41:44 重置", "您的限额 2026-11-25 18:41:44 重置"),
            ("Please slow down.", "Please slow down."),
            ("user-provided key-value pairs are org-wide", "user-provided key-value pairs are org-wide"),
            (
                "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8 is busy",
                "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8 is busy",
            ),
            ("user-AbC123 of org-abcdefghijkl", "[masked] of [masked]"),
        ] {
            assert_eq!(mask_provider_text(text), masked);
        }
    }
}
