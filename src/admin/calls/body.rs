//! Calls as the API shows them.

use std::sync::Arc;

use super::query::write_cursor;
use crate::admin::wire::{example, words};
use crate::domain::{Api, Cost, Outcome, PassedOverReason, Ref, UsageQuality, to_rfc3339};
use crate::store::{CallPage, CallSummary, Day};
use poem_openapi::Object;

words!(
    Outcome,
    "Outcome",
    ["success", "rejected", "request_error", "no_key", "upstream_error", "interrupted", "client_gone", "internal_error"]
);
words!(Api, "Api", ["chat", "completions", "responses", "embeddings", "images", "audio", "moderations", "messages", "other"]);
words!(UsageQuality, "UsageQuality", ["unknown", "estimated", "exact"]);
words!(
    PassedOverReason,
    "PassedOverReason",
    [
        "tried",
        "cooling",
        "cooling_for_model",
        "account_cooling",
        "disabled",
        "limit",
        "too_large",
        "endpoint",
        "model",
        "tag",
        "owner",
        "breaker"
    ]
);

/// A page of calls.
#[derive(Object)]
#[oai(rename = "CallPage")]
pub(super) struct CallPageBody {
    /// The calls. A page may hold fewer than the limit, or none, and still have a next one: a rare value is searched
    /// for in parts.
    calls: Vec<CallLine>,
    /// The page behind this one; null: this is the last.
    #[oai(nullable)]
    next_cursor: Option<String>,
    /// The page before this one, which may have filled up since; null: this is the first.
    #[oai(nullable)]
    previous_cursor: Option<String>,
    /// Days whose log cannot be read.
    unreadable: Vec<UnreadableDay>,
}

/// A day whose log cannot be read.
#[derive(Object)]
pub(super) struct UnreadableDay {
    /// The UTC day.
    day: String,
    /// Why.
    reason: String,
}

impl From<CallPage> for CallPageBody {
    fn from(page: CallPage) -> Self {
        CallPageBody {
            calls: page.calls.iter().map(CallLine::from).collect(),
            next_cursor: page.next.map(write_cursor),
            previous_cursor: page.previous.map(write_cursor),
            unreadable: unreadable(page.unreadable),
        }
    }
}

/// Days whose log cannot be read, as the API shows them.
pub(super) fn unreadable(days: Vec<(Day, String)>) -> Vec<UnreadableDay> {
    days.into_iter().map(|(day, reason)| UnreadableDay { day: day.to_string(), reason }).collect()
}

/// A thing as it was called then.
#[derive(Object)]
pub(super) struct Named {
    /// Its id.
    id: i64,
    /// Its name when the call was made.
    name: String,
}

impl Named {
    pub(super) fn of<Id: Copy>(named: &Ref<Id>, number: impl FnOnce(Id) -> i64) -> Self {
        Named { id: number(named.id), name: named.name.to_string() }
    }
}

/// A call in a list.
#[derive(Object)]
#[oai(rename = "Call", example)]
pub(super) struct CallLine {
    /// The call's id; also in the answer's `x-request-id`.
    id: String,
    /// When it was accepted.
    started_at: String,
    /// Milliseconds from accept to the last byte.
    duration_ms: f64,
    /// Milliseconds from accept to the first content, for streams.
    #[oai(nullable)]
    first_token_ms: Option<f64>,
    /// HTTP method.
    method: String,
    /// Path without query.
    path: String,
    /// Which API.
    api: Api,
    /// Whether the client asked for a stream.
    stream: bool,
    /// HTTP status that the client saw.
    status: u16,
    /// How it ended.
    outcome: Outcome,
    /// The error's code.
    #[oai(nullable)]
    error_code: Option<String>,
    /// Who called; null: the token was not known.
    #[oai(nullable)]
    client: Option<Named>,
    /// The model's name in the request.
    #[oai(nullable)]
    model: Option<String>,
    /// The provider's own name of the model that served.
    #[oai(nullable)]
    served_model: Option<String>,
    /// The provider of the last attempt.
    #[oai(nullable)]
    provider: Option<Named>,
    /// The key of the last attempt.
    #[oai(nullable)]
    key: Option<Named>,
    /// How many attempts it took.
    attempt_count: u32,
    /// Whether it was Keywheel's own probe.
    probe: bool,
    /// A finished answer in which nothing readable came.
    blank: bool,
    /// What it cost in US dollars; null: not known.
    #[oai(nullable)]
    cost_usd: Option<f64>,
    /// Input tokens; null: not known.
    #[oai(nullable)]
    input: Option<u64>,
    /// Output tokens.
    #[oai(nullable)]
    output: Option<u64>,
    /// Input tokens read from a prompt cache.
    #[oai(nullable)]
    cached_read: Option<u64>,
    /// Output tokens spent on reasoning.
    #[oai(nullable)]
    reasoning: Option<u64>,
    /// How far the usage can be trusted.
    usage_quality: UsageQuality,
    /// Body bytes from the client.
    bytes_in: u64,
    /// Body bytes to the client.
    bytes_out: u64,
    /// Labels that scripts added.
    tags: Vec<String>,
}

impl From<&CallSummary> for CallLine {
    fn from(call: &CallSummary) -> Self {
        CallLine {
            id: call.id.to_string(),
            started_at: to_rfc3339(call.started_ms),
            duration_ms: ms(call.total_us),
            first_token_ms: call.first_token_us.map(ms),
            method: call.method.to_string(),
            path: call.path.to_string(),
            api: call.api,
            stream: call.stream,
            status: call.status,
            outcome: call.outcome,
            error_code: text(&call.error_code),
            client: named(&call.client, |id| id.0),
            model: text(&call.model_asked),
            served_model: text(&call.model_served),
            provider: named(&call.provider, |id| id.0),
            key: named(&call.key, |id| id.0),
            attempt_count: call.attempts,
            probe: call.probe,
            blank: call.blank,
            cost_usd: dollars(call.cost),
            input: call.input,
            output: call.output,
            cached_read: call.cached_read,
            reasoning: call.reasoning,
            usage_quality: call.usage_quality,
            bytes_in: call.bytes_in,
            bytes_out: call.bytes_out,
            tags: call.tags.clone(),
        }
    }
}

pub(super) fn named<Id: Copy>(named: &Option<Ref<Id>>, number: impl FnOnce(Id) -> i64) -> Option<Named> {
    named.as_ref().map(|named| Named::of(named, number))
}

/// Microseconds as milliseconds.
pub(super) fn ms(us: u64) -> f64 {
    us as f64 / 1e3
}

fn text(text: &Option<Arc<str>>) -> Option<String> {
    text.as_deref().map(str::to_owned)
}

fn dollars(cost: Cost) -> Option<f64> {
    cost.known().map(|amount| amount.as_dollars())
}

example!(CallLine, {
    "id": "019ab8e0-1234-7000-8000-0123456789ab", "started_at": "2026-11-25T10:00:00.52Z", "duration_ms": 1240.5,
    "first_token_ms": 310.2, "method": "POST", "path": "/v1/chat/completions", "api": "chat", "stream": true, "status": 200,
    "outcome": "success", "error_code": null, "client": { "id": 1, "name": "app" }, "model": "fast",
    "served_model": "gpt-4o-mini", "provider": { "id": 1, "name": "openai" }, "key": { "id": 2, "name": "team-b" },
    "attempt_count": 2, "probe": false, "blank": false, "cost_usd": 0.000_145_8, "input": 340, "output": 158, "cached_read": 0,
    "reasoning": null, "usage_quality": "exact", "bytes_in": 1821, "bytes_out": 24_310, "tags": ["nightly"],
});
