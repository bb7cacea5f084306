//! Single values: decoded only where somebody asks for them.

use std::borrow::Cow;

use super::{Cursor, Members};

/// The value of the member `name` of the object at the start of `text`; the last one when it is repeated.
pub(in crate::proxy) fn member<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut found = None;
    for member in Members::open(text, 0)? {
        let member = member.ok()?;
        if name_is(member.name, name) {
            found = Some(&text[member.value]);
        }
    }
    found
}

/// Whether a name between quotes, still escaped, spells `name`.
pub(in crate::proxy) fn name_is(raw: &[u8], name: &str) -> bool {
    raw == name.as_bytes() || (memchr::memchr(b'\\', raw).is_some() && unescape(raw).is_some_and(|decoded| decoded == name))
}

/// The text of a string between its quotes; `None` when it is not UTF-8 or holds a lone surrogate.
pub(in crate::proxy) fn unescape(raw: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(raw).ok()?;
    if memchr::memchr(b'\\', raw).is_none() {
        return Some(Cow::Borrowed(text));
    }
    serde_json::from_str::<String>(&format!("\"{text}\"")).ok().map(Cow::Owned)
}

/// The text of a JSON value that is a string; `None` for other values, and as [`unescape`].
pub(in crate::proxy) fn as_text(value: &[u8]) -> Option<Cow<'_, str>> {
    unescape(value.strip_prefix(b"\"")?.strip_suffix(b"\"")?)
}

/// A JSON value that is a number of zero or more; fractions are cut, negative and endless ones are `None`.
pub(in crate::proxy) fn as_u64(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        (value.first()?.is_ascii_digit() && number.is_finite() && number < u64::MAX as f64).then_some(number as u64)
    })
}

/// A JSON value that is `true` or `false`.
pub(in crate::proxy) fn as_bool(value: &[u8]) -> Option<bool> {
    match value {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

/// The same JSON without white space between its parts.
pub(in crate::proxy) fn compact(text: &[u8]) -> Option<String> {
    let mut compacted = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(byte) = rest.first() {
        let length = match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {
                rest = &rest[1..];
                continue;
            }
            b'"' => Cursor::new(rest, 0).string().ok()?.end + 1,
            _ => 1,
        };
        compacted.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
    }
    String::from_utf8(compacted).ok()
}
