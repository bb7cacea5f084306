//! One call as the API shows it: its record, and its bodies.

use std::collections::BTreeMap;

use base64::Engine;
use poem_openapi::Object;
use poem_openapi::types::{Any, Example};
use serde_json::{Value, json};

use super::attempt::AttemptBody;
use super::body::CallLine;
use crate::admin::or_null::OrNull;
use crate::admin::wire::{example, from_example};
use crate::domain::{CallRecord, ScriptNote, StoredBody, Usage, UsageQuality};
use crate::store::CallSummary;

/// A call with everything that is remembered of it, but its bodies.
#[derive(Object)]
#[oai(example)]
pub(super) struct CallDetail {
    /// The call as in lists.
    #[oai(flatten)]
    line: CallLine,
    /// Where it came from.
    #[oai(nullable)]
    client_ip: Option<String>,
    /// The client's own `x-request-id`.
    #[oai(nullable)]
    client_request_id: Option<String>,
    /// The provider's request id.
    #[oai(nullable)]
    upstream_request_id: Option<String>,
    /// The error in words, without secrets.
    #[oai(nullable)]
    error_message: Option<String>,
    /// Tokens that it was expected to use, by which limits and scripts went (`req.estimated_tokens`); null: it did not come so far.
    #[oai(nullable)]
    estimated_tokens: Option<u64>,
    /// What it consumed, in every unit.
    usage: UsageBody,
    /// Values that scripts added.
    #[oai(nullable)]
    attributes: Option<Any<Value>>,
    /// What scripts decided, and which hooks failed.
    script_notes: Vec<ScriptNoteBody>,
    /// Names of client headers that were not passed on.
    dropped_headers: Vec<String>,
    /// Headers of the request that the settings named; null: there was none of that name.
    request_headers: BTreeMap<String, OrNull<String>>,
    /// Every try, in order.
    attempts: Vec<AttemptBody>,
    /// Whether bodies are kept of this call.
    has_bodies: bool,
}

impl From<&CallRecord> for CallDetail {
    fn from(record: &CallRecord) -> Self {
        CallDetail {
            line: CallLine::from(&CallSummary::from(record)),
            client_ip: record.client_ip.map(|address| address.to_string()),
            client_request_id: record.client_request_id.clone(),
            upstream_request_id: record.upstream_request_id.clone(),
            error_message: record.error_message.clone(),
            estimated_tokens: record.estimated_tokens,
            usage: UsageBody::from(&record.usage),
            attributes: record.attributes.as_deref().map(json),
            script_notes: record.script_notes.iter().map(ScriptNoteBody::from).collect(),
            dropped_headers: record.dropped_headers.clone(),
            request_headers: record.headers.0.iter().map(|(name, value)| (name.clone(), OrNull(value.clone()))).collect(),
            attempts: record.attempts.iter().map(AttemptBody::from).collect(),
            has_bodies: record.bodies.request.is_some() || record.bodies.response.is_some(),
        }
    }
}

/// What a script did to a call, or failed to do.
#[derive(Object)]
#[oai(rename = "ScriptNote")]
struct ScriptNoteBody {
    /// The hook, such as `on_request`.
    hook: String,
    /// `rejected`, `answered` or `routed`; else the kind of its failure, such as `thrown` or `time`.
    kind: String,
    /// The script's name inside the folder.
    script: String,
    /// Its line, from 1; 0 when it is not known.
    line: u32,
    /// The column in that line, in characters from 1; 0 when it is not known.
    column: u32,
    /// What happened.
    message: String,
}

impl From<&ScriptNote> for ScriptNoteBody {
    fn from(note: &ScriptNote) -> Self {
        ScriptNoteBody {
            hook: note.hook.to_string(),
            kind: note.kind.to_string(),
            script: note.script.clone(),
            line: note.line,
            column: note.column,
            message: note.message.clone(),
        }
    }
}

/// What a call consumed. Null: the provider did not say.
#[derive(Object)]
#[oai(rename = "Usage")]
struct UsageBody {
    /// All input tokens.
    #[oai(nullable)]
    input: Option<u64>,
    /// Part of them that was read from a prompt cache.
    #[oai(nullable)]
    cached_read: Option<u64>,
    /// Part of them that was written to a prompt cache.
    #[oai(nullable)]
    cache_write: Option<u64>,
    /// All output tokens.
    #[oai(nullable)]
    output: Option<u64>,
    /// Part of them spent on reasoning.
    #[oai(nullable)]
    reasoning: Option<u64>,
    /// Part of the input that was audio.
    #[oai(nullable)]
    audio_input: Option<u64>,
    /// Part of the output that was audio.
    #[oai(nullable)]
    audio_output: Option<u64>,
    /// Part of the input that was pictures.
    #[oai(nullable)]
    image_input: Option<u64>,
    /// Part of the output that was pictures.
    #[oai(nullable)]
    image_output: Option<u64>,
    /// Pictures drawn.
    #[oai(nullable)]
    pictures: Option<u64>,
    /// Milliseconds of audio heard or spoken.
    #[oai(nullable)]
    audio_ms: Option<u64>,
    /// Characters of text spoken.
    #[oai(nullable)]
    characters: Option<u64>,
    /// How far these figures can be trusted.
    quality: UsageQuality,
    /// The figures are a running total of an answer that was not read to its end.
    partial: bool,
    /// The provider's own usage object.
    #[oai(nullable)]
    raw: Option<Any<Value>>,
}

impl From<&Usage> for UsageBody {
    fn from(usage: &Usage) -> Self {
        UsageBody {
            input: usage.input,
            cached_read: usage.cached_read,
            cache_write: usage.cache_write,
            output: usage.output,
            reasoning: usage.reasoning,
            audio_input: usage.audio_input,
            audio_output: usage.audio_output,
            image_input: usage.image_input,
            image_output: usage.image_output,
            pictures: usage.pictures,
            audio_ms: usage.audio_ms,
            characters: usage.characters,
            quality: usage.quality,
            partial: usage.partial,
            raw: usage.raw.as_deref().map(json),
        }
    }
}

/// The bodies of a call.
#[derive(Object)]
#[oai(example)]
pub(super) struct CallBodies {
    /// What the client sent; null: not kept.
    #[oai(nullable)]
    request: Option<KeptBody>,
    /// What the client was sent; null: not kept.
    #[oai(nullable)]
    response: Option<KeptBody>,
}

/// A body that was kept.
#[derive(Object)]
struct KeptBody {
    /// The body, if it is text.
    #[oai(nullable)]
    text: Option<String>,
    /// The body in base64, if it is not.
    #[oai(nullable)]
    base64: Option<String>,
    /// How many bytes are kept.
    bytes: u64,
    /// Whether the body was longer.
    truncated: bool,
}

impl From<&CallRecord> for CallBodies {
    fn from(record: &CallRecord) -> Self {
        CallBodies {
            request: record.bodies.request.as_ref().map(KeptBody::from),
            response: record.bodies.response.as_ref().map(KeptBody::from),
        }
    }
}

impl From<&StoredBody> for KeptBody {
    fn from(body: &StoredBody) -> Self {
        let text = text_of(body);
        let base64 = text.is_none().then(|| base64::engine::general_purpose::STANDARD.encode(&body.bytes));
        KeptBody { text, base64, bytes: body.bytes.len() as u64, truncated: body.truncated }
    }
}

/// The body as text. A cut may fall into a character: its first bytes are left out.
fn text_of(body: &StoredBody) -> Option<String> {
    match std::str::from_utf8(&body.bytes) {
        Ok(text) => Some(text.to_owned()),
        Err(error) if body.truncated && error.error_len().is_none() => {
            std::str::from_utf8(&body.bytes[..error.valid_up_to()]).ok().map(str::to_owned)
        }
        Err(_) => None,
    }
}

/// JSON that was kept as text; what cannot be read as JSON is shown as the text.
fn json(text: &str) -> Any<Value> {
    Any(serde_json::from_str(text).unwrap_or_else(|_| text.into()))
}

impl Example for CallDetail {
    fn example() -> Self {
        CallDetail {
            line: CallLine::example(),
            client_ip: Some("203.0.113.9".to_owned()),
            client_request_id: None,
            upstream_request_id: Some("req_8f2c".to_owned()),
            error_message: None,
            estimated_tokens: Some(350),
            usage: from_example(json!({ "input": 340, "cached_read": 0, "output": 158, "quality": "exact", "partial": false })),
            attributes: None,
            script_notes: Vec::new(),
            dropped_headers: vec!["x-internal".to_owned()],
            request_headers: BTreeMap::from([("user-agent".to_owned(), OrNull(Some("OpenAI/Python 2.8.1".to_owned())))]),
            attempts: vec![AttemptBody::example()],
            has_bodies: true,
        }
    }
}

example!(CallBodies, {
    "request": {
        "text": "{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"Say hello\"}]}", "base64": null, "bytes": 68,
        "truncated": false,
    },
    "response": { "text": "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",", "base64": null, "bytes": 48, "truncated": true },
});
