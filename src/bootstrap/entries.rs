//! The entries of the file, each with the row that it stands for. Every member but the name may be left out.

mod client;
mod key;
mod model;
mod provider;

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::BootstrapError;
use crate::domain::{InvalidField, Nanodollars, Pattern, Provider, ProviderId};
use crate::store::{Catalog, Noun};

pub(super) use client::ClientEntry;
pub(super) use key::KeyEntry;
pub(super) use model::ModelEntry;
pub(super) use provider::ProviderEntry;

/// One `[[table]]` of the file.
pub(super) trait Entry: Serialize + DeserializeOwned {
    /// The row that it stands for.
    type Noun: Noun;
    /// The name of its table.
    const TABLE: &'static str;
    /// Members that make it the entry it is; the others are compared one by one.
    const IDENTITY: &'static [&'static str];
    /// Members of which only a fingerprint is remembered.
    const SECRETS: &'static [&'static str];

    /// The entry's name in the file, unique within its table.
    fn file_name(&self) -> String;

    /// The id of the row with the entry's name.
    fn find(&self, catalog: &Catalog, providers: &ProviderNames) -> Option<i64>;

    /// The id of a row of another name that holds the entry's secret: the entry was renamed in the file.
    fn twin(&self, _catalog: &Catalog, _providers: &ProviderNames) -> Option<i64> {
        None
    }

    /// The row before its members are set.
    fn blank(&self, providers: &ProviderNames) -> Result<Self::Noun, InvalidField>;

    /// Gives a row the entry's name.
    fn rename(&self, noun: &mut Self::Noun);

    /// Sets the members that the entry has.
    fn change(&self, noun: &mut Self::Noun, providers: &ProviderNames) -> Result<(), InvalidField>;

    /// Where it stands, for messages.
    fn place(&self) -> String {
        format!("[[{}]] {:?}", Self::TABLE, self.file_name())
    }

    /// An error of this entry.
    fn error(&self, message: impl ToString) -> BootstrapError {
        BootstrapError::Entry { place: self.place(), message: message.to_string() }
    }

    /// The entry as JSON, with the members that it has.
    fn to_value(&self) -> Value {
        // Fails only for maps whose keys are no text.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// An entry from some of its members.
    fn from_value(value: Value) -> Result<Self, serde_json::Error> {
        serde_json::from_value(value)
    }
}

/// Providers by the name that the file has for them; a provider that was renamed elsewhere keeps its entry.
#[derive(Debug)]
pub(super) struct ProviderNames(pub(super) HashMap<String, ProviderId>);

impl ProviderNames {
    /// The names in the catalog.
    pub(super) fn of(catalog: &Catalog) -> Self {
        ProviderNames(catalog.all::<Provider>().map(|row| (row.value.name.clone(), row.value.id)).collect())
    }

    fn find(&self, field: &'static str, name: &str) -> Result<ProviderId, InvalidField> {
        self.0.get(name).copied().map_or_else(|| invalid(field, format!("names no provider: {name:?}")), Ok)
    }
}

fn invalid<T>(field: &'static str, message: impl Into<String>) -> Result<T, InvalidField> {
    Err(InvalidField { field, message: message.into() })
}

fn patterns(texts: &[String]) -> Vec<Pattern> {
    texts.iter().map(Pattern::new).collect()
}

fn dollars(field: &'static str, amount: f64) -> Result<Nanodollars, InvalidField> {
    if (0.0..=1e9).contains(&amount) {
        Ok(Nanodollars::from_dollars(amount))
    } else {
        invalid(field, format!("must be 0 to 1,000,000,000 dollars, not {amount}"))
    }
}
