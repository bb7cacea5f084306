//! The demo's past: a week as a busy installation would have had it.

use std::path::Path;

use crate::bootstrap;
use crate::domain::{Client, ClientId, Key, Provider, Ref};
use crate::mock::DEMO_PROVIDERS;
use crate::prices;
use crate::store::{Catalog, MasterKeySource, SampleHistory, SampleKey, SampleModel, Store, Stored, open_call_log};

use super::catalog::HISTORY_CLIENTS;

/// Calls of a day.
const CALLS_A_DAY: usize = 1_500;
const DAY_MS: i64 = 24 * 3_600_000;
/// Names that were asked for, most often first, and what served them.
const MODELS: [(&str, &str); 4] =
    [("fast", "gpt-4o-mini"), ("gpt-4o", "gpt-4o"), ("smart", "claude-sonnet-4-5"), ("resilient", "gpt-4o-mini")];

/// Makes the data folder with the catalog and the calls of some days; how many calls.
pub(super) async fn write(data: &Path, bootstrap: &Path, days: u32, now_ms: i64) -> anyhow::Result<usize> {
    let store = Store::open(data, &MasterKeySource::default())?;
    bootstrap::apply(&store, bootstrap, &|_| None, now_ms)?;
    let catalog = store.catalog();
    let (_, mut writer) = open_call_log(data)?;
    let history = SampleHistory {
        from_ms: now_ms - i64::from(days) * DAY_MS,
        to_ms: now_ms,
        calls: days as usize * CALLS_A_DAY,
        seed: 7,
        clients: clients(&catalog),
        keys: keys(&catalog),
        models: models(),
    };
    history.write(&mut writer, now_ms)?;
    writer.close(now_ms)?;
    store.touch_all::<Client>(history.clients.iter().map(|client| (client.id, now_ms)).collect()).await?;
    Ok(history.calls)
}

fn clients(catalog: &Catalog) -> Vec<Ref<ClientId>> {
    let named = |name: &&str| catalog.all::<Client>().find(|row| row.value.name == *name);
    HISTORY_CLIENTS.iter().filter_map(named).map(|row| reference(row.value.id, &row.value.name)).collect()
}

/// The keys that serve well; the others have something to show in the live calls.
fn keys(catalog: &Catalog) -> Vec<SampleKey> {
    let serves = |secret: &str| secret.starts_with("sk-mock-healthy") || secret.starts_with("sk-mock-slow-");
    let good = DEMO_PROVIDERS.iter().flat_map(|provider| provider.keys.iter().map(move |key| (provider, key)));
    let good = good.filter(|(_, key)| serves(key.secret));
    let found = good.filter_map(|(provider, key)| {
        let provider = catalog.all::<Provider>().find(|row| row.value.name == provider.name)?;
        let is_it = |row: &&Stored<Key>| row.value.provider == provider.value.id && row.value.name == key.name;
        let key = catalog.all::<Key>().find(is_it)?;
        Some(SampleKey {
            provider: reference(provider.value.id, &provider.value.name),
            key: reference(key.value.id, &key.value.name),
        })
    });
    found.collect()
}

fn reference<Id>(id: Id, name: &str) -> Ref<Id> {
    Ref { id, name: name.into() }
}

fn models() -> Vec<SampleModel> {
    let table = prices::table();
    let model = |(asked, served): (&str, &str)| SampleModel {
        asked: asked.into(),
        served: served.into(),
        price: table.find(served).map(|price| (**price).clone()),
    };
    MODELS.map(model).into()
}
