//! Edits change what they name and not one byte more.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::proxy::json::tests::{any_name, any_value, loosely};
use crate::proxy::{Patch, PatchError, peek};

const BODY: &str = "{ \"model\":\"m\",\n\t\"big\":18446744073709551615, \"f\" : 1.0,\"e\":1e-1,\"u\":9007199254740993,\"n\":null,\
                    \"s\":{\"z\":1,\"a\":2}, \"l\":[1, 2 ,3] }";

fn applied(body: &str, patch: Patch) -> String {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let once = patch.apply(&body).unwrap();
    assert_eq!(patch.apply(&body).unwrap(), once, "the same edits give the same bytes");
    String::from_utf8(once.to_vec()).unwrap()
}

fn set(pointer: &str, value: Value) -> Patch {
    Patch::new().set(pointer, &value).unwrap()
}

#[test]
fn only_the_edited_bytes_change() {
    let cases = [
        (set("/model", json!("gpt")), "\"model\":\"m\"", "\"model\":\"gpt\""),
        (set("/s/a", json!({"deep": [true]})), "\"a\":2", "\"a\":{\"deep\":[true]}"),
        (set("/s/b", json!(3)), "\"a\":2}", "\"a\":2,\"b\":3}"),
        (set("/l/1", json!("two")), "[1, 2 ,3]", "[1, \"two\" ,3]"),
        (set("/l/-", json!(4)), "[1, 2 ,3]", "[1, 2 ,3,4]"),
        (set("/l/3", json!(4)), "[1, 2 ,3]", "[1, 2 ,3,4]"),
        (set("/n/x/y", json!(1)), "\"n\":null", "\"n\":{\"x\":{\"y\":1}}"),
        (set("/stream_options/include_usage", json!(true)), "3] }", "3],\"stream_options\":{\"include_usage\":true} }"),
        (Patch::new().remove("/model").unwrap(), "{ \"model\":\"m\",\n\t\"big\"", "{ \"big\""),
        (Patch::new().remove("/n").unwrap(), ",\"n\":null", ""),
        (Patch::new().remove("/l/0").unwrap(), "[1, 2 ,3]", "[2 ,3]"),
        (Patch::new().remove("/l/2").unwrap(), "[1, 2 ,3]", "[1, 2]"),
        (Patch::new().remove("/l/9").unwrap(), "", ""),
        (Patch::new().remove("/none/of/these").unwrap(), "", ""),
        (Patch::new().insert_json("/l/0", "0".into()).unwrap(), "[1, 2 ,3]", "[0,1, 2 ,3]"),
        (Patch::new().insert_json("/l/-", "4".into()).unwrap(), "[1, 2 ,3]", "[1, 2 ,3,4]"),
        (Patch::new().set_json("/f", "1e400".into()).unwrap(), "1.0", "1e400"),
        (Patch::new(), "", ""),
    ];
    for (patch, old, new) in cases {
        assert_eq!(applied(BODY, patch.clone()), BODY.replacen(old, new, 1), "{patch:?}");
    }
}

#[test]
fn empty_containers_take_members() {
    assert_eq!(applied("{ }", set("/a", json!(1))), "{\"a\":1 }");
    assert_eq!(applied("{\"a\":[ ]}", set("/a/-", json!(1))), "{\"a\":[1 ]}");
    assert_eq!(applied("{\"a\":1}", Patch::new().remove("/a").unwrap()), "{}");
    assert_eq!(applied("[1]", Patch::new().remove("/0").unwrap()), "[]");
    assert_eq!(applied("null", set("/a", json!(1))), "{\"a\":1}");
}

#[test]
fn repeated_names_are_removed_together_and_set_at_the_last() {
    let body = r#"{"a":1,"b":2,"\u0061":3,"a":4}"#;
    assert_eq!(applied(body, Patch::new().remove("/a").unwrap()), r#"{"b":2}"#);
    assert_eq!(applied(body, set("/a", json!(9))), r#"{"a":1,"b":2,"\u0061":3,"a":9}"#);
}

#[test]
fn edits_follow_one_another() {
    let patch = set("/a", json!([])).set("/a/-", "x").unwrap().remove("/b").unwrap().set("/a/0", &7).unwrap();
    assert_eq!(applied(r#"{"b":1}"#, patch), r#"{"a":[7]}"#);
}

#[test]
fn impossible_edits_say_why() {
    let body = Bytes::from_static(BODY.as_bytes());
    let error = |patch: Patch| patch.apply(&body).unwrap_err();
    assert_eq!(error(set("/model/x", json!(1))), PatchError::NoContainer("/model/x".into()));
    assert_eq!(error(set("/l/x", json!(1))), PatchError::NoContainer("/l/x".into()));
    assert_eq!(error(set("/l/7", json!(1))), PatchError::NoElement("/l/7".into()));
    assert_eq!(error(set("/none/0", json!(1))), PatchError::NoContainer("/none/0".into()), "arrays are not made up");
    assert_eq!(error(Patch::new().insert_json("/s/a", "1".into()).unwrap()), PatchError::NoContainer("/s/a".into()));
    assert_eq!(error(Patch::new().remove("").unwrap()), PatchError::NoContainer(String::new()));
    assert!(matches!(set("/a", json!(1)).apply(&Bytes::from_static(b"{")), Err(PatchError::Body(_))));
    assert_eq!(Patch::new().remove("model"), Err(PatchError::Pointer("model".into())));
    assert_eq!(Patch::new().set_json("/a", "1 2".into()), Err(PatchError::Value("/a".into())));
}

#[test]
fn the_model_is_replaced_in_place() {
    let body = Bytes::from_static(b"{\"x\":1.0, \"mod\\u0065l\" : \"a\\u0062\" ,\"y\":2}");
    let found = peek(&body).unwrap();
    assert_eq!(&found.with_model("q\"\u{e9}")[..], "{\"x\":1.0, \"mod\\u0065l\" : \"q\\\"é\" ,\"y\":2}".as_bytes());
    let none = Bytes::from_static(b"{}");
    assert_eq!(peek(&none).unwrap().with_model("x"), none);
}

/// One edit that a parse can follow.
#[derive(Clone, Debug)]
enum Edit {
    Set(Vec<String>, Value),
    Insert(Vec<String>, Value),
    Remove(Vec<String>),
}

fn any_edit() -> impl Strategy<Value = Edit> {
    let step = prop_oneof![2 => any_name(), 1 => (0usize..4).prop_map(|index| index.to_string())];
    let steps = prop::collection::vec(step, 1..4);
    prop_oneof![
        (steps.clone(), any_value()).prop_map(|(steps, value)| Edit::Set(steps, value)),
        (steps.clone(), any_value()).prop_map(|(steps, value)| Edit::Insert(steps, value)),
        steps.prop_map(Edit::Remove),
    ]
}

fn pointer(steps: &[String]) -> String {
    steps.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect()
}

impl Edit {
    fn patch(&self) -> Patch {
        match self {
            Edit::Set(steps, value) => Patch::new().set(&pointer(steps), value),
            Edit::Insert(steps, value) => Patch::new().insert_json(&pointer(steps), value.to_string()),
            Edit::Remove(steps) => Patch::new().remove(&pointer(steps)),
        }
        .unwrap()
    }

    fn steps(&self) -> &[String] {
        let (Edit::Set(steps, _) | Edit::Insert(steps, _) | Edit::Remove(steps)) = self;
        steps
    }

    /// The same edit on a parsed value; `None` where it is impossible.
    fn model(&self, root: &Value) -> Option<Value> {
        let mut root = root.clone();
        let steps = self.steps();
        let (last, parents) = steps.split_last()?;
        let creates = matches!(self, Edit::Set(..));
        let mut place = &mut root;
        for (at, step) in parents.iter().enumerate() {
            place = match place {
                Value::Null if creates && is_free(&steps[at..]) => {
                    *place = json!({});
                    place.as_object_mut()?.entry(step).or_insert(json!({}))
                }
                Value::Object(members) if members.contains_key(step) || (creates && is_free(&steps[at + 1..])) => {
                    members.entry(step).or_insert(json!({}))
                }
                Value::Array(elements)
                    if index(step)? < elements.len() || (creates && is_end(step, elements) && is_free(&steps[at + 1..])) =>
                {
                    if is_end(step, elements) {
                        elements.push(json!({}));
                    }
                    let last = elements.len() - 1;
                    &mut elements[index(step)?.min(last)]
                }
                Value::Object(_) | Value::Null if matches!(self, Edit::Remove(_)) => return Some(root),
                Value::Array(_) if matches!(self, Edit::Remove(_)) => return index(step).map(|_| root),
                _ => return None,
            };
        }
        match (self, place) {
            (Edit::Set(_, value), Value::Object(members)) => drop(members.insert(last.clone(), value.clone())),
            (Edit::Set(_, value), place @ Value::Null) if is_free(&steps[steps.len() - 1..]) => {
                *place = json!({ last: value });
            }
            (Edit::Set(_, value), Value::Array(elements)) if index(last)? < elements.len() => {
                elements[index(last)?] = value.clone()
            }
            (Edit::Insert(_, value), Value::Array(elements)) if index(last)? < elements.len() => {
                elements.insert(index(last)?, value.clone());
            }
            (Edit::Set(_, value) | Edit::Insert(_, value), Value::Array(elements)) if is_end(last, elements) => {
                elements.push(value.clone());
            }
            (Edit::Remove(_), Value::Object(members)) => drop(members.shift_remove(last)),
            (Edit::Remove(_), Value::Array(elements)) if index(last)? < elements.len() => drop(elements.remove(index(last)?)),
            (Edit::Remove(_), Value::Array(_)) => return index(last).map(|_| root),
            (Edit::Remove(_), Value::Null) => {}
            _ => return None,
        }
        Some(root)
    }
}

/// Whether all steps can be names of members that are made up.
fn is_free(steps: &[String]) -> bool {
    steps.iter().all(|step| index(step).is_none())
}

fn is_end(step: &str, elements: &[Value]) -> bool {
    step == "-" || index(step) == Some(elements.len())
}

fn index(step: &str) -> Option<usize> {
    if step == "-" {
        return Some(usize::MAX);
    }
    step.parse().ok().filter(|index: &usize| index.to_string() == step)
}

proptest! {
    #[test]
    fn parses_as_the_edited_value(value in any_value(), edit in any_edit(), salt in 0usize..12) {
        let text = loosely(&value, salt);
        let body = Bytes::from(text.clone());
        let result = edit.patch().apply(&body);
        match (edit.model(&value), result) {
            (Some(expected), Ok(edited)) => {
                prop_assert_eq!(serde_json::from_slice::<Value>(&edited).unwrap(), expected, "{:?} on {}", edit, text);
                let after = std::str::from_utf8(&edited).unwrap();
                prop_assert!(others_are_untouched(&text, after, edit.steps()), "{:?} on {}: {}", edit, text, after);
            }
            (None, Err(_)) => {}
            (expected, result) => prop_assert!(false, "{edit:?} on {text}: {expected:?} against {result:?}"),
        }
    }
}

/// Whether everything beside the path of an edit has the very text that it had.
fn others_are_untouched(before: &str, after: &str, steps: &[String]) -> bool {
    let Some((step, rest)) = steps.split_first() else { return true };
    if let (Ok(before), Ok(after)) = (members(before), members(after)) {
        let is_same =
            |(name, text): (&String, &&RawValue)| name == step || after.get(name).is_some_and(|now| now.get() == text.get());
        let inside = match (before.get(step), after.get(step)) {
            (Some(before), Some(after)) => others_are_untouched(before.get(), after.get(), rest),
            _ => true,
        };
        return inside && before.iter().all(is_same);
    }
    let (Ok(before), Ok(after)) = (elements(before), elements(after)) else { return true };
    let same_head = before.iter().zip(&after).take_while(|(before, after)| before.get() == after.get()).count();
    let same_tail =
        before.iter().rev().zip(after.iter().rev()).take_while(|(before, after)| before.get() == after.get()).count();
    let is_step = |at: usize| before.len() == after.len() && at < before.len();
    same_head + same_tail + 1 >= before.len()
        && (!is_step(same_head) || others_are_untouched(before[same_head].get(), after[same_head].get(), rest))
}

fn members(text: &str) -> serde_json::Result<BTreeMap<String, &RawValue>> {
    serde_json::from_str(text)
}

fn elements(text: &str) -> serde_json::Result<Vec<&RawValue>> {
    serde_json::from_str(text)
}
