//! Keys of another gateway: its database file, or exports of its tables.

use std::path::Path;

use anyhow::Context;
use http::Method;
use serde_json::{Value, json};

use super::{AdminApi, Import, provider_named, say, text_of};
use crate::domain::{ForeignRow, Gateway, read_foreign_rows};
use crate::store::{is_database, read_foreign_tables};

pub(super) fn gateway(text: &str) -> Result<Gateway, String> {
    Gateway::parse(text).ok_or_else(|| format!("it is one of {}", Gateway::ALL.map(Gateway::as_str).join(", ")))
}

impl Import {
    /// The rows of every file.
    pub(super) fn rows(&self, gateway: Gateway) -> anyhow::Result<Vec<ForeignRow>> {
        let mut rows = Vec::new();
        for file in &self.files {
            let in_file = || format!("cannot read {file}");
            if file != "-" && is_database(Path::new(file)).with_context(in_file)? {
                let tables = read_foreign_tables(Path::new(file), gateway.tables()).with_context(in_file)?;
                rows.extend(tables.with_context(|| {
                    format!("{file} has no table {}: it is no database of {}", gateway.tables().join(" or "), gateway.as_str())
                })?);
            } else {
                rows.extend(read_foreign_rows(&text_of(file)?).with_context(in_file)?);
            }
        }
        anyhow::ensure!(!rows.is_empty(), "there are no rows of {} in what was given", gateway.as_str());
        Ok(rows)
    }

    /// Shows what would become of every row, and imports what can be.
    pub(super) async fn import_foreign(&self, api: &AdminApi, gateway: Gateway, rows: &[ForeignRow]) -> anyhow::Result<()> {
        let provider = match &self.provider {
            Some(name) => provider_named(api, name).await?,
            None => Value::Null,
        };
        let request = json!({
            "from": gateway.as_str(), "text": serde_json::to_string(rows)?, "provider": provider, "tags": self.tags,
            "with_disabled": self.with_disabled, "skip_malformed": self.skip_malformed,
        });
        let preview = api.call(Method::POST, "/api/keys/foreign/preview", Some(&request)).await?;
        show(&preview);
        if self.dry_run {
            return Ok(());
        }
        let event = api.last_event("/api/keys/foreign/import", &request).await?;
        if let Some(message) = event["error"]["message"].as_str() {
            anyhow::bail!("{message}; nothing was imported");
        }
        let result = &event["result"];
        let count = |member: &str| result[member].as_array().map_or(0, Vec::len);
        say(format_args!(
            "keys imported from {}: {}; providers made: {}; there already: {}; left out: {}",
            gateway.as_str(),
            count("ids"),
            count("providers"),
            result["exists"],
            preview["skipped"].as_u64().unwrap_or_default() + result["malformed"].as_u64().unwrap_or_default()
        ))?;
        Ok(())
    }
}

/// A line for each key and provider, for people.
fn show(preview: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for entry in preview["entries"].as_array().into_iter().flatten() {
        let parts = [&entry["state"], &entry["secret_hint"], &entry["name"], &entry["message"]].map(text);
        let said: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        let provider = entry["provider"].as_str().map(|provider| format!(" for {provider}")).unwrap_or_default();
        eprintln!("{}{provider}: {}", text(&entry["place"]), said.join(", "));
    }
    for provider in preview["providers"].as_array().into_iter().flatten() {
        let made = if provider["id"].is_null() { " (to be made)" } else { "" };
        let (name, url) = (text(&provider["name"]), text(&provider["base_url"]));
        eprintln!("provider {name}{made} at {url}, auth {}: {} keys", text(&provider["auth"]), provider["keys"]);
    }
}
