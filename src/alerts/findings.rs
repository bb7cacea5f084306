//! What a rule finds in an observation.

use super::observation::{ClientSeen, Observation, ProviderSeen, Traffic, UsedBudget};
use crate::domain::{AlertKind, AlertRule, ClientId, Nanodollars};

/// Something that a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What it is about, such as `key:7`.
    pub(super) subject: String,
    /// What happened, in one line.
    pub(super) title: String,
    /// More about it.
    pub(super) detail: String,
}

/// Everything that a rule finds, in a stable order.
pub(super) fn findings(rule: &AlertRule, seen: &Observation) -> Vec<Finding> {
    let providers = seen.providers.iter().filter(|provider| rule.provider.is_none_or(|id| id == provider.id));
    match rule.kind {
        AlertKind::KeyDisabled => providers.flat_map(disabled_keys).collect(),
        AlertKind::PoolBelow => providers.filter_map(|provider| small_pool(rule, provider)).collect(),
        AlertKind::BreakerOpen => providers.filter_map(open_breaker).collect(),
        AlertKind::ErrorRate | AlertKind::Latency => traffic(rule, seen).into_iter().collect(),
        AlertKind::Budget => seen.clients.iter().flat_map(budgets).collect(),
        AlertKind::BudgetUnenforced => unenforced(rule, seen),
        AlertKind::LogDropped => lost_records(seen).into_iter().collect(),
        AlertKind::DiskLow => full_disk(rule, seen).into_iter().collect(),
    }
}

fn disabled_keys(provider: &ProviderSeen) -> Vec<Finding> {
    let of = |key: &super::DisabledKey| Finding {
        subject: format!("key:{}", key.id),
        title: format!("The key {}/{} was switched off", provider.name, key.name),
        detail: format!("Reason: {}. It is probed from time to time and comes back by itself when it works again.", key.reason),
    };
    provider.disabled.iter().map(of).collect()
}

fn small_pool(rule: &AlertRule, provider: &ProviderSeen) -> Option<Finding> {
    // A provider without keys was not set up yet, or is being emptied: nothing that somebody must be told.
    let is_small = provider.enabled && provider.keys > 0 && provider.usable < rule.threshold;
    is_small.then(|| Finding {
        subject: format!("provider:{}", provider.id),
        title: format!("{} has {} usable keys of {}", provider.name, provider.usable, provider.keys),
        detail: format!("The rule wants at least {}. The others rest, are at a limit, or were switched off.", rule.threshold),
    })
}

fn open_breaker(provider: &ProviderSeen) -> Option<Finding> {
    let kind = provider.breaker?;
    Some(Finding {
        subject: format!("provider:{}", provider.id),
        title: format!("{} fails for every key", provider.name),
        detail: format!(
            "Kind of failure: {kind}. Its keys are spared, and one call at a time finds out whether it works again."
        ),
    })
}

/// The statistics of a rule.
fn asked<'a>(rule: &AlertRule, seen: &'a Observation) -> Option<&'a Traffic> {
    seen.traffic.iter().find(|(id, _)| *id == rule.id).map(|(_, traffic)| traffic)
}

fn traffic(rule: &AlertRule, seen: &Observation) -> Option<Finding> {
    let provider = rule.provider.and_then(|id| seen.providers.iter().find(|provider| provider.id == id));
    let whose = provider.map_or_else(|| "all calls".to_owned(), |provider| format!("calls at {}", provider.name));
    let subject = rule.provider.map_or_else(|| "calls".to_owned(), |id| format!("provider:{id}"));
    let found = |title, detail| Some(Finding { subject, title, detail });
    match (rule.kind, asked(rule, seen)?) {
        (AlertKind::ErrorRate, Traffic::Failures { total, failed }) => {
            let is_high = *total >= u64::from(rule.min_calls) && failed * 100 > total * rule.threshold;
            if !is_high {
                return None;
            }
            let title = format!("{} % of {whose} fail", failed * 100 / total);
            found(title, format!("{failed} of {total} in {} min; the rule allows {} %.", rule.minutes, rule.threshold))
        }
        (AlertKind::Latency, Traffic::Latency { total, ms: Some(ms) }) => {
            if *total < u64::from(rule.min_calls) || *ms <= rule.threshold {
                return None;
            }
            let title = format!("{whose} take {ms} ms (p{})", rule.percentile);
            found(title, format!("{total} in {} min; the rule allows {} ms.", rule.minutes, rule.threshold))
        }
        _ => None,
    }
}

fn budgets(client: &ClientSeen) -> Vec<Finding> {
    let mut found = Vec::new();
    for budget in &client.budgets {
        let finding = |state: &str, words: &str| Finding {
            subject: format!("client:{}:{}:{state}", client.id, budget.name),
            title: format!("{words}: {} of {}", budget.name, client.name),
            detail: format!("{} of {} are used.", amount(budget, budget.used), amount(budget, budget.of)),
        };
        if u128::from(budget.used) * 100 >= u128::from(budget.of) * u128::from(client.warn_percent) {
            found.push(finding("warn", &format!("{} % of a budget are used", client.warn_percent)));
        }
        if budget.used >= budget.of {
            found.push(finding("used", "A budget is used up"));
        }
    }
    found
}

fn amount(budget: &UsedBudget, amount: u64) -> String {
    if budget.is_money { format!("{:.4} USD", Nanodollars(amount as i64).as_dollars()) } else { format!("{amount} tokens") }
}

fn unenforced(rule: &AlertRule, seen: &Observation) -> Vec<Finding> {
    let Some(Traffic::Unpriced(clients)) = asked(rule, seen) else { return Vec::new() };
    let with_money = |id: ClientId| {
        seen.clients.iter().find(|client| client.id == id && client.budgets.iter().any(|budget| budget.is_money))
    };
    let of = |(id, calls): &(ClientId, u64)| {
        let client = with_money(*id).filter(|_| *calls > 0)?;
        Some(Finding {
            subject: format!("client:{id}"),
            title: format!("The budget of {} cannot be enforced", client.name),
            detail: format!(
                "{calls} calls in {} min used models without a price. Give the models a price, or set refuse_unpriced.",
                rule.minutes
            ),
        })
    };
    clients.iter().filter_map(of).collect()
}

fn lost_records(seen: &Observation) -> Option<Finding> {
    let detail = match (&seen.log_trouble, seen.newly_dropped) {
        (Some(trouble), _) => format!("Writing fails: {trouble}"),
        (None, 0) => return None,
        (None, lost) => format!("{lost} records were lost because they came faster than they are written."),
    };
    Some(Finding { subject: "log".to_owned(), title: "Call records are lost; calls go on".to_owned(), detail })
}

fn full_disk(rule: &AlertRule, seen: &Observation) -> Option<Finding> {
    const MIB: u64 = 1024 * 1024;
    let free = seen.disk_free_bytes? / MIB;
    (free < rule.threshold).then(|| Finding {
        subject: "disk".to_owned(),
        title: format!("{free} MiB are free on the disk of the data folder"),
        detail: format!("The rule wants at least {} MiB. Shorten retention_days, or make room.", rule.threshold),
    })
}
