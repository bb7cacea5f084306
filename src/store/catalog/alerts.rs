//! Alerts that are open or were, and the log of deliveries. Both are kept to a number of entries.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::row::{Json, parsed};
use super::{Store, StoreError, relaxed};
use crate::domain::{Alert, AlertChannelId, AlertDelivery, AlertKind, AlertRuleId, DeliveryState, Severity};
use crate::store::connection::DatabaseError;

/// Alerts that are over, and deliveries that have ended, are kept up to so many entries behind the newest.
const KEPT: i64 = 5_000;

/// What goes on at a start.
#[derive(Clone, Debug, Default)]
pub struct AlertsSoFar {
    /// Open alerts.
    pub open: Vec<Alert>,
    /// Deliveries that wait.
    pub waiting: Vec<AlertDelivery>,
    /// The greatest id that an alert ever had.
    pub last_alert: i64,
    /// The greatest id that a delivery ever had.
    pub last_delivery: i64,
}

impl Store {
    /// Writes alerts and deliveries, whether they are new or have changed.
    pub async fn save_alerts(&self, alerts: Vec<Alert>, deliveries: Vec<AlertDelivery>) -> Result<(), StoreError> {
        let save = move |connection: &mut Connection| {
            relaxed(connection, |transaction| {
                alerts.iter().try_for_each(|alert| save_alert(transaction, alert))?;
                deliveries.iter().try_for_each(|delivery| save_delivery(transaction, delivery))?;
                Ok(forget(transaction)?)
            })
        };
        Ok(self.database.writer().call(save).await?)
    }

    /// What is open and what waits. Blocks; for the start.
    pub fn load_alerts(&self) -> Result<AlertsSoFar, StoreError> {
        self.database.readers().call_blocking(|connection| {
            let greatest = |table| {
                let select = format!("SELECT max(id) FROM {table}");
                connection.query_row(&select, (), |row| row.get::<_, Option<i64>>(0)).optional()
            };
            Ok(AlertsSoFar {
                open: connection
                    .prepare("SELECT * FROM alerts WHERE resolved_ms IS NULL ORDER BY id")?
                    .query_map((), alert)?
                    .collect::<Result<_, _>>()?,
                waiting: connection
                    .prepare("SELECT * FROM alert_deliveries WHERE state = 'waiting' ORDER BY id")?
                    .query_map((), delivery)?
                    .collect::<Result<_, _>>()?,
                last_alert: greatest("alerts")?.flatten().unwrap_or(0),
                last_delivery: greatest("alert_deliveries")?.flatten().unwrap_or(0),
            })
        })
    }

    /// The newest alerts, open or over, only those older than `before` when it is given.
    pub async fn alerts(&self, before: Option<i64>, limit: u32) -> Result<Vec<Alert>, StoreError> {
        self.database
            .readers()
            .call(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT * FROM alerts WHERE id < coalesce(?1, 9223372036854775807) ORDER BY id DESC LIMIT ?2",
                )?;
                let rows = statement.query_map((before, limit), alert)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// The newest deliveries, only those older than `before` and to this channel when they are given.
    pub async fn alert_deliveries(
        &self,
        before: Option<i64>,
        channel: Option<AlertChannelId>,
        limit: u32,
    ) -> Result<Vec<AlertDelivery>, StoreError> {
        self.database
            .readers()
            .call(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT * FROM alert_deliveries WHERE id < coalesce(?1, 9223372036854775807) AND (?2 IS NULL OR channel = ?2)
                     ORDER BY id DESC LIMIT ?3",
                )?;
                let rows = statement.query_map((before, channel.map(|channel| channel.0), limit), delivery)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}

fn save_alert(connection: &Connection, alert: &Alert) -> Result<(), DatabaseError> {
    let (by, at) = alert.acknowledged.as_ref().map(|(by, at)| (by, at)).unzip();
    connection
        .prepare_cached("INSERT OR REPLACE INTO alerts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)")?
        .execute(params![
            alert.id,
            alert.rule.0,
            alert.rule_name,
            alert.kind.as_str(),
            alert.severity.as_str(),
            alert.subject,
            alert.title,
            alert.detail,
            alert.opened_ms,
            alert.resolved_ms,
            by,
            at,
            Json(&alert.told),
        ])?;
    Ok(())
}

fn save_delivery(connection: &Connection, delivery: &AlertDelivery) -> Result<(), DatabaseError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO alert_deliveries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?
        .execute(params![
            delivery.id,
            delivery.channel.0,
            delivery.channel_name,
            delivery.rule.map(|rule| rule.0),
            Json(&delivery.message),
            delivery.state.as_str(),
            delivery.attempts,
            delivery.error,
            delivery.created_ms,
            delivery.next_ms,
            delivery.finished_ms,
        ])?;
    Ok(())
}

fn forget(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("DELETE FROM alerts WHERE resolved_ms IS NOT NULL AND id <= (SELECT max(id) FROM alerts) - ?1")?
        .execute([KEPT])?;
    connection
        .prepare_cached(
            "DELETE FROM alert_deliveries WHERE state <> 'waiting' AND id <= (SELECT max(id) FROM alert_deliveries) - ?1",
        )?
        .execute([KEPT])?;
    Ok(())
}

fn alert(row: &Row<'_>) -> rusqlite::Result<Alert> {
    let by: Option<String> = row.get("acknowledged_by")?;
    Ok(Alert {
        id: row.get("id")?,
        rule: AlertRuleId(row.get("rule")?),
        rule_name: row.get("rule_name")?,
        kind: parsed(row, "kind", AlertKind::parse)?,
        severity: parsed(row, "severity", Severity::parse)?,
        subject: row.get("subject")?,
        title: row.get("title")?,
        detail: row.get("detail")?,
        opened_ms: row.get("opened_ms")?,
        resolved_ms: row.get("resolved_ms")?,
        acknowledged: by.zip(row.get("acknowledged_ms")?),
        told: row.get::<_, Json<Vec<AlertChannelId>>>("told")?.0,
    })
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<AlertDelivery> {
    Ok(AlertDelivery {
        id: row.get("id")?,
        channel: AlertChannelId(row.get("channel")?),
        channel_name: row.get("channel_name")?,
        rule: row.get::<_, Option<i64>>("rule")?.map(AlertRuleId),
        message: row.get::<_, Json<_>>("message")?.0,
        state: parsed(row, "state", DeliveryState::parse)?,
        attempts: row.get("attempts")?,
        error: row.get("error")?,
        created_ms: row.get("created_ms")?,
        next_ms: row.get("next_ms")?,
        finished_ms: row.get("finished_ms")?,
    })
}
