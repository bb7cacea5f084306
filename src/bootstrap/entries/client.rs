//! `[[client]]`

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};
use subtle::ConstantTimeEq;

use super::{Entry, ProviderNames, dollars, invalid, patterns};
use crate::domain::{Client, InvalidField, from_rfc3339, hash_token, parse_ip_net, token_hint};
use crate::store::Catalog;

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::bootstrap) struct ClientEntry {
    pub(in crate::bootstrap) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::bootstrap) token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rpm: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tpm: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_usd_day: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_usd_month: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_usd_total: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_tokens_day: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_tokens_month: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_tokens_total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warn_percent: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "text_or_datetime")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_ips: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_debug: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
}

impl ClientEntry {
    /// A client that has nothing but a name.
    pub(in crate::bootstrap) fn named(name: &str) -> Self {
        ClientEntry { name: name.to_owned(), ..ClientEntry::default() }
    }
}

impl Entry for ClientEntry {
    type Noun = Client;
    const TABLE: &'static str = "client";
    const IDENTITY: &'static [&'static str] = &["name"];
    const SECRETS: &'static [&'static str] = &["token"];

    fn file_name(&self) -> String {
        self.name.clone()
    }

    fn find(&self, catalog: &Catalog, _providers: &ProviderNames) -> Option<i64> {
        catalog.all::<Client>().find(|row| row.value.name == self.name).map(|row| row.value.id.0)
    }

    fn twin(&self, catalog: &Catalog, _providers: &ProviderNames) -> Option<i64> {
        let hash = hash_token(self.token.as_deref()?);
        catalog.all::<Client>().find(|row| bool::from(row.value.token_hash.ct_eq(&hash))).map(|row| row.value.id.0)
    }

    fn blank(&self, _providers: &ProviderNames) -> Result<Client, InvalidField> {
        let Some(token) = &self.token else { return invalid("token", "is missing") };
        Ok(Client::new(&*self.name, hash_token(token), token_hint(token)?))
    }

    fn rename(&self, client: &mut Client) {
        client.name.clone_from(&self.name);
    }

    fn change(&self, client: &mut Client, _providers: &ProviderNames) -> Result<(), InvalidField> {
        if let Some(token) = &self.token {
            client.token_hint = token_hint(token)?;
            client.token_hash = hash_token(token);
        }
        if let Some(tags) = &self.tags {
            client.tags.clone_from(tags);
        }
        if let Some(models) = &self.models {
            client.models = Some(patterns(models));
        }
        if let Some(key_tags) = &self.key_tags {
            client.key_tags = Some(key_tags.clone());
        }
        client.limits.rpm = self.rpm.or(client.limits.rpm);
        client.limits.tpm = self.tpm.or(client.limits.tpm);
        client.limits.concurrency = self.concurrency.or(client.limits.concurrency);
        let limits = &mut client.limits;
        for (place, field, given) in [
            (&mut limits.budget_day, "budget_usd_day", self.budget_usd_day),
            (&mut limits.budget_month, "budget_usd_month", self.budget_usd_month),
            (&mut limits.budget_total, "budget_usd_total", self.budget_usd_total),
        ] {
            if let Some(amount) = given {
                *place = Some(dollars(field, amount)?);
            }
        }
        limits.tokens_day = self.budget_tokens_day.or(limits.tokens_day);
        limits.tokens_month = self.budget_tokens_month.or(limits.tokens_month);
        limits.tokens_total = self.budget_tokens_total.or(limits.tokens_total);
        limits.warn_percent = self.warn_percent.or(limits.warn_percent);
        if let Some(expires) = &self.expires {
            let Some(at) = from_rfc3339(expires) else {
                return invalid("expires", format!("must be a time such as 2027-01-31T00:00:00Z, not {expires:?}"));
            };
            client.expires_at = Some(at);
        }
        if let Some(allow_ips) = &self.allow_ips {
            client.allow_ips = Some(allow_ips.iter().map(|text| network(text)).collect::<Result<_, _>>()?);
        }
        if let Some(allow_debug) = self.allow_debug {
            client.allow_debug = allow_debug;
        }
        if let Some(enabled) = self.enabled {
            client.enabled = enabled;
        }
        Ok(())
    }
}

fn network(text: &str) -> Result<IpNet, InvalidField> {
    let message = format!("must hold addresses and networks such as 203.0.113.9 and 10.0.0.0/8, not {text:?}");
    parse_ip_net(text).ok_or(InvalidField { field: "allow_ips", message })
}

/// TOML has times of its own; a text is as good.
fn text_or_datetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Datetime(toml::value::Datetime),
    }
    Ok(Some(match Either::deserialize(deserializer)? {
        Either::Text(text) => text,
        Either::Datetime(datetime) => datetime.to_string(),
    }))
}
