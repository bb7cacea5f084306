//! Archives that come back whole, and those that are refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::domain::{AuthScheme, BaseUrl, ClientId, Key, KeyId, KeyLimits, Provider, ProviderId, Ref};
use crate::store::{
    Actor, CallLog, CallLogWriter, CallQuery, Dimension, MasterKeyError, MasterKeySource, Range, Rank, SampleHistory,
    SampleKey, SampleModel, Store, open_call_log,
};

/// 2026-11-25 10:00 UTC.
const NOW_MS: i64 = 1_795_600_800_000;
const DAY_MS: i64 = 86_400_000;
const SCRIPTS_THERE: [(&str, &str); 2] = [("10-a.rhai", "fn on_request(req) {}\n"), ("lib/b.rhai", "")];

/// A data folder in use: a store with one key, and calls of three days.
struct House {
    data: TempDir,
    /// Held open, as by a running server.
    _store: Store,
    writer: CallLogWriter,
    scratch: TempDir,
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

impl House {
    fn new() -> Self {
        let data = folder();
        let store = Store::open(data.path(), &MasterKeySource::default()).unwrap();
        store
            .edit_blocking(actor(), |edit| {
                let provider = edit.create(provider())?.value.id;
                edit.create(key(provider)).map(drop)
            })
            .unwrap();
        let (_, writer) = open_call_log(data.path()).unwrap();
        let mut house = House { data, _store: store, writer, scratch: folder() };
        house.calls(300, NOW_MS - 2 * DAY_MS);
        house.writer.commit_rollups(NOW_MS).unwrap();
        house
    }

    fn calls(&mut self, calls: usize, from_ms: i64) {
        let name = |id: i64| Ref { id: KeyId(id), name: "k".into() };
        let history = SampleHistory {
            from_ms,
            to_ms: NOW_MS,
            calls,
            seed: from_ms as u64,
            clients: vec![Ref { id: ClientId(1), name: "c".into() }],
            keys: vec![SampleKey { provider: Ref { id: ProviderId(1), name: "p".into() }, key: name(1) }],
            models: vec![SampleModel { asked: "m".into(), served: "m".into(), price: None }],
        };
        // Without the sums, which wait in memory.
        for record in history.records() {
            let entry = crate::store::LogEntry::Call(Box::new(record));
            self.writer.write(entry.day(), &[entry], NOW_MS).unwrap();
        }
    }

    fn archive(&self, master_key: Option<&MasterKeySource>) -> (Manifest, Vec<u8>) {
        let plan = BackupPlan {
            data: self.data.path(),
            scratch: self.scratch.path(),
            scripts: &SCRIPTS_THERE,
            master_key,
            now_ms: NOW_MS,
        };
        let mut bytes = Vec::new();
        let manifest = back_up(&plan, &mut bytes).unwrap();
        assert_eq!(fs::read_dir(&self.scratch).unwrap().count(), 0, "no copy is left");
        (manifest, bytes)
    }

    fn key_text(&self) -> String {
        fs::read_to_string(self.data.path().join("master.key")).unwrap()
    }
}

fn actor() -> Actor {
    Actor { name: "test".into(), address: None, now_ms: NOW_MS }
}

fn provider() -> Provider {
    Provider::new("p".into(), BaseUrl::parse("https://h", false).unwrap(), AuthScheme::Bearer)
}

fn key(provider: ProviderId) -> Key {
    Key {
        id: KeyId(0),
        provider,
        name: "k".into(),
        secret: "sk-sealed-0123456789".into(),
        tags: Vec::new(),
        weight: 1,
        priority: 0,
        models: None,
        limits: KeyLimits::default(),
        account: None,
    }
}

fn from_variable(text: &str) -> MasterKeySource {
    MasterKeySource { variable: Some(text.into()), file: None }
}

/// What the log lists and what the sums count.
async fn calls_of(log: &CallLog) -> (usize, u64) {
    let listed = log.list(CallQuery { limit: 10_000, ..CallQuery::default() }).await.unwrap().calls.len();
    let range = Range::of_quarters(NOW_MS - 4 * DAY_MS, NOW_MS);
    let summed = log.totals(Dimension::Total, range, Rank::Calls).await.unwrap();
    (listed, summed.iter().map(|row| row.sums.calls as u64).sum())
}

#[tokio::test]
async fn what_is_in_use_comes_back_with_counts_that_agree() {
    let mut house = House::new();
    // The sums do not know of these yet: a backup falls into the middle of the work.
    house.calls(50, NOW_MS - DAY_MS);
    let (manifest, archive) = house.archive(None);
    let BackupCounts { providers, keys, days, calls, scripts, audit, .. } = manifest.counts;
    assert_eq!((providers, keys, days, calls, scripts, audit), (1, 1, 3, 350, 2, 2));
    assert_eq!((manifest.master_key, manifest.secrets, manifest.left_out.len()), (false, 1, 0));
    assert!(!archive.windows(8).any(|part| part == b"sk-seale"));

    let (staging, data) = (folder(), folder());
    let unpacked = unpack(&archive[..], staging.path()).unwrap();
    unpacked.check(&from_variable(&house.key_text()), None, data.path()).unwrap();
    assert_eq!(unpacked.scripts().unwrap(), SCRIPTS_THERE.map(|(name, text)| (name.to_owned(), text.to_owned())));
    unpacked.move_into(data.path()).unwrap();
    assert!(!data.path().join("master.key").exists());

    let store = Store::open(data.path(), &from_variable(&house.key_text())).unwrap();
    assert_eq!(store.catalog().all::<Key>().len(), 1);
    let (log, mut writer) = open_call_log(data.path()).unwrap();
    while writer.catch_up(NOW_MS).unwrap() {}
    writer.commit_rollups(NOW_MS).unwrap();
    assert_eq!(calls_of(&log).await, (350, 350));
}

#[test]
fn the_key_is_inside_when_it_is_wanted_and_asked_for_when_it_is_not() {
    let house = House::new();
    let nowhere = MasterKeySource::default();
    let other = from_variable(&"ab".repeat(32));
    let data = folder();

    let (manifest, with_key) = house.archive(Some(&nowhere));
    assert!(manifest.master_key);
    let staging = folder();
    let unpacked = unpack(&with_key[..], staging.path()).unwrap();
    unpacked.check(&nowhere, None, data.path()).unwrap();
    let disagreement = unpacked.check(&other, None, data.path()).unwrap_err();
    assert!(matches!(&disagreement, BackupError::MasterKey(MasterKeyError::Disagreement { .. })), "{disagreement}");
    unpacked.move_into(data.path()).unwrap();
    assert_eq!(fs::read_to_string(data.path().join("master.key")).unwrap(), house.key_text());

    let (_, without) = house.archive(None);
    let staging = folder();
    let unpacked = unpack(&without[..], staging.path()).unwrap();
    let needed = unpacked.check(&nowhere, None, Path::new("/data")).unwrap_err();
    assert!(matches!(&needed, BackupError::KeyNeeded { secrets: 1, .. }) && needed.is_configuration(), "{needed}");
    assert!(needed.to_string().contains("KEYWHEEL_MASTER_KEY_FILE") && needed.to_string().contains("/data/master.key"));
    let another = unpacked.check(&other, None, data.path()).unwrap_err();
    assert!(matches!(&another, BackupError::MasterKey(MasterKeyError::Mismatch { secrets: 1, .. })), "{another}");
    unpacked.check(&nowhere, Some(&house.data.path().join("master.key")), data.path()).unwrap();

    let plan = BackupPlan {
        data: house.data.path(),
        scratch: house.scratch.path(),
        scripts: &[],
        master_key: Some(&other),
        now_ms: NOW_MS,
    };
    assert!(back_up(&plan, Vec::new()).unwrap_err().is_configuration(), "two places hold different keys");
}

#[test]
fn a_folder_without_a_catalog_is_no_data_folder() {
    let (data, scratch) = (folder(), folder());
    let plan = BackupPlan { data: data.path(), scratch: scratch.path(), scripts: &[], master_key: None, now_ms: NOW_MS };
    let error = back_up(&plan, Vec::new()).unwrap_err();
    assert!(matches!(error, BackupError::NoData(_)) && error.is_configuration());
}

#[tokio::test]
async fn a_damaged_day_is_left_out_and_named() {
    let house = House::new();
    let calls = house.data.path().join("calls");
    fs::write(calls.join("2026-11-20.db"), vec![7; 8192]).unwrap();
    let (manifest, archive) = house.archive(None);
    assert_eq!((manifest.counts.days, manifest.left_out.len()), (3, 1));
    assert!(manifest.left_out[0].starts_with("calls/2026-11-20.db: "), "{:?}", manifest.left_out);
    unpack(&archive[..], folder().path()).unwrap();
}

/// How an archive is refused.
fn refusal(archive: &[u8]) -> String {
    let staging = folder();
    let error = unpack(archive, staging.path()).unwrap_err();
    assert!(!error.is_configuration());
    error.to_string()
}

/// Every file below `folder`, by its path there, with what it holds.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn what_was_damaged_is_refused() {
    let (_, archive) = House::new().archive(None);
    let whole = folder();
    unpack(&archive[..], whole.path()).unwrap();
    let whole = contents(whole.path());
    for text in ["", "hello", "PK\u{3}\u{4}"] {
        assert!(refusal(text.as_bytes()).contains("damaged or none of Keywheel's"));
    }
    let mut harmless = 0;
    for at in (16..archive.len()).step_by(archive.len() / 40) {
        assert!(refusal(&archive[..at]).contains("damaged"), "cut at {at}");
        let mut changed = archive.clone();
        changed[at] ^= 0x10;
        let staging = folder();
        match unpack(&changed[..], staging.path()) {
            Err(error) => assert!(error.to_string().contains("damaged"), "byte {at}: {error}"),
            // Zstandard can write some content in more than one way: such a byte changes nothing that is restored.
            Ok(_) => {
                assert_eq!(contents(staging.path()), whole, "byte {at}");
                harmless += 1;
            }
        }
    }
    assert!(harmless <= 2, "{harmless} of 40 changed bytes went unnoticed");
    assert!(refusal(&archive[..archive.len() - 1]).contains("damaged"));
}

/// An archive of other entries: name, kind and content.
fn archive_of(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        // The library refuses such names itself where it is asked to write them.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_entry_type(*kind);
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

#[test]
fn nothing_is_written_that_does_not_belong_there() {
    use tar::EntryType;
    let regular = EntryType::Regular;
    for name in [
        "../keywheel.db",
        "/etc/passwd",
        "calls/../../x.db",
        "calls/2026-13-01.db",
        "calls/2026-11-25.db-wal",
        "scripts/../a.rhai",
        "scripts/.hidden.rhai",
        "scripts/a.txt",
        "scripts//a.rhai",
        "admin-token",
        "keywheel.lock",
    ] {
        let refused = refusal(&archive_of(&[(name, regular, b"x")]));
        assert!(refused.contains("does not belong there"), "{name}: {refused}");
    }
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Directory, EntryType::Char] {
        assert!(refusal(&archive_of(&[("keywheel.db", kind, b"")])).contains("does not belong there"), "{kind:?}");
    }
    let manifest = |text: &str| archive_of(&[("manifest.json", regular, text.as_bytes())]);
    let empty = r#"{"format":1,"keywheel":"0","made_at":"","master_key":false,"secrets":0,"counts":{},"files":[]}"#;
    assert!(refusal(&manifest(empty)).contains("keywheel.db is missing"));
    assert!(refusal(&manifest("{}")).contains("manifest cannot be read"));
    let newer = empty.replace("\"format\":1,\"keywheel\":\"0\"", "\"format\":2,\"keywheel\":\"9.1\"");
    assert!(refusal(&manifest(&newer)).contains("written by Keywheel 9.1"));
    let twice = [("keywheel.db", regular, &b"a"[..]), ("keywheel.db", regular, b"b")];
    let refused = refusal(&archive_of(&twice));
    assert!(refused.contains("twice") || refused.contains("cannot write"), "{refused}");
    let stray = [("keywheel.db", regular, &b"a"[..]), ("manifest.json", regular, empty.as_bytes())];
    assert!(refusal(&archive_of(&stray)).contains("keywheel.db is not in its manifest"));
    let behind = [("manifest.json", regular, empty.as_bytes()), ("keywheel.db", regular, b"a")];
    assert!(refusal(&archive_of(&behind)).contains("stands behind the manifest"));
}

#[test]
fn a_newer_database_is_refused() {
    let house = House::new();
    let (_, archive) = house.archive(None);
    let staging = folder();
    let unpacked = unpack(&archive[..], staging.path()).unwrap();
    let catalog = staging.path().join("keywheel.db");
    rusqlite::Connection::open(&catalog).unwrap().pragma_update(None, "user_version", 9999).unwrap();
    let refused = unpacked.check(&from_variable(&house.key_text()), None, staging.path()).unwrap_err().to_string();
    assert!(refused.starts_with("keywheel.db: ") && refused.contains("newer Keywheel"), "{refused}");
}

#[test]
fn what_was_there_moves_aside() {
    let data = folder();
    let ours = ["keywheel.lock", "restoring-1"];
    for name in ["keywheel.lock", "master.key"] {
        fs::write(data.path().join(name), "x").unwrap();
    }
    fs::create_dir(data.path().join("restoring-1")).unwrap();
    assert!(!holds_data(data.path(), &ours).unwrap(), "a lone master key awaits its data");
    assert_eq!(set_aside(data.path(), &ours, false, "1").unwrap(), None);
    fs::create_dir(data.path().join("calls")).unwrap();
    fs::write(data.path().join("keywheel.db"), "old").unwrap();
    assert!(holds_data(data.path(), &ours).unwrap());
    let former = set_aside(data.path(), &ours, true, "1").unwrap().unwrap();
    assert!(!holds_data(data.path(), &ours).unwrap());
    for name in ["calls", "keywheel.db", "master.key"] {
        assert!(former.join(name).exists() && !data.path().join(name).exists(), "{name}");
    }
    assert!(data.path().join("keywheel.lock").exists());
}
