//! The models of a provider: who lists them, what they cost, can do and have served.

use std::collections::HashMap;
use std::sync::Arc;

use poem_openapi::Object;
use poem_openapi::types::ToJSON;

use super::diff::routes_to;
use crate::admin::access::Access;
use crate::admin::error::ApiError;
use crate::admin::price::{CapabilitiesBody, PriceBody, PriceInForce};
use crate::admin::usage::{RecentUse, RecentUses};
use crate::admin::versioned::Found;
use crate::admin::wire::example;
use crate::domain::{Provider, Snapshot, to_rfc3339};
use crate::store::{Dimension, MemberName, SyncedModel};

/// Models of a provider.
#[derive(Object)]
#[oai(example)]
pub(super) struct SyncedModelList {
    /// Version, as in `ETag`: of who lists what, what is taken out, and prices.
    version: i64,
    /// The models by name.
    models: Vec<SyncedModelBody>,
}

/// A model that a provider lists or used to list, or that has a price of its own there.
#[derive(Object)]
#[oai(rename = "SyncedModel", example)]
struct SyncedModelBody {
    /// The provider's name for it.
    model: String,
    /// When it was first listed; null: no key was ever seen to list it.
    #[oai(nullable)]
    first_seen_at: Option<String>,
    /// Since when no key lists it any more.
    #[oai(nullable)]
    vanished_at: Option<String>,
    /// Since when it is taken out by hand.
    #[oai(nullable)]
    removed_at: Option<String>,
    /// Ids of the keys that list it.
    keys: Vec<i64>,
    /// Names of the model routes that lead to it.
    routes: Vec<String>,
    /// What the operator says that the provider charges for it; null: nothing was said.
    #[oai(nullable)]
    price: Option<PriceBody>,
    /// What a call costs that asks for it by this name, and who says so; null: not known.
    #[oai(nullable)]
    price_in_force: Option<PriceInForce>,
    /// What it can do, as far as the data file knows.
    capabilities: CapabilitiesBody,
    /// What it has served there, under this name.
    last_24h: RecentUse,
}

struct Facts {
    snapshot: Arc<Snapshot>,
    routes: HashMap<String, Vec<String>>,
    served: RecentUses<Arc<str>>,
}

/// Every model of a provider, by name.
pub(super) async fn listed(access: &Access, provider: &Provider) -> Result<Found<SyncedModelList>, ApiError> {
    let context = access.context();
    let mut models = context.store().synced_models(provider.id).await?;
    let of_provider = |member: &MemberName| member.name.clone().filter(|_| member.id == Some(provider.id.0));
    let facts = Facts {
        snapshot: context.publisher.current().load_full(),
        routes: routes_to(access, provider),
        served: RecentUses::read(access, Dimension::ProviderModel, of_provider).await?,
    };
    models.sort_by(|one, other| one.model.cmp(&other.model));
    let is_listed = |name: &String| models.binary_search_by(|model| model.model.cmp(name)).is_ok();
    let only_priced: Vec<_> = provider.model_prices.keys().filter(|name| !is_listed(name)).cloned().collect();
    let mut shown: Vec<_> = models.into_iter().map(|model| SyncedModelBody::of(model, provider, &facts)).collect();
    shown.extend(only_priced.into_iter().map(|name| SyncedModelBody::named(name, provider, &facts)));
    shown.sort_by(|one, other| one.model.cmp(&other.model));
    let version = provider.models_version;
    Ok(Found::new(version, SyncedModelList { version, models: shown }))
}

impl SyncedModelBody {
    fn of(model: SyncedModel, provider: &Provider, facts: &Facts) -> Self {
        SyncedModelBody {
            first_seen_at: Some(to_rfc3339(model.first_seen_ms)),
            vanished_at: model.vanished_ms.map(to_rfc3339),
            removed_at: model.removed_ms.map(to_rfc3339),
            keys: model.keys.into_iter().map(|key| key.0).collect(),
            ..Self::named(model.model, provider, facts)
        }
    }

    /// A model that no key was seen to list.
    fn named(model: String, provider: &Provider, facts: &Facts) -> Self {
        let route = facts.snapshot.model(&model).map(|route| &**route);
        SyncedModelBody {
            first_seen_at: None,
            vanished_at: None,
            removed_at: None,
            keys: Vec::new(),
            routes: facts.routes.get(&model).cloned().unwrap_or_default(),
            price: provider.model_prices.get(&model).map(|price| PriceBody::of(price)),
            price_in_force: PriceInForce::of(&facts.snapshot, route, provider.id, &model),
            capabilities: facts.snapshot.prices.capabilities(&model).into(),
            last_24h: facts.served.of(&*model),
            model,
        }
    }
}

example!(SyncedModelBody, {
    "model": "gpt-4o-mini", "first_seen_at": "2026-11-25T10:00:00Z", "vanished_at": null, "removed_at": null, "keys": [1, 2],
    "routes": ["fast"], "price": null,
    "price_in_force": { "price": { "input": 0.15, "cached_read": 0.075, "output": 0.6 }, "origin": "table",
        "source": "litellm 1.110.2", "since": "2026-11-25T00:00:00Z" },
    "capabilities": { "context_length": 128000, "vision": true, "tools": true },
    "last_24h": { "calls": 912, "succeeded": 904, "input": 310_000, "output": 44_000, "cost_usd": 0.07, "unpriced": 0 },
});
example!(SyncedModelList, { "version": 3, "models": [SyncedModelBody::example().to_json()] });
