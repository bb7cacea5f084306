//! Alert rules as rows.

use std::sync::LazyLock;

use rusqlite::{Connection, Row, params};
use serde_json::{Map, Value, json};

use super::error::StoreError;
use super::row::{Columns, Json, Stored, Which, identity, json_or_null, object, parsed, select, stored, upsert};
use super::view::Catalog;
use crate::domain::{AlertKind, AlertRule, AlertRuleId, InvalidField, ProviderId, Severity};
use crate::store::sealing::Sealer;

const COLUMNS: &[&str] = &[
    "id",
    "name",
    "kind",
    "provider",
    "threshold",
    "minutes",
    "min_calls",
    "percentile",
    "hold_s",
    "clear_s",
    "severity",
    "channels",
    "muted_until_ms",
    "enabled",
    "version",
    "created_ms",
    "updated_ms",
];
static UPSERT: LazyLock<String> = LazyLock::new(|| upsert("alert_rules", COLUMNS));

impl Columns for AlertRule {
    identity!(AlertRuleId, "alert rule", "alert_rules", alert_rules);

    fn check(&self, catalog: &Catalog) -> Result<(), StoreError> {
        self.validate()?;
        if let Some(provider) = self.provider.filter(|provider| !catalog.providers.contains_key(provider)) {
            let message = format!("is {provider}, and there is no such provider");
            return Err(InvalidField { field: "provider", message }.into());
        }
        let unknown = self.channels.iter().flatten().find(|channel| !catalog.alert_channels.contains_key(channel));
        match unknown {
            Some(channel) => {
                let message = format!("names {channel}, and there is no such channel");
                Err(InvalidField { field: "channels", message }.into())
            }
            None => Ok(()),
        }
    }

    fn fields(&self) -> Map<String, Value> {
        object(json!({
            "name": self.name,
            "kind": self.kind,
            "provider": self.provider,
            "threshold": self.threshold,
            "minutes": self.minutes,
            "min_calls": self.min_calls,
            "percentile": self.percentile,
            "hold_s": self.hold_s,
            "clear_s": self.clear_s,
            "severity": self.severity,
            "channels": self.channels,
            "muted_until_ms": self.muted_until_ms,
            "enabled": self.enabled,
        }))
    }

    fn hidden(&self) -> Vec<(&'static str, Vec<u8>)> {
        Vec::new()
    }

    fn conflict(_message: &str) -> &'static str {
        "name"
    }

    fn save(row: &Stored<Self>, connection: &Connection, _sealer: &Sealer) -> rusqlite::Result<()> {
        let rule = &*row.value;
        connection.prepare_cached(&UPSERT)?.execute(params![
            rule.id.0,
            rule.name,
            rule.kind.as_str(),
            rule.provider.map(|provider| provider.0),
            rule.threshold as i64,
            rule.minutes,
            rule.min_calls,
            rule.percentile,
            rule.hold_s,
            rule.clear_s,
            rule.severity.as_str(),
            rule.channels.as_ref().map(Json),
            rule.muted_until_ms,
            rule.enabled,
            row.version,
            row.created_ms,
            row.updated_ms,
        ])?;
        Ok(())
    }

    fn load(connection: &Connection, _sealer: &Sealer, which: Which) -> Result<Vec<Stored<Self>>, StoreError> {
        select("alert_rules", COLUMNS, connection, which, |row| Ok(stored(row, read(row)?)?))
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<AlertRule> {
    Ok(AlertRule {
        id: AlertRuleId(row.get("id")?),
        name: row.get("name")?,
        kind: parsed(row, "kind", AlertKind::parse)?,
        provider: row.get::<_, Option<i64>>("provider")?.map(ProviderId),
        threshold: row.get::<_, i64>("threshold")?.max(0) as u64,
        minutes: row.get("minutes")?,
        min_calls: row.get("min_calls")?,
        percentile: row.get("percentile")?,
        hold_s: row.get("hold_s")?,
        clear_s: row.get("clear_s")?,
        severity: parsed(row, "severity", Severity::parse)?,
        channels: json_or_null(row, "channels")?,
        muted_until_ms: row.get("muted_until_ms")?,
        enabled: row.get("enabled")?,
    })
}
