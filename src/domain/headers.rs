//! Request headers: which carry credentials, and what is kept of the others with a call.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

/// Names that carry credentials: they are kept nowhere, and no script reads or sets them.
pub const CREDENTIAL_HEADERS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "api-key",
    "x-api-key",
    "x-goog-api-key",
    "cookie",
    "set-cookie",
    "sec-websocket-protocol",
];

/// Parts of names under which applications carry credentials of their own.
const CREDENTIAL_WORDS: [&str; 6] = ["authorization", "cookie", "password", "secret", "signature", "token"];
/// Longest value that is kept, in bytes. A longer one is as if it had not been looked for: half of it is another value.
const VALUE_BYTES: usize = 1024;

/// Whether a header may be kept with a call's record.
pub(super) fn may_be_kept(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.parse::<HeaderName>().is_ok()
        && !CREDENTIAL_HEADERS.contains(&name.as_str())
        && !CREDENTIAL_WORDS.iter().any(|word| name.contains(word))
}

/// What is kept of a request's headers, by name in lower case: a value, or that there was none. Of a name that is not here, nothing
/// is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeptHeaders(pub BTreeMap<String, Option<String>>);

impl KeptHeaders {
    /// Keeps the headers of these names; of several values of one name the first, as scripts read them.
    pub fn of(names: &[String], headers: &HeaderMap) -> Self {
        let kept = |name: &String| {
            let value = match headers.get(name.as_str()) {
                Some(value) => Some(value.to_str().ok().filter(|value| value.len() <= VALUE_BYTES)?.to_owned()),
                None => None,
            };
            Some((name.to_ascii_lowercase(), value))
        };
        KeptHeaders(names.iter().filter_map(kept).collect())
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is known what the header said, or that there was none.
    pub fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The headers that there were.
    pub fn to_map(&self) -> HeaderMap {
        let header = |(name, value): (&String, &Option<String>)| {
            Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value.as_deref()?).ok()?))
        };
        self.0.iter().filter_map(header).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_kept() {
        for name in ["x-team", "User-Agent", "traceparent", "x-title", "idempotency-key"] {
            assert!(may_be_kept(name), "{name}");
        }
        for name in
            ["Authorization", "x-api-key", "cookie", "x-auth-token", "X-Amz-Signature", "x-client-secret", "", "a b", "é"]
        {
            assert!(!may_be_kept(name), "{name}");
        }
    }

    #[test]
    fn what_was_absent_is_told_from_what_is_unknown() {
        let mut headers = HeaderMap::new();
        headers.append("x-team", "red".parse().unwrap());
        headers.append("x-team", "blue".parse().unwrap());
        headers.insert("x-long", "x".repeat(2_000).parse().unwrap());
        headers.insert("x-bytes", HeaderValue::from_bytes(b"\xff").unwrap());
        let names = ["X-Team", "x-none", "x-long", "x-bytes"].map(str::to_owned);
        let kept = KeptHeaders::of(&names, &headers);
        assert_eq!(serde_json::to_string(&kept).unwrap(), r#"{"x-none":null,"x-team":"red"}"#);
        assert!(kept.knows("x-none") && !kept.knows("x-long") && !kept.knows("x-other"));
        assert_eq!((kept.to_map().len(), kept.to_map().get("x-team").unwrap().to_str().unwrap()), (1, "red"));
        assert!(KeptHeaders::of(&[], &headers).is_empty());
    }
}
