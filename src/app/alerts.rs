//! Alerts: what runs is observed every few seconds, and what is due is delivered.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::upkeep::every;
use super::{App, Parts};
use crate::alerts::{self, AlertDesk, ClientSeen, DisabledKey, Observation, ProviderSeen, Traffic, UsedBudget};
use crate::domain::{
    AlertChannel, AlertDelivery, AlertKind, AlertRule, BudgetPeriod, Client, ClientId, Moment, Outcome, Provider, Snapshot,
};
use crate::rotator::KeyState;
use crate::store::{Axis, Dimension, Range, Rank, Step, Store, StoreError, Sums};

/// Time between two observations.
const OBSERVE: Duration = Duration::from_secs(2);
/// Time between two looks at what is due.
const DELIVER: Duration = Duration::from_millis(250);
/// Observations between two questions about the disk, which lists a folder.
const DISK_EVERY: u32 = 5;
/// Percent of a budget that is nearly all of it, where a client does not say.
const WARN_PERCENT: u8 = 80;

/// The desk as the last run left it. Blocks.
pub(super) fn restored(store: &Store, now: Moment) -> Result<AlertDesk, StoreError> {
    let so_far = store.load_alerts()?;
    Ok(AlertDesk::restored(so_far.open, so_far.waiting, so_far.last_alert, so_far.last_delivery, now))
}

/// Starts the tasks.
pub(super) fn start(app: &App) {
    let memory = Arc::new(Mutex::new(Memory::default()));
    every(app, OBSERVE, move |parts| {
        let memory = memory.clone();
        async move {
            observe(&parts, &mut *memory.lock().await).await;
            save(&parts).await;
        }
    });
    let (tasks, ending) = (app.tasks.clone(), app.ending.clone());
    every(app, DELIVER, move |parts| {
        // One slow receiver holds up nobody else. An attempt that the end cuts off is made again at the next start.
        for (channel, delivery) in due(&parts) {
            let (parts, ending) = (parts.clone(), ending.clone());
            tasks.spawn(async move { ending.run_until_cancelled(deliver(&parts, &channel, delivery)).await });
        }
        async {}
    });
}

/// Writes what has changed. While that fails it is kept, and alerts go on.
pub(super) async fn save(parts: &Parts) {
    let unsaved = parts.alerts.take_unsaved();
    if unsaved.is_empty() {
        return;
    }
    let (alerts, deliveries) = (unsaved.alerts.values().cloned().collect(), unsaved.deliveries.values().cloned().collect());
    if let Err(error) = parts.publisher.store().save_alerts(alerts, deliveries).await {
        tracing::warn!(%error, "cannot write alerts; they stay in memory");
        parts.alerts.keep_unsaved(unsaved);
    }
}

/// What is due, each with the channel as it is now.
fn due(parts: &Parts) -> Vec<(Arc<AlertChannel>, AlertDelivery)> {
    let catalog = parts.publisher.store().catalog();
    let channel_of = |id| catalog.get::<AlertChannel>(id).map(|row| &row.value);
    let due = parts.alerts.take_due(|id| channel_of(id).map(|channel| &**channel), parts.clock.now());
    due.into_iter().filter_map(|delivery| Some((channel_of(delivery.channel)?.clone(), delivery))).collect()
}

async fn deliver(parts: &Parts, channel: &AlertChannel, delivery: AlertDelivery) {
    let outcome = alerts::send(&parts.outbound, channel, &delivery, parts.clock.now()).await;
    if let alerts::Outcome::Failed { error, .. } = &outcome {
        tracing::warn!(channel = channel.name, delivery = delivery.id, %error, "an alert was not delivered");
    }
    parts.alerts.finish(delivery.id, channel, outcome, parts.clock.now());
    save(parts).await;
}

/// What one observation leaves for the next.
#[derive(Debug, Default)]
struct Memory {
    rounds: u32,
    dropped: u64,
    disk_free_bytes: Option<u64>,
}

async fn observe(parts: &Parts, memory: &mut Memory) {
    let now = parts.clock.now();
    let catalog = parts.publisher.store().catalog();
    let rules: Vec<&AlertRule> = catalog.all::<AlertRule>().map(|row| &*row.value).collect();
    let channels: Vec<&AlertChannel> = catalog.all::<AlertChannel>().map(|row| &*row.value).collect();
    let snapshot = parts.publisher.current().load_full();
    let recorder = parts.recorder.status();
    let dropped = recorder.dropped_queue + recorder.dropped_disk;
    let newly_dropped = dropped - std::mem::replace(&mut memory.dropped, dropped);
    if memory.rounds.is_multiple_of(DISK_EVERY) {
        memory.disk_free_bytes = parts.call_log.size().await.ok().and_then(|size| size.disk_free_bytes);
    }
    memory.rounds = memory.rounds.wrapping_add(1);
    let mut seen = Observation {
        providers: snapshot.providers().filter_map(|provider| provider_seen(parts, &snapshot, provider, now)).collect(),
        clients: snapshot.clients().filter_map(|client| client_seen(parts, client, now)).collect(),
        traffic: Vec::new(),
        newly_dropped,
        log_trouble: recorder.trouble,
        disk_free_bytes: memory.disk_free_bytes,
    };
    for rule in rules.iter().filter(|rule| rule.enabled) {
        seen.traffic.extend(traffic(parts, rule, now).await.map(|traffic| (rule.id, traffic)));
    }
    parts.alerts.observe(&rules, &channels, &seen, now);
}

fn provider_seen(parts: &Parts, snapshot: &Snapshot, provider: &Provider, now: Moment) -> Option<ProviderSeen> {
    let status = parts.rotator.provider_status(provider.id, now)?;
    let count = |wanted: &dyn Fn(KeyState) -> bool| -> u64 {
        status.states.iter().filter(|(state, _)| wanted(*state)).map(|(_, keys)| u64::from(*keys)).sum()
    };
    let disabled = match count(&|state| state == KeyState::DisabledAuto) {
        0 => Vec::new(),
        _ => parts.rotator.switched_off(provider.id),
    };
    let named = |(id, reason): (_, Arc<str>)| {
        let name = snapshot.key(id)?.name.clone();
        Some(DisabledKey { id, name, reason: reason.to_string() })
    };
    Some(ProviderSeen {
        id: provider.id,
        name: provider.name.clone(),
        enabled: provider.enabled,
        keys: count(&|state| state != KeyState::DisabledManual),
        usable: count(&|state| matches!(state, KeyState::Active | KeyState::Probing)),
        breaker: status.breaker.map(|(_, kind)| kind),
        disabled: disabled.into_iter().filter_map(named).collect(),
    })
}

fn client_seen(parts: &Parts, client: &Client, now: Moment) -> Option<ClientSeen> {
    let limits = &client.limits;
    let money = [limits.budget_day, limits.budget_month, limits.budget_total];
    let tokens = [limits.tokens_day, limits.tokens_month, limits.tokens_total];
    if !client.enabled || (money.iter().all(Option::is_none) && tokens.iter().all(Option::is_none)) {
        return None;
    }
    let spent = parts.admin.quota.remaining(client, now).spent;
    let mut budgets = Vec::new();
    for (at, period) in BudgetPeriod::ALL.into_iter().enumerate() {
        let of_money =
            money[at].map(|of| (true, crate::quota::Limit::Money(period), spent[at].money.0.max(0) as u64, of.0.max(0) as u64));
        let of_tokens = tokens[at].map(|of| (false, crate::quota::Limit::Tokens(period), spent[at].tokens, of));
        let budget = |(is_money, limit, used, of): (bool, crate::quota::Limit, u64, u64)| UsedBudget {
            name: limit.as_str(),
            is_money,
            used,
            of,
        };
        budgets.extend(of_money.into_iter().chain(of_tokens).map(budget));
    }
    let warn_percent = limits.warn_percent.unwrap_or(WARN_PERCENT).into();
    Some(ClientSeen { id: client.id, name: client.name.clone(), warn_percent, budgets })
}

/// What the statistics say for a rule that asks them; `None`: it does not, or they cannot be read now.
async fn traffic(parts: &Parts, rule: &AlertRule, now: Moment) -> Option<Traffic> {
    let by = match (rule.kind, rule.provider) {
        (AlertKind::ErrorRate | AlertKind::Latency, None) => Dimension::Total,
        (AlertKind::ErrorRate | AlertKind::Latency, Some(_)) => Dimension::Provider,
        (AlertKind::BudgetUnenforced, _) => Dimension::Client,
        _ => return None,
    };
    let range = last_minutes(rule.minutes, now)?;
    let members = match parts.call_log.totals(by, range, Rank::Calls).await {
        Ok(members) => members,
        Err(error) => {
            tracing::warn!(%error, rule = rule.name, "cannot read the statistics for an alert rule");
            return None;
        }
    };
    if rule.kind == AlertKind::BudgetUnenforced {
        let unpriced =
            |member: crate::store::MemberSums| Some((ClientId(member.member.id?), member.sums.unpriced.max(0) as u64));
        return Some(Traffic::Unpriced(members.into_iter().filter_map(unpriced).collect()));
    }
    let wanted = rule.provider.map(|provider| provider.0);
    let sums = members.into_iter().find(|member| member.member.id == wanted).map(|member| member.sums).unwrap_or_default();
    Some(match rule.kind {
        AlertKind::Latency => latency(rule, &sums),
        _ => failures(&sums),
    })
}

/// Calls that a client spoilt or left tell nothing about whether others work.
fn failures(sums: &Sums) -> Traffic {
    let failed = [Outcome::NoKey, Outcome::UpstreamError, Outcome::Interrupted, Outcome::InternalError];
    let failed: i64 = failed.into_iter().map(|outcome| sums.with_outcome(outcome)).sum();
    let total = failed + sums.with_outcome(Outcome::Success);
    Traffic::Failures { total: total.max(0) as u64, failed: failed.max(0) as u64 }
}

fn latency(rule: &AlertRule, sums: &Sums) -> Traffic {
    let ms = sums.latency.percentile(f64::from(rule.percentile) / 100.0).map(|us| us / 1000);
    Traffic::Latency { total: sums.latency.count(), ms }
}

/// The last whole minutes, and the running one.
fn last_minutes(minutes: u32, now: Moment) -> Option<Range> {
    let from_ms = now.unix_ms - i64::from(minutes) * 60_000;
    Axis::new(from_ms, now.unix_ms + 1, Some(Step::Minute), "UTC", now.unix_ms).ok().map(|axis| axis.range())
}
