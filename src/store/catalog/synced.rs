//! Models that providers list: who lists what, what is new, what has gone, what the operator took out.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Map, json};

use super::Store;
use super::edit::Edit;
use super::error::StoreError;
use super::row::Stored;
use super::view::Catalog;
use crate::domain::{InvalidField, Key, KeyId, Provider, ProviderId};

/// Names longer than this are passed over: no provider has them.
const NAME_BYTES: usize = 200;
/// Names of one list beyond this number are passed over.
const LIST_ENTRIES: usize = 10_000;

/// A model that a provider lists or used to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncedModel {
    /// The provider's name for it.
    pub model: String,
    /// When it was first listed, in UTC unix milliseconds.
    pub first_seen_ms: i64,
    /// Since when no key lists it any more.
    pub vanished_ms: Option<i64>,
    /// Since when the operator has taken it out.
    pub removed_ms: Option<i64>,
    /// The keys that list it.
    pub keys: Vec<KeyId>,
}

/// What a synchronisation found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncOutcome {
    /// Models that are new, or back.
    pub added: Vec<String>,
    /// Models that no key lists any more.
    pub vanished: Vec<String>,
    /// Keys whose list was empty and not believed: their old list stays.
    pub empty: Vec<KeyId>,
}

impl Edit<'_> {
    /// Replaces the lists of some keys of a provider; keys that are not named keep theirs. An empty list changes
    /// nothing unless `believe_empty`.
    pub fn sync_models(
        &mut self,
        provider: ProviderId,
        lists: &[(KeyId, Vec<String>)],
        believe_empty: bool,
    ) -> Result<SyncOutcome, StoreError> {
        let row = self.provider(provider)?;
        let before = listed(&self.transaction, provider)?;
        let mut outcome = SyncOutcome::default();
        for (key, models) in lists {
            let is_here = self.catalog.get::<Key>(*key).is_some_and(|row| row.value.provider == provider);
            if !is_here {
                continue;
            }
            if models.is_empty() && !believe_empty {
                outcome.empty.push(*key);
                continue;
            }
            self.replace_list(provider, *key, models)?;
        }
        self.mark_vanished(provider)?;
        let after = listed(&self.transaction, provider)?;
        outcome.added = after.difference(&before).cloned().collect();
        outcome.vanished = before.difference(&after).cloned().collect();
        if !(outcome.added.is_empty() && outcome.vanished.is_empty()) {
            let changes =
                Map::from_iter([("synced_models".to_owned(), json!({ "added": outcome.added, "vanished": outcome.vanished }))]);
            self.audit_as("sync models", &row, &changes)?;
        }
        self.show_synced(&row)?;
        Ok(outcome)
    }

    /// Takes a listed model out, so that no later list brings it back, or lets it in again.
    pub fn remove_synced_model(&mut self, provider: ProviderId, model: &str, removed: bool) -> Result<(), StoreError> {
        let row = self.provider(provider)?;
        let at_ms = removed.then_some(self.now_ms());
        let select = "SELECT 1 FROM synced_models WHERE provider = ?1 AND model = ?2";
        if !self.transaction.prepare_cached(select)?.exists((provider.0, model))? {
            return Err(InvalidField { field: "model", message: format!("is not listed there: {model:?}") }.into());
        }
        let changed = self.transaction.execute(
            "UPDATE synced_models SET removed_ms = ?3 WHERE provider = ?1 AND model = ?2 AND (removed_ms IS NULL) = (?3 IS NOT NULL)",
            (provider.0, model, at_ms),
        )?;
        if changed > 0 {
            let word = if removed { "removed" } else { "let_in" };
            let changes = Map::from_iter([("synced_models".to_owned(), json!({ word: model }))]);
            self.audit_as("update", &row, &changes)?;
            self.show_synced(&row)?;
        }
        Ok(())
    }

    fn provider(&self, id: ProviderId) -> Result<Stored<Provider>, StoreError> {
        self.catalog.get::<Provider>(id).cloned().ok_or(StoreError::NotFound { noun: "provider", id: id.0 })
    }

    fn replace_list(&self, provider: ProviderId, key: KeyId, models: &[String]) -> Result<(), StoreError> {
        self.transaction.prepare_cached("DELETE FROM synced_model_keys WHERE key = ?1")?.execute([key.0])?;
        let mut see = self.transaction.prepare_cached(
            "INSERT INTO synced_models (provider, model, first_seen_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (provider, model) DO UPDATE SET vanished_ms = NULL",
        )?;
        let mut note = self
            .transaction
            .prepare_cached("INSERT OR IGNORE INTO synced_model_keys (key, provider, model) VALUES (?1, ?2, ?3)")?;
        let is_name = |name: &&String| !name.is_empty() && name.len() <= NAME_BYTES && !name.chars().any(char::is_control);
        for model in models.iter().filter(is_name).take(LIST_ENTRIES) {
            see.execute((provider.0, model, self.now_ms()))?;
            note.execute((key.0, provider.0, model))?;
        }
        Ok(())
    }

    fn mark_vanished(&self, provider: ProviderId) -> Result<(), StoreError> {
        self.transaction
            .prepare_cached(
                "UPDATE synced_models SET vanished_ms = ?2 WHERE provider = ?1 AND vanished_ms IS NULL AND NOT EXISTS (
                     SELECT 1 FROM synced_model_keys AS listing JOIN keys ON keys.id = listing.key
                     WHERE listing.provider = synced_models.provider AND listing.model = synced_models.model
                       AND keys.deleted_ms IS NULL)",
            )?
            .execute((provider.0, self.now_ms()))?;
        Ok(())
    }

    fn show_synced(&mut self, row: &Stored<Provider>) -> Result<(), StoreError> {
        let models = listed(&self.transaction, row.value.id)?.into_iter().collect();
        let value = Arc::new(Provider { synced_models: models, ..(*row.value).clone() });
        self.catalog.providers.insert(row.value.id, Stored { value, ..row.clone() });
        Ok(())
    }
}

impl Store {
    /// Every model that a provider lists or used to list, by name.
    pub async fn synced_models(&self, provider: ProviderId) -> Result<Vec<SyncedModel>, StoreError> {
        self.database.readers().call(move |connection| list(connection, provider)).await
    }
}

/// Fills in the lists of a catalog that was just read.
pub(super) fn load(connection: &Connection, catalog: &mut Catalog) -> Result<(), StoreError> {
    for row in catalog.providers.values_mut() {
        let models = listed(connection, row.value.id)?;
        if !models.is_empty() {
            row.value = Arc::new(Provider { synced_models: models.into_iter().collect(), ..(*row.value).clone() });
        }
    }
    Ok(())
}

fn listed(connection: &Connection, provider: ProviderId) -> Result<BTreeSet<String>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT model FROM synced_models WHERE provider = ?1 AND vanished_ms IS NULL AND removed_ms IS NULL")?;
    Ok(statement.query_map([provider.0], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn list(connection: &Connection, provider: ProviderId) -> Result<Vec<SyncedModel>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT synced_models.model, first_seen_ms, vanished_ms, removed_ms, keys.id
         FROM synced_models
         LEFT JOIN synced_model_keys AS listing
           ON listing.provider = synced_models.provider AND listing.model = synced_models.model
         LEFT JOIN keys ON keys.id = listing.key AND keys.deleted_ms IS NULL
         WHERE synced_models.provider = ?1 ORDER BY synced_models.model, keys.id",
    )?;
    let mut rows = statement.query([provider.0])?;
    let mut found: Vec<SyncedModel> = Vec::new();
    while let Some(row) = rows.next()? {
        let model: String = row.get(0)?;
        if found.last().is_none_or(|last| last.model != model) {
            let (first_seen_ms, vanished_ms, removed_ms) = (row.get(1)?, row.get(2)?, row.get(3)?);
            found.push(SyncedModel { model, first_seen_ms, vanished_ms, removed_ms, keys: Vec::new() });
        }
        if let (Some(last), Some(key)) = (found.last_mut(), row.get::<_, Option<i64>>(4)?) {
            last.keys.push(KeyId(key));
        }
    }
    Ok(found)
}
