//! What each kind of rule finds.

use super::*;
use crate::alerts::Traffic;
use crate::alerts::findings::findings;

fn subjects(rule: &AlertRule, seen: &Observation) -> Vec<String> {
    findings(rule, seen).into_iter().map(|finding| finding.subject).collect()
}

fn nothing() -> Vec<String> {
    Vec::new()
}

#[test]
fn keys_pools_and_breakers() {
    let mut seen = with_disabled(&[3, 7]);
    assert_eq!(subjects(&rule(AlertKind::KeyDisabled), &seen), ["key:3", "key:7"]);
    let elsewhere = AlertRule { provider: Some(ProviderId(2)), ..rule(AlertKind::KeyDisabled) };
    assert_eq!(subjects(&elsewhere, &seen), nothing());
    let pool = |threshold| AlertRule { threshold, ..rule(AlertKind::PoolBelow) };
    assert_eq!(subjects(&pool(8), &seen), nothing());
    assert_eq!(subjects(&pool(9), &seen), ["provider:1"]);
    seen.providers[0].enabled = false;
    assert_eq!(subjects(&pool(9), &seen), nothing());
    assert_eq!(subjects(&rule(AlertKind::BreakerOpen), &seen), nothing());
    seen.providers[0].breaker = Some("outage");
    assert_eq!(subjects(&rule(AlertKind::BreakerOpen), &seen), ["provider:1"]);
    seen.providers[0] = ProviderSeen { keys: 0, usable: 0, ..provider(&[]) };
    assert_eq!(subjects(&pool(9), &seen), nothing(), "a provider without keys is not set up yet");
}

#[test]
fn failures_and_durations_need_enough_calls() {
    let of = |rule: &AlertRule, traffic| Observation { traffic: vec![(rule.id, traffic)], ..Observation::default() };
    let failing = rule(AlertKind::ErrorRate);
    for (total, failed, is_found) in [(19, 19, false), (20, 5, false), (20, 6, true), (0, 0, false)] {
        let found = subjects(&failing, &of(&failing, Traffic::Failures { total, failed }));
        assert_eq!(!found.is_empty(), is_found, "{failed} of {total}");
    }
    let slow = rule(AlertKind::Latency);
    for (total, ms, is_found) in
        [(20, Some(30_000), false), (20, Some(30_001), true), (19, Some(90_000), false), (20, None, false)]
    {
        let found = subjects(&slow, &of(&slow, Traffic::Latency { total, ms }));
        assert_eq!(!found.is_empty(), is_found, "{ms:?} of {total}");
    }
}

#[test]
fn budgets_are_nearly_used_up_then_used_up() {
    let budget = rule(AlertKind::Budget);
    let of = |used, of| Observation { clients: vec![client(true, used, of)], ..Observation::default() };
    assert_eq!(subjects(&budget, &of(79, 100)), nothing());
    assert_eq!(subjects(&budget, &of(80, 100)), ["client:4:budget_usd_month:warn"]);
    assert_eq!(subjects(&budget, &of(100, 100)), ["client:4:budget_usd_month:warn", "client:4:budget_usd_month:used"]);
    assert_eq!(subjects(&budget, &of(u64::MAX, u64::MAX)).len(), 2);
}

#[test]
fn a_money_budget_over_unpriced_calls_cannot_be_enforced() {
    let unpriced = rule(AlertKind::BudgetUnenforced);
    let of = |is_money, calls| Observation {
        clients: vec![client(is_money, 0, 100)],
        traffic: vec![(unpriced.id, Traffic::Unpriced(vec![(ClientId(4), calls), (ClientId(9), 5)]))],
        ..Observation::default()
    };
    assert_eq!(subjects(&unpriced, &of(true, 3)), ["client:4"]);
    assert_eq!(subjects(&unpriced, &of(true, 0)), nothing());
    assert_eq!(subjects(&unpriced, &of(false, 3)), nothing());
}

#[test]
fn lost_records_and_a_full_disk() {
    let seen = |newly_dropped, trouble: Option<&str>, free: Option<u64>| Observation {
        newly_dropped,
        log_trouble: trouble.map(str::to_owned),
        disk_free_bytes: free.map(|mib| mib << 20),
        ..Observation::default()
    };
    let lost = rule(AlertKind::LogDropped);
    assert_eq!(subjects(&lost, &seen(0, None, None)), nothing());
    assert_eq!(subjects(&lost, &seen(1, None, None)), ["log"]);
    assert_eq!(subjects(&lost, &seen(0, Some("disk full"), None)), ["log"]);
    let disk = rule(AlertKind::DiskLow);
    assert_eq!(subjects(&disk, &seen(0, None, None)), nothing());
    assert_eq!(subjects(&disk, &seen(0, None, Some(1024))), nothing());
    assert_eq!(subjects(&disk, &seen(0, None, Some(1023))), ["disk"]);
}
