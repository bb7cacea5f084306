//! The catalog: providers, keys, models, clients and settings, and what else must survive a restart.
//!
//! All rows are held in memory as an immutable view that each edit replaces, so reading never touches the database.
//! Edits run one after another on the thread that owns the write connection.

mod alert_channels;
mod alert_rules;
mod alerts;
mod audit;
mod chats;
mod checks;
mod clients;
mod edit;
mod error;
mod file_values;
mod keys;
mod links;
mod models;
mod owners;
mod providers;
mod row;
mod scripts;
mod sessions;
mod start;
mod states;
mod synced;
mod tokens;
mod users;
mod view;

use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use rusqlite::{Connection, TransactionBehavior};

use super::connection::{Database, DatabaseError};
use super::sealing::Sealer;

pub use alerts::AlertsSoFar;
pub use audit::{Actor, AuditEntry, AuditFilter};
pub use chats::{ChatCursor, ChatPage, ChatQuery, NewImage, NewTurn, Turn};
pub use checks::KeyCheck;
pub use edit::Edit;
pub use error::StoreError;
pub use file_values::FileValues;
pub use links::{Link, LinkPurpose};
pub use owners::ObjectOwners;
pub use row::{Noun, Stored};
pub use scripts::{ScriptTexts, ScriptVersion};
pub use sessions::Session;
pub(super) use start::{CATALOG, CATALOG_FILE, sealed_contents};
pub use states::SavedState;
pub use synced::{Acceptance, ModelDiff, ModelDifference, ModelLists, SyncOutcome, SyncedModel};
pub use view::Catalog;

/// A deleted row can be restored for one day.
const RESTORABLE_MS: i64 = 24 * 3_600_000;

/// The catalog's database, and its view in memory.
#[derive(Debug)]
pub struct Store {
    // Dropped first: it writes what it still holds.
    owners: ObjectOwners,
    database: Arc<Database>,
    shared: Arc<Shared>,
}

/// What edits need on the thread that runs them.
struct Shared {
    sealer: Sealer,
    catalog: ArcSwap<Catalog>,
    listener: OnceLock<Listener>,
}

type Listener = Box<dyn Fn(&Catalog) + Send + Sync>;

impl fmt::Debug for Shared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Shared").field("catalog", &self.catalog).finish_non_exhaustive()
    }
}

impl Store {
    /// The catalog as the last acknowledged edit left it.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.shared.catalog.load_full()
    }

    /// Sets who is told of each edit: after it is on disk, before it is acknowledged, in the order of the edits. Only the
    /// first listener is kept.
    pub fn on_edit(&self, listener: impl Fn(&Catalog) + Send + Sync + 'static) {
        drop(self.shared.listener.set(Box::new(listener)));
    }

    /// Runs an edit. When this returns `Ok`, all of it is on disk, in [`Store::catalog`] and known to the listener; an error
    /// undoes all of it. An edit that nobody waits for any more is still done whole.
    pub async fn edit<T, E, F>(&self, actor: Actor, edit: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut Edit<'_>) -> Result<T, E> + Send + 'static,
    {
        let shared = self.shared.clone();
        let run = move |connection: &mut Connection| run_edit(connection, &shared, &actor, edit);
        self.database.writer().call(run).await?
    }

    /// [`Store::edit`] for threads that may block: start-up and commands.
    pub fn edit_blocking<T, E, F>(&self, actor: Actor, edit: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut Edit<'_>) -> Result<T, E> + Send + 'static,
    {
        let shared = self.shared.clone();
        let run = move |connection: &mut Connection| run_edit(connection, &shared, &actor, edit);
        self.database.writer().call_blocking(run)?
    }

    /// The newest entries of the audit log that a filter lets pass.
    pub async fn audit(&self, filter: AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        self.database.readers().call(move |connection| audit::list(connection, &filter)).await
    }

    /// Which key made an object at a provider.
    pub fn owners(&self) -> &ObjectOwners {
        &self.owners
    }

    /// Forgets rows that were deleted more than a day before `now_ms`; their secrets are gone then.
    pub async fn forget_deleted(&self, now_ms: i64) -> Result<(), StoreError> {
        let before_ms = now_ms - RESTORABLE_MS;
        self.database.writer().call(move |connection| forget_deleted(connection, before_ms)).await
    }
}

/// The outer result is the database's, the inner one the edit's.
fn run_edit<T, E: From<StoreError>>(
    connection: &mut Connection,
    shared: &Shared,
    actor: &Actor,
    work: impl FnOnce(&mut Edit<'_>) -> Result<T, E>,
) -> Result<Result<T, E>, StoreError> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut edit = Edit::new(transaction, &shared.sealer, (*shared.catalog.load_full()).clone(), actor);
    let answer = match work(&mut edit) {
        Ok(answer) => answer,
        Err(error) => return Ok(Err(error)),
    };
    let Edit { transaction, mut catalog, .. } = edit;
    transaction.commit()?;
    catalog.revision += 1;
    let catalog = Arc::new(catalog);
    shared.catalog.store(catalog.clone());
    if let Some(listener) = shared.listener.get() {
        listener(&catalog);
    }
    Ok(Ok(answer))
}

/// A transaction that survives the end of the process, but not always a power failure: for what can be learned again.
fn relaxed<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    // Edits set it back to FULL.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let answer = work(&transaction)?;
    transaction.commit()?;
    Ok(answer)
}

/// A transaction that is on disk when this returns `Ok`.
fn durable<T>(connection: &mut Connection, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let answer = work(&transaction)?;
    transaction.commit()?;
    Ok(answer)
}

fn forget_deleted(connection: &mut Connection, before_ms: i64) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    for table in ["models", "clients", "keys", "providers", "users", "admin_tokens", "alert_rules", "alert_channels"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE deleted_ms < ?1"), [before_ms])?;
    }
    chats::forget(&transaction, before_ms)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests;
