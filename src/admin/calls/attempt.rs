//! Attempts as the API shows them.

use poem_openapi::Object;
use poem_openapi::types::Any;
use serde_json::Value;

use super::body::{Named, ms, named};
use crate::admin::wire::example;
use crate::domain::{AttemptRecord, Blame, Class, PassedOver, PassedOverReason, Retry, Verdict, to_rfc3339};

/// One try of a call against one key.
#[derive(Object)]
#[oai(rename = "Attempt", example)]
pub(super) struct AttemptBody {
    /// Milliseconds from the call's start to the attempt's.
    offset_ms: f64,
    /// The provider.
    provider: Named,
    /// The key.
    key: Named,
    /// The provider's own name for the model.
    #[oai(nullable)]
    model: Option<String>,
    /// The provider's HTTP status.
    #[oai(nullable)]
    status: Option<u16>,
    /// What its failure meant; null: it did not fail.
    #[oai(nullable)]
    verdict: Option<VerdictBody>,
    /// The provider's words, without secrets.
    #[oai(nullable)]
    message: Option<String>,
    /// Milliseconds of waiting for a key, before the attempt.
    queue_ms: f64,
    /// Milliseconds until a new connection stood; null: one was reused.
    #[oai(nullable)]
    connect_ms: Option<f64>,
    /// Milliseconds until the provider's head arrived.
    #[oai(nullable)]
    first_byte_ms: Option<f64>,
    /// Milliseconds until the first event with content arrived.
    #[oai(nullable)]
    first_token_ms: Option<f64>,
    /// Milliseconds until the last byte arrived, or the attempt failed.
    #[oai(nullable)]
    last_byte_ms: Option<f64>,
    /// Why this key.
    why: WhyBody,
}

/// What a failure meant.
#[derive(Object)]
#[oai(rename = "Verdict")]
struct VerdictBody {
    /// The kind of failure.
    class: Class,
    /// Who is to blame.
    blame: Blame,
    /// What might be tried next.
    retry: Retry,
    /// What happened to the key: `kind`, and what belongs to it.
    effect: Any<Value>,
    /// The rule that decided.
    rule: String,
    /// Where a rest's length comes from.
    #[oai(nullable)]
    wait_source: Option<String>,
}

/// Why a key was chosen.
#[derive(Object)]
#[oai(rename = "Why")]
struct WhyBody {
    /// The strategy, or `script`, `owner`, `probe`, `same_key`.
    chosen_by: String,
    /// Keys that could serve by configuration.
    pool: u32,
    /// Keys of them that were ready.
    ready: u32,
    /// The tier that the key was taken from.
    tier: u32,
    /// Where a script chose: `file:line`.
    #[oai(nullable)]
    script: Option<String>,
    /// Keys that were passed over, one by one or counted.
    passed_over: Vec<PassedOverBody>,
}

/// Keys that were passed over for a reason.
#[derive(Object)]
#[oai(rename = "PassedOver")]
struct PassedOverBody {
    /// The key; null: several.
    #[oai(nullable)]
    key: Option<Named>,
    /// Why.
    reason: PassedOverReason,
    /// How many keys.
    count: u32,
    /// Until when, where that is known.
    #[oai(nullable)]
    until: Option<String>,
}

impl From<&AttemptRecord> for AttemptBody {
    fn from(attempt: &AttemptRecord) -> Self {
        let (timings, why) = (&attempt.timings, &attempt.why);
        AttemptBody {
            offset_ms: ms(attempt.offset_us),
            provider: Named::of(&attempt.provider, |id| id.0),
            key: Named::of(&attempt.key, |id| id.0),
            model: attempt.model.as_deref().map(str::to_owned),
            status: attempt.status,
            verdict: attempt.verdict.as_ref().map(VerdictBody::from),
            message: attempt.message.clone(),
            queue_ms: ms(timings.queue_us),
            connect_ms: timings.connect_us.map(ms),
            first_byte_ms: timings.first_byte_us.map(ms),
            first_token_ms: timings.first_token_us.map(ms),
            last_byte_ms: timings.last_byte_us.map(ms),
            why: WhyBody {
                chosen_by: why.chosen_by.to_string(),
                pool: why.pool,
                ready: why.ready,
                tier: why.tier,
                script: why.script.clone(),
                passed_over: why.passed_over.iter().map(PassedOverBody::from).collect(),
            },
        }
    }
}

impl From<&Verdict> for VerdictBody {
    fn from(verdict: &Verdict) -> Self {
        VerdictBody {
            class: verdict.class,
            blame: verdict.blame,
            retry: verdict.retry,
            effect: Any(serde_json::to_value(verdict.effect).unwrap_or_default()),
            rule: verdict.rule.to_string(),
            wait_source: verdict.wait_source.as_deref().map(str::to_owned),
        }
    }
}

impl From<&PassedOver> for PassedOverBody {
    fn from(passed: &PassedOver) -> Self {
        PassedOverBody {
            key: named(&passed.key, |id| id.0),
            reason: passed.reason,
            count: passed.count,
            until: passed.until_ms.map(to_rfc3339),
        }
    }
}

example!(AttemptBody, {
    "offset_ms": 0.4, "provider": { "id": 1, "name": "openai" }, "key": { "id": 1, "name": "team-a" }, "model": "gpt-4o-mini",
    "status": 429,
    "verdict": {
        "class": "quota", "blame": "key", "retry": "next", "effect": { "kind": "backoff", "ms": 3_600_000 },
        "rule": "openai.insufficient_quota", "wait_source": "default",
    },
    "message": "You exceeded your current quota", "queue_ms": 0.0, "connect_ms": 21.7, "first_byte_ms": 180.3,
    "first_token_ms": null, "last_byte_ms": 181.0,
    "why": {
        "chosen_by": "round_robin", "pool": 10, "ready": 9, "tier": 1, "script": null,
        "passed_over": [{
            "key": { "id": 3, "name": "team-c" }, "reason": "cooling", "count": 1, "until": "2026-11-25T10:01:00Z",
        }],
    },
});
