//! The walk of a call over targets and tiers, to a key that serves it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::engine::Rotator;
use super::filter::Miss;
use super::lease::Lease;
use super::pick::{Ask, Choice, MOST_LINES};
use super::pool::PoolState;
use super::random::{mix, scale};
use super::request::{Owner, PickError, PickRequest};
use crate::domain::{Blame, KeyId, Moment, PassedOver, ProviderId, Strategy, Target};

/// Wait that is told when it depends on calls in flight.
const BUSY_MS: u64 = 1_000;
/// Step of the sequence that spreads calls over targets: 2^64 divided by the golden ratio, so that any run of calls holds the
/// weights closely.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Rotator {
    /// Picks a key for an attempt.
    pub fn pick(&self, request: &PickRequest<'_>, now: Moment) -> Result<Lease, PickError> {
        if let Some(owner) = &request.owner {
            return self.pick_owner(request, owner, now);
        }
        if let Some(again) = request.again
            && let Some(lease) = self.pick_one_of(request, &[again], &self.names.same_key, now)
        {
            return Ok(lease);
        }
        let untried = |key: &&KeyId| request.tried.iter().all(|tried| tried.key != **key);
        let preferred: Vec<KeyId> = request.preferred.iter().filter(untried).copied().collect();
        if let Some(lease) = self.pick_one_of(request, &preferred, &self.names.script, now) {
            return Ok(lease);
        }
        self.pick_by_strategy(request, now)
    }

    fn pick_by_strategy(&self, request: &PickRequest<'_>, now: Moment) -> Result<Lease, PickError> {
        let pools = self.pools.load();
        let chosen_by = &self.names.strategies[request.strategy as usize];
        let mut missed = Missed::default();
        let targets = request.targets_left();
        let first_choices: &[Choice] =
            if request.tried.is_empty() { &[Choice::Untried] } else { &[Choice::OtherAccount, Choice::Untried] };
        for (choices, again) in [(first_choices, false), (&[Choice::OnceMore], true)] {
            if again && request.tried.is_empty() {
                break;
            }
            for tier in targets.chunk_by(|one, other| one.tier == other.tier) {
                let order = self.order(tier, request);
                for (choice, at) in choices.iter().flat_map(|choice| order.iter().map(move |at| (*choice, *at))) {
                    let Some(pool) = pools.get(&tier[at].provider) else { continue };
                    let ask = Ask { request, target: &tier[at], choice, tag: None, chosen_by };
                    match pool.lock().pick(pool, &ask, now) {
                        Ok(lease) => return Ok(missed.told_by(lease)),
                        Err(miss) => missed.add(tier[at].provider, miss),
                    }
                }
            }
        }
        Err(missed.error(now))
    }

    /// The order in which a tier's targets are asked: one by weight, then the others; those whose provider failed in this call
    /// last.
    pub(super) fn order(&self, tier: &[Target], request: &PickRequest<'_>) -> Cow<'static, [usize]> {
        if let [only] = tier {
            return Cow::Borrowed(if only.weight > 0 { &[0] } else { &[] });
        }
        let failed = |target: &Target| {
            request.tried.iter().any(|tried| tried.provider == target.provider && tried.blame == Blame::Provider)
        };
        let total: u64 = tier.iter().map(|target| u64::from(target.weight)).sum();
        let bits = match request.affinity {
            Some(affinity) if request.strategy == Strategy::Sticky => mix(affinity, GOLDEN),
            _ => self.spread.fetch_add(GOLDEN, Ordering::Relaxed),
        };
        let mut point = scale(bits, total);
        let mut first = 0;
        for (at, target) in tier.iter().enumerate() {
            if point < u64::from(target.weight) {
                first = at;
                break;
            }
            point -= u64::from(target.weight);
        }
        let mut order: Vec<usize> = (first..tier.len()).chain(0..first).filter(|at| tier[*at].weight > 0).collect();
        order.sort_by_key(|at| failed(&tier[*at]));
        order.into()
    }

    /// The first of these keys that can serve, whether it was tried or not.
    fn pick_one_of(&self, request: &PickRequest<'_>, keys: &[KeyId], chosen_by: &Arc<str>, now: Moment) -> Option<Lease> {
        let pools = self.pools.load();
        let targets = || request.targets_left().iter();
        keys.iter().find_map(|key| {
            targets().find_map(|target| {
                let pool = pools.get(&target.provider)?;
                let mut state = pool.lock();
                let place = *state.by_id.get(key)?;
                let ask = Ask { request, target, choice: Choice::Only(place), tag: None, chosen_by };
                state.pick(pool, &ask, now).ok()
            })
        })
    }

    /// A key that owns an object: the one that made it, else another of its account.
    fn pick_owner(&self, request: &PickRequest<'_>, owner: &Owner<'_>, now: Moment) -> Result<Lease, PickError> {
        let pools = self.pools.load();
        let Some(pool) = pools.get(&owner.provider) else { return Err(PickError::OwnerGone) };
        let no_model = Target { provider: owner.provider, model: "".into(), tier: request.min_tier, weight: 1 };
        let target = request.targets.iter().find(|target| target.provider == owner.provider).unwrap_or(&no_model);
        let mut state = pool.lock();
        let mut missed = Missed::default();
        for place in state.owners(owner) {
            if request.tried.iter().any(|tried| state.slot(place).is_some_and(|slot| slot.key.id == tried.key)) {
                missed.total.tried = true;
                continue;
            }
            let ask = Ask { request, target, choice: Choice::Only(place), tag: None, chosen_by: &self.names.owner };
            match state.pick(pool, &ask, now) {
                Ok(lease) => return Ok(lease),
                Err(miss) => missed.add(owner.provider, miss),
            }
        }
        Err(match missed.error(now) {
            PickError::Resting { retry_after_ms } => PickError::OwnerResting { retry_after_ms },
            PickError::NoKey | PickError::ModelUnknown => PickError::OwnerGone,
            other => other,
        })
    }
}

impl PoolState {
    /// Places of the keys that own an object: the one that made it first.
    fn owners(&self, owner: &Owner<'_>) -> Vec<u32> {
        let maker = owner.key.and_then(|key| self.by_id.get(&key).copied());
        let account = owner.account.and_then(|name| self.accounts.find(name));
        let peers = account.map(|number| self.accounts.get(number).members.as_slice()).unwrap_or_default();
        maker.into_iter().chain(peers.iter().copied().filter(|place| Some(*place) != maker)).take(64).collect()
    }
}

/// What all the pools that were asked missed.
#[derive(Default)]
struct Missed {
    total: Miss,
    breaker: Option<ProviderId>,
    /// What each of them passed over.
    lines: Vec<(ProviderId, Vec<PassedOver>)>,
}

impl Missed {
    fn add(&mut self, provider: ProviderId, mut miss: Miss) {
        if miss.breaker_ms.is_some() {
            self.breaker = Some(provider);
        }
        let lines = std::mem::take(&mut miss.lines);
        self.lines.retain(|(known, _)| *known != provider);
        self.lines.push((provider, lines));
        self.total.add(miss);
    }

    /// Adds to a lease's reasons what other providers' pools passed over.
    fn told_by(self, mut lease: Lease) -> Lease {
        for (provider, lines) in self.lines {
            if provider != lease.provider.id {
                lease.why.passed_over.extend(lines);
            }
        }
        lease.why.passed_over.truncate(MOST_LINES);
        lease
    }

    fn error(self, now: Moment) -> PickError {
        let Missed { total, breaker, .. } = self;
        let wait = |at: u64| at.saturating_sub(now.mono_ms).max(1);
        if total.tried {
            return PickError::AllTried;
        }
        if total.model_unknown && !total.other_reason && total.too_large.is_none() && total.breaker_ms.is_none() {
            return PickError::ModelUnknown;
        }
        match (total.back_ms, total.breaker_ms, breaker) {
            (None, Some(at), Some(provider)) => return PickError::BreakerOpen { provider, retry_after_ms: wait(at) },
            (Some(back), at, _) => {
                return PickError::Resting { retry_after_ms: wait(at.map_or(back, |at| at.min(back))) };
            }
            _ => {}
        }
        if total.busy {
            return PickError::Resting { retry_after_ms: BUSY_MS };
        }
        match total.too_large {
            Some(limit) => PickError::TooLarge { limit },
            None => PickError::NoKey,
        }
    }
}
