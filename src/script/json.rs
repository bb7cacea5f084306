//! Values of scripts as JSON text, and JSON text as values of scripts.

use std::fmt::{self, Write};

use rhai::{Array, Dynamic, ImmutableString, Map};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::objects::{Json, StringList};

/// Deepest nesting of a value that is written.
const DEPTH: usize = 64;

/// Why a value has no JSON form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is of a type that JSON does not know.
    #[error("{0} has no JSON form")]
    Type(String),
    /// It is infinite or not a number.
    #[error("{0} is not a JSON number")]
    Number(String),
    /// It is nested too deeply.
    #[error("the value is nested more than {DEPTH} deep")]
    Depth,
    /// The text is not JSON.
    #[error("the text is not JSON: {0}")]
    Text(String),
}

/// The JSON text of a value. Members of a map are sorted by name; what came from a body keeps its text.
pub fn to_json(value: &Dynamic) -> Result<String, JsonError> {
    let mut text = String::new();
    write(&mut text, value, DEPTH, usize::MAX)?;
    Ok(text)
}

/// A value for a message: JSON where it has a JSON form, else its type; cut soon after `most` bytes.
pub fn shown(value: &Dynamic, most: usize) -> String {
    let mut text = String::new();
    match write(&mut text, value, DEPTH, most) {
        Ok(()) => text,
        Err(_) => format!("a value of type {}", value.type_name().rsplit("::").next().unwrap_or_default()),
    }
}

fn write(out: &mut String, value: &Dynamic, depth: usize, most: usize) -> Result<(), JsonError> {
    if out.len() > most {
        return Ok(());
    }
    let depth = depth.checked_sub(1).ok_or(JsonError::Depth)?;
    if value.is_unit() {
        out.push_str("null");
    } else if let Ok(flag) = value.as_bool() {
        out.push_str(if flag { "true" } else { "false" });
    } else if let Ok(number) = value.as_int() {
        _ = write!(out, "{number}");
    } else if let Ok(number) = value.as_float() {
        let text = serde_json::Number::from_f64(number).ok_or_else(|| JsonError::Number(number.to_string()))?;
        _ = write!(out, "{text}");
    } else if let Ok(c) = value.as_char() {
        write_string(out, c.encode_utf8(&mut [0; 4]), most);
    } else if let Some(text) = value.read_lock::<ImmutableString>() {
        write_string(out, &text, most);
    } else if let Some(items) = value.read_lock::<Array>() {
        write_list(out, items.iter(), |out, item| write(out, item, depth, most))?;
    } else if let Some(map) = value.read_lock::<Map>() {
        write_map(out, &map, depth, most)?;
    } else if let Some(node) = value.read_lock::<Json>() {
        out.push_str(&node.text());
    } else if let Some(list) = value.read_lock::<StringList>() {
        write_list(out, list.iter(), |out, item| {
            write_string(out, item, most);
            Ok(())
        })?;
    } else {
        return Err(JsonError::Type(value.type_name().rsplit("::").next().unwrap_or_default().to_owned()));
    }
    Ok(())
}

fn write_string(out: &mut String, text: &str, most: usize) {
    let shown = match text.char_indices().nth(most) {
        Some((at, _)) => &text[..at],
        None => text,
    };
    out.push_str(&serde_json::Value::from(shown).to_string());
}

fn write_list<T>(
    out: &mut String,
    items: impl Iterator<Item = T>,
    mut write_item: impl FnMut(&mut String, T) -> Result<(), JsonError>,
) -> Result<(), JsonError> {
    out.push('[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_item(out, item)?;
    }
    out.push(']');
    Ok(())
}

fn write_map(out: &mut String, map: &Map, depth: usize, most: usize) -> Result<(), JsonError> {
    out.push('{');
    for (at, (name, member)) in map.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_string(out, name, most);
        out.push(':');
        write(out, member, depth, most)?;
    }
    out.push('}');
    Ok(())
}

/// The value of a JSON text: whole numbers that fit are integers, the others floats; a repeated member's last value counts.
pub fn from_json(text: &[u8]) -> Result<Dynamic, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let broken = |error: serde_json::Error| JsonError::Text(error.to_string());
    let value = AsDynamic.deserialize(&mut deserializer).map_err(broken)?;
    deserializer.end().map_err(broken)?;
    Ok(value)
}

struct AsDynamic;

impl<'de> DeserializeSeed<'de> for AsDynamic {
    type Value = Dynamic;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Dynamic, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AsDynamic {
    type Value = Dynamic;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Dynamic, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Dynamic, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Dynamic, E> {
        Ok(i64::try_from(number).map_or_else(|_| (number as f64).into(), Dynamic::from))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Dynamic, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Dynamic, E> {
        Ok(ImmutableString::from(text).into())
    }

    fn visit_unit<E>(self) -> Result<Dynamic, E> {
        Ok(Dynamic::UNIT)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Dynamic, A::Error> {
        let mut array = Array::new();
        while let Some(item) = items.next_element_seed(AsDynamic)? {
            array.push(item);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Dynamic, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            map.insert(name.into(), members.next_value_seed(AsDynamic)?);
        }
        Ok(map.into())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Dynamic, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Dynamic, E> {
        Err(E::custom("bytes are not JSON"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str) -> String {
        to_json(&from_json(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn values_go_there_and_back() {
        let text = r#"{"a":[1,-2.5,true,null,"é\n\""],"b":{"c":"😀"}}"#;
        assert_eq!(round(text), text);
        assert_eq!(round("1.0"), "1.0");
        assert_eq!(round("9223372036854775807"), "9223372036854775807");
        assert_eq!(round(r#"{"a":1,"a":2}"#), r#"{"a":2}"#);
        assert!(from_json(b"18446744073709551615").unwrap().is_float());
        assert!(from_json(b"{} x").is_err() && from_json(b"[1,").is_err());
        assert!(from_json("[".repeat(10_000).as_bytes()).is_err(), "too deep to read");
    }

    #[test]
    fn what_has_no_json_form_is_named() {
        assert_eq!(to_json(&f64::NAN.into()).unwrap_err().to_string(), "NaN is not a JSON number");
        assert_eq!(to_json(&Dynamic::from(std::time::Duration::ZERO)).unwrap_err(), JsonError::Type("Duration".into()));
        assert_eq!(shown(&Dynamic::from(std::time::Duration::ZERO), 10), "a value of type Duration");
        let nested = (0..70).fold(Dynamic::from(1_i64), |inner, _| Dynamic::from(vec![inner]));
        assert_eq!(to_json(&nested), Err(JsonError::Depth));
    }

    #[test]
    fn a_shown_value_is_cut() {
        let long = Dynamic::from(vec![Dynamic::from("x".repeat(1_000)); 1_000]);
        assert!(shown(&long, 100).len() < 5_000);
    }
}
