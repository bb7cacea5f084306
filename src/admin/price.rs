//! Prices and capabilities as the API shows and takes them.

use poem_openapi::Object;
use serde::Deserialize;

use super::wire::words;
use crate::domain::{
    Capabilities, DollarPrice, InvalidField, LongContextDollars, Model, Price, PriceOrigin, ProviderId, Snapshot, to_rfc3339,
};

words!(PriceOrigin, "PriceOrigin", ["route", "provider", "table"]);

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

impl PriceBody {
    /// Dollars for a million input tokens and a million output tokens.
    pub(super) fn of_tokens(input: f64, output: f64) -> Self {
        PriceBody { input: Some(input), output: Some(output), ..PriceBody::default() }
    }

    pub(super) fn into_price(self) -> Result<Price, InvalidField> {
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

    pub(super) fn of(price: &Price) -> Self {
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

/// What a model of a provider costs now, and who says so.
#[derive(Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceInForce {
    /// The figures.
    price: PriceBody,
    /// `route`: the price of the model route; `provider`: the operator's for this model of this provider; `table`: the data
    /// file's.
    origin: PriceOrigin,
    /// Where the figures come from: `operator`, or the data file's name and version.
    source: String,
    /// Of when they are: when they were set, or the day of the data file; null: not known.
    #[serde(default)]
    #[oai(nullable)]
    since: Option<String>,
}

impl PriceInForce {
    /// The price of a call of this route, or without one, that this model of this provider serves.
    pub(super) fn of(snapshot: &Snapshot, route: Option<&Model>, provider: ProviderId, model: &str) -> Option<Self> {
        let (origin, price) = snapshot.price_in_force(route, provider, model)?;
        Some(PriceInForce {
            price: PriceBody::of(price),
            origin,
            source: price.source.to_string(),
            since: price.since_ms.map(to_rfc3339),
        })
    }
}

/// What a model can do, as far as it is known.
#[derive(Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "Capabilities")]
pub(super) struct CapabilitiesBody {
    /// Tokens that fit into one call, input and output together; null: not known.
    #[oai(nullable)]
    context_length: Option<u64>,
    /// Accepts pictures; null: not known.
    #[oai(nullable)]
    vision: Option<bool>,
    /// Accepts tools; null: not known.
    #[oai(nullable)]
    tools: Option<bool>,
}

impl From<Capabilities> for CapabilitiesBody {
    fn from(capabilities: Capabilities) -> Self {
        let Capabilities { context_length, vision, tools } = capabilities;
        CapabilitiesBody { context_length, vision, tools }
    }
}
