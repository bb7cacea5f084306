//! Where a trial's requests would go: by the catalog, and by the keys as they are now or as they are configured.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::domain::{Key, KeyFacts, Model, Snapshot, Strategy, Target};
use crate::rotator::{KeyView, PickRequest, Rotator};
use crate::script::{Candidate, Destination, FrozenKeys, Installation, Nowhere, Placement, Wish};

/// The installation as it is: today's catalog, and the keys that are ready now.
pub(super) struct Today {
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) rotator: Arc<Rotator>,
    pub(super) clock: Clock,
    /// Most keys that are looked at for one request.
    pub(super) most_keys: usize,
}

impl Installation for Today {
    fn destination(&self, wish: &Wish<'_>) -> Result<Destination, Nowhere> {
        let snapshot = self.snapshot.load_full();
        let way = Way::find(&snapshot, wish)?;
        let request = PickRequest {
            key_tags: wish.request.client.as_ref().and_then(|client| client.key_tags.as_deref()),
            estimated_tokens: wish.request.estimated_tokens,
            ..PickRequest::new(&way.targets, way.strategy)
        };
        let ready = self.rotator.candidates(&request, self.clock.now());
        let ready = (0..ready.len().min(self.most_keys)).filter_map(|at| ready.get(at));
        let keys: Vec<Candidate> = ready.filter(|view| has_tag(&view.key, wish.tags)).map(candidate).collect();
        Ok(Destination { places: way.places, keys: Arc::new(FrozenKeys::new(keys, Some(way.strategy))) })
    }
}

/// The installation as it is configured: every key of the first tier that may serve, at rest. What is asked twice is answered
/// alike, whatever calls are under way.
pub(super) struct Configured {
    snapshot: Arc<Snapshot>,
    known: Mutex<HashMap<String, Arc<[Candidate]>>>,
}

impl Configured {
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Self {
        Configured { snapshot, known: Mutex::default() }
    }

    fn keys(&self, way: &Way, wish: &Wish<'_>) -> Arc<[Candidate]> {
        let client_tags = wish.request.client.as_ref().and_then(|client| client.key_tags.as_deref());
        let first_tier: Vec<&Target> = way.targets.iter().take_while(|target| target.tier == way.targets[0].tier).collect();
        let question = format!("{first_tier:?} {client_tags:?} {:?}", wish.tags);
        let find = || {
            let serves = |key: &&Arc<Key>| {
                first_tier.iter().any(|target| target.provider == key.provider && key.serves(&target.model))
                    && key.weight > 0
                    && has_tag(key, client_tags)
                    && has_tag(key, wish.tags)
            };
            let mut keys: Vec<&Arc<Key>> = self.snapshot.keys().filter(serves).collect();
            keys.sort_by_key(|key| key.id);
            let name = |key: &Key| self.snapshot.provider(key.provider).map_or("", |provider| &provider.name).into();
            keys.into_iter()
                .map(|key| Candidate { provider: name(key), key: key.clone(), facts: KeyFacts::default() })
                .collect()
        };
        self.known.lock().entry(question).or_insert_with(find).clone()
    }
}

impl Installation for Configured {
    fn destination(&self, wish: &Wish<'_>) -> Result<Destination, Nowhere> {
        let way = Way::find(&self.snapshot, wish)?;
        let keys = self.keys(&way, wish);
        Ok(Destination { places: way.places, keys: Arc::new(FrozenKeys::new(keys, Some(way.strategy))) })
    }
}

/// The way of a request through the catalog.
struct Way {
    targets: Vec<Target>,
    places: Vec<Placement>,
    strategy: Strategy,
}

impl Way {
    fn find(snapshot: &Snapshot, wish: &Wish<'_>) -> Result<Self, Nowhere> {
        let (model, mut targets) = routed(snapshot, wish.model)?;
        if let Some(name) = wish.provider {
            let provider = snapshot.provider_by_name(name).filter(|provider| provider.enabled);
            let provider = provider.ok_or_else(|| Nowhere(format!("no enabled provider has the name `{name}`")))?;
            targets.retain(|target| target.provider == provider.id);
            if targets.is_empty() {
                let model = wish.model.unwrap_or_default().into();
                targets.push(Target { provider: provider.id, model, tier: 1, weight: 1 });
            }
        }
        if targets.is_empty() {
            return Err(Nowhere("every provider of the model is switched off".to_owned()));
        }
        let place = |target: &Target| {
            Some(Placement {
                provider: target.provider,
                name: snapshot.provider(target.provider)?.name.as_str().into(),
                model: target.model.clone(),
                price: snapshot.price(model.as_deref(), target.provider, &target.model).cloned(),
            })
        };
        let places = targets.iter().filter_map(place).collect();
        let strategy = model.as_ref().and_then(|model| model.strategy).unwrap_or(snapshot.settings.strategy);
        Ok(Way { targets, places, strategy })
    }
}

fn routed(snapshot: &Snapshot, model: Option<&str>) -> Result<(Option<Arc<Model>>, Vec<Target>), Nowhere> {
    let Some(name) = model else {
        let targets =
            snapshot.default_target().ok_or_else(|| Nowhere("no default provider takes calls without a model".to_owned()))?;
        return Ok((None, targets.to_vec()));
    };
    let unknown = |_| Nowhere(format!("nothing serves the model `{name}`"));
    snapshot.route(name).map(|route| (route.model, route.targets.to_vec())).map_err(unknown)
}

fn has_tag(key: &Key, tags: Option<&[String]>) -> bool {
    tags.is_none_or(|tags| key.tags.iter().any(|own| tags.contains(own)))
}

fn candidate(view: KeyView) -> Candidate {
    Candidate { provider: view.provider.name.as_str().into(), facts: view.facts, key: view.key }
}
