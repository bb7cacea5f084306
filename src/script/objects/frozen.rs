//! Keys that do not change while they are looked at: for tests, and for trials of scripts.

use std::sync::Arc;

use super::key::{Candidate, Candidates};
use crate::domain::{KeyId, Strategy};

/// Keys as they were at one moment. Choosing one of them changes nothing, so what is chosen is always the same.
pub struct FrozenKeys {
    keys: Arc<[Candidate]>,
    strategy: Option<Strategy>,
}

impl FrozenKeys {
    /// Keys among which a strategy chooses; without one it is the first.
    pub fn new(keys: impl Into<Arc<[Candidate]>>, strategy: Option<Strategy>) -> Self {
        FrozenKeys { keys: keys.into(), strategy }
    }

    fn least(&self, measure: impl Fn(&Candidate) -> f64) -> Option<Candidate> {
        least(&self.keys, measure)
    }
}

impl Candidates for FrozenKeys {
    fn len(&self) -> usize {
        self.keys.len()
    }

    fn get(&self, position: usize) -> Option<Candidate> {
        self.keys.get(position).cloned()
    }

    fn contains(&self, key: KeyId) -> bool {
        self.keys.iter().any(|candidate| candidate.key.id == key)
    }

    fn with_tag(&self, tag: &str) -> Arc<dyn Candidates> {
        let has_tag = |candidate: &&Candidate| candidate.key.tags.iter().any(|own| own == tag);
        let keys: Vec<_> = self.keys.iter().filter(has_tag).cloned().collect();
        Arc::new(FrozenKeys::new(keys, self.strategy))
    }

    fn least_in_flight(&self) -> Option<Candidate> {
        self.least(load)
    }

    fn fastest(&self) -> Option<Candidate> {
        self.least(latency)
    }

    fn next(&self) -> Option<Candidate> {
        self.next_among(&self.keys)
    }

    fn next_among(&self, among: &[Candidate]) -> Option<Candidate> {
        match self.strategy {
            None => among.first().cloned(),
            Some(Strategy::LeastInFlight) => least(among, load),
            Some(Strategy::Fastest) => least(among, latency),
            Some(Strategy::Priority) => least(among, |candidate| f64::from(candidate.key.priority)),
            // These take turns or draw: the one that has waited longest stands for it.
            Some(Strategy::RoundRobin | Strategy::WeightedRandom | Strategy::Sticky) => {
                least(among, |candidate| candidate.facts.last_used.unwrap_or(0) as f64)
            }
        }
    }
}

fn load(candidate: &Candidate) -> f64 {
    candidate.facts.in_flight as f64 / f64::from(candidate.key.weight.max(1))
}

fn latency(candidate: &Candidate) -> f64 {
    candidate.facts.ewma_ms.unwrap_or(0.0)
}

fn least(among: &[Candidate], measure: impl Fn(&Candidate) -> f64) -> Option<Candidate> {
    among.iter().min_by(|one, other| measure(one).total_cmp(&measure(other))).cloned()
}
