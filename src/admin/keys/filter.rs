//! Which keys a list, an export or an action in bulk is about.

use poem_openapi::Object;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::status::KeyStateWord;
use crate::domain::{Key, ProviderId, shown_end};
use crate::rotator::KeyState;

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
            && self.search.as_ref().is_none_or(|search| matches(key, search))
    }

    /// Whether a key's state matches; it is asked for only where the filter names one.
    pub(super) fn allows(&self, state: impl FnOnce() -> Option<KeyState>) -> bool {
        self.state.is_none_or(|wanted| state().is_some_and(|state| KeyStateWord::from(state) == wanted))
    }
}

fn matches(key: &Key, search: &str) -> bool {
    let end = || shown_end(key.secret.expose_secret());
    contains(&key.name, search)
        || key.account.as_deref().is_some_and(|account| contains(account, search))
        || match search.strip_prefix('…') {
            Some(search) => end().to_lowercase().starts_with(search),
            None => contains(end(), search),
        }
}

/// Whether a text contains another one, which is in lower case, in any case. Among 100,000 keys each copy of a text would count.
fn contains(text: &str, search: &str) -> bool {
    if !text.is_ascii() {
        return text.to_lowercase().contains(search);
    }
    text.as_bytes().windows(search.len()).any(|part| part.eq_ignore_ascii_case(search.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_any_case() {
        for (text, search, found) in [
            ("Team 7", "team", true),
            ("Team 7", "7", true),
            ("Team 7", "team 77", false),
            ("", "a", false),
            ("STRASSE", "straße", false),
            ("Straße", "straße", true),
            ("ÄRGER", "ärg", true),
            ("密钥 A", "钥 a", true),
        ] {
            assert_eq!(contains(text, search), found, "{search} in {text}");
        }
    }
}
