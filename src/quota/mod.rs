//! What a client may still do: its limits and budgets, by reservation and settlement.
//!
//! Owns the client windows and budget sums. Refuses IO, async and clocks of its own: time is passed in.
//!
//! A call reserves its estimate at admission, so that calls in flight count against the budget before their cost is known.
//! Settling replaces the estimate by what was used; dropping a reservation unsettled gives it back.

mod account;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use foldhash::HashMap;
use parking_lot::{Mutex, RwLock};

use crate::domain::{BudgetPeriod, Client, ClientId, Cost, Moment, Nanodollars};
use account::Account;

/// What a call is expected to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Tokens, input and output together.
    pub tokens: u64,
    /// Money; `None` when the model has no price.
    pub cost: Option<Nanodollars>,
}

impl Estimate {
    fn as_spent(self) -> Spent {
        Spent { money: Nanodollars(self.cost.map_or(0, |cost| cost.0.max(0))), tokens: self.tokens }
    }
}

/// Money and tokens that were used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Money of calls whose cost is known.
    pub money: Nanodollars,
    /// Tokens, input and output together.
    pub tokens: u64,
}

impl Spent {
    fn plus(self, other: Spent) -> Spent {
        let money = Nanodollars(self.money.0.saturating_add(other.money.0));
        Spent { money, tokens: self.tokens.saturating_add(other.tokens) }
    }

    fn minus(self, other: Spent) -> Spent {
        let money = Nanodollars(self.money.0.saturating_sub(other.money.0).max(0));
        Spent { money, tokens: self.tokens.saturating_sub(other.tokens) }
    }
}

/// The limit that a call would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Requests a minute.
    Rpm,
    /// Tokens a minute.
    Tpm,
    /// Calls in flight.
    Concurrency,
    /// Money of a period.
    Money(BudgetPeriod),
    /// Tokens of a period.
    Tokens(BudgetPeriod),
}

impl Limit {
    /// The name in the admin API.
    pub fn as_str(self) -> &'static str {
        match self {
            Limit::Rpm => "rpm",
            Limit::Tpm => "tpm",
            Limit::Concurrency => "concurrency",
            Limit::Money(BudgetPeriod::Day) => "budget_usd_day",
            Limit::Money(BudgetPeriod::Month) => "budget_usd_month",
            Limit::Money(BudgetPeriod::Total) => "budget_usd_total",
            Limit::Tokens(BudgetPeriod::Day) => "budget_tokens_day",
            Limit::Tokens(BudgetPeriod::Month) => "budget_tokens_month",
            Limit::Tokens(BudgetPeriod::Total) => "budget_tokens_total",
        }
    }
}

/// Why a call is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client's limit {} of {allowed} is reached", limit.as_str())]
pub struct QuotaError {
    /// The limit.
    pub limit: Limit,
    /// The limit's figure: requests, tokens, calls, or nano-dollars.
    pub allowed: u64,
    /// Milliseconds until such a call can be admitted; `None`: waiting does not help, or depends on calls in flight.
    pub retry_after_ms: Option<u64>,
}

/// What a client has used and may still use. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    /// Requests left in this minute.
    pub requests: Option<u64>,
    /// Tokens left in this minute.
    pub tokens: Option<u64>,
    /// Money left of each budget, in the order of [`BudgetPeriod::ALL`]; reservations count as spent.
    pub money_left: [Option<Nanodollars>; 3],
    /// Tokens left of each budget, likewise.
    pub tokens_left: [Option<u64>; 3],
    /// What was used in each period, without reservations.
    pub spent: [Spent; 3],
    /// Calls in flight.
    pub in_flight: u64,
}

/// The limits and budgets of all clients.
#[derive(Debug, Default)]
pub struct Quota {
    accounts: RwLock<HashMap<ClientId, Arc<Mutex<Account>>>>,
}

impl Quota {
    /// A quota in which nobody has used anything.
    pub fn new() -> Self {
        Quota::default()
    }

    /// Admits a call, or says which limit refuses it. A refused call counts for nothing.
    ///
    /// A call without a price is admitted against a budget that is not used up; [`Reservation::is_unenforced`] tells that its
    /// cost cannot be held against the budget. The caller refuses such calls where the settings want it.
    pub fn admit(&self, client: &Client, estimate: Estimate, now: Moment) -> Result<Reservation, QuotaError> {
        let account = self.account(client.id);
        account.lock().admit(&client.limits, estimate, now)?;
        Ok(Reservation {
            account,
            admitted: now,
            estimate,
            unenforced: client.limits.has_money_budget() && estimate.cost.is_none(),
            tokens_counted: client.limits.tpm.is_some(),
            settled: false,
        })
    }

    /// What a client has used and may still use.
    pub fn remaining(&self, client: &Client, now: Moment) -> Remaining {
        self.account(client.id).lock().remaining(&client.limits, now)
    }

    /// Brings back what was used in the running period. What was used since the start is kept on top.
    pub fn restore(&self, period: BudgetPeriod, used: impl IntoIterator<Item = (ClientId, Spent)>, now: Moment) {
        for (client, used) in used {
            self.account(client).lock().restore(period, used, now);
        }
    }

    /// Adds what became known of a call after its end (an answer fetched later).
    pub fn add_late(&self, client: ClientId, used: Spent, now: Moment) {
        self.account(client).lock().add_late(used, now);
    }

    /// Notes that a client's token was used at this moment, in UTC unix milliseconds: also for a call that is refused.
    pub fn note_use(&self, client: ClientId, unix_ms: i64) {
        self.account(client).lock().note_use(unix_ms);
    }

    /// When a client's token was last used, in UTC unix milliseconds.
    pub fn last_use(&self, client: ClientId) -> Option<i64> {
        self.account(client).lock().last_use()
    }

    /// The clients whose tokens were used at this moment or later, and when last, in UTC unix milliseconds.
    pub fn used_since(&self, unix_ms: i64) -> Vec<(ClientId, i64)> {
        let accounts = self.accounts.read();
        let uses = accounts.iter().filter_map(|(client, account)| Some((*client, account.lock().last_use()?)));
        uses.filter(|(_, at)| *at >= unix_ms).collect()
    }

    fn account(&self, client: ClientId) -> Arc<Mutex<Account>> {
        if let Some(account) = self.accounts.read().get(&client) {
            return account.clone();
        }
        self.accounts.write().entry(client).or_default().clone()
    }
}

/// An admitted call. Dropping it unsettled gives its tokens and money back; its request stays counted.
#[derive(Debug)]
pub struct Reservation {
    account: Arc<Mutex<Account>>,
    admitted: Moment,
    estimate: Estimate,
    unenforced: bool,
    tokens_counted: bool,
    settled: bool,
}

impl Reservation {
    /// Whether the client has a budget that cannot be held against this call, since its model has no price.
    pub fn is_unenforced(&self) -> bool {
        self.unenforced
    }

    /// Replaces the estimate by what was used. Tokens that nobody reported (`None`) stand as estimated; an unknown cost is not
    /// booked, so that nothing is invented.
    pub fn settle(mut self, tokens: Option<u64>, cost: Cost) {
        self.settled = true;
        let used = Spent {
            money: Nanodollars(cost.known().unwrap_or_default().0.max(0)),
            tokens: tokens.unwrap_or(self.estimate.tokens),
        };
        self.account.lock().end(self.admitted, self.estimate, self.tokens_counted, used);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.settled {
            self.account.lock().end(self.admitted, self.estimate, self.tokens_counted, Spent::default());
        }
    }
}
