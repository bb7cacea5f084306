//! What operators and probes do to keys.

use std::sync::Arc;

use super::pool::PoolState;
use super::slot::{Disabled, Slot};
use crate::domain::{KeyEventKind, KeyId, Moment, Provider};

/// What a probe found out about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// The provider accepts the key.
    Valid,
    /// The provider does not accept the key; the rule or words that say so, with secrets masked.
    Invalid(String),
    /// The provider did not answer, or its answer tells nothing about the key.
    CannotTell,
}

/// Most keys of one provider that are handed out for a probe at once.
const PROBES_AT_ONCE: usize = 8;

impl PoolState {
    /// Disables a key by hand, until a wall-clock time or for good.
    pub(super) fn disable_manual(&mut self, place: u32, until_ms: Option<i64>, reason: &str, now: Moment) {
        let now = self.tell_time(now);
        self.cancel_probe(place);
        let Some(slot) = self.slot_mut(place) else { return };
        let id = slot.key.id;
        let until = until_ms.map(|until| now.mono_at(until));
        slot.state.disabled =
            Some(Disabled { by_operator: true, reason: reason.into(), since: now, until_ms: until, probe_at_ms: None });
        slot.watched = true;
        self.event(Some(id), KeyEventKind::DisabledManual { until_ms }, reason, now);
        self.refresh(place, now);
    }

    /// Enables a key: it is no longer disabled, and no longer rests.
    pub(super) fn enable(&mut self, place: u32, reason: &str, now: Moment) {
        let now = self.tell_time(now);
        self.cancel_probe(place);
        let Some(slot) = self.slot_mut(place) else { return };
        let id = slot.key.id;
        slot.state.disabled = None;
        slot.state.rest = None;
        slot.state.backoff = 0;
        slot.state.vouched_ms = now.mono_ms;
        slot.failures = 0;
        slot.watch();
        self.event(Some(id), KeyEventKind::Active, reason, now);
        self.refresh(place, now);
    }

    /// Forgets every verdict about a key: rests, size limits, missing rights, learned limits, automatic disabling. What an
    /// operator decided, and what was used, stays.
    pub(super) fn forget_verdicts(&mut self, place: u32, reason: &str, now: Moment) {
        let now = self.tell_time(now);
        let Some(slot) = self.slot_mut(place) else { return };
        let id = slot.key.id;
        let manual = slot.state.disabled.take_if(|disabled| disabled.by_operator);
        let was_out = slot.state.disabled.is_some() || slot.state.rest.is_some();
        slot.state.rest = None;
        slot.state.backoff = 0;
        slot.state.vouched_ms = now.mono_ms;
        slot.failures = 0;
        let models = std::mem::take(&mut slot.state.models);
        let endpoints = std::mem::take(&mut slot.state.endpoints);
        models.iter().for_each(|state| self.notes.uncount_model(&state.model, 1));
        endpoints.iter().for_each(|(endpoint, _)| self.notes.uncount_endpoint(endpoint));
        self.cancel_probe(place);
        if let Some(slot) = self.slot_mut(place) {
            slot.state.disabled = manual;
            slot.watch();
        }
        if was_out {
            self.event(Some(id), KeyEventKind::Active, reason, now);
        }
        self.refresh(place, now);
    }

    /// Ends a disabling whose time is over.
    pub(super) fn end_timed_disabling(&mut self, place: u32, now: Moment) {
        let Some(slot) = self.slot_mut(place) else { return };
        let over = |disabled: &mut Disabled| disabled.until_ms.is_some_and(|until| until <= now.mono_ms);
        let id = slot.key.id;
        if slot.state.disabled.take_if(over).is_some() {
            slot.watch();
            self.event(Some(id), KeyEventKind::Active, "the time of its disabling is over", now);
        }
    }

    /// Plans the next probe of an automatically disabled key.
    pub(super) fn schedule_probe(&mut self, place: u32, now: Moment) {
        self.cancel_probe(place);
        if !self.provider.probe.enabled {
            return;
        }
        let at = now.mono_ms + self.provider.probe.interval_s.max(60) * 1_000;
        if let Some(disabled) = self.slot_mut(place).and_then(|slot| slot.state.disabled.as_mut())
            && !disabled.by_operator
        {
            disabled.probe_at_ms = Some(at);
            self.probes.insert((at, place));
        }
    }

    /// Plans no probe of a key any more.
    pub(super) fn cancel_probe(&mut self, place: u32) {
        let planned = self.slot_mut(place).and_then(|slot| slot.state.disabled.as_mut()?.probe_at_ms.take());
        if let Some(at) = planned {
            self.probes.remove(&(at, place));
        }
    }

    /// Keys whose probe is due. Each is handed out once; its next probe is planned at once, so that a lost result loses nothing.
    pub(super) fn due_probes(&mut self, now: Moment) -> Vec<KeyId> {
        let now = self.tell_time(now);
        let due: Vec<u32> =
            self.probes.iter().take_while(|(at, _)| *at <= now.mono_ms).take(PROBES_AT_ONCE).map(|(_, place)| *place).collect();
        let hand_out = |place: u32| {
            self.schedule_probe(place, now);
            Some(self.slot(place)?.key.id)
        };
        due.into_iter().filter_map(hand_out).collect()
    }

    /// Takes a probe's result. It counts only against what was known when the probe began.
    pub(super) fn probed(&mut self, place: u32, result: &ProbeResult, started: Moment, now: Moment) {
        let now = self.tell_time(now);
        let Some(slot) = self.slot_mut(place) else { return };
        let disabled = slot.state.disabled.as_ref();
        match result {
            ProbeResult::CannotTell => {}
            ProbeResult::Valid => {
                if disabled.is_some_and(|disabled| !disabled.by_operator && disabled.since.mono_ms < started.mono_ms) {
                    self.enable(place, "a probe found it valid", now);
                }
            }
            ProbeResult::Invalid(reason) => {
                if disabled.is_none() && slot.state.vouched_ms <= started.mono_ms {
                    self.disable_auto(place, &reason.as_str().into(), now);
                }
            }
        }
    }

    /// Takes over the provider's configuration.
    pub(super) fn set_provider(&mut self, provider: &Arc<Provider>, now: Moment) {
        let now = self.tell_time(now);
        let probes_change = self.provider.probe != provider.probe;
        if self.provider.base_url != provider.base_url || self.provider.proxy != provider.proxy {
            self.notes.moved();
        }
        self.provider = provider.clone();
        if probes_change {
            self.reschedule_probes(now);
        }
    }

    /// Plans probes after the provider's settings changed.
    fn reschedule_probes(&mut self, now: Moment) {
        let waits = |slot: &Slot| slot.state.disabled.as_ref().is_some_and(|disabled| !disabled.by_operator);
        let places: Vec<u32> = (0..self.slots.len() as u32).filter(|place| self.slot(*place).is_some_and(waits)).collect();
        places.into_iter().for_each(|place| self.schedule_probe(place, now));
    }
}
