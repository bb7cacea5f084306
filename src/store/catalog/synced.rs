//! Models that providers list: who lists what, what is new, what has gone, what the operator took out.

mod diff;

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, Row};
use serde_json::{Map, json};

use super::Store;
use super::edit::Edit;
use super::error::StoreError;
use super::row::{Json, Stored};
use super::view::Catalog;
use crate::domain::{DollarPrice, InvalidField, Key, KeyId, Price, Provider, ProviderId, is_model_name};

pub use diff::{Acceptance, ModelDiff, ModelDifference, ModelLists};

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

/// What was taken over of lists that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncOutcome {
    /// Models that are new, or back.
    pub added: Vec<String>,
    /// Models that no key lists any more.
    pub vanished: Vec<String>,
    /// Models that other keys list than before.
    pub changed: Vec<String>,
    /// New models that were taken out at once.
    pub refused: Vec<String>,
}

impl Edit<'_> {
    /// How the lists of some keys of a provider differ from what is kept.
    pub fn diff_models(&self, provider: ProviderId, lists: &ModelLists) -> Result<ModelDiff, StoreError> {
        Ok(ModelDiff::between(&list(&self.transaction, provider)?, lists))
    }

    /// Takes over what the lists of some keys of a provider say, as far as it is accepted. Keys that are not named keep
    /// what they listed before, and so do routes and prices of models that vanish.
    pub fn accept_models(
        &mut self,
        provider: ProviderId,
        lists: &ModelLists,
        acceptance: &Acceptance,
    ) -> Result<SyncOutcome, StoreError> {
        let row = self.provider(provider)?;
        let is_here = |key: KeyId| self.catalog.get::<Key>(key).is_some_and(|row| row.value.provider == provider);
        let here: Vec<_> = lists.iter().filter(|(key, _)| is_here(*key)).cloned().collect();
        let diff = self.diff_models(provider, &here)?;
        let mut outcome = SyncOutcome::default();
        for difference in diff.added {
            let refuses = acceptance.refuses(&difference.model);
            if refuses || acceptance.adds(&difference.model) {
                self.note_listed(provider, &difference, refuses)?;
                if refuses { &mut outcome.refused } else { &mut outcome.added }.push(difference.model);
            }
        }
        for difference in diff.vanished.into_iter().filter(|difference| acceptance.lets_vanish(&difference.model)) {
            self.note_listed(provider, &difference, false)?;
            outcome.vanished.push(difference.model);
        }
        for difference in diff.changed.into_iter().filter(|difference| acceptance.changes(&difference.model)) {
            self.note_listed(provider, &difference, false)?;
            outcome.changed.push(difference.model);
        }
        for difference in &diff.taken_out {
            self.note_listed(provider, difference, true)?;
        }
        let set = "UPDATE providers SET models_synced_ms = ?2 WHERE id = ?1";
        self.transaction.prepare_cached(set)?.execute((provider.0, self.now_ms()))?;
        self.audit_sync(&row, &outcome)?;
        if !diff.taken_out.is_empty() || outcome != SyncOutcome::default() {
            self.count_change(provider)?;
        }
        self.show_models(provider)?;
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
            self.count_change(provider)?;
            self.show_models(provider)?;
        }
        Ok(())
    }

    /// Sets what a provider charges for a model, or removes it: then the price table counts again.
    pub fn price_model(&mut self, provider: ProviderId, model: &str, price: Option<Price>) -> Result<(), StoreError> {
        let row = self.provider(provider)?;
        if !is_model_name(model) {
            let message = "must be 1 to 200 bytes without control characters".to_owned();
            return Err(InvalidField { field: "model", message }.into());
        }
        let before = row.value.model_prices.get(model).map(|price| &**price);
        let is_same = match (before, &price) {
            (Some(before), Some(price)) => before.charges_as(price),
            (before, price) => before.is_none() && price.is_none(),
        };
        if is_same {
            return Ok(());
        }
        let price = price.map(|price| Price { since_ms: Some(self.now_ms()), ..price });
        match &price {
            Some(price) => self.transaction.execute(
                "INSERT INTO model_prices (provider, model, price) VALUES (?1, ?2, ?3)
                 ON CONFLICT (provider, model) DO UPDATE SET price = excluded.price",
                (provider.0, model, Json(price)),
            )?,
            None => {
                self.transaction.execute("DELETE FROM model_prices WHERE provider = ?1 AND model = ?2", (provider.0, model))?
            }
        };
        let dollars = |price: Option<&Price>| price.map(DollarPrice::from);
        let change = json!({ "model": model, "from": dollars(before), "to": dollars(price.as_ref()) });
        self.audit_as("update", &row, &Map::from_iter([("model_price".to_owned(), change)]))?;
        self.count_change(provider)?;
        self.show_models(provider)
    }

    fn provider(&self, id: ProviderId) -> Result<Stored<Provider>, StoreError> {
        self.catalog.get::<Provider>(id).cloned().ok_or(StoreError::NotFound { noun: "provider", id: id.0 })
    }

    /// Writes who lists a model now. `removed`: it is out, or goes out.
    fn note_listed(&self, provider: ProviderId, difference: &ModelDifference, removed: bool) -> Result<(), StoreError> {
        let (model, now_ms) = (&difference.model, self.now_ms());
        let vanished_ms = difference.after.is_empty().then_some(difference.vanished_ms.unwrap_or(now_ms));
        self.transaction
            .prepare_cached(
                "INSERT INTO synced_models (provider, model, first_seen_ms, vanished_ms, removed_ms) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (provider, model) DO UPDATE
                 SET vanished_ms = excluded.vanished_ms, removed_ms = coalesce(removed_ms, excluded.removed_ms)",
            )?
            .execute((provider.0, model, now_ms, vanished_ms, removed.then_some(now_ms)))?;
        let mut forget = self.transaction.prepare_cached("DELETE FROM synced_model_keys WHERE key = ?1 AND model = ?2")?;
        for key in difference.before.difference(&difference.after) {
            forget.execute((key.0, model))?;
        }
        let mut note = self
            .transaction
            .prepare_cached("INSERT OR IGNORE INTO synced_model_keys (key, provider, model) VALUES (?1, ?2, ?3)")?;
        for key in difference.after.difference(&difference.before) {
            note.execute((key.0, provider.0, model))?;
        }
        Ok(())
    }

    fn audit_sync(&self, row: &Stored<Provider>, outcome: &SyncOutcome) -> Result<(), StoreError> {
        let mut change = json!({ "added": outcome.added, "vanished": outcome.vanished });
        if !outcome.refused.is_empty() {
            change["removed"] = json!(outcome.refused);
        } else if outcome.added.is_empty() && outcome.vanished.is_empty() {
            return Ok(());
        }
        self.audit_as("sync models", row, &Map::from_iter([("synced_models".to_owned(), change)]))
    }

    /// An error says that a provider's models have another version than the expected one.
    pub fn expect_models(&self, provider: ProviderId, expected: Option<i64>) -> Result<(), StoreError> {
        let found = self.provider(provider)?.value.models_version;
        match expected {
            Some(version) if version != found => Err(StoreError::VersionMismatch { noun: "list of models", found }),
            _ => Ok(()),
        }
    }

    fn count_change(&self, provider: ProviderId) -> Result<(), StoreError> {
        let count = "UPDATE providers SET models_version = models_version + 1 WHERE id = ?1";
        Ok(self.transaction.prepare_cached(count)?.execute([provider.0]).map(drop)?)
    }

    /// Shows in the catalog what is stored of a provider's models.
    pub(super) fn show_models(&mut self, provider: ProviderId) -> Result<(), StoreError> {
        let row = self.provider(provider)?;
        let value = Arc::new(with_models(&self.transaction, &row.value)?);
        self.catalog.providers.insert(provider, Stored { value, ..row });
        Ok(())
    }
}

impl Store {
    /// Every model that a provider lists or used to list, by name.
    pub async fn synced_models(&self, provider: ProviderId) -> Result<Vec<SyncedModel>, StoreError> {
        self.database.readers().call(move |connection| list(connection, provider)).await
    }

    /// Since when models that providers used to list have vanished, in UTC unix milliseconds.
    pub async fn vanished_models(&self) -> Result<HashMap<(ProviderId, String), i64>, StoreError> {
        let read = |connection: &mut Connection| {
            let mut statement = connection
                .prepare_cached("SELECT provider, model, vanished_ms FROM synced_models WHERE vanished_ms IS NOT NULL")?;
            let rows = statement.query_map((), |row| Ok(((ProviderId(row.get(0)?), row.get(1)?), row.get(2)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.database.readers().call(read).await
    }
}

/// Fills in the models of a catalog that was just read.
pub(super) fn load(connection: &Connection, catalog: &mut Catalog) -> Result<(), StoreError> {
    for row in catalog.providers.values_mut() {
        row.value = Arc::new(with_models(connection, &row.value)?);
    }
    Ok(())
}

fn with_models(connection: &Connection, provider: &Provider) -> Result<Provider, StoreError> {
    let id = provider.id.0;
    let mut listed = connection
        .prepare_cached("SELECT model FROM synced_models WHERE provider = ?1 AND vanished_ms IS NULL AND removed_ms IS NULL")?;
    let mut prices = connection.prepare_cached("SELECT model, price FROM model_prices WHERE provider = ?1")?;
    let price = |row: &Row<'_>| Ok((row.get(0)?, Arc::new(row.get::<_, Json<Price>>(1)?.0)));
    let (models_synced_ms, models_version) = connection
        .prepare_cached("SELECT models_synced_ms, models_version FROM providers WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Provider {
        synced_models: listed.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?,
        models_synced_ms,
        models_version,
        model_prices: prices.query_map([id], price)?.collect::<Result<_, _>>()?,
        ..provider.clone()
    })
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
