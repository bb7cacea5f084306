//! One pick in one pool: which of its keys serves the call, and what is counted for it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::breaker::Storm;
use super::filter::{Filter, Miss};
use super::lease::Lease;
use super::pool::{Pool, PoolState, ScopeRef};
use super::reason::Reason;
use super::request::PickRequest;
use super::slot::{Slot, TRIAL_MS};
use super::view::Standing;
use crate::domain::{Moment, PassedOver, PassedOverReason, Ref, Target, Why};

/// Most lines about keys that were passed over.
pub(super) const MOST_LINES: usize = 16;
/// From this many keys on that rest for one model, or lack one endpoint, such calls get a view of their own.
const OWN_VIEW_FROM: u32 = 16;

/// What a pick in one pool is for.
pub(super) struct Ask<'a> {
    pub(super) request: &'a PickRequest<'a>,
    pub(super) target: &'a Target,
    pub(super) choice: Choice,
    /// A tag that the key must have besides the client's.
    pub(super) tag: Option<&'a str>,
    pub(super) chosen_by: &'a Arc<str>,
}

/// Which keys a pick may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Keys that were not tried, of accounts that were not tried.
    OtherAccount,
    /// Keys that were not tried.
    Untried,
    /// Keys that were tried once and were not to blame.
    OnceMore,
    /// This key only, whether tried or not.
    Only(u32),
}

impl PoolState {
    /// Picks a key and leases it.
    pub(super) fn pick(&mut self, pool: &Arc<Pool>, ask: &Ask<'_>, now: Moment) -> Result<Lease, Miss> {
        let now = self.tell_time(now);
        if let Some(miss) = self.breaker_miss(now) {
            return Err(miss);
        }
        let Some(view) = self.view_for(ask, now) else {
            return Err(Miss { model_unknown: true, ..Miss::default() });
        };
        self.run_timers(view, now);
        let PoolState { slots, views, accounts, random, in_flight, .. } = self;
        let mut filter = Filter { ask, slots, accounts, now, miss: Miss::default() };
        let place = match ask.choice {
            Choice::Only(place) => (views[view].is_ready(place) && filter.takes(place)).then_some(place),
            _ => {
                let affinity = ask.request.affinity;
                views[view].choose(&mut filter, random, affinity, *in_flight)
            }
        };
        let miss = filter.miss;
        match place {
            Some(place) => Ok(self.lease(pool, ask, view, place, miss.lines, now)),
            None => Err(self.explain(view, ask, miss, now)),
        }
    }

    fn breaker_miss(&self, now: Moment) -> Option<Miss> {
        let open = self.breaker.open()?;
        if open.next_try_ms <= now.mono_ms {
            return None;
        }
        let line = PassedOver {
            key: None,
            reason: PassedOverReason::Breaker,
            count: self.by_id.len() as u32,
            until_ms: Some(now.unix_at(open.next_try_ms)),
        };
        let mut miss = Miss { lines: vec![line], ..Miss::default() };
        match open.storm {
            Storm::Outage | Storm::Interruption => miss.breaker_ms = Some(open.next_try_ms),
            Storm::RateLimit => miss.back(Some(open.next_try_ms)),
            Storm::Refusal => {}
        }
        Some(miss)
    }

    /// The view that serves such calls: by model and endpoint only where keys differ by them. `None`: no key has the model.
    pub(super) fn view_for(&mut self, ask: &Ask<'_>, now: Moment) -> Option<usize> {
        let model = &ask.target.model;
        let has_state = self.notes.keys_with_model_state(model) >= OWN_VIEW_FROM;
        let by_model = !model.is_empty() && (self.selections.differ() || has_state);
        let by_endpoint = self.notes.keys_without_endpoint(ask.request.endpoint) >= OWN_VIEW_FROM;
        let mut scope = ScopeRef {
            strategy: ask.request.strategy,
            model: by_model.then_some(model),
            endpoint: by_endpoint.then_some(ask.request.endpoint),
            tags: ask.request.key_tags,
            also_tags: ask.request.also_tags,
            tag: ask.tag,
        };
        if let Some(built) = self.built_view(&scope) {
            return Some(built);
        }
        if !self.selections.serve(model) {
            return None;
        }
        let stand_in = if by_model && !has_state { self.selections.stand_in(model) } else { None };
        if let Some(stand_in) = &stand_in {
            scope.model = Some(stand_in);
        }
        Some(self.built_view(&scope).unwrap_or_else(|| self.build_view(&scope, now)))
    }

    /// What else the miss of a view means, beyond the keys that were looked at.
    fn explain(&self, view: usize, ask: &Ask<'_>, mut miss: Miss, now: Moment) -> Miss {
        miss.lines = self.passed_over(view, miss.lines, now);
        let view = &self.views[view];
        match ask.choice {
            Choice::Only(place) => {
                if let Standing::Blocked(block) = view.standing(place) {
                    miss.back(block.until_ms);
                    miss.busy |= block.reason == Reason::Busy;
                }
            }
            _ => {
                miss.back(view.first_back_ms());
                miss.busy |= view.blocked_for(Reason::Busy) > 0;
                miss.model_unknown |= view.blocked_for(Reason::ModelUnknown) > 0;
                let waits = |reason: &Reason| !matches!(reason, Reason::ModelUnknown | Reason::Disabled);
                miss.other_reason |=
                    Reason::ALL.iter().filter(|reason| waits(reason)).any(|reason| view.blocked_for(*reason) > 0);
            }
        }
        miss
    }

    fn lease(
        &mut self,
        pool: &Arc<Pool>,
        ask: &Ask<'_>,
        view: usize,
        place: u32,
        lines: Vec<PassedOver>,
        now: Moment,
    ) -> Lease {
        let why = self.why(ask, view, lines, now);
        self.breaker.trying(now.mono_ms);
        let request = ask.request;
        let provider = self.provider.clone();
        let slot = self.slots[place as usize].as_mut().expect("the view holds keys that exist");
        let budgeted = request.estimated_cost.filter(|_| slot.key.limits.budget_month.is_some());
        let estimated_cost = budgeted.map_or(0, |cost| cost.0.max(0));
        let counted = slot.watched;
        slot.count_pick(&ask.target.model, request.estimated_tokens, estimated_cost, now);
        let lease = Lease {
            pool: pool.clone(),
            place,
            serial: slot.serial,
            provider,
            key: slot.key.clone(),
            account: slot.account_name(&self.accounts),
            model: ask.target.model.clone(),
            endpoint: request.endpoint,
            tier: ask.target.tier,
            why,
            started: now,
            estimated_tokens: request.estimated_tokens,
            estimated_cost,
            counted,
            answered: AtomicBool::new(false),
            settled: AtomicBool::new(false),
        };
        let watched = slot.watched;
        self.in_flight += 1;
        self.load_changed(place);
        if watched {
            self.refresh(place, now);
        }
        lease
    }

    fn why(&self, ask: &Ask<'_>, view: usize, lines: Vec<PassedOver>, now: Moment) -> Why {
        Why {
            chosen_by: ask.chosen_by.clone(),
            pool: self.views[view].members() as u32,
            ready: self.views[view].ready().len() as u32,
            tier: ask.target.tier,
            passed_over: self.passed_over(view, lines, now),
            script: None,
        }
    }

    /// The keys that a view holds back, after those that were looked at: by name while they are few, else by number.
    fn passed_over(&self, view: usize, mut lines: Vec<PassedOver>, now: Moment) -> Vec<PassedOver> {
        let view = &self.views[view];
        let blocked = view.blocked();
        if blocked.len() + lines.len() > MOST_LINES {
            lines.truncate(MOST_LINES - Reason::ALL.len());
            let counts = Reason::ALL.into_iter().map(|reason| (reason.on_record(), view.blocked_for(reason)));
            let counts = counts.filter(|(_, count)| *count > 0);
            lines.extend(counts.map(|(reason, count)| PassedOver { key: None, reason, count, until_ms: None }));
            return lines;
        }
        for place in blocked {
            if let (Standing::Blocked(block), Some(slot)) = (view.standing(*place), self.slot(*place)) {
                let key = Ref { id: slot.key.id, name: slot.name.clone() };
                let until_ms = block.until_ms.map(|at| now.unix_at(at));
                lines.push(PassedOver { key: Some(key), reason: block.reason.on_record(), count: 1, until_ms });
            }
        }
        lines
    }

    /// Ends an attempt: the key has one call less in flight.
    pub(super) fn give_back(&mut self, lease: &Lease, settled: bool) {
        let Some(slot) = self.leased(lease) else { return };
        slot.in_flight = slot.in_flight.saturating_sub(1);
        if !settled {
            slot.state.end_attempt(lease);
        }
        if slot.watched {
            slot.end_trial(lease);
        }
        let watched = slot.watched;
        self.in_flight = self.in_flight.saturating_sub(1);
        self.load_changed(lease.place);
        if watched {
            self.refresh(lease.place, self.latest);
        }
    }

    /// The slot of a leased key, unless the key was removed meanwhile.
    pub(super) fn leased(&mut self, lease: &Lease) -> Option<&mut Slot> {
        self.slot_mut(lease.place).filter(|slot| slot.serial == lease.serial)
    }
}

impl Slot {
    fn count_pick(&mut self, model: &str, tokens: u64, cost: i64, now: Moment) {
        self.in_flight += 1;
        self.last_used_ms = now.unix_ms;
        self.requests.add(1, now.mono_ms);
        self.tokens.add(tokens, now.mono_ms);
        if !self.watched {
            return;
        }
        let state = &mut *self.state;
        state.turn_calendar(now);
        state.day_requests += 1;
        state.reserved += cost;
        if self.key.limits.rpm.is_some() {
            state.request_window.add(now.mono_ms, 1);
        }
        if self.key.limits.tpm.is_some() {
            state.token_window.add(now.mono_ms, tokens);
        }
        let for_model = state.models.iter_mut().find(|state| *state.model == *model);
        let mut rests = state.rest.iter_mut().collect::<Vec<_>>();
        if let Some(for_model) = for_model {
            for_model.learned.take(tokens);
            rests.extend(for_model.rest.iter_mut());
        }
        for rest in rests {
            rest.trial_until_ms = now.mono_ms + TRIAL_MS;
        }
    }

    /// The call that tried the key after its rest is over; when it had no verdict about that, another may try.
    fn end_trial(&mut self, lease: &Lease) {
        let for_model = self.state.models.iter_mut().filter(|state| state.model == lease.model);
        let rests = for_model.filter_map(|state| state.rest.as_mut()).chain(self.state.rest.as_mut());
        rests.filter(|rest| rest.until_ms <= lease.started.mono_ms).for_each(|rest| rest.trial_until_ms = 0);
    }
}
