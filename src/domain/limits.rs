//! Limits that the provider sets on a key, or that the operator sets below them.

use serde::{Deserialize, Serialize};

use super::money::Nanodollars;

/// Limits of one key. `None` is no limit; zero is none allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyLimits {
    /// Requests in any 60 seconds.
    pub rpm: Option<u64>,
    /// Tokens, estimated at admission and settled at the end, in any 60 seconds.
    pub tpm: Option<u64>,
    /// Requests in a UTC day.
    pub rpd: Option<u64>,
    /// Calls in flight at once.
    pub concurrency: Option<u64>,
    /// Money in a UTC calendar month.
    pub budget_month: Option<Nanodollars>,
}
