//! Usage: what a call consumed, in the provider's units, and what that costs.

use serde::{Deserialize, Serialize};

use super::money::{Cost, LongContextPrice, Nanodollars, Price, Rate};

/// How much a usage figure can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageQuality {
    /// The provider said nothing and nothing could be estimated.
    #[default]
    Unknown,
    /// Keywheel counted text because the provider said nothing, or said only part.
    Estimated,
    /// The provider's own last statement.
    Exact,
}

/// Units that a call consumed. Missing, null and zero differ: `None` means that the provider did not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// All input tokens: fresh, read from a cache and written to a cache together.
    pub input: Option<u64>,
    /// Part of `input` that was read from the provider's prompt cache.
    pub cached_read: Option<u64>,
    /// Part of `input` that was written to the provider's prompt cache.
    pub cache_write: Option<u64>,
    /// All output tokens, reasoning included.
    pub output: Option<u64>,
    /// Part of `output` spent on reasoning.
    pub reasoning: Option<u64>,
    /// Part of `input` that was audio.
    pub audio_input: Option<u64>,
    /// Part of `output` that was audio.
    pub audio_output: Option<u64>,
    /// Part of `input` that was pictures.
    pub image_input: Option<u64>,
    /// Part of `output` that was pictures.
    pub image_output: Option<u64>,
    /// Pictures drawn.
    pub pictures: Option<u64>,
    /// Audio heard or spoken, in milliseconds.
    pub audio_ms: Option<u64>,
    /// Characters of text spoken.
    pub characters: Option<u64>,
    /// How far these figures can be trusted.
    pub quality: UsageQuality,
    /// The figures are a running total of an answer that was not read to its end.
    pub partial: bool,
    /// The provider's own usage object, as it stood.
    pub raw: Option<Box<str>>,
}

impl Usage {
    /// Input and output tokens together, when either is known.
    pub fn total_tokens(&self) -> Option<u64> {
        match (self.input, self.output) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0).saturating_add(output.unwrap_or(0))),
        }
    }

    /// What this usage costs at `price`; unknown when a unit that was used has no price, or when nothing is known.
    ///
    /// Tokens win over other units, so that a picture reported in tokens is not billed twice.
    pub fn cost(&self, price: &Price) -> Cost {
        if self.quality == UsageQuality::Unknown {
            return Cost::Unknown;
        }
        let sum = match self.total_tokens() {
            Some(_) if price.input.is_some() || price.output.is_some() || price.image_output.is_some() => {
                self.token_cost(price)
            }
            _ => self.unit_cost(price),
        };
        match sum {
            Some(sum) => Cost::Known(Nanodollars(i64::try_from((sum + 500_000) / 1_000_000).unwrap_or(i64::MAX))),
            None => Cost::Unknown,
        }
    }

    fn token_cost(&self, price: &Price) -> Option<i128> {
        let input = self.input.unwrap_or(0);
        let cached_read = self.cached_read.unwrap_or(0).min(input);
        let cache_write = self.cache_write.unwrap_or(0).min(input - cached_read);
        let fresh = input - cached_read - cache_write;
        let audio_input = self.audio_input.unwrap_or(0).min(fresh);
        let image_input = self.image_input.unwrap_or(0).min(fresh - audio_input);
        let output = self.output.unwrap_or(0);
        let audio_output = self.audio_output.unwrap_or(0).min(output);
        let image_output = self.image_output.unwrap_or(0).min(output - audio_output);
        let long = price.long_context.as_ref().filter(|long| input > long.above);
        let rate =
            |ordinary: Option<Rate>, long_rate: fn(&LongContextPrice) -> Option<Rate>| long.and_then(long_rate).or(ordinary);
        let input_rate = rate(price.input, |long| long.input);
        let output_rate = rate(price.output, |long| long.output);
        let parts = [
            (fresh - audio_input - image_input, input_rate),
            (cached_read, rate(price.cached_read, |long| long.cached_read).or(input_rate)),
            (cache_write, rate(price.cache_write, |long| long.cache_write).or(input_rate)),
            (audio_input, price.audio_input.or(input_rate)),
            (image_input, price.image_input.or(input_rate)),
            (output - audio_output - image_output, output_rate),
            (audio_output, price.audio_output.or(output_rate)),
            (image_output, price.image_output.or(output_rate)),
        ];
        sum_parts(&parts)
    }

    fn unit_cost(&self, price: &Price) -> Option<i128> {
        let (units, rate) = if let Some(pictures) = self.pictures {
            (pictures, price.per_picture)
        } else if let Some(ms) = self.audio_ms {
            return price.per_second.map(|rate| rate.times(ms) / 1000);
        } else {
            (self.characters?, price.per_character)
        };
        rate.map(|rate| rate.times(units))
    }
}

fn sum_parts(parts: &[(u64, Option<Rate>)]) -> Option<i128> {
    parts.iter().filter(|(units, _)| *units > 0).try_fold(0i128, |sum, (units, rate)| rate.map(|rate| sum + rate.times(*units)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dollars(usage: Usage, price: &Price) -> Option<f64> {
        Usage { quality: UsageQuality::Exact, ..usage }.cost(price).known().map(Nanodollars::as_dollars)
    }

    fn price() -> Price {
        Price {
            input: Some(Rate::per_million(10.0)),
            cached_read: Some(Rate::per_million(1.0)),
            cache_write: Some(Rate::per_million(12.5)),
            output: Some(Rate::per_million(20.0)),
            ..Price::default()
        }
    }

    #[test]
    fn cached_tokens_have_their_own_price() {
        let read = Usage { input: Some(1000), cached_read: Some(800), output: Some(50), ..Usage::default() };
        assert_eq!(dollars(read, &price()), Some(0.0038));
        let both =
            Usage { input: Some(1000), cached_read: Some(400), cache_write: Some(400), output: Some(50), ..Usage::default() };
        assert_eq!(dollars(both, &price()), Some(0.0084));
    }

    #[test]
    fn a_long_input_raises_the_price_of_the_whole_call() {
        let long = LongContextPrice {
            above: 200_000,
            input: Some(Rate::per_million(20.0)),
            output: Some(Rate::per_million(30.0)),
            ..LongContextPrice::default()
        };
        let price = Price { long_context: Some(long), ..price() };
        let usage = |input| Usage { input: Some(input), cached_read: Some(100_000), output: Some(1000), ..Usage::default() };
        assert_eq!(dollars(usage(200_000), &price), Some(1.12));
        assert_eq!(dollars(usage(200_001), &price), Some(2.13002));
    }

    #[test]
    fn units_other_than_tokens() {
        let speech = Price { per_second: Some(Rate::per_unit(0.0001)), output: Some(Rate(0)), ..Price::default() };
        assert_eq!(dollars(Usage { audio_ms: Some(27_000), ..Usage::default() }, &speech), Some(0.0027));
        let picture = Price {
            image_output: Some(Rate::per_million(30.0)),
            output: Some(Rate::per_million(30.0)),
            per_picture: Some(Rate::per_unit(0.039)),
            ..Price::default()
        };
        let tokens = Usage { output: Some(1290), image_output: Some(1290), pictures: Some(1), ..Usage::default() };
        assert_eq!(dollars(tokens, &picture), Some(0.0387));
        assert_eq!(dollars(Usage { pictures: Some(2), ..Usage::default() }, &picture), Some(0.078));
        let voice = Price { per_character: Some(Rate::per_million(15.0)), ..Price::default() };
        assert_eq!(dollars(Usage { characters: Some(1000), ..Usage::default() }, &voice), Some(0.015));
    }

    #[test]
    fn unknown_is_never_zero() {
        assert_eq!(dollars(Usage::default(), &price()), None);
        let used = Usage { input: Some(10), output: Some(1), ..Usage::default() };
        assert_eq!(dollars(used.clone(), &Price::default()), None);
        let no_output_price = Price { output: None, ..price() };
        assert_eq!(dollars(used, &no_output_price), None);
        assert_eq!(Usage { input: Some(10), ..Usage::default() }.cost(&price()), Cost::Unknown);
    }
}
