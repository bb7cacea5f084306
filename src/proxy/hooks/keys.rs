//! `select_key`: the rotator's candidates as scripts see them.

use std::sync::Arc;

use crate::domain::{KeyId, Moment, Strategy};
use crate::proxy::call::Call;
use crate::rotator::{self, KeyView, PickRequest};
use crate::script::{Candidate, Candidates, Hook, KeyAnswer, tagged};

/// Asks the scripts which keys an attempt should use. `None`: the strategy decides.
pub(in crate::proxy) fn select_key(call: &Call, pick: &PickRequest<'_>, attempt: u32, now: Moment) -> Option<KeyAnswer> {
    let (set, request) = call.hook(Hook::SelectKey)?;
    // Only its owner can serve an object, and the same key once more was decided already.
    if pick.owner.is_some() || pick.again.is_some() {
        return None;
    }
    set.select_key(request, candidates(call.deps.rotator.candidates(pick, now)), attempt)
}

/// The rotator's candidates for one attempt, as `select_key` gets them: the view answers from the rotator's own indexes.
pub fn candidates(view: rotator::Candidates) -> Arc<dyn Candidates> {
    Arc::new(Pool(view))
}

/// A key as scripts see it.
pub(super) fn candidate(view: KeyView) -> Candidate {
    Candidate { provider: view.provider.name.as_str().into(), facts: view.facts, key: view.key }
}

struct Pool(rotator::Candidates);

impl Candidates for Pool {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, position: usize) -> Option<Candidate> {
        self.0.get(position).map(candidate)
    }

    fn contains(&self, key: KeyId) -> bool {
        self.0.contains(key)
    }

    fn with_tag(&self, tag: &str) -> Arc<dyn Candidates> {
        if self.0.tag().is_none() {
            return Arc::new(Pool(self.0.with_tag(tag)));
        }
        // The rotator has an index of one tag, so a second one is looked for key by key.
        tagged(Arc::new(Pool(self.0.clone())), tag)
    }

    fn least_in_flight(&self) -> Option<Candidate> {
        self.0.least_in_flight().map(candidate)
    }

    fn fastest(&self) -> Option<Candidate> {
        self.0.fastest().map(candidate)
    }

    fn next(&self) -> Option<Candidate> {
        self.0.next().map(candidate)
    }

    fn next_among(&self, among: &[Candidate]) -> Option<Candidate> {
        let load = |found: &Candidate| found.facts.in_flight as f64 / f64::from(found.key.weight.max(1));
        let chosen = match self.0.strategy() {
            Strategy::LeastInFlight => among.iter().min_by(|one, other| load(one).total_cmp(&load(other))),
            Strategy::Fastest => {
                let latency = |found: &Candidate| found.facts.ewma_ms.unwrap_or(0.0);
                among.iter().min_by(|one, other| latency(one).total_cmp(&latency(other)))
            }
            Strategy::Priority => among
                .iter()
                .min_by(|one, other| one.key.priority.cmp(&other.key.priority).then(load(one).total_cmp(&load(other)))),
            Strategy::Sticky => among.iter().max_by_key(|found| rendezvous(self.0.affinity(), found.key.id)),
            Strategy::RoundRobin | Strategy::WeightedRandom => self.drawn(among),
        };
        chosen.cloned()
    }
}

impl Pool {
    /// A random one, by weight.
    fn drawn<'a>(&self, among: &'a [Candidate]) -> Option<&'a Candidate> {
        let mut point = self.0.draw(among.iter().map(|found| u64::from(found.key.weight)).sum());
        among.iter().find(|found| {
            let weight = u64::from(found.key.weight);
            let is_it = point < weight;
            point = point.saturating_sub(weight);
            is_it
        })
    }
}

/// How much a client's calls are drawn to a key: each key has its own order of clients.
fn rendezvous(affinity: u64, key: KeyId) -> u64 {
    let mixed = (affinity ^ (key.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb)
}
