//! Files that must be refused, migrations, and the threads.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::*;

const SCHEMA: Schema = Schema {
    name: "testing",
    application_id: 7,
    migrations: &["CREATE TABLE things (name TEXT)", "ALTER TABLE things ADD COLUMN size INTEGER"],
};

fn open(path: &Path) -> Result<Database, DatabaseError> {
    Database::open(path, &SCHEMA, Durability::Full, 2)
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.display().to_string(), fs::read(path).unwrap())
    };
    let mut found: Vec<_> = fs::read_dir(folder).unwrap().map(entry).collect();
    found.sort();
    found
}

fn count(connection: &mut Connection) -> Result<i64, DatabaseError> {
    Ok(connection.query_row("SELECT count(*) FROM things", (), |row| row.get(0))?)
}

fn insert(connection: &mut Connection) -> Result<(), DatabaseError> {
    connection.execute("INSERT INTO things (name, size) VALUES ('a', 1)", ())?;
    Ok(())
}

#[test]
fn work_survives_a_restart_and_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let database = open(&path).unwrap();
    database.writer().call_blocking(insert).unwrap();
    let panicked = database.writer().call_blocking(|connection| -> Result<(), DatabaseError> {
        let transaction = connection.transaction()?;
        transaction.execute("DELETE FROM things", ())?;
        panic!("on purpose");
    });
    assert!(matches!(panicked, Err(DatabaseError::Panicked)));
    drop(database);
    assert_eq!(files(folder.path()).len(), 1, "a clean stop folds the log into the file");
    assert_eq!(open(&path).unwrap().readers().call_blocking(count).unwrap(), 1);
}

#[tokio::test]
async fn readers_see_what_was_written_and_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("a.db")).unwrap();
    for expected in 1..=300 {
        database.writer().call(insert).await.unwrap();
        assert_eq!(database.readers().call(count).await.unwrap(), expected);
    }
    assert!(matches!(database.readers().call(insert).await, Err(DatabaseError::ReadOnly(_))));
}

#[test]
fn an_older_file_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let older = Schema { migrations: &SCHEMA.migrations[..1], ..SCHEMA };
    let database = Database::open(&path, &older, Durability::Normal, 1).unwrap();
    assert!(database.writer().call_blocking(insert).is_err(), "the second column is not there yet");
    drop(database);
    open(&path).unwrap().writer().call_blocking(insert).unwrap();
}

#[test]
fn a_failed_migration_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    drop(open(&path).unwrap());
    const BROKEN: &[&str] = &[SCHEMA.migrations[0], SCHEMA.migrations[1], "CREATE TABLE more (a); CREATE TABLE more (a)"];
    let broken = Schema { migrations: BROKEN, ..SCHEMA };
    let error = Database::open(&path, &broken, Durability::Full, 1).unwrap_err();
    assert!(matches!(error, DatabaseError::Migration { version: 3, .. }), "{error}");
    open(&path).unwrap().writer().call_blocking(insert).unwrap();
}

#[test]
fn what_is_refused_stays_untouched() {
    type Spoil = fn(&mut Vec<u8>);
    let damage: [(&str, Spoil); 4] = [
        ("is not a SQLite database", |bytes| bytes[0] = b'X'),
        ("is not a SQLite database", |bytes| bytes.truncate(50)),
        ("is corrupt", |bytes| bytes.truncate(4096 * 3)),
        ("is corrupt", |bytes| bytes[4096 * 3..4096 * 4].fill(0xAA)),
    ];
    for (at, (expected, spoil)) in damage.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let database = open(&path).unwrap();
        database
            .writer()
            .call_blocking(|connection| {
                Ok::<_, DatabaseError>(connection.execute("INSERT INTO things (name) VALUES (hex(randomblob(40000)))", ())?)
            })
            .unwrap();
        drop(database);
        let mut bytes = fs::read(&path).unwrap();
        spoil(&mut bytes);
        fs::write(&path, bytes).unwrap();
        refused(folder.path(), &path, expected, at);
    }
}

#[test]
fn a_newer_or_foreign_file_stays_untouched() {
    let newer =
        [("PRAGMA user_version = 3", "newer Keywheel (version 3"), ("PRAGMA application_id = 8", "not Keywheel's testing")];
    for (at, (sql, expected)) in newer.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        drop(open(&path).unwrap());
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        refused(folder.path(), &path, expected, at);
    }
}

fn refused(folder: &Path, path: &Path, expected: &str, at: usize) {
    let before = files(folder);
    let error = open(path).unwrap_err().to_string();
    assert!(error.contains(expected) && error.contains("a.db"), "{at}: {error}");
    assert!(files(folder) == before, "{at}: a file was touched");
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("a.db")).unwrap();
    let error = database.writer().call_blocking(|connection| {
        let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        connection.pragma_update(None, "max_page_count", pages + 1)?;
        connection.execute("INSERT INTO things (name) VALUES (hex(randomblob(40000)))", ())?;
        Ok::<_, DatabaseError>(())
    });
    assert!(matches!(error, Err(DatabaseError::DiskFull)));
    assert_eq!(database.readers().call_blocking(count).unwrap(), 0);
}
