//! What one client has used.

use super::{Estimate, Limit, QuotaError, Remaining, Spent};
use crate::domain::{BudgetPeriod, ClientLimits, Moment, Nanodollars, SlidingWindow};

/// Windows, calls in flight and sums of one client.
#[derive(Debug, Default)]
pub(super) struct Account {
    requests: SlidingWindow,
    tokens: SlidingWindow,
    in_flight: u64,
    /// Sums of the running day, month and all time, in the order of [`BudgetPeriod::ALL`].
    sums: [Sum; BudgetPeriod::ALL.len()],
    reserved: Spent,
    latest_ms: u64,
    /// When its token was last used, in UTC unix milliseconds; 0 is never.
    used_ms: i64,
}

/// What was used in one period.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    /// The period's number.
    period: i64,
    spent: Spent,
}

impl Account {
    /// Checks every limit, then counts the call. Nothing is counted when one refuses.
    pub(super) fn admit(&mut self, limits: &ClientLimits, estimate: Estimate, now: Moment) -> Result<(), QuotaError> {
        self.latest_ms = self.latest_ms.max(now.mono_ms);
        let now_ms = self.latest_ms;
        self.turn(now);
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
        for (period, sum) in BudgetPeriod::ALL.into_iter().zip(self.sums) {
            self.check_budgets(limits, period, sum, estimate, now)?;
        }
        if limits.rpm.is_some() {
            self.requests.add(now_ms, 1);
        }
        if limits.tpm.is_some() {
            self.tokens.add(now_ms, estimate.tokens);
        }
        self.reserved = self.reserved.plus(estimate.as_spent());
        self.in_flight += 1;
        Ok(())
    }

    /// An estimate may be far above what the call will use: what is left of a budget always buys one call at a time.
    fn check_budgets(
        &self,
        limits: &ClientLimits,
        period: BudgetPeriod,
        sum: Sum,
        estimate: Estimate,
        now: Moment,
    ) -> Result<(), QuotaError> {
        let wanted = estimate.as_spent();
        let money = limits.money(period).map(|budget| (Limit::Money(period), budget.0.max(0) as u64));
        let tokens = limits.tokens(period).map(|budget| (Limit::Tokens(period), budget));
        for (limit, allowed) in money.into_iter().chain(tokens) {
            let of = |spent: Spent| match limit {
                Limit::Money(_) => spent.money.0.max(0) as u64,
                _ => spent.tokens,
            };
            let used = of(sum.spent).saturating_add(of(self.reserved));
            let does_not_fit = used >= allowed || (of(self.reserved) > 0 && used.saturating_add(of(wanted)) > allowed);
            let is_free = match limit {
                Limit::Money(_) => estimate.cost == Some(Nanodollars(0)),
                _ => estimate.tokens == 0,
            };
            if does_not_fit && !is_free {
                // Waiting helps when calls in flight may use less than reserved, and at the latest in the next period.
                let next = (period.start(sum.period + 1) - now.unix_ms).max(1) as u64;
                let waits = period != BudgetPeriod::Total && of(sum.spent) >= allowed && allowed > 0;
                return Err(QuotaError { limit, allowed, retry_after_ms: waits.then_some(next) });
            }
        }
        Ok(())
    }

    /// A call ended: its estimate makes place for what it used. `in_window`: its tokens were counted by the minute.
    pub(super) fn end(&mut self, admitted: Moment, estimate: Estimate, in_window: bool, used: Spent) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.reserved = self.reserved.minus(estimate.as_spent());
        self.add(used);
        if in_window && estimate.tokens > 0 {
            self.tokens.settle(admitted.mono_ms, estimate.tokens, used.tokens, self.latest_ms);
        }
    }

    /// Adds what became known after a call's end, in the periods of `now`.
    pub(super) fn add_late(&mut self, used: Spent, now: Moment) {
        self.turn(now);
        self.add(used);
    }

    /// Adds what was used in one running period before.
    pub(super) fn restore(&mut self, period: BudgetPeriod, used: Spent, now: Moment) {
        self.turn(now);
        let sum = &mut self.sums[period as usize];
        sum.spent = sum.spent.plus(used);
    }

    /// Its token was used.
    pub(super) fn note_use(&mut self, unix_ms: i64) {
        self.used_ms = self.used_ms.max(unix_ms);
    }

    /// When its token was last used, in UTC unix milliseconds.
    pub(super) fn last_use(&self) -> Option<i64> {
        Some(self.used_ms).filter(|at| *at > 0)
    }

    /// What is used and left.
    pub(super) fn remaining(&mut self, limits: &ClientLimits, now: Moment) -> Remaining {
        self.turn(now);
        let spent = self.sums.map(|sum| sum.spent);
        let taken = spent.map(|spent| spent.plus(self.reserved));
        let money = |period: BudgetPeriod| {
            let left = |budget: Nanodollars| Nanodollars(budget.0.saturating_sub(taken[period as usize].money.0).max(0));
            limits.money(period).map(left)
        };
        let tokens =
            |period: BudgetPeriod| limits.tokens(period).map(|budget| budget.saturating_sub(taken[period as usize].tokens));
        Remaining {
            requests: limits.rpm.map(|allowed| allowed.saturating_sub(self.requests.peek(now.mono_ms))),
            tokens: limits.tpm.map(|allowed| allowed.saturating_sub(self.tokens.peek(now.mono_ms))),
            money_left: BudgetPeriod::ALL.map(money),
            tokens_left: BudgetPeriod::ALL.map(tokens),
            spent,
            in_flight: self.in_flight,
        }
    }

    fn add(&mut self, used: Spent) {
        for sum in &mut self.sums {
            sum.spent = sum.spent.plus(used);
        }
    }

    fn turn(&mut self, now: Moment) {
        for (period, sum) in BudgetPeriod::ALL.into_iter().zip(&mut self.sums) {
            let running = period.number(now.unix_ms);
            if running > sum.period {
                *sum = Sum { period: running, spent: Spent::default() };
            }
        }
    }
}
