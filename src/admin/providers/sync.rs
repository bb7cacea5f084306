//! Reading the model lists of a provider, by each of its keys.

use futures_util::StreamExt;
use futures_util::stream;
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Deserialize;

use crate::admin::access::Access;
use crate::admin::error::ApiError;
use crate::domain::{Key, KeyId, Provider, ProviderId};
use crate::rotator::{KeyState, mask};

/// Keys that are asked at once.
const AT_ONCE: usize = 8;

/// How to read the lists.
#[derive(Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(example)]
pub(super) struct SyncRequest {
    /// Believe a list that is empty; otherwise an empty list changes nothing.
    #[oai(nullable)]
    believe_empty: Option<bool>,
}

impl Example for SyncRequest {
    fn example() -> Self {
        SyncRequest { believe_empty: Some(false) }
    }
}

/// What reading the lists found.
#[derive(Object)]
pub(super) struct SyncReport {
    /// Keys that were asked.
    asked: u64,
    /// Models that are new, or back.
    added: Vec<String>,
    /// Models that no key lists any more; their routes and prices stay.
    vanished: Vec<String>,
    /// Ids of keys whose list was empty and not believed.
    empty: Vec<i64>,
    /// Keys whose list could not be read; what they listed before stays.
    failed: Vec<FailedList>,
}

/// A key whose list could not be read.
#[derive(Object)]
struct FailedList {
    /// Id of the key.
    key: i64,
    /// Why.
    message: String,
}

/// A listed model to be taken out or let in again.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(super) struct SyncedModelChange {
    /// The provider's name for it.
    pub(super) model: String,
    /// Take it out, so that no later list brings it back; or let it in again.
    pub(super) removed: bool,
}

impl Example for SyncedModelChange {
    fn example() -> Self {
        SyncedModelChange { model: "gpt-3.5-turbo".to_owned(), removed: true }
    }
}

/// Asks with every key that is not disabled. A key that fails keeps what it listed before.
pub(super) async fn sync(access: &Access, provider: &Provider, request: &SyncRequest) -> Result<SyncReport, ApiError> {
    let context = access.context();
    let (catalog, now) = (context.store().catalog(), access.now());
    let is_enabled = |key: KeyId| {
        let state = context.rotator.status(key, now).map(|status| status.state);
        !matches!(state, Some(KeyState::DisabledAuto | KeyState::DisabledManual))
    };
    let keys: Vec<&Key> = catalog.all::<Key>().map(|row| &*row.value).filter(|key| key.provider == provider.id).collect();
    let ask =
        async |key: &Key| (key.id, context.outbound.list_models(provider, key).await.map_err(|e| mask(&e.to_string(), key)));
    let keys: Vec<&Key> = keys.into_iter().filter(|key| is_enabled(key.id)).collect();
    let asked = keys.len() as u64;
    let answers: Vec<_> = stream::iter(keys).map(ask).buffer_unordered(AT_ONCE).collect().await;
    let (mut lists, mut failed) = (Vec::new(), Vec::new());
    for (key, answer) in answers {
        match answer {
            Ok(models) => lists.push((key, models)),
            Err(message) => failed.push(FailedList { key: key.0, message }),
        }
    }
    let (id, believe_empty): (ProviderId, bool) = (provider.id, request.believe_empty.unwrap_or(false));
    let edit = context.edit(access.actor(), move |edit| Ok(edit.sync_models(id, &lists, believe_empty)?));
    let outcome = edit.await?;
    Ok(SyncReport {
        asked,
        added: outcome.added,
        vanished: outcome.vanished,
        empty: outcome.empty.into_iter().map(|key| key.0).collect(),
        failed,
    })
}
