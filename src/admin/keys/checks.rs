//! Checks of keys: one, many with their progress, and what former ones found out.

use std::pin::Pin;

use futures_util::Stream;
use futures_util::stream::{self, StreamExt};
use poem_openapi::Object;
use poem_openapi::types::{Example, ToJSON};
use serde::Deserialize;

use super::body::KeyBody;
use super::bulk;
use super::filter::KeyFilter;
use crate::admin::access::Access;
use crate::admin::error::ApiError;
use crate::admin::wire::example;
use crate::domain::{KeyId, to_rfc3339};
use crate::store::KeyCheck;

/// Keys that are checked at once.
const AT_ONCE: usize = 8;
/// Most checks that are kept in one edit.
const KEPT_TOGETHER: usize = 64;

/// Which keys are checked. Either `ids` or `filter` says which.
#[derive(Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(example)]
pub(in crate::admin) struct CheckRequest {
    /// These keys.
    #[oai(nullable)]
    ids: Option<Vec<i64>>,
    /// Every key that matches; `{}` is every key.
    #[oai(nullable)]
    filter: Option<KeyFilter>,
}

impl Example for CheckRequest {
    fn example() -> Self {
        CheckRequest { ids: Some(vec![7, 8]), filter: None }
    }
}

/// What a check found out.
#[derive(Object)]
#[oai(rename = "KeyCheck", example)]
pub(in crate::admin) struct CheckBody {
    /// Id of the key.
    key: i64,
    /// When it ended.
    at: String,
    /// `valid`, `invalid`, `no_quota`, `rate_limited`, `no_access`, `network`, `provider_trouble` or `cannot_tell`.
    verdict: String,
    /// What was asked last: `models`, or one token of the model that is named here.
    #[oai(nullable)]
    asked: Option<String>,
    /// HTTP status of the answer.
    #[oai(nullable)]
    status: Option<u16>,
    /// Why there was no answer, or what a failed one said.
    #[oai(nullable)]
    message: Option<String>,
    /// Milliseconds that it took.
    elapsed_ms: i64,
    /// Who asked for it.
    by: String,
}

impl From<&KeyCheck> for CheckBody {
    fn from(check: &KeyCheck) -> Self {
        CheckBody {
            key: check.key.0,
            at: to_rfc3339(check.at_ms),
            verdict: check.verdict.clone(),
            asked: check.asked.clone(),
            status: check.status,
            message: check.message.clone(),
            elapsed_ms: check.elapsed_ms,
            by: check.by.clone(),
        }
    }
}

/// What checks of a key found out, the newest first.
#[derive(Object)]
pub(in crate::admin) struct CheckHistory {
    /// At most 100.
    pub(super) checks: Vec<CheckBody>,
}

/// What a check of a key found out, and the key as it is now.
#[derive(Object)]
#[oai(example)]
pub(in crate::admin) struct CheckReport {
    /// `valid`, `invalid`, `no_quota`, `rate_limited`, `no_access`, `network`, `provider_trouble` or `cannot_tell`.
    verdict: String,
    /// What was asked last: `models`, or one token of the model that is named here.
    #[oai(nullable)]
    asked: Option<String>,
    /// HTTP status of the answer.
    #[oai(nullable)]
    status: Option<u16>,
    /// Why there was no answer, or what a failed one said.
    #[oai(nullable)]
    message: Option<String>,
    /// Milliseconds that it took.
    elapsed_ms: i64,
    /// The key as it is now.
    key: KeyBody,
}

example!(CheckReport, {
    "verdict": "valid", "asked": "models", "status": 200, "message": null, "elapsed_ms": 312, "key": KeyBody::example().to_json(),
});

impl CheckReport {
    pub(super) fn new(check: KeyCheck, key: KeyBody) -> Self {
        let KeyCheck { verdict, asked, status, message, elapsed_ms, .. } = check;
        CheckReport { verdict, asked, status, message, elapsed_ms, key }
    }
}

/// The progress of many checks.
#[derive(Object)]
#[oai(example)]
pub(in crate::admin) struct CheckProgress {
    /// Keys that were checked so far.
    done: usize,
    /// Keys to be checked.
    total: usize,
    /// What was found out since the event before.
    checks: Vec<CheckBody>,
    /// Why what was found out could not be kept.
    #[oai(nullable)]
    error: Option<String>,
}

pub(in crate::admin) type Progress = Pin<Box<dyn Stream<Item = CheckProgress> + Send>>;

/// Checks a key now.
pub(super) async fn one(access: &Access, key: KeyId) -> Result<KeyCheck, ApiError> {
    let (checker, actor) = (access.context().key_checker(), access.actor());
    let not_found = || ApiError::not_found(format!("there is no key with id {key}"));
    let checked = checker.ask(key, &actor.name).await.ok_or_else(not_found)?;
    let entry = checked.entry.clone();
    checker.settle(vec![checked], actor, true).await?;
    Ok(entry)
}

/// Checks many keys, a few at once. A reader that leaves, or may not read on, cancels what was not begun.
pub(super) fn many(access: &Access, request: CheckRequest) -> Result<Progress, ApiError> {
    let keys = match (request.ids, request.filter) {
        (Some(ids), None) => ids.into_iter().map(KeyId).collect(),
        (None, Some(filter)) => bulk::matching(access, filter),
        _ => return Err(ApiError::invalid("ids", "either ids or filter must say which keys")),
    };
    let (checker, actor, total) = (access.context().key_checker(), access.actor(), keys.len());
    let asked = {
        let (checker, by) = (checker.clone(), actor.name.clone());
        let ask = move |key| {
            let (checker, by) = (checker.clone(), by.clone());
            async move { checker.ask(key, &by).await }
        };
        stream::iter(keys).map(ask).buffer_unordered(AT_ONCE).ready_chunks(KEPT_TOGETHER)
    };
    let first = stream::iter([CheckProgress { done: 0, total, checks: Vec::new(), error: None }]);
    let progress = asked.scan(0, move |done, found| {
        *done += found.len();
        let (done, checker, actor) = (*done, checker.clone(), actor.clone());
        async move {
            let checked: Vec<_> = found.into_iter().flatten().collect();
            let checks = checked.iter().map(|checked| CheckBody::from(&checked.entry)).collect();
            let kept = checker.settle(checked, actor, true).await;
            Some(CheckProgress { done, total, checks, error: kept.err().map(|error| error.to_string()) })
        }
    });
    Ok(Box::pin(access.lasting(first.chain(progress))))
}

example!(CheckBody, {
    "key": 7, "at": "2026-11-25T10:00:00Z", "verdict": "invalid", "asked": "models", "status": 401,
    "message": "Incorrect API key provided", "elapsed_ms": 312, "by": "admin token",
});
example!(CheckProgress, {
    "done": 1, "total": 2, "error": null,
    "checks": [{ "key": 7, "at": "2026-11-25T10:00:00Z", "verdict": "valid", "asked": "models", "status": 200,
        "message": null, "elapsed_ms": 312, "by": "admin token" }],
});
