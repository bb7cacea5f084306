//! Opening a database file: looked at read-only first, refused untouched, migrated in transactions.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::DatabaseError;

/// What a kind of database file is.
#[derive(Debug)]
pub(in crate::store) struct Schema {
    /// Its name in messages and thread names, such as `catalog`.
    pub(in crate::store) name: &'static str,
    /// The number in the file's header that tells this kind from others.
    pub(in crate::store) application_id: i32,
    /// SQL by version: the first entry makes version 1. Entries are only ever appended.
    pub(in crate::store) migrations: &'static [&'static str],
}

impl Schema {
    fn version(&self) -> i64 {
        self.migrations.len() as i64
    }
}

/// What a commit waits for.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Durability {
    /// The disk has it: it survives a power failure.
    Full,
    /// The operating system has it: it survives the end of the process.
    Normal,
}

/// A copy in one step is a copy of one moment.
const ALL_PAGES: i32 = i32::MAX;
/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);
/// Files up to this size are checked whole at each start (about 1 ms a MiB); larger ones only on suspicion.
const ALWAYS_CHECKED_BYTES: u64 = 32 * 1024 * 1024;
/// Statements kept compiled on each connection.
const STATEMENT_CACHE: usize = 64;

/// Opens or creates a database for writing and brings its schema up to date.
///
/// A file that is not SQLite, corrupt, of another kind or of a newer version is an error; nothing is written then.
pub(in crate::store) fn open_writer(path: &Path, schema: &Schema, durability: Durability) -> Result<Connection, DatabaseError> {
    if let Some(inspection) = Inspection::open(path, schema)? {
        inspection.check_pages()?;
    }
    open_inspected(path, schema, durability)
}

/// [`open_writer`] for a file that an [`Inspection`] has found good.
pub(in crate::store) fn open_inspected(
    path: &Path,
    schema: &Schema,
    durability: Durability,
) -> Result<Connection, DatabaseError> {
    create_private(path)?;
    let mut connection = open_with(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    migrate(&mut connection, path, schema)?;
    Ok(connection)
}

/// Opens an existing database read-only. Its kind and version are checked; its pages are not.
///
/// The file is opened by SQLite alone: closing any other handle of it would drop the locks that the writer of this
/// very process holds (<https://www.sqlite.org/howtocorrupt.html>, section 2.2).
pub(in crate::store) fn open_reader(path: &Path, schema: &Schema) -> Result<Connection, DatabaseError> {
    let connection = open_with(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.pragma_update(None, "query_only", true)?;
    check_kind(&connection, path, schema)?;
    Ok(connection)
}

fn open_with(path: &Path, flags: OpenFlags) -> Result<Connection, DatabaseError> {
    let connection = Connection::open_with_flags(path, flags).map_err(|error| DatabaseError::while_opening(error, path))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}

/// A file that is looked at without changing it, before this process opens it for writing.
pub(in crate::store) struct Inspection<'a> {
    path: &'a Path,
    has_wal: bool,
    is_suspicious: bool,
    is_current: bool,
}

impl<'a> Inspection<'a> {
    /// Looks at a file's header, kind and version. `None`: there is no file, or an empty one.
    pub(in crate::store) fn open(path: &'a Path, schema: &Schema) -> Result<Option<Self>, DatabaseError> {
        let Some(header) = Header::read(path)? else { return Ok(None) };
        let wal_bytes = wal_bytes(path);
        let mut inspection = Inspection {
            path,
            has_wal: wal_bytes.is_some(),
            is_suspicious: header.is_suspicious(wal_bytes) || header.file_bytes <= ALWAYS_CHECKED_BYTES,
            is_current: false,
        };
        let version = check_kind(&inspection.connect()?, path, schema)?;
        inspection.is_current = version == schema.version();
        Ok(Some(inspection))
    }

    /// Whether its tables are those of this version.
    pub(in crate::store) fn is_current(&self) -> bool {
        self.is_current
    }

    /// A connection that changes nothing.
    pub(in crate::store) fn connect(&self) -> Result<Connection, DatabaseError> {
        open_for_inspection(self.path, self.has_wal).map_err(|error| DatabaseError::while_opening(error, self.path))
    }

    /// Looks through every page of a file that is small, or that may be damaged.
    pub(in crate::store) fn check_pages(&self) -> Result<(), DatabaseError> {
        if self.is_suspicious { check_pages(&self.connect()?, self.path) } else { Ok(()) }
    }
}

fn wal_bytes(path: &Path) -> Option<u64> {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    std::fs::metadata(wal).map(|metadata| metadata.len()).ok()
}

/// Opens another program's database read-only; that program may be using it.
pub(in crate::store) fn open_foreign(path: &Path) -> Result<Connection, DatabaseError> {
    open_for_inspection(path, wal_bytes(path).is_some()).map_err(|error| DatabaseError::while_opening(error, path))
}

/// Looks a whole database through that stands on its own and that nobody writes, without changing it, and lets the caller
/// look too.
pub(in crate::store) fn verify<T>(
    path: &Path,
    schema: &Schema,
    examine: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    let connection = open_for_inspection(path, false).map_err(|error| DatabaseError::while_opening(error, path))?;
    check_kind(&connection, path, schema)?;
    check_pages(&connection, path)?;
    examine(&connection)
}

fn check_pages(connection: &Connection, path: &Path) -> Result<(), DatabaseError> {
    let refuse = |error| DatabaseError::while_opening(error, path);
    let detail: String = connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0)).map_err(refuse)?;
    if detail == "ok" { Ok(()) } else { Err(DatabaseError::Corrupt { path: path.to_owned(), detail }) }
}

/// The version of its tables.
fn check_kind(connection: &Connection, path: &Path, schema: &Schema) -> Result<i64, DatabaseError> {
    let refuse = |error| DatabaseError::while_opening(error, path);
    let read = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(refuse);
    let (version, application_id) = (read("user_version")?, read("application_id")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).map_err(refuse)?;
    let is_blank = application_id == 0 && version == 0 && tables == 0;
    if application_id != i64::from(schema.application_id) && !is_blank {
        return Err(DatabaseError::Foreign { path: path.to_owned(), expected: schema.name });
    }
    if version > schema.version() {
        return Err(DatabaseError::Newer { path: path.to_owned(), found: version, known: schema.version() });
    }
    Ok(version)
}

/// Without a write-ahead log nobody can be writing: `immutable` then keeps SQLite from making any file beside it.
fn open_for_inspection(path: &Path, has_wal: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = if has_wal {
        Connection::open_with_flags(path, flags)?
    } else {
        let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags | OpenFlags::SQLITE_OPEN_URI)?
    };
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// The fields of a database's first 100 bytes that tell whether the rest can be believed
/// (<https://www.sqlite.org/fileformat2.html#the_database_header>).
struct Header {
    file_bytes: u64,
    page_bytes: u64,
    pages: u64,
}

impl Header {
    /// `None` for a file that does not exist or is empty.
    fn read(path: &Path) -> Result<Option<Self>, DatabaseError> {
        let failed = |source| DatabaseError::Open { path: path.to_owned(), source };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let file_bytes = file.metadata().map_err(failed)?.len();
        if file_bytes == 0 {
            return Ok(None);
        }
        let mut bytes = [0; 100];
        file.read_exact(&mut bytes).map_err(|_| DatabaseError::NotADatabase(path.to_owned()))?;
        if &bytes[..16] != b"SQLite format 3\0" {
            return Err(DatabaseError::NotADatabase(path.to_owned()));
        }
        let page_bytes = match u16::from_be_bytes([bytes[16], bytes[17]]) {
            1 => 65_536,
            other => u64::from(other),
        };
        let pages = u64::from(u32::from_be_bytes([bytes[28], bytes[29], bytes[30], bytes[31]]));
        Ok(Some(Header { file_bytes, page_bytes, pages }))
    }

    /// A crash left a log behind, or the length is not what the header says.
    fn is_suspicious(&self, wal_bytes: Option<u64>) -> bool {
        wal_bytes.is_some_and(|bytes| bytes > 0) || self.pages * self.page_bytes != self.file_bytes
    }
}

/// SQLite gives its log the permissions of the file, so this one call keeps all three to the owner. A new file's name is
/// on disk before anything in it is acknowledged.
fn create_private(path: &Path) -> Result<(), DatabaseError> {
    let failed = |source| DatabaseError::Open { path: path.to_owned(), source };
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(failed)?;
    match path.parent() {
        Some(folder) if is_new && cfg!(unix) => {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
        }
        _ => Ok(()),
    }
}

/// Copies a database as one reader sees it into a new file that needs no log beside it.
pub(in crate::store) fn copy(connection: &Connection, path: &Path) -> Result<(), DatabaseError> {
    if path.exists() {
        return Err(DatabaseError::Open { path: path.to_owned(), source: ErrorKind::AlreadyExists.into() });
    }
    create_private(path)?;
    let mut target = open_with(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    Backup::new(connection, &mut target)?.run_to_completion(ALL_PAGES, Duration::ZERO, None)?;
    Ok(())
}

fn migrate(connection: &mut Connection, path: &Path, schema: &Schema) -> Result<(), DatabaseError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (version, sql) in (1i64..).zip(schema.migrations).skip(found.max(0) as usize) {
        let mut apply = || -> Result<(), rusqlite::Error> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(sql)?;
            transaction.pragma_update(None, "application_id", schema.application_id)?;
            transaction.pragma_update(None, "user_version", version)?;
            transaction.commit()
        };
        apply().map_err(|error| DatabaseError::Migration { path: path.to_owned(), version, source: Box::new(error.into()) })?;
    }
    Ok(())
}
