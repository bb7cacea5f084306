//! `StringList`: tags and the like, read where they stand instead of copied into an array.

use std::fmt;
use std::sync::Arc;

use rhai::{Array, Dynamic, ImmutableString};

use crate::domain::{Client, Key};
use crate::script::register::Registrar;

/// A list of strings that belongs to something else.
#[derive(Clone)]
pub enum StringList {
    /// Tags of a client.
    Client(Arc<Client>),
    /// Tags of a key.
    Key(Arc<Key>),
}

impl StringList {
    /// The strings.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.strings().iter().map(String::as_str)
    }

    fn strings(&self) -> &[String] {
        match self {
            StringList::Client(client) => &client.tags,
            StringList::Key(key) => &key.tags,
        }
    }

    fn at(&self, index: i64) -> Dynamic {
        let len = self.strings().len() as i64;
        let at = if index < 0 { len + index } else { index };
        let found = usize::try_from(at).ok().and_then(|at| self.strings().get(at));
        found.map_or(Dynamic::UNIT, |text| ImmutableString::from(text.as_str()).into())
    }

    fn to_array(&self) -> Array {
        self.iter().map(|text| ImmutableString::from(text).into()).collect()
    }
}

impl fmt::Debug for StringList {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

impl IntoIterator for StringList {
    type Item = Dynamic;
    type IntoIter = std::vec::IntoIter<Dynamic>;

    fn into_iter(self) -> Self::IntoIter {
        self.to_array().into_iter()
    }
}

pub(super) fn register(registrar: &mut Registrar<'_>) {
    registrar
        .value::<StringList>("StringList", "The tags of a client or a key. It cannot be changed.")
        .syntax("text in list", "Whether the list has this string; also `list.contains(text)`.", |engine| {
            engine.register_fn("contains", |list: &mut StringList, text: &str| list.iter().any(|item| item == text));
        })
        .syntax("list[index]", "An entry, counted from 0, or from the end when negative; `()` outside.", |engine| {
            engine.register_indexer_get(|list: &mut StringList, index: i64| list.at(index));
        })
        .syntax("for text in list", "Walks over the entries.", |engine| {
            engine.register_iterator::<StringList>();
        })
        .get("len: int", "How many entries there are.", |list: &mut StringList| list.strings().len() as i64)
        .quietly(|engine| {
            engine.register_fn("len", |list: &mut StringList| list.strings().len() as i64);
            engine.register_fn("to_string", |list: &mut StringList| format!("{list:?}"));
            engine.register_fn("to_debug", |list: &mut StringList| format!("{list:?}"));
        })
        .method("to_array() -> array", "A copy that can be changed.", |list: &mut StringList| list.to_array());
}
