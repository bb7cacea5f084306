//! Opening the catalog: looked at first, refused untouched, then loaded whole.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread;

use arc_swap::ArcSwap;
use rusqlite::{Connection, OptionalExtension};

use super::error::StoreError;
use super::owners::ObjectOwners;
use super::row::{Columns, Json, Noun, Stored, Which};
use super::view::{Catalog, Rows};
use super::{Shared, Store, synced};
use crate::domain::{AdminToken, AlertChannel, AlertRule, Client, Key, Model, Provider, Settings, User};
use crate::store::connection::{Database, DatabaseError, Durability, Inspection, Schema, open_inspected};
use crate::store::sealing::{CANARY, MASTER_KEY_FILE, MasterKey, MasterKeySource, SealedContents, Sealer};

/// The catalog's file in the data folder.
pub(in crate::store) const CATALOG_FILE: &str = "keywheel.db";
const READERS: usize = 2;
pub(in crate::store) const CATALOG: Schema = Schema {
    name: "catalog",
    application_id: 0x4b57_4341, // "KWCA"
    migrations: &[
        include_str!("../../../db/migrations/catalog/0001_catalog.sql"),
        include_str!("../../../db/migrations/catalog/0002_former_tokens.sql"),
        include_str!("../../../db/migrations/catalog/0003_people.sql"),
        include_str!("../../../db/migrations/catalog/0004_scripts.sql"),
        include_str!("../../../db/migrations/catalog/0005_key_checks.sql"),
        include_str!("../../../db/migrations/catalog/0006_chats.sql"),
        include_str!("../../../db/migrations/catalog/0007_alerts.sql"),
        include_str!("../../../db/migrations/catalog/0008_model_sync.sql"),
        include_str!("../../../db/migrations/catalog/0009_versions.sql"),
    ],
};

impl Store {
    /// Opens the catalog in `data_dir`, or makes the folder, the database and a master key at a first start. Blocks.
    ///
    /// Refused with everything left as it was: a file that is not Keywheel's, corrupt or newer, and a master key that
    /// is missing or wrong while secrets are stored.
    pub fn open(data_dir: &Path, master_key: &MasterKeySource) -> Result<Store, StoreError> {
        make_private_folder(data_dir)?;
        let path = data_dir.join(CATALOG_FILE);
        let (held, loaded) = look(&path, data_dir, master_key)?;
        let accepted = MasterKey::accept(master_key, data_dir, &held)?;
        let connection = open_inspected(&path, &CATALOG, Durability::Full)?;
        if accepted.is_new {
            adopt_master_key(&connection, &accepted.sealer)?;
        }
        let catalog = match loaded {
            Some(catalog) => catalog,
            None => load(&connection, &accepted.sealer, rows(&connection, &accepted.sealer)?)?,
        };
        let database = Arc::new(Database::start(connection, &path, &CATALOG, READERS)?);
        Ok(Store {
            owners: ObjectOwners::start(database.clone())?,
            database,
            shared: Arc::new(Shared {
                sealer: accepted.sealer,
                catalog: ArcSwap::from_pointee(catalog),
                listener: OnceLock::new(),
            }),
        })
    }
}

/// Looks through a catalog before anything is opened for writing. Where its tables are of this version and hold secrets, it
/// is read meanwhile: with many keys that is most of what a start takes.
fn look(path: &Path, data_dir: &Path, master_key: &MasterKeySource) -> Result<(SealedContents, Option<Catalog>), StoreError> {
    let Some(inspection) = Inspection::open(path, &CATALOG)? else { return Ok(Default::default()) };
    thread::scope(|scope| {
        let pages = scope.spawn(|| inspection.check_pages());
        let read = || {
            let connection = inspection.connect()?;
            let held = sealed_contents(&connection)?;
            if !inspection.is_current() || held.secrets == 0 {
                return Ok((held, None));
            }
            let file = data_dir.join(MASTER_KEY_FILE);
            let key = MasterKey::fitting(master_key, &[&file], &held)?;
            let read_all = |key| {
                let sealer = Sealer::new(&key);
                let keys = keys_by_all_cores(&inspection, &connection, &sealer, held.secrets)?;
                load(&connection, &sealer, keys)
            };
            let catalog = key.map(read_all).transpose()?;
            Ok((held, catalog))
        };
        let found: Result<_, StoreError> = read();
        // Whatever could not be read: damage is the reason.
        pages.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        found
    })
}

/// Secrets that one thread opens in about the time that another one takes to begin.
const SECRETS_OF_A_THREAD: u64 = 1_000;
const MOST_READING_THREADS: u64 = 8;

/// The keys, their secrets opened by as many threads as there are cores for them.
fn keys_by_all_cores(
    inspection: &Inspection<'_>,
    connection: &Connection,
    sealer: &Sealer,
    secrets: u64,
) -> Result<Rows<Key>, StoreError> {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let shares = (secrets / SECRETS_OF_A_THREAD).min(cores).clamp(1, MOST_READING_THREADS) as i64;
    thread::scope(|scope| {
        let read = |connection: &Connection, share| <Key as Columns>::load(connection, sealer, Which::Share(share, shares));
        let others: Vec<_> = (1..shares).map(|share| scope.spawn(move || read(&inspection.connect()?, share))).collect();
        let mut found = read(connection, 0)?;
        for other in others {
            found.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(found.into_iter().map(|row| (row.value.id, row)).collect())
    })
}

fn make_private_folder(path: &Path) -> Result<(), StoreError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => Err(StoreError::Folder { path: path.to_owned(), source }),
        _ => Ok(()),
    }
}

/// What a master key must open.
pub(in crate::store) fn sealed_contents(connection: &Connection) -> Result<SealedContents, DatabaseError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 {
        return Ok(SealedContents::default());
    }
    let canary = connection.query_row("SELECT canary FROM sealing", (), |row| row.get(0)).optional()?;
    let mut secrets: u32 = connection.query_row(
        "SELECT (SELECT count(*) FROM keys WHERE deleted_ms IS NULL)
              + (SELECT count(headers) + count(proxy) FROM providers WHERE deleted_ms IS NULL)",
        (),
        |row| row.get(0),
    )?;
    // A database of an older version does not have the table yet.
    if connection.table_exists(None::<&str>, "alert_channels")? {
        let count = "SELECT count(*) FROM alert_channels WHERE deleted_ms IS NULL";
        secrets += connection.query_row(count, (), |row| row.get::<_, u32>(0))?;
    }
    Ok(SealedContents { canary, secrets: secrets.into() })
}

/// Nothing that can still be used is sealed with another key; what was deleted could not be opened any more.
fn adopt_master_key(connection: &Connection, sealer: &Sealer) -> Result<(), StoreError> {
    let transaction = connection.unchecked_transaction()?;
    for table in ["models", "keys", "providers", "alert_channels"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE deleted_ms IS NOT NULL"), ())?;
    }
    transaction.execute(
        "INSERT INTO sealing (id, canary) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET canary = excluded.canary",
        [sealer.seal(CANARY.0, CANARY.1, "keywheel")],
    )?;
    Ok(transaction.commit()?)
}

fn load(connection: &Connection, sealer: &Sealer, keys: Rows<Key>) -> Result<Catalog, StoreError> {
    let mut catalog = Catalog {
        revision: 0,
        providers: rows::<Provider>(connection, sealer)?,
        keys,
        models: rows::<Model>(connection, sealer)?,
        clients: rows::<Client>(connection, sealer)?,
        users: rows::<User>(connection, sealer)?,
        admin_tokens: rows::<AdminToken>(connection, sealer)?,
        alert_rules: rows::<AlertRule>(connection, sealer)?,
        alert_channels: rows::<AlertChannel>(connection, sealer)?,
        settings: settings(connection)?,
    };
    synced::load(connection, &mut catalog)?;
    Ok(catalog)
}

fn rows<T: Noun>(connection: &Connection, sealer: &Sealer) -> Result<Rows<T>, StoreError> {
    let rows = <T as Columns>::load(connection, sealer, Which::Live)?;
    Ok(rows.into_iter().map(|row| (row.value.id(), row)).collect())
}

fn settings(connection: &Connection) -> Result<Stored<Settings>, StoreError> {
    let found = connection.query_row("SELECT value, version, updated_ms FROM settings", (), |row| {
        Ok(Stored {
            value: Arc::new(row.get::<_, Json<Settings>>(0)?.0),
            version: row.get(1)?,
            created_ms: 0,
            updated_ms: row.get(2)?,
        })
    });
    let defaults = || Stored { value: Arc::new(Settings::default()), version: 0, created_ms: 0, updated_ms: 0 };
    Ok(found.optional()?.unwrap_or_else(defaults))
}
