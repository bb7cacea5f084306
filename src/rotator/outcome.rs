//! What an attempt's outcome does to its key, its account and its provider.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::breaker::Storm;
use super::learned::LearnedLimits;
use super::lease::Lease;
use super::pool::{PoolState, Timer};
use super::slot::{Disabled, Rest};
use crate::domain::{Blame, Class, Cost, Effect, KeyEventKind, KeyId, Moment, Verdict};

/// Longest growing rest.
const LONGEST_BACKOFF_MS: u64 = 24 * 3_600_000;
/// Rest of a key for an endpoint that it lacks the right for, where a verdict names no time.
const MISSING_RIGHT_MS: u64 = 3_600_000;
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
        self.notes.succeeded(now.unix_ms);
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
        let (state, new, forgotten) = slot.model_mut(&lease.model, now.mono_ms);
        state.learned.update(limits, others, now.mono_ms);
        self.count_model_state(&lease.model, new, forgotten);
        self.refresh(lease.place, now);
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
        slot.state.reserved -= lease.estimated_cost;
        slot.state.spent = slot.state.spent.saturating_add(cost.known().map_or(0, |cost| cost.0));
        if slot.watched {
            self.refresh(lease.place, now);
        }
    }

    /// An attempt failed.
    pub(super) fn failed(&mut self, lease: &Lease, verdict: &Verdict, now: Moment) {
        let now = self.tell_time(now);
        let used = if verdict.class == Class::Timeout { None } else { Some(0) };
        self.settle(lease, used, Cost::Unknown, now);
        match verdict.class {
            Class::NotFound => self.notes.path_not_found(),
            Class::Region => self.notes.region_refused_ms = Some(now.unix_ms),
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

    /// Applies a verdict's effect to the key.
    fn charge(&mut self, lease: &Lease, verdict: &Verdict, now: Moment) {
        let Some(slot) = self.leased(lease) else { return };
        if matches!(verdict.blame, Blame::Key | Blame::KeyModel) {
            slot.failures = slot.failures.saturating_add(1);
        }
        match verdict.effect {
            Effect::Cooldown { ms } if verdict.blame == Blame::KeyEndpoint => self.rest_for_endpoint(lease, verdict, ms, now),
            Effect::None if verdict.blame == Blame::KeyEndpoint => {
                self.rest_for_endpoint(lease, verdict, MISSING_RIGHT_MS, now);
            }
            Effect::Cooldown { ms } if verdict.blame == Blame::Provider => {
                self.breaker.pause(ms, now.mono_ms);
                self.event(None, KeyEventKind::BreakerOpened, &verdict.rule, now);
            }
            Effect::Cooldown { ms } if verdict.blame == Blame::KeyModel && !lease.model.is_empty() => {
                self.rest_for_model(lease, verdict, ms, now);
            }
            Effect::Cooldown { ms } if matches!(verdict.blame, Blame::Key | Blame::KeyModel) => {
                self.rest_key(lease, verdict, ms, now);
            }
            Effect::Backoff { ms } => {
                let ms = self.grown(lease, ms);
                self.rest_key(lease, verdict, ms, now);
            }
            Effect::Disable => self.disable_by_verdict(lease, verdict, now),
            Effect::SizeLimit { tokens } => self.note_size_limit(lease, tokens, now),
            Effect::Cooldown { .. } | Effect::None | Effect::CountAgainstProvider => {}
        }
    }

    /// A growing rest's next length. Calls that failed together are one failure.
    fn grown(&mut self, lease: &Lease, first_ms: u64) -> u64 {
        let Some(slot) = self.leased(lease) else { return first_ms };
        let together = slot.state.rest.as_ref().is_some_and(|rest| lease.started.mono_ms <= rest.since.mono_ms);
        if !together {
            slot.state.backoff = slot.state.backoff.saturating_add(1);
        }
        let doublings = slot.state.backoff.saturating_sub(1).min(20);
        first_ms.saturating_mul(1 << doublings).min(LONGEST_BACKOFF_MS.max(first_ms))
    }

    fn rest_key(&mut self, lease: &Lease, verdict: &Verdict, ms: u64, now: Moment) {
        let rest = Rest::new(verdict, ms, now);
        let Some(slot) = self.leased(lease) else { return };
        let rest = rest.or_later(slot.state.rest.take());
        let until_ms = now.unix_at(rest.until_ms);
        slot.state.rest = Some(rest.clone());
        slot.watched = true;
        let account = slot.state.account.filter(|_| shares_limits(verdict.class));
        self.event(Some(lease.key.id), KeyEventKind::Cooling { until_ms, model: None }, &verdict.rule, now);
        self.refresh(lease.place, now);
        if let Some(number) = account {
            let group = self.accounts.get_mut(number);
            group.rest = Some(rest.or_later(group.rest.take()));
            self.rest_account(number, now);
        }
    }

    fn rest_for_model(&mut self, lease: &Lease, verdict: &Verdict, ms: u64, now: Moment) {
        let rest = Rest::new(verdict, ms, now);
        let Some(slot) = self.leased(lease) else { return };
        let account = slot.state.account.filter(|_| shares_limits(verdict.class));
        let (state, new, forgotten) = slot.model_mut(&lease.model, now.mono_ms);
        let rest = rest.or_later(state.rest.take());
        state.rest = Some(rest.clone());
        self.count_model_state(&lease.model, new, forgotten);
        // A name that the provider does not know is the client's mistake, and no news about the key.
        if verdict.class != Class::ModelNotFound {
            let until_ms = now.unix_at(rest.until_ms);
            let cooling = KeyEventKind::Cooling { until_ms, model: Some(lease.model.to_string()) };
            self.event(Some(lease.key.id), cooling, &verdict.rule, now);
        }
        self.refresh(lease.place, now);
        if let Some(number) = account {
            let group = self.accounts.get_mut(number);
            let members = group.members.len() as u32;
            if let Some((_, old, _)) = group.models.iter_mut().find(|(model, _, _)| *model == lease.model) {
                *old = rest.or_later(Some(old.clone()));
            } else {
                group.models.push((lease.model.clone(), rest, members));
                self.notes.count_model(&lease.model, members);
            }
            self.rest_account(number, now);
        }
    }

    fn rest_account(&mut self, number: u32, now: Moment) {
        let group = self.accounts.get(number);
        let ends = group.models.iter().map(|(_, rest, _)| rest).chain(&group.rest).map(|rest| rest.until_ms);
        if let Some(first) = ends.min() {
            self.wake_at(first, Timer::Account(number));
        }
        self.refresh_account(number, now);
    }

    /// Forgets the rests of an account that are over.
    pub(super) fn end_account_rests(&mut self, number: u32, now: Moment) {
        let group = self.accounts.get_mut(number);
        group.rest.take_if(|rest| rest.until_ms <= now.mono_ms);
        let over: Vec<_> = group.models.extract_if(.., |(_, rest, _)| rest.until_ms <= now.mono_ms).collect();
        for (model, _, counted) in over {
            self.notes.uncount_model(&model, counted);
        }
        self.rest_account(number, now);
    }

    fn disable_by_verdict(&mut self, lease: &Lease, verdict: &Verdict, now: Moment) {
        let Some(slot) = self.leased(lease) else { return };
        if slot.state.disabled.is_some() || lease.started.mono_ms < slot.state.vouched_ms {
            return;
        }
        self.disable_auto(lease.place, &verdict.rule, now);
    }

    /// Disables a key until a probe or an operator brings it back.
    pub(super) fn disable_auto(&mut self, place: u32, reason: &Arc<str>, now: Moment) {
        let Some(slot) = self.slot_mut(place) else { return };
        let id = slot.key.id;
        slot.state.disabled =
            Some(Disabled { by_operator: false, reason: reason.clone(), since: now, until_ms: None, probe_at_ms: None });
        slot.watched = true;
        self.schedule_probe(place, now);
        self.event(Some(id), KeyEventKind::DisabledAuto, reason, now);
        self.refresh(place, now);
    }

    fn note_size_limit(&mut self, lease: &Lease, tokens: Option<u64>, now: Moment) {
        let Some(slot) = self.leased(lease) else { return };
        let limit = tokens.unwrap_or(lease.estimated_tokens.saturating_sub(1));
        let (state, new, forgotten) = slot.model_mut(&lease.model, now.mono_ms);
        state.size_limit = Some(limit);
        self.count_model_state(&lease.model, new, forgotten);
        self.refresh(lease.place, now);
    }

    fn rest_for_endpoint(&mut self, lease: &Lease, verdict: &Verdict, ms: u64, now: Moment) {
        let Some(slot) = self.leased(lease) else { return };
        let rest = Rest::new(verdict, ms, now);
        slot.watched = true;
        if let Some((_, old)) = slot.state.endpoints.iter_mut().find(|(endpoint, _)| **endpoint == *lease.endpoint) {
            *old = rest.or_later(Some(old.clone()));
        } else {
            let endpoint: Arc<str> = lease.endpoint.into();
            slot.state.endpoints.push((endpoint.clone(), rest));
            self.notes.count_endpoint(&endpoint);
        }
        self.refresh(lease.place, now);
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

/// Whether keys of one account fail alike of this.
fn shares_limits(class: Class) -> bool {
    matches!(class, Class::Quota | Class::RateLimit)
}

impl Rest {
    fn new(verdict: &Verdict, ms: u64, now: Moment) -> Self {
        Rest {
            since: now,
            until_ms: now.mono_ms + ms,
            trial_until_ms: 0,
            class: verdict.class,
            rule: verdict.rule.clone(),
            wait_source: verdict.wait_source.clone(),
        }
    }

    /// Of two rests the one that ends later; it counts from the newer verdict on.
    fn or_later(&self, other: Option<Rest>) -> Rest {
        match other {
            Some(other) if other.until_ms > self.until_ms => Rest { since: self.since, trial_until_ms: 0, ..other },
            _ => self.clone(),
        }
    }
}
