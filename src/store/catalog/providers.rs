//! Providers as rows.

use std::sync::LazyLock;

use rusqlite::{Connection, Row, params};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::edit::Edit;
use super::error::StoreError;
use super::row::{
    Columns, Json, Stored, Which, identity, json_or_default, json_unless_default, object, opened, parsed, select, stored,
    upsert,
};
use super::view::Catalog;
use crate::domain::{AuthScheme, BaseUrl, InvalidField, Key, KeyId, Model, Provider, ProviderId};
use crate::store::sealing::Sealer;

const COLUMNS: &[&str] = &[
    "id",
    "name",
    "base_url",
    "exact_base_url",
    "auth",
    "headers",
    "pass_headers",
    "timeouts",
    "proxy",
    "is_default",
    "allow_private",
    "attempts",
    "time_zone",
    "probe",
    "enabled",
    "version",
    "created_ms",
    "updated_ms",
];
static UPSERT: LazyLock<String> = LazyLock::new(|| upsert("providers", COLUMNS));
const HEADERS: &str = "providers.headers";
const PROXY: &str = "providers.proxy";

impl Columns for Provider {
    identity!(ProviderId, "provider", "providers", providers);

    fn check(&self, _catalog: &Catalog) -> Result<(), StoreError> {
        self.validate()?;
        match &self.time_zone {
            Some(zone) if jiff::tz::TimeZone::get(zone).is_err() => {
                let message = format!("must be an IANA time zone such as Asia/Shanghai, not {zone:?}");
                Err(InvalidField { field: "time_zone", message }.into())
            }
            _ => Ok(()),
        }
    }

    fn fields(&self) -> Map<String, Value> {
        object(json!({
            "name": self.name,
            "base_url": self.base_url.as_given(),
            "exact_base_url": self.base_url.is_exact(),
            "auth": self.auth.to_text(),
            "headers": self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "pass_headers": self.pass_headers,
            "timeouts": self.timeouts,
            "proxy": self.proxy.as_ref().map(|_| "…"),
            "default": self.is_default,
            "allow_private": self.allow_private,
            "attempts": self.attempts,
            "time_zone": self.time_zone,
            "probe": self.probe,
            "enabled": self.enabled,
        }))
    }

    fn hidden(&self) -> Vec<(&'static str, Vec<u8>)> {
        let headers = json!(self.headers).to_string().into_bytes();
        vec![("headers", headers), ("proxy", self.proxy.clone().unwrap_or_default().into_bytes())]
    }

    fn conflict(_message: &str) -> &'static str {
        "name"
    }

    fn save(row: &Stored<Self>, connection: &Connection, sealer: &Sealer) -> rusqlite::Result<()> {
        let provider = &*row.value;
        let id = provider.id.0;
        let headers = (!provider.headers.is_empty()).then(|| sealer.seal(HEADERS, id, &json!(provider.headers).to_string()));
        connection.prepare_cached(&UPSERT)?.execute(params![
            id,
            provider.name,
            provider.base_url.as_given(),
            provider.base_url.is_exact(),
            provider.auth.to_text(),
            headers,
            json_unless_default(&provider.pass_headers),
            Json(&provider.timeouts),
            provider.proxy.as_ref().map(|proxy| sealer.seal(PROXY, id, proxy)),
            provider.is_default,
            provider.allow_private,
            provider.attempts,
            provider.time_zone,
            Json(&provider.probe),
            provider.enabled,
            row.version,
            row.created_ms,
            row.updated_ms,
        ])?;
        Ok(())
    }

    fn load(connection: &Connection, sealer: &Sealer, which: Which) -> Result<Vec<Stored<Self>>, StoreError> {
        select("providers", COLUMNS, connection, which, |row| {
            let provider = read(row, sealer)?;
            Ok(stored(row, provider)?)
        })
    }

    /// Only one provider is the default: the last one that was made so.
    fn displaces(&self, catalog: &Catalog) -> Vec<Self> {
        let others = catalog.all::<Provider>().filter(|row| row.value.is_default && row.value.id != self.id && self.is_default);
        others.map(|row| Provider { is_default: false, ..(*row.value).clone() }).collect()
    }

    /// Its keys go with it; model routes that lead to it must go first.
    fn before_delete(&self, edit: &mut Edit<'_>) -> Result<(), StoreError> {
        let leads_here = |model: &Model| model.targets.iter().any(|target| target.provider == self.id);
        let routes = edit.catalog().all::<Model>().filter(|row| leads_here(&row.value));
        let by: Vec<String> = routes.map(|row| row.value.name.clone()).collect();
        if !by.is_empty() {
            return Err(StoreError::InUse { by });
        }
        let keys = edit.catalog().all::<Key>().filter(|row| row.value.provider == self.id);
        let keys: Vec<KeyId> = keys.map(|row| row.value.id).collect();
        keys.into_iter().try_for_each(|key| edit.delete::<Key>(key, None))
    }

    /// The keys that were deleted with it come back with it.
    fn after_restore(&self, deleted_ms: i64, edit: &mut Edit<'_>) -> Result<(), StoreError> {
        edit.show_models(self.id)?;
        let keys: Vec<i64> = edit
            .transaction
            .prepare_cached("SELECT id FROM keys WHERE provider = ?1 AND deleted_ms = ?2")?
            .query_map((self.id.0, deleted_ms), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        keys.into_iter().try_for_each(|key| edit.restore::<Key>(KeyId(key)).map(drop))
    }
}

fn read(row: &Row<'_>, sealer: &Sealer) -> Result<Provider, StoreError> {
    let exact: bool = row.get("exact_base_url")?;
    let headers = opened(row, sealer, "providers", HEADERS)?.map(|json| serde_json::from_str(json.expose_secret()));
    Ok(Provider {
        id: ProviderId(row.get("id")?),
        name: row.get("name")?,
        base_url: parsed(row, "base_url", |text| BaseUrl::parse(text, exact).ok())?,
        auth: parsed(row, "auth", AuthScheme::parse)?,
        headers: headers.transpose().map_err(super::row::unreadable)?.unwrap_or_default(),
        pass_headers: json_or_default(row, "pass_headers")?,
        timeouts: json_or_default(row, "timeouts")?,
        proxy: opened(row, sealer, "providers", PROXY)?.map(|proxy| proxy.expose_secret().to_owned()),
        is_default: row.get("is_default")?,
        allow_private: row.get("allow_private")?,
        attempts: row.get("attempts")?,
        time_zone: row.get("time_zone")?,
        probe: json_or_default(row, "probe")?,
        synced_models: Vec::new(),
        models_synced_ms: None,
        models_version: 1,
        model_prices: Default::default(),
        enabled: row.get("enabled")?,
    })
}
