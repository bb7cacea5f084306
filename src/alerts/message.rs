//! What a message says, to programs and to people.

use crate::domain::{Alert, AlertEvent, AlertLine, AlertMessage, AlertRule, Moment, Severity, to_rfc3339};

/// Alerts that a message lists at most.
const MOST_LINES: usize = 500;
/// Alerts that a text for people lists at most.
const MOST_TEXT_LINES: usize = 10;

/// What one rule found, or found to be over, at one time. `alerts` is not empty.
pub(super) fn message_of(rule: &AlertRule, event: AlertEvent, alerts: &[&Alert], now: Moment) -> AlertMessage {
    let line = |alert: &&Alert| AlertLine {
        id: alert.id,
        subject: alert.subject.clone(),
        title: alert.title.clone(),
        detail: alert.detail.clone(),
        opened_at: to_rfc3339(alert.opened_ms),
        resolved_at: alert.resolved_ms.map(to_rfc3339),
    };
    let mut message = AlertMessage {
        event,
        severity: rule.severity,
        rule: rule.name.clone(),
        kind: Some(rule.kind),
        title: String::new(),
        at: to_rfc3339(now.unix_ms),
        count: alerts.len(),
        alerts: alerts.iter().take(MOST_LINES).map(line).collect(),
    };
    message.title = title(&message);
    message
}

/// Brings a message into agreement with its alerts, some of which were taken out.
pub(super) fn shorten(message: &mut AlertMessage) {
    message.count = message.alerts.len();
    message.title = title(message);
}

/// What a channel is tested with.
pub(super) fn test_message(now: Moment) -> AlertMessage {
    AlertMessage {
        event: AlertEvent::Test,
        severity: Severity::Warning,
        rule: "Test".to_owned(),
        kind: None,
        title: "Alerts of Keywheel reach this channel".to_owned(),
        at: to_rfc3339(now.unix_ms),
        count: 0,
        alerts: Vec::new(),
    }
}

fn title(message: &AlertMessage) -> String {
    match message.alerts.as_slice() {
        [] => String::new(),
        [one] => one.title.clone(),
        [first, ..] => format!("{}, and {} more", first.title, message.count - 1),
    }
}

/// The first line that people read.
pub(super) fn headline(message: &AlertMessage) -> String {
    let mark = match (message.event, message.severity) {
        (AlertEvent::Opened, Severity::Critical) => "🔴",
        (AlertEvent::Opened, Severity::Warning) => "🟠",
        (AlertEvent::Resolved, _) => "🟢 Over:",
        (AlertEvent::Test, _) => "🔔",
    };
    format!("{mark} {}", message.title)
}

/// Everything that people read, headline included.
pub(super) fn text(message: &AlertMessage) -> String {
    let mut lines = vec![headline(message)];
    if let [one] = message.alerts.as_slice() {
        lines.extend(Some(one.detail.clone()).filter(|detail| !detail.is_empty()));
        lines.extend(one.resolved_at.as_ref().map(|at| format!("From {} to {at}", one.opened_at)));
    } else {
        lines.extend(message.alerts.iter().take(MOST_TEXT_LINES).map(|line| format!("• {}", line.title)));
        let more = message.count.saturating_sub(MOST_TEXT_LINES);
        lines.extend((more > 0).then(|| format!("… and {more} more")));
    }
    lines.push(format!("Keywheel · {} · {}", message.rule, message.at));
    lines.join("\n")
}
