//! `Headers`: the headers of a request or answer, and the changes that scripts make.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString};

use crate::domain::{CREDENTIAL_HEADERS, KeptHeaders};
use crate::script::error::{fault, fault_at};
use crate::script::register::Registrar;

/// Most changes on one set of headers.
const MOST_CHANGES: usize = 100;
/// Longest value, in bytes.
const VALUE_BYTES: usize = 8 * 1024;

/// Names that belong to the connection and to the framing of the body: no script sets them.
const FRAMING: [&str; 11] = [
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-connection",
];

/// Whether a name belongs to the connection or to the framing of the body.
pub(super) fn is_framing(name: &HeaderName) -> bool {
    FRAMING.contains(&name.as_str())
}

/// A change of one header: a value to set in place of all others of that name, or `None` to remove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderEdit {
    /// The header's name.
    pub name: HeaderName,
    /// Its new value.
    pub value: Option<HeaderValue>,
}

/// Headers with the changes made on them.
#[derive(Clone, Debug)]
pub struct Headers(Arc<Cell>);

#[derive(Debug)]
struct Cell {
    base: Arc<HeaderMap>,
    edits: Mutex<Vec<HeaderEdit>>,
    partial: Option<Partial>,
}

/// Headers of which not all are known.
#[derive(Debug)]
struct Partial {
    known: Arc<KeptHeaders>,
    /// Whether a script looked at one that is not.
    needed: AtomicBool,
}

impl Headers {
    /// Unchanged headers.
    pub fn new(base: Arc<HeaderMap>) -> Self {
        Headers(Arc::new(Cell { base, edits: Mutex::default(), partial: None }))
    }

    /// Unchanged headers of which no more is known than this.
    pub fn partial(known: Arc<KeptHeaders>) -> Self {
        let base = Arc::new(known.to_map());
        Headers(Arc::new(Cell {
            base,
            edits: Mutex::default(),
            partial: Some(Partial { known, needed: AtomicBool::new(false) }),
        }))
    }

    /// Whether a script looked at what is not known.
    pub fn needed(&self) -> bool {
        self.0.partial.as_ref().is_some_and(|partial| partial.needed.load(Ordering::Relaxed))
    }

    /// Notes that a script looks at a header, or at all of them.
    fn look(&self, name: Option<&str>) {
        if let Some(partial) = &self.0.partial
            && !name.is_some_and(|name| partial.known.knows(name))
        {
            partial.needed.store(true, Ordering::Relaxed);
        }
    }

    /// The changes, at most one for each name.
    pub fn edits(&self) -> Vec<HeaderEdit> {
        self.0.edits.lock().clone()
    }

    /// A header's value; of several the first. `None` when there is none, or when it carries a credential.
    pub fn get(&self, name: &str) -> Option<ImmutableString> {
        let name = name.to_ascii_lowercase();
        if CREDENTIAL_HEADERS.contains(&name.as_str()) {
            return None;
        }
        let edited = self.0.edits.lock().iter().find(|edit| edit.name == name.as_str()).map(|edit| edit.value.clone());
        let value = match edited {
            Some(value) => value,
            None => {
                self.look(Some(name.as_str()));
                self.0.base.get(name.as_str()).cloned()
            }
        }?;
        Some(String::from_utf8_lossy(value.as_bytes()).as_ref().into())
    }

    fn set(&self, name: &str, value: &Dynamic) -> Result<(), Box<EvalAltResult>> {
        let parsed: HeaderName = name.parse().map_err(|_| fault(format!("`{name}` is not a header name")))?;
        if CREDENTIAL_HEADERS.contains(&parsed.as_str()) || is_framing(&parsed) {
            return Err(fault(format!("the header `{parsed}` is set by Keywheel alone")));
        }
        let value = match value.is_unit() {
            true => None,
            false => Some(header_value(name, value)?),
        };
        let mut edits = self.0.edits.lock();
        match edits.iter().position(|edit| edit.name == parsed) {
            Some(at) => edits[at].value = value,
            None if edits.len() >= MOST_CHANGES => return Err(fault(format!("more than {MOST_CHANGES} headers changed"))),
            None => edits.push(HeaderEdit { name: parsed, value }),
        }
        Ok(())
    }

    fn names(&self) -> Array {
        self.look(None);
        let edits = self.0.edits.lock();
        let removed = |name: &str| edits.iter().any(|edit| edit.name == name && edit.value.is_none());
        let base = self.0.base.keys().map(HeaderName::as_str).filter(|name| !removed(name));
        let added = edits.iter().filter(|edit| edit.value.is_some() && !self.0.base.contains_key(&edit.name));
        let names = base.chain(added.map(|edit| edit.name.as_str())).filter(|name| !CREDENTIAL_HEADERS.contains(name));
        names.map(|name| ImmutableString::from(name).into()).collect()
    }
}

fn header_value(name: &str, value: &Dynamic) -> Result<HeaderValue, Box<EvalAltResult>> {
    let text = match value.read_lock::<ImmutableString>() {
        Some(text) => text.to_string(),
        None if value.is_int() || value.is_bool() || value.is_float() => value.to_string(),
        None => return Err(fault_at(format!("the header `{name}` needs a string, a number or `()`"), value)),
    };
    let is_short = text.len() <= VALUE_BYTES;
    HeaderValue::from_str(&text).ok().filter(|_| is_short).ok_or_else(|| {
        fault_at(
            format!("this is not a value for the header `{name}`: line breaks and control characters are not allowed"),
            value,
        )
    })
}

pub(super) fn register(registrar: &mut Registrar<'_>) {
    let read = |headers: &Headers, name: &str| headers.get(name).map_or(Dynamic::UNIT, Dynamic::from);
    registrar
        .value::<Headers>(
            "Headers",
            "Headers by name, in any case. Headers that carry credentials read as `()` and cannot be set; neither can those that \
             belong to the connection or the body's framing.",
        )
        .syntax(
            "headers[name]",
            "A header's value, or `()`. Assigned to, it sets the header; `()` removes it. `headers.name` works too.",
            |engine| {
                engine
                    .register_indexer_get(move |headers: &mut Headers, name: &str| read(headers, name))
                    .register_indexer_set(|headers: &mut Headers, name: &str, value: Dynamic| headers.set(name, &value));
            },
        )
        .syntax("name in headers", "Whether there is such a header.", |engine| {
            engine.register_fn("contains", |headers: &mut Headers, name: &str| headers.get(name).is_some());
        })
        .method("keys() -> array", "The names, in lower case.", |headers: &mut Headers| headers.names())
        .method("remove(name: string)", "Removes a header.", |headers: &mut Headers, name: &str| {
            headers.set(name, &Dynamic::UNIT)
        });
    registrar.group("Headers of any object", "").function(
        "header(headers: Headers, name: string, default: any) -> any",
        "A header's value, or `default` when there is none.",
        |headers: &mut Headers, name: &str, default: Dynamic| headers.get(name).map_or(default, Dynamic::from),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> Headers {
        let map = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Headers::new(Arc::new(map.collect()))
    }

    #[test]
    fn credentials_are_neither_read_nor_set() {
        let headers = headers(&[("authorization", "Bearer kw-1"), ("cookie", "a=b"), ("x-team", "a")]);
        assert_eq!(headers.get("Authorization"), None);
        assert_eq!(headers.get("X-Team").as_deref(), Some("a"));
        assert_eq!(headers.names().len(), 1);
        for name in ["Authorization", "x-api-key", "Host", "content-length", "bad name"] {
            assert!(headers.set(name, &"x".into()).is_err(), "{name}");
        }
        assert!(headers.edits().is_empty());
    }

    #[test]
    fn changes_are_seen_and_kept_once() {
        let headers = headers(&[("x-a", "1"), ("x-b", "2")]);
        headers.set("x-a", &"3".into()).unwrap();
        headers.set("X-A", &4_i64.into()).unwrap();
        headers.set("x-b", &Dynamic::UNIT).unwrap();
        headers.set("x-c", &true.into()).unwrap();
        assert_eq!(headers.get("x-a").as_deref(), Some("4"));
        assert_eq!((headers.get("x-b"), headers.edits().len()), (None, 3));
        let names: Vec<_> = headers.names().into_iter().map(|name| name.to_string()).collect();
        assert_eq!(names, ["x-a", "x-c"]);
    }

    #[test]
    fn what_is_not_known_is_noticed_when_it_is_looked_at() {
        let known = KeptHeaders([("x-a".to_owned(), Some("1".to_owned())), ("x-none".to_owned(), None)].into());
        let headers = Headers::partial(Arc::new(known));
        headers.set("x-set", &"2".into()).unwrap();
        assert_eq!(
            (headers.get("X-A").as_deref(), headers.get("x-none"), headers.get("x-set").as_deref()),
            (Some("1"), None, Some("2"))
        );
        assert_eq!((headers.get("authorization"), headers.needed()), (None, false));
        assert_eq!((headers.get("x-other"), headers.needed()), (None, true));
        let headers = Headers::partial(Arc::default());
        assert!(headers.names().is_empty() && headers.needed(), "nobody knows which there were");
    }

    #[test]
    fn a_value_cannot_break_out() {
        let headers = headers(&[]);
        for bad in ["a\r\nhost: evil", "a\0", "\u{7f}", &"x".repeat(9_000)] {
            assert!(headers.set("x-a", &bad.into()).is_err(), "{bad:?}");
        }
        assert!(headers.set("x-a", &Dynamic::from(Array::new())).is_err());
        for n in 0..MOST_CHANGES {
            headers.set(&format!("x-{n}"), &"v".into()).unwrap();
        }
        assert!(headers.set("x-more", &"v".into()).is_err());
    }
}
