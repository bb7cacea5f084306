//! The list of settings, and where a value can come from.

use std::fmt;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag on the command line.
    Flag(String),
    /// An environment variable.
    Environment(String),
    /// A configuration file.
    File(String),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag(name) => write!(out, "the flag {name}"),
            Source::Environment(name) => write!(out, "the environment variable {name}"),
            Source::File(name) => write!(out, "the file {name}"),
            Source::Default => write!(out, "the default"),
        }
    }
}

/// What is known of a setting before it has a value.
#[derive(Debug)]
pub(super) struct Setting {
    /// Its name in the file; the flag has dashes, the variable capitals behind `KEYWHEEL_`.
    pub(super) name: &'static str,
    /// Whether it takes several values, separated by commas in a variable.
    pub(super) many: bool,
    /// Whether its value is never shown.
    pub(super) secret: bool,
    /// What holds where nobody says anything; empty is nothing.
    pub(super) default: &'static str,
}

const fn one(name: &'static str, default: &'static str) -> Setting {
    Setting { name, many: false, secret: false, default }
}

const fn many(name: &'static str, default: &'static str) -> Setting {
    Setting { name, many: true, secret: false, default }
}

const fn secret(name: &'static str) -> Setting {
    Setting { name, many: false, secret: true, default: "" }
}

/// Every setting.
pub(super) const SETTINGS: &[Setting] = &[
    many("listen", "127.0.0.1:8484"),
    one("data", "./data"),
    one("scripts", "./scripts"),
    one("script_watch", "events"),
    one("script_time", "25ms"),
    one("script_operations", "200000"),
    one("bootstrap", ""),
    one("log", "info"),
    one("log_format", "text"),
    one("base_path", ""),
    many("trusted_proxies", ""),
    one("max_body", "32MiB"),
    one("max_upload", "1GiB"),
    one("connections", "8192"),
    one("header_timeout", "10s"),
    one("body_timeout", "25s"),
    one("write_timeout", "2m"),
    one("keep_alive", "75s"),
    one("drain_timeout", "30s"),
    one("tls_cert", ""),
    one("tls_key", ""),
    one("threads", ""),
    one("master_key_file", ""),
    one("otlp_endpoint", ""),
    Setting { name: "otlp_headers", many: true, secret: true, default: "" },
    secret("metrics_token"),
    secret("admin_token"),
    secret("master_key"),
];

impl Setting {
    /// The name of its environment variable.
    pub(super) fn variable(&self) -> String {
        format!("KEYWHEEL_{}", self.name.to_ascii_uppercase())
    }

    /// The name of its flag.
    pub(super) fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }
}

/// The name among `known` that a misspelt one most likely means.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let close = |candidate: &&str| distance(name, candidate) <= 1 + name.len() / 4;
    known.filter(close).min_by_key(|candidate| distance(name, candidate))
}

/// The number of letters to insert, delete, exchange or swap with their neighbour (Damerau and Levenshtein, restricted).
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let exchange = last[j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut best = exchange.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_find_their_setting() {
        let names = || SETTINGS.iter().map(|setting| setting.name);
        assert_eq!(nearest("listen_", names()), Some("listen"));
        assert_eq!(nearest("lsiten", names()), Some("listen"));
        assert_eq!(nearest("admin_tokn", names()), Some("admin_token"));
        assert_eq!(nearest("trusted_proxy", names()), Some("trusted_proxies"));
        assert_eq!(nearest("colour", names()), None);
    }
}
