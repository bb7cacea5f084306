//! What one event of a stream is, as far as holding back the head, retrying and ending a call need to know.

use super::shape::{Top, has_substance};
use crate::proxy::json;
use crate::proxy::sse::Event;

/// What an event of a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind<'a> {
    /// It carries nothing that a reader would see yet: roles, filters, pings, "created".
    Nothing,
    /// It carries part of the answer: text, reasoning, a tool call, a refusal, audio, a picture, or something unknown.
    Content,
    /// It is an error. The JSON is what a classifier reads: an object with a member `error`, or the vendor's own shape.
    Error(&'a [u8]),
    /// It says why the answer ended; usage may still follow.
    Finish,
    /// Nothing follows it.
    Done,
}

/// Classifies an event by its shape. An event of an unknown shape is content: holding it back could only do harm.
pub fn event_kind<'a>(event: &Event<'a>) -> EventKind<'a> {
    let data = event.data.trim_ascii();
    if event.too_long {
        return EventKind::Content;
    }
    match data.first() {
        None => kind_by_name(event.name),
        Some(b'{') => match Top::read(data) {
            Ok(top) => kind_of(event.name, data, &top),
            Err(_) => EventKind::Content,
        },
        Some(_) if data == b"[DONE]" => EventKind::Done,
        Some(_) if event.name == b"error" => EventKind::Error(data),
        Some(_) => EventKind::Content,
    }
}

fn kind_by_name(name: &[u8]) -> EventKind<'static> {
    match name {
        b"error" => EventKind::Error(b""),
        b"done" | b"message_stop" => EventKind::Done,
        _ => EventKind::Nothing,
    }
}

/// As [`event_kind`], for an event whose top level was read.
pub(super) fn kind_of<'a>(name: &[u8], data: &'a [u8], top: &Top<'a>) -> EventKind<'a> {
    if let Some(error) = super::failure::find(data, top) {
        return EventKind::Error(error);
    }
    if name == b"error" {
        return EventKind::Error(data);
    }
    if let Some(choices) = &top.choices {
        return match choices.finish_reason {
            Some(_) => EventKind::Finish,
            None => content_if(choices.has_content),
        };
    }
    match top.kind_name(name) {
        b"" if top.object.is_some() => EventKind::Nothing,
        b"" | b"message" => EventKind::Content,
        kind => kind_by_type(kind, top),
    }
}

fn kind_by_type<'a>(kind: &[u8], top: &Top<'a>) -> EventKind<'a> {
    match kind {
        b"response.created" | b"response.in_progress" | b"response.queued" => EventKind::Nothing,
        b"response.output_item.added" | b"response.content_part.added" | b"response.reasoning_summary_part.added" => {
            EventKind::Nothing
        }
        b"response.completed" | b"response.incomplete" | b"response.cancelled" => EventKind::Done,
        b"message_start" | b"ping" | b"content_block_stop" | b"keepalive" => EventKind::Nothing,
        b"content_block_start" => content_if(top.content_block.is_some_and(block_has_content)),
        b"content_block_delta" => content_if(top.delta.is_some_and(block_has_content)),
        b"message_delta" => match top.delta.and_then(|delta| json::member(delta, "stop_reason")) {
            Some(reason) if has_substance(reason) => EventKind::Finish,
            _ => EventKind::Nothing,
        },
        b"message_stop" => EventKind::Done,
        b"image_generation.completed" | b"image_edit.completed" => EventKind::Finish,
        b"speech.audio.done" | b"transcript.text.done" => EventKind::Done,
        _ if kind.ends_with(b".delta") => content_if(top.delta.is_none_or(has_substance)),
        _ => EventKind::Content,
    }
}

fn content_if(has_content: bool) -> EventKind<'static> {
    if has_content { EventKind::Content } else { EventKind::Nothing }
}

/// Whether a block or delta of the messages API says more than its type.
fn block_has_content(block: &[u8]) -> bool {
    let Some(members) = json::Members::open(block, 0) else { return has_substance(block) };
    let says =
        |member: json::Member<'_>| !matches!(member.name, b"type" | b"id" | b"index") && has_substance(&block[member.value]);
    members.map_while(Result::ok).any(says)
}
