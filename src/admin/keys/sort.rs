//! The order of a list of keys, and where a page of it begins.

use std::cmp::Ordering;

use poem_openapi::Enum;

use crate::admin::error::ApiError;
use crate::domain::Key;
use crate::store::Stored;

/// By what keys are sorted; keys that are alike in it are sorted by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[oai(rename = "KeySort", rename_all = "snake_case")]
pub(super) enum KeySort {
    /// By id, which is the order in which they were made.
    #[default]
    Id,
    /// By name, without regard to the case of ASCII letters.
    Name,
    /// By weight.
    Weight,
    /// By priority.
    Priority,
    /// By the time of the last change.
    UpdatedAt,
}

/// An order, as a request asks for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyOrder {
    pub(super) sort: KeySort,
    pub(super) descending: bool,
}

/// Where a key stands in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place<T> {
    number: i64,
    /// How the text begins, so that most comparisons look no further.
    head: u128,
    text: T,
    id: i64,
}

impl KeyOrder {
    /// The page of keys behind a cursor, and the cursor of the next page. Costs one walk over all keys that come, and the
    /// sorting of one page.
    pub(super) fn page<'a>(
        self,
        keys: impl Iterator<Item = &'a Stored<Key>>,
        cursor: Option<&str>,
        size: usize,
    ) -> Result<(Vec<&'a Stored<Key>>, Option<String>), ApiError> {
        let after = cursor.map(Place::parse).transpose()?;
        let is_behind = |(place, _): &Placed<'_>| {
            after.as_ref().is_none_or(|after| self.compare(place, &after.borrowed()) == Ordering::Greater)
        };
        let mut found: Vec<Placed<'_>> = keys.map(|key| (self.place(key), key)).filter(is_behind).collect();
        let by_order = |(one, _): &Placed<'_>, (other, _): &Placed<'_>| self.compare(one, other);
        let has_more = found.len() > size;
        if has_more {
            found.select_nth_unstable_by(size, by_order);
            found.truncate(size);
        }
        found.sort_unstable_by(by_order);
        let next = found.last().filter(|_| has_more).map(|(place, _)| place.to_text());
        Ok((found.into_iter().map(|(_, key)| key).collect(), next))
    }

    fn place(self, key: &Stored<Key>) -> Place<&str> {
        let id = key.value.id.0;
        let (number, text) = match self.sort {
            KeySort::Id => (0, ""),
            KeySort::Name => (0, key.value.name.as_str()),
            KeySort::Weight => (key.value.weight.into(), ""),
            KeySort::Priority => (key.value.priority.into(), ""),
            KeySort::UpdatedAt => (key.updated_ms, ""),
        };
        Place::new(number, text, id)
    }

    fn compare(self, one: &Place<&str>, other: &Place<&str>) -> Ordering {
        let texts = || {
            let (one, other) = (one.text.as_bytes(), other.text.as_bytes());
            let differs = one.iter().zip(other).find(|(one, other)| !one.eq_ignore_ascii_case(other));
            differs
                .map_or(one.len().cmp(&other.len()), |(one, other)| one.to_ascii_lowercase().cmp(&other.to_ascii_lowercase()))
        };
        let ordering =
            one.number.cmp(&other.number).then(one.head.cmp(&other.head)).then_with(texts).then(one.id.cmp(&other.id));
        if self.descending { ordering.reverse() } else { ordering }
    }
}

type Placed<'a> = (Place<&'a str>, &'a Stored<Key>);

impl<T: AsRef<str>> Place<T> {
    fn new(number: i64, text: T, id: i64) -> Self {
        let mut head = [0; 16];
        head.iter_mut().zip(text.as_ref().bytes()).for_each(|(place, byte)| *place = byte.to_ascii_lowercase());
        Place { number, head: u128::from_be_bytes(head), text, id }
    }

    fn borrowed(&self) -> Place<&str> {
        Place { number: self.number, head: self.head, text: self.text.as_ref(), id: self.id }
    }

    fn to_text(&self) -> String {
        format!("{}:{}:{}", self.number, self.id, self.text.as_ref())
    }
}

impl Place<String> {
    fn parse(text: &str) -> Result<Self, ApiError> {
        let mut parts = text.splitn(3, ':');
        let mut next = || parts.next();
        let read = |number: Option<&str>| number.and_then(|number| number.parse().ok());
        let (number, id, text) = (read(next()), read(next()), next());
        let whole = number.zip(id).zip(text).map(|((number, id), text)| Place::new(number, text.to_owned(), id));
        whole.ok_or_else(|| ApiError::invalid("cursor", "cursor is none of this list"))
    }
}
