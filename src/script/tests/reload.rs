//! Changes on disk: what goes live, how soon, and what never does.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;

/// Longest wait for something that must happen.
const LONG: Duration = Duration::from_secs(10);

fn options(folder: &Path) -> ScriptsOptions {
    ScriptsOptions {
        folder: Some(folder.to_owned()),
        limits: ScriptLimits { wall_ms: 2_000, ..ScriptLimits::default() },
        clock: Clock::start(),
        config: Box::new(LoadConfig::default),
        estimate: |_, body| body.len() as u64,
    }
}

/// A script whose `on_request` refuses with a code.
fn refusing(code: &str) -> String {
    format!("fn on_request(req) {{ reject(400, \"{code}\", \"\") }}")
}

fn answer(scripts: &Scripts) -> String {
    match scripts.current().on_request(&request("{}")) {
        Ok(RequestDecision::Reject(rejection)) => rejection.code,
        other => format!("{other:?}"),
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LONG, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
    began.elapsed()
}

fn started(files: &[(&str, String)]) -> (TempDir, Arc<Scripts>) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("scripts");
    fs::create_dir(&folder).unwrap();
    files.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
    let scripts = Scripts::load(options(&folder)).unwrap_or_else(|problems| panic!("{problems:?}"));
    (root, scripts)
}

#[test]
fn a_broken_folder_does_not_start() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("a.rhai"), "fn x( {").unwrap();
    let problems = Scripts::load(options(root.path())).err().unwrap();
    assert_eq!(problems[0].place.script, "a.rhai");
    let none = Scripts::load(options(&root.path().join("missing"))).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(Hook::ALL.into_iter().all(|hook| !none.current().has(hook)));
    assert_eq!((none.reload(), none.status().last_reload.ok), (None, true), "a folder that never was there is not missed");
    fs::create_dir(root.path().join("missing")).unwrap();
    fs::write(root.path().join("missing/a.rhai"), refusing("now")).unwrap();
    assert!(none.reload().unwrap().ok);
    fs::remove_dir_all(root.path().join("missing")).unwrap();
    assert!(!none.reload().unwrap().ok, "one that was there is");
    assert_eq!(answer(&none), "now");
}

#[test]
fn a_server_that_starts_with_a_broken_folder_is_closed_until_it_loads() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("a.rhai");
    fs::write(&file, "fn on_response(req, resp) {").unwrap();
    let scripts = Scripts::start(options(root.path()));
    let set = scripts.live().unwrap();
    let failure = set.on_request(&request("{}")).unwrap_err();
    assert_eq!((failure.kind, failure.place.script.as_str()), (FailureKind::Closed, "a.rhai"));
    assert!(scripts.is_closed() && !scripts.status().last_reload.ok);
    assert_eq!(scripts.reload(), None, "the same fault is told once");
    assert!(scripts.is_closed());
    fs::remove_file(&file).unwrap();
    assert!(scripts.reload().unwrap().ok, "no scripts are a good set");
    assert!(!scripts.is_closed() && scripts.live().is_none());
    fs::write(&file, refusing("open")).unwrap();
    assert!(scripts.reload().unwrap().ok && scripts.live().is_some());
    fs::write(&file, "fn on_request(").unwrap();
    assert!(!scripts.reload().unwrap().ok);
    assert_eq!(answer(&scripts), "open", "a set that was good stays live");
}

#[test]
fn a_reload_swaps_the_whole_set_or_nothing() {
    let (root, scripts) = started(&[("a.rhai", refusing("one"))]);
    let file = root.path().join("scripts/a.rhai");
    assert_eq!((answer(&scripts), scripts.reload()), ("one".into(), None));
    let before = scripts.current();
    fs::write(&file, refusing("two")).unwrap();
    assert!(scripts.reload().unwrap().ok);
    assert_eq!(answer(&scripts), "two");
    assert!(matches!(before.on_request(&request("{}")), Ok(RequestDecision::Reject(old)) if old.code == "one"));

    for broken in ["fn on_request(", "throw 1;", "fn test_x() { assert(false); }", "fn on_load(config) { throw \"no\"; }"] {
        fs::write(&file, broken).unwrap();
        let last = scripts.reload().unwrap();
        assert!(!last.ok && last.problems[0].place.line == 1, "{broken}");
        assert_eq!(answer(&scripts), "two");
        assert_eq!(scripts.reload(), None, "the same fault is told once");
        let status = scripts.status();
        assert!(!status.last_reload.ok && status.version != status.last_reload.version);
    }
    fs::write(&file, refusing("two")).unwrap();
    assert!(scripts.reload().unwrap().ok, "the fault is over");
    let status = scripts.status();
    assert_eq!((status.reloads, status.failed_reloads, status.last_reload.ok), (1, 4, true));
    assert_eq!(status.files[0].hooks, ["on_request"]);
    assert_eq!(status.hooks[0].calls, 7);
}

#[test]
fn every_way_to_save_goes_live() {
    let (root, scripts) = started(&[("a.rhai", refusing("start"))]);
    let folder = root.path().join("scripts");
    let _watch = scripts.watch(WatchMode::Events);
    let live = |code: &str| wait_until(code, || answer(&scripts) == code);

    fs::write(folder.join("a.rhai"), refusing("in_place")).unwrap();
    let in_place = live("in_place");
    fs::write(folder.join(".a.rhai.swp"), refusing("by_rename")).unwrap();
    fs::rename(folder.join(".a.rhai.swp"), folder.join("a.rhai")).unwrap();
    let by_rename = live("by_rename");
    fs::rename(folder.join("a.rhai"), folder.join("a.rhai~")).unwrap();
    fs::write(folder.join("a.rhai"), refusing("by_backup")).unwrap();
    live("by_backup");
    for n in 0..50 {
        fs::write(folder.join("a.rhai"), refusing(&format!("burst{n}"))).unwrap();
    }
    live("burst49");
    fs::write(folder.join("00-first.rhai"), refusing("added")).unwrap();
    live("added");
    fs::remove_file(folder.join("00-first.rhai")).unwrap();
    live("burst49");
    assert!(in_place < Duration::from_secs(1) && by_rename < Duration::from_secs(1), "{in_place:?} {by_rename:?}");
}

#[cfg(unix)]
#[test]
fn a_mount_that_swaps_a_link_goes_live() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("scripts");
    // As Kubernetes mounts a config map: files are links into `..data`, which is a link to a dated folder.
    let dated = |name: &str, code: &str| {
        fs::create_dir_all(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("a.rhai"), refusing(code)).unwrap();
    };
    dated("..2026_01", "first");
    symlink("..2026_01", folder.join("..data")).unwrap();
    symlink("..data/a.rhai", folder.join("a.rhai")).unwrap();
    let scripts = Scripts::load(options(&folder)).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(scripts.status().files.len(), 1);
    let _watch = scripts.watch(WatchMode::Events);
    dated("..2026_02", "second");
    symlink("..2026_02", folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    fs::remove_dir_all(folder.join("..2026_01")).unwrap();
    wait_until("the swapped link", || answer(&scripts) == "second");

    // The folder itself as a link.
    let (link, other) = (root.path().join("link"), root.path().join("other"));
    fs::create_dir(&other).unwrap();
    fs::write(other.join("a.rhai"), refusing("third")).unwrap();
    symlink(&folder, &link).unwrap();
    let scripts = Scripts::load(options(&link)).unwrap_or_else(|problems| panic!("{problems:?}"));
    let _watch = scripts.watch(WatchMode::Events);
    symlink(&other, root.path().join("link_tmp")).unwrap();
    fs::rename(root.path().join("link_tmp"), &link).unwrap();
    wait_until("the swapped folder", || answer(&scripts) == "third");
    fs::write(other.join("a.rhai"), refusing("fourth")).unwrap();
    wait_until("a change in the swapped folder", || answer(&scripts) == "fourth");
}

#[test]
fn a_folder_that_goes_leaves_the_scripts_and_one_that_returns_is_watched() {
    let (root, scripts) = started(&[("a.rhai", refusing("kept"))]);
    let folder = root.path().join("scripts");
    let _watch = scripts.watch(WatchMode::Events);
    fs::rename(&folder, root.path().join("away")).unwrap();
    wait_until("the folder is missed", || !scripts.status().last_reload.ok);
    assert!(scripts.status().last_reload.problems[0].message.contains("is gone"));
    assert_eq!(answer(&scripts), "kept");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.rhai"), refusing("back")).unwrap();
    wait_until("the folder is back", || answer(&scripts) == "back");
    fs::write(folder.join("a.rhai"), refusing("again")).unwrap();
    wait_until("it is watched again", || answer(&scripts) == "again");
}

#[test]
fn a_folder_that_nobody_has_made_yet_is_an_empty_one() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("scripts");
    let scripts = Scripts::load(options(&folder)).unwrap_or_else(|problems| panic!("{problems:?}"));
    scripts.reload();
    assert!(scripts.status().last_reload.ok, "{:?}", scripts.status().last_reload.problems);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.rhai"), refusing("first")).unwrap();
    scripts.reload();
    assert_eq!(answer(&scripts), "first");
}

#[test]
fn a_half_written_file_stays_out() {
    let (root, scripts) = started(&[("a.rhai", refusing("whole"))]);
    let file = root.path().join("scripts/a.rhai");
    let _watch = scripts.watch(WatchMode::Events);
    let text = refusing("done");
    fs::write(&file, &text[..text.len() / 2]).unwrap();
    wait_until("the half is refused", || !scripts.status().last_reload.ok);
    assert_eq!(answer(&scripts), "whole");
    fs::write(&file, &text).unwrap();
    wait_until("the whole is live", || answer(&scripts) == "done");
    wait_until("the refusal is over", || scripts.status().last_reload.ok);
}

#[test]
fn a_file_that_is_emptied_or_moved_to_be_written_keeps_its_script_meanwhile() {
    let (root, scripts) = started(&[("a.rhai", refusing("before"))]);
    let file = root.path().join("scripts/a.rhai");
    let _watch = scripts.watch(WatchMode::Poll(50));
    let stays = |wanted: &str| {
        let absent = Instant::now();
        while absent.elapsed() < Duration::from_millis(100) {
            let seen = answer(&scripts);
            // A thread that was held up for longer may well see what is there.
            assert!(seen == wanted || absent.elapsed() >= Duration::from_millis(150), "{seen}");
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    let mut open = fs::File::create(&file).unwrap();
    stays("before");
    std::io::Write::write_all(&mut open, refusing("written").as_bytes()).unwrap();
    wait_until("the new text is live", || answer(&scripts) == "written");
    fs::rename(&file, root.path().join("scripts/a.rhai~")).unwrap();
    stays("written");
    fs::write(&file, refusing("renamed")).unwrap();
    wait_until("the file is back", || answer(&scripts) == "renamed");
    fs::write(&file, "").unwrap();
    wait_until("a file that stays empty", || answer(&scripts) == "Ok(Continue)");
    fs::write(&file, refusing("again")).unwrap();
    wait_until("it has a text again", || answer(&scripts) == "again");
    fs::remove_file(&file).unwrap();
    wait_until("a file that stays away", || answer(&scripts) == "Ok(Continue)");
}

#[test]
fn polling_finds_changes_too() {
    let (root, scripts) = started(&[("a.rhai", refusing("before"))]);
    let watch = scripts.watch(WatchMode::Poll(50));
    fs::write(root.path().join("scripts/a.rhai"), refusing("after")).unwrap();
    wait_until("polled", || answer(&scripts) == "after");
    drop(watch);
}

#[test]
fn calls_never_see_a_mixed_set() {
    let pair = |code: &str| {
        [
            ("a.rhai", format!("fn on_request(req) {{ req.attributes.a = \"{code}\"; }}")),
            ("b.rhai", format!("fn on_request(req) {{ if req.attributes.a != \"{code}\" {{ throw \"mixed\"; }} }}")),
        ]
    };
    let (root, scripts) = started(&pair("0"));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut calls = 0;
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        assert_eq!(scripts.current().on_request(&request("{}")), Ok(RequestDecision::Continue));
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        for n in 1..=20 {
            pair(&n.to_string())
                .iter()
                .for_each(|(name, text)| fs::write(root.path().join("scripts").join(name), text).unwrap());
            assert!(scripts.reload().unwrap().ok);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(callers.into_iter().all(|caller| caller.join().unwrap() > 0));
    });
}
