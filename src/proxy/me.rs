//! `GET /v1/keywheel/me`: what the caller's token may use, and what is left of it.

use http::{Method, StatusCode, header};
use poem::Response;
use serde::Serialize;

use super::error::ProxyError;
use crate::domain::{BudgetPeriod, Client, Moment, Snapshot, to_rfc3339};
use crate::quota::Remaining;

#[derive(Serialize)]
struct Me<'a> {
    object: &'static str,
    name: &'a str,
    /// Every model that it may ask for by a known name.
    models: Vec<&'a str>,
    /// Patterns of names that it may ask for; null is every name.
    allowed_models: Option<Vec<&'a str>>,
    expires_at: Option<String>,
    requests_per_minute: Left<u64>,
    tokens_per_minute: Left<u64>,
    concurrency: Left<u64>,
    budgets: [Budget; 3],
}

/// A limit and what is left of it; null is no limit.
#[derive(Serialize)]
struct Left<T> {
    limit: Option<T>,
    left: Option<T>,
}

#[derive(Serialize)]
struct Budget {
    /// `day` and `month` are those of UTC.
    period: &'static str,
    usd: Left<f64>,
    usd_used: f64,
    tokens: Left<u64>,
    tokens_used: u64,
    resets_at: Option<String>,
}

/// Answers with what a client may use at a moment.
pub(super) fn answer(
    method: &Method,
    snapshot: &Snapshot,
    client: &Client,
    remaining: &Remaining,
    now: Moment,
) -> Result<Response, ProxyError> {
    if method != Method::GET && method != Method::HEAD {
        let message = "This path only answers GET.";
        return Err(ProxyError::rejected(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message));
    }
    let limits = &client.limits;
    let me = Me {
        object: "keywheel.client",
        name: &client.name,
        models: snapshot.models_of(client).into_iter().collect(),
        allowed_models: client.models.as_ref().map(|models| models.iter().map(|pattern| pattern.as_str()).collect()),
        expires_at: client.expires_at.map(to_rfc3339),
        requests_per_minute: Left { limit: limits.rpm, left: remaining.requests },
        tokens_per_minute: Left { limit: limits.tpm, left: remaining.tokens },
        concurrency: Left {
            limit: limits.concurrency,
            left: limits.concurrency.map(|allowed| allowed.saturating_sub(remaining.in_flight)),
        },
        budgets: BudgetPeriod::ALL.map(|period| budget(period, client, remaining, now)),
    };
    let body = serde_json::to_vec(&me)
        .map_err(|error| ProxyError::rejected(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", error.to_string()))?;
    Ok(Response::builder().header(header::CONTENT_TYPE, "application/json").body(body))
}

fn budget(period: BudgetPeriod, client: &Client, remaining: &Remaining, now: Moment) -> Budget {
    let (limits, place) = (&client.limits, period as usize);
    let next = period.start(period.number(now.unix_ms) + 1);
    Budget {
        period: period.as_str(),
        usd: Left {
            limit: limits.money(period).map(|amount| amount.as_dollars()),
            left: remaining.money_left[place].map(|amount| amount.as_dollars()),
        },
        usd_used: remaining.spent[place].money.as_dollars(),
        tokens: Left { limit: limits.tokens(period), left: remaining.tokens_left[place] },
        tokens_used: remaining.spent[place].tokens,
        resets_at: (period != BudgetPeriod::Total).then(|| to_rfc3339(next)),
    }
}
