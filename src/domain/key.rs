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
    /// Whether the key may serve an upstream model.
    pub fn serves(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.iter().any(|pattern| pattern.matches(model)))
    }
}

/// The part of a secret that may be shown: its last four characters, when it is long enough to keep the rest unknown.
pub fn secret_hint(secret: &str) -> String {
    let count = secret.chars().count();
    if count < 12 { "…".to_owned() } else { format!("…{}", secret.chars().skip(count - 4).collect::<String>()) }
}
