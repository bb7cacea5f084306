//! Which alerts are open: one for a rule and a subject, opened once and resolved once.

use std::collections::{BTreeMap, HashMap};

use super::findings::{Finding, findings};
use super::observation::Observation;
use crate::domain::{Alert, AlertRule, AlertRuleId, Moment};

/// A rule and a subject.
type Place = (AlertRuleId, String);

/// Alerts that are open, and findings that do not hold for long enough yet.
#[derive(Debug, Default)]
pub(super) struct Book {
    open: BTreeMap<Place, Open>,
    /// Since when a finding holds, in monotonic milliseconds.
    pending: HashMap<Place, u64>,
    last_id: i64,
}

#[derive(Debug)]
struct Open {
    alert: Alert,
    /// When it was last found, in monotonic milliseconds.
    found_ms: u64,
}

/// What changed for one rule at one time.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) opened: Vec<Alert>,
    pub(super) resolved: Vec<Alert>,
}

impl Book {
    /// A book that goes on where a former one ended.
    pub(super) fn restored(open: Vec<Alert>, last_id: i64, now: Moment) -> Self {
        let place = |alert: Alert| ((alert.rule, alert.subject.clone()), Open { alert, found_ms: now.mono_ms });
        Book { open: open.into_iter().map(place).collect(), pending: HashMap::new(), last_id }
    }

    /// Open alerts, the oldest first.
    pub(super) fn open(&self) -> Vec<Alert> {
        let mut alerts: Vec<Alert> = self.open.values().map(|open| open.alert.clone()).collect();
        alerts.sort_by_key(|alert| alert.id);
        alerts
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Holds an observation against one rule. A rule that is off finds nothing, and its alerts are over at once.
    pub(super) fn step(&mut self, rule: &AlertRule, seen: &Observation, now: Moment) -> Change {
        let found = if rule.enabled { findings(rule, seen) } else { Vec::new() };
        let mut change = Change::default();
        let mut held = HashMap::new();
        for finding in found {
            let place = (rule.id, finding.subject.clone());
            if let Some(open) = self.open.get_mut(&place) {
                open.found_ms = now.mono_ms;
                continue;
            }
            let since = self.pending.get(&place).copied().unwrap_or(now.mono_ms);
            if now.mono_ms - since < u64::from(rule.hold_s) * 1000 {
                held.insert(place, since);
            } else {
                let alert = self.opened(rule, finding, now);
                self.open.insert(place, Open { alert: alert.clone(), found_ms: now.mono_ms });
                change.opened.push(alert);
            }
        }
        self.pending.retain(|(id, _), _| *id != rule.id);
        self.pending.extend(held);
        let clear_ms = if rule.enabled { u64::from(rule.clear_s) * 1000 } else { 0 };
        let is_over = |open: &Open| open.found_ms < now.mono_ms && now.mono_ms - open.found_ms >= clear_ms;
        change.resolved = self.resolve(now, |open| open.alert.rule == rule.id && is_over(open));
        change
    }

    /// Ends alerts of rules that are gone.
    pub(super) fn forget_rules(&mut self, is_known: impl Fn(AlertRuleId) -> bool, now: Moment) -> Vec<Alert> {
        self.pending.retain(|(id, _), _| is_known(*id));
        self.resolve(now, |open| !is_known(open.alert.rule))
    }

    /// Changes an open alert.
    pub(super) fn change(&mut self, id: i64, change: impl FnOnce(&mut Alert)) -> Option<Alert> {
        let open = self.open.values_mut().find(|open| open.alert.id == id)?;
        change(&mut open.alert);
        Some(open.alert.clone())
    }

    fn opened(&mut self, rule: &AlertRule, finding: Finding, now: Moment) -> Alert {
        self.last_id += 1;
        Alert {
            id: self.last_id,
            rule: rule.id,
            rule_name: rule.name.clone(),
            kind: rule.kind,
            severity: rule.severity,
            subject: finding.subject,
            title: finding.title,
            detail: finding.detail,
            opened_ms: now.unix_ms,
            resolved_ms: None,
            acknowledged: None,
            told: Vec::new(),
        }
    }

    fn resolve(&mut self, now: Moment, is_over: impl Fn(&Open) -> bool) -> Vec<Alert> {
        let over = self.open.extract_if(.., |_, open| is_over(open));
        over.map(|(_, open)| Alert { resolved_ms: Some(now.unix_ms), ..open.alert }).collect()
    }
}
