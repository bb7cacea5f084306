//! What a verdict does to a key and its account: rests, disabling, limits to remember.

use std::sync::Arc;

use super::lease::Lease;
use super::pool::{PoolState, Timer};
use super::slot::{Disabled, Rest};
use crate::domain::{Blame, Class, Effect, KeyEventKind, Moment, Verdict};

/// Longest growing rest.
const LONGEST_BACKOFF_MS: u64 = 24 * 3_600_000;
/// Rest of a key for an endpoint that it lacks the right for, where a verdict names no time.
const MISSING_RIGHT_MS: u64 = 3_600_000;

impl PoolState {
    /// Applies a verdict's effect to the key.
    pub(super) fn charge(&mut self, lease: &Lease, verdict: &Verdict, now: Moment) {
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
            self.rest_account_for_model(number, &lease.model, &rest, now);
        }
    }

    pub(super) fn rest_account_for_model(&mut self, number: u32, model: &Arc<str>, rest: &Rest, now: Moment) {
        let group = self.accounts.get_mut(number);
        let members = group.members.len() as u32;
        if let Some((_, old, _)) = group.models.iter_mut().find(|(known, _, _)| known == model) {
            *old = rest.or_later(Some(old.clone()));
        } else {
            group.models.push((model.clone(), rest.clone(), members));
            self.notes.count_model(model, members);
        }
        self.rest_account(number, now);
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
