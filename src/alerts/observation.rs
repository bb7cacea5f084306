//! What is observed at one time, as far as rules ask for it.

use crate::domain::{AlertRuleId, ClientId, KeyId, ProviderId};

/// Everything that rules look at.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// Every provider.
    pub providers: Vec<ProviderSeen>,
    /// Clients that have a budget.
    pub clients: Vec<ClientSeen>,
    /// What the statistics say for each rule that asks them.
    pub traffic: Vec<(AlertRuleId, Traffic)>,
    /// Call records that were lost since the observation before.
    pub newly_dropped: u64,
    /// Why records cannot be written now.
    pub log_trouble: Option<String>,
    /// Bytes that are free on the disk of the data folder; `None`: the system does not say.
    pub disk_free_bytes: Option<u64>,
}

/// One provider.
#[derive(Clone, Debug)]
pub struct ProviderSeen {
    /// Which.
    pub id: ProviderId,
    /// Its name.
    pub name: String,
    /// Whether it takes calls.
    pub enabled: bool,
    /// Its keys, without those that an operator switched off.
    pub keys: u64,
    /// Those of them that can serve now.
    pub usable: u64,
    /// What kind of failure opened its breaker; `None`: it is closed.
    pub breaker: Option<&'static str>,
    /// Keys that a verdict switched off.
    pub disabled: Vec<DisabledKey>,
}

/// A key that a verdict switched off.
#[derive(Clone, Debug)]
pub struct DisabledKey {
    /// Which.
    pub id: KeyId,
    /// Its name.
    pub name: String,
    /// Why: a rule id of the classifier.
    pub reason: String,
}

/// A client with a budget.
#[derive(Clone, Debug)]
pub struct ClientSeen {
    /// Which.
    pub id: ClientId,
    /// Its name.
    pub name: String,
    /// Percent of a budget at which it is nearly used up.
    pub warn_percent: u64,
    /// Its budgets.
    pub budgets: Vec<UsedBudget>,
}

/// A budget, and what was used of it: nano-dollars or tokens.
#[derive(Clone, Debug)]
pub struct UsedBudget {
    /// The limit's name in the admin API, such as `budget_usd_month`.
    pub name: &'static str,
    /// Whether it is money.
    pub is_money: bool,
    /// What was used.
    pub used: u64,
    /// Of how much.
    pub of: u64,
}

/// What the statistics say about the minutes of a rule.
#[derive(Clone, Debug)]
pub enum Traffic {
    /// Calls, and how many of them failed.
    Failures {
        /// All.
        total: u64,
        /// Those that failed.
        failed: u64,
    },
    /// Calls, and the percentile that the rule asks for, in milliseconds; `None`: there is none.
    Latency {
        /// All.
        total: u64,
        /// The percentile.
        ms: Option<u64>,
    },
    /// Calls without a price, by client.
    Unpriced(Vec<(ClientId, u64)>),
}
