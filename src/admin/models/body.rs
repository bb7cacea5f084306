//! Model routes as the API shows and takes them.

use std::sync::Arc;

use poem_openapi::Object;
use poem_openapi::types::{Example, MaybeUndefined};
use serde::Deserialize;

use crate::admin::wire::{bodies, example, required, set_or, set_or_remove, try_map, words};
use crate::domain::{
    Capabilities, DollarPrice, InvalidField, LongContextDollars, Model, ModelId, Price, Provider, ProviderId, Strategy, Target,
    to_rfc3339,
};
use crate::store::{Catalog, Stored};

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
}

fn one() -> u32 {
    1
}

/// A price in dollars. Tokens and characters are by the million, pictures and seconds by the piece; what is missing is
/// unknown, not free.
#[derive(Clone, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(rename = "Price")]
pub(super) struct PriceBody {
    /// Input tokens.
    #[oai(nullable)]
    input: Option<f64>,
    /// Input tokens read from a cache; missing: as `input`.
    #[oai(nullable)]
    cached_read: Option<f64>,
    /// Input tokens written to a cache; missing: as `input`.
    #[oai(nullable)]
    cache_write: Option<f64>,
    /// Output tokens.
    #[oai(nullable)]
    output: Option<f64>,
    /// Audio tokens heard; missing: as `input`.
    #[oai(nullable)]
    audio_input: Option<f64>,
    /// Audio tokens spoken; missing: as `output`.
    #[oai(nullable)]
    audio_output: Option<f64>,
    /// Picture tokens seen; missing: as `input`.
    #[oai(nullable)]
    image_input: Option<f64>,
    /// Picture tokens drawn; missing: as `output`.
    #[oai(nullable)]
    image_output: Option<f64>,
    /// One picture drawn.
    #[oai(nullable)]
    per_picture: Option<f64>,
    /// One second of audio.
    #[oai(nullable)]
    per_second: Option<f64>,
    /// A million characters of text spoken.
    #[oai(nullable)]
    per_million_characters: Option<f64>,
    /// What tokens cost in a call with a long input.
    #[oai(nullable)]
    long_context: Option<LongContextBody>,
}

/// What tokens cost, in dollars a million, in a call with a long input.
#[derive(Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "LongContextPrice")]
struct LongContextBody {
    /// The most input tokens that a call may have at the ordinary price.
    above: u64,
    /// Input tokens.
    #[oai(nullable)]
    input: Option<f64>,
    /// Input tokens read from a cache.
    #[oai(nullable)]
    cached_read: Option<f64>,
    /// Input tokens written to a cache.
    #[oai(nullable)]
    cache_write: Option<f64>,
    /// Output tokens.
    #[oai(nullable)]
    output: Option<f64>,
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

    fn of(target: &Target, catalog: &Catalog) -> Self {
        TargetBody {
            provider: target.provider.0,
            provider_name: catalog.get::<Provider>(target.provider).map(|row| row.value.name.clone()),
            model: target.model.to_string(),
            tier: target.tier,
            weight: target.weight,
        }
    }
}

impl PriceBody {
    fn into_price(self) -> Result<Price, InvalidField> {
        let dollars = DollarPrice {
            input: self.input,
            cached_read: self.cached_read,
            cache_write: self.cache_write,
            output: self.output,
            audio_input: self.audio_input,
            audio_output: self.audio_output,
            image_input: self.image_input,
            image_output: self.image_output,
            per_picture: self.per_picture,
            per_second: self.per_second,
            per_million_characters: self.per_million_characters,
            long_context: self.long_context.map(|long| LongContextDollars {
                above: long.above,
                input: long.input,
                cached_read: long.cached_read,
                cache_write: long.cache_write,
                output: long.output,
            }),
        };
        dollars.to_price("operator".into())
    }

    fn of(price: &Price) -> Self {
        let dollars = DollarPrice::from(price);
        PriceBody {
            input: dollars.input,
            cached_read: dollars.cached_read,
            cache_write: dollars.cache_write,
            output: dollars.output,
            audio_input: dollars.audio_input,
            audio_output: dollars.audio_output,
            image_input: dollars.image_input,
            image_output: dollars.image_output,
            per_picture: dollars.per_picture,
            per_second: dollars.per_second,
            per_million_characters: dollars.per_million_characters,
            long_context: dollars.long_context.map(|long| LongContextBody {
                above: long.above,
                input: long.input,
                cached_read: long.cached_read,
                cache_write: long.cache_write,
                output: long.output,
            }),
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

impl ModelBody {
    pub(super) fn of(row: &Stored<Model>, catalog: &Catalog) -> Self {
        let model = &*row.value;
        ModelBody {
            id: model.id.0,
            version: row.version,
            created_at: to_rfc3339(row.created_ms),
            updated_at: to_rfc3339(row.updated_ms),
            name: model.name.clone(),
            targets: model.targets.iter().map(|target| TargetBody::of(target, catalog)).collect(),
            strategy: model.strategy,
            price: model.price.as_deref().map(PriceBody::of),
            context_length: model.capabilities.context_length,
            vision: model.capabilities.vision,
            tools: model.capabilities.tools,
            answer_ms: model.answer_ms,
            enabled: model.enabled,
            visible: model.visible,
        }
    }
}

impl Example for ModelCreate {
    fn example() -> Self {
        let target = TargetBody { provider: 1, provider_name: None, model: "gpt-4o-mini".to_owned(), tier: 1, weight: 1 };
        ModelCreate {
            name: "fast".to_owned(),
            targets: vec![target],
            strategy: Strategy::LeastInFlight.into(),
            price: PriceBody { input: Some(0.15), output: Some(0.6), ..PriceBody::default() }.into(),
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
    "name": "fast", "targets": [{ "provider": 1, "provider_name": "openai", "model": "gpt-4o-mini", "tier": 1, "weight": 1 }],
    "strategy": "least_in_flight", "price": null, "context_length": 128000, "vision": true, "tools": true, "answer_ms": null,
    "enabled": true, "visible": true,
});
