//! JSON with objects: a list of them, a list inside an object, or one object a line.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::{Column, LineCounter, PasteFault, PastedKey, PastedLine, key, list, tags, weight};

/// Members under which exports keep their list.
const LISTS: [&str; 5] = ["keys", "data", "items", "channels", "rows"];

/// The entries of JSON text; `None`: this is no JSON with objects. A list of bare texts is read line by line.
pub(super) fn read(text: &str) -> Option<Vec<PastedLine>> {
    let content = text.trim_start();
    let inner = content.strip_prefix('[').map_or(content, str::trim_start);
    if !inner.starts_with('{') {
        return None;
    }
    let stream = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let mut counter = LineCounter::new(text);
    // An entry is a part of the text, so its address tells its place.
    let mut line_of = |entry: &str| counter.line_at((entry.as_ptr() as usize).saturating_sub(text.as_ptr() as usize));
    let mut lines = Vec::new();
    for value in stream {
        match value {
            Ok(value) => lines.extend(entries(value).into_iter().map(|entry| {
                PastedLine {
                    number: line_of(entry.get()),
                    keys: serde_json::from_str(entry.get())
                        .map_err(|error| PasteFault::Json(words(&error)))
                        .and_then(|entry| keys_of(&entry)),
                }
            })),
            Err(error) => {
                lines.push(PastedLine { number: error.line().max(1), keys: Err(PasteFault::Json(words(&error))) });
                break;
            }
        }
    }
    Some(lines)
}

/// The entries inside a value: it is a list, has one, or is an entry itself.
fn entries(value: &RawValue) -> Vec<&RawValue> {
    if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(value.get()) {
        return list;
    }
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
    for name in LISTS {
        // `data` may hold a page that has the list.
        match members.get(name) {
            Some(member) if member.get().starts_with(['[', '{']) => return entries(member),
            _ => {}
        }
    }
    vec![value]
}

/// What serde_json says, without the place, which is counted in the entry alone.
fn words(error: &serde_json::Error) -> String {
    error.to_string().split(" at line ").next().unwrap_or_default().to_owned()
}

/// The keys of an entry: some exports put several into one, one a line.
fn keys_of(entry: &Value) -> Result<Vec<PastedKey>, PasteFault> {
    if let Some(secret) = entry.as_str() {
        return key(secret, secret).map(|key| vec![key]);
    }
    let no_key = || PasteFault::NoKey("this entry");
    let members = entry.as_object().ok_or_else(no_key)?;
    let member = |wanted: Column| {
        let named = |(name, value): (&String, &'_ Value)| Column::of(name) == Some(wanted) && !value.is_null();
        members.iter().find(|(name, value)| named((name, value))).map(|(_, value)| value)
    };
    let text = |wanted: Column| member(wanted).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let texts = |wanted: Column, parts: fn(&str) -> Vec<String>| match member(wanted) {
        Some(Value::Array(values)) => Some(values.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        Some(Value::String(text)) => Some(parts(text)).filter(|list| !list.is_empty()),
        _ => None,
    };
    let all = PastedKey {
        name: text(Column::Name).map(str::to_owned),
        tags: texts(Column::Tags, tags).unwrap_or_default(),
        weight: match member(Column::Weight) {
            Some(Value::String(text)) => weight(text)?,
            Some(number) => weight(&number.to_string())?,
            None => None,
        },
        models: texts(Column::Models, |text| list(text, &[',', ';', '|'])),
        account: text(Column::Account).map(str::to_owned),
        ..PastedKey::default()
    };
    let secrets: Vec<&str> =
        text(Column::Secret).ok_or_else(no_key)?.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let several = secrets.len() > 1;
    let number = |index: usize| match &all.name {
        Some(name) if several => Some(format!("{name}-{}", index + 1)),
        name => name.clone(),
    };
    let each = |(index, secret): (usize, &&str)| {
        let found = key(secret, secret)?;
        Ok(PastedKey { secret: found.secret, name: number(index), ..all.clone() })
    };
    secrets.iter().enumerate().map(each).collect()
}
