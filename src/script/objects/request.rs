//! `req`: a client's request as scripts see and change it.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use parking_lot::Mutex;
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map};

use super::document::{BodyEdit, Document};
use super::headers::{HeaderEdit, Headers};
use super::json::Json;
use super::list::StringList;
use crate::domain::{CallId, Client, KeptHeaders, ScriptNote};
use crate::script::error::{ScriptFailure, fault, fault_at};
use crate::script::json::to_json;
use crate::script::register::Registrar;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// Most tags of one call, and the longest tag in bytes.
const MOST_TAGS: usize = 32;
const TAG_BYTES: usize = 100;
/// Most bytes of one call's attributes as JSON.
const ATTRIBUTE_BYTES: usize = 16 * 1024;
/// Longest model name, in bytes.
const MODEL_BYTES: usize = 256;

/// What a request is made of.
#[derive(Clone, Debug, Default)]
pub struct RequestParts {
    /// The call's id.
    pub id: CallId,
    /// HTTP method.
    pub method: Arc<str>,
    /// Path without query.
    pub path: Arc<str>,
    /// The model asked for.
    pub model: Option<Arc<str>>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// Who calls; `None` when nobody has to say.
    pub client: Option<Arc<Client>>,
    /// Where from.
    pub client_ip: Option<IpAddr>,
    /// The client's headers.
    pub headers: Arc<HeaderMap>,
    /// The body when it is JSON in memory, else empty.
    pub body: Bytes,
    /// Tokens that the call is expected to use, as limits count them.
    pub estimated_tokens: u64,
    /// Values of a body that a script may look at.
    pub body_values: usize,
}

/// Parts of a request that are not known, or that were looked at though they are not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// The body.
    pub body: bool,
    /// The headers, or all but a few.
    pub headers: bool,
}

/// A client's request on its way through the hooks of one call. Clones are the same request.
#[derive(Clone, Debug)]
pub struct ScriptRequest(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: RequestParts,
    missing: Missing,
    headers: Headers,
    body: Json,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// A script's model, in place of the one asked for.
    model: Option<ImmutableString>,
    tags: Vec<ImmutableString>,
    attributes: Map,
    failures: Vec<ScriptFailure>,
    decisions: Vec<ScriptNote>,
    needed_body: bool,
}

impl ScriptRequest {
    /// A request that no script has seen.
    pub fn new(parts: RequestParts) -> Self {
        let headers = Headers::new(parts.headers.clone());
        ScriptRequest::with(parts, Missing::default(), headers)
    }

    /// A request that no script has seen and of which not all is known: what is missing is empty, but for these headers.
    pub fn partial(parts: RequestParts, missing: Missing, known: &Arc<KeptHeaders>) -> Self {
        let headers = if missing.headers { Headers::partial(known.clone()) } else { Headers::new(parts.headers.clone()) };
        ScriptRequest::with(parts, missing, headers)
    }

    fn with(parts: RequestParts, missing: Missing, headers: Headers) -> Self {
        ScriptRequest(Arc::new(Inner {
            missing,
            headers,
            body: Json::new(Document::new(parts.body.clone(), parts.body_values)),
            state: Mutex::default(),
            parts,
        }))
    }

    /// The call's id.
    pub fn id(&self) -> CallId {
        self.0.parts.id
    }

    /// The model that a script set in place of the one asked for.
    pub fn changed_model(&self) -> Option<Arc<str>> {
        let state = self.0.state.lock();
        let model = state.model.as_deref().filter(|model| self.0.parts.model.as_deref() != Some(model));
        model.map(Arc::from)
    }

    /// What scripts looked at though it is not known.
    pub fn needed(&self) -> Missing {
        let state = self.0.state.lock();
        Missing { body: state.needed_body, headers: self.0.headers.needed() }
    }

    /// The body's text, with the edits made in it.
    pub fn body_text(&self) -> String {
        if self.0.parts.body.is_empty() && self.0.body.edits().is_empty() { String::new() } else { self.0.body.text() }
    }

    /// Edits of the body, in order.
    pub fn body_edits(&self) -> Vec<BodyEdit> {
        self.0.body.edits()
    }

    /// Changes of headers.
    pub fn header_edits(&self) -> Vec<HeaderEdit> {
        self.0.headers.edits()
    }

    /// Labels for the call's record.
    pub fn tags(&self) -> Vec<String> {
        self.0.state.lock().tags.iter().map(ToString::to_string).collect()
    }

    /// Values for the call's record, as a JSON object; `None` when there are none.
    pub fn attributes(&self) -> Option<String> {
        let attributes = self.0.state.lock().attributes.clone();
        if attributes.is_empty() { None } else { to_json(&attributes.into()).ok() }
    }

    /// Hooks that failed in this call.
    pub fn failures(&self) -> Vec<ScriptFailure> {
        self.0.state.lock().failures.clone()
    }

    /// What scripts decided, and which hooks failed, for the call's record.
    pub fn notes(&self) -> Vec<ScriptNote> {
        let state = self.0.state.lock();
        state.decisions.iter().cloned().chain(state.failures.iter().map(ScriptNote::from)).collect()
    }

    pub(in crate::script) fn note_decision(&self, decision: ScriptNote) {
        self.0.state.lock().decisions.push(decision);
    }

    pub(in crate::script) fn note_failure(&self, failure: ScriptFailure) {
        const MOST: usize = 8;
        let mut state = self.0.state.lock();
        if state.failures.len() < MOST {
            state.failures.push(failure);
        }
    }

    fn headers(&self) -> Headers {
        self.0.headers.clone()
    }

    fn body(&self) -> Json {
        if self.0.missing.body {
            self.0.state.lock().needed_body = true;
        }
        self.0.body.clone()
    }

    fn model(&self) -> Dynamic {
        if let Some(model) = &self.0.state.lock().model {
            return model.clone().into();
        }
        self.0.parts.model.as_deref().map_or(Dynamic::UNIT, |model| ImmutableString::from(model).into())
    }

    fn set_model(&self, value: &Dynamic) -> Fallible<()> {
        let model = value.read_lock::<ImmutableString>().map(|text| text.clone());
        let model = model.filter(|model| (1..=MODEL_BYTES).contains(&model.len()) && !model.chars().any(char::is_control));
        let Some(model) = model else { return Err(fault_at("`req.model` must be the name of a model", value)) };
        self.0.state.lock().model = Some(model);
        Ok(())
    }

    fn tags_array(&self) -> Array {
        self.0.state.lock().tags.iter().cloned().map(Dynamic::from).collect()
    }

    fn set_tags(&self, tags: Array) -> Fallible<()> {
        if tags.len() > MOST_TAGS {
            return Err(fault(format!("a call has at most {MOST_TAGS} tags")));
        }
        self.0.state.lock().tags = tags.iter().map(tag).collect::<Fallible<_>>()?;
        Ok(())
    }

    fn set_attributes(&self, attributes: Map) -> Fallible<()> {
        let value = Dynamic::from(attributes);
        let text = to_json(&value).map_err(|error| fault_at(format!("attributes must be JSON: {error}"), &value))?;
        if text.len() > ATTRIBUTE_BYTES {
            return Err(fault(format!(
                "the attributes of a call have at most {ATTRIBUTE_BYTES} bytes as JSON, not {}",
                text.len()
            )));
        }
        self.0.state.lock().attributes = value.cast();
        Ok(())
    }
}

pub(in crate::script) fn tag(value: &Dynamic) -> Fallible<ImmutableString> {
    let text = value.read_lock::<ImmutableString>().map(|text| text.clone());
    let is_tag = |text: &ImmutableString| (1..=TAG_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    text.filter(is_tag).ok_or_else(|| fault_at(format!("a tag must be a string of 1 to {TAG_BYTES} bytes"), value))
}

/// Who calls, as scripts see it.
#[derive(Clone, Debug)]
pub struct Caller {
    client: Option<Arc<Client>>,
    ip: Option<IpAddr>,
}

fn text(value: &str) -> ImmutableString {
    value.into()
}

pub(super) fn register(registrar: &mut Registrar<'_>) {
    registrar
        .value::<ScriptRequest>("Request", "`req`: a client's request. All hooks of a call see the same one.")
        .get("id: string", "The call's id, as in `x-request-id`.", |req: &mut ScriptRequest| text(&req.id().to_string()))
        .get("method: string", "The HTTP method, such as `POST`.", |req: &mut ScriptRequest| text(&req.0.parts.method))
        .get("path: string", "The path without its query, such as `/v1/chat/completions`.", |req: &mut ScriptRequest| {
            text(&req.0.parts.path)
        })
        .get(
            "model: string",
            "The model asked for, `()` when the request names none. Assigned to in `on_request`, another model serves the call; \
             the client's right to it is not checked again.",
            |req: &mut ScriptRequest| req.model(),
        )
        .set(|req: &mut ScriptRequest, model: Dynamic| req.set_model(&model))
        .get("stream: bool", "Whether the client asked for a stream.", |req: &mut ScriptRequest| req.0.parts.stream)
        .get("client: Client", "Who calls.", |req: &mut ScriptRequest| Caller {
            client: req.0.parts.client.clone(),
            ip: req.0.parts.client_ip,
        })
        .get(
            "headers: Headers",
            "The client's headers. What is set here passes to a provider by the same allow-list as what a client sends; what \
             `on_upstream_request` sets in `up.headers` passes always.", |req: &mut ScriptRequest| req.headers(),
        )
        .get("body: Json", "The body, parsed only where it is looked at.", |req: &mut ScriptRequest| req.body())
        .set(|req: &mut ScriptRequest, body: Dynamic| req.0.body.replace(&body))
        .get(
            "estimated_tokens: int",
            "Tokens that the call is expected to use, as limits count them: pictures count a bounded sum, never their base64.",
            |req: &mut ScriptRequest| req.0.parts.estimated_tokens as i64,
        )
        .get("tags: array", "Labels for the call's record: `req.tags.push(\"canary\")`.", |req: &mut ScriptRequest| req.tags_array())
        .set(|req: &mut ScriptRequest, tags: Array| req.set_tags(tags))
        .get(
            "attributes: map",
            "Values that later hooks of the same call see and that stay on its record: `req.attributes.team = \"a\"`.",
            |req: &mut ScriptRequest| req.0.state.lock().attributes.clone(),
        )
        .set(|req: &mut ScriptRequest, attributes: Map| req.set_attributes(attributes));
    registrar
        .value::<Caller>("Client", "`req.client`: who calls.")
        .get("id: int", "Its id, or `()`.", |caller: &mut Caller| {
            caller.client.as_ref().map_or(Dynamic::UNIT, |client| client.id.0.into())
        })
        .get("name: string", "The operator's name for it, or `()`.", |caller: &mut Caller| {
            caller.client.as_ref().map_or(Dynamic::UNIT, |client| text(&client.name).into())
        })
        .get("tags: StringList", "Its tags.", |caller: &mut Caller| {
            caller
                .client
                .clone()
                .map_or_else(|| Dynamic::from(Array::new()), |client| Dynamic::from(StringList::Client(client)))
        })
        .get("ip: string", "The address it calls from, or `()`.", |caller: &mut Caller| {
            caller.ip.map_or(Dynamic::UNIT, |ip| text(&ip.to_canonical().to_string()).into())
        });
}
