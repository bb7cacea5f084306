//! Owners of objects: known in memory at once, written behind the calls in batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use super::error::StoreError;
use super::relaxed;
use crate::domain::{CallId, ClientId, KeyId, ObjectOwner, ProviderId};
use crate::store::connection::{Database, DatabaseError};

/// Objects of one generation; two generations are in memory.
const GENERATION: usize = 100_000;
/// Changes that may wait to be written; more are counted and not written.
const QUEUE: usize = 50_000;
/// How long changes gather before they are written.
const GATHER: Duration = Duration::from_millis(200);

/// Which key made which object at a provider.
///
/// The newest 100,000 to 200,000 are in memory; older ones are read when a call names one.
#[derive(Debug)]
pub struct ObjectOwners {
    recent: Arc<Recent>,
    database: Arc<Database>,
    changes: Option<SyncSender<Change>>,
    dropped: AtomicU64,
    writer: Option<JoinHandle<()>>,
}

/// Two maps: when the younger is full, the older is forgotten. No list to maintain, and each look-up is two at most.
#[derive(Debug, Default)]
struct Recent(Mutex<(Generation, Generation)>);

type Generation = HashMap<Box<str>, Arc<ObjectOwner>>;

enum Change {
    Made { object: Box<str>, owner: Arc<ObjectOwner>, at_ms: i64 },
    UsageKnown { object: Box<str> },
}

impl Recent {
    fn get(&self, object: &str) -> Option<Arc<ObjectOwner>> {
        let generations = self.0.lock();
        generations.0.get(object).or_else(|| generations.1.get(object)).cloned()
    }

    fn put(&self, object: &str, owner: Arc<ObjectOwner>) {
        let (young, old) = &mut *self.0.lock();
        if young.len() >= GENERATION {
            *old = std::mem::take(young);
        }
        young.insert(object.into(), owner);
    }

    /// Marks the usage as known; `true` for the first who does.
    fn claim_usage(&self, object: &str) -> bool {
        let (young, old) = &mut *self.0.lock();
        let Some(owner) = young.get_mut(object).or_else(|| old.get_mut(object)) else { return false };
        let first = owner.awaits_usage;
        if first {
            *owner = Arc::new(ObjectOwner { awaits_usage: false, ..(**owner).clone() });
        }
        first
    }
}

impl ObjectOwners {
    pub(super) fn start(database: Arc<Database>) -> Result<Self, DatabaseError> {
        let (sender, receiver) = sync_channel(QUEUE);
        let writing = database.clone();
        let writer = std::thread::Builder::new()
            .name("owners".into())
            .spawn(move || write_batches(&writing, &receiver))
            .map_err(|source| DatabaseError::Open { path: database.path().to_owned(), source })?;
        Ok(ObjectOwners {
            recent: Arc::default(),
            database,
            changes: Some(sender),
            dropped: AtomicU64::new(0),
            writer: Some(writer),
        })
    }

    /// Remembers who made an object. Never blocks; on disk about 200 ms later.
    pub fn remember(&self, object: &str, owner: ObjectOwner, now_ms: i64) {
        let owner = Arc::new(owner);
        self.recent.put(object, owner.clone());
        self.queue(Change::Made { object: object.into(), owner, at_ms: now_ms });
    }

    /// The owner of an object, when it is in memory.
    pub fn recent(&self, object: &str) -> Option<Arc<ObjectOwner>> {
        self.recent.get(object)
    }

    /// The owner of an object, read from the database when it is not in memory.
    pub async fn find(&self, object: &str) -> Result<Option<Arc<ObjectOwner>>, StoreError> {
        if let Some(owner) = self.recent(object) {
            return Ok(Some(owner));
        }
        let name = object.to_owned();
        let found: Option<ObjectOwner> = self.database.readers().call(move |connection| read(connection, &name)).await?;
        let Some(owner) = found.map(Arc::new) else { return Ok(None) };
        // Another call may have read it meanwhile, and even claimed its usage: what is in memory is newer.
        if let Some(newer) = self.recent(object) {
            return Ok(Some(newer));
        }
        self.recent.put(object, owner.clone());
        Ok(Some(owner))
    }

    /// Reads the owners of those objects that are not in memory, so that [`Self::recent`] knows all that have one.
    pub async fn recall(&self, objects: Vec<Arc<str>>) -> Result<(), StoreError> {
        let unknown: Vec<Arc<str>> = objects.into_iter().filter(|object| self.recent(object).is_none()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let read_all = move |connection: &mut Connection| {
            let owner = |object: Arc<str>| Ok(read(connection, &object)?.map(|owner| (object, owner)));
            unknown.into_iter().filter_map(|object| owner(object).transpose()).collect::<Result<Vec<_>, DatabaseError>>()
        };
        for (object, owner) in self.database.readers().call(read_all).await? {
            if self.recent(&object).is_none() {
                self.recent.put(&object, Arc::new(owner));
            }
        }
        Ok(())
    }

    /// Claims the right to bill an object's usage to the call that made it. `true` once, for the first who asks about an
    /// object that is in memory and awaits its usage.
    pub fn claim_usage(&self, object: &str) -> bool {
        let first = self.recent.claim_usage(object);
        if first {
            self.queue(Change::UsageKnown { object: object.into() });
        }
        first
    }

    /// Owners that could not be queued for writing, since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Forgets owners that were made before a time, at most 10,000 of them; says how many.
    pub async fn forget_before(&self, before_ms: i64) -> Result<usize, StoreError> {
        let forget = move |connection: &mut Connection| {
            relaxed(connection, |transaction| {
                let sql = "DELETE FROM object_owners WHERE object IN
                           (SELECT object FROM object_owners WHERE created_ms < ?1 LIMIT 10000)";
                Ok(transaction.execute(sql, [before_ms])?)
            })
        };
        Ok(self.database.writer().call(forget).await?)
    }

    fn queue(&self, change: Change) {
        let queued = self.changes.as_ref().is_some_and(|changes| changes.try_send(change).is_ok());
        if !queued {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for ObjectOwners {
    fn drop(&mut self) {
        self.changes = None;
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
    }
}

fn write_batches(database: &Database, changes: &Receiver<Change>) {
    while let Ok(first) = changes.recv() {
        std::thread::sleep(GATHER);
        let batch: Vec<Change> = std::iter::once(first).chain(changes.try_iter()).collect();
        let count = batch.len();
        let written = database.writer().call_blocking(move |connection| relaxed(connection, |tx| write(tx, &batch)));
        if let Err(error) = written {
            tracing::error!(%error, count, "the owners of objects could not be written");
        }
    }
}

fn write(connection: &Connection, batch: &[Change]) -> Result<(), DatabaseError> {
    let mut made = connection.prepare_cached(
        "INSERT OR REPLACE INTO object_owners (object, provider, key, account, client, call, model, awaits_usage, created_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let mut known = connection.prepare_cached("UPDATE object_owners SET awaits_usage = 0 WHERE object = ?1")?;
    for change in batch {
        match change {
            Change::UsageKnown { object } => drop(known.execute([object])?),
            Change::Made { object, owner, at_ms } => {
                let client = owner.client.map(|client| client.0);
                let (account, model, call) = (&owner.account, &owner.model, owner.call.0.as_bytes());
                made.execute((object, owner.provider.0, owner.key.0, account, client, call, model, owner.awaits_usage, at_ms))?;
            }
        }
    }
    Ok(())
}

fn read(connection: &Connection, object: &str) -> Result<Option<ObjectOwner>, DatabaseError> {
    let read = |row: &Row<'_>| {
        Ok(ObjectOwner {
            provider: ProviderId(row.get("provider")?),
            key: KeyId(row.get("key")?),
            account: row.get("account")?,
            client: row.get::<_, Option<i64>>("client")?.map(ClientId),
            call: CallId(Uuid::from_bytes(row.get("call")?)),
            model: row.get("model")?,
            awaits_usage: row.get("awaits_usage")?,
        })
    };
    Ok(connection.prepare_cached("SELECT * FROM object_owners WHERE object = ?1")?.query_row([object], read).optional()?)
}
