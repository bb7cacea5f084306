//! What is noted of a provider beside its breaker.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::Moment;

/// After this many answers of "no such path" without a single success the base URL is doubted.
const WRONG_PATH_FROM: u32 = 3;
/// Most models and endpoints that are counted.
const MOST_COUNTED: usize = 10_000;

/// Notes of one provider.
#[derive(Debug, Default)]
pub(super) struct ProviderNotes {
    with_model_state: HashMap<Arc<str>, u32>,
    without_endpoint: HashMap<Arc<str>, u32>,
    not_found: u32,
    /// Wall-clock time of the last success; 0 is never.
    pub(super) last_success_ms: i64,
    /// When the provider last refused the region; `None`: never, or it has served since.
    pub(super) region_refused: Option<Moment>,
}

impl ProviderNotes {
    /// About how many keys have something remembered for a model.
    pub(super) fn keys_with_model_state(&self, model: &str) -> u32 {
        self.with_model_state.get(model).copied().unwrap_or(0)
    }

    /// How many keys lack the right for an endpoint.
    pub(super) fn keys_without_endpoint(&self, endpoint: &str) -> u32 {
        if self.without_endpoint.is_empty() { 0 } else { self.without_endpoint.get(endpoint).copied().unwrap_or(0) }
    }

    /// Something is remembered of `keys` more keys for a model.
    pub(super) fn count_model(&mut self, model: &Arc<str>, keys: u32) {
        count(&mut self.with_model_state, model, keys);
    }

    /// Something was forgotten of `keys` keys for a model.
    pub(super) fn uncount_model(&mut self, model: &str, keys: u32) {
        uncount(&mut self.with_model_state, model, keys);
    }

    /// One more key lacks the right for an endpoint.
    pub(super) fn count_endpoint(&mut self, endpoint: &Arc<str>) {
        count(&mut self.without_endpoint, endpoint, 1);
    }

    /// One key less lacks the right for an endpoint.
    pub(super) fn uncount_endpoint(&mut self, endpoint: &str) {
        uncount(&mut self.without_endpoint, endpoint, 1);
    }

    /// The provider served a call that was begun at `started`, in monotonic milliseconds: what it refused before is past.
    pub(super) fn succeeded(&mut self, started: u64, unix_ms: i64) {
        self.not_found = 0;
        self.last_success_ms = unix_ms;
        self.region_refused.take_if(|refused| refused.mono_ms <= started);
    }

    /// The provider is reached at another address, or by another way: nobody knows yet what it refuses there.
    pub(super) fn moved(&mut self) {
        self.not_found = 0;
        self.region_refused = None;
    }

    /// The provider did not know a path or method.
    pub(super) fn path_not_found(&mut self) {
        self.not_found = self.not_found.saturating_add(1);
    }

    /// Whether every call ended in a path that the provider does not know.
    pub(super) fn doubts_base_url(&self) -> bool {
        self.not_found >= WRONG_PATH_FROM && self.last_success_ms == 0
    }
}

fn count(counts: &mut HashMap<Arc<str>, u32>, name: &Arc<str>, keys: u32) {
    if counts.len() < MOST_COUNTED || counts.contains_key(name) {
        *counts.entry(name.clone()).or_insert(0) += keys;
    }
}

fn uncount(counts: &mut HashMap<Arc<str>, u32>, name: &str, keys: u32) {
    if let Some(count) = counts.get_mut(name) {
        *count = count.saturating_sub(keys);
        if *count == 0 {
            counts.remove(name);
        }
    }
}
