//! The cursor against serde_json, and on what serde_json refuses.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn whole(text: &[u8]) -> Result<(), JsonError> {
    let mut cursor = Cursor::new(text, 0);
    cursor.value()?;
    cursor.end()
}

/// Any JSON value, a few levels deep.
pub(in crate::proxy) fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        ".{0,12}".prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 6, |inner| {
        let members = prop::collection::vec((any_name(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A member's name, often one of a few, so that edits meet existing ones.
pub(in crate::proxy) fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-d]", 1 => "[0-9~/\"\\\\é汉-]{0,3}"]
}

/// The same value written with white space and escapes that serde_json does not write.
pub(in crate::proxy) fn loosely(value: &Value, salt: usize) -> String {
    let space = [" ", "", "\n\t", "\r\n  "][salt % 4];
    let inside = |value: &Value| format!("{space}{}{space}", loosely(value, salt.wrapping_mul(7) + 3));
    match value {
        Value::Object(members) => {
            let members: Vec<_> =
                members.iter().map(|(name, value)| format!("{}:{}", quoted(name, salt), inside(value))).collect();
            format!("{{{space}{}}}", members.join(&format!("{space},{space}")))
        }
        Value::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(inside).collect();
            format!("[{}]", elements.join(","))
        }
        Value::String(text) => quoted(text, salt),
        other => other.to_string(),
    }
}

fn quoted(text: &str, salt: usize) -> String {
    if !salt.is_multiple_of(3) {
        return Value::from(text).to_string();
    }
    let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{units}\"")
}

/// Gathers what a walk tells.
#[derive(Default)]
struct Told {
    plain: Vec<(Vec<u8>, bool)>,
    numbers: usize,
}

impl Visit for Told {
    fn string(&mut self, text: &[u8], is_plain: bool) {
        self.plain.push((text.to_vec(), is_plain));
    }

    fn number(&mut self) {
        self.numbers += 1;
    }
}

proptest! {
    #[test]
    fn a_string_is_plain_when_it_is_ascii_without_escapes(texts in prop::collection::vec("[a-z]{0,20}(é|\"|\\\\|\n)?[a-z]{0,20}", 0..4)) {
        let mut told = Told::default();
        let text = serde_json::to_string(&(&texts, 1, [2.5, -3.0])).unwrap();
        Cursor::new(text.as_bytes(), 0).walk(0, &mut told).unwrap();
        prop_assert_eq!(told.numbers, 3);
        let expected: Vec<_> = texts.iter().map(|text| text.bytes().all(|byte| byte.is_ascii_lowercase())).collect();
        prop_assert_eq!(told.plain.iter().map(|(_, is_plain)| *is_plain).collect::<Vec<_>>(), expected);
        let found: Vec<_> = told.plain.iter().map(|(text, _)| unescape(text).unwrap().into_owned()).collect();
        prop_assert_eq!(found, texts);
    }

    #[test]
    fn nested_reading_agrees_with_spans(value in any_value(), salt in 0usize..12) {
        let text = loosely(&value, salt);
        let Value::Object(expected) = &value else { return Ok(()) };
        let mut found = serde_json::Map::new();
        let mut cursor = Cursor::new(text.as_bytes(), 0);
        let read = cursor.each_member(|cursor, name| {
            let mut elements: Vec<Value> = Vec::new();
            let value = if cursor.next_byte()? == b'[' {
                cursor.each_element(|cursor| {
                    elements.push(serde_json::from_slice(cursor.text()?).unwrap());
                    Ok(())
                })?;
                Value::from(elements)
            } else {
                serde_json::from_slice(cursor.text()?).unwrap()
            };
            found.insert(unescape(name).unwrap().into_owned(), value);
            Ok(())
        });
        prop_assert_eq!(read, Ok(()));
        prop_assert_eq!(cursor.end(), Ok(()));
        prop_assert_eq!(&found, expected);
        prop_assert_eq!(compact(text.as_bytes()).unwrap().contains(['\n', '\r', '\t']), false);
        prop_assert_eq!(serde_json::from_str::<Value>(&compact(text.as_bytes()).unwrap()).unwrap(), value);
    }

    #[test]
    fn accepts_what_serde_json_writes(value in any_value(), salt in 0usize..12) {
        let text = loosely(&value, salt);
        prop_assert_eq!(whole(text.as_bytes()), Ok(()));
        prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn agrees_with_serde_json_on_damaged_text(value in any_value(), salt in 0usize..12, at in any::<prop::sample::Index>(), byte in "[\\]\\[{}:,\"\\\\ue0-9.+tn \u{1}]") {
        let mut text = loosely(&value, salt);
        let at = (0..=text.len()).rev().skip(at.index(text.len() + 1)).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.insert_str(at, &byte);
        let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
        prop_assert_eq!(whole(text.as_bytes()).is_ok(), theirs, "{}", text);
    }

    #[test]
    fn never_panics(text in prop::collection::vec(any::<u8>(), 0..64), json in "[\\[\\]{}:,\"\\\\u0-9tfnalse. -]{0,40}") {
        let _ = whole(&text);
        let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&json).is_ok();
        prop_assert_eq!(whole(json.as_bytes()).is_ok(), theirs, "{}", json);
    }

    #[test]
    fn members_have_the_values_of_the_parse(value in any_value(), salt in 0usize..12) {
        let text = loosely(&value, salt);
        let Value::Object(expected) = &value else { return Ok(()) };
        let mut found = serde_json::Map::new();
        for member in Members::open(text.as_bytes(), 0).unwrap() {
            let member = member.unwrap();
            prop_assert_eq!(text.as_bytes()[member.start], b'"');
            found.insert(unescape(member.name).unwrap().into_owned(), serde_json::from_str(&text[member.value]).unwrap());
        }
        prop_assert_eq!(&found, expected);
    }
}

#[test]
fn depth_is_limited_without_recursion() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(whole(nested(MAX_DEPTH).as_bytes()), Ok(()));
    assert_eq!(whole(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonError::TooDeep));
    assert_eq!(whole("{\"a\":".repeat(100_000).as_bytes()), Err(JsonError::TooDeep));
    let wide = format!("[{}]", vec!["[]"; 10_000].join(","));
    assert_eq!(whole(wide.as_bytes()), Ok(()));
}

#[test]
fn lone_surrogates_pass_undecoded() {
    assert_eq!(whole(br#"{"a\ud800":"\udc00 \uD83D"}"#), Ok(()));
    assert_eq!(unescape(br"\ud800"), None);
    assert_eq!(unescape(br"\ud83d\ude42").as_deref(), Some("🙂"));
}

#[test]
fn control_characters_inside_a_long_string_are_found() {
    for at in 0..40 {
        let mut text = format!("\"{}\"", "x".repeat(40)).into_bytes();
        text[at + 1] = 0x1f;
        assert_eq!(whole(&text), Err(JsonError::Unexpected(at + 1)));
        text[at + 1] = 0x80;
        assert_eq!(whole(&text), Ok(()), "bytes above ASCII need no look");
    }
}

#[test]
fn numbers_are_read_without_surprise() {
    assert_eq!(as_u64(b"18446744073709551615"), Some(u64::MAX));
    assert_eq!(as_u64(b"12.9"), Some(12));
    assert_eq!(as_u64(b"1e3"), Some(1000));
    for odd in ["-1", "-0.5", "1e400", "99999999999999999999", "null", "\"7\"", "true"] {
        assert_eq!(as_u64(odd.as_bytes()), None, "{odd}");
    }
}

#[test]
fn the_last_of_repeated_members_counts() {
    assert_eq!(member(br#"{"a":1,"b":2,"\u0061":3}"#, "a"), Some(&b"3"[..]));
    assert_eq!(member(br#"{"a":1,"b"#, "a"), None, "a broken object tells nothing");
    assert_eq!(member(b"[1]", "a"), None);
}
