//! Keys of another gateway: which providers and keys its rows become, and what would become of each.

use std::collections::HashMap;

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::paste::{LineState, MOST_KEYS, Names, labels, refuse_unreadable};
use crate::admin::error::ApiError;
use crate::admin::wire::example;
use crate::domain::{
    BaseUrl, BaseUrlError, Destination, ForeignEntry, ForeignKey, Gateway, Key, Pattern, Provider, ProviderId,
    read_foreign_keys, read_foreign_rows, secret_hint,
};
use crate::store::Catalog;

/// A gateway whose keys can be read.
#[derive(Clone, Copy, Default, Enum, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[oai(rename = "Gateway", rename_all = "kebab-case")]
pub(super) enum GatewayWord {
    /// GPT-Load: rows of `groups` and `api_keys`.
    GptLoad,
    /// One API: rows of `channels`.
    #[default]
    OneApi,
    /// New API: rows of `channels`.
    NewApi,
}

impl From<GatewayWord> for Gateway {
    fn from(word: GatewayWord) -> Self {
        match word {
            GatewayWord::GptLoad => Gateway::GptLoad,
            GatewayWord::OneApi => Gateway::OneApi,
            GatewayWord::NewApi => Gateway::NewApi,
        }
    }
}

/// Rows of another gateway's tables, and what becomes of them.
#[derive(Default, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(in crate::admin) struct ForeignKeys {
    /// The gateway that they come from.
    from: GatewayWord,
    /// The rows as a database tool exports them: JSON, or comma-separated values with a heading. Keys have to be among them.
    text: String,
    /// Id of a provider that takes every key; null or left out: each base URL has a provider, which is made where it is
    /// missing.
    #[serde(default)]
    #[oai(nullable)]
    provider: Option<i64>,
    /// Labels that every key gets besides its own.
    #[serde(default)]
    #[oai(default)]
    tags: Vec<String>,
    /// Import keys too that do not serve there. They are imported as any other key.
    #[serde(default)]
    #[oai(default)]
    with_disabled: bool,
    /// Import what can be read, although other rows cannot.
    #[serde(default)]
    #[oai(default)]
    pub(super) skip_malformed: bool,
}

impl Example for ForeignKeys {
    fn example() -> Self {
        let text = r#"[{"id":1,"type":1,"key":"sk-…","name":"team-a","models":"gpt-4o","group":"default","status":1}]"#;
        ForeignKeys { text: text.to_owned(), tags: vec!["moved".to_owned()], ..ForeignKeys::default() }
    }
}

/// What rows of another gateway would become; nothing is stored.
#[derive(Object)]
#[oai(example)]
pub(in crate::admin) struct ForeignPreview {
    /// Keys that would be added.
    valid: usize,
    /// Keys that stand there more than once for one provider.
    duplicate: usize,
    /// Keys that their provider has already.
    exists: usize,
    /// Rows that cannot be read.
    malformed: usize,
    /// Rows that are left out: they do not serve there, or do not speak the OpenAI API.
    skipped: usize,
    /// The providers that take the keys.
    providers: Vec<ForeignProvider>,
    /// Every key, and every row that has none.
    entries: Vec<ForeignEntryBody>,
}

/// A provider that takes keys.
#[derive(Clone, Object)]
struct ForeignProvider {
    /// Its id; null: it would be made.
    #[oai(nullable)]
    id: Option<i64>,
    /// Its name.
    name: String,
    /// Its base URL.
    base_url: String,
    /// How it wants to see a key.
    auth: String,
    /// Keys that would be added to it.
    keys: usize,
}

/// A key of another gateway, or a row that has none.
#[derive(Object)]
struct ForeignEntryBody {
    /// Which row, such as `channel 7`.
    place: String,
    /// What would become of it.
    state: LineState,
    /// The provider that takes it.
    #[oai(nullable)]
    provider: Option<String>,
    /// The name that the key gets.
    #[oai(nullable)]
    name: Option<String>,
    /// The last four characters of the key.
    #[oai(nullable)]
    secret_hint: Option<String>,
    /// Its labels.
    tags: Vec<String>,
    /// Why it cannot be read or is left out, or which key is the same.
    #[oai(nullable)]
    message: Option<String>,
}

example!(ForeignPreview, {
    "valid": 1, "duplicate": 0, "exists": 0, "malformed": 0, "skipped": 1,
    "providers": [{ "id": null, "name": "openai", "base_url": "https://api.openai.com/v1", "auth": "bearer", "keys": 1 }],
    "entries": [
        { "place": "channel 1", "state": "valid", "provider": "openai", "name": "team-a", "secret_hint": "…a1b2",
          "tags": ["default"], "message": null },
        { "place": "channel 2", "state": "skipped", "provider": null, "name": null, "secret_hint": null, "tags": [],
          "message": "a channel of type 33 does not speak the OpenAI API, or needs more than a key" },
    ],
});

/// Where keys go, as it will be.
pub(super) struct Place {
    /// The provider; one with the id 0 has to be made.
    pub(super) provider: Provider,
    /// Its keys, each with the provider's id still to be set.
    pub(super) keys: Vec<Key>,
    names: Names,
    /// The name that each secret has, and whether it is one of the new keys.
    secrets: HashMap<String, (String, bool)>,
}

/// What rows become against what the catalog has.
pub(super) struct Reading {
    pub(super) places: Vec<Place>,
    entries: Vec<ForeignEntryBody>,
}

impl Reading {
    pub(super) fn count(&self, state: LineState) -> usize {
        self.entries.iter().filter(|entry| entry.state == state).count()
    }

    /// Refuses rows that cannot be read, unless they are to be left out.
    pub(super) fn demand_readable(&self) -> Result<(), ApiError> {
        let malformed = self.entries.iter().filter(|entry| entry.state == LineState::Malformed);
        refuse_unreadable("rows", malformed.map(|entry| (entry.place.clone(), entry.message.as_deref())))
    }

    pub(super) fn into_preview(self) -> ForeignPreview {
        let count = |state| self.count(state);
        let shown = |place: &Place| ForeignProvider {
            id: Some(place.provider.id.0).filter(|id| *id != 0),
            name: place.provider.name.clone(),
            base_url: place.provider.base_url.to_string(),
            auth: place.provider.auth.to_text(),
            keys: place.keys.len(),
        };
        ForeignPreview {
            valid: count(LineState::Valid),
            duplicate: count(LineState::Duplicate),
            exists: count(LineState::Exists),
            malformed: count(LineState::Malformed),
            skipped: count(LineState::Skipped),
            providers: self.places.iter().map(shown).collect(),
            entries: self.entries,
        }
    }
}

/// Reads rows against what the catalog has: every key, and the providers that would take them.
pub(super) fn read(request: &ForeignKeys, catalog: &Catalog) -> Result<Reading, ApiError> {
    let rows = read_foreign_rows(&request.text).map_err(|fault| ApiError::invalid("text", fault.to_string()))?;
    let found = read_foreign_keys(request.from.into(), &rows);
    if found.len() > MOST_KEYS {
        return Err(ApiError::invalid("text", format!("at most {MOST_KEYS} keys can be imported at once: split it")));
    }
    let mut reader = Reader::new(request, catalog)?;
    let entries = found.into_iter().map(|entry| reader.read(entry)).collect();
    // A provider that got nothing needs not be made.
    reader.places.retain(|place| place.provider.id.0 != 0 || !place.keys.is_empty());
    Ok(Reading { places: reader.places, entries })
}

struct Reader<'a> {
    request: &'a ForeignKeys,
    catalog: &'a Catalog,
    places: Vec<Place>,
    provider_names: Names,
    fixed: Option<Provider>,
}

impl<'a> Reader<'a> {
    fn new(request: &'a ForeignKeys, catalog: &'a Catalog) -> Result<Self, ApiError> {
        let unknown = |id| ApiError::invalid("provider", format!("there is no provider with id {id}"));
        let find = |id| catalog.get::<Provider>(ProviderId(id)).map(|row| (*row.value).clone()).ok_or_else(|| unknown(id));
        let taken = catalog.all::<Provider>().map(|row| row.value.name.clone());
        Ok(Reader {
            request,
            catalog,
            places: Vec::new(),
            provider_names: Names::of(taken),
            fixed: request.provider.map(find).transpose()?,
        })
    }

    fn read(&mut self, entry: ForeignEntry) -> ForeignEntryBody {
        let blank = |state, message| ForeignEntryBody {
            place: entry.place.clone(),
            state,
            provider: None,
            name: None,
            secret_hint: None,
            tags: Vec::new(),
            message,
        };
        let found = match &entry.found {
            Ok(found) => found,
            Err(fault) if fault.is_of_no_use() => return blank(LineState::Skipped, Some(fault.to_string())),
            Err(fault) => return blank(LineState::Malformed, Some(fault.to_string())),
        };
        if let Some(why) = found.disabled.filter(|_| !self.request.with_disabled) {
            let hint = secret_hint(found.key.secret.expose_secret());
            let message = Some(format!("{why}: set with_disabled to import it all the same"));
            return ForeignEntryBody { secret_hint: Some(hint), ..blank(LineState::Skipped, message) };
        }
        let at = match self.place(&found.destination) {
            Ok(at) => at,
            Err(message) => return blank(LineState::Malformed, Some(message)),
        };
        let place = &mut self.places[at];
        let key = key(found, self.request);
        let shown = ForeignEntryBody {
            provider: Some(place.provider.name.clone()),
            name: found.key.name.clone(),
            secret_hint: Some(secret_hint(key.secret.expose_secret())),
            tags: key.tags.clone(),
            ..blank(LineState::Valid, None)
        };
        place.take(key, shown, found.key.name.as_deref())
    }

    /// The place of a destination; the error says why there is none.
    fn place(&mut self, destination: &Destination) -> Result<usize, String> {
        let provider = match (&self.fixed, &destination.base_url) {
            (Some(fixed), _) => fixed.clone(),
            (None, None) => return Err("these rows do not say where the key goes: give a provider".to_owned()),
            (None, Some(url)) => {
                let base_url = whole_url(url).map_err(|error| format!("its base URL {error}"))?;
                self.provider(destination, base_url)
            }
        };
        let same = |place: &Place| {
            place.provider.base_url.to_string() == provider.base_url.to_string() && place.provider.auth == provider.auth
        };
        if let Some(at) = self.places.iter().position(same) {
            return Ok(at);
        }
        let mut provider = provider;
        if provider.id.0 == 0 {
            provider.name = self.provider_names.free(Some(&provider.name.replace('/', "-")));
            self.provider_names.take(&provider.name);
            provider.validate().map_err(|invalid| format!("its provider's {invalid}"))?;
        }
        self.places.push(Place::new(provider, self.catalog));
        Ok(self.places.len() - 1)
    }

    /// The catalog's provider with that address and scheme, or a new one.
    fn provider(&self, destination: &Destination, base_url: BaseUrl) -> Provider {
        let url = base_url.to_string();
        let is_same = |provider: &Provider| provider.base_url.to_string() == url && provider.auth == destination.auth;
        let known = self.catalog.all::<Provider>().find(|row| is_same(&row.value));
        let new = || Provider::new(destination.name.clone(), base_url, destination.auth.clone());
        known.map_or_else(new, |row| (*row.value).clone())
    }
}

impl Place {
    fn new(provider: Provider, catalog: &Catalog) -> Self {
        let id = provider.id;
        let there = || catalog.all::<Key>().filter(|row| row.value.provider == id);
        Place {
            names: Names::of(there().map(|row| row.value.name.clone())),
            secrets: there()
                .map(|row| (row.value.secret.expose_secret().to_owned(), (row.value.name.clone(), false)))
                .collect(),
            keys: Vec::new(),
            provider,
        }
    }

    fn take(&mut self, key: Key, shown: ForeignEntryBody, wanted: Option<&str>) -> ForeignEntryBody {
        if let Some((name, is_new)) = self.secrets.get(key.secret.expose_secret()) {
            let (state, message) = if *is_new {
                (LineState::Duplicate, format!("the same key as {name}"))
            } else {
                (LineState::Exists, format!("this key is there already, as {name}"))
            };
            return ForeignEntryBody { state, message: Some(message), ..shown };
        }
        let key = Key { name: self.names.free(wanted), ..key };
        if let Err(invalid) = key.validate() {
            return ForeignEntryBody { state: LineState::Malformed, message: Some(invalid.to_string()), ..shown };
        }
        self.names.take(&key.name);
        self.secrets.insert(key.secret.expose_secret().to_owned(), (key.name.clone(), true));
        let name = Some(key.name.clone());
        self.keys.push(key);
        ForeignEntryBody { name, ..shown }
    }
}

fn key(found: &ForeignKey, request: &ForeignKeys) -> Key {
    let ForeignKey { key, priority, .. } = found;
    Key {
        tags: labels(key.tags.clone(), &request.tags),
        weight: key.weight.unwrap_or(1),
        priority: *priority,
        models: key.models.as_ref().map(|models| models.iter().cloned().map(Pattern::new).collect()),
        account: key.account.clone(),
        ..Key::new(ProviderId(0), "", key.secret.clone())
    }
}

/// A base URL that is whole as it stands.
fn whole_url(url: &str) -> Result<BaseUrl, BaseUrlError> {
    let usual = BaseUrl::parse(url, false)?;
    // Only a bare host would get a path of its own.
    if usual.to_string() == url { Ok(usual) } else { BaseUrl::parse(url, true) }
}
