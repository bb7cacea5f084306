//! Importing pasted keys: all of them in one edit, with its progress.

use std::pin::Pin;

use futures_util::Stream;
use futures_util::stream::unfold;
use poem_openapi::Object;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::paste::{self, LineState, PastedKeys, demand_readable};
use crate::admin::access::Access;
use crate::admin::error::{ApiError, ErrorDetail};
use crate::admin::wire::example;
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
}

pub(in crate::admin) type Progress = Pin<Box<dyn Stream<Item = ImportProgress> + Send>>;

/// Begins an import. It goes on when the reader of its progress leaves.
pub(super) fn start(access: &Access, paste: PastedKeys) -> Result<Progress, ApiError> {
    if paste.provider.is_none() {
        return Err(ApiError::invalid("provider", "provider must be the id of the provider that issued the keys"));
    }
    let reading = paste::read(&paste, &access.context().store().catalog())?;
    if !paste.skip_malformed {
        demand_readable(&reading)?;
    }
    let total = reading.iter().filter(|(line, _)| line.state == LineState::Valid).count();
    let (told, progress) = watch::channel(0);
    let (context, actor) = (access.context().clone(), access.actor());
    let running = tokio::spawn(async move { context.edit(actor, move |edit| import(edit, &paste, &told)).await });
    Ok(Box::pin(unfold(Some((running, progress)), move |state| next(state, total))))
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
    let mut result = ImportResult { ids: Vec::new(), duplicate: 0, exists: 0, malformed: 0 };
    for (line, key) in reading {
        match line.state {
            LineState::Valid => {}
            LineState::Duplicate => result.duplicate += 1,
            LineState::Exists => result.exists += 1,
            LineState::Malformed => result.malformed += 1,
            LineState::Skipped => {}
        }
        if let Some(key) = key {
            result.ids.push(edit.create(key)?.value.id.0);
            if result.ids.len().is_multiple_of(STEP) {
                told.send_replace(result.ids.len());
            }
        }
    }
    Ok(result)
}

example!(ImportProgress, {
    "done": 2, "total": 2, "result": { "ids": [7, 8], "duplicate": 1, "exists": 0, "malformed": 0 }, "error": null,
});
