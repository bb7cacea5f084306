//! Alert channels as rows. Their URLs are sealed too: with most receivers whoever knows the URL may write.

use std::sync::LazyLock;

use rusqlite::{Connection, Row, params};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::edit::Edit;
use super::error::StoreError;
use super::row::{Columns, Json, Stored, Which, identity, json_or_null, object, opened, parsed, select, stored, upsert};
use super::view::Catalog;
use crate::domain::{AlertChannel, AlertChannelId, AlertRule, AlertRuleId, ChannelKind, Severity};
use crate::store::sealing::Sealer;

const COLUMNS: &[&str] = &[
    "id",
    "name",
    "kind",
    "url",
    "secret",
    "mail",
    "allow_private",
    "quiet",
    "least",
    "attempts",
    "retry_ms",
    "enabled",
    "version",
    "created_ms",
    "updated_ms",
];
static UPSERT: LazyLock<String> = LazyLock::new(|| upsert("alert_channels", COLUMNS));
const URL: &str = "alert_channels.url";
const SECRET: &str = "alert_channels.secret";

impl Columns for AlertChannel {
    identity!(AlertChannelId, "alert channel", "alert_channels", alert_channels);

    fn check(&self, _catalog: &Catalog) -> Result<(), StoreError> {
        Ok(self.validate()?)
    }

    fn fields(&self) -> Map<String, Value> {
        object(json!({
            "name": self.name,
            "kind": self.kind,
            "url": self.url_hint(),
            "mail": self.mail,
            "allow_private": self.allow_private,
            "quiet": self.quiet,
            "least": self.least,
            "attempts": self.attempts,
            "retry_ms": self.retry_ms,
            "enabled": self.enabled,
        }))
    }

    fn hidden(&self) -> Vec<(&'static str, Vec<u8>)> {
        let bytes = |secret: &SecretString| secret.expose_secret().as_bytes().to_vec();
        vec![("url", bytes(&self.url)), ("secret", bytes(&self.secret))]
    }

    fn conflict(_message: &str) -> &'static str {
        "name"
    }

    fn save(row: &Stored<Self>, connection: &Connection, sealer: &Sealer) -> rusqlite::Result<()> {
        let channel = &*row.value;
        let id = channel.id.0;
        connection.prepare_cached(&UPSERT)?.execute(params![
            id,
            channel.name,
            channel.kind.as_str(),
            sealer.seal(URL, id, channel.url.expose_secret()),
            sealer.seal(SECRET, id, channel.secret.expose_secret()),
            channel.mail.as_ref().map(Json),
            channel.allow_private,
            channel.quiet.as_ref().map(Json),
            channel.least.as_str(),
            channel.attempts,
            channel.retry_ms as i64,
            channel.enabled,
            row.version,
            row.created_ms,
            row.updated_ms,
        ])?;
        Ok(())
    }

    fn load(connection: &Connection, sealer: &Sealer, which: Which) -> Result<Vec<Stored<Self>>, StoreError> {
        select("alert_channels", COLUMNS, connection, which, |row| Ok(stored(row, read(row, sealer)?)?))
    }

    /// Rules that name it go on without it.
    fn before_delete(&self, edit: &mut Edit<'_>) -> Result<(), StoreError> {
        let named = |rule: &AlertRule| rule.channels.as_ref().is_some_and(|channels| channels.contains(&self.id));
        let rules = edit.catalog().all::<AlertRule>().filter(|row| named(&row.value));
        let rules: Vec<AlertRuleId> = rules.map(|row| row.value.id).collect();
        let without = |rule: &mut AlertRule| {
            rule.channels.iter_mut().for_each(|channels| channels.retain(|channel| *channel != self.id));
            Ok(())
        };
        rules.into_iter().try_for_each(|rule| edit.update(rule, None, without).map(drop))
    }
}

fn read(row: &Row<'_>, sealer: &Sealer) -> Result<AlertChannel, StoreError> {
    Ok(AlertChannel {
        id: AlertChannelId(row.get("id")?),
        name: row.get("name")?,
        kind: parsed(row, "kind", ChannelKind::parse)?,
        url: opened(row, sealer, "alert_channels", URL)?.unwrap_or_default(),
        secret: opened(row, sealer, "alert_channels", SECRET)?.unwrap_or_default(),
        mail: json_or_null(row, "mail")?,
        allow_private: row.get("allow_private")?,
        quiet: json_or_null(row, "quiet")?,
        least: parsed(row, "least", Severity::parse)?,
        attempts: row.get("attempts")?,
        retry_ms: row.get::<_, i64>("retry_ms")?.max(0) as u64,
        enabled: row.get("enabled")?,
    })
}
