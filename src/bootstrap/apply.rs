//! Applying the file: what it says anew is stored, what it said before is left as it is now.

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::entries::{ClientEntry, Entry, ProviderNames};
use super::file::File;
use super::{Applied, BootstrapError, NewToken};
use crate::clock::random_bytes;
use crate::domain::{InvalidField, ProviderId, Settings, new_token};
use crate::store::{Edit, FileValues, Noun, StoreError};

pub(super) fn apply(edit: &mut Edit<'_>, file: File) -> Result<Applied, BootstrapError> {
    let providers = ProviderNames::of(edit.catalog());
    let mut applying = Applying { edit, providers, applied: Applied::default() };
    for provider in &file.providers {
        let row = applying.entry(provider)?;
        applying.providers.0.insert(provider.name.clone(), ProviderId(row));
    }
    file.keys.iter().try_for_each(|key| applying.entry(key).map(drop))?;
    file.models.iter().try_for_each(|model| applying.entry(model).map(drop))?;
    file.clients.into_iter().try_for_each(|client| applying.client(client))?;
    applying.settings(&file.settings)?;
    Ok(applying.applied)
}

struct Applying<'a, 'b> {
    edit: &'a mut Edit<'b>,
    providers: ProviderNames,
    applied: Applied,
}

impl Applying<'_, '_> {
    /// Stores what an entry says anew; answers the id of its row.
    fn entry<E: Entry>(&mut self, entry: &E) -> Result<i64, BootstrapError> {
        let before = self.edit.file_values(E::TABLE, &entry.file_name())?;
        let values = members(entry.to_value());
        let fields = self.fingerprinted::<E>(&values);
        let row = match self.row_of(entry, before.as_ref()) {
            Some(row) => {
                let said = |field: &String| before.as_ref().and_then(|before| before.fields.get(field));
                let is_new = |field: &String| E::IDENTITY.contains(&field.as_str()) || said(field) != fields.get(field);
                let anew = values.into_iter().filter(|(field, _)| is_new(field)).collect();
                let anew = E::from_value(Value::Object(anew)).map_err(|error| entry.error(error))?;
                self.update(&anew, row, false)?;
                row
            }
            None => self.create(entry)?,
        };
        let values = FileValues { row, fields };
        if before.as_ref() != Some(&values) {
            self.edit.set_file_values(E::TABLE, &entry.file_name(), &values)?;
        }
        Ok(row)
    }

    /// A client without a token gets one when it is made; a later start leaves it alone.
    fn client(&mut self, mut entry: ClientEntry) -> Result<(), BootstrapError> {
        let before = self.edit.file_values(ClientEntry::TABLE, &entry.file_name())?;
        if entry.token.is_none() && self.row_of(&entry, before.as_ref()).is_none() {
            let token = new_token(random_bytes());
            self.applied.tokens.push(NewToken { client: entry.name.clone(), token: SecretString::from(token.as_str()) });
            entry.token = Some(token);
        }
        self.entry(&entry).map(drop)
    }

    /// The row that an entry made earlier, under whatever name it has now, or the row that has its name.
    fn row_of<E: Entry>(&self, entry: &E, before: Option<&FileValues>) -> Option<i64> {
        let catalog = self.edit.catalog();
        let is_there = |row: &i64| catalog.get::<E::Noun>(<E::Noun>::id_of_row(*row)).is_some();
        before.map(|before| before.row).filter(is_there).or_else(|| entry.find(catalog, &self.providers))
    }

    fn create<E: Entry>(&mut self, entry: &E) -> Result<i64, BootstrapError> {
        let mut noun = entry.blank(&self.providers).map_err(|error| entry.error(error))?;
        entry.change(&mut noun, &self.providers).map_err(|error| entry.error(error))?;
        match self.edit.create(noun) {
            Ok(row) => {
                self.applied.created += 1;
                Ok(row.value.row_number())
            }
            Err(StoreError::Conflict { field: "secret" | "token", .. })
                if let Some(twin) = entry.twin(self.edit.catalog(), &self.providers) =>
            {
                self.update(entry, twin, true)?;
                Ok(twin)
            }
            Err(error) => Err(refused(entry, error)),
        }
    }

    fn update<E: Entry>(&mut self, entry: &E, row: i64, rename: bool) -> Result<(), BootstrapError> {
        let id = <E::Noun>::id_of_row(row);
        let version = |edit: &Edit<'_>| edit.catalog().get::<E::Noun>(id).map(|row| row.version);
        let version_before = version(self.edit);
        let change = |noun: &mut E::Noun| {
            if rename {
                entry.rename(noun);
            }
            Ok(entry.change(noun, &self.providers)?)
        };
        self.edit.update::<E::Noun>(id, None, change).map_err(|error| refused(entry, error))?;
        self.applied.updated += usize::from(version(self.edit) != version_before);
        Ok(())
    }

    fn settings(&mut self, values: &Map<String, Value>) -> Result<(), BootstrapError> {
        let before = self.edit.file_values("settings", "")?.map(|before| before.fields).unwrap_or_default();
        if before == *values {
            return Ok(());
        }
        let said_before = self.edit.catalog().settings().version;
        let error = |message: String| BootstrapError::Entry { place: "[settings]".to_owned(), message };
        let change = |settings: &mut Settings| {
            let mut merged = members(serde_json::to_value(&*settings).unwrap_or_default());
            merged.extend(
                values.iter().filter(|(field, value)| before.get(*field) != Some(value)).map(|(f, v)| (f.clone(), v.clone())),
            );
            let merged: Result<Settings, serde_json::Error> = serde_json::from_value(Value::Object(merged));
            *settings = merged.map_err(|error| InvalidField { field: "settings", message: error.to_string() })?;
            Ok(())
        };
        let after = self.edit.update_settings(None, change).map_err(|cause| match cause {
            StoreError::Invalid(invalid) if invalid.field == "settings" => error(invalid.message),
            StoreError::Invalid(invalid) => error(invalid.to_string()),
            other => other.into(),
        })?;
        self.applied.updated += usize::from(after.version != said_before);
        Ok(self.edit.set_file_values("settings", "", &FileValues { row: 1, fields: values.clone() })?)
    }

    fn fingerprinted<E: Entry>(&self, values: &Map<String, Value>) -> Map<String, Value> {
        let hide = |(field, value): (&String, &Value)| {
            let is_secret = E::SECRETS.contains(&field.as_str());
            (field.clone(), if is_secret { self.edit.fingerprint(&value.to_string()).into() } else { value.clone() })
        };
        values.iter().map(hide).collect()
    }
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// What is wrong with an entry is said with its place; a failing database is not the entry's fault.
fn refused<E: Entry>(entry: &E, error: StoreError) -> BootstrapError {
    match error {
        StoreError::Invalid(_) | StoreError::Conflict { .. } => entry.error(error),
        other => other.into(),
    }
}
