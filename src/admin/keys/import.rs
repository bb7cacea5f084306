//! Importing keys, pasted or of another gateway: all of them in one edit, with its progress.

use std::pin::Pin;

use futures_util::Stream;
use futures_util::stream::unfold;
use poem_openapi::Object;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::foreign::{self, ForeignKeys, Place};
use super::paste::{self, LineState, PastedKeys, demand_readable};
use crate::admin::access::Access;
use crate::admin::error::{ApiError, ErrorDetail};
use crate::admin::wire::example;
use crate::domain::{Key, ProviderId};
use crate::store::Edit;

/// Keys between two events.
const STEP: usize = 200;

/// The progress of an import. The last event has a result or an error.
#[derive(Object)]
#[oai(example)]
pub(in crate::admin) struct ImportProgress {
    /// Keys that were added so far; none counts before the last event says so.
    done: usize,
    /// Keys to be added.
    total: usize,
    /// What was imported, when all of it is stored.
    #[oai(nullable)]
    result: Option<ImportResult>,
    /// Why nothing was imported.
    #[oai(nullable)]
    error: Option<ErrorDetail>,
}

/// What was imported.
#[derive(Object)]
struct ImportResult {
    /// Ids of the new keys, in the order of their lines. Deleting them in bulk undoes the import.
    ids: Vec<i64>,
    /// Keys that stood there more than once.
    duplicate: usize,
    /// Keys that the provider had already.
    exists: usize,
    /// Lines that could not be read and were left out.
    malformed: usize,
    /// Ids of providers that were made for the keys.
    providers: Vec<i64>,
}

pub(in crate::admin) type Progress = Pin<Box<dyn Stream<Item = ImportProgress> + Send>>;

/// Begins an import of pasted keys.
pub(super) fn start(access: &Access, paste: PastedKeys) -> Result<Progress, ApiError> {
    if paste.provider.is_none() {
        return Err(ApiError::invalid("provider", "provider must be the id of the provider that issued the keys"));
    }
    let reading = paste::read(&paste, &access.context().store().catalog())?;
    if !paste.skip_malformed {
        demand_readable(&reading)?;
    }
    Ok(run(access, paste::count(&reading, LineState::Valid), move |edit, told| import(edit, &paste, told)))
}

/// Begins an import of another gateway's keys.
pub(super) fn start_foreign(access: &Access, request: ForeignKeys) -> Result<Progress, ApiError> {
    let reading = foreign::read(&request, &access.context().store().catalog())?;
    if !request.skip_malformed {
        reading.demand_readable()?;
    }
    Ok(run(access, reading.count(LineState::Valid), move |edit, told| import_foreign(edit, &request, told)))
}

/// Runs an import. It goes on when the reader of its progress leaves.
fn run(
    access: &Access,
    total: usize,
    import: impl FnOnce(&mut Edit<'_>, &watch::Sender<usize>) -> Result<ImportResult, ApiError> + Send + 'static,
) -> Progress {
    let (told, progress) = watch::channel(0);
    let (context, actor) = (access.context().clone(), access.actor());
    let running = tokio::spawn(async move { context.edit(actor, move |edit| import(edit, &told)).await });
    Box::pin(unfold(Some((running, progress)), move |state| next(state, total)))
}

/// What an import becomes: its result, or why there is none.
type Running = JoinHandle<Result<ImportResult, ApiError>>;

async fn next(
    state: Option<(Running, watch::Receiver<usize>)>,
    total: usize,
) -> Option<(ImportProgress, Option<(Running, watch::Receiver<usize>)>)> {
    let (mut running, mut progress) = state?;
    let ended = tokio::select! {
        ended = &mut running => ended,
        Ok(()) = progress.changed() => {
            let done = *progress.borrow_and_update();
            return Some((ImportProgress { done, total, result: None, error: None }, Some((running, progress))));
        }
    };
    let event = match ended.unwrap_or_else(|error| Err(ApiError::internal(&error))) {
        Ok(result) => ImportProgress { done: result.ids.len(), total, result: Some(result), error: None },
        Err(error) => ImportProgress { done: 0, total, result: None, error: Some(ErrorDetail::from(&error)) },
    };
    Some((event, None))
}

/// Reads the paste once more, against the catalog as it is now, and adds its keys.
fn import(edit: &mut Edit<'_>, paste: &PastedKeys, told: &watch::Sender<usize>) -> Result<ImportResult, ApiError> {
    let reading = paste::read(paste, edit.catalog())?;
    let mut result = ImportResult {
        ids: Vec::new(),
        duplicate: paste::count(&reading, LineState::Duplicate),
        exists: paste::count(&reading, LineState::Exists),
        malformed: paste::count(&reading, LineState::Malformed),
        providers: Vec::new(),
    };
    for key in reading.into_iter().filter_map(|(_, key)| key) {
        add(edit, key, &mut result, told)?;
    }
    Ok(result)
}

/// Reads the rows once more, against the catalog as it is now, and adds their keys and the providers that are missing.
fn import_foreign(edit: &mut Edit<'_>, request: &ForeignKeys, told: &watch::Sender<usize>) -> Result<ImportResult, ApiError> {
    let reading = foreign::read(request, edit.catalog())?;
    let mut result = ImportResult {
        ids: Vec::new(),
        duplicate: reading.count(LineState::Duplicate),
        exists: reading.count(LineState::Exists),
        malformed: reading.count(LineState::Malformed),
        providers: Vec::new(),
    };
    for Place { provider, keys, .. } in reading.places {
        let id = match provider.id {
            ProviderId(0) => {
                let made = edit.create(provider)?.value.id;
                result.providers.push(made.0);
                made
            }
            known => known,
        };
        for key in keys {
            add(edit, Key { provider: id, ..key }, &mut result, told)?;
        }
    }
    Ok(result)
}

fn add(edit: &mut Edit<'_>, key: Key, result: &mut ImportResult, told: &watch::Sender<usize>) -> Result<(), ApiError> {
    result.ids.push(edit.create(key)?.value.id.0);
    if result.ids.len().is_multiple_of(STEP) {
        told.send_replace(result.ids.len());
    }
    Ok(())
}

example!(ImportProgress, {
    "done": 2, "total": 2, "result": { "ids": [7, 8], "duplicate": 1, "exists": 0, "malformed": 0, "providers": [] }, "error": null,
});
