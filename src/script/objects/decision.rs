//! What `on_request` may answer: `reject(…)` and `respond(…)`.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};

use super::headers::is_framing;
use crate::script::error::{fault, fault_at};
use crate::script::json::to_json;
use crate::script::register::Registrar;
use crate::script::runtime::clean;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// A refusal, in the OpenAI error shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// The error's code.
    pub code: String,
    /// The error in words.
    pub message: String,
}

/// An answer that a script gives without a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status, 200 to 599.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
}

fn reject(status: i64, code: &str, message: &str) -> Fallible<Rejection> {
    let status = u16::try_from(status).ok().filter(|status| (400..600).contains(status));
    let status = status.ok_or_else(|| fault("the status of `reject` must be 400 to 599"))?;
    let is_code =
        (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if !is_code {
        return Err(fault_at("the code of `reject` must be 1 to 64 letters, digits, `_`, `-` or `.`", &code.into()));
    }
    Ok(Rejection { status, code: code.to_owned(), message: clean(message) })
}

fn respond(status: i64, headers: Map, body: Dynamic) -> Fallible<Reply> {
    let status = u16::try_from(status).ok().filter(|status| (200..600).contains(status));
    let status = status.ok_or_else(|| fault("the status of `respond` must be 200 to 599"))?;
    let mut pairs = Vec::new();
    for (name, value) in &headers {
        let pair = name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(&value.to_string()).ok());
        let pair = pair.ok_or_else(|| fault_at(format!("`{name}` is not a header that can be sent"), value))?;
        if is_framing(&pair.0) {
            return Err(fault(format!("the header `{}` is set by Keywheel alone: leave it out of `respond`", pair.0)));
        }
        pairs.push(pair);
    }
    let text = body.read_lock::<ImmutableString>().map(|text| text.to_string());
    let (body, kind) = match text {
        Some(text) => (text, "text/plain; charset=utf-8"),
        None => (to_json(&body).map_err(|error| fault_at(error.to_string(), &body))?, "application/json"),
    };
    if !pairs.iter().any(|(name, _)| name == http::header::CONTENT_TYPE) {
        pairs.push((http::header::CONTENT_TYPE, HeaderValue::from_static(kind)));
    }
    Ok(Reply { status, headers: pairs, body: body.into() })
}

pub(super) fn register(registrar: &mut Registrar<'_>) {
    registrar
        .value::<Rejection>("Rejection", "What `reject` answers.")
        .get("status: int", "The HTTP status.", |rejection: &mut Rejection| i64::from(rejection.status))
        .get("code: string", "The error's code.", |rejection: &mut Rejection| ImmutableString::from(rejection.code.as_str()))
        .get("message: string", "The error in words.", |rejection: &mut Rejection| {
            ImmutableString::from(rejection.message.as_str())
        });
    registrar
        .value::<Reply>("Reply", "What `respond` answers.")
        .get("status: int", "The HTTP status.", |reply: &mut Reply| i64::from(reply.status))
        .get("body: string", "The body as text.", |reply: &mut Reply| {
            ImmutableString::from(&*String::from_utf8_lossy(&reply.body))
        });
    registrar
        .group("Answers of on_request", "")
        .function(
            "reject(status: int, code: string, message: string) -> Rejection",
            "Refuses the call: the client gets this status (400 to 599) and an error in the OpenAI shape. Nothing is sent to a \
             provider.",
            reject,
        )
        .function(
            "respond(status: int, headers: map, body: any) -> Reply",
            "Answers the call at once: a string goes out as text, anything else as JSON. Nothing is sent to a provider. Headers \
             that belong to the connection or the body's framing, such as `content-length`, are an error.",
            respond,
        );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_is_an_error() {
        assert_eq!(reject(403, "blocked", "no\r\n").unwrap().message, "no\\r\\n");
        for (status, code) in [(200, "a"), (600, "a"), (-1, "a"), (400, ""), (400, "a b"), (400, &"x".repeat(65))] {
            assert!(reject(status, code, "").is_err(), "{status} {code}");
        }
    }

    #[test]
    fn a_reply_says_what_it_is() {
        let reply = respond(200, Map::new(), "hi".into()).unwrap();
        assert_eq!((reply.body.as_ref(), reply.headers[0].1.to_str().unwrap()), (&b"hi"[..], "text/plain; charset=utf-8"));
        let headers = Map::from([("content-type".into(), "a/b".into())]);
        let reply = respond(200, headers, Dynamic::from(Map::from([("a".into(), 1_i64.into())]))).unwrap();
        assert_eq!((reply.body.as_ref(), reply.headers.len()), (&br#"{"a":1}"#[..], 1));
        assert!(respond(200, Map::from([("a b".into(), "c".into())]), "".into()).is_err());
        assert!(respond(200, Map::from([("a".into(), "c\n".into())]), "".into()).is_err());
        for name in ["content-length", "Transfer-Encoding", "connection", "content-encoding", "upgrade"] {
            assert!(respond(200, Map::from([(name.into(), "1".into())]), "".into()).is_err(), "{name}");
        }
    }
}
