//! One key in its pool: what is counted for it and what keeps it from serving.

use std::sync::Arc;

use super::account::Accounts;
use super::latency::Latency;
use super::learned::Learned;
use super::lease::Lease;
use super::reason::{Block, Reason};
use super::tally::Tally;
use crate::domain::{Class, Cost, Key, Moment, SlidingWindow, utc_day, utc_day_start, utc_month, utc_month_start};

/// A call that tries a key after its rest has this long to say no before another call is let through. A provider that still
/// refuses does so at once; an answer that takes longer has been accepted.
pub(super) const TRIAL_MS: u64 = 2_000;

/// Most models for which something is remembered of one key.
const MOST_MODELS: usize = 32;

/// One key in its pool. What every pick touches comes first and fits a cache line: in a large pool, where most of it is out of
/// the cache, a line is what a pick costs. The rest is behind it and behind `state`.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Slot {
    pub(super) key: Arc<Key>,
    /// Tells a lease of this key from one of a former key in the same place.
    pub(super) serial: u32,
    pub(super) in_flight: u32,
    pub(super) requests: Tally,
    pub(super) tokens: Tally,
    pub(super) latency: Latency,
    /// Wall-clock time of the last pick; 0 is never.
    pub(super) last_used_ms: i64,
    /// Whether anything limits the key, so that a pick must look behind `state`.
    pub(super) watched: bool,
    pub(super) failures: u32,
    pub(super) state: Box<State>,
    /// The key's name, shared with records.
    pub(super) name: Arc<str>,
    /// Wall-clock time of the last success; 0 is never.
    pub(super) last_success_ms: i64,
    /// Monotonic time of the timer that was set last; 0 is none.
    pub(super) timer_ms: u64,
}

/// What is remembered of a key beyond counters.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) disabled: Option<Disabled>,
    pub(super) rest: Option<Rest>,
    /// Repetitions of the growing rest, until a success.
    pub(super) backoff: u32,
    /// Monotonic time at which an operator or a probe last said that the key is good.
    pub(super) vouched_ms: u64,
    pub(super) models: Vec<ModelState>,
    /// Endpoints that the key lacks rights for.
    pub(super) endpoints: Vec<(Arc<str>, Rest)>,
    /// Its account's place in the pool's list.
    pub(super) account: Option<u32>,
    /// The account's name as the provider told it.
    pub(super) learned_account: Option<Arc<str>>,
    pub(super) request_window: SlidingWindow,
    pub(super) token_window: SlidingWindow,
    /// The UTC day that `day_requests` counts.
    pub(super) day: i64,
    pub(super) day_requests: u64,
    /// The UTC month that `spent` sums.
    pub(super) month: i64,
    /// Nano-dollars spent this month.
    pub(super) spent: i64,
    /// Nano-dollars that calls in flight are expected to cost.
    pub(super) reserved: i64,
}

/// A key that is switched off.
#[derive(Clone, Debug)]
pub(super) struct Disabled {
    pub(super) by_operator: bool,
    pub(super) reason: Arc<str>,
    pub(super) since: Moment,
    /// Monotonic time at which it ends by itself.
    pub(super) until_ms: Option<u64>,
    /// Monotonic time of the next probe.
    pub(super) probe_at_ms: Option<u64>,
}

/// A rest of a key, of a key for one model, or of an account.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    pub(super) since: Moment,
    /// Monotonic time of its end.
    pub(super) until_ms: u64,
    /// Until when one call is trying the key again; 0 when none is.
    pub(super) trial_until_ms: u64,
    pub(super) class: Class,
    /// The rule that sent it to rest.
    pub(super) rule: Arc<str>,
    /// Where the length comes from.
    pub(super) wait_source: Option<Arc<str>>,
}

impl Rest {
    /// What this rest blocks at `now_ms`; `resting` is the word for it.
    pub(super) fn block(&self, resting: Reason, now_ms: u64) -> Option<Block> {
        if now_ms < self.until_ms {
            Some(Block::new(resting, Some(self.until_ms)))
        } else if now_ms < self.trial_until_ms {
            Some(Block::new(Reason::Trial, Some(self.trial_until_ms)))
        } else {
            None
        }
    }
}

/// What is remembered of a key for one model.
#[derive(Clone, Debug)]
pub(super) struct ModelState {
    pub(super) model: Arc<str>,
    pub(super) rest: Option<Rest>,
    /// Largest call in tokens that the key takes for the model.
    pub(super) size_limit: Option<u64>,
    pub(super) learned: Learned,
}

impl ModelState {
    fn new(model: Arc<str>) -> Self {
        ModelState { model, rest: None, size_limit: None, learned: Learned::default() }
    }

    /// What keeps the key from serving the model.
    pub(super) fn block(&self, now_ms: u64) -> Option<Block> {
        if let Some(rest) = &self.rest {
            let word = if rest.class == Class::ModelNotFound { Reason::ModelUnknown } else { Reason::Model };
            if let Some(block) = rest.block(word, now_ms) {
                return Some(block);
            }
        }
        self.learned.exhausted_until(now_ms).map(|until| Block::new(Reason::Limit, Some(until)))
    }

    fn is_idle(&self, now_ms: u64) -> bool {
        self.rest.is_none() && self.size_limit.is_none() && self.learned.is_stale(now_ms)
    }
}

impl Slot {
    pub(super) fn new(key: Arc<Key>, serial: u32) -> Self {
        let mut slot = Slot {
            name: key.name.as_str().into(),
            key,
            serial,
            in_flight: 0,
            watched: false,
            failures: 0,
            latency: Latency::default(),
            requests: Tally::default(),
            tokens: Tally::default(),
            last_used_ms: 0,
            last_success_ms: 0,
            timer_ms: 0,
            state: Box::default(),
        };
        slot.watch();
        slot
    }

    /// Recomputes whether a pick must look behind `state`.
    pub(super) fn watch(&mut self) {
        let limits = &self.key.limits;
        let limited = limits.rpm.is_some()
            || limits.tpm.is_some()
            || limits.rpd.is_some()
            || limits.concurrency.is_some()
            || limits.budget_month.is_some();
        let state = &self.state;
        self.watched = limited
            || state.disabled.is_some()
            || state.rest.is_some()
            || state.account.is_some()
            || !state.models.is_empty()
            || !state.endpoints.is_empty();
    }

    /// What keeps the whole key from serving.
    pub(super) fn block(&mut self, accounts: &Accounts, now: Moment) -> Option<Block> {
        if !self.watched {
            return None;
        }
        if let Some(disabled) = &self.state.disabled
            && disabled.until_ms.is_none_or(|until| now.mono_ms < until)
        {
            return Some(Block::new(Reason::Disabled, disabled.until_ms));
        }
        let own = self.state.rest.as_ref().and_then(|rest| rest.block(Reason::Cooling, now.mono_ms));
        let account = self.state.account.and_then(|account| accounts.rest(account));
        let account = account.and_then(|rest| rest.block(Reason::Account, now.mono_ms));
        Block::later(own, account).or_else(|| self.limit_block(now))
    }

    fn limit_block(&mut self, now: Moment) -> Option<Block> {
        let (limits, state) = (&self.key.limits, &mut *self.state);
        if limits.concurrency.is_some_and(|most| u64::from(self.in_flight) >= most) {
            let never = limits.concurrency == Some(0);
            return Some(Block::new(if never { Reason::Limit } else { Reason::Busy }, None));
        }
        for (limit, window) in [(limits.rpm, &mut state.request_window), (limits.tpm, &mut state.token_window)] {
            if let Some(limit) = limit {
                match window.fits_at(1, limit, now.mono_ms) {
                    Some(at) if at <= now.mono_ms => {}
                    later => return Some(Block::new(Reason::Limit, later)),
                }
            }
        }
        state.turn_calendar(now);
        if limits.rpd.is_some_and(|limit| state.day_requests >= limit) {
            let until = limits.rpd.filter(|limit| *limit > 0).map(|_| now.mono_at(utc_day_start(state.day + 1)));
            return Some(Block::new(Reason::Limit, until));
        }
        if limits.budget_month.is_some_and(|budget| state.spent >= budget.0) {
            let until =
                limits.budget_month.filter(|budget| budget.0 > 0).map(|_| now.mono_at(utc_month_start(state.month + 1)));
            return Some(Block::new(Reason::Limit, until));
        }
        if limits.budget_month.is_some_and(|budget| state.spent + state.reserved >= budget.0) {
            return Some(Block::new(Reason::Busy, None));
        }
        None
    }

    /// What keeps the key from serving this model at this endpoint, beyond what blocks the whole key.
    pub(super) fn scope_block(
        &self,
        model: Option<&str>,
        endpoint: Option<&str>,
        accounts: &Accounts,
        now_ms: u64,
    ) -> Option<Block> {
        if !self.watched {
            return None;
        }
        if let Some(endpoint) = endpoint
            && let Some((_, rest)) = self.state.endpoints.iter().find(|(blocked, _)| **blocked == *endpoint)
            && let Some(block) = rest.block(Reason::Endpoint, now_ms)
        {
            return Some(block);
        }
        let model = model?;
        let own = self.model(model).and_then(|state| state.block(now_ms));
        let account = self.state.account.and_then(|account| accounts.model_rest(account, model));
        Block::later(own, account.and_then(|rest| rest.block(Reason::Account, now_ms)))
    }

    /// What is remembered for a model.
    pub(super) fn model(&self, model: &str) -> Option<&ModelState> {
        self.state.models.iter().find(|state| *state.model == *model)
    }

    /// What is remembered for a model, made when it is missing. The second value tells whether it was made, the third
    /// names a model that had to be forgotten for it.
    pub(super) fn model_mut(&mut self, model: &Arc<str>, now_ms: u64) -> (&mut ModelState, bool, Option<Arc<str>>) {
        let models = &mut self.state.models;
        if let Some(at) = models.iter().position(|state| *state.model == **model) {
            return (&mut models[at], false, None);
        }
        let mut forgotten = None;
        if models.len() >= MOST_MODELS {
            let idle = models.iter().position(|state| state.is_idle(now_ms)).unwrap_or(0);
            forgotten = Some(models.swap_remove(idle).model);
        }
        models.push(ModelState::new(model.clone()));
        self.watched = true;
        let last = models.len() - 1;
        (&mut models[last], true, forgotten)
    }
}

impl State {
    /// Adds to the month what is known to have been spent.
    pub(super) fn spend(&mut self, cost: Cost) {
        self.spent = self.spent.saturating_add(cost.known().map_or(0, |cost| cost.0));
    }

    /// An attempt's estimate is no longer expected, and its request is counted, where the pick has not done so.
    pub(super) fn end_attempt(&mut self, lease: &Lease) {
        self.reserved -= lease.estimated_cost;
        self.day_requests += u64::from(!lease.counted);
    }

    /// Begins a new day's and month's count when they have come.
    pub(super) fn turn_calendar(&mut self, now: Moment) {
        let day = utc_day(now.unix_ms);
        if day > self.day {
            (self.day, self.day_requests) = (day, 0);
            let month = utc_month(now.unix_ms);
            if month > self.month {
                (self.month, self.spent) = (month, 0);
            }
        }
    }
}
