//! A model route: a public name and the ordered places where it can be served.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::{ModelId, ProviderId};
use super::money::Price;

/// How a key is chosen among those that could serve a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Keys in turn, by weight, without clumps (smooth weighted round robin).
    #[default]
    RoundRobin,
    /// A random key, by weight.
    WeightedRandom,
    /// The key with the fewest calls in flight for its weight.
    LeastInFlight,
    /// The faster of two random keys, by a decaying mean of their latency.
    Fastest,
    /// The same key for the same client or prompt prefix, so that provider prompt caches stay warm.
    Sticky,
    /// The first key by priority that can serve.
    Priority,
}

impl Strategy {
    /// Every strategy, in the order of the documentation.
    pub const ALL: [Strategy; 6] = [
        Strategy::RoundRobin,
        Strategy::WeightedRandom,
        Strategy::LeastInFlight,
        Strategy::Fastest,
        Strategy::Sticky,
        Strategy::Priority,
    ];

    /// The name in files, API and log.
    pub fn as_str(self) -> &'static str {
        match self {
            Strategy::RoundRobin => "round_robin",
            Strategy::WeightedRandom => "weighted_random",
            Strategy::LeastInFlight => "least_in_flight",
            Strategy::Fastest => "fastest",
            Strategy::Sticky => "sticky",
            Strategy::Priority => "priority",
        }
    }

    /// Reads the name in files, API and log.
    pub fn parse(text: &str) -> Option<Self> {
        Strategy::ALL.into_iter().find(|strategy| strategy.as_str() == text)
    }
}

/// One place where a model can be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The provider.
    pub provider: ProviderId,
    /// The provider's own name for the model.
    pub model: Arc<str>,
    /// Tiers are tried in ascending order; the next only when the former has no key left for the call.
    pub tier: u32,
    /// Share of calls within the tier, 1 or more; 0 takes no calls.
    pub weight: u32,
}

/// Whether a provider can have a model of this name: 1 to 200 bytes without control characters.
pub fn is_model_name(name: &str) -> bool {
    (1..=200).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// What a model can do, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Tokens that fit into one call, input and output together.
    pub context_length: Option<u64>,
    /// Accepts pictures.
    pub vision: Option<bool>,
    /// Accepts tools.
    pub tools: Option<bool>,
}

/// A public model name and where it goes.
#[derive(Clone, Debug)]
pub struct Model {
    /// Row id.
    pub id: ModelId,
    /// The name that clients ask for, unique.
    pub name: String,
    /// How keys are chosen; `None`: as the installation's default.
    pub strategy: Option<Strategy>,
    /// Where it is served.
    pub targets: Vec<Target>,
    /// The operator's own price; `None`: by the price table, for the target's model name.
    pub price: Option<Arc<Price>>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Longest wait for a whole answer without a stream, in milliseconds; `None`: as the provider's.
    pub answer_ms: Option<u64>,
    /// Whether it may be called.
    pub enabled: bool,
    /// Whether `/v1/models` lists it.
    pub visible: bool,
}
