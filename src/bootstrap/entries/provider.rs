//! `[[provider]]`

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Entry, ProviderNames, invalid};
use crate::domain::{AuthScheme, BaseUrl, InvalidField, Probe, Provider, Timeouts};
use crate::store::Catalog;

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::bootstrap) struct ProviderEntry {
    pub(in crate::bootstrap) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exact_base_url: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::bootstrap) default: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_private: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass_headers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeouts: Option<Timeouts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<Probe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
}

impl ProviderEntry {
    /// The provider that `OPENAI_API_KEY` stands for.
    pub(in crate::bootstrap) fn openai() -> Self {
        let base_url = Some("https://api.openai.com/v1".to_owned());
        ProviderEntry { name: "openai".to_owned(), base_url, default: Some(true), ..ProviderEntry::default() }
    }
}

impl Entry for ProviderEntry {
    type Noun = Provider;
    const TABLE: &'static str = "provider";
    const IDENTITY: &'static [&'static str] = &["name"];
    const SECRETS: &'static [&'static str] = &["headers", "proxy"];

    fn file_name(&self) -> String {
        self.name.clone()
    }

    fn find(&self, catalog: &Catalog, _providers: &ProviderNames) -> Option<i64> {
        catalog.all::<Provider>().find(|row| row.value.name == self.name).map(|row| row.value.id.0)
    }

    fn blank(&self, _providers: &ProviderNames) -> Result<Provider, InvalidField> {
        let Some(base_url) = &self.base_url else { return invalid("base_url", "is missing") };
        let base_url = parse_base_url(base_url, self.exact_base_url.unwrap_or(false))?;
        Ok(Provider::new(self.name.clone(), base_url, AuthScheme::default()))
    }

    fn rename(&self, provider: &mut Provider) {
        provider.name.clone_from(&self.name);
    }

    fn change(&self, provider: &mut Provider, _providers: &ProviderNames) -> Result<(), InvalidField> {
        if self.base_url.is_some() || self.exact_base_url.is_some() {
            let text = self.base_url.as_deref().unwrap_or(provider.base_url.as_given());
            provider.base_url = parse_base_url(text, self.exact_base_url.unwrap_or(provider.base_url.is_exact()))?;
        }
        if let Some(auth) = &self.auth {
            let Some(auth) = AuthScheme::parse(auth) else {
                return invalid("auth", "must be bearer, api-key, x-api-key, x-goog-api-key, query:NAME or none");
            };
            provider.auth = auth;
        }
        if let Some(default) = self.default {
            provider.is_default = default;
        }
        if let Some(allow_private) = self.allow_private {
            provider.allow_private = allow_private;
        }
        if let Some(attempts) = self.attempts {
            provider.attempts = Some(attempts);
        }
        if let Some(headers) = &self.headers {
            provider.headers = headers.clone().into_iter().collect();
        }
        if let Some(pass_headers) = &self.pass_headers {
            provider.pass_headers = pass_headers.iter().map(|name| name.to_ascii_lowercase()).collect();
        }
        if let Some(timeouts) = &self.timeouts {
            provider.timeouts = timeouts.clone();
        }
        if let Some(proxy) = &self.proxy {
            provider.proxy = Some(proxy.clone());
        }
        if let Some(time_zone) = &self.time_zone {
            provider.time_zone = Some(time_zone.clone());
        }
        if let Some(probe) = &self.probe {
            provider.probe = probe.clone();
        }
        if let Some(enabled) = self.enabled {
            provider.enabled = enabled;
        }
        Ok(())
    }
}

fn parse_base_url(text: &str, exact: bool) -> Result<BaseUrl, InvalidField> {
    BaseUrl::parse(text, exact).map_err(|error| InvalidField { field: "base_url", message: error.to_string() })
}
