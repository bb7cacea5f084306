//! The model lists of a provider: read, compared with what is kept, and taken over as far as it is accepted.

use std::collections::BTreeSet;

use poem::http::StatusCode;
use poem_openapi::Object;
use poem_openapi::types::{Example, MaybeUndefined};
use serde::Deserialize;

use crate::admin::access::Access;
use crate::admin::error::ApiError;
use crate::admin::price::PriceBody;
use crate::admin::wire::{example, try_map};
use crate::domain::{Provider, ProviderId};
use crate::model_sync::Reading;
use crate::store::{Acceptance, SyncOutcome};

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
#[oai(example)]
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

example!(SyncReport, {
    "asked": 3, "added": ["gpt-5-mini"], "vanished": ["gpt-4-32k"], "empty": [],
    "failed": [{ "key": 3, "message": "the provider answered 401" }],
});

/// A key whose list could not be read.
#[derive(Object)]
pub(super) struct FailedList {
    /// Id of the key.
    key: i64,
    /// Why.
    message: String,
}

impl FailedList {
    pub(super) fn of(reading: &Reading) -> Vec<Self> {
        reading.failed.iter().map(|(key, message)| FailedList { key: key.0, message: message.clone() }).collect()
    }
}

/// A listed model to be taken out or let in again, or to be priced.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(super) struct SyncedModelChange {
    /// The provider's name for it.
    pub(super) model: String,
    /// Take it out, so that no later list brings it back; or let it in again. Left out: as it is.
    #[serde(default)]
    #[oai(nullable)]
    pub(super) removed: Option<bool>,
    /// What the provider charges for it, where its price is not the data file's; null: as the data file says. Left out: as it
    /// is. A model that no key lists can have a price too.
    #[serde(default)]
    #[oai(nullable)]
    pub(super) price: MaybeUndefined<PriceBody>,
}

impl Example for SyncedModelChange {
    fn example() -> Self {
        SyncedModelChange { model: "gpt-4o-mini".to_owned(), removed: None, price: PriceBody::of_tokens(0.12, 0.48).into() }
    }
}

/// What to take over of the latest reading. Of each kind: all where nothing is said, else the models that are named; what
/// is not taken over stays as it is kept, and is offered again.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(super) struct ModelAcceptance {
    /// The `reading` of the difference that was looked at.
    reading: String,
    /// Which of the added models.
    #[serde(default)]
    #[oai(nullable)]
    added: Option<BTreeSet<String>>,
    /// Which of the vanished models; they are marked, and their routes and prices stay.
    #[serde(default)]
    #[oai(nullable)]
    vanished: Option<BTreeSet<String>>,
    /// Which of the models that other keys list than before.
    #[serde(default)]
    #[oai(nullable)]
    changed: Option<BTreeSet<String>>,
    /// Which of the added models are taken out at once, so that no later list brings them back.
    #[serde(default)]
    #[oai(nullable)]
    refused: Option<BTreeSet<String>>,
    /// Believe lists that are empty; otherwise an empty list changes nothing.
    #[serde(default)]
    #[oai(nullable)]
    believe_empty: Option<bool>,
}

impl Example for ModelAcceptance {
    fn example() -> Self {
        ModelAcceptance {
            reading: "19aba1e0f40-7".to_owned(),
            added: Some(["gpt-5-mini".to_owned()].into()),
            vanished: Some(BTreeSet::new()),
            changed: None,
            refused: Some(["gpt-3.5-turbo-instruct".to_owned()].into()),
            believe_empty: None,
        }
    }
}

/// What was taken over.
#[derive(Object)]
#[oai(example)]
pub(super) struct AcceptedModels {
    /// Models that are new, or back.
    added: Vec<String>,
    /// Models that no key lists any more.
    vanished: Vec<String>,
    /// Models that other keys list than before.
    changed: Vec<String>,
    /// Models that were taken out at once.
    refused: Vec<String>,
}

example!(AcceptedModels, {
    "added": ["gpt-5-mini"], "vanished": ["gpt-4-32k"], "changed": ["o3"], "refused": ["gpt-3.5-turbo-instruct"],
});

impl From<SyncOutcome> for AcceptedModels {
    fn from(outcome: SyncOutcome) -> Self {
        let SyncOutcome { added, vanished, changed, refused } = outcome;
        AcceptedModels { added, vanished, changed, refused }
    }
}

/// Takes a model out or lets it in, and prices it.
pub(super) async fn change(
    access: &Access,
    provider: ProviderId,
    version: Option<i64>,
    change: SyncedModelChange,
) -> Result<(), ApiError> {
    let SyncedModelChange { model, removed, price } = change;
    let price = try_map(price, PriceBody::into_price)?;
    let edit = access.context().edit(access.actor(), move |edit| {
        edit.expect_models(provider, version)?;
        if let Some(removed) = removed {
            edit.remove_synced_model(provider, &model, removed)?;
        }
        match price {
            MaybeUndefined::Undefined => Ok(()),
            MaybeUndefined::Null => Ok(edit.price_model(provider, &model, None)?),
            MaybeUndefined::Value(price) => Ok(edit.price_model(provider, &model, Some(price))?),
        }
    });
    edit.await
}

/// Asks with every key that is not disabled, and takes over everything. A key that fails keeps what it listed before.
pub(super) async fn sync(access: &Access, provider: &Provider, request: &SyncRequest) -> Result<SyncReport, ApiError> {
    let (context, believe_empty) = (access.context(), request.believe_empty.unwrap_or(false));
    let model_sync = &context.model_sync;
    let reading = model_sync.read(provider, model_sync.keys(provider.id)).await;
    let outcome = take_over(access, provider.id, &reading, believe_empty, Acceptance::default()).await?;
    Ok(SyncReport {
        asked: reading.asked() as u64,
        added: outcome.added,
        vanished: outcome.vanished,
        empty: reading.empty().filter(|_| !believe_empty).map(|key| key.0).collect(),
        failed: FailedList::of(&reading),
    })
}

/// Takes over what is accepted of the latest reading.
pub(super) async fn accept(
    access: &Access,
    provider: ProviderId,
    request: ModelAcceptance,
) -> Result<AcceptedModels, ApiError> {
    let latest = access.context().model_sync.latest(provider).filter(|latest| latest.id == request.reading);
    let reading = latest.ok_or_else(|| {
        let message = "the lists were read again since; look at the new difference first";
        ApiError { field: Some("reading".to_owned()), ..ApiError::new(StatusCode::CONFLICT, "conflict", message) }
    })?;
    let acceptance = Acceptance {
        added: request.added,
        vanished: request.vanished,
        changed: request.changed,
        refused: request.refused.unwrap_or_default(),
    };
    let believe_empty = request.believe_empty.unwrap_or(false);
    Ok(take_over(access, provider, &reading, believe_empty, acceptance).await?.into())
}

async fn take_over(
    access: &Access,
    provider: ProviderId,
    reading: &Reading,
    believe_empty: bool,
    acceptance: Acceptance,
) -> Result<SyncOutcome, ApiError> {
    let lists = reading.lists(believe_empty);
    let edit = access.context().edit(access.actor(), move |edit| {
        let diff = edit.diff_models(provider, &lists)?;
        if let Some((field, model)) = acceptance.unknown_in(&diff) {
            return Err(ApiError::invalid(field, format!("{field} names a model that is not offered there: {model:?}")));
        }
        Ok(edit.accept_models(provider, &lists, &acceptance)?)
    });
    edit.await
}
