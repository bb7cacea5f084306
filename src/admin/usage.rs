//! What models and clients have used lately, for the lists of them.

use std::collections::HashMap;
use std::hash::Hash;

use poem_openapi::Object;

use super::access::Access;
use super::error::ApiError;
use super::period::UTC;
use crate::domain::Outcome;
use crate::store::{Axis, Dimension, MemberName, Rank, Sums};

const DAY_MS: i64 = 86_400_000;

/// What was used in the last 24 hours: the same stretch, and the same figures, as in the statistics of `24h`.
#[derive(Clone, Default, Object)]
#[oai(rename = "RecentUse")]
pub(super) struct RecentUse {
    /// Calls.
    calls: i64,
    /// Calls that succeeded.
    succeeded: i64,
    /// Input tokens.
    input: i64,
    /// Output tokens.
    output: i64,
    /// What the calls of known cost cost together, in US dollars.
    cost_usd: f64,
    /// Calls that consumed something whose cost is not known.
    unpriced: i64,
}

impl From<&Sums> for RecentUse {
    fn from(sums: &Sums) -> Self {
        RecentUse {
            calls: sums.calls,
            succeeded: sums.with_outcome(Outcome::Success),
            input: sums.input,
            output: sums.output,
            cost_usd: sums.cost.as_dollars(),
            unpriced: sums.unpriced,
        }
    }
}

/// What the members of a dimension have used, by what `identity` tells them apart.
pub(super) struct RecentUses<T>(HashMap<T, RecentUse>);

impl<T: Eq + Hash> RecentUses<T> {
    pub(super) async fn read(
        access: &Access,
        dimension: Dimension,
        identity: impl Fn(&MemberName) -> Option<T>,
    ) -> Result<Self, ApiError> {
        let now_ms = access.now().unix_ms;
        let axis = Axis::new(now_ms - DAY_MS, now_ms, None, UTC, now_ms)?;
        access.context().settle_records().await;
        let totals = access.context().call_log.totals(dimension, axis.range(), Rank::Calls).await?;
        let known = totals.into_iter().filter(|line| !line.member.is_others);
        Ok(RecentUses(known.filter_map(|line| Some((identity(&line.member)?, RecentUse::from(&line.sums)))).collect()))
    }

    /// What one of them has used; nothing, where there were no calls.
    pub(super) fn of<Q: Eq + Hash + ?Sized>(&self, member: &Q) -> RecentUse
    where
        T: std::borrow::Borrow<Q>,
    {
        self.0.get(member).cloned().unwrap_or_default()
    }
}
