//! `resp`: an answer on its way to the client, and `event`: one event of a stream.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use parking_lot::Mutex;
use rhai::{Dynamic, EvalAltResult, ImmutableString};

use super::document::{BodyEdit, Document, NodeKind};
use super::headers::{HeaderEdit, Headers};
use super::json::Json;
use crate::script::error::fault_at;
use crate::script::register::Registrar;

/// What an answer is made of.
#[derive(Clone, Debug, Default)]
pub struct ResponseParts {
    /// HTTP status.
    pub status: u16,
    /// Headers for the client.
    pub headers: Arc<HeaderMap>,
    /// The body when it is whole and JSON; `None` for a stream.
    pub body: Option<Bytes>,
    /// Values of a body that a script may look at.
    pub body_values: usize,
}

/// What scripts changed about an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseEdits {
    /// Another status.
    pub status: Option<u16>,
    /// Changes of headers.
    pub headers: Vec<HeaderEdit>,
    /// Edits of the body, in order.
    pub body: Vec<BodyEdit>,
}

/// An answer, as scripts see and change it.
#[derive(Clone, Debug)]
pub struct Response(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    status: u16,
    new_status: Mutex<Option<u16>>,
    headers: Headers,
    body: Option<Json>,
}

impl Response {
    /// An answer that no script has seen.
    pub fn new(parts: ResponseParts) -> Self {
        Response(Arc::new(Inner {
            status: parts.status,
            new_status: Mutex::default(),
            headers: Headers::new(parts.headers),
            body: parts.body.map(|body| Json::new(Document::new(body, parts.body_values))),
        }))
    }

    /// What scripts changed.
    pub fn edits(&self) -> ResponseEdits {
        ResponseEdits {
            status: *self.0.new_status.lock(),
            headers: self.0.headers.edits(),
            body: self.0.body.as_ref().map(Json::edits).unwrap_or_default(),
        }
    }

    fn set_status(&self, value: &Dynamic) -> Result<(), Box<EvalAltResult>> {
        let status =
            value.as_int().ok().and_then(|status| u16::try_from(status).ok()).filter(|status| (200..600).contains(status));
        let Some(status) = status else { return Err(fault_at("`resp.status` must be 200 to 599", value)) };
        *self.0.new_status.lock() = Some(status);
        Ok(())
    }

    fn set_body(&self, value: &Dynamic) -> Result<(), Box<EvalAltResult>> {
        match &self.0.body {
            Some(body) => body.replace(value),
            None => Err(fault_at("the body of a stream cannot be set: use `on_chunk`", value)),
        }
    }
}

/// One event of a stream, as scripts see and change it.
#[derive(Clone, Debug)]
pub struct ChunkEvent(Arc<EventInner>);

#[derive(Debug)]
struct EventInner {
    name: Option<ImmutableString>,
    index: u64,
    text: Bytes,
    data: Json,
}

impl ChunkEvent {
    /// An event: its name, its position in the stream from 0, and its data.
    pub fn new(name: Option<&str>, index: u64, data: Bytes, body_values: usize) -> Self {
        ChunkEvent(Arc::new(EventInner {
            name: name.map(Into::into),
            index,
            data: Json::new(Document::new(data.clone(), body_values)),
            text: data,
        }))
    }

    /// Its position in the stream.
    pub fn index(&self) -> u64 {
        self.0.index
    }

    /// The edits made in the data; `None` when there are none.
    pub(in crate::script) fn edited(&self) -> Option<Vec<BodyEdit>> {
        let edits = self.0.data.edits();
        if edits.is_empty() { None } else { Some(edits) }
    }
}

pub(super) fn register(registrar: &mut Registrar<'_>) {
    registrar
        .value::<Response>("Response", "`resp`: an answer on its way to the client.")
        .get("status: int", "The HTTP status.", |resp: &mut Response| {
            i64::from(resp.0.new_status.lock().unwrap_or(resp.0.status))
        })
        .set(|resp: &mut Response, status: Dynamic| resp.set_status(&status))
        .get("headers: Headers", "The headers for the client.", |resp: &mut Response| resp.0.headers.clone())
        .get("body: Json", "The body; `()` when the answer is a stream.", |resp: &mut Response| {
            resp.0.body.clone().map_or(Dynamic::UNIT, Dynamic::from)
        })
        .set(|resp: &mut Response, body: Dynamic| resp.set_body(&body))
        .get("is_stream: bool", "Whether the answer is a stream.", |resp: &mut Response| resp.0.body.is_none());
    registrar
        .value::<ChunkEvent>("Event", "`event` of `on_chunk`: one event of a stream.")
        .get("name: string", "The event's name, or `()`.", |event: &mut ChunkEvent| {
            event.0.name.clone().map_or(Dynamic::UNIT, Dynamic::from)
        })
        .get("index: int", "Its position in the stream, from 0.", |event: &mut ChunkEvent| event.0.index as i64)
        .get("text: string", "Its data as it came.", |event: &mut ChunkEvent| {
            ImmutableString::from(&*String::from_utf8_lossy(&event.0.text))
        })
        .get("data: Json", "Its data; `()` when it is not JSON, such as `[DONE]`.", |event: &mut ChunkEvent| {
            let is_json = matches!(event.0.data.kind(), NodeKind::Object);
            if is_json { Dynamic::from(event.0.data.clone()) } else { Dynamic::UNIT }
        });
}
