//! What a path under `/v1` means: its API, its endpoint class, and the ids of objects that it names.

use std::borrow::Cow;

use crate::domain::Api;

/// A canonical path, split into what the data plane needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiPath {
    /// The path behind `/v1`, beginning with `/`, percent-encoding as the client sent it.
    pub rest: String,
    /// Which API.
    pub api: Api,
    /// The first one or two segments, such as `/chat/completions`: what a key may lack rights for.
    pub endpoint: &'static str,
}

/// The class of all other paths.
const UNKNOWN: &str = "/*";

/// Endpoint classes by first segments. Longer ones first.
const ENDPOINTS: &[(&str, Api)] = &[
    ("/chat/completions", Api::Chat),
    ("/completions", Api::Completions),
    ("/responses", Api::Responses),
    ("/embeddings", Api::Embeddings),
    ("/images", Api::Images),
    ("/audio/speech", Api::Audio),
    ("/audio/transcriptions", Api::Audio),
    ("/audio/translations", Api::Audio),
    ("/moderations", Api::Moderations),
    ("/messages/count_tokens", Api::Other),
    ("/messages/batches", Api::Other),
    ("/messages", Api::Messages),
    ("/files", Api::Other),
    ("/uploads", Api::Other),
    ("/batches", Api::Other),
    ("/fine_tuning", Api::Other),
    ("/vector_stores", Api::Other),
    ("/assistants", Api::Other),
    ("/threads", Api::Other),
    ("/conversations", Api::Other),
    ("/containers", Api::Other),
    ("/evals", Api::Other),
    ("/videos", Api::Other),
    ("/realtime", Api::Other),
    ("/organization", Api::Other),
    ("/models", Api::Other),
];

impl ApiPath {
    /// Reads a canonical path, as the server hands it on. `None`: it does not lie under `/v1`.
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/v1").filter(|rest| rest.starts_with('/'))?;
        let (endpoint, api) = ENDPOINTS
            .iter()
            .copied()
            .find(|(prefix, _)| rest.strip_prefix(prefix).is_some_and(|tail| tail.is_empty() || tail.starts_with('/')))
            .unwrap_or((UNKNOWN, Api::Other));
        Some(ApiPath { rest: rest.to_owned(), api, endpoint })
    }

    /// Whether the path is one that nobody has heard of yet.
    pub fn is_unknown(&self) -> bool {
        self.endpoint == UNKNOWN
    }

    /// Path segments that may be ids of objects: all behind the first that are no plain word of the API's own.
    ///
    /// The first names a collection (`vector_stores`), and each candidate costs a look-up.
    pub fn possible_ids(&self) -> impl Iterator<Item = &str> {
        // What stands before the leading slash is empty, so the collection is the second piece.
        self.rest
            .split('/')
            .skip(2)
            .filter(|segment| segment.len() >= 6 && segment.bytes().any(|b| matches!(b, b'_' | b'-' | b'0'..=b'9')))
    }

    /// Whether a `POST` here asks a model to generate something, so that it is routed by its `model`.
    pub fn is_generation(&self) -> bool {
        match self.api {
            Api::Other => false,
            Api::Chat => self.rest == "/chat/completions",
            Api::Responses => self.rest == "/responses",
            _ => true,
        }
    }
}

/// Decodes `%XX`. `None` for a broken escape, for control characters, and for bytes that are no UTF-8.
pub(super) fn percent_decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let high = (bytes.next()? as char).to_digit(16)?;
        let low = (bytes.next()? as char).to_digit(16)?;
        decoded.push((high * 16 + low) as u8);
    }
    if decoded.iter().any(|byte| byte.is_ascii_control()) {
        return None;
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_an_api() {
        for (path, api, endpoint) in [
            ("/v1/chat/completions", Api::Chat, "/chat/completions"),
            ("/v1/chat/completions/chatcmpl-1", Api::Chat, "/chat/completions"),
            ("/v1/responses/resp_1/cancel", Api::Responses, "/responses"),
            ("/v1/audio/speech", Api::Audio, "/audio/speech"),
            ("/v1/messages/count_tokens", Api::Other, "/messages/count_tokens"),
            ("/v1/files/file-abc/content", Api::Other, "/files"),
            ("/v1/completionsx", Api::Other, "/*"),
            ("/v1/never/heard/of", Api::Other, "/*"),
        ] {
            let path = ApiPath::parse(path).unwrap();
            assert_eq!((path.api, path.endpoint), (api, endpoint), "{}", path.rest);
        }
        assert_eq!(ApiPath::parse("/v1"), None);
        assert_eq!(ApiPath::parse("/v1x/files"), None);
    }

    #[test]
    fn ids_stand_between_the_words() {
        let path = ApiPath::parse("/v1/threads/thread_abc/runs/run_123/cancel").unwrap();
        assert_eq!(path.possible_ids().collect::<Vec<_>>(), ["thread_abc", "run_123"]);
    }

    #[test]
    fn names_are_decoded_with_care() {
        assert_eq!(percent_decode("vendor%2Fm-1").as_deref(), Some("vendor/m-1"));
        assert_eq!(percent_decode("%E6%A8%A1").as_deref(), Some("\u{6a21}"));
        for broken in ["%", "%2", "%zz", "%00", "%ff"] {
            assert_eq!(percent_decode(broken), None, "{broken}");
        }
    }
}
