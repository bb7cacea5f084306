//! What an operator gives a dry run to look at: a request, failures, an answer, events.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde::Deserialize;
use serde_json::Value;

use super::recorded::BODY_VALUES;
use crate::admin::access::Access;
use crate::admin::error::ApiError;
use crate::domain::{CallId, ClientId, KeyEvent, KeyEventKind, KeyId, ProviderId};
use crate::script::{AttemptErrorParts, RequestParts, ResponseParts, TrialEvent, TrialInput, TrialKeyEvent};

/// A request to try scripts against.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ScriptRequestGiven")]
pub(super) struct RequestGiven {
    /// The HTTP method; POST if left out.
    method: Option<String>,
    /// The path; `/v1/chat/completions` if left out.
    path: Option<String>,
    /// The headers.
    #[serde(default)]
    #[oai(default)]
    headers: BTreeMap<String, String>,
    /// The body: JSON, or a string that holds it letter by letter.
    body: Option<Any<Value>>,
    /// The id of the client that calls.
    client: Option<i64>,
    /// The address that it calls from.
    ip: Option<String>,
}

impl RequestGiven {
    pub(super) fn read(self, access: &Access) -> Result<TrialInput, ApiError> {
        let snapshot = access.context().publisher.current().load_full();
        let no_client = |id| ApiError::invalid("request.client", format!("there is no client with id {id}"));
        let client = self.client.map(|id| snapshot.client(ClientId(id)).cloned().ok_or_else(|| no_client(id))).transpose()?;
        let no_address = |_| ApiError::invalid("request.ip", "must be an IP address");
        let client_ip = self.ip.as_deref().map(str::parse).transpose().map_err(no_address)?;
        let body: Bytes = match self.body.map(|body| body.0) {
            None => Bytes::new(),
            Some(Value::String(text)) => text.into(),
            Some(value) => value.to_string().into(),
        };
        let parsed: Value = serde_json::from_slice(&body).unwrap_or_default();
        let now_ms = access.now().unix_ms;
        let path = self.path.unwrap_or_else(|| "/v1/chat/completions".to_owned());
        let request = RequestParts {
            id: CallId::new(now_ms, [0; 10]),
            method: self.method.as_deref().unwrap_or("POST").into(),
            model: parsed["model"].as_str().map(Into::into),
            stream: parsed["stream"].as_bool().unwrap_or(false),
            client,
            client_ip,
            headers: headers("request.headers", self.headers)?,
            estimated_tokens: access.context().scripts.scripts().estimate_request(&path, &body),
            path: path.into(),
            body,
            body_values: BODY_VALUES,
        };
        Ok(TrialInput { request, at_ms: now_ms, ..TrialInput::default() })
    }
}

fn headers(field: &'static str, given: BTreeMap<String, String>) -> Result<Arc<HeaderMap>, ApiError> {
    let pair = |(name, value): (String, String)| {
        let pair = name.parse::<HeaderName>().ok().zip(value.parse::<HeaderValue>().ok());
        pair.ok_or_else(|| ApiError::invalid(field, format!("`{}` is not a header", name.escape_debug())))
    };
    Ok(Arc::new(given.into_iter().map(pair).collect::<Result<_, _>>()?))
}

/// A failed attempt to try `classify_error` against.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(rename = "ScriptErrorGiven")]
pub(super) struct ErrorGiven {
    /// The provider's HTTP status; left out: it did not answer.
    status: Option<u16>,
    /// The error's code.
    code: Option<String>,
    /// The error's type.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    kind: Option<String>,
    /// The provider's words.
    #[oai(default)]
    message: String,
    /// The answer's headers.
    #[oai(default)]
    headers: BTreeMap<String, String>,
    /// Milliseconds since the attempt began.
    #[oai(default)]
    elapsed_ms: u64,
}

impl ErrorGiven {
    pub(super) fn read(self) -> Result<AttemptErrorParts, ApiError> {
        let headers = headers("errors.headers", self.headers)?;
        let (status, code, kind, message, elapsed_ms) = (self.status, self.code, self.kind, self.message, self.elapsed_ms);
        Ok(AttemptErrorParts { status, code, kind, message, headers, elapsed_ms, bytes_sent: 0 })
    }
}

/// An answer to try `on_response` against.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ScriptResponseGiven")]
pub(super) struct ResponseGiven {
    /// The HTTP status.
    status: u16,
    /// The headers.
    #[serde(default)]
    #[oai(default)]
    headers: BTreeMap<String, String>,
    /// The body: JSON, or a string that holds it letter by letter; left out: the answer is a stream.
    body: Option<Any<Value>>,
}

impl ResponseGiven {
    pub(super) fn read(self) -> Result<ResponseParts, ApiError> {
        let body = self.body.map(|body| match body.0 {
            Value::String(text) => text.into(),
            value => Bytes::from(value.to_string()),
        });
        let headers = headers("response.headers", self.headers)?;
        Ok(ResponseParts { status: self.status, headers, body, body_values: BODY_VALUES })
    }
}

/// An event to try `on_chunk` against.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ScriptEventGiven")]
pub(super) struct EventGiven {
    /// Its name.
    name: Option<String>,
    /// Its data.
    data: String,
}

impl EventGiven {
    pub(super) fn read(self) -> TrialEvent {
        TrialEvent { name: self.name, data: self.data.into() }
    }
}

/// A change of a key's state to try `on_key_event` against.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(rename = "ScriptKeyEventGiven")]
pub(super) struct KeyEventGiven {
    /// What happened.
    #[oai(default)]
    kind: KeyEventWord,
    /// The provider's name.
    #[oai(default)]
    provider: String,
    /// The key's name; left out: the event is the provider's.
    key: Option<String>,
    /// The model for which the key rests.
    model: Option<String>,
    /// Why.
    #[oai(default)]
    reason: String,
}

/// What happens to keys and providers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum, Deserialize)]
#[serde(rename_all = "snake_case")]
#[oai(rename = "ScriptKeyEventKind", rename_all = "snake_case")]
enum KeyEventWord {
    /// A key rests, for a minute from the call's beginning.
    #[default]
    Cooling,
    /// A key was disabled by a verdict.
    DisabledAuto,
    /// An operator switched a key off.
    DisabledManual,
    /// A key serves again.
    Active,
    /// A provider is left out.
    BreakerOpened,
    /// A provider is asked again.
    BreakerClosed,
}

impl KeyEventGiven {
    pub(super) fn read(self, at_ms: i64) -> TrialKeyEvent {
        let kind = match self.kind {
            KeyEventWord::Cooling => KeyEventKind::Cooling { until_ms: at_ms + 60_000, model: self.model },
            KeyEventWord::DisabledAuto => KeyEventKind::DisabledAuto,
            KeyEventWord::DisabledManual => KeyEventKind::DisabledManual { until_ms: None },
            KeyEventWord::Active => KeyEventKind::Active,
            KeyEventWord::BreakerOpened => KeyEventKind::BreakerOpened,
            KeyEventWord::BreakerClosed => KeyEventKind::BreakerClosed,
        };
        // Scripts are told names, so no ids are needed.
        let key = self.key.as_ref().map(|_| KeyId(0));
        let event = KeyEvent { at_ms, provider: ProviderId(0), key, kind, reason: self.reason };
        TrialKeyEvent { event, provider: self.provider, key: self.key }
    }
}
