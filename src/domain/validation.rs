//! What makes a noun valid: checked before anything is stored, whoever asks for it.

use std::collections::HashSet;

use http::{HeaderName, HeaderValue, Uri};
use secrecy::ExposeSecret;

use super::client::Client;
use super::key::Key;
use super::model::Model;
use super::pattern::Pattern;
use super::person::{AdminToken, User};
use super::provider::{Probe, Provider, Timeouts};

/// A field that cannot be stored, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {message}")]
pub struct InvalidField {
    /// The field's name in the API and the bootstrap file.
    pub field: &'static str,
    /// What is wrong, as the rest of a sentence that begins with the field.
    pub message: String,
}

type Checked = Result<(), InvalidField>;

/// Longest name in characters.
const NAME_CHARS: usize = 200;
/// Longest secret or header value in bytes.
const VALUE_BYTES: usize = 8192;
/// Most entries of one list.
const LIST_ENTRIES: usize = 10_000;
/// Longest time limit: one hour.
const LONGEST_MS: u64 = 3_600_000;

/// Headers that carry a secret or that Keywheel itself must set: never a provider's extra or passed header.
const OWN_HEADERS: [&str; 18] = [
    "accept-encoding",
    "api-key",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-api-key",
    "x-goog-api-key",
];

impl Provider {
    /// Checks every field but references to other rows.
    pub fn validate(&self) -> Checked {
        name("name", &self.name)?;
        if self.name.contains('/') {
            return invalid("name", "must not contain a slash: provider/model would be ambiguous");
        }
        let mut seen = HashSet::new();
        for (header, value) in &self.headers {
            own_header("headers", header)?;
            header_value("headers", value)?;
            if !seen.insert(header.to_ascii_lowercase()) {
                return invalid("headers", format!("names {header} twice"));
            }
        }
        list("pass_headers", &self.pass_headers, |header| own_header("pass_headers", header))?;
        self.timeouts.validate()?;
        if let Some(attempts) = self.attempts {
            within("attempts", attempts.into(), 1, 10)?;
        }
        if let Some(proxy) = &self.proxy {
            proxy_url(proxy)?;
        }
        self.probe.validate()
    }
}

impl Timeouts {
    fn validate(&self) -> Checked {
        within("timeouts.connect_ms", self.connect_ms, 1, LONGEST_MS)?;
        within("timeouts.first_byte_ms", self.first_byte_ms, 1, LONGEST_MS)?;
        within("timeouts.idle_ms", self.idle_ms, 1, LONGEST_MS)?;
        within("timeouts.answer_ms", self.answer_ms, 1, LONGEST_MS)
    }
}

impl Probe {
    fn validate(&self) -> Checked {
        within("probe.interval_s", self.interval_s, 60, 30 * 24 * 3600)?;
        if let Some(seconds) = self.check_every_s {
            within("probe.check_every_s", seconds, 3600, 90 * 24 * 3600)?;
        }
        self.model.as_deref().map_or(Ok(()), |model| name("probe.model", model))
    }
}

impl Key {
    /// Checks every field but references to other rows.
    pub fn validate(&self) -> Checked {
        name("name", &self.name)?;
        let secret = self.secret.expose_secret();
        if secret.is_empty() {
            return invalid("secret", "must not be empty");
        }
        header_value("secret", secret)?;
        tags("tags", &self.tags)?;
        within("weight", self.weight.into(), 0, 1000)?;
        patterns("models", self.models.as_deref())?;
        budget(self.limits.budget_month.map(|amount| amount.0))?;
        self.account.as_deref().map_or(Ok(()), |account| name("account", account))
    }
}

impl Model {
    /// Checks every field but references to other rows.
    pub fn validate(&self) -> Checked {
        name("name", &self.name)?;
        if self.targets.len() > 100 {
            return invalid("targets", "must be at most 100");
        }
        for target in &self.targets {
            name("targets.model", &target.model)?;
            within("targets.tier", target.tier.into(), 1, 100)?;
            within("targets.weight", target.weight.into(), 0, 1000)?;
        }
        self.answer_ms.map_or(Ok(()), |answer_ms| within("answer_ms", answer_ms, 1, LONGEST_MS))
    }
}

impl Client {
    /// Checks every field but references to other rows.
    pub fn validate(&self) -> Checked {
        name("name", &self.name)?;
        tags("tags", &self.tags)?;
        patterns("models", self.models.as_deref())?;
        self.key_tags.as_ref().map_or(Ok(()), |key_tags| tags("key_tags", key_tags))?;
        if self.expires_at.is_some_and(|at| at < 0) {
            return invalid("expires", "must be a time after 1970");
        }
        budget(self.limits.budget_day.map(|amount| amount.0))?;
        budget(self.limits.budget_month.map(|amount| amount.0))?;
        budget(self.limits.budget_total.map(|amount| amount.0))?;
        self.limits.warn_percent.map_or(Ok(()), |percent| within("warn_percent", percent.into(), 1, 100))
    }
}

impl User {
    /// Checks every field but references to other rows.
    pub fn validate(&self) -> Checked {
        name("name", &self.name)
    }
}

impl AdminToken {
    /// Checks every field but references to other rows.
    pub fn validate(&self) -> Checked {
        name("name", &self.name)?;
        if self.expires_at.is_some_and(|at| at < 0) {
            return invalid("expires_at", "must be a time after 1970");
        }
        Ok(())
    }
}

pub(super) fn invalid<T>(field: &'static str, message: impl Into<String>) -> Result<T, InvalidField> {
    Err(InvalidField { field, message: message.into() })
}

pub(super) fn name(field: &'static str, text: &str) -> Checked {
    if text.is_empty() || text.chars().count() > NAME_CHARS {
        return invalid(field, format!("must be 1 to {NAME_CHARS} characters"));
    }
    if text.trim() != text {
        return invalid(field, "must not begin or end with a space");
    }
    match text.chars().position(|character| character.is_control() || is_invisible(character)) {
        Some(at) => invalid(field, format!("has a control or invisible character at position {}", at + 1)),
        None => Ok(()),
    }
}

/// Characters that look like nothing: they make two names, or two secrets, look alike.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn header_value(field: &'static str, text: &str) -> Checked {
    if text.len() > VALUE_BYTES {
        return invalid(field, format!("must be at most {VALUE_BYTES} bytes"));
    }
    if let Some(at) = text.chars().position(|character| !matches!(character, ' '..='~')) {
        return invalid(field, format!("has a character at position {} that no header may carry", at + 1));
    }
    if text.trim() != text || HeaderValue::from_str(text).is_err() {
        return invalid(field, "must not begin or end with a space");
    }
    Ok(())
}

fn own_header(field: &'static str, header: &str) -> Checked {
    if HeaderName::from_bytes(header.as_bytes()).is_err() {
        return invalid(field, format!("names {header:?}, which is no header name"));
    }
    if OWN_HEADERS.contains(&header.to_ascii_lowercase().as_str()) {
        return invalid(field, format!("must not name {header}: it is set by Keywheel (a secret belongs into a key)"));
    }
    Ok(())
}

pub(super) fn list<T>(field: &'static str, entries: &[T], check: impl Fn(&T) -> Checked) -> Checked {
    if entries.len() > LIST_ENTRIES {
        return invalid(field, format!("must have at most {LIST_ENTRIES} entries"));
    }
    entries.iter().try_for_each(check)
}

fn tags(field: &'static str, entries: &[String]) -> Checked {
    list(field, entries, |tag| name(field, tag))
}

fn patterns(field: &'static str, entries: Option<&[Pattern]>) -> Checked {
    list(field, entries.unwrap_or_default(), |pattern| name(field, pattern.as_str()))
}

pub(super) fn within(field: &'static str, value: u64, low: u64, high: u64) -> Checked {
    if (low..=high).contains(&value) { Ok(()) } else { invalid(field, format!("must be {low} to {high}, not {value}")) }
}

fn budget(nanodollars: Option<i64>) -> Checked {
    match nanodollars {
        Some(amount) if amount < 0 => invalid("budget_usd_month", "must not be negative"),
        _ => Ok(()),
    }
}

fn proxy_url(text: &str) -> Checked {
    let uri: Option<Uri> = text.parse().ok();
    let known = |uri: &Uri| {
        let scheme = matches!(uri.scheme_str(), Some("http" | "https" | "socks5" | "socks5h"));
        scheme && uri.host().is_some_and(|host| !host.is_empty()) && matches!(uri.path(), "" | "/") && uri.query().is_none()
    };
    if uri.as_ref().is_some_and(known) {
        Ok(())
    } else {
        invalid("proxy", "must be a URL such as socks5://host:1080 or http://user:password@host:3128")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AuthScheme, BaseUrl, KeyId, KeyLimits, Nanodollars, ProviderId};

    fn provider() -> Provider {
        Provider {
            id: ProviderId(1),
            headers: vec![("OpenAI-Project".into(), "p".into())],
            pass_headers: vec!["x-trace".into()],
            proxy: Some("socks5://user:pw@h:1080".into()),
            attempts: Some(3),
            ..Provider::new("openai".into(), BaseUrl::parse("https://h", false).unwrap(), AuthScheme::Bearer)
        }
    }

    fn key(secret: &str) -> Key {
        Key { id: KeyId(1), ..Key::new(ProviderId(1), "a", secret) }
    }

    #[test]
    fn a_bad_field_of_a_provider_is_named() {
        assert_eq!(provider().validate(), Ok(()));
        type Spoil = fn(&mut Provider);
        let spoils: [(&str, Spoil); 10] = [
            ("name", |p| p.name = "a/b".into()),
            ("name", |p| p.name = String::new()),
            ("name", |p| p.name = "a\nb".into()),
            ("headers", |p| p.headers[0].0 = "a b".into()),
            ("headers", |p| p.headers[0].0 = "Authorization".into()),
            ("headers", |p| p.headers[0].1 = "a\r\nb".into()),
            ("pass_headers", |p| p.pass_headers = vec!["cookie".into()]),
            ("timeouts.idle_ms", |p| p.timeouts.idle_ms = 0),
            ("attempts", |p| p.attempts = Some(0)),
            ("proxy", |p| p.proxy = Some("ftp://h".into())),
        ];
        for (field, spoil) in spoils {
            let mut spoilt = provider();
            spoil(&mut spoilt);
            assert_eq!(spoilt.validate().map_err(|error| error.field), Err(field));
        }
    }

    #[test]
    fn a_secret_must_fit_into_a_header() {
        assert_eq!(key("sk-a|b+c d").validate(), Ok(()));
        for (secret, words) in [
            ("", "must not be empty"),
            ("sk-\u{200b}a", "position 4"),
            ("sk-a\n", "position 5"),
            (" sk-a", "begin or end"),
            ("sk-é", "position 4"),
        ] {
            let error = key(secret).validate().unwrap_err();
            assert!(error.field == "secret" && error.message.contains(words), "{error}");
        }
        let overspent =
            Key { limits: KeyLimits { budget_month: Some(Nanodollars(-1)), ..KeyLimits::default() }, ..key("sk-a") };
        assert_eq!(overspent.validate().unwrap_err().field, "budget_usd_month");
    }
}
