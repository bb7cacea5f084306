//! A verdict: what an attempt's outcome means, who is to blame, and what follows.

use serde::{Deserialize, Serialize};

/// What kind of failure an attempt ended in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The provider does not accept the key at all.
    InvalidKey,
    /// The account has no quota or balance left.
    Quota,
    /// Too many requests or tokens for now.
    RateLimit,
    /// The key cannot use this model.
    ModelNotFound,
    /// The request is larger than the key's limit; no wait helps.
    TooLarge,
    /// The provider refuses the region that the call comes from.
    Region,
    /// The key lacks rights for this endpoint only.
    Permission,
    /// The path or method is unknown to the provider.
    NotFound,
    /// A member that Keywheel added itself was refused.
    AddedMember,
    /// The provider failed: 408, 409, 5xx, an error inside a 200, an empty stream.
    Provider,
    /// No connection, or it broke before the head.
    Network,
    /// The provider did not answer in time.
    Timeout,
    /// The request itself is at fault.
    Request,
    /// The client went away.
    ClientGone,
}

/// Who is to blame for a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The key.
    Key,
    /// The key, for this model only.
    KeyModel,
    /// The key, for this endpoint only.
    KeyEndpoint,
    /// The provider.
    Provider,
    /// The request.
    Request,
    /// The client.
    Client,
    /// Nobody.
    Nobody,
}

/// What may be tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Nothing: the answer stands.
    None,
    /// The same key once more.
    Same,
    /// Another key.
    Next,
    /// Another key of another tier.
    NextTier,
}

/// What happens to the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Effect {
    /// Nothing.
    None,
    /// It rests; `ms` is 1,000 or more.
    Cooldown {
        /// How long, in milliseconds.
        ms: u64,
    },
    /// It rests with a wait that doubles on each repetition, up to a day.
    Backoff {
        /// The first wait, in milliseconds.
        ms: u64,
    },
    /// It is disabled until a probe or the operator brings it back.
    Disable,
    /// Its size limit for the model is remembered.
    SizeLimit {
        /// The limit in tokens that the provider named; `None`: below what this call asked.
        tokens: Option<u64>,
    },
    /// The provider's breaker counts it.
    CountAgainstProvider,
}

/// What an attempt's outcome means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The kind of failure.
    pub class: Class,
    /// Who is to blame.
    pub blame: Blame,
    /// What may be tried next.
    pub retry: Retry,
    /// What happens to the key.
    pub effect: Effect,
    /// The id of the rule that decided, such as `openai.insufficient_quota`.
    pub rule: std::sync::Arc<str>,
    /// Where a cooldown's length comes from, such as `retry-after` or `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_source: Option<std::sync::Arc<str>>,
}

/// What an operator's rule looks for. Every part that is given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleMatch {
    /// The provider's name; `None` is any.
    pub provider: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The error's code or type, compared without case.
    pub code: Option<String>,
    /// Text somewhere in the body, compared without case.
    pub text: Option<String>,
}

/// An operator's rule: it comes before the built-in ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// The rule's id, shown with every verdict that it gave.
    pub id: String,
    /// What it looks for.
    #[serde(rename = "match")]
    pub matches: RuleMatch,
    /// The kind of failure.
    pub class: Class,
    /// Who is to blame.
    pub blame: Blame,
    /// What may be tried next.
    pub retry: Retry,
    /// What happens to the key.
    pub effect: Effect,
}
