//! What can be seen of keys and providers from outside.

use std::sync::Arc;

use super::account::Accounts;
use super::breaker::Storm;
use super::pool::PoolState;
use super::reason::Reason;
use super::slot::{Rest, Slot};
use crate::domain::{Key, KeyFacts, KeyId, Moment, Nanodollars, Provider, ProviderId};

/// What scripts and strategies see of a key. Never its secret.
#[derive(Clone, Debug)]
pub struct KeyView {
    /// The key's configuration.
    pub key: Arc<Key>,
    /// Its provider.
    pub provider: Arc<Provider>,
    /// What changes about it.
    pub facts: KeyFacts,
}

/// What state a key is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
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

impl KeyState {
    /// The name in the admin API.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::Active => "active",
            KeyState::Cooling => "cooling",
            KeyState::Probing => "probing",
            KeyState::Limited => "limited",
            KeyState::DisabledAuto => "disabled_auto",
            KeyState::DisabledManual => "disabled_manual",
        }
    }
}

/// Everything that can be seen of a key's state. Times are UTC unix milliseconds.
#[derive(Clone, Debug)]
pub struct KeyStatus {
    /// The key.
    pub key: KeyId,
    /// Its provider.
    pub provider: ProviderId,
    /// What state it is in.
    pub state: KeyState,
    /// Why: a rule id or an operator's reason.
    pub reason: Option<Arc<str>>,
    /// Since when.
    pub since_ms: Option<i64>,
    /// Until when, where that is known.
    pub until_ms: Option<i64>,
    /// From where a rest's length is known, such as `retry-after`.
    pub wait_source: Option<Arc<str>>,
    /// When it is probed next.
    pub next_probe_ms: Option<i64>,
    /// Models that it rests for, or takes only small calls for.
    pub models: Vec<ModelStatus>,
    /// Endpoints that it lacks rights for.
    pub endpoints: Vec<EndpointStatus>,
    /// Its account: configured, or as the provider named it.
    pub account: Option<Arc<str>>,
    /// Until when the whole account rests.
    pub account_until_ms: Option<i64>,
    /// Requests in the running UTC day.
    pub requests_today: u64,
    /// Money spent in the running UTC month.
    pub spent_month: Nanodollars,
    /// When it last served.
    pub last_success_ms: Option<i64>,
    /// Counters and learned figures.
    pub facts: KeyFacts,
}

/// What is remembered of a key for one model. Times are UTC unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelStatus {
    /// The provider's own name for the model.
    pub model: Arc<str>,
    /// Until when it rests for the model.
    pub until_ms: Option<i64>,
    /// The rule that sent it to rest.
    pub reason: Option<Arc<str>>,
    /// From where the rest's length is known.
    pub wait_source: Option<Arc<str>>,
    /// Largest call in tokens that it takes for the model.
    pub size_limit: Option<u64>,
}

/// An endpoint that a key lacks the right for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointStatus {
    /// The path without ids.
    pub endpoint: Arc<str>,
    /// UTC unix milliseconds at which it is tried again.
    pub until_ms: i64,
    /// The rule that said so.
    pub reason: Arc<str>,
}

/// Everything that can be seen of a provider's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderStatus {
    /// The provider.
    pub provider: ProviderId,
    /// Open since these UTC unix milliseconds, and what kind of failure opened it.
    pub breaker: Option<(i64, &'static str)>,
    /// Keys by state.
    pub states: Vec<(KeyState, u32)>,
    /// Calls in flight.
    pub in_flight: u64,
    /// Every call so far ended in a path that the provider does not know.
    pub check_base_url: bool,
    /// UTC unix milliseconds at which the provider last refused the region; `None`: never, or it has served since.
    pub region_refused_ms: Option<i64>,
    /// UTC unix milliseconds of the last success.
    pub last_success_ms: Option<i64>,
}

impl PoolState {
    /// What scripts see of the key at a place.
    pub(super) fn view(&self, place: u32, now: Moment) -> Option<KeyView> {
        let slot = self.slot(place)?;
        Some(KeyView { key: slot.key.clone(), provider: self.provider.clone(), facts: facts(slot, now) })
    }

    /// What state the key at a place is in.
    pub(super) fn state(&mut self, place: u32, now: Moment) -> Option<KeyState> {
        self.end_timed_disabling(place, now);
        self.key_state(place, now).map(|(state, _)| state)
    }

    /// Everything about the key at a place.
    pub(super) fn status(&mut self, place: u32, now: Moment) -> Option<KeyStatus> {
        self.end_timed_disabling(place, now);
        let (state, until_ms) = self.key_state(place, now)?;
        let slot = self.slot(place)?;
        let (disabled, rest) = (slot.state.disabled.as_ref(), slot.state.rest.as_ref());
        let account_rest = slot.state.account.and_then(|number| self.accounts.rest(number));
        let resting = match state {
            KeyState::Cooling | KeyState::Probing => {
                rest.into_iter().chain(account_rest).filter(|rest| is_current(rest, now)).max_by_key(|rest| rest.until_ms)
            }
            _ => None,
        };
        Some(KeyStatus {
            key: slot.key.id,
            provider: self.provider.id,
            state,
            reason: disabled.map(|disabled| &disabled.reason).or(resting.map(|rest| &rest.rule)).cloned(),
            since_ms: disabled.map(|disabled| disabled.since).or(resting.map(|rest| rest.since)).map(|since| since.unix_ms),
            until_ms: until_ms.map(|at| now.unix_at(at)),
            wait_source: resting.and_then(|rest| rest.wait_source.clone()),
            next_probe_ms: disabled.and_then(|disabled| disabled.probe_at_ms).map(|at| now.unix_at(at)),
            models: model_statuses(slot, &self.accounts, now),
            endpoints: endpoint_statuses(slot, now),
            account: slot.account_name(&self.accounts),
            account_until_ms: account_rest.filter(|rest| is_current(rest, now)).map(|rest| now.unix_at(rest.until_ms)),
            requests_today: if slot.state.day == crate::domain::utc_day(now.unix_ms) { slot.state.day_requests } else { 0 },
            spent_month: Nanodollars(if slot.state.month == crate::domain::utc_month(now.unix_ms) {
                slot.state.spent
            } else {
                0
            }),
            last_success_ms: Some(slot.last_success_ms).filter(|at| *at > 0),
            facts: facts(slot, now),
        })
    }

    /// The state of the key at a place, and the monotonic time of its end.
    fn key_state(&mut self, place: u32, now: Moment) -> Option<(KeyState, Option<u64>)> {
        let PoolState { slots, accounts, .. } = self;
        let slot = slots.get_mut(place as usize)?.as_mut()?;
        let block = slot.block(accounts, now);
        let state = match block.map(|block| block.reason) {
            Some(Reason::Disabled) if slot.state.disabled.as_ref().is_some_and(|disabled| disabled.by_operator) => {
                KeyState::DisabledManual
            }
            Some(Reason::Disabled) => KeyState::DisabledAuto,
            Some(Reason::Cooling | Reason::Account) => KeyState::Cooling,
            Some(Reason::Trial) => KeyState::Probing,
            Some(_) => KeyState::Limited,
            None => KeyState::Active,
        };
        Some((state, block.and_then(|block| block.until_ms)))
    }

    /// Keys that a verdict switched off, and why.
    pub(super) fn switched_off(&self) -> Vec<(KeyId, Arc<str>)> {
        let of = |slot: &Slot| {
            let disabled = slot.state.disabled.as_ref().filter(|disabled| !disabled.by_operator)?;
            Some((slot.key.id, disabled.reason.clone()))
        };
        self.slots.iter().flatten().filter_map(of).collect()
    }

    /// Everything about the provider.
    pub(super) fn provider_status(&mut self, now: Moment) -> ProviderStatus {
        let mut states: Vec<(KeyState, u32)> = Vec::new();
        let mut in_flight = 0;
        for place in 0..self.slots.len() as u32 {
            let Some((state, _)) = self.key_state(place, now) else { continue };
            in_flight += self.slot(place).map_or(0, |slot| u64::from(slot.in_flight));
            match states.iter_mut().find(|(known, _)| *known == state) {
                Some((_, count)) => *count += 1,
                None => states.push((state, 1)),
            }
        }
        let breaker = self.breaker.open().map(|open| (now.unix_at(open.since_ms), storm_name(open.storm)));
        ProviderStatus {
            provider: self.provider.id,
            breaker,
            states,
            in_flight,
            check_base_url: self.notes.doubts_base_url(),
            region_refused_ms: self.notes.region_refused.map(|refused| refused.unix_ms),
            last_success_ms: Some(self.notes.last_success_ms).filter(|at| *at > 0),
        }
    }
}

fn storm_name(storm: Storm) -> &'static str {
    match storm {
        Storm::Outage => "outage",
        Storm::RateLimit => "rate_limit",
        Storm::Refusal => "refusal",
        Storm::Interruption => "interruption",
    }
}

fn is_current(rest: &Rest, now: Moment) -> bool {
    now.mono_ms < rest.until_ms.max(rest.trial_until_ms)
}

/// What is remembered by model, of the key itself or of its account.
fn facts(slot: &Slot, now: Moment) -> KeyFacts {
    let learned = || slot.state.models.iter().map(|state| &state.learned);
    KeyFacts {
        in_flight: slot.in_flight.into(),
        rpm_used: slot.requests.last_minute(now.mono_ms),
        tpm_used: slot.tokens.last_minute(now.mono_ms),
        remaining_requests: learned().filter_map(|learned| learned.requests_left(now.mono_ms)).min(),
        remaining_tokens: learned().filter_map(|learned| learned.tokens_left(now.mono_ms)).min(),
        reset_at: learned().filter_map(|learned| learned.reset_ms(now.mono_ms)).max().map(|at| now.unix_at(at)),
        last_used: Some(slot.last_used_ms).filter(|at| *at > 0),
        ewma_ms: slot.latency.mean_ms(),
        failures: slot.failures.into(),
    }
}

fn model_statuses(slot: &Slot, accounts: &Accounts, now: Moment) -> Vec<ModelStatus> {
    let account = slot.state.account.map(|number| accounts.get(number));
    let of_account: Vec<_> = account.iter().flat_map(|account| &account.models).map(|(model, rest, _)| (model, rest)).collect();
    let status = |model: &Arc<str>, rest: Option<&Rest>, size_limit: Option<u64>| {
        let rest = rest.filter(|rest| is_current(rest, now));
        (rest.is_some() || size_limit.is_some()).then(|| ModelStatus {
            model: model.clone(),
            until_ms: rest.map(|rest| now.unix_at(rest.until_ms)),
            reason: rest.map(|rest| rest.rule.clone()),
            wait_source: rest.and_then(|rest| rest.wait_source.clone()),
            size_limit,
        })
    };
    let own = slot.state.models.iter().filter_map(|state| {
        let of_account = of_account.iter().filter(|(model, _)| **model == state.model).map(|(_, rest)| *rest);
        status(&state.model, state.rest.iter().chain(of_account).max_by_key(|rest| rest.until_ms), state.size_limit)
    });
    let others = of_account.iter().filter(|(model, _)| slot.model(model).is_none());
    own.chain(others.filter_map(|(model, rest)| status(model, Some(rest), None))).collect()
}

fn endpoint_statuses(slot: &Slot, now: Moment) -> Vec<EndpointStatus> {
    let current = slot.state.endpoints.iter().filter(|(_, rest)| is_current(rest, now));
    let of = |(endpoint, rest): &(Arc<str>, Rest)| EndpointStatus {
        endpoint: endpoint.clone(),
        until_ms: now.unix_at(rest.until_ms),
        reason: rest.rule.clone(),
    };
    current.map(of).collect()
}
