//! What is remembered of keys over a restart, with wall-clock times.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::account::Accounts;
use super::latency::Latency;
use super::pool::PoolState;
use super::slot::{Disabled, Rest, Slot};
use crate::domain::{Class, KeyId, Moment};

/// What is remembered of one key. Times are UTC unix milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedKeyState {
    /// The key.
    pub key: KeyId,
    /// Present while the key is switched off.
    #[serde(default)]
    pub disabled: Option<SavedDisabled>,
    /// Present while the whole key rests.
    #[serde(default)]
    pub rest: Option<SavedRest>,
    /// Repetitions of the growing rest.
    #[serde(default)]
    pub backoff: u32,
    /// Consecutive failures.
    #[serde(default)]
    pub failures: u32,
    /// What is remembered by model.
    #[serde(default)]
    pub models: Vec<SavedModel>,
    /// Endpoints that the key lacks rights for.
    #[serde(default)]
    pub endpoints: Vec<(String, SavedRest)>,
    /// The account that the provider named.
    #[serde(default)]
    pub account: Option<String>,
    /// When it was last picked; 0 is never.
    #[serde(default)]
    pub last_used_ms: i64,
    /// When it last served; 0 is never.
    #[serde(default)]
    pub last_success_ms: i64,
    /// Mean milliseconds to the first byte.
    #[serde(default)]
    pub mean_ms: Option<f64>,
    /// UTC day and the requests of that day.
    #[serde(default)]
    pub day: (i64, u64),
    /// UTC month, counted from January 1970, and the nano-dollars spent in it.
    #[serde(default)]
    pub month: (i64, i64),
}

/// A saved switching off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDisabled {
    /// Whether an operator did it.
    pub by_operator: bool,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since_ms: i64,
    /// Until when, or for good.
    pub until_ms: Option<i64>,
    /// When it is to be probed next.
    pub probe_at_ms: Option<i64>,
}

/// A saved rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedRest {
    /// Since when.
    pub since_ms: i64,
    /// Until when.
    pub until_ms: i64,
    /// The kind of failure.
    pub class: Class,
    /// The rule that sent it to rest.
    pub rule: String,
    /// Where the length comes from.
    pub wait_source: Option<String>,
}

/// What is saved of a key for one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedModel {
    /// The provider's own name for the model.
    pub model: String,
    /// Present while the key rests for it.
    pub rest: Option<SavedRest>,
    /// Largest call in tokens that the key takes for it.
    pub size_limit: Option<u64>,
}

impl SavedKeyState {
    /// What there is to remember of a key; `None` when it is as new. A rest of its account is kept as the key's own.
    pub(super) fn of(slot: &Slot, accounts: &Accounts, now: Moment) -> Option<Self> {
        let state = &slot.state;
        let account = state.account.map(|number| accounts.get(number));
        let rest = state.rest.iter().chain(account.and_then(|account| account.rest.as_ref())).max_by_key(|rest| rest.until_ms);
        let own = state.models.iter().filter(|model| model.rest.is_some() || model.size_limit.is_some());
        let own = own.map(|model| SavedModel {
            model: model.model.to_string(),
            rest: model.rest.as_ref().map(|rest| SavedRest::of(rest, now)),
            size_limit: model.size_limit,
        });
        let mut models: Vec<SavedModel> = own.collect();
        for (model, rest, _) in account.iter().flat_map(|account| &account.models) {
            let rest = Some(SavedRest::of(rest, now));
            match models.iter_mut().find(|known| *known.model == **model) {
                Some(known) if later(&known.rest, &rest) => known.rest = rest,
                Some(_) => {}
                None => models.push(SavedModel { model: model.to_string(), rest, size_limit: None }),
            }
        }
        let saved = SavedKeyState {
            key: slot.key.id,
            disabled: state.disabled.as_ref().map(|disabled| SavedDisabled {
                by_operator: disabled.by_operator,
                reason: disabled.reason.to_string(),
                since_ms: disabled.since.unix_ms,
                until_ms: disabled.until_ms.map(|at| now.unix_at(at)),
                probe_at_ms: disabled.probe_at_ms.map(|at| now.unix_at(at)),
            }),
            rest: rest.map(|rest| SavedRest::of(rest, now)),
            backoff: state.backoff,
            failures: slot.failures,
            models,
            endpoints: state
                .endpoints
                .iter()
                .map(|(endpoint, rest)| (endpoint.to_string(), SavedRest::of(rest, now)))
                .collect(),
            account: state.learned_account.as_deref().map(str::to_owned),
            last_used_ms: slot.last_used_ms,
            last_success_ms: slot.last_success_ms,
            mean_ms: slot.latency.mean_ms(),
            day: (state.day, state.day_requests),
            month: (state.month, state.spent),
        };
        // A key that was brought back is not as new: what is saved of it must be overwritten.
        let is_new = saved.last_used_ms == 0
            && state.vouched_ms == 0
            && saved.disabled.is_none()
            && saved.rest.is_none()
            && saved.models.is_empty()
            && saved.endpoints.is_empty();
        (!is_new).then_some(saved)
    }
}

/// Whether the other rest ends later than the one.
fn later(one: &Option<SavedRest>, other: &Option<SavedRest>) -> bool {
    let end = |rest: &Option<SavedRest>| rest.as_ref().map(|rest| rest.until_ms);
    end(other) > end(one)
}

impl SavedRest {
    fn of(rest: &Rest, now: Moment) -> Self {
        SavedRest {
            since_ms: rest.since.unix_ms,
            until_ms: now.unix_at(rest.until_ms),
            class: rest.class,
            rule: rest.rule.to_string(),
            wait_source: rest.wait_source.as_deref().map(str::to_owned),
        }
    }

    fn to_rest(&self, now: Moment) -> Rest {
        Rest {
            since: Moment { mono_ms: now.mono_ms, unix_ms: self.since_ms },
            until_ms: now.mono_at(self.until_ms),
            trial_until_ms: 0,
            class: self.class,
            rule: self.rule.as_str().into(),
            wait_source: self.wait_source.as_deref().map(Into::into),
        }
    }
}

impl PoolState {
    /// Brings back what was remembered of a key. What became known since the start stays where it is newer.
    pub(super) fn restore(&mut self, place: u32, saved: &SavedKeyState, now: Moment) {
        let interval = self.provider.probe.enabled.then_some(());
        let Some(slot) = self.slot_mut(place) else { return };
        slot.last_used_ms = slot.last_used_ms.max(saved.last_used_ms);
        slot.last_success_ms = slot.last_success_ms.max(saved.last_success_ms);
        slot.failures = saved.failures;
        if let (None, Some(mean_ms)) = (slot.latency.mean_ms(), saved.mean_ms) {
            slot.latency = Latency::restored(mean_ms, now.mono_ms);
        }
        let state = &mut *slot.state;
        state.turn_calendar(now);
        if saved.day.0 == state.day {
            state.day_requests += saved.day.1;
        }
        if saved.month.0 == state.month {
            state.spent += saved.month.1;
        }
        state.backoff = saved.backoff;
        state.rest = saved.rest.as_ref().map(|rest| rest.to_rest(now));
        state.endpoints =
            saved.endpoints.iter().map(|(endpoint, rest)| (endpoint.as_str().into(), rest.to_rest(now))).collect();
        state.learned_account = saved.account.as_deref().map(Into::into);
        state.disabled = saved.disabled.as_ref().map(|disabled| Disabled {
            by_operator: disabled.by_operator,
            reason: disabled.reason.as_str().into(),
            since: Moment { mono_ms: now.mono_ms, unix_ms: disabled.since_ms },
            until_ms: disabled.until_ms.map(|at| now.mono_at(at)),
            probe_at_ms: disabled.probe_at_ms.filter(|_| interval.is_some()).map(|at| now.mono_at(at)),
        });
        let probe_at = state.disabled.as_ref().and_then(|disabled| disabled.probe_at_ms);
        let endpoints: Vec<Arc<str>> = state.endpoints.iter().map(|(endpoint, _)| endpoint.clone()).collect();
        let mut counts = Vec::new();
        for model in &saved.models {
            let name: Arc<str> = model.model.as_str().into();
            let (state, new, forgotten) = slot.model_mut(&name, now.mono_ms);
            state.rest = model.rest.as_ref().map(|rest| rest.to_rest(now));
            state.size_limit = model.size_limit;
            counts.push((name, new, forgotten));
        }
        self.probes.extend(probe_at.map(|at| (at, place)));
        endpoints.iter().for_each(|endpoint| self.notes.count_endpoint(endpoint));
        for (name, new, forgotten) in counts {
            self.count_model_state(&name, new, forgotten);
        }
        self.leave_account(place);
        self.join_account(place);
    }
}
