//! The catalog in memory: an immutable view of every row that is not deleted.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::row::{Columns, Noun, Stored};
use crate::domain::{
    AdminToken, AlertChannel, AlertRule, Client, Key, Model, PriceTable, Provider, Settings, SnapshotParts, User,
};

pub(super) type Rows<T> = BTreeMap<<T as Columns>::Id, Stored<T>>;

/// Every provider, key, model, client, user, admin token, alert rule and channel, and the settings, as of one edit. Cheap to keep, never changes.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub(super) revision: u64,
    pub(super) providers: Rows<Provider>,
    pub(super) keys: Rows<Key>,
    pub(super) models: Rows<Model>,
    pub(super) clients: Rows<Client>,
    pub(super) users: Rows<User>,
    pub(super) admin_tokens: Rows<AdminToken>,
    pub(super) alert_rules: Rows<AlertRule>,
    pub(super) alert_channels: Rows<AlertChannel>,
    pub(super) settings: Stored<Settings>,
}

impl Catalog {
    /// Rises with each edit since the start.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether nothing was configured yet: no provider, key, model or client.
    pub fn is_empty(&self) -> bool {
        self.providers.is_empty() && self.keys.is_empty() && self.models.is_empty() && self.clients.is_empty()
    }

    /// Rows of one kind by ascending id.
    pub fn all<T: Noun>(&self) -> impl DoubleEndedIterator<Item = &Stored<T>> + ExactSizeIterator {
        T::rows(self).values()
    }

    /// Rows of one kind by ascending id, behind an id; for pages.
    pub fn after<T: Noun>(&self, id: Option<T::Id>) -> impl Iterator<Item = &Stored<T>> {
        let start = id.map_or(Bound::Unbounded, Bound::Excluded);
        T::rows(self).range((start, Bound::Unbounded)).map(|(_, row)| row)
    }

    /// A row by id.
    pub fn get<T: Noun>(&self, id: T::Id) -> Option<&Stored<T>> {
        T::rows(self).get(&id)
    }

    /// The settings.
    pub fn settings(&self) -> &Stored<Settings> {
        &self.settings
    }

    /// What a snapshot is made of.
    pub fn parts(&self, prices: Arc<PriceTable>) -> SnapshotParts {
        SnapshotParts {
            providers: self.providers.values().map(|row| row.value.clone()).collect(),
            keys: self.keys.values().map(|row| row.value.clone()).collect(),
            models: self.models.values().map(|row| row.value.clone()).collect(),
            clients: self.clients.values().map(|row| row.value.clone()).collect(),
            settings: (*self.settings.value).clone(),
            prices,
        }
    }
}
