//! Channels of One API and New API: one row has a kind, a base URL, models and one key or several.

use serde_json::Value;

use super::kinds::{Auth, Kind, PLANS};
use super::rows::{json, list, number, text};
use super::{Destination, ForeignEntry, ForeignFault, ForeignKey, ForeignRow, sendable, with_path};
use crate::domain::pasted_keys::PastedKey;
use crate::domain::provider::AuthScheme;

/// The status of a channel or key that serves.
const ENABLED: i64 = 1;
const BY_HAND: i64 = 2;
/// What a channel of an unnamed operation ends with.
const OPERATIONS: [&str; 4] = ["/chat/completions", "/responses", "/messages", "/embeddings"];

pub(super) fn read(rows: &[ForeignRow], kinds: &[Kind]) -> Vec<ForeignEntry> {
    rows.iter().enumerate().flat_map(|(index, row)| channel(index, row, kinds)).collect()
}

fn channel(index: usize, row: &ForeignRow, kinds: &[Kind]) -> Vec<ForeignEntry> {
    let place = text(row, "id").map_or_else(|| format!("row {}", index + 1), |id| format!("channel {id}"));
    let entry = |found| ForeignEntry { place: place.clone(), found };
    let destination = match destination(row, kinds) {
        Ok(destination) => destination,
        Err(fault) => return vec![entry(Err(fault))],
    };
    let secrets = secrets(row);
    if secrets.is_empty() {
        return vec![entry(Err(ForeignFault::NoKey("key")))];
    }
    let all = common(row);
    let several = secrets.len() > 1;
    let key = |(at, secret): (usize, &String)| {
        let number = |name: &String| if several { format!("{name}-{}", at + 1) } else { name.clone() };
        let found = sendable(secret)?;
        Ok(ForeignKey {
            destination: destination.clone(),
            key: PastedKey { secret: found.secret, name: all.name.as_ref().map(number), ..all.clone() },
            priority: priority(row),
            disabled: disabled(row, at),
        })
    };
    secrets.iter().enumerate().map(|secret| entry(key(secret))).collect()
}

fn destination(row: &ForeignRow, kinds: &[Kind]) -> Result<Destination, ForeignFault> {
    let kind_number = number(row, "type").unwrap_or_default();
    let kind = kinds.iter().find(|kind| kind.number == kind_number);
    let kind = kind.ok_or_else(|| ForeignFault::OtherApi(format!("a channel of type {kind_number}")))?;
    let given = text(row, "base_url");
    let plan = given.as_ref().and_then(|given| PLANS.iter().find(|(word, _)| word == given));
    let base_url = match (plan, &given) {
        (Some((_, url)), _) => (*url).to_owned(),
        (None, Some(given)) if given.contains("{model}") => {
            return Err(ForeignFault::OtherApi("an address with the model in it".to_owned()));
        }
        (None, Some(given)) => with_path(without_operation(given), kind.path),
        (None, None) if kind.base.is_empty() => return Err(ForeignFault::NoBaseUrl),
        (None, None) => format!("{}{}", kind.base, kind.path),
    };
    let auth = match kind.auth {
        Auth::Bearer => AuthScheme::Bearer,
        Auth::ApiKey => AuthScheme::ApiKey,
        Auth::XApiKey => AuthScheme::XApiKey,
    };
    Ok(Destination { name: kind.name.to_owned(), base_url: Some(base_url), auth })
}

fn without_operation(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    OPERATIONS.iter().find_map(|operation| url.strip_suffix(operation)).unwrap_or(url)
}

/// One key a line; New API also keeps lists of them.
fn secrets(row: &ForeignRow) -> Vec<String> {
    let Some(all) = text(row, "key") else { return Vec::new() };
    if all.starts_with('[')
        && let Ok(list) = serde_json::from_str::<Vec<String>>(&all)
    {
        return list;
    }
    all.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn common(row: &ForeignRow) -> PastedKey {
    let mut tags = list(text(row, "group"));
    tags.extend(text(row, "tag").filter(|tag| !tags.contains(tag)));
    let models = list(text(row, "models"));
    let mapping = json(row, "model_mapping").unwrap_or_default();
    // The key serves what the provider calls the model.
    let served = |asked: String| mapping.get(&asked).and_then(Value::as_str).map_or(asked, str::to_owned);
    PastedKey {
        name: text(row, "name"),
        tags,
        // Unset is 0 there, and still serves.
        weight: number(row, "weight").filter(|weight| *weight > 0).map(|weight| weight.min(1000) as u32),
        models: Some(models.into_iter().map(served).collect::<Vec<_>>()).filter(|models| !models.is_empty()),
        // One name in exports, the other in the table.
        account: text(row, "openai_organization").or_else(|| text(row, "open_ai_organization")),
        ..PastedKey::default()
    }
}

/// The greatest comes first there.
fn priority(row: &ForeignRow) -> i32 {
    number(row, "priority").unwrap_or_default().saturating_neg().clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

fn disabled(row: &ForeignRow, at: usize) -> Option<&'static str> {
    let of_key = json(row, "channel_info").and_then(|info| info["multi_key_status_list"][at.to_string()].as_i64());
    let status = [number(row, "status"), of_key].into_iter().flatten().find(|status| *status != ENABLED)?;
    Some(if status == BY_HAND { "disabled by hand" } else { "disabled by the gateway" })
}
