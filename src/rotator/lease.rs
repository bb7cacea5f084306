//! A lease: a key in use by one attempt, given back when it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::pool::Pool;
use crate::domain::{Key, Moment, Provider, Why};

/// A key in use by one attempt. Dropping it ends the attempt.
#[derive(Debug)]
pub struct Lease {
    pub(super) pool: Arc<Pool>,
    pub(super) place: u32,
    pub(super) serial: u32,
    pub(super) provider: Arc<Provider>,
    pub(super) key: Arc<Key>,
    pub(super) account: Option<Arc<str>>,
    pub(super) model: Arc<str>,
    pub(super) endpoint: &'static str,
    pub(super) tier: u32,
    pub(super) why: Why,
    pub(super) started: Moment,
    pub(super) estimated_tokens: u64,
    pub(super) estimated_cost: i64,
    /// Whether the key's day has counted the attempt at its pick; else it does at the end, where its state is at hand.
    pub(super) counted: bool,
    /// Whether the provider was seen to answer.
    pub(super) answered: AtomicBool,
    /// Whether tokens and cost were settled.
    pub(super) settled: AtomicBool,
}

impl Lease {
    /// The provider to call.
    pub fn provider(&self) -> &Arc<Provider> {
        &self.provider
    }

    /// The key to call with.
    pub fn key(&self) -> &Arc<Key> {
        &self.key
    }

    /// The key's account, when it was known at the pick.
    pub fn account(&self) -> Option<Arc<str>> {
        self.account.clone()
    }

    /// The provider's own name for the model; empty for a call without a model.
    pub fn model(&self) -> &Arc<str> {
        &self.model
    }

    /// The tier that the key was taken from.
    pub fn tier(&self) -> u32 {
        self.tier
    }

    /// Why this key.
    pub fn why(&self) -> &Why {
        &self.why
    }

    /// Takes the reasons out, for the record.
    pub fn take_why(&mut self) -> Why {
        std::mem::take(&mut self.why)
    }

    /// When the attempt began.
    pub fn started(&self) -> Moment {
        self.started
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let settled = self.settled.load(Ordering::Relaxed);
        self.pool.lock().give_back(self, settled);
    }
}
