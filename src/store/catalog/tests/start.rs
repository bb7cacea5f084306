//! Starting: the master key, and many keys at once.

use std::fs;
use std::path::Path;
use std::time::Instant;

use secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::store::{MasterKeyError, MasterKeySource};

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn variable(text: &str) -> MasterKeySource {
    MasterKeySource { variable: Some(SecretString::from(text)), file: None }
}

fn with_secret(path: &Path, source: &MasterKeySource) {
    let store = Store::open(path, source).unwrap();
    let add = |edit: &mut Edit<'_>| {
        let id = edit.create(Provider { proxy: None, headers: Vec::new(), ..provider("p") })?.value.id;
        edit.create(key(id, "a", "sk-a"))
    };
    store.edit_blocking::<_, StoreError, _>(actor(NOW), add).unwrap();
}

fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.display().to_string(), fs::read(path).unwrap())
        })
        .collect();
    found.sort();
    found
}

fn refused(folder: &Path, source: &MasterKeySource) -> String {
    let before = contents(folder);
    let error = Store::open(folder, source).unwrap_err();
    assert!(contents(folder) == before, "something was touched");
    assert!(error.is_configuration(), "{error}");
    error.to_string()
}

#[test]
fn the_key_file_is_made_once_and_kept_to_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    with_secret(folder.path(), &MasterKeySource::default());
    let file = folder.path().join("master.key");
    let text = fs::read_to_string(&file).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(&folder.path().join("keywheel.db")), 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        drop(Store::open(folder.path(), &MasterKeySource::default()).unwrap());
        assert_eq!(mode(&file), 0o600);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_key_may_be_hex_or_base64_from_a_variable_or_a_file() {
    let folder = tempfile::tempdir().unwrap();
    with_secret(folder.path(), &variable(HEX));
    assert!(!folder.path().join("master.key").exists());
    drop(Store::open(folder.path(), &variable(BASE64)).unwrap());
    drop(Store::open(folder.path(), &variable(BASE64.trim_end_matches('='))).unwrap());
    let named = folder.path().join("named");
    fs::write(&named, format!("{HEX}\n")).unwrap();
    drop(Store::open(folder.path(), &MasterKeySource { variable: None, file: Some(named) }).unwrap());
    assert!(refused(folder.path(), &variable("a pass phrase")).contains("32 bytes as base64 or hex"));
}

#[test]
fn a_missing_or_wrong_key_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    with_secret(folder.path(), &MasterKeySource::default());
    let file = folder.path().join("master.key");
    let disagreement = refused(folder.path(), &variable(HEX));
    for word in ["KEYWHEEL_MASTER_KEY ", "master.key", "1 secret"] {
        assert!(disagreement.contains(word), "{disagreement}");
    }
    fs::remove_file(&file).unwrap();
    for (source, words) in [
        (MasterKeySource::default(), "is missing, and 1 secret cannot be read"),
        (variable(" "), "is missing, and 1 secret cannot be read"),
        (variable(HEX), "does not open what is stored (1 secret)"),
        (
            MasterKeySource { variable: None, file: Some("/nowhere/key".into()) },
            "cannot read /nowhere/key (KEYWHEEL_MASTER_KEY_FILE)",
        ),
    ] {
        let message = refused(folder.path(), &source);
        assert!(message.contains(words) && message.contains("1 secret"), "{message}");
    }
    let missing = refused(folder.path(), &MasterKeySource::default());
    for word in ["KEYWHEEL_MASTER_KEY ", "KEYWHEEL_MASTER_KEY_FILE", "master.key"] {
        assert!(missing.contains(word), "{missing}");
    }
}

#[test]
fn without_secrets_a_new_key_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    with_secret(folder.path(), &variable(HEX));
    let store = Store::open(folder.path(), &variable(HEX)).unwrap();
    store.edit_blocking::<_, StoreError, _>(actor(NOW), |edit| edit.delete::<Key>(KeyId(1), None)).unwrap();
    drop(store);
    drop(Store::open(folder.path(), &MasterKeySource::default()).unwrap());
    with_new_key_again(folder.path());
    let error = Store::open(folder.path(), &variable(HEX)).unwrap_err();
    assert!(matches!(error, StoreError::MasterKey(MasterKeyError::Disagreement { secrets: 1, .. })), "{error}");
}

fn with_new_key_again(path: &Path) {
    let store = Store::open(path, &MasterKeySource::default()).unwrap();
    let add = |edit: &mut Edit<'_>| edit.create(key(ProviderId(1), "a", "sk-a"));
    store.edit_blocking::<_, StoreError, _>(actor(NOW), add).unwrap();
}

#[test]
fn a_database_that_is_none_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("keywheel.db"), "not a database").unwrap();
    let before = contents(folder.path());
    let error = Store::open(folder.path(), &MasterKeySource::default()).unwrap_err();
    assert!(error.to_string().contains("keywheel.db is not a SQLite database"), "{error}");
    assert!(contents(folder.path()) == before, "no key was made either");
}

#[test]
fn an_altered_secret_is_named() {
    let folder = tempfile::tempdir().unwrap();
    with_secret(folder.path(), &MasterKeySource::default());
    let connection = Connection::open(folder.path().join("keywheel.db")).unwrap();
    connection.execute("UPDATE keys SET secret = zeroblob(60)", ()).unwrap();
    drop(connection);
    let error = Store::open(folder.path(), &MasterKeySource::default()).unwrap_err();
    assert!(error.to_string().starts_with("keys 1: a sealed secret cannot be opened"), "{error}");
}

/// Ten times as many keys may take longer than ten times as long, since the machine does other things too; what looked at all keys
/// for each of them would take a hundred times as long.
#[test]
fn the_time_for_many_keys_grows_with_their_number() {
    const MOST_TIMES: u32 = 35;
    let time = |count: usize| {
        let mut folder = Folder::new();
        let p = folder.edit(|edit| edit.create(provider("p"))).unwrap().value.id;
        let start = Instant::now();
        let secret = |at: usize| format!("sk-{at}-0123456789abcdef");
        let made = folder
            .edit(move |edit| (0..count).try_for_each(|at| edit.create(key(p, &format!("k{at}"), &secret(at))).map(drop)));
        made.unwrap();
        let inserted = start.elapsed();
        folder.store = None;
        let start = Instant::now();
        folder.reopen();
        let opened = start.elapsed();
        let catalog = folder.store().catalog();
        let opened_as =
            |row: &Stored<Key>| row.value.name[1..].parse().is_ok_and(|at| row.value.secret.expose_secret() == secret(at));
        assert_eq!(catalog.all::<Key>().filter(|row| opened_as(row)).count(), count);
        println!("{count} keys: inserted in {inserted:?}, opened in {opened:?}");
        (inserted, opened)
    };
    let (before, many, after) = (time(1_000), time(10_000), time(1_000));
    let few = (before.0.max(after.0), before.1.max(after.1));
    assert!(many.0 < few.0 * MOST_TIMES && many.1 < few.1 * MOST_TIMES, "{few:?} for 1,000 keys, {many:?} for 10,000");
}
