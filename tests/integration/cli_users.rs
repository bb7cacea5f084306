//! `keywheel user`, as an operator types it.

use std::path::Path;
use std::process::Output;

use crate::cli::{Running, keywheel};

fn user(folder: &Path, arguments: &[&str]) -> Output {
    keywheel(folder, &["user"]).args(arguments).output().expect("the command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The secret in the link that a command printed.
fn link(output: &Output, url: &str) -> String {
    let printed = text(&output.stdout);
    let start = format!("{url}/#/sign-in?link=");
    let secret = printed.trim().strip_prefix(&start);
    secret.unwrap_or_else(|| panic!("no link at {url}: {printed} {}", text(&output.stderr))).to_owned()
}

fn sign_in(serving: &Running, link: &str) -> bool {
    serving.post("/api/session", &format!(r#"{{"link":"{link}"}}"#)).starts_with("HTTP/1.1 200 ")
}

#[test]
fn users_are_made_and_let_in_again_beside_a_running_server_and_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let refused = user(path, &["create", "bert"]);
    assert!(refused.status.code() == Some(1) && text(&refused.stderr).contains("owner"), "{}", text(&refused.stderr));
    let offline = link(&user(path, &["create", "anna", "--role", "owner"]), "http://127.0.0.1:8484");
    let serving = Running::start(path, &["serve", "--listen", "127.0.0.1:0"], &[]);
    assert!(sign_in(&serving, &offline), "a link that was made before the start works after it");
    assert!(!sign_in(&serving, &offline), "it works once");
    let reset = link(&user(path, &["link", "ANNA"]), &serving.url);
    assert!(sign_in(&serving, &reset));
    let viewer = link(&user(path, &["create", "carl", "--role", "viewer"]), &serving.url);
    assert!(user(path, &["disable", "carl"]).status.success());
    assert!(!sign_in(&serving, &viewer), "nothing lets a disabled user in");
    let listed = text(&user(path, &["list"]).stdout);
    assert_eq!(listed, "anna\towner\t\ncarl\tviewer\tdisabled\n");
    let disabled = user(path, &["link", "carl"]);
    assert!(disabled.status.code() == Some(1) && text(&disabled.stderr).contains("disabled"), "{}", text(&disabled.stderr));
    assert!(user(path, &["enable", "carl"]).status.success());
    let last = user(path, &["disable", "anna"]);
    assert!(last.status.code() == Some(1) && text(&last.stderr).contains("another user an owner"), "{}", text(&last.stderr));
    let unknown = user(path, &["link", "nobody"]);
    assert!(text(&unknown.stderr).contains("keywheel user list"), "{}", text(&unknown.stderr));
    assert_eq!(user(path, &["create", "x", "--role", "king"]).status.code(), Some(2));
    assert_eq!(serving.stop(), Some(0));
}
