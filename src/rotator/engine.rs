//! The rotator itself: every provider's pool, and everything that is asked of it but a pick.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::ArcSwap;
use foldhash::{HashMap, HashMapExt};
use parking_lot::Mutex;

use super::budget::RetryBudget;
use super::learned::LearnedLimits;
use super::lease::Lease;
use super::mask::holds_secret;
use super::operate::ProbeResult;
use super::outcome::Report;
use super::pool::{Pool, PoolState};
use super::random::mix;
use super::saved::SavedKeyState;
use super::status::{KeyState, KeyStatus, ProviderStatus};
use crate::domain::{Cost, Key, KeyEvent, KeyId, Moment, Provider, ProviderId, Settings, Snapshot, Strategy, Verdict};

/// Keys that are gone through under one lock, where all of them are gone through.
const KEYS_AT_ONCE: usize = 512;

/// Chooses keys, and remembers what became of them.
#[derive(Debug)]
pub struct Rotator {
    seed: u64,
    pub(super) pools: ArcSwap<HashMap<ProviderId, Arc<Pool>>>,
    budget: Mutex<RetryBudget>,
    /// Where the sequence stands that spreads calls over the targets of a tier.
    pub(super) spread: AtomicU64,
    /// Saved states of keys that no snapshot has named yet.
    unclaimed: Mutex<HashMap<KeyId, SavedKeyState>>,
    pub(super) names: Names,
}

/// The words for who chose a key, shared by all records.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) strategies: [Arc<str>; 6],
    pub(super) script: Arc<str>,
    pub(super) owner: Arc<str>,
    pub(super) same_key: Arc<str>,
}

impl Rotator {
    /// A rotator without keys. The seed decides every random choice.
    pub fn new(seed: u64) -> Arc<Self> {
        let defaults = Settings::default();
        let names = Names {
            strategies: Strategy::ALL.map(|strategy| strategy.as_str().into()),
            script: "script".into(),
            owner: "owner".into(),
            same_key: "same_key".into(),
        };
        Arc::new(Rotator {
            seed,
            pools: ArcSwap::default(),
            budget: Mutex::new(RetryBudget::new(defaults.retry_share, defaults.retry_burst)),
            spread: AtomicU64::new(seed),
            unclaimed: Mutex::default(),
            names,
        })
    }

    /// Takes over a snapshot: adds, updates and removes providers and keys. What is remembered of keys that stay, stays; a key
    /// whose secret changed starts anew.
    pub fn apply(&self, snapshot: &Snapshot, now: Moment) {
        self.budget.lock().configure(snapshot.settings.retry_share, snapshot.settings.retry_burst);
        let mut keys: HashMap<ProviderId, Vec<&Arc<Key>>> = HashMap::new();
        for key in snapshot.keys() {
            keys.entry(key.provider).or_default().push(key);
        }
        let old = self.pools.load();
        let mut pools = HashMap::new();
        for provider in snapshot.providers() {
            let seed = mix(self.seed, provider.id.0 as u64);
            let pool = old.get(&provider.id).cloned().unwrap_or_else(|| Arc::new(Pool::new(provider.clone(), seed)));
            let mut of_provider = keys.remove(&provider.id).unwrap_or_default();
            of_provider.sort_unstable_by_key(|key| key.id);
            self.apply_keys(&pool, provider, &of_provider, now);
            pools.insert(provider.id, pool);
        }
        self.pools.store(Arc::new(pools));
    }

    /// Takes over a provider's keys, some at a time, so that calls go on between.
    fn apply_keys(&self, pool: &Pool, provider: &Arc<Provider>, keys: &[&Arc<Key>], now: Moment) {
        pool.lock().set_provider(provider, now);
        for some in keys.chunks(KEYS_AT_ONCE) {
            let mut unclaimed = self.unclaimed.lock();
            let mut pool = pool.lock();
            let now = pool.tell_time(now);
            for key in some {
                let saved = if unclaimed.is_empty() { None } else { unclaimed.remove(&key.id) };
                pool.put(key, saved.as_ref(), now);
            }
        }
        if pool.lock().by_id.len() > keys.len() {
            let wanted: HashSet<KeyId> = keys.iter().map(|key| key.id).collect();
            pool.lock().retain(|id| wanted.contains(&id));
        }
    }

    /// Brings back states that were saved; those of keys that are not known yet wait for the snapshot that names them.
    pub fn restore(&self, states: Vec<SavedKeyState>, now: Moment) {
        let mut waiting: HashMap<KeyId, SavedKeyState> = states.into_iter().map(|state| (state.key, state)).collect();
        for pool in self.pools.load().values() {
            let mut pool = pool.lock();
            let now = pool.tell_time(now);
            let known: Vec<(KeyId, u32)> = pool.by_id.iter().map(|(id, place)| (*id, *place)).collect();
            for (id, place) in known {
                if let Some(saved) = waiting.remove(&id) {
                    pool.restore(place, &saved, now);
                    pool.refresh(place, now);
                }
            }
        }
        self.unclaimed.lock().extend(waiting);
    }

    /// The states of all keys about which there is something to remember.
    pub fn saved_states(&self, now: Moment) -> Vec<SavedKeyState> {
        let mut states = Vec::new();
        for pool in self.pools.load().values() {
            let places = pool.lock().slots.len();
            for from in (0..places).step_by(KEYS_AT_ONCE) {
                let pool = pool.lock();
                let some = pool.slots.iter().skip(from).take(KEYS_AT_ONCE).flatten();
                states.extend(some.filter_map(|slot| SavedKeyState::of(slot, &pool.accounts, now)));
            }
        }
        states
    }

    /// State changes since the last call, oldest first within a provider.
    pub fn take_events(&self) -> Vec<KeyEvent> {
        let pools = self.pools.load();
        pools.values().flat_map(|pool| std::mem::take(&mut pool.lock().events)).collect()
    }

    /// Counts a call for the retry budget.
    pub fn count_call(&self, _now: Moment) {
        self.budget.lock().count_call();
    }

    /// Takes one retry from the budget, when one is left.
    pub fn may_retry(&self, now: Moment) -> bool {
        self.budget.lock().take(now.mono_ms)
    }

    /// The provider began to answer well: the head of a plain answer, or a stream's first content, came `first_byte_ms` after
    /// the attempt began. Optional: [`Rotator::succeeded`] says the same at the end.
    pub fn answered(&self, lease: &Lease, first_byte_ms: u64, limits: &LearnedLimits, now: Moment) {
        lease.pool.lock().answered(lease, first_byte_ms, limits, now);
    }

    /// An attempt ended with a whole answer.
    pub fn succeeded(&self, lease: &Lease, report: &Report, now: Moment) {
        let mut pool = lease.pool.lock();
        pool.answered(lease, report.first_byte_ms, &report.limits, now);
        pool.settle(lease, report.tokens, report.cost, now);
        pool.completed(now);
    }

    /// An answer broke off once content was sent.
    pub fn interrupted(&self, lease: &Lease, verdict: &Verdict, report: &Report, now: Moment) {
        lease.pool.lock().interrupted(lease, verdict, report, now);
    }

    /// An attempt failed.
    pub fn failed(&self, lease: &Lease, verdict: &Verdict, now: Moment) {
        lease.pool.lock().failed(lease, verdict, now);
    }

    /// An answer was given up by the client, or by Keywheel itself: nobody is to blame. Estimates stand where the report does
    /// not know better.
    pub fn given_up(&self, lease: &Lease, report: &Report, now: Moment) {
        lease.pool.lock().settle(lease, report.tokens, report.cost, now);
    }

    /// The provider named the account of a key (`openai-organization`): it rests together with the account's other keys.
    /// A name that holds the key's secret is none.
    pub fn learn_account(&self, lease: &Lease, account: &str) {
        if !holds_secret(account, lease.key()) {
            lease.pool.lock().learn_account(lease, account);
        }
    }

    /// Enables a key: it is no longer disabled and no longer rests. `false`: no such key.
    pub fn enable(&self, key: KeyId, reason: &str, now: Moment) -> bool {
        self.with_key(key, |pool, place| pool.enable(place, reason, now)).is_some()
    }

    /// Disables a key by hand, until these UTC unix milliseconds or for good. `false`: no such key.
    pub fn disable(&self, key: KeyId, until_ms: Option<i64>, reason: &str, now: Moment) -> bool {
        self.with_key(key, |pool, place| pool.disable_manual(place, until_ms, reason, now)).is_some()
    }

    /// Adds to a key's month what became known after a call's end (an answer fetched later). `false`: no such key.
    pub fn spent_late(&self, key: KeyId, cost: Cost, now: Moment) -> bool {
        self.with_key(key, |pool, place| pool.spent_late(place, cost, now)).is_some()
    }

    /// Forgets every verdict about a key; what an operator decided and what was used stays. `false`: no such key.
    pub fn reset(&self, key: KeyId, now: Moment) -> bool {
        self.with_key(key, |pool, place| pool.forget_verdicts(place, "reset", now)).is_some()
    }

    /// Automatically disabled keys whose probe is due; each is handed out once per interval.
    pub fn due_probes(&self, now: Moment) -> Vec<KeyId> {
        self.pools.load().values().flat_map(|pool| pool.lock().due_probes(now)).collect()
    }

    /// Takes a probe's result. `started` is when the probe began: what changed since then stands.
    pub fn probe_result(&self, key: KeyId, result: &ProbeResult, started: Moment, now: Moment) {
        self.with_key(key, |pool, place| pool.probed(place, result, started, now));
    }

    /// What state a key is in.
    pub fn state(&self, key: KeyId, now: Moment) -> Option<KeyState> {
        self.with_key(key, |pool, place| pool.state(place, now)).flatten()
    }

    /// Everything about a key's state.
    pub fn status(&self, key: KeyId, now: Moment) -> Option<KeyStatus> {
        self.with_key(key, |pool, place| pool.status(place, now)).flatten()
    }

    /// The states of these keys, without those that are not known.
    pub fn statuses(&self, keys: &[KeyId], now: Moment) -> Vec<KeyStatus> {
        keys.iter().filter_map(|key| self.status(*key, now)).collect()
    }

    /// The state of a provider.
    pub fn provider_status(&self, provider: ProviderId, now: Moment) -> Option<ProviderStatus> {
        Some(self.pools.load().get(&provider)?.lock().provider_status(now))
    }

    /// Keys of a provider that a verdict switched off, and why.
    pub fn switched_off(&self, provider: ProviderId) -> Vec<(KeyId, Arc<str>)> {
        self.pools.load().get(&provider).map(|pool| pool.lock().switched_off()).unwrap_or_default()
    }

    fn with_key<T>(&self, key: KeyId, act: impl FnOnce(&mut PoolState, u32) -> T) -> Option<T> {
        for pool in self.pools.load().values() {
            let mut pool = pool.lock();
            if let Some(place) = pool.by_id.get(&key).copied() {
                return Some(act(&mut pool, place));
            }
        }
        None
    }
}
