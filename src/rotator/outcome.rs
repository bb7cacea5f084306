//! What an attempt's outcome does to its key, its account and its provider.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::breaker::Storm;
use super::learned::LearnedLimits;
use super::lease::Lease;
use super::pool::PoolState;
use super::slot::Rest;
use crate::domain::{Class, Cost, Effect, KeyEventKind, KeyId, Moment, Verdict};

/// How many keys are looked at to tell whether another could still serve.
const OTHERS_LOOKED_AT: usize = 64;

/// What a whole answer told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Milliseconds from the attempt's begin to the first byte.
    pub first_byte_ms: u64,
    /// What the headers told about limits.
    pub limits: LearnedLimits,
    /// Tokens used, where that is known; the estimate stands otherwise.
    pub tokens: Option<u64>,
    /// What the call cost.
    pub cost: Cost,
}

impl PoolState {
    /// The provider began to answer a call.
    pub(super) fn answered(&mut self, lease: &Lease, first_byte_ms: u64, limits: &LearnedLimits, now: Moment) {
        let now = self.tell_time(now);
        if lease.answered.swap(true, Ordering::Relaxed) {
            return;
        }
        if self.breaker.succeeded(lease.started.mono_ms + first_byte_ms) {
            self.event(None, KeyEventKind::BreakerClosed, "the provider answers again", now);
        }
        self.notes.succeeded(lease.started.mono_ms, now.unix_ms);
        let Some(slot) = self.leased(lease) else { return };
        slot.latency.add(first_byte_ms, now.mono_ms);
        slot.failures = 0;
        slot.last_success_ms = now.unix_ms;
        if slot.watched {
            self.end_older_verdicts(lease, now);
        }
        if !limits.is_empty() {
            self.learn_limits(lease, limits, now);
        }
    }

    /// A success ends what was said before its attempt began, and nothing that was said later.
    fn end_older_verdicts(&mut self, lease: &Lease, now: Moment) {
        let Some(slot) = self.leased(lease) else { return };
        let began_after = |since: Moment| since.mono_ms < lease.started.mono_ms;
        let for_model = slot.state.models.iter_mut().find(|state| *state.model == *lease.model);
        if let Some(for_model) = for_model
            && for_model.rest.as_ref().is_some_and(|rest| began_after(rest.since))
        {
            for_model.rest = None;
        }
        let rights =
            slot.state.endpoints.extract_if(.., |(endpoint, rest)| **endpoint == *lease.endpoint && began_after(rest.since));
        let rights: Vec<_> = rights.collect();
        rights.iter().for_each(|(endpoint, _)| self.notes.uncount_endpoint(endpoint));
        let Some(slot) = self.leased(lease) else { return };
        let rested = slot.state.rest.take_if(|rest| began_after(rest.since)).is_some();
        if slot.state.rest.is_none() {
            slot.state.backoff = 0;
        }
        let disabled = slot.state.disabled.take_if(|disabled| !disabled.by_operator && began_after(disabled.since));
        slot.watch();
        if disabled.is_some() {
            self.cancel_probe(lease.place);
        }
        if rested || disabled.is_some() {
            self.event(Some(lease.key.id), KeyEventKind::Active, "it served a call", now);
        }
        self.refresh(lease.place, now);
    }

    fn learn_limits(&mut self, lease: &Lease, limits: &LearnedLimits, now: Moment) {
        let Some(slot) = self.leased(lease) else { return };
        let others = slot.in_flight.saturating_sub(1);
        let account = slot.state.account;
        let (state, new, forgotten) = slot.model_mut(&lease.model, now.mono_ms);
        state.learned.update(limits, others, now.mono_ms);
        let exhausted = limits.exhausted_ms();
        self.count_model_state(&lease.model, new, forgotten);
        self.refresh(lease.place, now);
        if let (Some(number), Some(ms)) = (account, exhausted) {
            let rest = Rest {
                since: now,
                until_ms: now.mono_ms + ms,
                trial_until_ms: 0,
                class: Class::RateLimit,
                rule: "nothing left".into(),
                wait_source: Some("reset header".into()),
            };
            self.rest_account_for_model(number, &lease.model, &rest, now);
        }
    }

    pub(super) fn count_model_state(&mut self, model: &Arc<str>, new: bool, forgotten: Option<Arc<str>>) {
        if new {
            self.notes.count_model(model, 1);
        }
        if let Some(forgotten) = forgotten {
            self.notes.uncount_model(&forgotten, 1);
        }
    }

    /// Replaces a call's estimates by what it used.
    pub(super) fn settle(&mut self, lease: &Lease, tokens: Option<u64>, cost: Cost, now: Moment) {
        if lease.settled.swap(true, Ordering::Relaxed) {
            return;
        }
        let Some(slot) = self.leased(lease) else { return };
        if let Some(tokens) = tokens {
            slot.tokens.add(tokens.saturating_sub(lease.estimated_tokens), now.mono_ms);
            if slot.key.limits.tpm.is_some() {
                slot.state.token_window.settle(lease.started.mono_ms, lease.estimated_tokens, tokens, now.mono_ms);
            }
        }
        slot.state.turn_calendar(now);
        slot.state.end_attempt(lease);
        slot.state.spend(cost);
        if slot.watched {
            self.refresh(lease.place, now);
        }
    }

    /// Adds what became known of a call after its end.
    pub(super) fn spent_late(&mut self, place: u32, cost: Cost, now: Moment) {
        let now = self.tell_time(now);
        let Some(slot) = self.slot_mut(place) else { return };
        slot.state.turn_calendar(now);
        slot.state.spend(cost);
        if slot.watched {
            self.refresh(place, now);
        }
    }

    /// An answer came to its end.
    pub(super) fn completed(&mut self, now: Moment) {
        if self.breaker.completed(now.mono_ms) {
            self.event(None, KeyEventKind::BreakerClosed, "the provider's answers come to their end again", now);
        }
    }

    /// An answer broke off once content was sent: it cost what it used, and its provider or, where the provider said so,
    /// its key is to blame.
    pub(super) fn interrupted(&mut self, lease: &Lease, verdict: &Verdict, report: &Report, now: Moment) {
        let now = self.tell_time(now);
        self.settle(lease, report.tokens, report.cost, now);
        if verdict.effect == Effect::CountAgainstProvider {
            self.count_failure(Storm::Interruption, lease, verdict, now);
        } else {
            self.charge(lease, verdict, now);
        }
    }

    /// An attempt failed.
    pub(super) fn failed(&mut self, lease: &Lease, verdict: &Verdict, now: Moment) {
        let now = self.tell_time(now);
        let used = if verdict.class == Class::Timeout { None } else { Some(0) };
        self.settle(lease, used, Cost::Unknown, now);
        match verdict.class {
            Class::NotFound => self.notes.path_not_found(),
            Class::Region => self.notes.region_refused = Some(now),
            _ => {}
        }
        let storm = self.storm(lease, verdict);
        let raging = storm.is_some() && self.breaker.open().map(|open| open.storm) == storm;
        let opened = match storm {
            Some(Storm::RateLimit) | None => false,
            Some(storm) => self.count_failure(storm, lease, verdict, now),
        };
        if !raging && !opened {
            self.charge(lease, verdict, now);
        }
        if storm == Some(Storm::RateLimit) && !raging && self.another_could_serve(lease, now) {
            self.count_failure(Storm::RateLimit, lease, verdict, now);
        }
    }

    /// Which storm a failure would be part of. A refused key speaks against its provider only if it has served before: of a
    /// list of pasted keys any number may be dead.
    fn storm(&mut self, lease: &Lease, verdict: &Verdict) -> Option<Storm> {
        match (verdict.class, verdict.effect) {
            (_, Effect::CountAgainstProvider) => Some(Storm::Outage),
            (Class::RateLimit, Effect::Cooldown { .. }) => Some(Storm::RateLimit),
            (Class::InvalidKey, Effect::Disable) => {
                self.leased(lease).filter(|slot| slot.last_success_ms > 0).map(|_| Storm::Refusal)
            }
            _ => None,
        }
    }

    fn count_failure(&mut self, storm: Storm, lease: &Lease, verdict: &Verdict, now: Moment) -> bool {
        let account = self.leased(lease).and_then(|slot| slot.state.account);
        let Some(keys) = self.breaker.failed(storm, lease.key.id, account, now.mono_ms) else { return false };
        self.event(None, KeyEventKind::BreakerOpened, &verdict.rule, now);
        if storm == Storm::Refusal {
            for key in keys {
                self.exonerate(key, now);
            }
        }
        true
    }

    /// Enables a key again that was disabled for what turned out to be its provider's fault.
    fn exonerate(&mut self, key: KeyId, now: Moment) {
        let Some(place) = self.by_id.get(&key).copied() else { return };
        let Some(slot) = self.slot_mut(place) else { return };
        if slot.state.disabled.take_if(|disabled| !disabled.by_operator).is_some() {
            slot.watch();
            self.cancel_probe(place);
            self.event(Some(key), KeyEventKind::Active, "the provider refuses every key", now);
            self.refresh(place, now);
        }
    }

    fn another_could_serve(&self, lease: &Lease, now: Moment) -> bool {
        let serves = |place: &u32| {
            let free = |slot: &super::slot::Slot| {
                slot.scope_block(Some(&lease.model), Some(lease.endpoint), &self.accounts, now.mono_ms).is_none()
            };
            *place != lease.place && self.slot(*place).is_some_and(free)
        };
        self.views.iter().any(|view| view.ready().iter().take(OTHERS_LOOKED_AT).any(serves))
    }

    /// Puts a key into the account that the provider named, unless one is configured.
    pub(super) fn learn_account(&mut self, lease: &Lease, account: &str) {
        let Some(slot) = self.leased(lease) else { return };
        let known = slot.state.learned_account.as_deref() == Some(account);
        if slot.key.account.is_some() || known || account.is_empty() {
            return;
        }
        slot.state.learned_account = Some(account.into());
        self.leave_account(lease.place);
        self.join_account(lease.place);
        self.refresh(lease.place, self.latest);
    }
}
