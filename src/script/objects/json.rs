//! `Json`: a view into a body. Reading gives scalars as values and everything else as a further view.

use std::sync::Arc;

use parking_lot::Mutex;
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString};

use super::document::{BodyEdit, Document, NodeId, NodeKind};
use crate::script::error::{fault, fault_at};
use crate::script::json::{from_json, to_json};
use crate::script::register::Registrar;
use crate::script::runtime::charge;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// A place inside a document.
#[derive(Clone, Debug)]
pub struct Json {
    document: Arc<Mutex<Document>>,
    id: NodeId,
}

impl Json {
    /// The whole of a document.
    pub fn new(document: Document) -> Self {
        Json { document: Arc::new(Mutex::new(document)), id: NodeId::ROOT }
    }

    /// The edits made in the document.
    pub fn edits(&self) -> Vec<BodyEdit> {
        self.document.lock().edits().to_vec()
    }

    /// The JSON text, with the edits made in it.
    pub fn text(&self) -> String {
        self.document.lock().text(self.id)
    }

    /// What stands here.
    pub fn kind(&self) -> NodeKind {
        self.document.lock().kind(self.id)
    }

    /// A member; `()` when there is none.
    pub fn get(&self, name: &str) -> Fallible<Dynamic> {
        let mut document = self.document.lock();
        let found = document.member(self.id, name)?;
        self.value_of(&document, found)
    }

    /// An element; `()` when there is none.
    pub fn at(&self, index: i64) -> Fallible<Dynamic> {
        let mut document = self.document.lock();
        let found = document.element(self.id, index)?;
        self.value_of(&document, found)
    }

    /// Sets a member.
    pub fn set(&self, name: &str, value: &Dynamic) -> Fallible<()> {
        let present = self.document.lock().member(self.id, name)?;
        if self.is_written_back(value, present) {
            return Ok(());
        }
        let json = json_text(value)?;
        self.document.lock().set_member(self.id, name, json)
    }

    /// Sets an element.
    pub fn set_at(&self, index: i64, value: &Dynamic) -> Fallible<()> {
        let present = self.document.lock().element(self.id, index)?;
        if self.is_written_back(value, present) {
            return Ok(());
        }
        let json = json_text(value)?;
        self.document.lock().set_element(self.id, index, json)
    }

    /// Replaces the whole document.
    pub fn replace(&self, value: &Dynamic) -> Fallible<()> {
        if self.is_written_back(value, Some(NodeId::ROOT)) {
            return Ok(());
        }
        let json = json_text(value)?;
        self.document.lock().replace(json);
        Ok(())
    }

    /// Members or elements.
    pub fn len(&self) -> Fallible<i64> {
        Ok(self.document.lock().len(self.id)? as i64)
    }

    /// Names of members.
    pub fn names(&self) -> Fallible<Vec<ImmutableString>> {
        self.document.lock().names(self.id)
    }

    /// A copy as a map, array or scalar of Rhai's own.
    pub fn copy(&self) -> Fallible<Dynamic> {
        let text = self.text();
        charge(text.len())?;
        from_json(text.as_bytes()).map_err(|error| fault(error.to_string()))
    }

    fn value_of(&self, document: &Document, id: Option<NodeId>) -> Fallible<Dynamic> {
        let Some(id) = id else { return Ok(Dynamic::UNIT) };
        match document.scalar(id)? {
            Some(scalar) => Ok(scalar),
            None => Ok(Dynamic::from(Json { document: self.document.clone(), id })),
        }
    }

    /// Whether the value is the view that stands at a place already: Rhai writes it back after something inside it was
    /// changed, and that change is recorded.
    fn is_written_back(&self, value: &Dynamic, present: Option<NodeId>) -> bool {
        let Some(node) = value.read_lock::<Json>() else { return false };
        Arc::ptr_eq(&node.document, &self.document) && Some(node.id) == present
    }

    fn remove(&self, what: &Dynamic) -> Fallible<()> {
        if let Ok(index) = what.as_int() {
            return self.document.lock().remove_element(self.id, index).map(drop);
        }
        match what.read_lock::<ImmutableString>() {
            Some(name) => self.document.lock().remove_member(self.id, &name).map(drop),
            None => Err(fault_at("`remove` takes a member's name or an element's index", what)),
        }
    }

    fn insert(&self, index: i64, value: &Dynamic) -> Fallible<()> {
        let json = json_text(value)?;
        self.document.lock().insert(self.id, index, json)
    }

    /// Elements of an array, or names of an object's members: what a loop walks over.
    fn walk(&self) -> Fallible<Array> {
        if self.kind() == NodeKind::Object {
            return Ok(self.names()?.into_iter().map(Dynamic::from).collect());
        }
        (0..self.len()?).map(|index| self.at(index)).collect()
    }

    fn contains(&self, what: &Dynamic) -> Fallible<bool> {
        if let Some(name) = what.read_lock::<ImmutableString>()
            && self.kind() == NodeKind::Object
        {
            return Ok(self.document.lock().member(self.id, &name)?.is_some());
        }
        let wanted = to_json(what).map_err(|error| fault_at(error.to_string(), what))?;
        Ok(self.walk()?.iter().any(|item| to_json(item).is_ok_and(|json| json == wanted)))
    }
}

fn json_text(value: &Dynamic) -> Fallible<String> {
    let json = to_json(value).map_err(|error| fault_at(error.to_string(), value))?;
    charge(json.len())?;
    Ok(json)
}

/// A view that is walked over.
impl IntoIterator for Json {
    type Item = Result<Dynamic, Box<EvalAltResult>>;
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        match self.walk() {
            Ok(items) => items.into_iter().map(Ok).collect::<Vec<_>>().into_iter(),
            Err(error) => vec![Err(error)].into_iter(),
        }
    }
}

pub(super) fn register(registrar: &mut Registrar<'_>) {
    registrar
        .value::<Json>(
            "Json",
            "A view into a JSON body. Members are read as `body.name` or `body[\"name\"]`, elements as `list[0]` (from the end: \
             `list[-1]`). Strings, numbers, booleans and null come as values (null as `()`), objects and arrays as further \
             views; what does not exist is `()`, so write `body.tools?.len()` where a member may be missing. A change is made in \
             place: `body.max_tokens = 100`. Everything that a script does not change keeps its bytes. A body that is not JSON \
             has no members.",
        )
        .syntax("json[name or index]", "Reads a member or an element, or changes it when assigned to.", |engine| {
            engine
                .register_indexer_get(|json: &mut Json, name: &str| json.get(name))
                .register_indexer_get(|json: &mut Json, index: i64| json.at(index))
                .register_indexer_set(|json: &mut Json, name: &str, value: Dynamic| json.set(name, &value))
                .register_indexer_set(|json: &mut Json, index: i64, value: Dynamic| json.set_at(index, &value));
        })
        .syntax("for item in json", "Walks over the elements of an array, or the names of an object's members.", |engine| {
            engine.register_iterator_result::<Json, Dynamic>();
        })
        .syntax("item in json", "Whether an object has a member of that name, or an array such an element.", |engine| {
            engine.register_fn("contains", |json: &mut Json, what: Dynamic| json.contains(&what));
        })
        .syntax("json == value", "Whether two values have the same JSON text.", |engine| {
            let same = |json: &mut Json, other: &Dynamic| to_json(other).is_ok_and(|text| text == json.text());
            engine
                .register_fn("==", move |json: &mut Json, other: Json| json.text() == other.text())
                .register_fn("!=", move |json: &mut Json, other: Json| json.text() != other.text())
                .register_fn("==", move |json: &mut Json, other: Array| same(json, &other.into()))
                .register_fn("!=", move |json: &mut Json, other: Array| !same(json, &other.into()))
                .register_fn("==", move |json: &mut Json, other: rhai::Map| same(json, &other.into()))
                .register_fn("!=", move |json: &mut Json, other: rhai::Map| !same(json, &other.into()));
        })
        .method("len() -> int", "How many members or elements there are.", |json: &mut Json| json.len())
        .quietly(|engine| {
            engine.register_fn("to_string", |json: &mut Json| json.text());
            engine.register_fn("to_debug", |json: &mut Json| json.text());
        })
        .method("keys() -> array", "The names of an object's members, in the order of the text.", |json: &mut Json| {
            json.names().map(|names| names.into_iter().map(Dynamic::from).collect::<Array>())
        })
        .method("is_object() -> bool", "Whether this is an object.", |json: &mut Json| json.kind() == NodeKind::Object)
        .method("is_array() -> bool", "Whether this is an array.", |json: &mut Json| json.kind() == NodeKind::Array)
        .method(
            "remove(name_or_index: any)",
            "Removes a member or an element, if there is one.",
            |json: &mut Json, what: Dynamic| json.remove(&what),
        )
        .method("push(value: any)", "Adds an element behind the last one.", |json: &mut Json, value: Dynamic| {
            json.len().and_then(|len| json.insert(len, &value))
        })
        .method(
            "insert(index: int, value: any)",
            "Inserts an element before the one at `index`.",
            |json: &mut Json, index: i64, value: Dynamic| json.insert(index, &value),
        )
        .method("copy() -> any", "A copy as a map or array of the script's own.", |json: &mut Json| json.copy());
}
