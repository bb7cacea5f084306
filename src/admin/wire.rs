//! What the wire types of all nouns share: bodies for creating and changing, names, pages.

use poem_openapi::types::{MaybeUndefined, ParseFromJSON};
use serde_json::Value;

use super::error::ApiError;
use crate::domain::{InvalidField, Nanodollars, Pattern};

/// Defines the bodies that create and that change one noun.
///
/// Creating demands the required members. Changing demands nothing: a missing member stays as it is, null sets it back.
macro_rules! bodies {
    (
        $(#[$create_doc:meta])* create $create:ident;
        $(#[$change_doc:meta])* change $change:ident;
        required { $($(#[$required_doc:meta])* $required:ident: $required_type:ty,)* }
        optional { $($(#[$optional_doc:meta])* $optional:ident: $optional_type:ty,)* }
    ) => {
        $(#[$create_doc])*
        #[derive(poem_openapi::Object, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[oai(example)]
        pub(super) struct $create {
            $($(#[$required_doc])* $required: $required_type,)*
            $(
                $(#[$optional_doc])*
                #[serde(default)]
                #[oai(nullable)]
                $optional: poem_openapi::types::MaybeUndefined<$optional_type>,
            )*
        }

        $(#[$change_doc])*
        #[derive(Default, poem_openapi::Object, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[oai(example)]
        pub(super) struct $change {
            $($(#[$required_doc])* $required: poem_openapi::types::MaybeUndefined<$required_type>,)*
            $(
                $(#[$optional_doc])*
                #[oai(nullable)]
                $optional: poem_openapi::types::MaybeUndefined<$optional_type>,
            )*
        }

        impl From<$create> for $change {
            fn from(body: $create) -> Self {
                $change {
                    $($required: poem_openapi::types::MaybeUndefined::Value(body.$required),)*
                    $($optional: body.$optional,)*
                }
            }
        }
    };
}
pub(super) use bodies;

/// Gives a wire type its example in the document.
macro_rules! example {
    ($type:ty, $($json:tt)+) => {
        impl poem_openapi::types::Example for $type {
            fn example() -> Self {
                $crate::admin::wire::from_example(serde_json::json!($($json)+))
            }
        }
    };
}
pub(super) use example;

/// An example as its type. That it fits is checked by whoever builds the document, so by every test of it.
pub(super) fn from_example<T: ParseFromJSON>(json: Value) -> T {
    T::parse_from_json(Some(json)).unwrap_or_else(|error| panic!("an example does not fit its type: {}", error.message()))
}

/// Lets a word of the domain stand in the API: a string out of a list.
macro_rules! words {
    ($type:ty, $name:literal, [$($word:expr),+ $(,)?]) => {
        impl poem_openapi::types::Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                poem_openapi::registry::MetaSchemaRef::Reference($name.to_owned())
            }

            fn register(registry: &mut poem_openapi::registry::Registry) {
                registry.create_schema::<Self, _>($name.to_owned(), |_| poem_openapi::registry::MetaSchema {
                    enum_items: vec![$($word.into()),+],
                    ..poem_openapi::registry::MetaSchema::new("string")
                });
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl poem_openapi::types::ParseFromJSON for $type {
            fn parse_from_json(value: Option<serde_json::Value>) -> poem_openapi::types::ParseResult<Self> {
                Ok(serde_json::from_value(value.unwrap_or_default())?)
            }
        }

        impl poem_openapi::types::ParseFromParameter for $type {
            fn parse_from_parameter(value: &str) -> poem_openapi::types::ParseResult<Self> {
                Ok(serde_json::from_value(value.into())?)
            }
        }

        impl poem_openapi::types::ToJSON for $type {
            fn to_json(&self) -> Option<serde_json::Value> {
                serde_json::to_value(self).ok()
            }
        }
    };
}
pub(super) use words;

/// Most entries of a page.
const MOST_ENTRIES: u32 = 1000;
/// Entries of a page, where the caller does not say.
const ENTRIES: u32 = 100;

/// How many entries a page has.
pub(super) fn page_size(limit: Option<u32>) -> Result<usize, ApiError> {
    match limit.unwrap_or(ENTRIES) {
        limit @ 1..=MOST_ENTRIES => Ok(limit as usize),
        _ => Err(ApiError::invalid("limit", format!("limit must be 1 to {MOST_ENTRIES}"))),
    }
}

/// The row id inside a cursor.
pub(super) fn cursor_id(cursor: Option<&str>) -> Result<Option<i64>, ApiError> {
    let read = |cursor: &str| cursor.parse().map_err(|_| ApiError::invalid("cursor", "cursor is none of this list"));
    cursor.map(read).transpose()
}

/// Cuts the one entry too many off a page that was filled with one more than it has; says where the next page begins.
pub(super) fn next_cursor<T>(entries: &mut Vec<T>, size: usize, id: impl Fn(&T) -> i64) -> Option<String> {
    let has_more = entries.len() > size;
    entries.truncate(size);
    entries.last().filter(|_| has_more).map(|last| id(last).to_string())
}

/// Sets a member that may be set back to its default.
pub(super) fn set<T: Default>(place: &mut T, member: MaybeUndefined<T>) {
    match member {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => *place = T::default(),
        MaybeUndefined::Value(value) => *place = value,
    }
}

/// Sets a member whose default is not that of its type.
pub(super) fn set_or<T>(place: &mut T, member: MaybeUndefined<T>, default: T) {
    match member {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => *place = default,
        MaybeUndefined::Value(value) => *place = value,
    }
}

/// Sets a member that may be removed.
pub(super) fn set_or_remove<T>(place: &mut Option<T>, member: MaybeUndefined<T>) {
    match member {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => *place = None,
        MaybeUndefined::Value(value) => *place = Some(value),
    }
}

/// A member that must not be null.
pub(super) fn required<T>(field: &'static str, member: MaybeUndefined<T>) -> Result<Option<T>, InvalidField> {
    match member {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => Err(InvalidField { field, message: "must not be null".to_owned() }),
        MaybeUndefined::Value(value) => Ok(Some(value)),
    }
}

/// A member as another type.
pub(super) fn map<T, U>(member: MaybeUndefined<T>, convert: impl FnOnce(T) -> U) -> MaybeUndefined<U> {
    match member {
        MaybeUndefined::Undefined => MaybeUndefined::Undefined,
        MaybeUndefined::Null => MaybeUndefined::Null,
        MaybeUndefined::Value(value) => MaybeUndefined::Value(convert(value)),
    }
}

/// A member as another type, when it can be one.
pub(super) fn try_map<T, U, E>(
    member: MaybeUndefined<T>,
    convert: impl FnOnce(T) -> Result<U, E>,
) -> Result<MaybeUndefined<U>, E> {
    map(member, convert).transpose()
}

pub(super) fn patterns(texts: Vec<String>) -> Vec<Pattern> {
    texts.into_iter().map(Pattern::new).collect()
}

pub(super) fn texts(patterns: Option<&Vec<Pattern>>) -> Option<Vec<String>> {
    patterns.map(|patterns| patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect())
}

/// Reads an amount of dollars in a member of this name.
pub(super) fn budget(field: &'static str, dollars: f64) -> Result<Nanodollars, InvalidField> {
    if (0.0..=1e9).contains(&dollars) {
        Ok(Nanodollars::from_dollars(dollars))
    } else {
        Err(InvalidField { field, message: "must be 0 to 1,000,000,000 dollars".to_owned() })
    }
}
