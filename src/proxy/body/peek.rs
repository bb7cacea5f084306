//! One pass over a JSON request body: which model, whether a stream, and what routing must know.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::facts::{ObjectIds, Prompt};
use crate::proxy::estimate::Estimate;
use crate::proxy::json::{self, Cursor, JsonError, MAX_DEPTH, Member, Members, Visit};

/// Why a request body cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// There is no body.
    #[error("the request body is empty; a JSON object is needed")]
    Empty,
    /// The body is not UTF-8.
    #[error("the request body is not valid JSON: it is not UTF-8 at byte {0}")]
    NotUtf8(usize),
    /// The body is not JSON, or something follows it.
    #[error("the request body is not valid JSON: {0}")]
    Syntax(JsonError),
    /// The body is JSON, but no object.
    #[error("the request body must be a JSON object")]
    NotAnObject,
    /// Values are nested too deeply.
    #[error("the request body is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A member that decides where the call goes stands there twice, so that a provider might read another one.
    #[error("the request body has more than one member `{0}`")]
    Repeated(&'static str),
    /// A member has a value of the wrong kind.
    #[error("`{member}` must be {expected}")]
    WrongType {
        /// The member's name.
        member: &'static str,
        /// What it must be, in words.
        expected: &'static str,
    },
}

impl BodyError {
    /// The error's code in an answer.
    pub fn code(&self) -> &'static str {
        match self {
            BodyError::Repeated(_) => "repeated_member",
            BodyError::WrongType { .. } => "invalid_type",
            _ => "invalid_json",
        }
    }

    /// The member at fault.
    pub fn param(&self) -> Option<&'static str> {
        match self {
            BodyError::Repeated(member) | BodyError::WrongType { member, .. } => Some(member),
            _ => None,
        }
    }

    /// Whether the body is simply no JSON object, which is no fault on a path that needs none.
    pub fn is_other_content(&self) -> bool {
        matches!(self, BodyError::Empty | BodyError::NotUtf8(_) | BodyError::Syntax(_) | BodyError::NotAnObject)
    }
}

impl From<JsonError> for BodyError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::TooDeep => BodyError::TooDeep,
            error => BodyError::Syntax(error),
        }
    }
}

/// What `stream_options` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamOptions {
    /// The member is missing, or null.
    #[default]
    Missing,
    /// The member is there without a usable `include_usage`.
    Silent,
    /// `include_usage` is there.
    IncludeUsage(bool),
}

/// What one pass over a request body found. Offsets are valid for the body that it was made from.
#[derive(Clone, Debug, Default)]
pub struct Peek {
    /// The body.
    pub body: Bytes,
    /// The model asked for; `None` when it is missing or null.
    pub model: Option<Arc<str>>,
    /// Where the model's value stands, quotes included.
    pub model_at: Option<Range<usize>>,
    /// Whether a stream is asked for; `None` when it is missing or null.
    pub stream: Option<bool>,
    /// What `stream_options` says.
    pub stream_options: StreamOptions,
    /// Whether the answer is to be fetched later.
    pub background: bool,
    /// The former response that this one goes on from.
    pub previous_response_id: Option<Arc<str>>,
    /// The conversation that the call belongs to.
    pub conversation: Option<Arc<str>>,
    /// Ids of a provider's objects that the body names: files, vector stores, assistants, containers. At most 64.
    pub object_ids: Vec<Arc<str>>,
    /// The lowest of `max_tokens`, `max_completion_tokens` and `max_output_tokens`.
    pub max_output_tokens: Option<u64>,
    /// Answers or pictures asked for.
    pub n: Option<u64>,
    /// Estimated input tokens, as [`estimate_tokens`](crate::proxy::estimate_tokens) counts them.
    pub estimated_tokens: u64,
    prompt: Prompt,
}

impl Peek {
    /// Characters (Unicode scalar values) of a plain text `input`, as speech is priced by.
    pub fn input_characters(&self) -> Option<u64> {
        self.prompt.input_characters(&self.body)
    }

    /// A hash of the part of the prompt that a provider's cache would recognise: the same for every turn of one
    /// conversation, and for all conversations that share a long beginning. `None` when there is no prompt.
    pub fn prompt_prefix_hash(&self) -> Option<u64> {
        self.prompt.prefix_hash(&self.body)
    }
}

/// Reads the top level of a JSON object. The body is checked whole: grammar, depth, and that nothing follows.
///
/// # Errors
/// [`BodyError::is_other_content`] tells bodies that are no JSON objects; the others are refusals on every path.
pub fn peek(body: &Bytes) -> Result<Peek, BodyError> {
    if body.is_empty() {
        return Err(BodyError::Empty);
    }
    if let Err(error) = std::str::from_utf8(body) {
        return Err(BodyError::NotUtf8(error.valid_up_to()));
    }
    let Some(mut members) = Members::open(body, 0) else {
        let mut cursor = Cursor::new(body, 0);
        cursor.value()?;
        cursor.end()?;
        return Err(BodyError::NotAnObject);
    };
    let mut found = Reading { peek: Peek { body: body.clone(), ..Peek::default() }, once: Once::default() };
    let mut inside = Inside::default();
    while let Some(member) = members.next_with(&mut inside)? {
        found.take(body, &member)?;
    }
    members.cursor().end()?;
    found.peek.object_ids = inside.ids.collect(body);
    found.peek.estimated_tokens = inside.estimate.tokens();
    Ok(found.peek)
}

/// What is gathered at every depth while the body is checked.
#[derive(Default)]
struct Inside {
    ids: ObjectIds,
    estimate: Estimate,
}

impl Visit for Inside {
    fn key(&mut self, name: &[u8], value_at: usize) {
        self.ids.key(name, value_at);
        self.estimate.key(name, value_at);
    }

    fn string(&mut self, text: &[u8], is_plain: bool) {
        self.estimate.string(text, is_plain);
    }

    fn number(&mut self) {
        self.estimate.number();
    }
}

/// Which deciding members were seen.
#[derive(Default)]
struct Once {
    model: bool,
    stream: bool,
}

struct Reading {
    peek: Peek,
    once: Once,
}

impl Reading {
    fn take(&mut self, body: &Bytes, member: &Member<'_>) -> Result<(), BodyError> {
        if memchr::memchr(b'\\', member.name).is_some() {
            return match json::unescape(member.name) {
                Some(name) => self.take_named(body, name.as_bytes(), member),
                None => Ok(()),
            };
        }
        self.take_named(body, member.name, member)
    }

    fn take_named(&mut self, body: &Bytes, name: &[u8], member: &Member<'_>) -> Result<(), BodyError> {
        let value = &body[member.value.clone()];
        let peek = &mut self.peek;
        match name {
            b"model" => {
                first("model", &mut self.once.model)?;
                peek.model = text_or_null("model", value)?;
                peek.model_at = Some(member.value.clone());
            }
            b"stream" => {
                first("stream", &mut self.once.stream)?;
                peek.stream = match value {
                    b"null" => None,
                    value => Some(json::as_bool(value).ok_or(wrong_type("stream", "true, false or null"))?),
                };
            }
            b"stream_options" => peek.stream_options = stream_options(value),
            b"background" => peek.background = value == b"true",
            b"previous_response_id" => peek.previous_response_id = json::as_text(value).map(Arc::from),
            b"conversation" => peek.conversation = text_or_id(value),
            b"max_tokens" | b"max_completion_tokens" | b"max_output_tokens" => {
                let limits = [peek.max_output_tokens, json::as_u64(value)];
                peek.max_output_tokens = limits.into_iter().flatten().min();
            }
            b"n" => peek.n = json::as_u64(value),
            _ => {
                // Providers written in Go match names without case, and the last one wins there.
                if name.eq_ignore_ascii_case(b"model") {
                    first("model", &mut self.once.model)?;
                } else if name.eq_ignore_ascii_case(b"stream") {
                    first("stream", &mut self.once.stream)?;
                } else {
                    peek.prompt.take(name, &member.value);
                }
            }
        }
        Ok(())
    }
}

fn first(member: &'static str, seen: &mut bool) -> Result<(), BodyError> {
    if std::mem::replace(seen, true) { Err(BodyError::Repeated(member)) } else { Ok(()) }
}

fn wrong_type(member: &'static str, expected: &'static str) -> BodyError {
    BodyError::WrongType { member, expected }
}

fn text_or_null(member: &'static str, value: &[u8]) -> Result<Option<Arc<str>>, BodyError> {
    match value {
        b"null" => Ok(None),
        value => json::as_text(value).map(|text| Some(Arc::from(text))).ok_or(wrong_type(member, "a string")),
    }
}

fn text_or_id(value: &[u8]) -> Option<Arc<str>> {
    json::as_text(value).or_else(|| json::as_text(json::member(value, "id")?)).map(Arc::from)
}

fn stream_options(value: &[u8]) -> StreamOptions {
    match (value, json::member(value, "include_usage").and_then(json::as_bool)) {
        (b"null", _) => StreamOptions::Missing,
        (_, None) => StreamOptions::Silent,
        (_, Some(include)) => StreamOptions::IncludeUsage(include),
    }
}
