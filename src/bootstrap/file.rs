//! Reading the file: TOML, then the variables and files that its values name.

use std::collections::HashSet;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::BootstrapError;
use super::entries::{ClientEntry, Entry, KeyEntry, ModelEntry, ProviderEntry};

/// The whole file. It has no `Debug`: it holds secrets.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    #[serde(rename = "provider")]
    pub(super) providers: Vec<ProviderEntry>,
    #[serde(rename = "key")]
    pub(super) keys: Vec<KeyEntry>,
    #[serde(rename = "model")]
    pub(super) models: Vec<ModelEntry>,
    #[serde(rename = "client")]
    pub(super) clients: Vec<ClientEntry>,
    pub(super) settings: Map<String, Value>,
}

impl File {
    pub(super) fn parse(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, BootstrapError> {
        let file: File = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        let mut settings = Value::Object(file.settings);
        resolve(&mut settings, "[settings]", environment)?;
        let file = File {
            providers: resolve_all(file.providers, environment)?,
            keys: resolve_all(file.keys, environment)?,
            models: resolve_all(file.models, environment)?,
            clients: resolve_all(file.clients, environment)?,
            settings: settings.as_object().cloned().unwrap_or_default(),
        };
        file.check()?;
        Ok(file)
    }

    /// What `OPENAI_API_KEY` stands for.
    pub(super) fn for_openai(keys: &[SecretString]) -> Self {
        let key =
            |(at, secret): (usize, &SecretString)| KeyEntry::new("openai", format!("key-{}", at + 1), secret.expose_secret());
        File {
            providers: vec![ProviderEntry::openai()],
            keys: keys.iter().enumerate().map(key).collect(),
            clients: vec![ClientEntry::named("default")],
            ..File::default()
        }
    }

    fn check(&self) -> Result<(), BootstrapError> {
        check_names(&self.providers)?;
        check_names(&self.keys)?;
        check_names(&self.models)?;
        check_names(&self.clients)?;
        let secrets = self.keys.iter().map(|key| (key, key.secret.as_ref().map(|secret| format!("{} {secret}", key.provider))));
        check_secrets("secret", secrets)?;
        check_secrets("token", self.clients.iter().map(|client| (client, client.token.clone())))?;
        let mut defaults = self.providers.iter().filter(|provider| provider.default == Some(true));
        match (defaults.next(), defaults.next()) {
            (Some(first), Some(second)) => Err(second.error(format!("default is taken by {:?} already", first.name))),
            _ => Ok(()),
        }
    }
}

fn check_names<E: Entry>(entries: &[E]) -> Result<(), BootstrapError> {
    let mut seen = HashSet::new();
    match entries.iter().find(|entry| !seen.insert(entry.file_name())) {
        Some(again) => Err(again.error("name stands in the file twice")),
        None => Ok(()),
    }
}

fn check_secrets<'a, E: Entry + 'a>(
    field: &str,
    mut secrets: impl Iterator<Item = (&'a E, Option<String>)>,
) -> Result<(), BootstrapError> {
    let mut seen = HashSet::new();
    match secrets.find(|(_, secret)| secret.as_ref().is_some_and(|secret| !seen.insert(secret.clone()))) {
        Some((again, _)) => Err(again.error(format!("{field} is that of another entry"))),
        None => Ok(()),
    }
}

/// The parser's own text would quote the line, and with it perhaps a secret.
fn syntax(text: &str, error: &toml::de::Error) -> BootstrapError {
    let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    BootstrapError::Syntax { line, column, message: error.message().to_owned() }
}

fn resolve_all<E: Entry + Serialize + DeserializeOwned>(
    entries: Vec<E>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<E>, BootstrapError> {
    let resolve_one = |entry: E| {
        let mut value = entry.to_value();
        resolve(&mut value, &entry.place(), environment)?;
        E::from_value(value).map_err(|error| entry.error(error.to_string()))
    };
    entries.into_iter().map(resolve_one).collect()
}

/// Puts in what `${NAME}` and `file:/path` stand for, in every text inside a value.
fn resolve(value: &mut Value, place: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<(), BootstrapError> {
    match value {
        Value::String(text) => {
            *text = match text.strip_prefix("file:") {
                Some(path) if path.starts_with('/') => read_value(path, place)?,
                _ => expand(text, place, environment)?,
            };
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| resolve(item, place, environment)),
        Value::Object(members) => {
            members.iter_mut().try_for_each(|(name, member)| resolve(member, &format!("{place}: {name}"), environment))
        }
        _ => Ok(()),
    }
}

fn read_value(path: &str, place: &str) -> Result<String, BootstrapError> {
    let path = PathBuf::from(path);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(source) => Err(BootstrapError::ValueFile { place: place.to_owned(), path, source }),
    }
}

fn expand(text: &str, place: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, BootstrapError> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        let Some((name, after)) = behind.split_once('}').filter(|(name, _)| is_variable_name(name)) else {
            expanded.push_str(before);
            expanded.push_str("${");
            rest = behind;
            continue;
        };
        let value = environment(name).filter(|value| !value.is_empty());
        let missing = || BootstrapError::Variable { place: place.to_owned(), variable: name.to_owned() };
        expanded.push_str(before);
        expanded.push_str(&value.ok_or_else(missing)?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
