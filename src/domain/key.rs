//! A key: one provider API key and how it may be used. Its changing state lives in the rotator.

use secrecy::SecretString;

use super::ids::{KeyId, ProviderId};
use super::limits::KeyLimits;
use super::pattern::Pattern;

/// One provider API key, as the operator configured it.
#[derive(Clone, Debug)]
pub struct Key {
    /// Row id.
    pub id: KeyId,
    /// The provider that issued it.
    pub provider: ProviderId,
    /// The operator's name for it, unique within the provider.
    pub name: String,
    /// The secret itself; printed by nothing.
    pub secret: SecretString,
    /// Labels that clients and scripts select by.
    pub tags: Vec<String>,
    /// Share of calls relative to its peers, 1 or more; 0 takes no calls.
    pub weight: u32,
    /// Order for the `priority` strategy: smaller is used first.
    pub priority: i32,
    /// Models that it may serve; `None` is every model, empty is none.
    pub models: Option<Vec<Pattern>>,
    /// Its limits.
    pub limits: KeyLimits,
    /// The provider account it belongs to; keys of one account share limits.
    pub account: Option<String>,
}

impl Key {
    /// A key that may serve every model without limits, of weight 1, not yet kept: its id is 0.
    pub fn new(provider: ProviderId, name: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        Self {
            id: KeyId(0),
            provider,
            name: name.into(),
            secret: secret.into(),
            tags: Vec::new(),
            weight: 1,
            priority: 0,
            models: None,
            limits: KeyLimits::default(),
            account: None,
        }
    }

    /// Whether the key may serve an upstream model.
    pub fn serves(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.iter().any(|pattern| pattern.matches(model)))
    }
}

/// What changes about a key from call to call, as rotator and scripts tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KeyFacts {
    /// Calls in flight.
    pub in_flight: u64,
    /// Requests in the last 60 seconds, about.
    pub rpm_used: u64,
    /// Tokens in the last 60 seconds, about; calls in flight by their estimate.
    pub tpm_used: u64,
    /// Requests left by the provider's own words; the smallest over models.
    pub remaining_requests: Option<u64>,
    /// Tokens left by the provider's own words; the smallest over models.
    pub remaining_tokens: Option<u64>,
    /// UTC unix milliseconds at which those are whole again.
    pub reset_at: Option<i64>,
    /// UTC unix milliseconds of the last pick.
    pub last_used: Option<i64>,
    /// Decaying mean of milliseconds to the first byte.
    pub ewma_ms: Option<f64>,
    /// Failures in a row.
    pub failures: u64,
}

/// The part of a secret that may be shown: its last four characters, when it is long enough to keep the rest unknown.
pub fn secret_hint(secret: &str) -> String {
    format!("…{}", shown_end(secret))
}

/// The last four characters of a secret that is long enough to keep the rest unknown; else nothing.
pub fn shown_end(secret: &str) -> &str {
    let from = secret.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
    if secret.chars().count() < 12 { "" } else { &secret[from..] }
}
