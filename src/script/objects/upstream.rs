//! `up`: the request as it is about to go to a provider.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use parking_lot::Mutex;
use rhai::{Dynamic, EvalAltResult, ImmutableString};

use super::document::{BodyEdit, Document};
use super::headers::{HeaderEdit, Headers};
use super::json::Json;
use crate::script::error::fault_at;
use crate::script::register::Registrar;

/// Longest path, in bytes.
const PATH_BYTES: usize = 2 * 1024;

/// What a request to a provider is made of.
#[derive(Clone, Debug, Default)]
pub struct UpstreamParts {
    /// The provider's name.
    pub provider: Arc<str>,
    /// The provider's name for the model.
    pub model: Option<Arc<str>>,
    /// The path under the provider's base URL, such as `/chat/completions`.
    pub path: Arc<str>,
    /// The headers that go along, without credentials.
    pub headers: Arc<HeaderMap>,
    /// The body when it is JSON in memory, else empty.
    pub body: Bytes,
    /// Values of a body that a script may look at.
    pub body_values: usize,
}

/// What scripts changed about a request to a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamEdits {
    /// Another path.
    pub path: Option<String>,
    /// Changes of headers.
    pub headers: Vec<HeaderEdit>,
    /// Edits of the body, in order.
    pub body: Vec<BodyEdit>,
}

/// A request to a provider, as scripts see and change it. The destination host is not part of it.
#[derive(Clone, Debug)]
pub struct Upstream(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: UpstreamParts,
    path: Mutex<Option<ImmutableString>>,
    headers: Headers,
    body: Json,
}

impl Upstream {
    /// A request that no script has seen.
    pub fn new(parts: UpstreamParts) -> Self {
        Upstream(Arc::new(Inner {
            path: Mutex::default(),
            headers: Headers::new(parts.headers.clone()),
            body: Json::new(Document::new(parts.body.clone(), parts.body_values)),
            parts,
        }))
    }

    /// What scripts changed.
    pub fn edits(&self) -> UpstreamEdits {
        UpstreamEdits {
            path: self.0.path.lock().as_ref().map(ToString::to_string),
            headers: self.0.headers.edits(),
            body: self.0.body.edits(),
        }
    }

    fn path(&self) -> ImmutableString {
        self.0.path.lock().clone().unwrap_or_else(|| (&*self.0.parts.path).into())
    }

    fn set_path(&self, value: &Dynamic) -> Result<(), Box<EvalAltResult>> {
        let path = value.read_lock::<ImmutableString>().map(|path| path.clone()).filter(|path| is_path(path));
        let Some(path) = path else {
            return Err(fault_at("`up.path` must be a plain path that begins with one `/`, without `..`, `?` and `#`", value));
        };
        *self.0.path.lock() = Some(path);
        Ok(())
    }
}

/// Whether a path stays under the provider's base URL: the host cannot be changed through it.
fn is_path(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\' | b'"' | b'<' | b'>');
    let lower = path.to_ascii_lowercase().replace("%2e", ".");
    path.len() <= PATH_BYTES
        && path.starts_with('/')
        && !path.contains("//")
        && path.bytes().all(is_plain)
        && !lower.contains("%2f")
        && !lower.contains("%5c")
        && !lower.split('/').any(|segment| segment == ".." || segment == ".")
}

pub(super) fn register(registrar: &mut Registrar<'_>) {
    registrar
        .value::<Upstream>(
            "Upstream",
            "`up`: the request as it goes to the provider. Where it goes is the provider's base URL and nothing else.",
        )
        .get("provider: string", "The provider's name.", |up: &mut Upstream| ImmutableString::from(&*up.0.parts.provider))
        .get("model: string", "The provider's name for the model, or `()`.", |up: &mut Upstream| {
            up.0.parts.model.as_deref().map_or(Dynamic::UNIT, |model| ImmutableString::from(model).into())
        })
        .get("path: string", "The path under the provider's base URL, such as `/chat/completions`.", |up: &mut Upstream| {
            up.path()
        })
        .set(|up: &mut Upstream, path: Dynamic| up.set_path(&path))
        .get("headers: Headers", "The headers that go along.", |up: &mut Upstream| up.0.headers.clone())
        .get("body: Json", "The body.", |up: &mut Upstream| up.0.body.clone())
        .set(|up: &mut Upstream, body: Dynamic| up.0.body.replace(&body));
}

#[cfg(test)]
mod tests {
    use super::is_path;

    #[test]
    fn a_path_cannot_lead_elsewhere() {
        for good in ["/chat/completions", "/v1/a:b/c@d", "/", "/models/a%20b", "/..a/b.."] {
            assert!(is_path(good), "{good}");
        }
        let bad = ["", "chat", "//evil.example/x", "/a//b", "/../x", "/a/%2e%2E/b", "/a/..", "/a?b", "/a#b", "/a\\b", "/a b"];
        for bad in bad.into_iter().chain(["http://evil.example/", "/a\r\nb", "/a%2f..%2fb", "/é", "@evil.example/x"]) {
            assert!(!is_path(bad), "{bad}");
        }
    }
}
