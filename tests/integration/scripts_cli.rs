//! `keywheel check` on scripts, `keywheel script`, and the pages that are generated.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cli::{keywheel, text};

fn folder_with(scripts: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("scripts")).unwrap();
    scripts.iter().for_each(|(name, text)| fs::write(folder.path().join("scripts").join(name), text).unwrap());
    folder
}

#[test]
fn check_points_at_the_place_of_a_mistake() {
    let folder = folder_with(&[
        ("10-good.rhai", "fn on_request(req) { }\nfn test_it() { print(\"tested\"); }"),
        ("20-bad.rhai", "fn route(req) {\n\tlet x = 1;\n\tx = nowhere + 1;\n}"),
    ]);
    let checked = keywheel(folder.path(), &["check"]).output().unwrap();
    assert_eq!(checked.status.code(), Some(1));
    let shown = text(&checked.stdout);
    let expected = "20-bad.rhai:3:6: error: `nowhere` is not defined here";
    assert!(shown.contains(expected), "{shown}");
    assert!(shown.contains("\n 3 |  x = nowhere + 1;\n   |      ^\n"), "{shown}");
    assert!(text(&checked.stderr).contains("have errors"), "{}", text(&checked.stderr));
}

#[test]
fn check_runs_on_load_and_tests() {
    let folder = folder_with(&[("a.rhai", "fn on_request(req) { }\nfn test_it() { print(\"tested\"); }\nfn test_more() { }")]);
    let checked = keywheel(folder.path(), &["check"]).output().unwrap();
    let shown = text(&checked.stdout);
    assert!(checked.status.success(), "{shown}");
    assert!(shown.contains("a.rhai: test_it ok (") && shown.contains("\n    tested\n"), "{shown}");
    assert!(shown.contains("scripts: 1 script, on_request; 2 tests passed\nall is well\n"), "{shown}");

    let failing = "fn test_sums() {\n  assert_eq(1 + 1, 3);\n}";
    fs::write(folder.path().join("scripts/a.rhai"), failing).unwrap();
    let checked = keywheel(folder.path(), &["check"]).output().unwrap();
    assert_eq!(checked.status.code(), Some(1));
    let shown = text(&checked.stdout);
    assert!(shown.contains("a.rhai:2:3: error: test_sums: assertion failed: expected 3 (value: 2)"), "{shown}");
    assert!(shown.contains("a.rhai: test_sums FAILED"), "{shown}");
}

#[test]
fn on_load_hears_of_what_the_bootstrap_file_declares() {
    let script = "fn on_load(config) { if !(\"azure\" in config.providers) { throw \"there is no provider azure\"; } }";
    let folder = folder_with(&[("a.rhai", script)]);
    let refused = keywheel(folder.path(), &["check", "--json"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&refused.stdout).unwrap();
    let problem = &found["scripts"]["problems"][0];
    assert_eq!((&found["ok"], &problem["message"]), (&Value::Bool(false), &"there is no provider azure".into()));
    assert_eq!((&problem["script"], &problem["line"]), (&"a.rhai".into(), &1.into()));
    fs::write(folder.path().join("boot.toml"), "[[provider]]\nname = \"azure\"\nbase_url = \"https://a.example/v1\"\n")
        .unwrap();
    let passed = keywheel(folder.path(), &["check", "--json", "--bootstrap", "boot.toml"]).output().unwrap();
    assert!(passed.status.success(), "{}", text(&passed.stderr));
    let found: Value = serde_json::from_slice(&passed.stdout).unwrap();
    assert_eq!((&found["ok"], found["scripts"]["problems"].as_array().unwrap().len()), (&Value::Bool(true), 0));
}

#[test]
fn a_new_script_passes_and_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let made = keywheel(folder.path(), &["script", "new", "10-filter"]).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(folder.path().join("scripts/10-filter.rhai").is_file());
    let checked = keywheel(folder.path(), &["check"]).output().unwrap();
    assert!(checked.status.success() && text(&checked.stdout).contains("1 test passed"), "{}", text(&checked.stdout));
    for name in ["10-filter", "../up", "a b", ""] {
        let refused = keywheel(folder.path(), &["script", "new", name]).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{name}: {}", text(&refused.stderr));
    }
}

#[test]
fn the_reference_is_the_one_that_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    let printed = keywheel(folder.path(), &["script", "reference"]).output().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/README.md");
    if std::env::var_os("UPDATE_SCRIPTS").is_some() {
        fs::write(&file, &printed.stdout).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == text(&printed.stdout), "scripts/README.md is old: `make scripts` writes it anew");
    let definitions = keywheel(folder.path(), &["script", "definitions"]).output().unwrap();
    assert!(text(&definitions.stdout).starts_with("module static;\n"));
}

#[test]
fn the_examples_pass_alone_and_together() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/examples");
    let all = keywheel(&examples, &["check", "--scripts", "."]).output().unwrap();
    assert!(all.status.success(), "{}", text(&all.stdout));
    let entries = fs::read_dir(&examples).unwrap().map(|entry| entry.unwrap().path());
    let scripts: Vec<_> = entries.filter(|path| path.extension().is_some_and(|kind| kind == "rhai")).collect();
    assert_eq!(scripts.len(), 12);
    for script in scripts {
        let folder = folder_with(&[("a.rhai", &fs::read_to_string(&script).unwrap())]);
        let checked = keywheel(folder.path(), &["check"]).output().unwrap();
        let shown = text(&checked.stdout);
        assert!(
            checked.status.success() && !shown.contains("warning") && shown.contains(" passed"),
            "{}: {shown}",
            script.display()
        );
        assert!(!shown.contains("0 tests"), "{} has no test", script.display());
    }
}
