//! Decisions of scripts and their differences, as the API shows them.

use poem_openapi::Object;
use poem_openapi::types::ToJSON;

use super::body::HookBody;
use crate::admin::wire::example;
use crate::script::{ChangeCount, Comparison, Decision, Ending, HookReport, Walk};

/// What scripts decided about a request.
#[derive(Debug, Object)]
#[oai(rename = "ScriptDecision", example)]
pub(super) struct DecisionBody {
    /// `sent`, `rejected`, `answered`, `failed` (a hook that fails closed), or `nowhere` (nothing serves what was decided).
    ending: String,
    /// The HTTP status of a refusal or answer.
    #[oai(nullable)]
    status: Option<u16>,
    /// The code of a refusal, or why it goes nowhere.
    #[oai(nullable)]
    reason: Option<String>,
    /// The model that serves it.
    #[oai(nullable)]
    model: Option<String>,
    /// The provider that comes first.
    #[oai(nullable)]
    provider: Option<String>,
    /// The provider's own name for the model.
    #[oai(nullable)]
    provider_model: Option<String>,
    /// Models to try afterwards.
    fallbacks: Vec<String>,
    /// The id of the key that a script chose; null: the strategy chooses.
    #[oai(nullable)]
    key: Option<i64>,
    /// Its name.
    #[oai(nullable)]
    key_name: Option<String>,
    /// Keys that could serve.
    keys: u64,
    /// The body as it would go on, when it was changed.
    #[oai(nullable)]
    body: Option<String>,
    /// Whether scripts looked at a body that is not known, so that they may decide otherwise.
    needs_body: bool,
    /// Whether scripts looked at headers that are not known, so that they may decide otherwise.
    needs_headers: bool,
}

impl From<&Walk> for DecisionBody {
    fn from(walk: &Walk) -> Self {
        let Decision { ending, model, provider, provider_model, fallbacks, key, .. } = &walk.decision;
        let (ending, status, reason) = match ending {
            Ending::Sent => ("sent", None, None),
            Ending::Rejected { status, code } => ("rejected", Some(*status), Some(code.clone())),
            Ending::Answered { status } => ("answered", Some(*status), None),
            Ending::Failed => ("failed", Some(500), Some("script_error".to_owned())),
            Ending::Nowhere(why) => ("nowhere", None, Some(why.0.clone())),
        };
        let text = |name: &Option<std::sync::Arc<str>>| name.as_deref().map(str::to_owned);
        DecisionBody {
            ending: ending.to_owned(),
            status,
            reason,
            model: text(model),
            provider: text(provider),
            provider_model: text(provider_model),
            fallbacks: fallbacks.clone(),
            key: key.as_ref().map(|(id, _)| id.0),
            key_name: key.as_ref().map(|(_, name)| name.to_string()),
            keys: walk.keys as u64,
            body: walk.body.clone(),
            needs_body: walk.needed.body,
            needs_headers: walk.needed.headers,
        }
    }
}

/// Which decisions of the live scripts and of a draft differ.
#[derive(Debug, Object)]
#[oai(rename = "ScriptComparison", example)]
pub(super) struct ComparisonBody {
    /// Calls that were looked at.
    calls: u64,
    /// Calls that both decided alike.
    same: u64,
    /// Calls that they decided differently.
    different: u64,
    /// Calls that could not be judged: a script looks at the body, and it was not kept.
    needs_body: u64,
    /// Calls that could not be judged: a script looks at a header, and the setting `recorded_headers` did not name it.
    needs_headers: u64,
    /// Calls in which a hook of the live scripts failed.
    live_failures: u64,
    /// Calls in which a hook of the draft failed.
    draft_failures: u64,
    /// The differences, those met most often first.
    changes: Vec<ChangeBody>,
    /// Differences that were met after 500 kinds.
    other_changes: u64,
    /// What the calls would cost; null: no usage is known.
    #[oai(nullable)]
    cost: Option<CostDifferenceBody>,
    /// What the live scripts' hooks did in the trial.
    live_hooks: Vec<HookBody>,
    /// What the draft's hooks did in the trial.
    draft_hooks: Vec<HookBody>,
}

/// One difference, and how often it was met.
#[derive(Debug, Object)]
#[oai(rename = "ScriptChange")]
struct ChangeBody {
    /// `reject` (sent, refused or answered), `model`, `provider`, `key`, `fallbacks` or `body`.
    aspect: String,
    /// What the live scripts decided.
    live: String,
    /// What the draft decided.
    draft: String,
    /// Calls.
    count: u64,
    /// Ids of the first of them.
    samples: Vec<String>,
}

impl From<ChangeCount> for ChangeBody {
    fn from(change: ChangeCount) -> Self {
        ChangeBody {
            aspect: change.aspect.as_str().to_owned(),
            live: change.live,
            draft: change.draft,
            count: change.count,
            samples: change.samples.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What calls would cost by two sets of decisions, by what they consumed and by today's prices.
#[derive(Debug, Object)]
#[oai(rename = "ScriptCostDifference")]
struct CostDifferenceBody {
    /// US dollars by the live scripts' decisions.
    live_usd: f64,
    /// US dollars by the draft's decisions.
    draft_usd: f64,
    /// US dollars that the draft costs more; below 0 it saves.
    difference_usd: f64,
    /// Calls in these sums.
    calls: u64,
    /// Calls whose usage or price is not known.
    unknown: u64,
}

impl ComparisonBody {
    pub(super) fn new(found: &Comparison, live: Vec<HookReport>, draft: Vec<HookReport>) -> Self {
        let dollars = |nano: i64| nano as f64 / 1e9;
        let cost = found.cost;
        ComparisonBody {
            calls: found.calls(),
            same: found.same,
            different: found.different,
            needs_body: found.needs_body,
            needs_headers: found.needs_headers,
            live_failures: found.live_failures,
            draft_failures: found.draft_failures,
            changes: found.changes().into_iter().map(ChangeBody::from).collect(),
            other_changes: found.others,
            cost: (cost.calls > 0).then(|| CostDifferenceBody {
                live_usd: dollars(cost.live),
                draft_usd: dollars(cost.draft),
                difference_usd: dollars(cost.draft - cost.live),
                calls: cost.calls,
                unknown: cost.unknown,
            }),
            live_hooks: live.into_iter().map(HookBody::from).collect(),
            draft_hooks: draft.into_iter().map(HookBody::from).collect(),
        }
    }
}

example!(DecisionBody, {
    "ending": "sent", "status": null, "reason": null, "model": "fast", "provider": "openai", "provider_model": "gpt-4o-mini",
    "fallbacks": [], "key": null, "key_name": null, "keys": 10, "body": null, "needs_body": false, "needs_headers": false,
});
example!(ComparisonBody, {
    "calls": 500, "same": 488, "different": 12, "needs_body": 0, "needs_headers": 0, "live_failures": 0, "draft_failures": 0,
    "changes": [{
        "aspect": "model", "live": "gpt-4o", "draft": "fast", "count": 12, "samples": ["019ab8e0-1234-7000-8000-0123456789ab"],
    }],
    "other_changes": 0,
    "cost": { "live_usd": 0.07, "draft_usd": 0.05, "difference_usd": -0.02, "calls": 496, "unknown": 4 },
    "live_hooks": [HookBody::example().to_json()], "draft_hooks": [HookBody::example().to_json()],
});
