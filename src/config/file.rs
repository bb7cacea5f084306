//! The settings of `keywheel.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use super::environment::Environment;
use super::error::ConfigError;
use super::settings::{SETTINGS, Setting, Source, nearest};

/// The file that is read where no other is named, if it exists.
const DEFAULT_FILE: &str = "keywheel.toml";

pub(super) type FileValues = BTreeMap<&'static str, (Vec<String>, Source)>;

/// The settings of the file named by flag or variable, else of `keywheel.toml` where it exists.
pub(super) fn read_file(flag: Option<String>, environment: &Environment) -> Result<FileValues, ConfigError> {
    let (file, origin) = match (flag, environment.get("KEYWHEEL_CONFIG")?) {
        (Some(file), _) => (file, Source::Flag("--config".to_owned())),
        (None, Some(file)) => (file.to_owned(), Source::Environment("KEYWHEEL_CONFIG".to_owned())),
        (None, None) if Path::new(DEFAULT_FILE).exists() => (DEFAULT_FILE.to_owned(), Source::Default),
        (None, None) => return Ok(FileValues::new()),
    };
    let text = std::fs::read_to_string(&file).map_err(|error| file_error(&file, &origin, error))?;
    let table = text.parse::<toml::Table>().map_err(|error| file_error(&file, &origin, error))?;
    let mut values = FileValues::new();
    for (name, value) in table {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
            let nearest = nearest(&name, SETTINGS.iter().map(|setting| setting.name)).map(str::to_owned);
            return Err(ConfigError::Unknown { file, name, nearest });
        };
        let texts = texts_of(setting, value).ok_or_else(|| ConfigError::Value {
            name: setting.name,
            origin: Source::File(file.clone()),
            problem: "the value has the wrong type".to_owned(),
            expected: if setting.many { "a string, or a list of strings" } else { "a string or a number" },
        })?;
        values.insert(setting.name, (texts, Source::File(file.clone())));
    }
    Ok(values)
}

fn file_error(file: &str, origin: &Source, error: impl std::fmt::Display) -> ConfigError {
    ConfigError::File { file: file.to_owned(), origin: origin.clone(), problem: error.to_string().trim_end().to_owned() }
}

fn texts_of(setting: &Setting, value: toml::Value) -> Option<Vec<String>> {
    match value {
        toml::Value::String(text) => Some(vec![text]),
        toml::Value::Integer(number) if !setting.many => Some(vec![number.to_string()]),
        toml::Value::Array(items) if setting.many => items.into_iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}
