//! What opens, what is over, and what is told, with time passed in.

mod deliveries;
mod kinds;
mod opening;

use secrecy::SecretString;

use super::{AlertDesk, ClientSeen, DisabledKey, Observation, ProviderSeen, UsedBudget};
use crate::domain::{
    AlertChannel, AlertChannelId, AlertDelivery, AlertKind, AlertRule, AlertRuleId, ChannelKind, ClientId, KeyId, Moment,
    ProviderId, Severity,
};

/// Seconds after the start.
fn at(seconds: u64) -> Moment {
    Moment { mono_ms: 3_600_000, unix_ms: 1_764_064_800_000 }.plus_ms(seconds * 1000)
}

/// A rule without waits.
fn rule(kind: AlertKind) -> AlertRule {
    AlertRule { id: AlertRuleId(1), hold_s: 0, clear_s: 0, ..AlertRule::of(kind, kind.as_str().to_owned()) }
}

fn channel(id: i64) -> AlertChannel {
    AlertChannel {
        id: AlertChannelId(id),
        name: format!("channel {id}"),
        kind: ChannelKind::Webhook,
        url: SecretString::from("http://127.0.0.1:1/hook"),
        secret: SecretString::default(),
        mail: None,
        allow_private: true,
        quiet: None,
        least: Severity::Warning,
        attempts: 3,
        retry_ms: 1_000,
        enabled: true,
    }
}

/// A provider of ten keys, of which these were switched off.
fn provider(disabled: &[i64]) -> ProviderSeen {
    let key = |id: &i64| DisabledKey { id: KeyId(*id), name: format!("k{id}"), reason: "invalid_key".to_owned() };
    ProviderSeen {
        id: ProviderId(1),
        name: "openai".to_owned(),
        enabled: true,
        keys: 10,
        usable: 10 - disabled.len() as u64,
        breaker: None,
        disabled: disabled.iter().map(key).collect(),
    }
}

fn with_disabled(disabled: &[i64]) -> Observation {
    Observation { providers: vec![provider(disabled)], ..Observation::default() }
}

fn client(is_money: bool, used: u64, of: u64) -> ClientSeen {
    let budgets = vec![UsedBudget { name: "budget_usd_month", is_money, used, of }];
    ClientSeen { id: ClientId(4), name: "app".to_owned(), warn_percent: 80, budgets }
}

/// Takes out everything that is due on these channels.
fn due(desk: &AlertDesk, channels: &[AlertChannel], now: Moment) -> Vec<AlertDelivery> {
    desk.take_due(|id| channels.iter().find(|channel| channel.id == id), now)
}

/// Event and title of each.
fn said(deliveries: &[AlertDelivery]) -> Vec<(&'static str, String)> {
    deliveries.iter().map(|delivery| (delivery.message.event.as_str(), delivery.message.title.clone())).collect()
}
