//! What can be wrong with a configuration.

use super::settings::Source;

/// A setting that stops the start. No message carries the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value is not what its setting takes.
    #[error("{name} from {source}: {problem}; expected {expected}", source = .origin)]
    Value {
        /// The setting.
        name: &'static str,
        /// Where the value came from.
        origin: Source,
        /// What is wrong, with the value where it is no secret.
        problem: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A file has a setting that does not exist.
    #[error("{file}: unknown setting `{name}`{hint}", hint = nearest_hint(.nearest.as_deref()))]
    Unknown {
        /// The file.
        file: String,
        /// The setting.
        name: String,
        /// A setting with a similar name.
        nearest: Option<String>,
    },
    /// A configuration file cannot be used.
    #[error("{file} ({origin}): {problem}")]
    File {
        /// The file.
        file: String,
        /// Where its name came from.
        origin: Source,
        /// What is wrong with it.
        problem: String,
    },
    /// A variable that is needed has no Unicode value.
    #[error("{name} from the environment: its value is not Unicode; expected UTF-8 text")]
    NotUnicode {
        /// The variable.
        name: String,
    },
    /// Two settings exclude or need each other.
    #[error("{0}")]
    Conflict(String),
}

fn nearest_hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
