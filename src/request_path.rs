//! One spelling for every path: what is authorised is what is routed and what is sent on.
//!
//! `//v1`, `/v1/./chat`, `/x/%2e%2e/v1`, `/v1/%63hat` and `/V1/Chat/Completions` all become the canonical path before
//! anything looks at it. Names and ids keep their letters, and an encoded slash inside a model name stays encoded.

use std::borrow::Cow;

/// Words of the API that providers may read in any case. Ids and model names never follow these rules.
const WORDS: &[&str] = &[
    "assistants",
    "audio",
    "batches",
    "cancel",
    "chat",
    "completions",
    "content",
    "edits",
    "embeddings",
    "files",
    "fine_tuning",
    "generations",
    "images",
    "input_items",
    "jobs",
    "messages",
    "models",
    "moderations",
    "realtime",
    "responses",
    "runs",
    "speech",
    "threads",
    "transcriptions",
    "translations",
    "uploads",
    "variations",
    "vector_stores",
];

/// A path that means something else to whoever decodes it once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path contains an encoded `..` or a broken percent sign")]
pub struct PathError;

/// The canonical spelling of an absolute path without its query.
///
/// Repeated slashes become one, dot segments (encoded ones too) are resolved, encoded letters, digits, `-`, `.`, `_` and
/// `~` are decoded, and the words of the API are set in lower case. A trailing slash is kept.
pub fn canonical_path(path: &str) -> Result<Cow<'_, str>, PathError> {
    if is_canonical(path) {
        return Ok(Cow::Borrowed(path));
    }
    let mut segments: Vec<Cow<'_, str>> = Vec::new();
    let mut ends_with_slash = false;
    for segment in path.split('/') {
        let segment = decode_unreserved(segment)?;
        ends_with_slash = matches!(&*segment, "" | "." | "..");
        match &*segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ if climbs_when_decoded(&segment) => return Err(PathError),
            _ => {
                let segment = if is_word(&segment, &segments) { segment.to_ascii_lowercase().into() } else { segment };
                segments.push(segment);
            }
        }
    }
    let mut canonical = String::with_capacity(path.len() + 1);
    for segment in &segments {
        canonical.push('/');
        canonical.push_str(segment);
    }
    if ends_with_slash || canonical.is_empty() {
        canonical.push('/');
    }
    Ok(Cow::Owned(canonical))
}

/// The path behind `base_path` (`/kw`), or the whole path where a reverse proxy has taken it off already.
pub fn strip_base_path<'a>(path: &'a str, base_path: &str) -> &'a str {
    match path.strip_prefix(base_path) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// Whether nothing has to change; true for nearly every call, so it looks at each byte once and allocates nothing.
fn is_canonical(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.first() == Some(&b'/')
        && !bytes.iter().any(|byte| matches!(byte, b'%' | b'A'..=b'Z'))
        && !bytes.windows(2).any(|pair| pair == b"//" || pair == b"/.")
}

fn decode_unreserved(segment: &str) -> Result<Cow<'_, str>, PathError> {
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    let bytes = segment.as_bytes();
    let mut decoded = String::with_capacity(segment.len());
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'%' {
            at += 1;
            continue;
        }
        let byte = hex_pair(bytes.get(at + 1..at + 3)).ok_or(PathError)?;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            decoded.push_str(&segment[copied..at]);
            decoded.push(char::from(byte));
            copied = at + 3;
        }
        at += 3;
    }
    decoded.push_str(&segment[copied..]);
    Ok(Cow::Owned(decoded))
}

fn hex_pair(pair: Option<&[u8]>) -> Option<u8> {
    let &[high, low] = pair? else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some((digit(high)? * 16 + digit(low)?) as u8)
}

/// Whether a second decoding of slashes and percent signs would make `..` a segment of its own.
fn climbs_when_decoded(segment: &str) -> bool {
    if !segment.contains("..") && !segment.contains("%25") {
        return false;
    }
    let mut text = segment.to_ascii_lowercase();
    while text.contains("%25") {
        text = text.replace("%25", "%");
    }
    let text = text.replace("%2e", ".").replace("%2f", "/").replace("%5c", "/").replace('\\', "/");
    text.split('/').any(|part| part == "..")
}

/// Whether a segment is a word of the API behind these segments: `v1` or `api` in front, and below `v1` the words of
/// its first levels. What follows `models` is a name.
fn is_word(segment: &str, before: &[Cow<'_, str>]) -> bool {
    let is = |word: &&str| segment.eq_ignore_ascii_case(word);
    match before {
        [] => ["v1", "api"].iter().any(is),
        [first, ..] if first == "v1" && before.len() <= 4 => {
            before.iter().all(|segment| segment != "models") && WORDS.iter().any(is)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(path: &str) -> String {
        canonical_path(path).unwrap().into_owned()
    }

    #[test]
    fn every_spelling_of_a_path_becomes_one() {
        for path in [
            "/v1/chat/completions",
            "//v1/chat/completions",
            "/v1//chat///completions",
            "/v1/./chat/completions",
            "/v1/x/../chat/completions",
            "/x/%2e%2e/v1/chat/completions",
            "/x/%2E./v1/chat/completions",
            "/../../v1/chat/completions",
            "/v1/%63hat/completions",
            "/V1/chat/completions",
            "/v1/Chat/COMPLETIONS",
        ] {
            assert_eq!(canonical(path), "/v1/chat/completions", "{path}");
        }
    }

    #[test]
    fn names_and_ids_keep_their_letters() {
        for path in
            ["/v1/models/vendor%2Fm-1", "/v1/models/vendor/Chat", "/v1/files/file-AbC/content", "/v1/models/%E6%A8%A1", "/"]
        {
            assert_eq!(canonical(path), path);
        }
        assert_eq!(canonical("/v1/models/a%3Ab"), "/v1/models/a%3Ab");
        assert_eq!(canonical("/v1/models/"), "/v1/models/");
        assert_eq!(canonical(""), "/");
        assert_eq!(canonical("/v1/models/Chat-1..2"), "/v1/models/Chat-1..2");
    }

    #[test]
    fn a_path_that_climbs_when_decoded_twice_is_refused() {
        for path in ["/v1/..%2fapi", "/v1/%2e%2e%2Fapi", "/v1/%252e%252e/api", "/v1/..%5capi", "/v1/%", "/v1/%zz", "/v1/%2"] {
            assert_eq!(canonical_path(path), Err(PathError), "{path}");
        }
    }

    #[test]
    fn the_base_path_is_taken_off_only_as_whole_segments() {
        assert_eq!(strip_base_path("/kw/v1/models", "/kw"), "/v1/models");
        assert_eq!(strip_base_path("/kw", "/kw"), "/");
        assert_eq!(strip_base_path("/kwx/v1", "/kw"), "/kwx/v1");
        assert_eq!(strip_base_path("/v1/models", "/kw"), "/v1/models");
    }

    proptest::proptest! {
        #[test]
        fn canonical_is_stable(path in "/[a-zA-Z0-9%./~_-]{0,40}") {
            if let Ok(once) = canonical_path(&path) {
                let twice = canonical_path(&once);
                proptest::prop_assert_eq!(twice.as_deref(), Ok(&*once));
            }
        }
    }
}
