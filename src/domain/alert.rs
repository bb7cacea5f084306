//! Alerts: rules about what must not go unseen, the channels that tell of it, and what was told.

mod channel;
mod told;

use serde::{Deserialize, Serialize};

use super::ids::{AlertChannelId, AlertRuleId, ProviderId};
use super::validation::{InvalidField, invalid, name, within};

pub use channel::{AlertChannel, ChannelKind, MailSecurity, MailServer, QuietHours};
pub use told::{Alert, AlertDelivery, AlertEvent, AlertLine, AlertMessage, DeliveryState};

/// Longest hold or clearing time: one day.
const LONGEST_S: u64 = 24 * 3600;

/// What a rule watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A verdict switched a key off.
    KeyDisabled,
    /// A provider has fewer usable keys than the threshold.
    PoolBelow,
    /// More percent of calls fail than the threshold, without those that a client spoilt.
    ErrorRate,
    /// A percentile of the time that calls take is above the threshold, in milliseconds.
    Latency,
    /// A client has used as much of a budget as it wants to be warned at, or all of it.
    Budget,
    /// A client with a money budget uses models without a price.
    BudgetUnenforced,
    /// A provider fails for every key, so that none is tried.
    BreakerOpen,
    /// Call records are lost.
    LogDropped,
    /// Less disk space is free than the threshold, in MiB.
    DiskLow,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [AlertKind; 9] = [
        AlertKind::KeyDisabled,
        AlertKind::PoolBelow,
        AlertKind::ErrorRate,
        AlertKind::Latency,
        AlertKind::Budget,
        AlertKind::BudgetUnenforced,
        AlertKind::BreakerOpen,
        AlertKind::LogDropped,
        AlertKind::DiskLow,
    ];

    /// The name in the API, in messages and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertKind::KeyDisabled => "key_disabled",
            AlertKind::PoolBelow => "pool_below",
            AlertKind::ErrorRate => "error_rate",
            AlertKind::Latency => "latency",
            AlertKind::Budget => "budget",
            AlertKind::BudgetUnenforced => "budget_unenforced",
            AlertKind::BreakerOpen => "breaker_open",
            AlertKind::LogDropped => "log_dropped",
            AlertKind::DiskLow => "disk_low",
        }
    }

    /// The kind with a name.
    pub fn parse(name: &str) -> Option<Self> {
        AlertKind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The threshold where a rule does not say; 0 where the kind has none.
    pub fn usual_threshold(self) -> u64 {
        match self {
            AlertKind::PoolBelow => 1,
            AlertKind::ErrorRate => 25,
            AlertKind::Latency => 30_000,
            AlertKind::DiskLow => 1024,
            _ => 0,
        }
    }
}

/// How much an alert matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Somebody should look.
    Warning,
    /// Somebody must look, also at night.
    Critical,
}

impl Severity {
    /// The name in the API, in messages and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }

    /// The severity with a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Severity::Warning, Severity::Critical].into_iter().find(|severity| severity.as_str() == name)
    }
}

/// What is watched, and who is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRule {
    /// Row id.
    pub id: AlertRuleId,
    /// The operator's name for it, unique.
    pub name: String,
    /// What it watches.
    pub kind: AlertKind,
    /// Only this provider, or calls that ended there; `None`: every provider, or all calls.
    pub provider: Option<ProviderId>,
    /// Keys, percent, milliseconds or MiB, as the kind says.
    pub threshold: u64,
    /// The last so many minutes count, 1 to 1440; for error rate, latency and unpriced calls.
    pub minutes: u32,
    /// With fewer calls in them than this, an error rate or a latency says nothing.
    pub min_calls: u32,
    /// The percentile of a latency, 1 to 99.
    pub percentile: u8,
    /// It must hold for so many seconds before an alert opens.
    pub hold_s: u32,
    /// It must be over for so many seconds before the alert is resolved.
    pub clear_s: u32,
    /// How much it matters.
    pub severity: Severity,
    /// Channels that tell of it; `None`: all.
    pub channels: Option<Vec<AlertChannelId>>,
    /// Until when nobody is told, in unix milliseconds.
    pub muted_until_ms: Option<i64>,
    /// Whether it is watched.
    pub enabled: bool,
}

impl AlertRule {
    /// A rule with the usual figures of its kind.
    pub fn of(kind: AlertKind, name: String) -> Self {
        let (hold_s, clear_s) = match kind {
            AlertKind::KeyDisabled | AlertKind::Budget => (0, 0),
            AlertKind::BudgetUnenforced => (0, 3600),
            AlertKind::LogDropped => (0, 600),
            AlertKind::PoolBelow => (30, 60),
            AlertKind::BreakerOpen | AlertKind::DiskLow | AlertKind::ErrorRate | AlertKind::Latency => (0, 60),
        };
        let severity = match kind {
            AlertKind::PoolBelow | AlertKind::BreakerOpen | AlertKind::LogDropped | AlertKind::DiskLow => Severity::Critical,
            _ => Severity::Warning,
        };
        AlertRule {
            id: AlertRuleId(0),
            name,
            kind,
            provider: None,
            threshold: kind.usual_threshold(),
            minutes: 5,
            min_calls: 20,
            percentile: 95,
            hold_s,
            clear_s,
            severity,
            channels: None,
            muted_until_ms: None,
            enabled: true,
        }
    }

    /// Checks every field but references to other rows.
    pub fn validate(&self) -> Result<(), InvalidField> {
        name("name", &self.name)?;
        let most = match self.kind {
            AlertKind::ErrorRate => 100,
            AlertKind::Latency => 3_600_000,
            _ => 1_000_000_000_000,
        };
        within("threshold", self.threshold, 0, most)?;
        within("minutes", self.minutes.into(), 1, 1440)?;
        within("min_calls", self.min_calls.into(), 1, 1_000_000)?;
        within("percentile", self.percentile.into(), 1, 99)?;
        within("hold_s", self.hold_s.into(), 0, LONGEST_S)?;
        within("clear_s", self.clear_s.into(), 0, LONGEST_S)?;
        match self.muted_until_ms {
            Some(at) if at < 0 => invalid("muted_until", "must be a time after 1970"),
            _ => Ok(()),
        }
    }
}
