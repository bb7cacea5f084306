//! What one client has used.

use super::{Estimate, Limit, QuotaError, Remaining};
use crate::domain::{ClientLimits, Moment, Nanodollars, SlidingWindow, utc_month, utc_month_start};

/// Windows, calls in flight and money of one client.
#[derive(Debug, Default)]
pub(super) struct Account {
    requests: SlidingWindow,
    tokens: SlidingWindow,
    in_flight: u64,
    /// The UTC month that `spent` sums.
    month: i64,
    spent: i64,
    reserved: i64,
    latest_ms: u64,
}

impl Account {
    /// Checks every limit, then counts the call. Nothing is counted when one refuses.
    pub(super) fn admit(&mut self, limits: &ClientLimits, estimate: Estimate, now: Moment) -> Result<(), QuotaError> {
        self.latest_ms = self.latest_ms.max(now.mono_ms);
        let now_ms = self.latest_ms;
        self.turn_month(now);
        if let Some(allowed) = limits.concurrency.filter(|allowed| self.in_flight >= *allowed) {
            return Err(QuotaError { limit: Limit::Concurrency, allowed, retry_after_ms: None });
        }
        let windows =
            [(Limit::Rpm, limits.rpm, &mut self.requests, 1), (Limit::Tpm, limits.tpm, &mut self.tokens, estimate.tokens)];
        for (limit, allowed, window, amount) in windows {
            let Some(allowed) = allowed else { continue };
            let fits_at = window.fits_at(amount, allowed, now_ms);
            if fits_at.is_none_or(|at| at > now_ms) {
                let retry_after_ms = fits_at.map(|at| at - now_ms);
                return Err(QuotaError { limit, allowed, retry_after_ms });
            }
        }
        let cost = estimate.cost.map_or(0, |cost| cost.0.max(0));
        if let Some(budget) = limits.budget_month {
            let used = self.spent.saturating_add(self.reserved);
            let is_free = estimate.cost == Some(Nanodollars(0));
            // An estimate may be far above what the call will cost: what is left always buys one call at a time.
            let does_not_fit = used >= budget.0 || (self.reserved > 0 && used.saturating_add(cost) > budget.0);
            if does_not_fit && !is_free {
                return Err(self.over_budget(budget, now));
            }
        }
        if limits.rpm.is_some() {
            self.requests.add(now_ms, 1);
        }
        if limits.tpm.is_some() {
            self.tokens.add(now_ms, estimate.tokens);
        }
        self.reserved = self.reserved.saturating_add(cost);
        self.in_flight += 1;
        Ok(())
    }

    /// A call ended: its estimate makes place for what it used.
    pub(super) fn end(&mut self, admitted: Moment, estimate: Estimate, tokens: u64, cost: Nanodollars) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.reserved = self.reserved.saturating_sub(estimate.cost.map_or(0, |cost| cost.0.max(0)));
        self.spent = self.spent.saturating_add(cost.0.max(0));
        if estimate.tokens > 0 {
            self.tokens.settle(admitted.mono_ms, estimate.tokens, tokens, self.latest_ms);
        }
    }

    /// Adds money that was spent in the month of `now`.
    pub(super) fn add_spent(&mut self, amount: Nanodollars, now: Moment) {
        self.turn_month(now);
        self.spent = self.spent.saturating_add(amount.0);
    }

    /// What was spent in a month, when it is the running one.
    pub(super) fn spent_in(&self, month: i64) -> Nanodollars {
        Nanodollars(if self.month == month { self.spent } else { 0 })
    }

    /// What is used and left.
    pub(super) fn remaining(&mut self, limits: &ClientLimits, now: Moment) -> Remaining {
        self.turn_month(now);
        let used = self.spent.saturating_add(self.reserved);
        Remaining {
            requests: limits.rpm.map(|allowed| allowed.saturating_sub(self.requests.peek(now.mono_ms))),
            tokens: limits.tpm.map(|allowed| allowed.saturating_sub(self.tokens.peek(now.mono_ms))),
            budget: limits.budget_month.map(|budget| Nanodollars(budget.0.saturating_sub(used).max(0))),
            spent: Nanodollars(self.spent),
            in_flight: self.in_flight,
        }
    }

    /// Waiting helps when calls in flight may cost less than reserved, and at the latest in the next month.
    fn over_budget(&self, budget: Nanodollars, now: Moment) -> QuotaError {
        let next_month = (utc_month_start(self.month + 1) - now.unix_ms).max(1) as u64;
        let retry_after_ms = (self.spent >= budget.0 && budget.0 > 0).then_some(next_month);
        QuotaError { limit: Limit::Budget, allowed: budget.0.max(0) as u64, retry_after_ms }
    }

    fn turn_month(&mut self, now: Moment) {
        let month = utc_month(now.unix_ms);
        if month > self.month {
            (self.month, self.spent) = (month, 0);
        }
    }
}
