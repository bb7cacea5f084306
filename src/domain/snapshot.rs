//! The snapshot: an immutable view of the catalog that calls read without a lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use super::client::{Client, TokenHash};
use super::ids::{ClientId, KeyId, ProviderId};
use super::key::Key;
use super::model::{Capabilities, Model, Target};
use super::money::{Price, PriceOrigin, PriceTable};
use super::pattern::Pattern;
use super::provider::Provider;
use super::settings::Settings;

/// What a snapshot is made of.
#[derive(Clone, Debug, Default)]
pub struct SnapshotParts {
    /// Every provider, disabled ones too.
    pub providers: Vec<Arc<Provider>>,
    /// Every key, whatever its state.
    pub keys: Vec<Arc<Key>>,
    /// Every model route.
    pub models: Vec<Arc<Model>>,
    /// Every client.
    pub clients: Vec<Arc<Client>>,
    /// Settings.
    pub settings: Settings,
    /// Prices.
    pub prices: Arc<PriceTable>,
}

/// Patterns of model names, and the providers that have what matches.
type ByPattern = Vec<(Pattern, BTreeSet<ProviderId>)>;

/// An immutable view of providers, keys, models, clients and settings.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Settings.
    pub settings: Arc<Settings>,
    /// Prices.
    pub prices: Arc<PriceTable>,
    providers: HashMap<ProviderId, Arc<Provider>>,
    provider_by_name: HashMap<String, ProviderId>,
    keys: HashMap<KeyId, Arc<Key>>,
    models: HashMap<String, Arc<Model>>,
    clients: HashMap<ClientId, Arc<Client>>,
    client_by_token: HashMap<TokenHash, Arc<Client>>,
    targets_by_synced_model: HashMap<String, Arc<[Target]>>,
    /// Patterns of keys' models, and the enabled providers of these keys.
    providers_by_pattern: ByPattern,
    has_key_budgets: bool,
    default_provider: Option<ProviderId>,
}

/// Where a model name goes.
#[derive(Clone, Debug)]
pub struct Route {
    /// The model route, when one has this name.
    pub model: Option<Arc<Model>>,
    /// Where it is served, by ascending tier.
    pub targets: Arc<[Target]>,
}

/// Why a model name goes nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// No route, list or default provider takes the name.
    Unknown,
    /// A route has the name, but it is switched off.
    Disabled,
}

impl Snapshot {
    /// Builds the indexes that calls read.
    pub fn new(parts: SnapshotParts) -> Self {
        let enabled = |provider: &&Arc<Provider>| provider.enabled;
        let mut default_provider = parts.providers.iter().filter(enabled).find(|provider| provider.is_default).map(|p| p.id);
        if default_provider.is_none() && parts.providers.iter().filter(enabled).count() == 1 && parts.models.is_empty() {
            default_provider = parts.providers.iter().find(|provider| provider.enabled).map(|p| p.id);
        }
        let (targets_by_synced_model, providers_by_pattern) = by_model(&parts.providers, &parts.keys);
        Snapshot {
            settings: Arc::new(parts.settings),
            prices: parts.prices,
            targets_by_synced_model,
            providers_by_pattern,
            has_key_budgets: parts.keys.iter().any(|key| key.limits.budget_month.is_some()),
            provider_by_name: parts.providers.iter().map(|provider| (provider.name.clone(), provider.id)).collect(),
            providers: parts.providers.into_iter().map(|provider| (provider.id, provider)).collect(),
            keys: parts.keys.into_iter().map(|key| (key.id, key)).collect(),
            models: parts.models.into_iter().map(|model| (model.name.clone(), model)).collect(),
            client_by_token: clients_by_token(&parts.clients),
            clients: parts.clients.into_iter().map(|client| (client.id, client)).collect(),
            default_provider,
        }
    }

    /// The client that holds the token with this hash, also one that was replaced: see [`Client::takes`].
    pub fn client_by_token(&self, hash: &TokenHash) -> Option<&Arc<Client>> {
        self.client_by_token.get(hash)
    }

    /// A provider by id.
    pub fn provider(&self, id: ProviderId) -> Option<&Arc<Provider>> {
        self.providers.get(&id)
    }

    /// A provider by name.
    pub fn provider_by_name(&self, name: &str) -> Option<&Arc<Provider>> {
        self.provider_by_name.get(name).and_then(|id| self.providers.get(id))
    }

    /// A key by id.
    pub fn key(&self, id: KeyId) -> Option<&Arc<Key>> {
        self.keys.get(&id)
    }

    /// A model route by its public name.
    pub fn model(&self, name: &str) -> Option<&Arc<Model>> {
        self.models.get(name)
    }

    /// A client by id.
    pub fn client(&self, id: ClientId) -> Option<&Arc<Client>> {
        self.clients.get(&id)
    }

    /// Every provider, in no order.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.providers.values()
    }

    /// Every key, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.values()
    }

    /// Whether any key has a budget, so that what calls are expected to cost matters to the choice of a key.
    pub fn has_key_budgets(&self) -> bool {
        self.has_key_budgets
    }

    /// Every model route, in no order.
    pub fn models(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }

    /// Every client, in no order.
    pub fn clients(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.values()
    }

    /// Where calls without a model go: the default provider.
    pub fn default_target(&self) -> Option<Arc<[Target]>> {
        self.default_provider.map(|provider| one_target(provider, ""))
    }

    /// Where a model name goes: its route; else the enabled providers whose synced list (or whose keys' models) has
    /// it; else those whose keys' models match it; else `provider/model` by the provider's name; else the default provider.
    pub fn route(&self, name: &str) -> Result<Route, RouteError> {
        if let Some(model) = self.models.get(name) {
            if !model.enabled {
                return Err(RouteError::Disabled);
            }
            return Ok(Route { targets: self.enabled_targets(model), model: Some(model.clone()) });
        }
        let found = |targets| Ok(Route { model: None, targets });
        if let Some(targets) = self.targets_by_synced_model.get(name) {
            return found(targets.clone());
        }
        let matching = self.providers_by_pattern.iter().filter(|(pattern, _)| pattern.matches(name));
        let providers: BTreeSet<ProviderId> = matching.flat_map(|(_, providers)| providers).copied().collect();
        if !providers.is_empty() {
            return found(targets_of(providers, name));
        }
        if let Some((provider, model)) = name.split_once('/')
            && let Some(provider) = self.provider_by_name(provider)
            && provider.enabled
        {
            return found(one_target(provider.id, model));
        }
        self.default_provider.map_or(Err(RouteError::Unknown), |provider| found(one_target(provider, name)))
    }

    /// Public names that a client may use, sorted: visible model routes and synced models.
    pub fn models_of(&self, client: &Client) -> BTreeSet<&str> {
        let routes = self.models.values().filter(|model| model.enabled && model.visible).map(|model| model.name.as_str());
        let hidden = |name: &&str| !self.models.contains_key(*name);
        let synced = self.targets_by_synced_model.keys().map(String::as_str).filter(hidden);
        routes.chain(synced).filter(|name| client.may_ask(name)).collect()
    }

    /// The price of a call: the route's own, else the operator's for that model of that provider, else the table's for the
    /// upstream model.
    pub fn price<'a>(&'a self, route: Option<&'a Model>, provider: ProviderId, upstream_model: &str) -> Option<&'a Arc<Price>> {
        self.price_in_force(route, provider, upstream_model).map(|(_, price)| price)
    }

    /// [`Snapshot::price`], and who says so.
    pub fn price_in_force<'a>(
        &'a self,
        route: Option<&'a Model>,
        provider: ProviderId,
        upstream_model: &str,
    ) -> Option<(PriceOrigin, &'a Arc<Price>)> {
        let of_route = route.and_then(|model| model.price.as_ref()).map(|price| (PriceOrigin::Route, price));
        let of_provider = || {
            let price = self.providers.get(&provider)?.model_prices.get(upstream_model)?;
            Some((PriceOrigin::Provider, price))
        };
        let of_table = || Some((PriceOrigin::Table, self.prices.find(upstream_model)?));
        of_route.or_else(of_provider).or_else(of_table)
    }

    /// What a public model can do: as its route says, else as the table knows of the model that serves it first.
    pub fn capabilities(&self, name: &str) -> Capabilities {
        let route = self.models.get(name);
        let first = route.and_then(|model| model.targets.iter().min_by_key(|target| target.tier));
        let table = self.prices.capabilities(first.map_or(name, |target| &target.model));
        let Some(Model { capabilities: own, .. }) = route.map(|model| &**model) else { return table };
        Capabilities {
            context_length: own.context_length.or(table.context_length),
            vision: own.vision.or(table.vision),
            tools: own.tools.or(table.tools),
        }
    }

    fn enabled_targets(&self, model: &Model) -> Arc<[Target]> {
        let enabled = |target: &&Target| self.providers.get(&target.provider).is_some_and(|provider| provider.enabled);
        let mut targets: Vec<Target> = model.targets.iter().filter(enabled).cloned().collect();
        targets.sort_by_key(|target| target.tier);
        targets.into()
    }
}

fn one_target(provider: ProviderId, model: &str) -> Arc<[Target]> {
    Arc::new([Target { provider, model: model.into(), tier: 1, weight: 1 }])
}

/// Clients by their tokens. A former token gives way to one that another client holds now.
fn clients_by_token(clients: &[Arc<Client>]) -> HashMap<TokenHash, Arc<Client>> {
    let former = clients.iter().filter_map(|client| Some((client.former_token.as_ref()?.hash, client.clone())));
    former.chain(clients.iter().map(|client| (client.token_hash, client.clone()))).collect()
}

/// Which enabled providers have a model, by their own lists or their keys' models: by name, and by pattern. A key for every model
/// (`*`) says nothing about a name.
fn by_model(providers: &[Arc<Provider>], keys: &[Arc<Key>]) -> (HashMap<String, Arc<[Target]>>, ByPattern) {
    let mut names: HashMap<String, BTreeSet<ProviderId>> = HashMap::new();
    let mut patterns: BTreeMap<&str, (Pattern, BTreeSet<ProviderId>)> = BTreeMap::new();
    let enabled: HashMap<ProviderId, &Arc<Provider>> =
        providers.iter().filter(|provider| provider.enabled).map(|provider| (provider.id, provider)).collect();
    for provider in enabled.values() {
        for model in &provider.synced_models {
            names.entry(model.clone()).or_default().insert(provider.id);
        }
    }
    for key in keys.iter().filter(|key| enabled.contains_key(&key.provider)) {
        for pattern in key.models.iter().flatten().filter(|pattern| pattern.as_str() != "*") {
            let providers = match pattern.is_literal() {
                true => names.entry(pattern.as_str().to_owned()).or_default(),
                false => &mut patterns.entry(pattern.as_str()).or_insert_with(|| (pattern.clone(), BTreeSet::new())).1,
            };
            providers.insert(key.provider);
        }
    }
    let to_targets = |(model, providers): (String, BTreeSet<ProviderId>)| {
        let targets = targets_of(providers, &model);
        (model, targets)
    };
    (names.into_iter().map(to_targets).collect(), patterns.into_values().collect())
}

/// A model at several providers, each alike.
fn targets_of(providers: BTreeSet<ProviderId>, model: &str) -> Arc<[Target]> {
    let name: Arc<str> = model.into();
    providers.into_iter().map(|provider| Target { provider, model: name.clone(), tier: 1, weight: 1 }).collect()
}
