//! `keywheel backup` and `keywheel restore`: beside a server at work, onto a fresh folder, and what is refused.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keywheel::mock::MockProvider;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::app::{bootstrap_of, eventually, read};
use crate::cli::{ON_A_FREE_PORT, Running, keywheel, text};
use crate::process::{Process, number_from};

/// Calls a second while the backup is made: `KEYWHEEL_TEST_RATE=500` for a harder look.
fn rate() -> u64 {
    number_from("KEYWHEEL_TEST_RATE", 60)
}

/// Callers at once.
const CALLERS: u64 = 4;
/// A record is written this long after its call at the latest, also on a busy machine.
const WRITTEN_AFTER: Duration = Duration::from_secs(3);

fn run(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    keywheel(folder, arguments).envs(variables.iter().copied()).output().expect("the command runs")
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The names in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).map_or_else(
        |_| BTreeSet::new(),
        |entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect(),
    )
}

/// Whether nothing was restored: an empty folder, but for its lock.
fn is_untouched(data: &Path) -> bool {
    names(data).iter().all(|name| name == "keywheel.lock")
}

/// Ids of calls that were answered, and when.
type Answered = Arc<Mutex<Vec<(String, Instant)>>>;

/// Calls at an even pace until the load is dropped.
fn load(process: &Arc<Process>, answered: &Answered) -> JoinSet<()> {
    let mut load = JoinSet::new();
    for caller in 0..CALLERS {
        let (process, answered) = (process.clone(), answered.clone());
        load.spawn(async move {
            let mut pace = tokio::time::interval(Duration::from_millis(1_000 * CALLERS / rate()));
            loop {
                pace.tick().await;
                let answer = read(process.chat_request(caller % 2 == 1)).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
                answered.lock().unwrap().push((answer.header("x-request-id").to_owned(), Instant::now()));
            }
        });
    }
    load
}

/// Ids of every call in the log.
async fn logged(process: &Process) -> BTreeSet<String> {
    let (mut ids, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = process.admin("GET", &format!("/api/calls?limit=1000{cursor}"), Value::Null).await.json();
        ids.extend(page["calls"].as_array().expect("calls").iter().map(|call| call["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_restores_on_a_fresh_folder_with_the_same_counts() {
    let provider = MockProvider::start().await;
    let (old, new) = (folder(), folder());
    let bootstrap = bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-a"), ("b", "sk-mock-healthy-b")]);
    let process = Arc::new(Process::start(old.path(), &bootstrap, &[]).await);
    let answered = Answered::default();
    let mut load = load(&process, &answered);
    let enough = 60;
    eventually("calls before the backup", async || answered.lock().unwrap().len() >= enough).await;
    let made = process.admin("POST", "/api/clients", json!({ "name": "made before" })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    tokio::time::sleep(WRITTEN_AFTER).await;

    let began = Instant::now();
    let path = old.path().to_owned();
    let backup = move || run(&path, &["backup", "backup.tar.zst", "--with-key"], &[]);
    let backup = tokio::task::spawn_blocking(backup).await.unwrap();
    let took = began.elapsed();
    load.abort_all();
    while let Some(ended) = load.join_next().await {
        assert!(ended.is_err_and(|error| error.is_cancelled()), "every call was answered");
    }
    let said = text(&backup.stdout);
    assert!(backup.status.success() && said.contains("With the master key"), "{said} {}", text(&backup.stderr));
    let answered = answered.lock().unwrap().clone();
    let during = answered.iter().filter(|(_, at)| *at >= began && *at < began + took).count();
    println!("{said}{during} calls were answered in the {took:?} of the backup");
    assert!(during > 0, "the backup was made while calls were answered");

    let archive = old.path().join("backup.tar.zst");
    let restored = run(new.path(), &["restore", archive.to_str().unwrap()], &[]);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let process = Process::start(new.path(), "", &[]).await;
    let log = logged(&process).await;
    let lost: Vec<_> = answered.iter().filter(|(id, at)| *at + WRITTEN_AFTER < began && !log.contains(id)).collect();
    assert!(lost.is_empty(), "{} calls of before the backup are not in it", lost.len());
    assert!(said.contains(&format!("and {} calls of", log.len())), "{} calls are in the log: {said}", log.len());
    let sums = process.admin("GET", "/api/stats/totals?range=24h", Value::Null).await.json();
    assert_eq!(sums["total"]["calls"], json!(log.len()), "the sums count what the log holds");
    for (noun, count) in [("providers", 1), ("keys", 2), ("clients", 2)] {
        let rows = process.admin("GET", &format!("/api/{noun}"), Value::Null).await.json();
        assert_eq!(rows[noun].as_array().map(Vec::len), Some(count), "{rows}");
    }
    let answer = read(process.chat_request(false)).await;
    assert_eq!(answer.status, 200, "the keys open: {}", answer.text());
}

/// A data folder that was used, with two sealed keys and a script, and a server on it.
fn serving(folder: &Path) -> Running {
    fs::create_dir_all(folder.join("scripts/lib")).unwrap();
    fs::write(folder.join("scripts/10-a.rhai"), "fn on_request(req) { }\n").unwrap();
    fs::write(folder.join("scripts/lib/b.rhai"), "fn b() { 1 }\n").unwrap();
    Running::start(folder, ON_A_FREE_PORT, &[("OPENAI_API_KEY", "sk-first-0123456789,sk-second-0123456789")])
}

#[test]
fn a_restore_needs_the_key_an_empty_folder_and_nobody_who_uses_it() {
    let old = folder();
    let server = serving(old.path());
    let made = run(old.path(), &["backup", "b.tar.zst"], &[]);
    let said = text(&made.stdout);
    assert!(made.status.success(), "{said} {}", text(&made.stderr));
    assert!(said.contains("1 provider, 2 keys") && said.contains("2 scripts"), "{said}");
    assert!(said.contains("Without the master key, which 2 provider secrets need"), "{said}");
    let again = run(old.path(), &["backup", "b.tar.zst"], &[]);
    assert_eq!(again.status.code(), Some(2), "nothing is overwritten");
    assert_eq!(names(old.path()), ["b.tar.zst", "data", "scripts"].map(str::to_owned).into(), "nothing is left behind");
    let archive = old.path().join("b.tar.zst").to_str().unwrap().to_owned();
    let key = fs::read_to_string(old.path().join("data/master.key")).unwrap();

    let in_use = run(old.path(), &["restore", &archive, "--replace"], &[]);
    assert_eq!(in_use.status.code(), Some(2));
    assert!(text(&in_use.stderr).contains(&server.url), "{}", text(&in_use.stderr));
    assert_eq!(server.stop(), Some(0));
    let not_empty = run(old.path(), &["restore", &archive], &[]);
    assert_eq!(not_empty.status.code(), Some(2));
    assert!(text(&not_empty.stderr).contains("not empty") && text(&not_empty.stderr).contains("--replace"));

    let new = folder();
    let data = new.path().join("data");
    let missing = run(new.path(), &["restore", &archive], &[]);
    let said = text(&missing.stderr);
    assert_eq!(missing.status.code(), Some(2), "{said}");
    assert!(
        said.contains("2 of its secrets") && said.contains("KEYWHEEL_MASTER_KEY_FILE") && said.contains("master.key"),
        "{said}"
    );
    assert!(is_untouched(&data), "{:?}", names(&data));
    let wrong = run(new.path(), &["restore", &archive], &[("KEYWHEEL_MASTER_KEY", &"ab".repeat(32))]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("does not open what is stored"), "{}", text(&wrong.stderr));
    assert!(is_untouched(&data));

    let given = run(new.path(), &["restore", &archive], &[("KEYWHEEL_MASTER_KEY", key.trim())]);
    assert!(given.status.success(), "{}", text(&given.stderr));
    assert!(data.join("keywheel.db").exists() && !data.join("master.key").exists(), "a key that is given is not written");
    let script = |name: &str| fs::read_to_string(new.path().join("scripts").join(name)).unwrap();
    assert_eq!((script("10-a.rhai").as_str(), script("lib/b.rhai").as_str()), ("fn on_request(req) { }\n", "fn b() { 1 }\n"));
    let server = Running::start(new.path(), ON_A_FREE_PORT, &[("KEYWHEEL_MASTER_KEY", key.trim())]);
    let admin = fs::read_to_string(data.join("admin-token")).unwrap();
    assert!(server.ask_as(admin.trim(), "GET /api/keys").contains("\"key-2\""));
    assert_eq!(server.stop(), Some(0));

    // Once more over what is there, with a key file that waits beside it and scripts of its own.
    fs::write(data.join("master.key"), &key).unwrap();
    fs::write(new.path().join("scripts/10-a.rhai"), "fn on_request(req) { 1; }\n").unwrap();
    let replaced = run(new.path(), &["restore", &archive, "--replace"], &[]);
    let said = text(&replaced.stdout);
    assert!(replaced.status.success(), "{said} {}", text(&replaced.stderr));
    assert!(said.contains("What was there before is in ./data/replaced-") && said.contains("stay as they are"), "{said}");
    let former = names(&data).into_iter().find(|name| name.starts_with("replaced-")).unwrap();
    assert!(data.join(former).join("keywheel.db").exists() && data.join("master.key").exists());
    assert_eq!(Running::start(new.path(), ON_A_FREE_PORT, &[]).stop(), Some(0));
}

#[test]
fn a_damaged_backup_is_refused_whole() {
    let old = folder();
    // Killed: what it wrote last lies in the logs beside its databases.
    drop(serving(old.path()));
    // By pipes, as out of a container, and without a server.
    let made = run(old.path(), &["backup", "-", "--with-key"], &[]);
    let said = text(&made.stderr);
    assert!(made.status.success() && said.contains("1 provider, 2 keys") && said.contains("With the master key"), "{said}");
    let whole = made.stdout;
    let restore = |archive: &[u8]| {
        let new = folder();
        let mut command = keywheel(new.path(), &["restore", "-"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A reader that has found a fault reads no further.
        drop(std::io::Write::write_all(&mut child.stdin.take().unwrap(), archive));
        let output = child.wait_with_output().unwrap();
        (output, new)
    };
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (archive, what) in
        [(&flipped[..], "a changed byte"), (&whole[..whole.len() / 2], "a half"), (&b"hello"[..], "no archive")]
    {
        let (refused, new) = restore(archive);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{what}: {said}");
        assert!(said.contains("nothing was restored"), "{what}: {said}");
        assert!(is_untouched(&new.path().join("data")), "{what}");
    }
    let (restored, new) = restore(&whole);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    assert_eq!(Running::start(new.path(), ON_A_FREE_PORT, &[]).stop(), Some(0));

    let nothing = folder();
    let refused = run(nothing.path(), &["backup", "b"], &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("holds no database") && names(nothing.path()).is_empty());
}
