//! Errors inside answers that say 200: OpenAI's own, in an array, inside a response or a choice, and other vendors' shapes.

use super::shape::{Top, elements, has_substance, unquoted};
use crate::proxy::json::{self, Members};

/// The error in a whole body, as the JSON that a classifier reads; `None` when the body is an ordinary answer.
///
/// Only for calls that ask for an answer: an object fetched later may rightly tell of its own error.
pub fn body_error(body: &[u8]) -> Option<&[u8]> {
    let body = body.trim_ascii();
    in_body(body, &Top::read_cut(body))
}

/// As [`body_error`], for a body whose top level was read. It begins with its first bracket.
pub(super) fn in_body<'a>(body: &'a [u8], top: &Top<'a>) -> Option<&'a [u8]> {
    match body.first()? {
        b'{' => find(body, top),
        b'[' => elements(body).next().filter(|first| json::member(first, "error").is_some_and(is_error_value)),
        _ => None,
    }
}

/// The error in an object whose top level was read.
pub(super) fn find<'a>(text: &'a [u8], top: &Top<'a>) -> Option<&'a [u8]> {
    if top.error.is_some_and(is_error_value) && !tells_of_another_error(top) {
        return Some(text);
    }
    if let Some(response) = top.response
        && json::member(response, "error").is_some_and(is_error_value)
    {
        return Some(response);
    }
    if let Some(failed) = top.choices.and_then(|choices| choices.failed) {
        return Some(failed);
    }
    let kind = top.kind.and_then(unquoted);
    let is_error = matches!(kind, Some(b"error" | b"response.failed"))
        || top.object == Some(b"\"error\"")
        || (!has_answer(top) && is_vendor_error(top))
        || top.base_resp.and_then(|base| json::member(base, "status_code")).is_some_and(is_failure_code);
    is_error.then_some(text)
}

/// Whether an object is a response that has not failed itself: its `error` says something about its past or its parts.
fn tells_of_another_error(top: &Top<'_>) -> bool {
    top.object == Some(b"\"response\"") && top.status != Some(b"\"failed\"")
}

/// Whether the value of a member `error` tells of one: a text, or an object that says something. Jobs carry an object of
/// nulls while nothing is wrong.
fn is_error_value(value: &[u8]) -> bool {
    match Members::open(value, 0) {
        Some(members) => members.map_while(Result::ok).any(|member| has_substance(&value[member.value])),
        None => value.starts_with(b"\"") && has_substance(value),
    }
}

/// Whether there is an answer beside what looks like an error code.
fn has_answer(top: &Top<'_>) -> bool {
    let parts = [top.output, top.data, top.content, top.text, top.response, top.delta];
    top.choices.is_some_and(|choices| choices.count > 0) || parts.into_iter().flatten().any(has_substance)
}

fn is_vendor_error(top: &Top<'_>) -> bool {
    let has_words = top.message.or(top.msg).is_some_and(|words| words.starts_with(b"\""));
    top.success == Some(b"false")
        || top.error_code.is_some_and(is_failure_code)
        || (has_words && top.code.is_some_and(is_failure_code))
}

/// A code that names a failure: everything but zero, the 200s and words of success.
fn is_failure_code(code: &[u8]) -> bool {
    let code = unquoted(code).unwrap_or(code);
    let is_success = matches!(code, b"" | b"0" | b"null" | b"true" | b"000000")
        || (code.len() == 3 && code[0] == b'2')
        || code.eq_ignore_ascii_case(b"ok")
        || code.eq_ignore_ascii_case(b"success");
    !is_success
}
