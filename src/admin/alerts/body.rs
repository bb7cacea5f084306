//! Alerts and deliveries as the API shows them.

use poem_openapi::Object;

use crate::admin::wire::{example, words};
use crate::domain::{
    Alert, AlertDelivery, AlertEvent, AlertKind, ChannelKind, DeliveryState, MailSecurity, Severity, to_rfc3339,
};

words!(
    AlertKind,
    "AlertKind",
    [
        "key_disabled",
        "pool_below",
        "error_rate",
        "latency",
        "budget",
        "budget_unenforced",
        "breaker_open",
        "log_dropped",
        "disk_low"
    ]
);
words!(Severity, "AlertSeverity", ["warning", "critical"]);
words!(AlertEvent, "AlertEvent", ["opened", "resolved", "test"]);
words!(DeliveryState, "AlertDeliveryState", ["waiting", "delivered", "failed", "withdrawn"]);
words!(ChannelKind, "AlertChannelKind", ["webhook", "slack", "feishu", "dingtalk", "wecom", "email"]);
words!(MailSecurity, "MailSecurity", ["starttls", "tls", "none"]);

/// Something that a rule found.
#[derive(Object)]
#[oai(rename = "Alert", example)]
pub(super) struct AlertBody {
    /// Id.
    pub(super) id: i64,
    /// The rule's id.
    rule: i64,
    /// The rule's name at that time.
    rule_name: String,
    /// What the rule watches.
    kind: AlertKind,
    /// How much it matters.
    severity: Severity,
    /// What it is about, such as `key:7`.
    subject: String,
    /// What happened.
    title: String,
    /// More about it.
    detail: String,
    /// Since when.
    opened_at: String,
    /// When it was over; null: it is open.
    #[oai(nullable)]
    resolved_at: Option<String>,
    /// Who has seen it.
    #[oai(nullable)]
    acknowledged_by: Option<String>,
    /// When it was seen.
    #[oai(nullable)]
    acknowledged_at: Option<String>,
}

impl From<&Alert> for AlertBody {
    fn from(alert: &Alert) -> Self {
        AlertBody {
            id: alert.id,
            rule: alert.rule.0,
            rule_name: alert.rule_name.clone(),
            kind: alert.kind,
            severity: alert.severity,
            subject: alert.subject.clone(),
            title: alert.title.clone(),
            detail: alert.detail.clone(),
            opened_at: to_rfc3339(alert.opened_ms),
            resolved_at: alert.resolved_ms.map(to_rfc3339),
            acknowledged_by: alert.acknowledged.as_ref().map(|(by, _)| by.clone()),
            acknowledged_at: alert.acknowledged.as_ref().map(|(_, at)| to_rfc3339(*at)),
        }
    }
}

example!(AlertBody, {
    "id": 12, "rule": 1, "rule_name": "Key disabled", "kind": "key_disabled", "severity": "warning", "subject": "key:7",
    "title": "The key openai/team-a was switched off", "detail": "Reason: invalid_key.", "opened_at": "2026-11-25T10:00:00Z",
    "resolved_at": null, "acknowledged_by": "user:anna", "acknowledged_at": "2026-11-25T10:02:00Z",
});

/// Alerts that are open.
#[derive(Object)]
pub(super) struct OpenAlerts {
    /// The alerts.
    pub(super) alerts: Vec<AlertBody>,
}

/// A page of alerts.
#[derive(Object)]
pub(super) struct AlertPage {
    /// The alerts.
    pub(super) alerts: Vec<AlertBody>,
    /// Where the next page begins; null: this is the last.
    #[oai(nullable)]
    pub(super) next_cursor: Option<String>,
}

/// A message on its way to a channel.
#[derive(Object)]
#[oai(rename = "AlertDelivery", example)]
pub(super) struct DeliveryBody {
    /// Id.
    pub(super) id: i64,
    /// The channel's id.
    channel: i64,
    /// The channel's name at that time.
    channel_name: String,
    /// The rule's id; null for a test.
    #[oai(nullable)]
    rule: Option<i64>,
    /// What it tells.
    event: AlertEvent,
    /// How much it matters.
    severity: Severity,
    /// What it says, in one line.
    title: String,
    /// How many alerts it tells of.
    count: u64,
    /// What became of it.
    state: DeliveryState,
    /// Attempts so far.
    attempts: u32,
    /// Why the last attempt failed, or why it was withdrawn.
    #[oai(nullable)]
    error: Option<String>,
    /// When it was made.
    created_at: String,
    /// When it is tried next; null: it has ended.
    #[oai(nullable)]
    next_at: Option<String>,
    /// When it ended.
    #[oai(nullable)]
    finished_at: Option<String>,
}

impl From<&AlertDelivery> for DeliveryBody {
    fn from(delivery: &AlertDelivery) -> Self {
        let waits = delivery.state == DeliveryState::Waiting;
        DeliveryBody {
            id: delivery.id,
            channel: delivery.channel.0,
            channel_name: delivery.channel_name.clone(),
            rule: delivery.rule.map(|rule| rule.0),
            event: delivery.message.event,
            severity: delivery.message.severity,
            title: delivery.message.title.clone(),
            count: delivery.message.count as u64,
            state: delivery.state,
            attempts: delivery.attempts,
            error: delivery.error.clone(),
            created_at: to_rfc3339(delivery.created_ms),
            next_at: waits.then(|| to_rfc3339(delivery.next_ms)),
            finished_at: delivery.finished_ms.map(to_rfc3339),
        }
    }
}

example!(DeliveryBody, {
    "id": 31, "channel": 1, "channel_name": "ops", "rule": 1, "event": "opened", "severity": "warning",
    "title": "The key openai/team-a was switched off", "count": 1, "state": "delivered", "attempts": 2, "error": null,
    "created_at": "2026-11-25T10:00:00Z", "next_at": null, "finished_at": "2026-11-25T10:00:05Z",
});

/// A page of deliveries.
#[derive(Object)]
pub(super) struct DeliveryPage {
    /// The deliveries.
    pub(super) deliveries: Vec<DeliveryBody>,
    /// Where the next page begins; null: this is the last.
    #[oai(nullable)]
    pub(super) next_cursor: Option<String>,
}
