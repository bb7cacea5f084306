//! Rollups: sums of calls by provider, key, model, client, outcome and status, kept for minutes, quarters of an hour, hours and days.
//!
//! Statistics read nothing else. They live in a database of their own, so that the log never waits for an admin's write
//! nor the other way round. Segments and sums are two files, and SQLite commits to one file at a time: therefore the sums
//! carry, in the same transaction, a mark of how much of each segment they hold. After a crash the rest is counted from
//! the segment, so every call is summed exactly once.

mod axis;
mod dimension;
mod heatmap;
mod histogram;
mod outcomes;
mod reader;
mod sums;
mod writer;

pub use axis::{Axis, AxisError, Bucket, Range, Step, local_day};
pub use dimension::Dimension;
pub use heatmap::HourOfWeek;
pub use histogram::Histogram;
pub use reader::{MemberName, MemberSums, Rank, Series};
pub use sums::Sums;

pub(super) use heatmap::heatmap;
pub(super) use outcomes::{MemberQuestion, outcomes};
pub(super) use reader::{client_totals_ever, series, totals};
pub(super) use writer::{Applied, RollupWriter, expect_more};

use super::connection::Schema;

/// How long minutes are kept, in seconds.
const MINUTES_KEPT_S: i64 = 48 * 3600;
/// The member for models beyond the number that gets sums of their own.
const OTHER_MEMBER: i64 = -1;

/// The file of the sums in the data folder.
pub(super) const ROLLUPS_FILE: &str = "rollups.db";

pub(super) const ROLLUPS: Schema = Schema {
    name: "rollups",
    application_id: 0x4b57_524c, // "KWRL"
    migrations: &[
        include_str!("../../../db/migrations/rollups/0001_sums.sql"),
        include_str!("../../../db/migrations/rollups/0002_thinned.sql"),
        include_str!("../../../db/migrations/rollups/0003_status.sql"),
        include_str!("../../../db/migrations/rollups/0004_ever.sql"),
        include_str!("../../../db/migrations/rollups/0005_provider_model.sql"),
    ],
};

#[cfg(test)]
mod tests;
