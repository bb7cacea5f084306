//! Which keys a list, an export or an action in bulk is about.

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use super::status::KeyStateWord;
use crate::domain::{Key, ProviderId, secret_hint};
use crate::rotator::KeyStatus;
use secrecy::ExposeSecret;

/// Which keys: every member that is given must match.
#[derive(Default, Object, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::admin) struct KeyFilter {
    /// Only keys of the provider with this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(nullable)]
    pub(super) provider: Option<i64>,
    /// Only keys in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(nullable)]
    pub(super) state: Option<KeyStateWord>,
    /// Only keys with this tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(nullable)]
    pub(super) tag: Option<String>,
    /// Only keys whose name, account or shown part of the secret contains this, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(nullable)]
    pub(super) search: Option<String>,
}

impl KeyFilter {
    /// The filter, ready to look at many keys.
    pub(super) fn prepared(mut self) -> Self {
        self.search = self.search.map(|search| search.to_lowercase()).filter(|search| !search.is_empty());
        self
    }

    /// Whether a key matches but for its state. `self` must be prepared.
    pub(super) fn finds(&self, key: &Key) -> bool {
        self.provider.is_none_or(|provider| key.provider == ProviderId(provider))
            && self.tag.as_ref().is_none_or(|tag| key.tags.contains(tag))
            && self.search.as_ref().is_none_or(|search| contains(key, search))
    }

    /// Whether a key's state matches.
    pub(super) fn allows(&self, status: Option<&KeyStatus>) -> bool {
        self.state.is_none_or(|state| status.is_some_and(|status| KeyStateWord::from(status.state) == state))
    }
}

fn contains(key: &Key, search: &str) -> bool {
    let contains = |text: &str| text.to_lowercase().contains(search);
    contains(&key.name) || key.account.as_deref().is_some_and(contains) || contains(&secret_hint(key.secret.expose_secret()))
}
