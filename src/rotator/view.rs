//! A view: the keys that one kind of call may use, split into ready and blocked, in the order of one strategy.
//!
//! A view is built once and kept up to date key by key, so that a pick never scans the pool.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::filter::Filter;
use super::list::Dense;
use super::order::{Circumstances, Order};
use super::random::Random;
use super::reason::{Block, Reason};
use super::slot::Slot;
use crate::domain::{Key, Strategy};

/// Which calls a view serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) strategy: Strategy,
    /// The model, when keys differ by it; `None` serves every model.
    pub(super) model: Option<Arc<str>>,
    /// The endpoint, when keys differ by it.
    pub(super) endpoint: Option<Arc<str>>,
    /// Tags of which a key must have one.
    pub(super) tags: Option<Box<[String]>>,
    /// Tags of which a key must have one too.
    pub(super) also_tags: Option<Box<[String]>>,
    /// A tag that a key must have besides.
    pub(super) tag: Option<Box<str>>,
}

impl Scope {
    /// Whether the key may serve such calls, whatever its state.
    pub(super) fn admits(&self, key: &Key) -> bool {
        key.weight > 0
            && [&self.tags, &self.also_tags].into_iter().flatten().all(|tags| key.tags.iter().any(|tag| tags.contains(tag)))
            && self.tag.as_ref().is_none_or(|tag| key.tags.iter().any(|own| **own == **tag))
            && self.model.as_ref().is_none_or(|model| key.serves(model))
    }
}

/// Where a key stands in a view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is no member.
    #[default]
    Absent,
    /// It can serve.
    Ready,
    /// It cannot serve now.
    Blocked(Block),
}

/// The keys that one kind of call may use.
#[derive(Debug)]
pub(super) struct View {
    pub(super) scope: Scope,
    standings: Vec<Standing>,
    ready: Dense,
    blocked: Dense,
    blocked_for: [u32; Reason::ALL.len()],
    /// Blocked keys by the time at which they come back.
    waiting: BTreeSet<(u64, u32)>,
    order: Order,
    /// Number of the last pick that used it.
    pub(super) last_use: u64,
}

impl View {
    pub(super) fn new(scope: Scope) -> Self {
        let order = Order::new(scope.strategy);
        View {
            scope,
            standings: Vec::new(),
            ready: Dense::default(),
            blocked: Dense::default(),
            blocked_for: Default::default(),
            waiting: BTreeSet::new(),
            order,
            last_use: 0,
        }
    }

    /// Where a key stands.
    pub(super) fn standing(&self, place: u32) -> Standing {
        self.standings.get(place as usize).copied().unwrap_or_default()
    }

    /// Keys that can serve.
    pub(super) fn ready(&self) -> &[u32] {
        self.ready.items()
    }

    /// Keys that cannot serve now.
    pub(super) fn blocked(&self) -> &[u32] {
        self.blocked.items()
    }

    /// How many keys are blocked for a reason.
    pub(super) fn blocked_for(&self, reason: Reason) -> u32 {
        self.blocked_for[reason as usize]
    }

    /// How many keys may serve such calls at all.
    pub(super) fn members(&self) -> usize {
        self.ready.len() + self.blocked.len()
    }

    /// Monotonic time at which the first blocked key comes back by itself.
    pub(super) fn first_back_ms(&self) -> Option<u64> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// Whether the key at a place can serve.
    pub(super) fn is_ready(&self, place: u32) -> bool {
        self.standing(place) == Standing::Ready
    }

    /// The key that takes a call, by the view's strategy.
    pub(super) fn choose(
        &mut self,
        filter: &mut Filter<'_>,
        random: &mut Random,
        affinity: Option<u64>,
        in_flight: u64,
    ) -> Option<u32> {
        self.order.choose(filter, Circumstances { random, affinity, in_flight, ready: self.ready.items() })
    }

    /// A key has another number of calls in flight.
    pub(super) fn load_changed(&mut self, place: u32, slot: &Slot) {
        if self.order.minds_load() && self.is_ready(place) {
            self.order.load_changed(place, slot);
        }
    }

    /// Moves a key to where it stands now.
    pub(super) fn set(&mut self, place: u32, slot: &Slot, standing: Standing) {
        if self.standings.len() <= place as usize {
            self.standings.resize(place as usize + 1, Standing::Absent);
        }
        let before = std::mem::replace(&mut self.standings[place as usize], standing);
        if before == standing {
            return;
        }
        match before {
            Standing::Absent => {}
            Standing::Ready => {
                self.ready.remove(place);
                self.order.remove(place);
            }
            Standing::Blocked(block) => {
                self.blocked.remove(place);
                self.blocked_for[block.reason as usize] -= 1;
                block.until_ms.map(|at| self.waiting.remove(&(at, place)));
            }
        }
        match standing {
            Standing::Absent => {}
            Standing::Ready => {
                self.ready.insert(place);
                self.order.insert(place, slot);
            }
            Standing::Blocked(block) => {
                self.blocked.insert(place);
                self.blocked_for[block.reason as usize] += 1;
                block.until_ms.map(|at| self.waiting.insert((at, place)));
            }
        }
    }
}
