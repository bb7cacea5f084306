//! Alert rules as the API shows and takes them.

use poem_openapi::Object;

use crate::admin::wire::{bodies, example, map, required, set_or, set_or_remove, try_map};
use crate::domain::{AlertChannelId, AlertKind, AlertRule, InvalidField, ProviderId, Severity, from_rfc3339, to_rfc3339};
use crate::store::Stored;

bodies! {
    /// A rule to be made. What is left out is what is usual for its kind.
    create AlertRuleCreate;
    /// What to change of a rule.
    change AlertRuleChange;
    required {
        /// Name, unique.
        name: String,
        /// What it watches.
        kind: AlertKind,
    }
    optional {
        /// Only this provider; null: every provider, or all calls together.
        provider: i64,
        /// Least usable keys (`pool_below`), most percent of failed calls (`error_rate`), most milliseconds (`latency`), least
        /// MiB that are free (`disk_low`); without meaning for the others.
        threshold: u64,
        /// The last so many minutes count, 1 to 1440; for `error_rate`, `latency` and `budget_unenforced`.
        minutes: u32,
        /// With fewer calls in them than this, an error rate or a latency says nothing.
        min_calls: u32,
        /// The percentile of a latency, 1 to 99.
        percentile: u8,
        /// It must hold for so many seconds before an alert opens, 0 to 86400.
        hold_s: u32,
        /// It must be over for so many seconds before the alert is resolved, 0 to 86400.
        clear_s: u32,
        /// How much it matters.
        severity: Severity,
        /// Ids of the channels that are told; null: all.
        channels: Vec<i64>,
        /// Until when nobody is told, RFC 3339; null: it is not muted.
        muted_until: String,
        /// Whether it is watched.
        enabled: bool,
    }
}

example!(AlertRuleCreate, { "name": "Few keys at openai", "kind": "pool_below", "provider": 1, "threshold": 3 });
example!(AlertRuleChange, { "threshold": 5, "muted_until": "2026-11-26T08:00:00Z" });

impl AlertRuleChange {
    pub(super) fn create(self) -> Result<AlertRule, InvalidField> {
        let kind = required("kind", self.kind)?.unwrap_or(AlertKind::KeyDisabled);
        let mut rule = AlertRule::of(kind, String::new());
        self.apply(&mut rule)?;
        Ok(rule)
    }

    pub(super) fn apply(self, rule: &mut AlertRule) -> Result<(), InvalidField> {
        rule.name = required("name", self.name)?.unwrap_or_else(|| std::mem::take(&mut rule.name));
        rule.kind = required("kind", self.kind)?.unwrap_or(rule.kind);
        let usual = AlertRule::of(rule.kind, String::new());
        set_or_remove(&mut rule.provider, map(self.provider, ProviderId));
        set_or(&mut rule.threshold, self.threshold, usual.threshold);
        set_or(&mut rule.minutes, self.minutes, usual.minutes);
        set_or(&mut rule.min_calls, self.min_calls, usual.min_calls);
        set_or(&mut rule.percentile, self.percentile, usual.percentile);
        set_or(&mut rule.hold_s, self.hold_s, usual.hold_s);
        set_or(&mut rule.clear_s, self.clear_s, usual.clear_s);
        set_or(&mut rule.severity, self.severity, usual.severity);
        let ids = |channels: Vec<i64>| channels.into_iter().map(AlertChannelId).collect();
        set_or_remove(&mut rule.channels, map(self.channels, ids));
        let message = "must be an RFC 3339 time such as 2027-01-31T00:00:00Z";
        let time = |text: String| from_rfc3339(&text).ok_or(InvalidField { field: "muted_until", message: message.to_owned() });
        set_or_remove(&mut rule.muted_until_ms, try_map(self.muted_until, time)?);
        set_or(&mut rule.enabled, self.enabled, true);
        Ok(())
    }
}

/// A rule: what is watched, and who is told of it.
#[derive(Object)]
#[oai(rename = "AlertRule", example)]
pub(super) struct AlertRuleBody {
    /// Id.
    pub(super) id: i64,
    /// Version, as in `ETag`.
    version: i64,
    /// When it was last changed.
    updated_at: String,
    /// Name.
    name: String,
    /// What it watches.
    kind: AlertKind,
    /// Only this provider; null: every provider, or all calls together.
    #[oai(nullable)]
    provider: Option<i64>,
    /// Keys, percent, milliseconds or MiB, as the kind says.
    threshold: u64,
    /// The last so many minutes count.
    minutes: u32,
    /// With fewer calls in them than this, an error rate or a latency says nothing.
    min_calls: u32,
    /// The percentile of a latency.
    percentile: u8,
    /// It must hold for so many seconds before an alert opens.
    hold_s: u32,
    /// It must be over for so many seconds before the alert is resolved.
    clear_s: u32,
    /// How much it matters.
    severity: Severity,
    /// Ids of the channels that are told; null: all.
    #[oai(nullable)]
    channels: Option<Vec<i64>>,
    /// Until when nobody is told.
    #[oai(nullable)]
    muted_until: Option<String>,
    /// Whether it is watched.
    enabled: bool,
}

impl From<&Stored<AlertRule>> for AlertRuleBody {
    fn from(row: &Stored<AlertRule>) -> Self {
        let rule = &*row.value;
        AlertRuleBody {
            id: rule.id.0,
            version: row.version,
            updated_at: to_rfc3339(row.updated_ms),
            name: rule.name.clone(),
            kind: rule.kind,
            provider: rule.provider.map(|provider| provider.0),
            threshold: rule.threshold,
            minutes: rule.minutes,
            min_calls: rule.min_calls,
            percentile: rule.percentile,
            hold_s: rule.hold_s,
            clear_s: rule.clear_s,
            severity: rule.severity,
            channels: rule.channels.as_ref().map(|channels| channels.iter().map(|channel| channel.0).collect()),
            muted_until: rule.muted_until_ms.map(to_rfc3339),
            enabled: rule.enabled,
        }
    }
}

example!(AlertRuleBody, {
    "id": 2, "version": 1, "updated_at": "2026-11-25T10:00:00Z", "name": "No usable key", "kind": "pool_below", "provider": null,
    "threshold": 1, "minutes": 5, "min_calls": 20, "percentile": 95, "hold_s": 30, "clear_s": 60, "severity": "critical",
    "channels": null, "muted_until": null, "enabled": true,
});

/// A page of rules.
#[derive(Object)]
pub(super) struct AlertRulePage {
    /// The rules.
    pub(super) rules: Vec<AlertRuleBody>,
    /// Where the next page begins; null: this is the last.
    #[oai(nullable)]
    pub(super) next_cursor: Option<String>,
}
