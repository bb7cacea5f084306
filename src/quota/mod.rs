//! What a client may still do: its limits and budgets, by reservation and settlement.
//!
//! Owns the client windows and budget sums. Refuses IO, async and clocks of its own: time is passed in.
//!
//! A call reserves its estimate at admission, so that calls in flight count against the budget before their cost is known.
//! Settling replaces the estimate by what was used; dropping a reservation unsettled gives it back.

mod account;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::domain::{Client, ClientId, Cost, Moment, Nanodollars, utc_month};
use account::Account;

/// What a call is expected to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Tokens, input and output together.
    pub tokens: u64,
    /// Money; `None` when the model has no price.
    pub cost: Option<Nanodollars>,
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
    /// Money a month.
    Budget,
}

impl Limit {
    /// The name in the admin API.
    pub fn as_str(self) -> &'static str {
        match self {
            Limit::Rpm => "rpm",
            Limit::Tpm => "tpm",
            Limit::Concurrency => "concurrency",
            Limit::Budget => "budget_month",
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
    /// Money left in this UTC month; reservations count as spent.
    pub budget: Option<Nanodollars>,
    /// Money spent in this UTC month, without reservations.
    pub spent: Nanodollars,
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
            unenforced: client.limits.budget_month.is_some() && estimate.cost.is_none(),
            tokens_counted: client.limits.tpm.is_some(),
            settled: false,
        })
    }

    /// What a client has used and may still use.
    pub fn remaining(&self, client: &Client, now: Moment) -> Remaining {
        self.account(client.id).lock().remaining(&client.limits, now)
    }

    /// Brings back what was spent in the UTC month of `now`. What was spent since the start is kept on top.
    pub fn restore(&self, spent: impl IntoIterator<Item = (ClientId, Nanodollars)>, now: Moment) {
        for (client, amount) in spent {
            self.account(client).lock().add_spent(amount, now);
        }
    }

    /// Adds the cost of a call that became known after its end (an answer fetched later).
    pub fn add_cost(&self, client: ClientId, cost: Nanodollars, now: Moment) {
        self.account(client).lock().add_spent(cost, now);
    }

    /// What every client has spent in the UTC month of `now`, for those that have.
    pub fn spent(&self, now: Moment) -> Vec<(ClientId, Nanodollars)> {
        let accounts = self.accounts.read();
        let spent = accounts.iter().map(|(client, account)| (*client, account.lock().spent_in(utc_month(now.unix_ms))));
        spent.filter(|(_, spent)| spent.0 != 0).collect()
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
        let cost = cost.known().unwrap_or_default();
        let tokens = tokens.unwrap_or(self.estimate.tokens);
        self.account.lock().end(self.admitted, self.counted_estimate(), tokens, cost);
    }

    fn counted_estimate(&self) -> Estimate {
        Estimate { tokens: if self.tokens_counted { self.estimate.tokens } else { 0 }, cost: self.estimate.cost }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.settled {
            self.account.lock().end(self.admitted, self.counted_estimate(), 0, Nanodollars(0));
        }
    }
}
