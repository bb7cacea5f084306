//! Edits on the original text of a JSON body: what is not edited keeps its bytes.
//!
//! Order inside a body steers generation and prompt caches, and numbers such as `18446744073709551615` or `1.0` do not
//! survive a parse, so a body is never serialised again.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use serde::Serialize;

use super::peek::Peek;
use crate::proxy::json::{self, Cursor, Elements, JsonError, Members};

/// Why an edit cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The body is not JSON.
    #[error("the body is not valid JSON: {0}")]
    Body(JsonError),
    /// The new value is not JSON.
    #[error("the value for `{0}` is not valid JSON")]
    Value(String),
    /// A pointer is neither empty nor begins with `/`.
    #[error("`{0}` is not a JSON pointer: it must be empty or begin with `/`")]
    Pointer(String),
    /// The pointer leads through a value that has no members or elements.
    #[error("`{0}` leads through a value that is neither an object nor an array")]
    NoContainer(String),
    /// The pointer names an element that does not exist.
    #[error("`{0}` names an element outside the array")]
    NoElement(String),
}

/// Edits, made one after the other in the order in which they were added.
///
/// Places are JSON pointers (RFC 6901): `/model`, `/stream_options/include_usage`, `/messages/0/content`; `-` is the place
/// behind an array's last element. Where a name is repeated, the last one is meant, as parsers read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    edits: Vec<Edit>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Edit {
    pointer: String,
    action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Set(String),
    Insert(String),
    Remove,
}

impl Patch {
    /// No edits.
    pub fn new() -> Self {
        Patch::default()
    }

    /// Whether there is nothing to edit.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Sets a place to a value: replaces what stands there, or adds the member behind its object's last one, with
    /// objects for parents that are missing or null.
    pub fn set<T: Serialize + ?Sized>(self, pointer: &str, value: &T) -> Result<Self, PatchError> {
        let value = serde_json::to_string(value).map_err(|_| PatchError::Value(pointer.to_owned()))?;
        self.set_json(pointer, value)
    }

    /// As [`Patch::set`], with the value as JSON text, which lands in the body as it is.
    pub fn set_json(self, pointer: &str, value: String) -> Result<Self, PatchError> {
        check_value(pointer, &value)?;
        self.with(pointer, Action::Set(value))
    }

    /// Inserts a value, as JSON text, before the array element that the pointer names.
    pub fn insert_json(self, pointer: &str, value: String) -> Result<Self, PatchError> {
        check_value(pointer, &value)?;
        self.with(pointer, Action::Insert(value))
    }

    /// Removes a member (each one of that name) or an element. What does not exist is left so.
    pub fn remove(self, pointer: &str) -> Result<Self, PatchError> {
        self.with(pointer, Action::Remove)
    }

    /// Makes the edits. The same body and edits give the same bytes.
    pub fn apply(&self, body: &Bytes) -> Result<Bytes, PatchError> {
        if self.is_empty() {
            return Ok(body.clone());
        }
        let mut text = body.to_vec();
        for edit in &self.edits {
            edit.apply(&mut text)?;
        }
        Ok(text.into())
    }

    fn with(mut self, pointer: &str, action: Action) -> Result<Self, PatchError> {
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(PatchError::Pointer(pointer.to_owned()));
        }
        self.edits.push(Edit { pointer: pointer.to_owned(), action });
        Ok(self)
    }
}

impl Peek {
    /// The body with another model name, all else unchanged; the same body when it names no model.
    pub fn with_model(&self, model: &str) -> Bytes {
        let Some(at) = self.model_at.clone() else { return self.body.clone() };
        let name = serde_json::Value::from(model).to_string();
        let mut text = Vec::with_capacity(self.body.len() + name.len());
        text.extend_from_slice(&self.body[..at.start]);
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(&self.body[at.end..]);
        text.into()
    }
}

fn check_value(pointer: &str, value: &str) -> Result<(), PatchError> {
    let mut cursor = Cursor::new(value.as_bytes(), 0);
    cursor.value().and_then(|_| cursor.end()).map_err(|_| PatchError::Value(pointer.to_owned()))
}

/// Where a pointer leads.
enum Place {
    /// To a value. `around` also covers the comma and name that go away with it.
    Value { value: Range<usize>, around: Range<usize> },
    /// To an object without the member, or an array's end: a value can be added at `at`, `left` steps being missing.
    Missing { at: usize, comma: bool, in_object: bool, left: usize },
    /// To null, `left` steps before the end.
    Null { value: Range<usize>, left: usize },
    /// Into a value that has no members or elements.
    Blocked,
    /// To an element that does not exist.
    NoElement,
}

impl Edit {
    fn apply(&self, text: &mut Vec<u8>) -> Result<(), PatchError> {
        let steps: Vec<Cow<'_, str>> = self.pointer.split('/').skip(1).map(step).collect();
        let place = locate(text, &steps).map_err(PatchError::Body)?;
        match (&self.action, place) {
            (Action::Set(new), Place::Value { value, .. }) => replace(text, value, new),
            (Action::Set(new), Place::Null { value, left }) => {
                let new = self.wrap(&steps[steps.len() - left..], new)?;
                replace(text, value, &new);
            }
            (Action::Set(new), Place::Missing { at, comma, in_object, left }) => {
                let new = self.added(&steps, new, in_object, left)?;
                replace(text, at..at, &if comma { format!(",{new}") } else { new });
            }
            (Action::Insert(new), Place::Value { value, .. }) if self.names_element(text, &steps)? => {
                replace(text, value.start..value.start, &format!("{new},"));
            }
            (Action::Insert(new), Place::Missing { at, comma, in_object: false, left: 1 }) => {
                replace(text, at..at, &if comma { format!(",{new}") } else { new.clone() });
            }
            (Action::Remove, Place::Value { around, .. }) if !steps.is_empty() => {
                replace(text, around, "");
                return self.apply_again(text, &steps);
            }
            (Action::Remove, Place::Missing { .. } | Place::Null { .. } | Place::NoElement) => {}
            (_, Place::NoElement) => return Err(PatchError::NoElement(self.pointer.clone())),
            _ => return Err(PatchError::NoContainer(self.pointer.clone())),
        }
        Ok(())
    }

    /// A removed member's name may stand there once more; an array's next element must stay.
    fn apply_again(&self, text: &mut Vec<u8>, steps: &[Cow<'_, str>]) -> Result<(), PatchError> {
        if self.names_element(text, steps)? { Ok(()) } else { self.apply(text) }
    }

    fn names_element(&self, text: &[u8], steps: &[Cow<'_, str>]) -> Result<bool, PatchError> {
        let Some((_, parents)) = steps.split_last() else { return Ok(false) };
        let parent = locate(text, parents).map_err(PatchError::Body)?;
        Ok(matches!(parent, Place::Value { value, .. } if text[value.start] == b'['))
    }

    /// What to write for a value whose last `left` steps do not exist yet.
    fn added(&self, steps: &[Cow<'_, str>], value: &str, in_object: bool, left: usize) -> Result<String, PatchError> {
        let missing = &steps[steps.len() - left..];
        let inner = self.wrap(&missing[1..], value)?;
        Ok(if in_object { format!("{}:{inner}", serde_json::Value::from(&*missing[0])) } else { inner })
    }

    /// Puts a value into new objects, one for each step. Arrays are not made up.
    fn wrap(&self, steps: &[Cow<'_, str>], value: &str) -> Result<String, PatchError> {
        steps.iter().rev().try_fold(value.to_owned(), |value, step| match element_index(step) {
            Some(_) => Err(PatchError::NoContainer(self.pointer.clone())),
            None => Ok(format!("{{{}:{value}}}", serde_json::Value::from(&**step))),
        })
    }
}

/// One step of a pointer, unescaped.
fn step(raw: &str) -> Cow<'_, str> {
    if raw.contains('~') { Cow::Owned(raw.replace("~1", "/").replace("~0", "~")) } else { Cow::Borrowed(raw) }
}

/// An array index, `-` being the one behind the last.
fn element_index(step: &str) -> Option<usize> {
    match step {
        "-" => Some(usize::MAX),
        "0" => Some(0),
        _ if step.starts_with('0') || !step.bytes().all(|byte| byte.is_ascii_digit()) => None,
        _ => step.parse().ok(),
    }
}

fn replace(text: &mut Vec<u8>, range: Range<usize>, new: &str) {
    text.splice(range, new.bytes());
}

fn locate(text: &[u8], steps: &[Cow<'_, str>]) -> Result<Place, JsonError> {
    let value = Cursor::new(text, 0).value()?;
    let mut place = Place::Value { around: value.clone(), value };
    for (done, step) in steps.iter().enumerate() {
        let Place::Value { value, .. } = &place else { break };
        let left = steps.len() - done;
        place = match text[value.start] {
            b'{' => member_place(text, value.start, step, left)?,
            b'[' => element_place(text, value.start, step, left)?,
            b'n' => Place::Null { value: value.clone(), left },
            _ => Place::Blocked,
        };
    }
    Ok(place)
}

fn member_place(text: &[u8], at: usize, name: &str, left: usize) -> Result<Place, JsonError> {
    let mut found: Option<(Range<usize>, Range<usize>)> = None;
    let mut first_pending = false;
    let mut end = None;
    for member in Members::open(text, at).into_iter().flatten() {
        let member = member?;
        if let Some((_, around)) = found.as_mut().filter(|_| first_pending) {
            around.end = member.start;
        }
        first_pending = false;
        if json::name_is(member.name, name) {
            first_pending = end.is_none();
            found = Some((member.value.clone(), end.unwrap_or(member.start)..member.value.end));
        }
        end = Some(member.value.end);
    }
    Ok(match found {
        Some((value, around)) => Place::Value { value, around },
        None => Place::Missing { at: end.unwrap_or(at + 1), comma: end.is_some(), in_object: true, left },
    })
}

fn element_place(text: &[u8], at: usize, step: &str, left: usize) -> Result<Place, JsonError> {
    let Some(index) = element_index(step) else { return Ok(Place::Blocked) };
    let mut end = None;
    let mut count = 0;
    let mut elements = Elements::open(text, at).into_iter().flatten();
    while let Some(element) = elements.next() {
        let element = element?;
        if count == index {
            let next = elements.next().transpose()?;
            let around = match (end, next) {
                (Some(end), _) => end..element.end,
                (None, Some(next)) => element.start..next.start,
                (None, None) => element.clone(),
            };
            return Ok(Place::Value { value: element, around });
        }
        count += 1;
        end = Some(element.end);
    }
    if index != count && step != "-" {
        return Ok(Place::NoElement);
    }
    Ok(Place::Missing { at: end.unwrap_or(at + 1), comma: end.is_some(), in_object: false, left })
}
