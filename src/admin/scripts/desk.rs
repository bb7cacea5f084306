//! What operations on scripts share: one edit at a time, and each set that was live becomes a version.

use std::sync::Arc;

use poem::http::StatusCode;
use tokio::sync::Mutex;

use super::replay::Job;
use crate::admin::AdminContext;
use crate::admin::access::Access;
use crate::admin::error::ApiError;
use crate::script::{EditError, Edited, Scripts, Sources};
use crate::store::{Actor, ScriptTexts};

/// Who has changed what is found changed in the folder.
const FOLDER: &str = "script folder";

/// The scripts, and what the control plane does with them.
pub struct ScriptDesk {
    scripts: Arc<Scripts>,
    /// The newest version in the catalog, once it is known. Held while the scripts and their versions move from one state to
    /// the next.
    newest: Mutex<Option<String>>,
    /// The replay that runs, or the last one that ran.
    replay: parking_lot::Mutex<Option<Arc<Job>>>,
}

impl ScriptDesk {
    /// A desk for these scripts.
    pub fn new(scripts: Arc<Scripts>) -> Self {
        ScriptDesk { scripts, newest: Mutex::default(), replay: parking_lot::Mutex::default() }
    }

    /// The scripts.
    pub fn scripts(&self) -> &Arc<Scripts> {
        &self.scripts
    }

    /// The replay that runs, or the last one that ran.
    pub(super) fn replay(&self) -> Option<Arc<Job>> {
        self.replay.lock().clone()
    }

    /// Makes a replay the one that runs, unless another one does.
    pub(super) fn begin_replay(&self, job: Arc<Job>) -> Result<(), ApiError> {
        let mut replay = self.replay.lock();
        if replay.as_ref().is_some_and(|running| running.is_running()) {
            let message = "another replay runs: wait for its end, or cancel it";
            return Err(ApiError::new(StatusCode::CONFLICT, "replay_running", message));
        }
        *replay = Some(job);
        Ok(())
    }
}

/// Remembers the live scripts as a version when they are not the newest one: somebody has changed the folder.
///
/// # Errors
/// The store's.
pub async fn record_live_scripts(context: &AdminContext) -> Result<(), ApiError> {
    let mut newest = context.scripts.newest.lock().await;
    record_found(context, &mut newest).await
}

async fn record_found(context: &AdminContext, newest: &mut Option<String>) -> Result<(), ApiError> {
    let live = context.scripts.scripts.current();
    if newest.as_deref() == Some(live.version()) || context.scripts.scripts.is_closed() {
        return Ok(());
    }
    let stored = context.store().latest_script_version().await?.map(|stored| stored.version);
    let is_known = match &stored {
        Some(stored) => stored == live.version(),
        None => live.sources().is_empty(),
    };
    if !is_known {
        let actor = Actor { name: FOLDER.to_owned(), address: None, now_ms: context.clock.now().unix_ms };
        let action = if stored.is_some() { "changed in the folder" } else { "first seen" };
        record(context, actor, action.to_owned(), live.sources()).await?;
    }
    *newest = Some(live.version().to_owned());
    Ok(())
}

async fn record(context: &AdminContext, actor: Actor, action: String, sources: &Sources) -> Result<(), ApiError> {
    let version = sources.version();
    let texts: ScriptTexts = sources.iter().map(|(name, text)| (name.to_owned(), text.clone())).collect();
    context.edit(actor, move |edit| Ok(edit.record_scripts(&version, &action, &texts)?)).await?;
    Ok(())
}

/// Changes the folder and remembers what is live then as a version. It is done whole also when the caller goes away.
pub(super) async fn change(
    access: &Access,
    action: String,
    change: impl FnOnce(Sources) -> Result<Sources, EditError> + Send + 'static,
) -> Result<Edited, ApiError> {
    let (context, actor) = (access.context().clone(), access.actor());
    let whole = tokio::spawn(async move {
        let mut newest = context.scripts.newest.lock().await;
        record_found(&context, &mut newest).await?;
        let scripts = context.scripts.scripts.clone();
        let edited = blocking(move || scripts.edit(change)).await??;
        if !edited.files.is_empty() {
            record(&context, actor, action, &edited.sources).await?;
            *newest = Some(edited.sources.version());
        }
        Ok(edited)
    });
    whole.await.map_err(|error| ApiError::internal(&error))?
}

/// Writes into the audit log that something was begun or ended with scripts.
pub(super) async fn note(access: &Access, action: &'static str, details: serde_json::Value) -> Result<(), ApiError> {
    access.context().edit(access.actor(), move |edit| Ok(edit.note_scripts(action, details)?)).await
}

/// Runs what reads the disk or compiles scripts on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::internal(&error))
}
