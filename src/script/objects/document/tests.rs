//! Reading and editing a document.

use super::*;

fn document(text: &'static str) -> Document {
    Document::new(Bytes::from_static(text.as_bytes()), 1_000)
}

fn edit(pointer: &str, action: BodyEditAction) -> BodyEdit {
    BodyEdit { pointer: pointer.to_owned(), action }
}

#[test]
fn a_text_is_read_level_by_level() {
    let mut body = document(r#" {"a":{"b":[1,{"c":2}]},"m":"x","m":"y","e\u0022":null} "#);
    let a = body.member(NodeId::ROOT, "a").unwrap().unwrap();
    assert_eq!(body.nodes.len(), 5, "only the first level");
    let b = body.member(a, "b").unwrap().unwrap();
    assert_eq!((body.kind(b), body.len(b).unwrap()), (NodeKind::Array, 2));
    let last = body.element(b, -1).unwrap().unwrap();
    assert_eq!(body.text(last), r#"{"c":2}"#);
    let m = body.member(NodeId::ROOT, "m").unwrap().unwrap();
    assert_eq!(body.scalar(m).unwrap().unwrap().into_immutable_string().unwrap(), "y");
    assert_eq!(body.names(NodeId::ROOT).unwrap(), ["a", "m", "m", "e\""]);
    assert!(body.member(NodeId::ROOT, "z").unwrap().is_none() && body.element(b, 2).unwrap().is_none());
}

#[test]
fn edits_are_kept_and_seen() {
    let mut body = document(r#"{"messages":[{"role":"user"},{"role":"x"}],"n":18446744073709551615,"a/b":1}"#);
    let messages = body.member(NodeId::ROOT, "messages").unwrap().unwrap();
    let first = body.element(messages, 0).unwrap().unwrap();
    body.set_member(first, "content", r#""a""#.into()).unwrap();
    body.set_member(first, "content", r#""b""#.into()).unwrap();
    body.insert(messages, 0, r#"{"role":"system"}"#.into()).unwrap();
    body.set_member(first, "name", r#""n""#.into()).unwrap();
    body.set_element(messages, 3, "7".into()).unwrap();
    assert!(body.remove_element(messages, 2).unwrap());
    assert!(body.remove_member(NodeId::ROOT, "a/b").unwrap() && !body.remove_member(NodeId::ROOT, "zz").unwrap());
    use BodyEditAction::{Insert, Remove, Set};
    assert_eq!(
        body.edits(),
        [
            edit("/messages/0/content", Set(r#""b""#.into())),
            edit("/messages/0", Insert(r#"{"role":"system"}"#.into())),
            edit("/messages/1/name", Set(r#""n""#.into())),
            edit("/messages/-", Set("7".into())),
            edit("/messages/2", Remove),
            edit("/a~1b", Remove),
        ]
    );
    let text = r#"{"messages":[{"role":"system"},{"role":"user","content":"b","name":"n"},7],"n":18446744073709551615}"#;
    assert_eq!(body.text(NodeId::ROOT), text);
}

#[test]
fn what_was_removed_cannot_be_edited() {
    let mut body = document(r#"{"a":[{"b":1}],"c":{"d":1}}"#);
    let a = body.member(NodeId::ROOT, "a").unwrap().unwrap();
    let first = body.element(a, 0).unwrap().unwrap();
    body.remove_element(a, 0).unwrap();
    assert!(body.set_member(first, "b", "2".into()).is_err());
    let c = body.member(NodeId::ROOT, "c").unwrap().unwrap();
    body.set_member(NodeId::ROOT, "c", "{}".into()).unwrap();
    assert!(body.set_member(c, "d", "2".into()).is_err());
    assert_eq!(body.text(NodeId::ROOT), r#"{"a":[],"c":{}}"#);
}

#[test]
fn what_is_not_json_is_nothing() {
    for text in ["", "plain text", "--boundary", "{\"a\":", "[1 2]"] {
        let mut body = document(text);
        assert!(body.member(NodeId::ROOT, "a").unwrap().is_none(), "{text}");
        assert!(body.set_member(NodeId::ROOT, "a", "1".into()).is_err(), "{text}");
        assert!(body.edits().is_empty());
    }
}

#[test]
fn a_body_of_too_many_values_is_refused() {
    let mut body = Document::new(format!("[{}1]", "1,".repeat(5_000)).into(), 1_000);
    assert!(body.len(NodeId::ROOT).is_err());
}
