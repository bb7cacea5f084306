//! Ids that stand under certain members anywhere in a JSON document.

use std::ops::RangeInclusive;
use std::sync::Arc;

use serde_json::Value;

/// Most ids that one document can bring.
const MOST: usize = 1_000;
/// How long an id is, in bytes.
pub(super) const LENGTHS: RangeInclusive<usize> = 6..=256;

/// The texts under members, or in lists under members, whose name fits. None of what is no JSON.
pub(super) fn ids_under(document: &[u8], fits: fn(&str) -> bool) -> Vec<Arc<str>> {
    let mut ids = Vec::new();
    if let Ok(document) = serde_json::from_slice(document) {
        collect(&document, false, fits, &mut ids);
    }
    ids
}

fn collect(value: &Value, is_id: bool, fits: fn(&str) -> bool, ids: &mut Vec<Arc<str>>) {
    if ids.len() >= MOST {
        return;
    }
    match value {
        Value::String(text) if is_id && LENGTHS.contains(&text.len()) => ids.push(text.as_str().into()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, is_id, fits, ids)),
        Value::Object(members) => members.iter().for_each(|(name, item)| collect(item, fits(name), fits, ids)),
        _ => {}
    }
}
