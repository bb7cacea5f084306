//! The environment, read once.

use std::collections::BTreeMap;

use super::error::ConfigError;

/// The variables of the process. An empty variable is not set.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Names whose value is not Unicode.
    unreadable: Vec<String>,
}

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        let mut environment = Environment::default();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) if value.is_empty() => {}
                Ok(value) => drop(environment.variables.insert(name, value)),
                Err(_) => environment.unreadable.push(name),
            }
        }
        environment
    }

    /// An environment of the given variables.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let set = variables.into_iter().filter(|(_, value)| !value.is_empty());
        Environment { variables: set.map(|(name, value)| (name.into(), value.into())).collect(), unreadable: Vec::new() }
    }

    /// Only these variables.
    pub fn only(&self, names: &[&str]) -> Self {
        let named = |name: &String| names.contains(&name.as_str());
        Environment {
            variables: self.variables.iter().filter(|(name, _)| named(name)).map(|(k, v)| (k.clone(), v.clone())).collect(),
            unreadable: self.unreadable.iter().filter(|name| named(name)).cloned().collect(),
        }
    }

    /// The value of a variable; `None` where it is empty or not set.
    pub fn get(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        if self.unreadable.iter().any(|unreadable| unreadable == name) {
            return Err(ConfigError::NotUnicode { name: name.to_owned() });
        }
        Ok(self.variables.get(name).map(String::as_str))
    }

    /// The names of the variables that are set.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }
}

/// Values are secrets as often as not: only their names are printed.
impl std::fmt::Debug for Environment {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_set().entries(self.names()).finish()
    }
}
