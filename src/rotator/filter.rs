//! Whether a ready key takes a call: what it was tried for, what rests, what fits.

use std::sync::Arc;

use super::account::Accounts;
use super::pick::{Ask, Choice, MOST_LINES};
use super::reason::{Block, Reason};
use super::request::Tried;
use super::slot::Slot;
use crate::domain::{Blame, KeyId, Moment, PassedOver, PassedOverReason, Ref};

/// Decides, key by key, whether a ready key takes a call.
pub(super) struct Filter<'a> {
    pub(super) ask: &'a Ask<'a>,
    pub(super) slots: &'a mut [Option<Slot>],
    pub(super) accounts: &'a Accounts,
    pub(super) now: Moment,
    pub(super) miss: Miss,
}

impl Filter<'_> {
    /// Whether the key at a place takes the call. When it does not, the reason is noted.
    pub(super) fn takes(&mut self, place: u32) -> bool {
        let Some(slot) = &mut self.slots[place as usize] else { return false };
        let refusal = refusal_after_tries(self.ask, slot, self.accounts)
            .or_else(|| if slot.watched { refusal_by_state(self.ask, slot, self.accounts, self.now) } else { None });
        refusal.is_none_or(|refusal| {
            self.miss.note(slot, refusal, self.now);
            false
        })
    }

    /// Calls in flight of the key at a place.
    pub(super) fn in_flight(&self, place: u32) -> u64 {
        self.slots[place as usize].as_ref().map_or(0, |slot| slot.in_flight.into())
    }

    /// What a call is expected to wait for the first byte of the key at a place.
    pub(super) fn expected_ms(&self, place: u32) -> f32 {
        self.slots[place as usize].as_ref().map_or(f32::MAX, |slot| slot.latency.expected(slot.in_flight, self.now.mono_ms))
    }
}

/// Why a ready key does not take a call.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    Tried,
    /// It was not tried, but a key of its account was: it is not worth a line yet.
    SameAccount,
    TooLarge(u64),
    Blocked(Block),
}

fn refusal_after_tries(ask: &Ask<'_>, slot: &Slot, accounts: &Accounts) -> Option<Refusal> {
    let tried = ask.request.tried;
    if tried.is_empty() {
        return None;
    }
    let (count, blamed) = tries(tried, slot.key.id);
    match ask.choice {
        Choice::Only(_) => None,
        Choice::OnceMore => (count != 1 || blamed).then_some(Refusal::Tried),
        _ if count > 0 => Some(Refusal::Tried),
        Choice::Untried => None,
        Choice::OtherAccount => {
            let account = slot.account_name(accounts)?;
            tried.iter().any(|tried| tried.account.as_ref() == Some(&account)).then_some(Refusal::SameAccount)
        }
    }
}

fn refusal_by_state(ask: &Ask<'_>, slot: &mut Slot, accounts: &Accounts, now: Moment) -> Option<Refusal> {
    let (model, request) = (&ask.target.model, ask.request);
    if let Some(block) = slot.scope_block(Some(model), Some(request.endpoint), accounts, now.mono_ms) {
        return Some(Refusal::Blocked(block));
    }
    if let Some(limit) = slot.too_small_for(model, request.estimated_tokens) {
        return Some(Refusal::TooLarge(limit));
    }
    slot.no_room_for(model, request.estimated_tokens, request.estimated_cost, now).map(Refusal::Blocked)
}

/// How often a key was tried, and whether it was to blame.
fn tries(tried: &[Tried], key: KeyId) -> (usize, bool) {
    let of_key = || tried.iter().filter(|tried| tried.key == key);
    (of_key().count(), of_key().any(|tried| tried.blame != Blame::Provider))
}

/// Why a pool had no key for a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Miss {
    /// A ready key was tried in this call.
    pub(super) tried: bool,
    /// A key's limit was too small, and which.
    pub(super) too_large: Option<Option<u64>>,
    /// Monotonic time at which the first key comes back.
    pub(super) back_ms: Option<u64>,
    /// A key waits for a call in flight to end.
    pub(super) busy: bool,
    /// The breaker is open until this monotonic time.
    pub(super) breaker_ms: Option<u64>,
    /// Keys that do not know, or may not serve, the model.
    pub(super) model_unknown: bool,
    /// Keys that serve the model, but not now.
    pub(super) other_reason: bool,
    pub(super) lines: Vec<PassedOver>,
}

impl Miss {
    pub(super) fn back(&mut self, at_ms: Option<u64>) {
        self.back_ms = self.back_ms.into_iter().chain(at_ms).min();
    }

    /// Takes over what another pool missed.
    pub(super) fn add(&mut self, other: Miss) {
        self.tried |= other.tried;
        self.too_large = self.too_large.into_iter().chain(other.too_large).max();
        self.back(other.back_ms);
        self.busy |= other.busy;
        self.breaker_ms = self.breaker_ms.into_iter().chain(other.breaker_ms).min();
        self.model_unknown |= other.model_unknown;
        self.other_reason |= other.other_reason;
    }

    fn note(&mut self, slot: &Slot, refusal: Refusal, now: Moment) {
        let (reason, until_ms) = match refusal {
            Refusal::SameAccount => return,
            Refusal::Tried => {
                self.tried = true;
                (PassedOverReason::Tried, None)
            }
            Refusal::TooLarge(limit) => {
                self.too_large = self.too_large.max(Some(Some(limit)));
                (PassedOverReason::TooLarge, None)
            }
            Refusal::Blocked(block) => {
                self.back(block.until_ms);
                self.busy |= block.reason == Reason::Busy;
                self.model_unknown |= block.reason == Reason::ModelUnknown;
                self.other_reason |= block.reason != Reason::ModelUnknown;
                (block.reason.on_record(), block.until_ms.map(|at| now.unix_at(at)))
            }
        };
        if self.lines.len() < MOST_LINES {
            let key = Ref { id: slot.key.id, name: slot.name.clone() };
            self.lines.push(PassedOver { key: Some(key), reason, count: 1, until_ms });
        }
    }
}

impl Slot {
    /// The name of the key's account.
    pub(super) fn account_name(&self, accounts: &Accounts) -> Option<Arc<str>> {
        if !self.watched {
            return None;
        }
        self.state.account.map(|number| accounts.get(number).name.clone())
    }

    /// The limit that a call of this size can never fit under.
    fn too_small_for(&self, model: &str, tokens: u64) -> Option<u64> {
        let learned = self.model(model).and_then(|state| state.size_limit);
        [learned, self.key.limits.tpm].into_iter().flatten().filter(|limit| tokens > *limit).min()
    }

    /// What a call of this size has to wait for.
    fn no_room_for(
        &mut self,
        model: &str,
        tokens: u64,
        cost: Option<crate::domain::Nanodollars>,
        now: Moment,
    ) -> Option<Block> {
        let later = self.model(model).and_then(|state| state.learned.too_few_tokens_until(tokens, now.mono_ms));
        if later.is_some() {
            return Some(Block::new(Reason::Limit, later));
        }
        if let Some(limit) = self.key.limits.tpm
            && let Some(at) = self.state.token_window.fits_at(tokens, limit, now.mono_ms)
            && at > now.mono_ms
        {
            return Some(Block::new(Reason::Limit, Some(at)));
        }
        // An estimate may be far above what the call will cost: what is left always buys one call at a time.
        if let (Some(budget), Some(cost)) = (self.key.limits.budget_month, cost)
            && self.state.reserved > 0
            && self.state.spent + self.state.reserved + cost.0 > budget.0
        {
            return Some(Block::new(Reason::Busy, None));
        }
        None
    }
}
