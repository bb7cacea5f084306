//! Prices as people write them: dollars, in files and in the API.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::money::{LongContextPrice, Price, Rate};
use super::validation::InvalidField;

/// A price in dollars. Tokens and characters are by the million, pictures and seconds by the piece; what is left out is
/// unknown, not free.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DollarPrice {
    /// Input tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<f64>,
    /// Input tokens read from a cache; left out: as `input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_read: Option<f64>,
    /// Input tokens written to a cache; left out: as `input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<f64>,
    /// Output tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<f64>,
    /// Audio tokens heard; left out: as `input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<f64>,
    /// Audio tokens spoken; left out: as `output`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<f64>,
    /// Picture tokens seen; left out: as `input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_input: Option<f64>,
    /// Picture tokens drawn; left out: as `output`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_output: Option<f64>,
    /// One picture drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_picture: Option<f64>,
    /// One second of audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// A million characters of text spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_million_characters: Option<f64>,
    /// What tokens cost in a call with a long input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_context: Option<LongContextDollars>,
}

/// What tokens cost, in dollars a million, in a call with a long input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongContextDollars {
    /// The most input tokens that a call may have at the ordinary price.
    pub above: u64,
    /// Input tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<f64>,
    /// Input tokens read from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_read: Option<f64>,
    /// Input tokens written to a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<f64>,
    /// Output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<f64>,
}

impl DollarPrice {
    /// The price in integers. `source` says where it comes from.
    pub fn to_price(&self, source: Arc<str>) -> Result<Price, InvalidField> {
        let long_context = self.long_context.as_ref();
        Ok(Price {
            input: million("price.input", self.input)?,
            cached_read: million("price.cached_read", self.cached_read)?,
            cache_write: million("price.cache_write", self.cache_write)?,
            output: million("price.output", self.output)?,
            audio_input: million("price.audio_input", self.audio_input)?,
            audio_output: million("price.audio_output", self.audio_output)?,
            image_input: million("price.image_input", self.image_input)?,
            image_output: million("price.image_output", self.image_output)?,
            per_picture: checked("price.per_picture", self.per_picture)?.map(Rate::per_unit),
            per_second: checked("price.per_second", self.per_second)?.map(Rate::per_unit),
            per_character: million("price.per_million_characters", self.per_million_characters)?,
            long_context: long_context.map(LongContextDollars::to_price).transpose()?,
            source,
            since_ms: None,
        })
    }
}

impl LongContextDollars {
    fn to_price(&self) -> Result<LongContextPrice, InvalidField> {
        Ok(LongContextPrice {
            above: self.above,
            input: million("price.long_context.input", self.input)?,
            cached_read: million("price.long_context.cached_read", self.cached_read)?,
            cache_write: million("price.long_context.cache_write", self.cache_write)?,
            output: million("price.long_context.output", self.output)?,
        })
    }
}

impl From<&Price> for DollarPrice {
    fn from(price: &Price) -> Self {
        let million = |rate: Option<Rate>| rate.map(Rate::as_dollars_per_million);
        let unit = |rate: Option<Rate>| rate.map(Rate::as_dollars_per_unit);
        DollarPrice {
            input: million(price.input),
            cached_read: million(price.cached_read),
            cache_write: million(price.cache_write),
            output: million(price.output),
            audio_input: million(price.audio_input),
            audio_output: million(price.audio_output),
            image_input: million(price.image_input),
            image_output: million(price.image_output),
            per_picture: unit(price.per_picture),
            per_second: unit(price.per_second),
            per_million_characters: million(price.per_character),
            long_context: price.long_context.as_ref().map(|long| LongContextDollars {
                above: long.above,
                input: million(long.input),
                cached_read: million(long.cached_read),
                cache_write: million(long.cache_write),
                output: million(long.output),
            }),
        }
    }
}

fn million(field: &'static str, dollars: Option<f64>) -> Result<Option<Rate>, InvalidField> {
    Ok(checked(field, dollars)?.map(Rate::per_million))
}

fn checked(field: &'static str, dollars: Option<f64>) -> Result<Option<f64>, InvalidField> {
    match dollars {
        Some(dollars) if !(0.0..=1e6).contains(&dollars) => {
            Err(InvalidField { field, message: format!("must be 0 to 1,000,000 dollars, not {dollars}") })
        }
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_survive_the_way_there_and_back() {
        let dollars = DollarPrice {
            input: Some(0.15),
            cached_read: Some(0.075),
            output: Some(0.6),
            per_picture: Some(0.039),
            per_second: Some(0.0001),
            per_million_characters: Some(15.0),
            long_context: Some(LongContextDollars { above: 200_000, input: Some(0.3), ..LongContextDollars::default() }),
            ..DollarPrice::default()
        };
        assert_eq!(DollarPrice::from(&dollars.to_price("operator".into()).unwrap()), dollars);
    }

    #[test]
    fn a_price_is_not_negative() {
        let price = |output| DollarPrice { output: Some(output), ..DollarPrice::default() }.to_price("operator".into());
        for output in [-0.1, f64::NAN, f64::INFINITY, 2e6] {
            assert_eq!(price(output).unwrap_err().field, "price.output");
        }
        assert_eq!(price(0.0).unwrap().output, Some(Rate(0)), "free is a price");
    }
}
