//! What a call asks of the rotator, and why it may get no key.

use std::sync::Arc;

use crate::domain::{Blame, KeyId, Nanodollars, ProviderId, Strategy, Target};

/// What a call needs a key for.
#[derive(Clone, Debug)]
pub struct PickRequest<'a> {
    /// Where the model is served, by ascending tier.
    pub targets: &'a [Target],
    /// How a key is chosen.
    pub strategy: Strategy,
    /// Only keys with one of these tags; `None` is every key.
    pub key_tags: Option<&'a [String]>,
    /// Of those, only keys with one of these tags too: a script's wish beside the client's limits.
    pub also_tags: Option<&'a [String]>,
    /// The path without ids, such as `/models`: a key may lack the right for one.
    pub endpoint: &'static str,
    /// Tokens that the call is expected to use, input and output together.
    pub estimated_tokens: u64,
    /// What the call is expected to cost, where a price is known.
    pub estimated_cost: Option<Nanodollars>,
    /// Hash of the client or prompt prefix, for [`Strategy::Sticky`].
    pub affinity: Option<u64>,
    /// Keys that this call has tried.
    pub tried: &'a [Tried],
    /// The owner of the object that the call names: only its keys can serve.
    pub owner: Option<Owner<'a>>,
    /// The key of the last attempt once more ([`crate::domain::Retry::Same`]).
    pub again: Option<KeyId>,
    /// Keys that a script chose, in its order; those that cannot serve are skipped, and without any the strategy decides.
    pub preferred: &'a [KeyId],
    /// Only tiers from this one on: one above the last attempt's after [`crate::domain::Retry::NextTier`].
    pub min_tier: u32,
}

impl<'a> PickRequest<'a> {
    /// A first attempt without conditions.
    pub fn new(targets: &'a [Target], strategy: Strategy) -> Self {
        PickRequest {
            targets,
            strategy,
            key_tags: None,
            also_tags: None,
            endpoint: "",
            estimated_tokens: 0,
            estimated_cost: None,
            affinity: None,
            tried: &[],
            owner: None,
            again: None,
            preferred: &[],
            min_tier: 0,
        }
    }

    /// The targets from `min_tier` on.
    pub(super) fn targets_left(&self) -> &'a [Target] {
        &self.targets[self.targets.partition_point(|target| target.tier < self.min_tier)..]
    }
}

/// A key that a call has tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The key.
    pub key: KeyId,
    /// Its provider.
    pub provider: ProviderId,
    /// Its account, when that is known: a retry prefers another.
    pub account: Option<Arc<str>>,
    /// Who was to blame: a key may serve the call once more when it was not the key.
    pub blame: Blame,
}

/// Who owns the object that a call names.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// The provider that holds the object.
    pub provider: ProviderId,
    /// The key through which the object was made.
    pub key: Option<KeyId>,
    /// The account it belongs to: any of its keys can serve.
    pub account: Option<&'a str>,
}

/// Who owns the object that a call names, kept for the length of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerKeys {
    /// The provider that holds the object.
    pub provider: ProviderId,
    /// The key through which the object was made.
    pub key: Option<KeyId>,
    /// The account it belongs to.
    pub account: Option<String>,
}

impl OwnerKeys {
    /// The owner as a request names it.
    pub fn as_owner(&self) -> Owner<'_> {
        Owner { provider: self.provider, key: self.key, account: self.account.as_deref() }
    }
}

/// Why no key can serve a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickError {
    /// No key is configured, enabled and allowed for the call.
    #[error("no key can serve this call")]
    NoKey,
    /// Every key that could serve rests or is at a limit.
    #[error("every key rests; the first is ready in {retry_after_ms} ms")]
    Resting {
        /// Milliseconds until the first is ready, 1 or more; an estimate when that depends on calls in flight.
        retry_after_ms: u64,
    },
    /// The provider fails for every key; it is tried again soon.
    #[error("the provider fails; it is tried again in {retry_after_ms} ms")]
    BreakerOpen {
        /// The provider.
        provider: ProviderId,
        /// Milliseconds until the next attempt is let through, 1 or more.
        retry_after_ms: u64,
    },
    /// The call is larger than what any ready key takes at once.
    #[error("the call is too large for every key")]
    TooLarge {
        /// The largest limit met, in tokens.
        limit: Option<u64>,
    },
    /// There are keys, and none of them may use the model or knows it.
    #[error("no key serves this model")]
    ModelUnknown,
    /// Every key that is ready was tried in this call.
    #[error("every key was tried")]
    AllTried,
    /// The keys that own the object rest.
    #[error("the key that owns the object rests for {retry_after_ms} ms")]
    OwnerResting {
        /// Milliseconds until the first is ready, 1 or more.
        retry_after_ms: u64,
    },
    /// No key is left that owns the object.
    #[error("no key is left that owns the object")]
    OwnerGone,
}
