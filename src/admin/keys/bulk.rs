//! One action on many keys: all of it in one edit.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::actions::DisableRequest;
use super::filter::KeyFilter;
use crate::admin::access::Access;
use crate::admin::error::ApiError;
use crate::admin::wire::example;
use crate::domain::{Key, KeyId, Moment, ProviderId};
use crate::key_states;
use crate::rotator::Rotator;
use crate::store::{Edit, StoreError};

/// Most keys of one request.
const MOST_KEYS: usize = 100_000;

/// What is done with every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Deserialize)]
#[serde(rename_all = "snake_case")]
#[oai(rename = "BulkAction", rename_all = "snake_case")]
pub(super) enum Action {
    /// Enable it.
    Enable,
    /// Disable it, until `until` or until it is enabled.
    Disable,
    /// Forget all verdicts about it.
    Reset,
    /// Change `add_tags`, `remove_tags`, `weight`, `provider`, as far as they are given.
    Change,
    /// Delete it.
    Delete,
    /// Undo its deletion. Only with `ids`.
    Restore,
}

/// Which keys, and what is done with them. Either `ids` or `filter` says which.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(in crate::admin) struct BulkRequest {
    /// These keys.
    #[serde(default)]
    #[oai(nullable)]
    ids: Option<Vec<i64>>,
    /// Every key that matches; `{}` is every key.
    #[serde(default)]
    #[oai(nullable)]
    filter: Option<KeyFilter>,
    /// What is done.
    action: Action,
    /// For `disable`: until when, RFC 3339.
    #[serde(default)]
    #[oai(nullable)]
    until: Option<String>,
    /// For `disable`: why, in a few words.
    #[serde(default)]
    #[oai(nullable)]
    reason: Option<String>,
    /// For `change`: labels to add.
    #[serde(default)]
    #[oai(default)]
    add_tags: Vec<String>,
    /// For `change`: labels to take away.
    #[serde(default)]
    #[oai(default)]
    remove_tags: Vec<String>,
    /// For `change`: the new weight, 0 to 1000.
    #[serde(default)]
    #[oai(nullable)]
    weight: Option<u32>,
    /// For `change`: id of the provider that the keys move to.
    #[serde(default)]
    #[oai(nullable)]
    provider: Option<i64>,
}

impl Example for BulkRequest {
    fn example() -> Self {
        BulkRequest {
            ids: Some(vec![7, 8]),
            filter: None,
            action: Action::Change,
            until: None,
            reason: None,
            add_tags: vec!["paid".to_owned()],
            remove_tags: Vec::new(),
            weight: Some(2),
            provider: None,
        }
    }
}

/// What was done.
#[derive(Object)]
#[oai(example)]
pub(in crate::admin) struct BulkResult {
    /// Ids of the keys with which it was done.
    ids: Vec<i64>,
    /// Keys with which it could not be done; the others are done.
    refused: Vec<Refused>,
}

/// A key with which it could not be done.
#[derive(Object)]
struct Refused {
    /// Its id.
    id: i64,
    /// Why not.
    message: String,
}

pub(super) async fn run(access: &Access, mut request: BulkRequest) -> Result<BulkResult, ApiError> {
    let ids = keys(access, &mut request)?;
    let disable = match request.action {
        Action::Disable => {
            Some(DisableRequest { until: request.until.take(), reason: request.reason.take() }.checked(access.now())?)
        }
        _ if request.until.is_some() || request.reason.is_some() => {
            return Err(ApiError::invalid("until", "until and reason belong to the action disable"));
        }
        _ => None,
    };
    let (rotator, clock) = (access.context().rotator.clone(), access.context().clock);
    let edit = move |edit: &mut Edit<'_>| match (request.action, disable) {
        (Action::Change, _) => each(edit, &ids, |edit, id| change(edit, id, &request)),
        (Action::Delete, _) => each(edit, &ids, |edit, id| edit.delete::<Key>(id, None)),
        (Action::Restore, _) => each(edit, &ids, |edit, id| edit.restore::<Key>(id).map(drop)),
        (Action::Disable, Some(disable)) => {
            states(edit, &rotator, &ids, clock.now(), "disable", &disable.details(), |key, now| {
                rotator.disable(key, disable.until_ms, &disable.reason, now)
            })
        }
        (Action::Reset, _) => {
            states(edit, &rotator, &ids, clock.now(), "reset", &Map::new(), |key, now| rotator.reset(key, now))
        }
        (Action::Enable | Action::Disable, _) => {
            states(edit, &rotator, &ids, clock.now(), "enable", &Map::new(), |key, now| rotator.enable(key, "by hand", now))
        }
    };
    access.context().edit(access.actor(), edit).await
}

/// Which keys a request is about.
fn keys(access: &Access, request: &mut BulkRequest) -> Result<Vec<KeyId>, ApiError> {
    let ids = match (request.ids.take(), request.filter.take()) {
        (Some(ids), None) => ids.into_iter().map(KeyId).collect(),
        (None, Some(_)) if request.action == Action::Restore => {
            return Err(ApiError::invalid("ids", "a deletion is undone by ids"));
        }
        (None, Some(filter)) => matching(access, filter),
        _ => return Err(ApiError::invalid("ids", "either ids or filter must say which keys")),
    };
    if ids.len() > MOST_KEYS {
        return Err(ApiError::invalid("ids", format!("at most {MOST_KEYS} keys at once")));
    }
    Ok(ids)
}

/// The keys that match a filter, by ascending id.
pub(super) fn matching(access: &Access, filter: KeyFilter) -> Vec<KeyId> {
    let (filter, now) = (filter.prepared(), access.now());
    let catalog = access.context().store().catalog();
    let rows = catalog.all::<Key>().filter(|row| filter.finds(&row.value)).map(|row| row.value.id);
    rows.filter(|id| filter.allows(|| access.context().rotator.state(*id, now))).collect()
}

fn change(edit: &mut Edit<'_>, id: KeyId, request: &BulkRequest) -> Result<(), StoreError> {
    let change = |key: &mut Key| {
        key.tags.retain(|tag| !request.remove_tags.contains(tag));
        let new = request.add_tags.iter().filter(|tag| !key.tags.contains(tag)).cloned().collect::<Vec<_>>();
        key.tags.extend(new);
        key.weight = request.weight.unwrap_or(key.weight);
        key.provider = request.provider.map_or(key.provider, ProviderId);
        Ok(())
    };
    edit.update::<Key>(id, None, change).map(drop)
}

/// Does something with each key. What one key refuses does not keep the others from it; trouble of the store ends it all.
fn each(
    edit: &mut Edit<'_>,
    ids: &[KeyId],
    action: impl Fn(&mut Edit<'_>, KeyId) -> Result<(), StoreError>,
) -> Result<BulkResult, ApiError> {
    let mut result = BulkResult { ids: Vec::new(), refused: Vec::new() };
    for &id in ids {
        match action(edit, id) {
            Ok(()) => result.ids.push(id.0),
            Err(error @ (StoreError::NotFound { .. } | StoreError::Conflict { .. } | StoreError::InUse { .. })) => {
                result.refused.push(Refused { id: id.0, message: error.to_string() });
            }
            Err(StoreError::Invalid(invalid)) if matches!(invalid.field, "id") => {
                result.refused.push(Refused { id: id.0, message: invalid.to_string() });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(result)
}

/// Changes the state of each key; that it was done, and the states themselves, are on disk when this answers.
fn states(
    edit: &mut Edit<'_>,
    rotator: &Rotator,
    ids: &[KeyId],
    now: Moment,
    action: &str,
    details: &Map<String, Value>,
    change: impl Fn(KeyId, Moment) -> bool,
) -> Result<BulkResult, ApiError> {
    let result = each(edit, ids, |edit, id| {
        edit.note::<Key>(id, action, details.clone())?;
        if change(id, now) { Ok(()) } else { Err(StoreError::NotFound { noun: "key", id: id.0 }) }
    })?;
    key_states::save(edit, rotator, &result.ids.iter().copied().map(KeyId).collect(), now)?;
    Ok(result)
}

example!(BulkResult, { "ids": [7], "refused": [{ "id": 8, "message": "another key has this name already" }] });
