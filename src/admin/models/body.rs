//! Model routes as the API shows and takes them.

use std::collections::HashMap;
use std::sync::Arc;

use poem_openapi::Object;
use poem_openapi::types::{Example, MaybeUndefined};
use serde::Deserialize;

use crate::admin::access::Access;
use crate::admin::error::ApiError;
use crate::admin::price::{CapabilitiesBody, PriceBody, PriceInForce};
use crate::admin::providers::DiffBody;
use crate::admin::usage::{RecentUse, RecentUses};
use crate::admin::wire::{bodies, example, required, set_or, set_or_remove, try_map, words};
use crate::domain::{Capabilities, InvalidField, Model, ModelId, ProviderId, Snapshot, Strategy, Target, to_rfc3339};
use crate::store::{Dimension, Stored};

words!(Strategy, "Strategy", ["round_robin", "weighted_random", "least_in_flight", "fastest", "sticky", "priority"]);

bodies! {
    /// A model route to be made.
    create ModelCreate;
    /// What to change of a model route.
    change ModelChange;
    required {
        /// The name that clients ask for, unique; slashes, spaces and any script are welcome.
        name: String,
        /// Where it is served.
        targets: Vec<TargetBody>,
    }
    optional {
        /// How keys are chosen; null is the setting of the installation.
        strategy: Strategy,
        /// Its price; null: by the price table, for the target's model.
        price: PriceBody,
        /// Tokens that fit into one call, input and output together.
        context_length: u64,
        /// Accepts pictures.
        vision: bool,
        /// Accepts tools.
        tools: bool,
        /// Longest wait for a whole answer without a stream, in milliseconds; null: as the provider's.
        answer_ms: u64,
        /// May be called.
        enabled: bool,
        /// Stands in `/v1/models`.
        visible: bool,
    }
}

/// One place where a model is served.
#[derive(Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "Target")]
pub(super) struct TargetBody {
    /// Id of the provider.
    provider: i64,
    /// Name of the provider; ignored when sent.
    #[serde(default)]
    #[oai(nullable)]
    provider_name: Option<String>,
    /// The provider's own name for the model.
    model: String,
    /// Tiers are tried in ascending order, 1 to 100; 1 if left out.
    #[serde(default = "one")]
    #[oai(default = "one")]
    tier: u32,
    /// Share of calls within the tier, 0 to 1000; 1 if left out.
    #[serde(default = "one")]
    #[oai(default = "one")]
    weight: u32,
    /// What a call costs that it serves, and who says so; null: not known. Ignored when sent.
    #[serde(default)]
    #[oai(nullable)]
    price_in_force: Option<PriceInForce>,
    /// Since when no key of the provider lists the model any more; ignored when sent.
    #[serde(default)]
    #[oai(nullable)]
    vanished_at: Option<String>,
}

fn one() -> u32 {
    1
}

impl ModelChange {
    pub(super) fn create(self) -> Result<Model, InvalidField> {
        let mut model = Model {
            id: ModelId(0),
            name: String::new(),
            strategy: None,
            targets: Vec::new(),
            price: None,
            capabilities: Capabilities::default(),
            answer_ms: None,
            enabled: true,
            visible: true,
        };
        self.apply(&mut model)?;
        Ok(model)
    }

    pub(super) fn apply(self, model: &mut Model) -> Result<(), InvalidField> {
        if let Some(name) = required("name", self.name)? {
            model.name = name;
        }
        if let Some(targets) = required("targets", self.targets)? {
            model.targets = targets.into_iter().map(TargetBody::into_target).collect();
        }
        set_or_remove(&mut model.strategy, self.strategy);
        set_or_remove(&mut model.price, try_map(self.price, |price| price.into_price().map(Arc::new))?);
        let capabilities = &mut model.capabilities;
        set_or_remove(&mut capabilities.context_length, self.context_length);
        set_or_remove(&mut capabilities.vision, self.vision);
        set_or_remove(&mut capabilities.tools, self.tools);
        set_or_remove(&mut model.answer_ms, self.answer_ms);
        set_or(&mut model.enabled, self.enabled, true);
        set_or(&mut model.visible, self.visible, true);
        Ok(())
    }
}

impl TargetBody {
    fn into_target(self) -> Target {
        Target { provider: ProviderId(self.provider), model: self.model.into(), tier: self.tier, weight: self.weight }
    }

    fn of(target: &Target, model: &Model, facts: &ModelFacts) -> Self {
        let vanished = facts.vanished.get(&(target.provider, target.model.to_string()));
        TargetBody {
            provider: target.provider.0,
            provider_name: facts.snapshot.provider(target.provider).map(|provider| provider.name.clone()),
            model: target.model.to_string(),
            tier: target.tier,
            weight: target.weight,
            price_in_force: PriceInForce::of(&facts.snapshot, Some(model), target.provider, &target.model),
            vanished_at: vanished.map(|at| to_rfc3339(*at)),
        }
    }
}

/// A model route.
#[derive(Object)]
#[oai(rename = "Model", example)]
pub(super) struct ModelBody {
    /// Id.
    pub(super) id: i64,
    /// Version, as in `ETag`.
    version: i64,
    /// When it was made.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
    /// The name that clients ask for.
    name: String,
    /// Where it is served.
    targets: Vec<TargetBody>,
    /// How keys are chosen.
    #[oai(nullable)]
    strategy: Option<Strategy>,
    /// Its price; null: by the price table.
    #[oai(nullable)]
    price: Option<PriceBody>,
    /// Tokens that fit into one call.
    #[oai(nullable)]
    context_length: Option<u64>,
    /// Accepts pictures.
    #[oai(nullable)]
    vision: Option<bool>,
    /// Accepts tools.
    #[oai(nullable)]
    tools: Option<bool>,
    /// Longest wait for a whole answer without a stream, in milliseconds.
    #[oai(nullable)]
    answer_ms: Option<u64>,
    /// May be called.
    enabled: bool,
    /// Stands in `/v1/models`.
    visible: bool,
    /// What it can do: as said above, else as the data file knows of the model that serves it first.
    capabilities: CapabilitiesBody,
    /// What calls that asked for it have used.
    last_24h: RecentUse,
}

/// What is known of model routes besides what is kept of them.
pub(super) struct ModelFacts {
    snapshot: Arc<Snapshot>,
    /// Models that vanished from a provider's lists, and when.
    vanished: HashMap<(ProviderId, String), i64>,
    used: RecentUses<Arc<str>>,
}

impl ModelFacts {
    pub(super) async fn read(access: &Access) -> Result<Self, ApiError> {
        Ok(ModelFacts {
            vanished: access.context().store().vanished_models().await?,
            used: RecentUses::read(access, Dimension::Model, |member| member.name.clone()).await?,
            snapshot: access.context().publisher.current().load_full(),
        })
    }
}

/// A page of model routes.
#[derive(Object)]
pub(super) struct ModelPage {
    /// The model routes.
    pub(super) models: Vec<ModelBody>,
    /// Where the next page begins; null: this is the last.
    #[oai(nullable)]
    pub(super) next_cursor: Option<String>,
}

/// How what providers list differs from what is kept.
#[derive(Object)]
pub(super) struct DiffList {
    /// The differences.
    pub(super) diffs: Vec<DiffBody>,
}

impl ModelBody {
    pub(super) fn of(row: &Stored<Model>, facts: &ModelFacts) -> Self {
        let model = &*row.value;
        ModelBody {
            id: model.id.0,
            version: row.version,
            created_at: to_rfc3339(row.created_ms),
            updated_at: to_rfc3339(row.updated_ms),
            name: model.name.clone(),
            targets: model.targets.iter().map(|target| TargetBody::of(target, model, facts)).collect(),
            strategy: model.strategy,
            price: model.price.as_deref().map(PriceBody::of),
            context_length: model.capabilities.context_length,
            vision: model.capabilities.vision,
            tools: model.capabilities.tools,
            answer_ms: model.answer_ms,
            enabled: model.enabled,
            visible: model.visible,
            capabilities: facts.snapshot.capabilities(&model.name).into(),
            last_24h: facts.used.of(&*model.name),
        }
    }
}

impl Example for ModelCreate {
    fn example() -> Self {
        let target = TargetBody {
            provider: 1,
            provider_name: None,
            model: "gpt-4o-mini".to_owned(),
            tier: 1,
            weight: 1,
            price_in_force: None,
            vanished_at: None,
        };
        ModelCreate {
            name: "fast".to_owned(),
            targets: vec![target],
            strategy: Strategy::LeastInFlight.into(),
            price: PriceBody::of_tokens(0.15, 0.6).into(),
            context_length: 128_000.into(),
            vision: true.into(),
            tools: true.into(),
            answer_ms: MaybeUndefined::Undefined,
            enabled: MaybeUndefined::Undefined,
            visible: MaybeUndefined::Undefined,
        }
    }
}

impl Example for ModelChange {
    fn example() -> Self {
        ModelChange { strategy: Strategy::Sticky.into(), price: MaybeUndefined::Null, ..ModelChange::default() }
    }
}

example!(ModelBody, {
    "id": 1, "version": 3, "created_at": "2026-11-25T10:00:00Z", "updated_at": "2026-11-25T10:05:00Z",
    "name": "fast", "targets": [{ "provider": 1, "provider_name": "openai", "model": "gpt-4o-mini", "tier": 1, "weight": 1,
        "vanished_at": null, "price_in_force": { "price": { "input": 0.15, "cached_read": 0.075, "output": 0.6 },
            "origin": "table", "source": "litellm 1.110.2", "since": "2026-11-25T00:00:00Z" } }],
    "strategy": "least_in_flight", "price": null, "context_length": 128000, "vision": true, "tools": true, "answer_ms": null,
    "enabled": true, "visible": true, "capabilities": { "context_length": 128000, "vision": true, "tools": true },
    "last_24h": { "calls": 912, "succeeded": 904, "input": 310_000, "output": 44_000, "cost_usd": 0.07, "unpriced": 0 },
});
