//! An edit: one transaction over the catalog. All of it is stored, audited and seen, or none.

use std::sync::Arc;

use rusqlite::Transaction;
use serde_json::{Map, Value, json};

use super::audit::{self, Actor};
use super::error::StoreError;
use super::row::{Columns, Json, Noun, Stored, Which};
use super::view::Catalog;
use crate::domain::{InvalidField, Settings};
use crate::store::sealing::Sealer;

/// One transaction over the catalog, on the thread that owns the write connection.
#[derive(Debug)]
pub struct Edit<'a> {
    pub(super) transaction: Transaction<'a>,
    pub(super) sealer: &'a Sealer,
    pub(super) catalog: Catalog,
    actor: &'a Actor,
}

impl<'a> Edit<'a> {
    pub(super) fn new(transaction: Transaction<'a>, sealer: &'a Sealer, catalog: Catalog, actor: &'a Actor) -> Self {
        Edit { transaction, sealer, catalog, actor }
    }

    /// The catalog as this edit has left it so far.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Makes a row. The id inside `noun` is ignored; the row gets one that no row ever had.
    pub fn create<T: Noun>(&mut self, mut noun: T) -> Result<Stored<T>, StoreError> {
        noun.check(&self.catalog)?;
        noun.set_id(T::numbered(self.next_id::<T>()?));
        let now = self.actor.now_ms;
        noun.stamp(None, now);
        let row = Stored { value: Arc::new(noun), version: 1, created_ms: now, updated_ms: now };
        self.save(&row)?;
        self.audit_as("create", &row, &differences(Map::new(), row.value.fields()))?;
        self.settle(&row)?;
        Ok(row)
    }

    /// Changes a row. With `expected`, only if it still has that version. A change that changes nothing is no edit: the
    /// version stays and nothing is audited.
    pub fn update<T: Noun>(
        &mut self,
        id: T::Id,
        expected: Option<i64>,
        change: impl FnOnce(&mut T) -> Result<(), StoreError>,
    ) -> Result<Stored<T>, StoreError> {
        let before = self.current::<T>(id, expected)?;
        let mut next = (*before.value).clone();
        change(&mut next)?;
        next.set_id(id);
        next.stamp(Some(&before.value), self.actor.now_ms);
        self.replace(&before, next)
    }

    /// Deletes a row; its name is free at once. With `expected`, only if it still has that version.
    pub fn delete<T: Noun>(&mut self, id: T::Id, expected: Option<i64>) -> Result<(), StoreError> {
        let row = self.current::<T>(id, expected)?;
        row.value.before_delete(self)?;
        self.mark_deleted::<T>(id, Some(self.actor.now_ms))?;
        T::rows_mut(&mut self.catalog).remove(&id);
        self.audit_as("delete", &row, &Map::new())
    }

    /// Undoes a deletion of the last day. A name or secret that was given away meanwhile is a conflict.
    pub fn restore<T: Noun>(&mut self, id: T::Id) -> Result<Stored<T>, StoreError> {
        let number = T::number(id);
        let not_found = StoreError::NotFound { noun: T::NOUN, id: number };
        if T::rows(&self.catalog).contains_key(&id) {
            return Err(InvalidField { field: "id", message: "is not deleted".into() }.into());
        }
        let Some(found) = T::load(&self.transaction, self.sealer, Which::One(number))?.pop() else { return Err(not_found) };
        let select = format!("SELECT deleted_ms FROM {} WHERE id = ?1", T::TABLE);
        let deleted_ms: i64 = self.transaction.query_row(&select, [number], |row| row.get(0))?;
        found.value.check(&self.catalog)?;
        self.mark_deleted::<T>(id, None)?;
        let row = Stored { version: found.version + 1, updated_ms: self.actor.now_ms, ..found };
        self.save(&row)?;
        self.audit_as("restore", &row, &Map::new())?;
        self.settle(&row)?;
        row.value.after_restore(deleted_ms, self)?;
        Ok(row)
    }

    /// Writes into the audit log that something was done with a row that is not a change of its fields.
    pub fn note<T: Noun>(&mut self, id: T::Id, action: &str, details: Map<String, Value>) -> Result<(), StoreError> {
        let row = self.current::<T>(id, None)?;
        self.audit_as(action, &row, &details)
    }

    /// Writes into the audit log that something was done with many rows of one kind that changed none of them.
    pub fn note_many<T: Noun>(&mut self, action: &str, details: &Map<String, Value>) -> Result<(), StoreError> {
        audit::append(&self.transaction, self.actor, action, T::NOUN, (0, ""), details)
    }

    /// Changes the settings, by the rules of [`Edit::update`].
    pub fn update_settings(
        &mut self,
        expected: Option<i64>,
        change: impl FnOnce(&mut Settings) -> Result<(), StoreError>,
    ) -> Result<Stored<Settings>, StoreError> {
        let before = self.catalog.settings.clone();
        check_version("settings", &before, expected)?;
        let mut next = (*before.value).clone();
        change(&mut next)?;
        next.validate().map_err(|(field, message)| InvalidField { field, message })?;
        let view = |settings: &Settings| super::row::object(json!(settings));
        let changes = differences(view(&before.value), view(&next));
        if changes.is_empty() {
            return Ok(before);
        }
        let row = Stored { value: Arc::new(next), version: before.version + 1, updated_ms: self.actor.now_ms, ..before };
        self.transaction.execute(
            "INSERT INTO settings (id, value, version, updated_ms) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET value = excluded.value, version = excluded.version, updated_ms = excluded.updated_ms",
            (Json(&*row.value), row.version, row.updated_ms),
        )?;
        audit::append(&self.transaction, self.actor, "update", "settings", (1, ""), &changes)?;
        self.catalog.settings = row.clone();
        Ok(row)
    }

    pub(super) fn actor(&self) -> &Actor {
        self.actor
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.actor.now_ms
    }

    pub(super) fn audit_as<T: Noun>(
        &self,
        action: &str,
        row: &Stored<T>,
        changes: &Map<String, Value>,
    ) -> Result<(), StoreError> {
        let named = (T::number(row.value.id()), row.value.name());
        audit::append(&self.transaction, self.actor, action, T::NOUN, named, changes)
    }

    fn current<T: Noun>(&self, id: T::Id, expected: Option<i64>) -> Result<Stored<T>, StoreError> {
        let row = self.catalog.get::<T>(id).ok_or(StoreError::NotFound { noun: T::NOUN, id: T::number(id) })?;
        check_version(T::NOUN, row, expected)?;
        Ok(row.clone())
    }

    fn replace<T: Noun>(&mut self, before: &Stored<T>, next: T) -> Result<Stored<T>, StoreError> {
        next.check(&self.catalog)?;
        let changes = changes(&*before.value, &next);
        if changes.is_empty() {
            return Ok(before.clone());
        }
        let row = Stored {
            value: Arc::new(next),
            version: before.version + 1,
            created_ms: before.created_ms,
            updated_ms: self.actor.now_ms,
        };
        self.save(&row)?;
        self.audit_as("update", &row, &changes)?;
        self.settle(&row)?;
        row.value.after_change(&before.value, self)?;
        Ok(row)
    }

    /// Puts a saved row into the view, and changes the rows that it displaces.
    fn settle<T: Noun>(&mut self, row: &Stored<T>) -> Result<(), StoreError> {
        T::rows_mut(&mut self.catalog).insert(row.value.id(), row.clone());
        for displaced in row.value.displaces(&self.catalog) {
            let before = self.current::<T>(displaced.id(), None)?;
            self.replace(&before, displaced)?;
        }
        Ok(())
    }

    fn save<T: Noun>(&self, row: &Stored<T>) -> Result<(), StoreError> {
        T::save(row, &self.transaction, self.sealer).map_err(conflict::<T>)
    }

    fn mark_deleted<T: Noun>(&self, id: T::Id, at_ms: Option<i64>) -> Result<(), StoreError> {
        let update = format!("UPDATE {} SET deleted_ms = ?1 WHERE id = ?2", T::TABLE);
        self.transaction.execute(&update, (at_ms, T::number(id))).map(drop).map_err(conflict::<T>)
    }

    fn next_id<T: Noun>(&self) -> Result<i64, StoreError> {
        let select = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?1), 0) + 1";
        Ok(self.transaction.prepare_cached(select)?.query_row([T::TABLE], |row| row.get(0))?)
    }
}

fn check_version<T>(noun: &'static str, row: &Stored<T>, expected: Option<i64>) -> Result<(), StoreError> {
    match expected {
        Some(version) if version != row.version => Err(StoreError::VersionMismatch { noun, found: row.version }),
        _ => Ok(()),
    }
}

fn conflict<T: Columns>(error: rusqlite::Error) -> StoreError {
    match &error {
        rusqlite::Error::SqliteFailure(failure, Some(message))
            if failure.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE =>
        {
            StoreError::Conflict { noun: T::NOUN, field: T::conflict(message) }
        }
        _ => error.into(),
    }
}

fn changes<T: Columns>(before: &T, after: &T) -> Map<String, Value> {
    let mut found = differences(before.fields(), after.fields());
    for ((field, old), (_, new)) in before.hidden().into_iter().zip(after.hidden()) {
        if old != new {
            found.entry(field).or_insert_with(|| json!({ "changed": true }));
        }
    }
    found
}

fn differences(mut before: Map<String, Value>, after: Map<String, Value>) -> Map<String, Value> {
    let mut found = Map::new();
    for (field, to) in after {
        match before.remove(&field) {
            Some(from) if from == to => {}
            from => drop(found.insert(field, json!({ "from": from, "to": to }))),
        }
    }
    found.extend(before.into_iter().map(|(field, from)| (field, json!({ "from": from, "to": null }))));
    found
}
