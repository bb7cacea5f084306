//! The meter beside an answer: it reads usage, the end and the ids of what passes, and changes no byte.

mod containers;
mod failure;
mod kind;
mod plain;
mod readable;
mod shape;
mod text;
mod usage;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::domain::{Api, Usage, UsageQuality};

use super::estimate::{estimate_tokens, text_quarters};
use super::json;
use super::sse::Event;
pub use failure::body_error;
pub use kind::{EventKind, event_kind};
use plain::PlainDeltas;
use shape::{Top, elements, has_substance, unquoted};
use usage::Stated;

/// Vectors and files longer than this, in bytes, are read at their ends only.
const LONG_BODY: usize = 1024 * 1024;

/// How much of each end is read then.
const END_OF_LONG_BODY: usize = 64 * 1024;

/// What the meter must know of the request.
#[derive(Clone, Debug, Default)]
pub struct RequestFacts {
    /// The call asks for an answer that is billed. False for what only looks (lists, `GET`s, token counts): nothing is
    /// estimated for it, and an `error` inside what it fetches is no failure of the call.
    pub generates: bool,
    /// Estimated input tokens, used when the provider states no usage.
    pub estimated_input: Option<u64>,
    /// Characters to be spoken, for speech.
    pub input_characters: Option<u64>,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was read to its end.
    Whole,
    /// It broke off, or the client left.
    Cut,
}

/// What the meter read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metered {
    /// What the call consumed.
    pub usage: Usage,
    /// Why the answer ended: `stop`, `length`, `tool_calls`, `end_turn`, `completed`…
    pub finish_reason: Option<Arc<str>>,
    /// The answer finished and nothing readable came: no text, tool call, refusal, audio or picture.
    pub blank: bool,
    /// An event with content, or a whole answer, was seen.
    pub content_seen: bool,
    /// The end was announced: by a finish reason, a terminal event or `[DONE]`.
    pub finished: bool,
    /// The id of what the provider made: `chatcmpl-…`, `resp_…`, `msg_…`, `file-…`, `batch_…`.
    pub id: Option<Arc<str>>,
    /// The model that the provider says has answered.
    pub model: Option<Arc<str>>,
    /// The answer is to be fetched later.
    pub background: bool,
    /// The state of a response, batch or job: `completed`, `in_progress`, `queued`…
    pub status: Option<Arc<str>>,
    /// Containers that the provider's tools worked in: they live at the account that answered.
    pub containers: Vec<Arc<str>>,
}

impl Metered {
    /// Whether an answer that is fetched later will tell what was used.
    pub fn awaits_usage(&self) -> bool {
        let ended = matches!(self.status.as_deref(), None | Some("completed" | "failed" | "cancelled" | "incomplete"));
        self.background && !ended && self.usage.quality != UsageQuality::Exact
    }
}

/// Reads one answer, event by event or whole.
#[derive(Debug)]
pub struct Meter {
    api: Api,
    facts: RequestFacts,
    plain: PlainDeltas,
    stated: Stated,
    /// Usage was stated beside or behind content, so that it is a running total or the last word.
    stated_with_content: bool,
    content_seen: bool,
    readable: bool,
    done: bool,
    text_quarters: u64,
    pictures: u64,
    finish_reason: Option<Arc<str>>,
    id: Option<Arc<str>>,
    model: Option<Arc<str>>,
    status: Option<Arc<str>>,
    background: bool,
    containers: Vec<Arc<str>>,
}

impl Meter {
    /// A meter for one answer. An answer of another attempt needs a new one.
    pub fn new(api: Api, facts: RequestFacts) -> Self {
        Meter {
            api,
            facts,
            plain: PlainDeltas::default(),
            stated: Stated::default(),
            stated_with_content: false,
            content_seen: false,
            readable: false,
            done: false,
            text_quarters: 0,
            pictures: 0,
            finish_reason: None,
            id: None,
            model: None,
            status: None,
            background: false,
            containers: Vec::new(),
        }
    }

    /// The API whose answer it reads.
    pub fn api(&self) -> Api {
        self.api
    }

    /// Whether content was seen.
    pub fn content_seen(&self) -> bool {
        self.content_seen
    }

    /// Whether the provider has stated usage so far.
    pub fn has_usage(&self) -> bool {
        self.stated.is_some()
    }

    /// Whether the end of an answer was announced: by a finish reason, a terminal event or `[DONE]`. Usage may still follow.
    pub fn is_finished(&self) -> bool {
        self.finish_reason.is_some() || (self.done && !self.is_empty())
    }

    /// Whether nothing came so far that makes an answer: no content, no finish reason, no usage. A stream that ends so is
    /// a failure of the provider, also behind `[DONE]`.
    pub fn is_empty(&self) -> bool {
        !self.content_seen && self.finish_reason.is_none() && !self.stated.is_some()
    }

    /// Takes the next event of a stream and tells what it is. A `[DONE]` that ends no answer is nothing: the stream is as
    /// empty as without it.
    pub fn observe<'a>(&mut self, event: &Event<'a>) -> EventKind<'a> {
        let data = event.data.trim_ascii();
        if self.readable
            && let Some(quarters) = self.plain.quarters(event.name, data)
        {
            self.text_quarters += quarters;
            return EventKind::Content;
        }
        if event.too_long {
            self.take_tail(event.name, data);
            return EventKind::Content;
        }
        let Ok(top) = Top::read(data) else {
            let kind = event_kind(event);
            self.take_kind(kind);
            self.readable |= kind == EventKind::Content;
            return self.unless_empty(kind);
        };
        let kind = kind::kind_of(event.name, data, &top);
        self.content_seen |= top.choices.is_some_and(|choices| choices.has_content);
        self.take_kind(kind);
        self.take_event(top.kind_name(event.name), data, &top);
        self.unless_empty(kind)
    }

    /// Takes a whole answer. Returns the error inside, when it is one that says 200 nevertheless: what a classifier reads.
    pub fn observe_body<'a>(&mut self, body: &'a [u8]) -> Option<&'a [u8]> {
        let body = body.trim_ascii();
        self.content_seen |= !body.is_empty();
        self.done = true;
        if !matches!(body.first(), Some(b'{' | b'[')) {
            self.readable |= !body.is_empty();
            return None;
        }
        let is_long = body.len() > LONG_BODY && matches!(self.api, Api::Embeddings | Api::Other);
        let mut top = Top::read_cut(if is_long { &body[..END_OF_LONG_BODY] } else { body });
        if self.facts.generates
            && let Some(error) = failure::in_body(body, &top)
        {
            return Some(error);
        }
        if is_long {
            top.usage = top.usage.or_else(|| text::last_usage(&body[body.len() - END_OF_LONG_BODY..]));
        }
        self.take_answer(&top);
        self.take_usage_of(&top);
        if !self.stated.is_some() && self.facts.generates && self.answers_with_text() {
            let choices = top.choices.and_then(|_| json::member(body, "choices"));
            let parts = [choices, top.output, top.content];
            let tokens: u64 = parts.into_iter().flatten().map(estimate_tokens).sum();
            self.text_quarters += 4 * tokens;
        }
        self.readable |= is_long || self.shows_something(&top);
        None
    }

    /// Whether an event is the extra one that `include_usage` asks for: no choices, only usage. It is hidden from a client
    /// that did not ask for it.
    pub fn is_added_usage(event: &Event<'_>) -> bool {
        memchr::memmem::find(event.data, b"\"usage\"").is_some()
            && Top::read(event.data.trim_ascii()).is_ok_and(|top| {
                top.usage.is_some_and(|usage| usage.starts_with(b"{")) && top.choices.is_some_and(|choices| choices.count == 0)
            })
    }

    /// What was read, when the answer ended so.
    pub fn finish(self, end: End) -> Metered {
        let finished = self.is_finished();
        let usage = self.usage(end == End::Cut && !finished);
        Metered {
            usage,
            blank: finished && !self.readable && (self.finish_reason.is_some() || self.stated.is_some()),
            content_seen: self.content_seen,
            finished,
            finish_reason: self.finish_reason,
            id: self.id,
            model: self.model,
            background: self.background,
            status: self.status,
            containers: self.containers,
        }
    }

    fn unless_empty<'a>(&self, kind: EventKind<'a>) -> EventKind<'a> {
        if kind == EventKind::Done && self.is_empty() { EventKind::Nothing } else { kind }
    }

    fn take_kind(&mut self, kind: EventKind<'_>) {
        match kind {
            EventKind::Content => self.content_seen = true,
            EventKind::Done => self.done = true,
            EventKind::Finish | EventKind::Error(_) | EventKind::Nothing => {}
        }
    }

    /// Takes the end of an event that is too long, as pictures are.
    fn take_tail(&mut self, name: &[u8], tail: &[u8]) {
        self.content_seen = true;
        self.readable = true;
        if let Some(usage) = text::last_usage(tail) {
            self.stated_with_content |= self.stated.take(usage);
        }
        self.take_typed(name, &Top::default(), None);
    }

    fn take_event(&mut self, kind: &[u8], data: &[u8], top: &Top<'_>) {
        let is_delta = top.choices.is_some() || kind.ends_with(b".delta") || kind == b"content_block_delta";
        if is_delta && let Some(added) = plain::added_text(kind, data) {
            self.text_quarters += text_quarters(&data[added]);
        }
        let nested = top.response.or(top.message).map(Top::read_cut);
        for answer in [Some(top), nested.as_ref()].into_iter().flatten() {
            self.take_answer(answer);
            self.take_usage_of(answer);
        }
        if let Some(reason) = top.delta.and_then(|delta| json::member(delta, "stop_reason")) {
            self.finish_reason = shape::text(Some(reason)).or(self.finish_reason.take());
        }
        self.take_typed(kind, top, nested.as_ref());
    }

    fn take_typed(&mut self, kind: &[u8], top: &Top<'_>, nested: Option<&Top<'_>>) {
        match kind {
            b"image_generation.completed" | b"image_edit.completed" => {
                self.pictures += 1;
                self.readable = true;
                self.end_with("completed");
            }
            b"speech.audio.done" | b"transcript.text.done" => self.end_with("done"),
            b"content_block_start" => self.readable |= top.content_block.is_some_and(readable::in_block),
            b"content_block_delta" => self.readable |= top.delta.is_some_and(readable::in_block),
            _ if top.choices.is_some() => {
                self.readable |= top.choices.is_some_and(|choices| choices.is_readable);
            }
            _ if kind.starts_with(b"response.") => {
                let says = kind.ends_with(b".delta") && memchr::memmem::find(kind, b"reasoning").is_none();
                self.readable |= says && top.delta.is_some_and(has_substance);
                self.readable |= nested.is_some_and(|nested| self.shows_something(nested));
                if let b"response.completed" | b"response.incomplete" | b"response.cancelled" = kind {
                    self.finish_reason.get_or_insert_with(|| String::from_utf8_lossy(&kind[9..]).into());
                }
            }
            _ => self.readable |= self.content_seen && !self.answers_with_text(),
        }
    }

    fn shows_something(&self, answer: &Top<'_>) -> bool {
        readable::in_answer(answer).unwrap_or(!self.answers_with_text())
    }

    fn answers_with_text(&self) -> bool {
        matches!(self.api, Api::Chat | Api::Completions | Api::Responses | Api::Messages)
    }

    fn end_with(&mut self, reason: &str) {
        self.content_seen = true;
        self.finish_reason.get_or_insert_with(|| reason.into());
    }

    /// Members that an answer has wherever it stands: whole, inside an event, or as the event itself.
    fn take_answer(&mut self, top: &Top<'_>) {
        if self.id.is_none() {
            self.id = shape::text(top.id);
        }
        if self.model.is_none() {
            self.model = shape::text(top.model);
        }
        self.background |= top.background == Some(b"true");
        if self.containers.is_empty() {
            self.containers = top.output.map(containers::in_output).unwrap_or_default();
        }
        let reasons = [top.choices.and_then(|choices| choices.finish_reason), top.stop_reason];
        for reason in reasons.into_iter().flatten() {
            self.finish_reason = shape::text(Some(reason)).or(self.finish_reason.take());
        }
        let Some(status) = top.status.and_then(unquoted) else { return };
        self.status = shape::text(top.status);
        if top.object == Some(b"\"response\"") && matches!(status, b"completed" | b"incomplete" | b"cancelled") {
            let reason = top.incomplete_details.and_then(|details| json::member(details, "reason"));
            self.finish_reason = shape::text(reason).or(self.status.clone());
        }
    }

    fn take_usage_of(&mut self, top: &Top<'_>) {
        let in_choice = top.choices.and_then(|choices| choices.usage);
        let in_extension = top.x_groq.and_then(|extension| json::member(extension, "usage"));
        for usage in [in_extension, in_choice, top.usage].into_iter().flatten() {
            self.stated_with_content |= self.stated.take(usage) && self.content_seen;
        }
        if let Some(seconds) = top.duration.filter(|_| self.api == Api::Audio) {
            self.stated.take_duration(seconds);
        }
        if self.api == Api::Images {
            self.pictures += elements(top.data.unwrap_or_default()).count() as u64;
        }
    }

    fn usage(&self, partial: bool) -> Usage {
        let mut usage = self.stated.usage();
        if matches!(self.api, Api::Embeddings | Api::Other) {
            usage.input = usage.input.or(self.stated.total());
        }
        if self.api == Api::Images {
            usage.pictures = Some(self.pictures).filter(|pictures| *pictures > 0);
            usage.image_output = usage.image_output.or(usage.output);
        }
        if self.api == Api::Audio && usage.total_tokens().is_none() && usage.audio_ms.is_none() {
            usage.characters = self.facts.input_characters.filter(|_| self.content_seen);
        }
        if usage.pictures.is_some() || usage.audio_ms.is_some() || usage.characters.is_some() {
            usage.quality = UsageQuality::Exact;
        }
        usage.partial = partial;
        let is_last_word = usage.quality == UsageQuality::Exact && (!partial || self.stated_with_content);
        if !is_last_word {
            self.estimate(&mut usage);
        }
        usage
    }

    /// Fills in what the provider did not say, for calls whose answer is text.
    fn estimate(&self, usage: &mut Usage) {
        let answers_with_text = self.answers_with_text();
        let reads_text = answers_with_text || matches!(self.api, Api::Embeddings | Api::Moderations);
        if !self.facts.generates || self.background || !reads_text {
            return;
        }
        usage.input = usage.input.or(self.facts.estimated_input);
        if answers_with_text {
            usage.output = Some(usage.output.unwrap_or(0).max(self.text_quarters.div_ceil(4)));
        }
        if usage.input.is_some() || usage.output.is_some() {
            usage.quality = UsageQuality::Estimated;
        }
    }
}
