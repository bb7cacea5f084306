//! The keys of one provider: their places, their views, and the timers that bring them back.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use parking_lot::Mutex;

use super::account::Accounts;
use super::breaker::Breaker;
use super::provider_notes::ProviderNotes;
use super::random::Random;
use super::saved::SavedKeyState;
use super::selections::Selections;
use super::slot::Slot;
use super::view::{Scope, Standing, View};
use crate::domain::{Key, KeyEvent, KeyEventKind, KeyId, Moment, Provider};

/// Most timers that one pick runs while it has a key already: a thousand keys that come back at once hold up no call.
const TIMERS_AT_ONCE: usize = 64;
/// Most state changes that are kept until somebody fetches them; the older half goes first.
const MOST_EVENTS: usize = 20_000;
/// Most views of one pool.
const MOST_VIEWS: usize = 64;
/// Most places over all views of one pool, by which the number of views of a huge pool is bounded.
const MOST_VIEW_PLACES: usize = 4_000_000;

/// One provider with its keys.
#[derive(Debug)]
pub(super) struct Pool {
    state: Mutex<PoolState>,
}

impl Pool {
    pub(super) fn new(provider: Arc<Provider>, seed: u64) -> Self {
        Pool { state: Mutex::new(PoolState::new(provider, seed)) }
    }

    /// Locks the pool. No lock of another pool is held meanwhile.
    pub(super) fn lock(&self) -> parking_lot::MutexGuard<'_, PoolState> {
        self.state.lock()
    }
}

/// What a pool's lock guards.
#[derive(Debug)]
pub(super) struct PoolState {
    pub(super) provider: Arc<Provider>,
    pub(super) slots: Vec<Option<Slot>>,
    pub(super) by_id: HashMap<KeyId, u32>,
    pub(super) accounts: Accounts,
    pub(super) views: Vec<View>,
    pub(super) breaker: Breaker,
    pub(super) random: Random,
    pub(super) notes: ProviderNotes,
    /// Disabled keys by the monotonic time of their next probe.
    pub(super) probes: BTreeSet<(u64, u32)>,
    /// State changes that nobody has fetched yet.
    pub(super) events: Vec<KeyEvent>,
    /// The models that keys may serve.
    pub(super) selections: Selections,
    /// Calls in flight over all keys.
    pub(super) in_flight: u64,
    /// The latest moment that the pool was told.
    pub(super) latest: Moment,
    uses: u64,
    free: Vec<u32>,
    serial: u32,
    timers: BinaryHeap<Reverse<(u64, Timer)>>,
}

/// What a timer looks at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A key, by its place.
    Key(u32),
    /// An account, by its number.
    Account(u32),
}

impl PoolState {
    fn new(provider: Arc<Provider>, seed: u64) -> Self {
        PoolState {
            provider,
            slots: Vec::new(),
            by_id: HashMap::new(),
            accounts: Accounts::default(),
            views: Vec::new(),
            breaker: Breaker::default(),
            random: Random::new(seed),
            notes: ProviderNotes::default(),
            probes: BTreeSet::new(),
            events: Vec::new(),
            selections: Selections::default(),
            in_flight: 0,
            latest: Moment { mono_ms: 0, unix_ms: 0 },
            uses: 0,
            free: Vec::new(),
            serial: 0,
            timers: BinaryHeap::new(),
        }
    }

    /// Takes note of the time. Threads that read the clock before they waited for the lock are not taken back in time.
    pub(super) fn tell_time(&mut self, now: Moment) -> Moment {
        if now.mono_ms >= self.latest.mono_ms {
            self.latest = now;
        }
        self.latest
    }

    /// The key at a place.
    pub(super) fn slot(&self, place: u32) -> Option<&Slot> {
        self.slots.get(place as usize)?.as_ref()
    }

    /// The key at a place, to change it.
    pub(super) fn slot_mut(&mut self, place: u32) -> Option<&mut Slot> {
        self.slots.get_mut(place as usize)?.as_mut()
    }

    /// Adds a key, or takes over its new configuration. What is remembered of it stays, unless its secret changed.
    pub(super) fn put(&mut self, key: &Arc<Key>, saved: Option<&SavedKeyState>, now: Moment) {
        match self.by_id.get(&key.id).copied() {
            Some(place) => self.update(place, key, now),
            None => self.add(key, saved, now),
        }
    }

    fn add(&mut self, key: &Arc<Key>, saved: Option<&SavedKeyState>, now: Moment) {
        self.serial = self.serial.wrapping_add(1);
        let slot = Slot::new(key.clone(), self.serial);
        let place = self.free.pop().unwrap_or(self.slots.len() as u32);
        if place as usize == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[place as usize] = Some(slot);
        self.by_id.insert(key.id, place);
        self.selections.add(&key.models);
        self.join_account(place);
        if let Some(saved) = saved {
            self.restore(place, saved, now);
        }
        self.enroll(place, now);
    }

    fn update(&mut self, place: u32, key: &Arc<Key>, now: Moment) {
        let Some(slot) = self.slot_mut(place) else { return };
        if Arc::ptr_eq(&slot.key, key) {
            return;
        }
        let old = std::mem::replace(&mut slot.key, key.clone());
        slot.name = key.name.as_str().into();
        slot.watch();
        let new_secret = !same_secret(&old, key);
        self.selections.add(&key.models);
        self.selections.remove(&old.models);
        let moved =
            old.tags != key.tags || old.models != key.models || old.weight != key.weight || old.priority != key.priority;
        if moved {
            self.leave_views(place);
        }
        if old.account != key.account {
            self.leave_account(place);
            self.join_account(place);
        }
        if new_secret {
            self.forget_verdicts(place, "new secret", now);
        }
        self.enroll(place, now);
    }

    /// Removes the keys that `keep` does not know.
    pub(super) fn retain(&mut self, keep: impl Fn(KeyId) -> bool) {
        let gone: Vec<u32> = self.by_id.iter().filter(|(id, _)| !keep(**id)).map(|(_, place)| *place).collect();
        for place in gone {
            self.leave_views(place);
            self.leave_account(place);
            self.cancel_probe(place);
            if let Some(slot) = self.slots[place as usize].take() {
                slot.state.models.iter().for_each(|state| self.notes.uncount_model(&state.model, 1));
                slot.state.endpoints.iter().for_each(|(endpoint, _)| self.notes.uncount_endpoint(endpoint));
                self.in_flight = self.in_flight.saturating_sub(slot.in_flight.into());
                self.by_id.remove(&slot.key.id);
                self.selections.remove(&slot.key.models);
                self.free.push(place);
            }
        }
    }

    fn leave_views(&mut self, place: u32) {
        let PoolState { slots, views, .. } = self;
        if let Some(slot) = &slots[place as usize] {
            views.iter_mut().for_each(|view| view.set(place, slot, Standing::Absent));
        }
    }

    /// Puts a key into the group of its account: the configured one, else the one the provider told.
    pub(super) fn join_account(&mut self, place: u32) {
        let Some(slot) = self.slots[place as usize].as_mut() else { return };
        let name = slot.key.account.as_deref().or(slot.state.learned_account.as_deref());
        if let Some(name) = name {
            let number = self.accounts.number(name);
            self.accounts.get_mut(number).members.push(place);
            slot.state.account = Some(number);
        }
        slot.watch();
    }

    pub(super) fn leave_account(&mut self, place: u32) {
        let Some(slot) = self.slots[place as usize].as_mut() else { return };
        if let Some(number) = slot.state.account.take() {
            self.accounts.get_mut(number).members.retain(|member| *member != place);
        }
        slot.watch();
    }

    /// Looks at a key again and moves it, in every view that holds it, to where it stands now.
    pub(super) fn refresh(&mut self, place: u32, now: Moment) {
        self.stand(place, 0, |view, _| view.standing(place) != Standing::Absent, now);
    }

    /// Puts a key into every view that admits it.
    fn enroll(&mut self, place: u32, now: Moment) {
        self.stand(place, 0, |view, key| view.scope.admits(key), now);
    }

    /// Moves a key to where it stands now, in the views from `from` on of which it is a member.
    fn stand(&mut self, place: u32, from: usize, is_member: impl Fn(&View, &Key) -> bool, now: Moment) {
        let PoolState { slots, accounts, views, timers, .. } = self;
        let Some(slot) = slots.get_mut(place as usize).and_then(Option::as_mut) else { return };
        let whole = slot.block(accounts, now);
        let mut back = whole.and_then(|block| block.until_ms);
        for view in &mut views[from..] {
            if !is_member(view, &slot.key) {
                continue;
            }
            let (model, endpoint) = (view.scope.model.as_deref(), view.scope.endpoint.as_deref());
            let block = whole.or_else(|| slot.scope_block(model, endpoint, accounts, now.mono_ms));
            view.set(place, slot, block.map_or(Standing::Ready, Standing::Blocked));
            let until = block.and_then(|block| block.until_ms);
            back = back.into_iter().chain(until).min();
        }
        if let Some(at) = back
            && at != slot.timer_ms
        {
            slot.timer_ms = at;
            timers.push(Reverse((at, Timer::Key(place))));
        }
    }

    /// Tells the views that a key has another number of calls in flight.
    pub(super) fn load_changed(&mut self, place: u32) {
        let PoolState { slots, views, .. } = self;
        if let Some(slot) = &slots[place as usize] {
            views.iter_mut().for_each(|view| view.load_changed(place, slot));
        }
    }

    /// Looks at every key of an account again.
    pub(super) fn refresh_account(&mut self, number: u32, now: Moment) {
        for place in self.accounts.get(number).members.clone() {
            self.refresh(place, now);
        }
    }

    /// Sets a timer.
    pub(super) fn wake_at(&mut self, at_ms: u64, timer: Timer) {
        self.timers.push(Reverse((at_ms, timer)));
    }

    /// Runs the timers that are due; when there are very many, some are left for the next pick as long as a key is ready.
    pub(super) fn run_timers(&mut self, view: usize, now: Moment) {
        let mut run = 0;
        while let Some(Reverse((at, timer))) = self.timers.peek().copied()
            && at <= now.mono_ms
            && (run < TIMERS_AT_ONCE || self.views[view].ready().is_empty())
        {
            self.timers.pop();
            run += 1;
            match timer {
                Timer::Key(place) => {
                    if let Some(slot) = self.slot_mut(place) {
                        slot.timer_ms = 0;
                        self.end_timed_disabling(place, now);
                        self.refresh(place, now);
                    }
                }
                Timer::Account(number) => self.end_account_rests(number, now),
            }
        }
    }

    /// The view for a scope, if it was built before.
    pub(super) fn built_view(&mut self, scope: &ScopeRef<'_>) -> Option<usize> {
        self.uses += 1;
        let at = self.views.iter().position(|view| scope.is(&view.scope))?;
        self.views[at].last_use = self.uses;
        Some(at)
    }

    /// Builds the view for a scope; when there are too many, the one that was used least lately goes.
    pub(super) fn build_view(&mut self, scope: &ScopeRef<'_>, now: Moment) -> usize {
        let most = (MOST_VIEW_PLACES / self.slots.len().max(1)).clamp(8, MOST_VIEWS);
        if self.views.len() >= most {
            let oldest = self.views.iter().enumerate().min_by_key(|(_, view)| view.last_use).map_or(0, |(at, _)| at);
            self.views.swap_remove(oldest);
        }
        let at = self.views.len();
        self.views.push(View::new(scope.to_scope()));
        self.views[at].last_use = self.uses;
        for place in 0..self.slots.len() as u32 {
            self.stand(place, at, |view, key| view.scope.admits(key), now);
        }
        at
    }

    /// Notes a state change of a key, or of the provider. Nobody need fetch them: there is a bound.
    pub(super) fn event(&mut self, key: Option<KeyId>, kind: KeyEventKind, reason: &str, now: Moment) {
        if self.events.len() >= MOST_EVENTS {
            self.events.drain(..MOST_EVENTS / 2);
        }
        self.events.push(KeyEvent { at_ms: now.unix_ms, provider: self.provider.id, key, kind, reason: reason.to_owned() });
    }
}

/// A scope as a request names it, without owning its parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScopeRef<'a> {
    pub(super) strategy: crate::domain::Strategy,
    pub(super) model: Option<&'a Arc<str>>,
    pub(super) endpoint: Option<&'a str>,
    pub(super) tags: Option<&'a [String]>,
    pub(super) also_tags: Option<&'a [String]>,
    pub(super) tag: Option<&'a str>,
}

impl ScopeRef<'_> {
    fn is(&self, scope: &Scope) -> bool {
        self.strategy == scope.strategy
            && self.model.map(|model| &**model) == scope.model.as_deref()
            && self.endpoint == scope.endpoint.as_deref()
            && self.tags == scope.tags.as_deref()
            && self.also_tags == scope.also_tags.as_deref()
            && self.tag == scope.tag.as_deref()
    }

    fn to_scope(self) -> Scope {
        Scope {
            strategy: self.strategy,
            model: self.model.cloned(),
            endpoint: self.endpoint.map(Into::into),
            tags: self.tags.map(Into::into),
            also_tags: self.also_tags.map(Into::into),
            tag: self.tag.map(Into::into),
        }
    }
}

fn same_secret(one: &Key, other: &Key) -> bool {
    use secrecy::ExposeSecret;
    one.secret.expose_secret() == other.secret.expose_secret()
}
