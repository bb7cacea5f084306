//! `/api/settings`

mod body;
mod fixed;

use poem_openapi::OpenApi;
use poem_openapi::param::Header;
use poem_openapi::payload::Json;
use serde_json::{Map, Value};

use super::Tag;
use super::access::{Operator, Owner, Viewer};
use super::body::{Body, parse};
use super::error::ApiError;
use super::versioned::{Found, expected};
use crate::domain::Settings;
use crate::store::Stored;
use body::{SettingsBody, SettingsChange};
use fixed::FixedSettings;

pub use fixed::{DecidedBy, FixedSetting};

/// Operations on the settings.
pub(super) struct SettingsOfAll;

#[OpenApi(prefix_path = "/api", tag = "Tag::Settings")]
impl SettingsOfAll {
    /// Get the settings
    #[oai(path = "/settings", method = "get", operation_id = "get_settings")]
    async fn get(&self, access: Viewer) -> Result<Found<SettingsBody>, ApiError> {
        answer(access.context().store().catalog().settings())
    }

    /// List the settings that are fixed while Keywheel runs
    ///
    /// Each tells where its value comes from. It is changed there and holds from the next start.
    #[oai(path = "/settings/fixed", method = "get", operation_id = "list_fixed_settings")]
    async fn fixed(&self, access: Operator) -> Result<Json<FixedSettings>, ApiError> {
        Ok(Json(FixedSettings::of(&access.context().fixed_settings)))
    }

    /// Change settings
    ///
    /// A missing member stays as it is; null sets it back to its default.
    #[oai(path = "/settings", method = "patch", operation_id = "change_settings")]
    async fn change(
        &self,
        access: Owner,
        /// Change them only if they still have this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<SettingsChange>,
    ) -> Result<Found<SettingsBody>, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        let change = wanted(body.0.0)?;
        let edit = access.context().edit(access.actor(), move |edit| {
            Ok(edit.update_settings(version, |settings| {
                *settings = change.merged(settings);
                Ok(())
            })?)
        });
        answer(&edit.await?)
    }
}

/// Members to be set, and their values among the defaults of the others.
struct Wanted {
    names: Vec<String>,
    values: Map<String, Value>,
}

/// Reads the members of a change on their own, so that an error names the member.
fn wanted(change: Map<String, Value>) -> Result<Wanted, ApiError> {
    let names: Vec<String> = change.keys().cloned().collect();
    let defaults = members(&Settings::default());
    if let Some(unknown) = names.iter().find(|name| !defaults.contains_key(*name)) {
        return Err(ApiError::invalid(unknown.as_str(), format!("unknown field `{unknown}`")));
    }
    let given: Map<String, Value> = change.into_iter().filter(|(_, value)| !value.is_null()).collect();
    let settings: Settings = parse(Value::Object(given).to_string().as_bytes())?;
    Ok(Wanted { names, values: members(&settings) })
}

impl Wanted {
    fn merged(&self, settings: &Settings) -> Settings {
        let mut merged = members(settings);
        for name in &self.names {
            merged.insert(name.clone(), self.values.get(name).cloned().unwrap_or_default());
        }
        // Both halves were settings, so the whole is.
        serde_json::from_value(Value::Object(merged)).unwrap_or_else(|_| settings.clone())
    }
}

fn members(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn answer(row: &Stored<Settings>) -> Result<Found<SettingsBody>, ApiError> {
    Ok(Found::new(row.version, SettingsBody::of(row)?))
}
