//! What a start makes of its surroundings: Kubernetes' variables, and a sealing key that is missing or another.

use std::fs;
use std::path::Path;

use crate::cli::{ON_A_FREE_PORT, Running, keywheel, text};

#[test]
fn kubernetes_variables_are_ignored_without_a_warning_empty_ones_unset_and_a_misspelt_one_gets_one() {
    let folder = tempfile::tempdir().unwrap();
    let of_service = [
        ("KEYWHEEL_PORT", "tcp://10.0.0.1:8484"),
        ("KEYWHEEL_SERVICE_HOST", "10.0.0.1"),
        ("KEYWHEEL_SERVICE_PORT", "8484"),
        ("KEYWHEEL_SERVICE_PORT_HTTP", "8484"),
        ("KEYWHEEL_PORT_8484_TCP", "tcp://10.0.0.1:8484"),
        ("KEYWHEEL_PORT_8484_TCP_PROTO", "tcp"),
        ("KEYWHEEL_PORT_8484_TCP_PORT", "8484"),
        ("KEYWHEEL_PORT_8484_TCP_ADDR", "10.0.0.1"),
    ];
    let empty = [("KEYWHEEL_DATA", ""), ("KEYWHEEL_BOOTSTRAP", ""), ("KEYWHEEL_TLS_CERT", ""), ("OPENAI_API_KEY", "")];
    let quiet = Running::start(folder.path(), ON_A_FREE_PORT, &[&of_service[..], &empty].concat());
    assert!(quiet.url.starts_with("http://127.0.0.1:"), "{}", quiet.url);
    assert!(!quiet.logged().contains("WARN") && !quiet.logged().contains("KEYWHEEL_"), "{}", quiet.logged());
    assert!(folder.path().join("data/keywheel.db").exists(), "an empty variable leaves the default");
    assert_eq!(quiet.stop(), Some(0));

    let misspelt = [("KEYWHEEL_LISTN", "127.0.0.1:1"), ("KEYWHEEL_TRUSTED_PROXY", "10.0.0.1")];
    let warned = Running::start(folder.path(), ON_A_FREE_PORT, &[&of_service[..], &misspelt].concat());
    let logged = warned.logged();
    assert_eq!(logged.matches("WARN").count(), 2, "{logged}");
    for (wrong, right) in [("KEYWHEEL_LISTN ", "KEYWHEEL_LISTEN?"), ("KEYWHEEL_TRUSTED_PROXY ", "KEYWHEEL_TRUSTED_PROXIES?")] {
        assert_eq!((logged.matches(wrong).count(), logged.matches(right).count()), (1, 1), "{logged}");
    }
}

/// Every file of a data folder with its bytes, but for what only says who runs or waits.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let named = files.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()));
    let mut named: Vec<_> = named.filter(|(name, _)| name.starts_with("keywheel.db") || name.starts_with("master")).collect();
    named.sort();
    named
}

#[test]
fn a_missing_or_another_sealing_key_stops_the_start_with_2_and_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let keys = [("OPENAI_API_KEY", "sk-first-0123456789,sk-second-0123456789")];
    assert_eq!(Running::start(folder.path(), ON_A_FREE_PORT, &keys).stop(), Some(0));
    let own = data.join("master.key");
    let key = fs::read_to_string(&own).unwrap();
    let other = "ab".repeat(32);
    let refused = |variables: &[(&str, &str)]| {
        let before = contents(&data);
        let answer = keywheel(folder.path(), ON_A_FREE_PORT).envs(variables.iter().copied()).output().unwrap();
        let said = text(&answer.stderr);
        assert_eq!(answer.status.code(), Some(2), "{said}");
        assert!(said.contains("2 secrets") && said.contains(".key") && said.contains("KEYWHEEL_MASTER_KEY"), "{said}");
        assert!(!said.contains(key.trim()) && !said.contains(&other), "{said}");
        assert!(before == contents(&data), "the data folder stays as it was");
        said
    };

    fs::write(folder.path().join("other.key"), &other).unwrap();
    let disagree = refused(&[("KEYWHEEL_MASTER_KEY", &other)]);
    assert!(disagree.contains("different master keys"), "{disagree}");
    refused(&[("KEYWHEEL_MASTER_KEY_FILE", "other.key")]);

    fs::rename(&own, folder.path().join("kept.key")).unwrap();
    let missing = refused(&[]);
    assert!(missing.contains("is missing"), "{missing}");
    assert!(!own.exists(), "no new key is made");
    let mismatch = refused(&[("KEYWHEEL_MASTER_KEY", &other)]);
    assert!(mismatch.contains("does not open what is stored"), "{mismatch}");
    refused(&[("KEYWHEEL_MASTER_KEY_FILE", "other.key")]);
    refused(&[("KEYWHEEL_MASTER_KEY", &key), ("KEYWHEEL_MASTER_KEY_FILE", "other.key")]);

    for variables in [("KEYWHEEL_MASTER_KEY", key.trim()), ("KEYWHEEL_MASTER_KEY_FILE", "kept.key")] {
        assert_eq!(Running::start(folder.path(), ON_A_FREE_PORT, &[variables]).stop(), Some(0), "{variables:?}");
        assert!(!own.exists(), "a key that is given is not written down");
    }
}
