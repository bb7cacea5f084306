//! `[[key]]`

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::{Entry, ProviderNames, dollars, invalid, patterns};
use crate::domain::{InvalidField, Key};
use crate::store::Catalog;

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::bootstrap) struct KeyEntry {
    pub(in crate::bootstrap) provider: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::bootstrap) secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rpm: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tpm: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rpd: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_usd_month: Option<f64>,
}

impl KeyEntry {
    /// A key that has nothing but a secret.
    pub(in crate::bootstrap) fn new(provider: &str, name: String, secret: &str) -> Self {
        KeyEntry { provider: provider.to_owned(), name, secret: Some(secret.to_owned()), ..KeyEntry::default() }
    }
}

impl Entry for KeyEntry {
    type Noun = Key;
    const TABLE: &'static str = "key";
    const IDENTITY: &'static [&'static str] = &["provider", "name"];
    const SECRETS: &'static [&'static str] = &["secret"];

    fn file_name(&self) -> String {
        format!("{}/{}", self.provider, self.name)
    }

    fn find(&self, catalog: &Catalog, providers: &ProviderNames) -> Option<i64> {
        let provider = providers.find("provider", &self.provider).ok()?;
        let mut keys = catalog.all::<Key>().map(|row| &row.value);
        keys.find(|key| key.provider == provider && key.name == self.name).map(|key| key.id.0)
    }

    fn twin(&self, catalog: &Catalog, providers: &ProviderNames) -> Option<i64> {
        let (provider, secret) = (providers.find("provider", &self.provider).ok()?, self.secret.as_deref()?);
        let mut keys = catalog.all::<Key>().map(|row| &row.value);
        keys.find(|key| key.provider == provider && key.secret.expose_secret() == secret).map(|key| key.id.0)
    }

    fn blank(&self, providers: &ProviderNames) -> Result<Key, InvalidField> {
        let provider = providers.find("provider", &self.provider)?;
        let Some(secret) = &self.secret else { return invalid("secret", "is missing") };
        Ok(Key::new(provider, &*self.name, secret.as_str()))
    }

    fn rename(&self, key: &mut Key) {
        key.name.clone_from(&self.name);
    }

    fn change(&self, key: &mut Key, _providers: &ProviderNames) -> Result<(), InvalidField> {
        if let Some(secret) = &self.secret {
            key.secret = secret.as_str().into();
        }
        if let Some(tags) = &self.tags {
            key.tags.clone_from(tags);
        }
        if let Some(weight) = self.weight {
            key.weight = weight;
        }
        if let Some(priority) = self.priority {
            key.priority = priority;
        }
        if let Some(models) = &self.models {
            key.models = Some(patterns(models));
        }
        if let Some(account) = &self.account {
            key.account = Some(account.clone());
        }
        key.limits.rpm = self.rpm.or(key.limits.rpm);
        key.limits.tpm = self.tpm.or(key.limits.tpm);
        key.limits.rpd = self.rpd.or(key.limits.rpd);
        key.limits.concurrency = self.concurrency.or(key.limits.concurrency);
        if let Some(amount) = self.budget_usd_month {
            key.limits.budget_month = Some(dollars("budget_usd_month", amount)?);
        }
        Ok(())
    }
}
