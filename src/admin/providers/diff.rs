//! How the lists that were read last differ from what is kept.

use std::collections::{BTreeSet, HashMap};

use poem_openapi::Object;

use super::sync::FailedList;
use crate::admin::access::Access;
use crate::admin::error::ApiError;
use crate::admin::wire::example;
use crate::domain::{KeyId, Model, Provider, to_rfc3339};
use crate::store::{ModelDiff, ModelDifference};

/// How what a provider's keys listed last differs from what is kept.
#[derive(Object)]
#[oai(rename = "ModelDiff", example)]
pub(in crate::admin) struct DiffBody {
    /// Id of the provider.
    provider: i64,
    /// Its name.
    provider_name: String,
    /// Names the reading, for accepting it; null: no list was read since Keywheel started.
    #[oai(nullable)]
    reading: Option<String>,
    /// When the lists were read.
    #[oai(nullable)]
    read_at: Option<String>,
    /// When lists were last taken over.
    #[oai(nullable)]
    synced_at: Option<String>,
    /// Keys that were asked.
    asked: u64,
    /// Ids of keys whose list was empty, which counts only where it is believed.
    empty: Vec<i64>,
    /// Keys whose list could not be read; what they listed before stays.
    failed: Vec<FailedList>,
    /// Models that are new, or back.
    added: Vec<AddedModel>,
    /// Models that no key lists any more.
    vanished: Vec<VanishedModel>,
    /// Models that other keys list than before.
    changed: Vec<ChangedModel>,
    /// Models that are listed and stay out, since they were taken out.
    taken_out: Vec<String>,
}

/// A model that is new, or back.
#[derive(Object)]
struct AddedModel {
    /// The provider's name for it.
    model: String,
    /// Ids of the keys that list it.
    keys: Vec<i64>,
    /// Since when it had vanished, where it was known before.
    #[oai(nullable)]
    vanished_at: Option<String>,
}

/// A model that no key lists any more.
#[derive(Object)]
struct VanishedModel {
    /// The provider's name for it.
    model: String,
    /// Ids of the keys that listed it.
    keys: Vec<i64>,
    /// Names of the model routes that lead to it; they stay.
    routes: Vec<String>,
}

/// A model that other keys list than before.
#[derive(Object)]
struct ChangedModel {
    /// The provider's name for it.
    model: String,
    /// Ids of the keys that list it since.
    gained: Vec<i64>,
    /// Ids of the keys that list it no more.
    lost: Vec<i64>,
}

impl DiffBody {
    /// The latest reading of a provider against what is kept.
    pub(in crate::admin) async fn of(access: &Access, provider: &Provider, believe_empty: bool) -> Result<Self, ApiError> {
        let context = access.context();
        let reading = context.model_sync.latest(provider.id);
        let diff = match &reading {
            Some(reading) => {
                let kept = context.store().synced_models(provider.id).await?;
                ModelDiff::between(&kept, &reading.lists(believe_empty))
            }
            None => ModelDiff::default(),
        };
        let routes = if diff.vanished.is_empty() { HashMap::new() } else { routes_to(access, provider) };
        Ok(DiffBody {
            provider: provider.id.0,
            provider_name: provider.name.clone(),
            reading: reading.as_ref().map(|reading| reading.id.clone()),
            read_at: reading.as_ref().map(|reading| to_rfc3339(reading.read_ms)),
            synced_at: provider.models_synced_ms.map(to_rfc3339),
            asked: reading.as_ref().map_or(0, |reading| reading.asked() as u64),
            empty: reading.as_ref().map(|reading| reading.empty().map(|key| key.0).collect()).unwrap_or_default(),
            failed: reading.as_ref().map(|reading| FailedList::of(reading)).unwrap_or_default(),
            added: diff.added.into_iter().map(AddedModel::from).collect(),
            vanished: diff.vanished.into_iter().map(|difference| VanishedModel::of(difference, &routes)).collect(),
            changed: diff.changed.into_iter().map(ChangedModel::from).collect(),
            taken_out: diff.taken_out.into_iter().filter(|one| !one.after.is_empty()).map(|one| one.model).collect(),
        })
    }
}

impl From<ModelDifference> for AddedModel {
    fn from(difference: ModelDifference) -> Self {
        AddedModel {
            keys: ids(&difference.after),
            vanished_at: difference.vanished_ms.map(to_rfc3339),
            model: difference.model,
        }
    }
}

impl VanishedModel {
    fn of(difference: ModelDifference, routes: &HashMap<String, Vec<String>>) -> Self {
        let routes = routes.get(&difference.model).cloned().unwrap_or_default();
        VanishedModel { keys: ids(&difference.before), routes, model: difference.model }
    }
}

impl From<ModelDifference> for ChangedModel {
    fn from(difference: ModelDifference) -> Self {
        let ModelDifference { model, before, after, .. } = difference;
        let only = |these: &BTreeSet<KeyId>, not: &BTreeSet<KeyId>| these.difference(not).map(|key| key.0).collect();
        ChangedModel { gained: only(&after, &before), lost: only(&before, &after), model }
    }
}

fn ids(keys: &BTreeSet<KeyId>) -> Vec<i64> {
    keys.iter().map(|key| key.0).collect()
}

/// The names of the routes that lead to each model of a provider.
pub(super) fn routes_to(access: &Access, provider: &Provider) -> HashMap<String, Vec<String>> {
    let catalog = access.context().store().catalog();
    let mut routes: HashMap<String, Vec<String>> = HashMap::new();
    for row in catalog.all::<Model>() {
        for target in row.value.targets.iter().filter(|target| target.provider == provider.id) {
            routes.entry(target.model.to_string()).or_default().push(row.value.name.clone());
        }
    }
    routes
}

example!(DiffBody, {
    "provider": 1, "provider_name": "openai", "reading": "19aba1e0f40-7", "read_at": "2026-11-25T10:00:00Z",
    "synced_at": "2026-11-24T10:00:00Z", "asked": 3, "empty": [], "failed": [{ "key": 3, "message": "the provider answered 401" }],
    "added": [{ "model": "gpt-5-mini", "keys": [1, 2], "vanished_at": null }],
    "vanished": [{ "model": "gpt-4-32k", "keys": [1], "routes": ["long"] }],
    "changed": [{ "model": "o3", "gained": [2], "lost": [] }], "taken_out": ["gpt-3.5-turbo"],
});
