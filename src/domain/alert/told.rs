//! Alerts that are open or were, and the messages that told of them.

use serde::{Deserialize, Serialize};

use super::{AlertKind, Severity};
use crate::domain::ids::{AlertChannelId, AlertRuleId};

/// Something that a rule found. Times are unix milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Rises with each alert.
    pub id: i64,
    /// The rule that found it.
    pub rule: AlertRuleId,
    /// The rule's name at that time.
    pub rule_name: String,
    /// What the rule watches.
    pub kind: AlertKind,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about, such as `key:7`; one rule has one open alert about it at most.
    pub subject: String,
    /// What happened, in one line.
    pub title: String,
    /// More about it; may be empty.
    pub detail: String,
    /// Since when.
    pub opened_ms: i64,
    /// When it was over; `None`: it is open.
    pub resolved_ms: Option<i64>,
    /// Who has seen it, and when.
    pub acknowledged: Option<(String, i64)>,
    /// Channels that were told, or are about to be.
    pub told: Vec<AlertChannelId>,
}

/// What a message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertEvent {
    /// Something happened.
    Opened,
    /// It is over.
    Resolved,
    /// Nothing: the channel is tested.
    Test,
}

impl AlertEvent {
    /// The name in the API, in messages and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertEvent::Opened => "opened",
            AlertEvent::Resolved => "resolved",
            AlertEvent::Test => "test",
        }
    }

    /// The event with a name.
    pub fn parse(name: &str) -> Option<Self> {
        [AlertEvent::Opened, AlertEvent::Resolved, AlertEvent::Test].into_iter().find(|event| event.as_str() == name)
    }
}

/// One alert in a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertLine {
    /// The alert's id.
    pub id: i64,
    /// What it is about.
    pub subject: String,
    /// What happened.
    pub title: String,
    /// More about it.
    pub detail: String,
    /// Since when, RFC 3339.
    pub opened_at: String,
    /// When it was over, RFC 3339.
    pub resolved_at: Option<String>,
}

/// What a channel is told: everything that one rule found, or found to be over, at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertMessage {
    /// What it tells.
    pub event: AlertEvent,
    /// How much it matters.
    pub severity: Severity,
    /// The rule's name.
    pub rule: String,
    /// What the rule watches; `None` for a test.
    pub kind: Option<AlertKind>,
    /// All of it in one line.
    pub title: String,
    /// When, RFC 3339.
    pub at: String,
    /// How many alerts it tells of.
    pub count: usize,
    /// The alerts; of very many the first 500.
    pub alerts: Vec<AlertLine>,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is due now or later.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// Every attempt failed, or the receiver will never take it.
    Failed,
    /// It was over before anybody was told, or the channel was switched off.
    Withdrawn,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [DeliveryState; 4] =
        [DeliveryState::Waiting, DeliveryState::Delivered, DeliveryState::Failed, DeliveryState::Withdrawn];

    /// The name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Waiting => "waiting",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
            DeliveryState::Withdrawn => "withdrawn",
        }
    }

    /// The state with a name.
    pub fn parse(name: &str) -> Option<Self> {
        DeliveryState::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A message on its way to a channel. Times are unix milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertDelivery {
    /// Rises with each delivery.
    pub id: i64,
    /// Where to.
    pub channel: AlertChannelId,
    /// The channel's name at that time.
    pub channel_name: String,
    /// The rule that it tells of; `None` for a test.
    pub rule: Option<AlertRuleId>,
    /// What it says.
    pub message: AlertMessage,
    /// What became of it.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: u32,
    /// Why the last attempt failed, or why it was withdrawn.
    pub error: Option<String>,
    /// When it was made.
    pub created_ms: i64,
    /// When it is tried next.
    pub next_ms: i64,
    /// When it was delivered or given up.
    pub finished_ms: Option<i64>,
}
