//! Events: a key changed state.

use serde::{Deserialize, Serialize};

use super::ids::{KeyId, ProviderId};

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum KeyEventKind {
    /// It rests until a time.
    Cooling {
        /// UTC unix milliseconds.
        until_ms: i64,
        /// The model it rests for; `None` is every model.
        model: Option<String>,
    },
    /// It was disabled by a verdict.
    DisabledAuto,
    /// An operator disabled it.
    DisabledManual {
        /// UTC unix milliseconds until which, or for good.
        until_ms: Option<i64>,
    },
    /// It serves again.
    Active,
    /// The provider's breaker opened.
    BreakerOpened,
    /// The provider's breaker closed.
    BreakerClosed,
}

/// A change of a key's or provider's state, for the store, alerts and scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyEvent {
    /// UTC unix milliseconds.
    pub at_ms: i64,
    /// The provider.
    pub provider: ProviderId,
    /// The key; `None` for a breaker.
    pub key: Option<KeyId>,
    /// What happened.
    #[serde(flatten)]
    pub kind: KeyEventKind,
    /// Why, in a few words: a rule id or an operator's reason.
    pub reason: String,
}
