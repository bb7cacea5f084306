//! What a reader sees of an answer: everything but reasoning, ids and the like. An answer without it is blank.

use super::shape::{Top, elements, has_substance, unquoted};
use crate::proxy::json::Members;

/// Whether an answer shows something; `None` when it has no place where an answer of text would stand.
pub(super) fn in_answer(top: &Top<'_>) -> Option<bool> {
    if let Some(choices) = top.choices {
        return Some(choices.is_readable);
    }
    let parts = top.output.or(top.content)?;
    Some(if parts.starts_with(b"[") { elements(parts).any(in_block) } else { has_substance(parts) })
}

/// Whether a part of an answer (an output item, a content block, its delta) is something that a reader sees.
pub(super) fn in_block(block: &[u8]) -> bool {
    let Some(members) = Members::open(block, 0) else { return has_substance(block) };
    let mut says = false;
    for member in members.map_while(Result::ok) {
        let value = &block[member.value];
        match (member.name, unquoted(value)) {
            (b"type", Some(kind)) if is_unseen(kind) => return false,
            (b"type", Some(b"tool_use" | b"function_call")) => says = true,
            (b"content", _) if value.starts_with(b"[") => says |= elements(value).any(in_block),
            (b"type" | b"id" | b"index" | b"role" | b"status" | b"annotations" | b"logprobs", _) => {}
            _ => says |= has_substance(value),
        }
    }
    says
}

fn is_unseen(kind: &[u8]) -> bool {
    kind.starts_with(b"reasoning")
        || kind.starts_with(b"thinking")
        || kind.starts_with(b"signature")
        || kind.starts_with(b"redacted")
}
