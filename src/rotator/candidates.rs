//! The keys that could serve an attempt, as scripts see them: a window into the pools, not a copy.

use std::sync::Arc;

use super::engine::Rotator;
use super::filter::{Filter, Miss};
use super::pick::{Ask, Choice};
use super::pool::{Pool, PoolState};
use super::request::{PickRequest, Tried};
use super::status::KeyView;
use crate::domain::{KeyId, Moment, Nanodollars, Strategy, Target};

/// The ready keys of the first tier that has any, without those that the call has tried.
///
/// Other calls go on meanwhile, so a key that was at a place may have moved: a place is good for one look.
#[derive(Clone, Debug)]
pub struct Candidates {
    parts: Arc<[(Arc<Pool>, Target)]>,
    wish: Arc<Wish>,
    tag: Option<Arc<str>>,
    now: Moment,
}

/// A request, owned.
#[derive(Debug)]
struct Wish {
    strategy: Strategy,
    key_tags: Option<Vec<String>>,
    also_tags: Option<Vec<String>>,
    endpoint: &'static str,
    estimated_tokens: u64,
    estimated_cost: Option<Nanodollars>,
    affinity: Option<u64>,
    tried: Vec<Tried>,
    nobody: Arc<str>,
}

impl Rotator {
    /// The keys that could serve an attempt. [`PickRequest::preferred`] takes what was chosen among them.
    pub fn candidates(&self, request: &PickRequest<'_>, now: Moment) -> Candidates {
        let pools = self.pools.load();
        let wish = Arc::new(Wish {
            strategy: request.strategy,
            key_tags: request.key_tags.map(<[String]>::to_vec),
            also_tags: request.also_tags.map(<[String]>::to_vec),
            endpoint: request.endpoint,
            estimated_tokens: request.estimated_tokens,
            estimated_cost: request.estimated_cost,
            affinity: request.affinity,
            tried: request.tried.to_vec(),
            nobody: "".into(),
        });
        let mut candidates = Candidates { parts: Arc::new([]), wish, tag: None, now };
        let targets = request.targets_left();
        for tier in targets.chunk_by(|one, other| one.tier == other.tier) {
            let order = self.order(tier, request);
            let parts = order
                .iter()
                .map(|at| &tier[*at])
                .filter_map(|target| Some((pools.get(&target.provider)?.clone(), target.clone())));
            candidates.parts = parts.filter(|(pool, _)| !pool.lock().is_closed(now)).collect();
            if !candidates.is_empty() {
                break;
            }
        }
        candidates
    }
}

impl Candidates {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        let len = |part| self.at_part(part, |pool, view, _| pool.untried(view, &self.wish.tried).0).unwrap_or(0);
        self.parts.iter().map(len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key at a place, from 0 to [`Candidates::len`].
    pub fn get(&self, mut index: usize) -> Option<KeyView> {
        for part in self.parts.iter() {
            let (len, facts) = self
                .at_part(part, |pool, view, now| {
                    let (len, tried) = pool.untried(view, &self.wish.tried);
                    let place = (index < len).then(|| pool.untried_at(view, index, len, &tried)).flatten();
                    (len, place.and_then(|place| pool.view(place, now)))
                })
                .unwrap_or((0, None));
            if index < len {
                return facts;
            }
            index -= len;
        }
        None
    }

    /// Whether a key is among them.
    pub fn contains(&self, key: KeyId) -> bool {
        let is_ready = |part| {
            self.at_part(part, |pool, view, _| pool.by_id.get(&key).is_some_and(|place| pool.views[view].is_ready(*place)))
        };
        self.wish.tried.iter().all(|tried| tried.key != key) && self.parts.iter().any(|part| is_ready(part) == Some(true))
    }

    /// The tag that [`Candidates::with_tag`] asked for.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The built-in strategy.
    pub fn strategy(&self) -> Strategy {
        self.wish.strategy
    }

    /// Hash of the client or prompt prefix, for [`Strategy::Sticky`].
    pub fn affinity(&self) -> u64 {
        self.wish.affinity.unwrap_or(0)
    }

    /// A random number below `bound`; 0 for a bound of 0.
    pub fn draw(&self, bound: u64) -> u64 {
        self.parts.first().map_or(0, |(pool, _)| pool.lock().random.below(bound))
    }

    /// Those that also have a tag. It takes the place of one that was asked for before.
    pub fn with_tag(&self, tag: &str) -> Self {
        Candidates { tag: Some(tag.into()), ..self.clone() }
    }

    /// The key that the built-in strategy takes. It counts as its turn.
    pub fn next(&self) -> Option<KeyView> {
        self.choose(self.wish.strategy)
    }

    /// The key with the fewest calls in flight for its weight.
    pub fn least_in_flight(&self) -> Option<KeyView> {
        self.choose(Strategy::LeastInFlight)
    }

    /// The faster of two random keys.
    pub fn fastest(&self) -> Option<KeyView> {
        self.choose(Strategy::Fastest)
    }

    fn choose(&self, strategy: Strategy) -> Option<KeyView> {
        self.parts.iter().find_map(|(pool, target)| {
            let request = self.request(target, strategy);
            let ask = self.ask(&request, target);
            let mut pool = pool.lock();
            let now = pool.tell_time(self.now);
            let view = pool.view_for(&ask, now)?;
            let PoolState { slots, views, accounts, random, in_flight, .. } = &mut *pool;
            let mut filter = Filter { ask: &ask, slots, accounts, now, miss: Miss::default() };
            let place = views[view].choose(&mut filter, random, self.wish.affinity, *in_flight)?;
            pool.view(place, now)
        })
    }

    fn at_part<T>(
        &self,
        (pool, target): &(Arc<Pool>, Target),
        look: impl FnOnce(&mut PoolState, usize, Moment) -> T,
    ) -> Option<T> {
        let request = self.request(target, self.wish.strategy);
        let mut pool = pool.lock();
        let now = pool.tell_time(self.now);
        let view = pool.view_for(&self.ask(&request, target), now)?;
        pool.run_timers(view, now);
        Some(look(&mut pool, view, now))
    }

    fn request<'a>(&'a self, target: &'a Target, strategy: Strategy) -> PickRequest<'a> {
        let wish = &*self.wish;
        PickRequest {
            key_tags: wish.key_tags.as_deref(),
            also_tags: wish.also_tags.as_deref(),
            endpoint: wish.endpoint,
            estimated_tokens: wish.estimated_tokens,
            estimated_cost: wish.estimated_cost,
            affinity: wish.affinity,
            tried: &wish.tried,
            ..PickRequest::new(std::slice::from_ref(target), strategy)
        }
    }

    fn ask<'a>(&'a self, request: &'a PickRequest<'a>, target: &'a Target) -> Ask<'a> {
        Ask { request, target, choice: Choice::Untried, tag: self.tag.as_deref(), chosen_by: &self.wish.nobody }
    }
}

impl PoolState {
    /// Whether the breaker lets nothing through now.
    fn is_closed(&self, now: Moment) -> bool {
        self.breaker.open().is_some_and(|open| now.mono_ms < open.next_try_ms)
    }

    /// How many ready keys of a view were not tried, and the places of those that were.
    fn untried(&self, view: usize, tried: &[Tried]) -> (usize, Vec<u32>) {
        let view = &self.views[view];
        let places = tried.iter().filter_map(|tried| self.by_id.get(&tried.key).copied());
        let mut places: Vec<u32> = places.filter(|place| view.is_ready(*place)).collect();
        places.sort_unstable();
        places.dedup();
        (view.ready().len() - places.len(), places)
    }

    /// The untried key at an index below `len`: tried ones give way to those that stand behind `len`.
    fn untried_at(&self, view: usize, index: usize, len: usize, tried: &[u32]) -> Option<u32> {
        let ready = self.views[view].ready();
        let is_tried = |place: &u32| tried.contains(place);
        if !is_tried(&ready[index]) {
            return Some(ready[index]);
        }
        let before = ready[..index].iter().filter(|place| is_tried(place)).count();
        ready[len..].iter().filter(|place| !is_tried(place)).nth(before).copied()
    }
}
