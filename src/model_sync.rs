//! Model lists of providers: read by their keys, compared with what is kept, taken over as far as somebody accepts them.
//!
//! Reading changes nothing. What is kept changes only when it is accepted: by an operator, or by the schedule, which takes
//! over everything unless the settings want every change to be looked at. An error or an empty list is no list.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream::{self, StreamExt};
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::domain::{Key, KeyId, Provider, ProviderId, is_model_name};
use crate::outbound::Outbound;
use crate::publish::Publisher;
use crate::rotator::{KeyState, Rotator, mask};

/// Keys of one provider that are asked at once.
const AT_ONCE: usize = 8;
/// Names of one list beyond this number are passed over.
const LIST_ENTRIES: usize = 10_000;

/// Reads model lists, and remembers the latest reading of each provider until it is looked at.
pub struct ModelSync {
    publisher: Arc<Publisher>,
    rotator: Arc<Rotator>,
    outbound: Arc<Outbound>,
    clock: Clock,
    readings: Mutex<HashMap<ProviderId, Arc<Reading>>>,
    count: AtomicU64,
}

/// What the keys of a provider answered when they were asked for their models.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Tells it from every other reading.
    pub id: String,
    /// When the last answer came, in UTC unix milliseconds.
    pub read_ms: i64,
    /// The lists, empty ones too, by key.
    lists: Vec<(KeyId, Arc<Vec<String>>)>,
    /// Keys whose list could not be read, and why.
    pub failed: Vec<(KeyId, String)>,
}

impl Reading {
    /// Keys that were asked.
    pub fn asked(&self) -> usize {
        self.lists.len() + self.failed.len()
    }

    /// Keys whose list was empty.
    pub fn empty(&self) -> impl Iterator<Item = KeyId> {
        self.lists.iter().filter(|(_, models)| models.is_empty()).map(|(key, _)| *key)
    }

    /// The lists that count: an empty one only where somebody says so.
    pub fn lists(&self, believe_empty: bool) -> Vec<(KeyId, Arc<Vec<String>>)> {
        self.lists.iter().filter(|(_, models)| believe_empty || !models.is_empty()).cloned().collect()
    }
}

impl ModelSync {
    /// A reader that has read nothing yet.
    pub fn new(publisher: Arc<Publisher>, rotator: Arc<Rotator>, outbound: Arc<Outbound>, clock: Clock) -> Self {
        ModelSync { publisher, rotator, outbound, clock, readings: Mutex::default(), count: AtomicU64::new(0) }
    }

    /// The keys of a provider that can be asked, by id: those that are not disabled.
    pub fn keys(&self, provider: ProviderId) -> Vec<Arc<Key>> {
        let now = self.clock.now();
        let can_ask = |key: KeyId| {
            let state = self.rotator.state(key, now);
            !matches!(state, None | Some(KeyState::DisabledAuto | KeyState::DisabledManual))
        };
        let catalog = self.publisher.store().catalog();
        let keys = catalog.all::<Key>().map(|row| &row.value).filter(|key| key.provider == provider && can_ask(key.id));
        keys.cloned().collect()
    }

    /// Asks with these keys of a provider what they list.
    pub async fn read(&self, provider: &Provider, keys: Vec<Arc<Key>>) -> Arc<Reading> {
        let ask = async |key: Arc<Key>| (key.id, self.ask(provider, &key).await);
        let mut answers = stream::iter(keys).map(ask).buffer_unordered(AT_ONCE);
        let (mut lists, mut failed, mut seen) = (Vec::new(), Vec::new(), HashSet::<Arc<Vec<String>>>::new());
        while let Some((key, answer)) = answers.next().await {
            match answer {
                Ok(models) => {
                    // Keys of one account list the same: it is held once.
                    let models = seen.get(&models).cloned().unwrap_or(Arc::new(models));
                    seen.insert(models.clone());
                    lists.push((key, models));
                }
                Err(why) => failed.push((key, why)),
            }
        }
        lists.sort_unstable_by_key(|(key, _)| *key);
        failed.sort_unstable_by_key(|(key, _)| *key);
        let read_ms = self.clock.now().unix_ms;
        let id = format!("{read_ms:x}-{:x}", self.count.fetch_add(1, Ordering::Relaxed));
        let reading = Arc::new(Reading { id, read_ms, lists, failed });
        let catalog = self.publisher.store().catalog();
        let mut readings = self.readings.lock();
        readings.retain(|id, _| catalog.get::<Provider>(*id).is_some());
        readings.insert(provider.id, reading.clone());
        reading
    }

    /// The latest reading of a provider since the start.
    pub fn latest(&self, provider: ProviderId) -> Option<Arc<Reading>> {
        self.readings.lock().get(&provider).cloned()
    }

    async fn ask(&self, provider: &Provider, key: &Key) -> Result<Vec<String>, String> {
        let listed = self.outbound.list_models(provider, key).await.map_err(|error| mask(&error.to_string(), key))?;
        Ok(listed.into_iter().filter(|name| is_model_name(name)).take(LIST_ENTRIES).collect())
    }
}
