//! Money: integer nano-dollars, prices per million units, and costs that may be unknown.

use std::fmt;
use std::sync::Arc;

use foldhash::HashMap;
use serde::{Deserialize, Serialize};

use super::model::Capabilities;

/// An amount of money in billionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nanodollars(pub i64);

impl Nanodollars {
    /// Nearest amount to a number of dollars.
    pub fn from_dollars(dollars: f64) -> Self {
        Nanodollars((dollars * 1e9).round() as i64)
    }

    /// The amount in dollars, for display.
    pub fn as_dollars(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl fmt::Display for Nanodollars {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "${:.6}", self.as_dollars())
    }
}

/// What a call cost. An unknown price, a price of zero and an amount are three different things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// No price or no usage is known; never shown as zero.
    #[default]
    Unknown,
    /// The amount, possibly zero.
    Known(Nanodollars),
}

impl Cost {
    /// The amount, when there is one.
    pub fn known(self) -> Option<Nanodollars> {
        match self {
            Cost::Known(amount) => Some(amount),
            Cost::Unknown => None,
        }
    }
}

/// Price of one million units (tokens, pictures, seconds, characters), in nano-dollars.
///
/// 1 dollar a million tokens is `Rate(1_000_000_000)`; 0.006 dollars a minute is `Rate(100_000_000_000)` a million seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(pub u64);

impl Rate {
    /// Nearest rate to a price in dollars for one unit.
    pub fn per_unit(dollars: f64) -> Self {
        Rate((dollars * 1e15).round().max(0.0) as u64)
    }

    /// Nearest rate to a price in dollars for a million units.
    pub fn per_million(dollars: f64) -> Self {
        Rate((dollars * 1e9).round().max(0.0) as u64)
    }

    /// The price of a million units in dollars, for display.
    pub fn as_dollars_per_million(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The price of one unit in dollars, for display.
    pub fn as_dollars_per_unit(self) -> f64 {
        self.0 as f64 / 1e15
    }

    /// What `units` cost, in millionths of a nano-dollar, so that sums round only once.
    pub fn times(self, units: u64) -> i128 {
        self.0 as i128 * units as i128
    }
}

/// What a model costs. Every rate may be missing: a missing rate is unknown, not free.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Price {
    /// Input tokens that were not read from a cache.
    pub input: Option<Rate>,
    /// Input tokens read from the provider's prompt cache; missing: as `input`.
    pub cached_read: Option<Rate>,
    /// Input tokens written to the provider's prompt cache; missing: as `input`.
    pub cache_write: Option<Rate>,
    /// Output tokens, reasoning included.
    pub output: Option<Rate>,
    /// Audio tokens heard; missing: as `input`.
    pub audio_input: Option<Rate>,
    /// Audio tokens spoken; missing: as `output`.
    pub audio_output: Option<Rate>,
    /// Picture tokens seen; missing: as `input`.
    pub image_input: Option<Rate>,
    /// Picture tokens drawn; missing: as `output`.
    pub image_output: Option<Rate>,
    /// One picture drawn, used only when no tokens were reported.
    pub per_picture: Option<Rate>,
    /// One second of audio.
    pub per_second: Option<Rate>,
    /// One character of text spoken.
    pub per_character: Option<Rate>,
    /// What tokens cost in a call with a long input.
    pub long_context: Option<LongContextPrice>,
    /// Where the figures come from, such as `litellm 1.110.2` or `operator`.
    pub source: Arc<str>,
    /// Of when they are, in UTC unix milliseconds: when an operator set them, or the day of the data file.
    pub since_ms: Option<i64>,
}

impl Price {
    /// Whether another price charges the same for everything, wherever and whenever it comes from.
    pub fn charges_as(&self, other: &Price) -> bool {
        Price { source: other.source.clone(), since_ms: other.since_ms, ..self.clone() } == *other
    }
}

/// What all tokens of a call cost when its input is longer than a threshold. A missing rate is as in a shorter call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LongContextPrice {
    /// The most input tokens, cached ones included, that a call may have at the ordinary price.
    pub above: u64,
    /// As [`Price::input`].
    pub input: Option<Rate>,
    /// As [`Price::cached_read`].
    pub cached_read: Option<Rate>,
    /// As [`Price::cache_write`].
    pub cache_write: Option<Rate>,
    /// As [`Price::output`].
    pub output: Option<Rate>,
}

/// Who says what a model costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceOrigin {
    /// The operator, for a model route.
    Route,
    /// The operator, for a model of a provider.
    Provider,
    /// The data file.
    Table,
}

/// Prices and capabilities by model name, read from a dated data file.
#[derive(Clone, Debug, Default)]
pub struct PriceTable {
    /// Where the table comes from, for display.
    pub source: Arc<str>,
    /// Prices by upstream model name.
    pub by_model: HashMap<String, Arc<Price>>,
    /// What upstream models can do, by name.
    pub capabilities: HashMap<String, Capabilities>,
}

impl PriceTable {
    /// The price of an upstream model, by the first of its [`model_spellings`] that the table has.
    pub fn find(&self, model: &str) -> Option<&Arc<Price>> {
        model_spellings(model).find_map(|name| self.by_model.get(name))
    }

    /// What an upstream model can do, as far as the table knows.
    pub fn capabilities(&self, model: &str) -> Capabilities {
        model_spellings(model).find_map(|name| self.capabilities.get(name)).cloned().unwrap_or_default()
    }
}

/// Names under which a table may know an upstream model: its own name, the name behind the last `/` (without a vendor's
/// prefix), and that name without a date suffix (`-2026-01-31` or `-20260131`).
pub fn model_spellings(model: &str) -> impl Iterator<Item = &str> {
    let bare = model.rsplit('/').next().unwrap_or(model);
    [Some(model), Some(bare), without_date(bare)].into_iter().flatten()
}

fn without_date(model: &str) -> Option<&str> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some((head, tail)) = model.rsplit_once('-')
        && tail.len() == 8
        && is_digits(tail)
    {
        return Some(head);
    }
    let cut = model.len().checked_sub(11)?;
    let tail = model.get(cut..)?.as_bytes();
    let shape = tail.iter().enumerate().all(|(at, byte)| match at {
        0 | 5 | 8 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    shape.then(|| &model[..cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dated_or_prefixed_name_finds_its_price() {
        let mut table = PriceTable::default();
        table.by_model.insert("gpt-4o".into(), Arc::new(Price::default()));
        for name in ["gpt-4o", "openai/gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-20240806"] {
            assert!(table.find(name).is_some(), "{name}");
        }
        for name in ["gpt-4o-mini", "gpt-4", "-2024-08-06", ""] {
            assert!(table.find(name).is_none(), "{name}");
        }
    }

    #[test]
    fn rates_keep_small_prices() {
        assert_eq!(Rate::per_unit(0.006 / 60.0).times(27), 2_700_000 * 1_000_000);
        assert_eq!(Rate::per_million(15.0).times(1000), 15_000_000 * 1_000_000);
    }
}
