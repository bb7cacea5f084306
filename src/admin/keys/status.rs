//! How a key fares, as the API shows it.

use std::sync::Arc;

use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

use crate::domain::to_rfc3339;
use crate::rotator::{EndpointStatus, KeyState, KeyStatus, ModelStatus};

/// What state a key is in.
#[derive(Clone, Copy, PartialEq, Eq, Enum, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[oai(rename = "KeyState", rename_all = "snake_case")]
pub(super) enum KeyStateWord {
    /// It serves, at least some models.
    Active,
    /// It rests.
    Cooling,
    /// Its rest is over, and one call is finding out whether it serves again.
    Probing,
    /// It is at a limit: its own, or one that the provider told.
    Limited,
    /// A verdict switched it off.
    DisabledAuto,
    /// An operator switched it off.
    DisabledManual,
}

impl From<KeyState> for KeyStateWord {
    fn from(state: KeyState) -> Self {
        match state {
            KeyState::Active => KeyStateWord::Active,
            KeyState::Cooling => KeyStateWord::Cooling,
            KeyState::Probing => KeyStateWord::Probing,
            KeyState::Limited => KeyStateWord::Limited,
            KeyState::DisabledAuto => KeyStateWord::DisabledAuto,
            KeyState::DisabledManual => KeyStateWord::DisabledManual,
        }
    }
}

/// How a key fares.
#[derive(Object)]
#[oai(rename = "KeyStatus")]
pub(super) struct KeyStatusBody {
    /// What state it is in.
    state: KeyStateWord,
    /// Why: a rule, or an operator's words.
    #[oai(nullable)]
    reason: Option<String>,
    /// Since when.
    #[oai(nullable)]
    since: Option<String>,
    /// Until when, where that is known.
    #[oai(nullable)]
    until: Option<String>,
    /// From where a rest's length is known, such as `retry-after`.
    #[oai(nullable)]
    wait_source: Option<String>,
    /// When it is probed next.
    #[oai(nullable)]
    next_probe_at: Option<String>,
    /// Models that it rests for, or takes only small calls for.
    models: Vec<ModelStatusBody>,
    /// Endpoints that it lacks rights for.
    endpoints: Vec<EndpointStatusBody>,
    /// Its account: configured, or as the provider named it.
    #[oai(nullable)]
    account: Option<String>,
    /// Until when the whole account rests.
    #[oai(nullable)]
    account_until: Option<String>,
    /// Calls in flight.
    in_flight: u64,
    /// Consecutive failures.
    failures: u64,
    /// Requests in the last minute, about.
    rpm_used: u64,
    /// Tokens in the last minute, about; calls in flight by their estimate.
    tpm_used: u64,
    /// Requests in the running UTC day.
    requests_today: u64,
    /// Dollars spent in the running UTC month.
    spent_month_usd: f64,
    /// Requests left by the provider's own words.
    #[oai(nullable)]
    remaining_requests: Option<u64>,
    /// Tokens left by the provider's own words.
    #[oai(nullable)]
    remaining_tokens: Option<u64>,
    /// When those are whole again.
    #[oai(nullable)]
    reset_at: Option<String>,
    /// Decaying mean of milliseconds to the first byte.
    #[oai(nullable)]
    latency_ms: Option<f64>,
    /// When it was last picked.
    #[oai(nullable)]
    last_used_at: Option<String>,
    /// When it last served.
    #[oai(nullable)]
    last_success_at: Option<String>,
}

/// What is remembered of a key for one model.
#[derive(Object)]
#[oai(rename = "KeyModelStatus")]
struct ModelStatusBody {
    /// The provider's own name for the model.
    model: String,
    /// Until when it rests for the model.
    #[oai(nullable)]
    until: Option<String>,
    /// The rule that sent it to rest.
    #[oai(nullable)]
    reason: Option<String>,
    /// From where the rest's length is known.
    #[oai(nullable)]
    wait_source: Option<String>,
    /// Largest call in tokens that it takes for the model.
    #[oai(nullable)]
    size_limit: Option<u64>,
}

/// An endpoint that a key lacks rights for.
#[derive(Object)]
#[oai(rename = "KeyEndpointStatus")]
struct EndpointStatusBody {
    /// The endpoint, without ids.
    endpoint: String,
    /// When it is tried again.
    until: String,
    /// The rule that said so.
    reason: String,
}

impl From<KeyStatus> for KeyStatusBody {
    fn from(status: KeyStatus) -> Self {
        let endpoint = |status: &EndpointStatus| EndpointStatusBody {
            endpoint: status.endpoint.to_string(),
            until: to_rfc3339(status.until_ms),
            reason: status.reason.to_string(),
        };
        KeyStatusBody {
            state: status.state.into(),
            reason: text(status.reason.as_ref()),
            since: status.since_ms.map(to_rfc3339),
            until: status.until_ms.map(to_rfc3339),
            wait_source: text(status.wait_source.as_ref()),
            next_probe_at: status.next_probe_ms.map(to_rfc3339),
            models: status.models.iter().map(ModelStatusBody::from).collect(),
            endpoints: status.endpoints.iter().map(endpoint).collect(),
            account: text(status.account.as_ref()),
            account_until: status.account_until_ms.map(to_rfc3339),
            in_flight: status.facts.in_flight,
            failures: status.facts.failures,
            rpm_used: status.facts.rpm_used,
            tpm_used: status.facts.tpm_used,
            requests_today: status.requests_today,
            spent_month_usd: status.spent_month.as_dollars(),
            remaining_requests: status.facts.remaining_requests,
            remaining_tokens: status.facts.remaining_tokens,
            reset_at: status.facts.reset_at.map(to_rfc3339),
            latency_ms: status.facts.ewma_ms,
            last_used_at: status.facts.last_used.map(to_rfc3339),
            last_success_at: status.last_success_ms.map(to_rfc3339),
        }
    }
}

impl From<&ModelStatus> for ModelStatusBody {
    fn from(status: &ModelStatus) -> Self {
        ModelStatusBody {
            model: status.model.to_string(),
            until: status.until_ms.map(to_rfc3339),
            reason: text(status.reason.as_ref()),
            wait_source: text(status.wait_source.as_ref()),
            size_limit: status.size_limit,
        }
    }
}

fn text(text: Option<&Arc<str>>) -> Option<String> {
    text.map(ToString::to_string)
}
