//! What an operator does about a key's state: disable, enable, reset.

use std::collections::HashSet;

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::admin::access::Access;
use crate::admin::error::ApiError;
use crate::domain::{Key, Moment, from_rfc3339};
use crate::key_states;
use crate::rotator::Rotator;
use crate::store::StoreError;

/// Most characters of an operator's reason.
const MOST_REASON: usize = 200;

/// How long a key is to be disabled, and why.
#[derive(Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(example)]
pub(super) struct DisableRequest {
    /// Until when, RFC 3339; null or left out: until it is enabled.
    #[oai(nullable)]
    pub(super) until: Option<String>,
    /// Why, in a few words.
    #[oai(nullable)]
    pub(super) reason: Option<String>,
}

impl Example for DisableRequest {
    fn example() -> Self {
        DisableRequest { until: Some("2027-01-31T00:00:00Z".to_owned()), reason: Some("rotated".to_owned()) }
    }
}

/// A request to disable that can be obeyed.
pub(super) struct Disabling {
    /// Until these UTC unix milliseconds; `None`: until it is enabled.
    pub(super) until_ms: Option<i64>,
    /// Why.
    pub(super) reason: String,
    until: Option<String>,
}

impl Disabling {
    /// What stands in the audit log.
    pub(super) fn details(&self) -> Map<String, Value> {
        let mut details = Map::from_iter([("reason".to_owned(), self.reason.as_str().into())]);
        details.extend(self.until.as_deref().map(|until| ("until".to_owned(), until.into())));
        details
    }
}

impl DisableRequest {
    pub(super) fn checked(self, now: Moment) -> Result<Disabling, ApiError> {
        let until_ms = self.until.as_deref().map(until).transpose()?;
        if until_ms.is_some_and(|until| until <= now.unix_ms) {
            return Err(ApiError::invalid("until", "until must be a time to come"));
        }
        let reason = self.reason.unwrap_or_else(|| "by hand".to_owned());
        if reason.chars().count() > MOST_REASON || reason.chars().any(char::is_control) {
            let message = format!("reason must be at most {MOST_REASON} characters, none of them a control character");
            return Err(ApiError::invalid("reason", message));
        }
        Ok(Disabling { until_ms, reason, until: self.until })
    }
}

pub(super) async fn disable(access: &Access, key: &Key, request: DisableRequest) -> Result<(), ApiError> {
    let disabling = request.checked(access.now())?;
    let details = disabling.details();
    let change = move |rotator: &Rotator, key: &Key, now| rotator.disable(key.id, disabling.until_ms, &disabling.reason, now);
    act(access, key, "disable", details, change).await
}

pub(super) async fn enable(access: &Access, key: &Key) -> Result<(), ApiError> {
    act(access, key, "enable", Map::new(), |rotator, key, now| rotator.enable(key.id, "by hand", now)).await
}

pub(super) async fn reset(access: &Access, key: &Key) -> Result<(), ApiError> {
    act(access, key, "reset", Map::new(), |rotator, key, now| rotator.reset(key.id, now)).await
}

fn until(text: &str) -> Result<i64, ApiError> {
    let invalid = || ApiError::invalid("until", "until must be an RFC 3339 time such as 2027-01-31T00:00:00Z");
    from_rfc3339(text).ok_or_else(invalid)
}

/// Changes a key's state; that it was done, and the state itself, are on disk when this answers.
async fn act(
    access: &Access,
    key: &Key,
    action: &'static str,
    details: Map<String, Value>,
    change: impl FnOnce(&Rotator, &Key, Moment) -> bool + Send + 'static,
) -> Result<(), ApiError> {
    let (rotator, clock, key) = (access.context().rotator.clone(), access.context().clock, key.clone());
    let edit = access.context().edit(access.actor(), move |edit| {
        edit.note::<Key>(key.id, action, details)?;
        let now = clock.now();
        if !change(&rotator, &key, now) {
            return Err(StoreError::NotFound { noun: "key", id: key.id.0 }.into());
        }
        Ok(key_states::save(edit, &rotator, &HashSet::from([key.id]), now)?)
    });
    edit.await
}
