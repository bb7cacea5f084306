//! Settings that are fixed while Keywheel runs, and where each value comes from.

use poem_openapi::{Enum, Object};

use crate::admin::wire::example;

/// A setting that was decided at the start.
#[derive(Clone, Debug)]
pub struct FixedSetting {
    /// Its name in `keywheel.toml`.
    pub name: &'static str,
    /// Its value; `(hidden)` for a secret, empty where nothing is set.
    pub value: String,
    /// What decided it.
    pub decided_by: DecidedBy,
    /// The same in words, such as `the environment variable KEYWHEEL_LISTEN`.
    pub source: String,
}

/// What decided a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum DecidedBy {
    /// A flag on the command line.
    Flag,
    /// An environment variable.
    Environment,
    /// A configuration file.
    File,
    /// Nobody said anything.
    Default,
}

/// Settings that are fixed while Keywheel runs.
#[derive(Object)]
#[oai(example)]
pub(super) struct FixedSettings {
    /// The settings.
    settings: Vec<FixedSettingBody>,
}

/// A setting that is fixed while Keywheel runs.
#[derive(Object)]
#[oai(rename = "FixedSetting")]
struct FixedSettingBody {
    /// Its name in `keywheel.toml`.
    name: String,
    /// Its value; `(hidden)` for a secret, empty where nothing is set.
    value: String,
    /// What decided it; it is changed there, for the next start.
    decided_by: DecidedBy,
    /// The same in words.
    source: String,
}

example!(FixedSettings, { "settings": [{
    "name": "listen", "value": "127.0.0.1:8484", "decided_by": "environment",
    "source": "the environment variable KEYWHEEL_LISTEN",
}] });

impl FixedSettings {
    pub(super) fn of(settings: &[FixedSetting]) -> Self {
        let body = |setting: &FixedSetting| FixedSettingBody {
            name: setting.name.to_owned(),
            value: setting.value.clone(),
            decided_by: setting.decided_by,
            source: setting.source.clone(),
        };
        FixedSettings { settings: settings.iter().map(body).collect() }
    }
}
