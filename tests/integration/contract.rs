//! What other people's tools rely on, by the real binary: flags, variables, printed lines, the bootstrap file.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use keywheel::mock::MockProvider;

use crate::cli::{ON_A_FREE_PORT, Running, keywheel, output, text};

/// Flags of `serve`, and a value that fits.
const FITTING: &[(&str, &str)] = &[
    ("--listen", "127.0.0.1:0"),
    ("--data", "elsewhere"),
    ("--scripts", "my-scripts"),
    ("--bootstrap", "bootstrap.toml"),
    ("--config", "settings.toml"),
    ("--log", "warn"),
    ("--log-format", "json"),
    ("--base-path", "/kw"),
    ("--trusted-proxies", "10.0.0.0/8"),
    ("--max-body", "1MiB"),
    ("--max-upload", "2MiB"),
    ("--connections", "77"),
    ("--header-timeout", "3s"),
    ("--body-timeout", "4s"),
    ("--write-timeout", "5s"),
    ("--keep-alive", "6s"),
    ("--drain-timeout", "7s"),
    ("--tls-cert", "cert.pem"),
    ("--tls-key", "key.pem"),
    ("--threads", "2"),
    ("--master-key-file", "sealing.key"),
];

fn variable(flag: &str) -> String {
    format!("KEYWHEEL_{}", flag.trim_start_matches('-').replace('-', "_").to_uppercase())
}

/// A folder with every file that [`FITTING`] names.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (name, content) in [
        ("bootstrap.toml", String::new()),
        ("settings.toml", "log = 'debug'\n".to_owned()),
        ("cert.pem", certified.cert.pem()),
        ("key.pem", certified.signing_key.serialize_pem()),
        ("sealing.key", "ab".repeat(32)),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

#[test]
fn every_flag_has_its_twin_in_the_environment_and_wins_over_it() {
    let help = text(&output(&["serve", "--help"], &[]).stdout);
    let flags: BTreeSet<&str> = help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2).collect();
    let listed = help.split("Options:").nth(1).unwrap().split("Example:").next().unwrap();
    let listed: BTreeSet<&str> =
        listed.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with("--"))).collect();
    assert!(FITTING.iter().all(|(flag, _)| listed.contains(flag)) && listed.is_subset(&flags), "{listed:?}");

    let folder = folder();
    let others = listed.iter().filter(|flag| **flag != "--help" && FITTING.iter().all(|(known, _)| known != *flag));
    for flag in others {
        let checked = keywheel(folder.path(), &["check"]).env(variable(flag), "?").output().unwrap();
        let said = format!("{}{}", text(&checked.stdout), text(&checked.stderr));
        assert!(said.contains(&variable(flag)) && !said.contains("is no setting"), "{flag} has a twin: {said}");
    }
    let twins: Vec<(String, &str)> = FITTING.iter().map(|(flag, value)| (variable(flag), *value)).collect();
    let checked =
        keywheel(folder.path(), &["check"]).envs(twins.iter().map(|(name, value)| (name.as_str(), *value))).output().unwrap();
    let said = text(&checked.stdout);
    assert!(checked.status.success(), "{said} {}", text(&checked.stderr));
    assert!(!said.contains("warning"), "{said}");
    for (flag, value) in FITTING.iter().filter(|(flag, _)| *flag != "--config") {
        let line = said
            .lines()
            .find(|line| line.ends_with(&format!(" {}", variable(flag))))
            .unwrap_or_else(|| panic!("{flag}: {said}"));
        assert!(line.contains(value), "{line}");
    }

    let arguments: Vec<&str> = ["check"].into_iter().chain(FITTING.iter().flat_map(|(flag, value)| [*flag, *value])).collect();
    let wrong = FITTING.iter().map(|(flag, _)| (variable(flag), "nothing that fits"));
    let checked = keywheel(folder.path(), &arguments).envs(wrong).output().unwrap();
    let said = text(&checked.stdout);
    assert!(checked.status.success(), "{said} {}", text(&checked.stderr));
    for (flag, _) in FITTING.iter().filter(|(flag, _)| *flag != "--config") {
        assert!(said.lines().any(|line| line.ends_with(&format!("the flag {flag}"))), "{flag}: {said}");
    }
    assert!(
        text(&keywheel(folder.path(), &["check", "--config", "settings.toml"]).output().unwrap().stdout)
            .contains("the file settings.toml")
    );
}

#[test]
fn several_listeners_each_get_one_line_with_the_port_in_use_and_unix_sockets_work() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("kw.sock");
    let unix = format!("unix:{}", socket.display());
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--listen", &unix];
    let mut serving = Running::start(folder.path(), &arguments, &[("KEYWHEEL_ADMIN_TOKEN", "admin-token-for-tests")]);
    let first = serving.url.strip_prefix("http://127.0.0.1:").and_then(|port| port.parse::<u16>().ok());
    let second = serving.next_line();
    assert!(second.starts_with("listening on http://127.0.0.1:") && !second.ends_with(&serving.url), "{second}");
    assert_eq!(serving.next_line(), format!("listening on {unix}"));
    assert!(first.is_some_and(|port| port > 0), "{}", serving.url);
    assert!(serving.printed[0].starts_with("make the first user (once): http://127.0.0.1:"), "{:?}", serving.printed);
    assert_eq!(
        serving.printed[1..],
        [format!("listening on {}", serving.url)],
        "with a given admin token nothing else is printed"
    );
    assert!(!folder.path().join("data/admin-token").exists());
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(serving.ask_as("admin-token-for-tests", "GET /api/keys").starts_with("HTTP/1.1 200 "));
    assert!(serving.ask_as("another-admin-token", "GET /api/keys").starts_with("HTTP/1.1 401 "));
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn the_sealing_key_may_come_from_a_variable_or_a_file_and_is_then_not_written() {
    let key = "cd".repeat(32);
    for name in ["KEYWHEEL_MASTER_KEY", "KEYWHEEL_MASTER_KEY_FILE"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("sealing.key"), &key).unwrap();
        let value = if name.ends_with("FILE") { "sealing.key" } else { &key };
        let variables = [(name, value), ("OPENAI_API_KEY", "sk-sealed-0123456789")];
        assert_eq!(Running::start(folder.path(), ON_A_FREE_PORT, &variables).stop(), Some(0), "{name}");
        assert!(!folder.path().join("data/master.key").exists(), "{name}");
        let again = Running::start(folder.path(), ON_A_FREE_PORT, &[("KEYWHEEL_MASTER_KEY", key.as_str())]);
        assert_eq!(again.stop(), Some(0), "the same key from either place");
        for file in fs::read_dir(folder.path().join("data")).unwrap().filter_map(|entry| fs::read(entry.unwrap().path()).ok()) {
            assert!(!String::from_utf8_lossy(&file).contains("sk-sealed"), "no secret lies open on the disk");
        }
    }
}

/// The file of the design, with a folder for what it reads.
fn example(folder: &Path, base_url: &str) -> String {
    fs::write(folder.join("secret"), "sk-mock-healthy-file\n").unwrap();
    format!(
        r#"
[[provider]]
name = "openai"
base_url = "{base_url}"
exact_base_url = false
auth = "bearer"
default = true
allow_private = true
attempts = 3
headers = {{ "OpenAI-Project" = "proj" }}
timeouts = {{ connect_ms = 5000, first_byte_ms = 60000, idle_ms = 30000 }}

[[key]]
provider = "openai"
name = "team-a"
secret = "${{TEAM_A}}"
weight = 2
tags = ["paid"]
account = "org-a"
priority = 1
models = ["gpt-4o*"]
rpm = 1000
tpm = 1000000
rpd = 100000
concurrency = 10
budget_usd_month = 99.5

[[key]]
provider = "openai"
name = "team-b"
secret = "file:{}"
tags = ["paid"]

[[client]]
name = "my-app"
token = "${{MY_APP_TOKEN}}"
models = ["fast", "gpt-4o*"]
key_tags = ["paid"]
rpm = 100
tpm = 100000
concurrency = 5
budget_usd_month = 5.0
expires = 2999-01-01
allow_ips = ["127.0.0.1"]

[[client]]
name = "made"

[[model]]
name = "fast"
strategy = "least_in_flight"
targets = [ {{ provider = "openai", model = "gpt-4o-mini", tier = 1, weight = 1 }} ]
"#,
        folder.join("secret").display()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bootstrap_file_makes_a_working_proxy_and_a_made_token_is_printed_once() {
    let (provider, folder) = (MockProvider::start().await, tempfile::tempdir().unwrap());
    fs::write(folder.path().join("bootstrap.toml"), example(folder.path(), &provider.base_url())).unwrap();
    let variables =
        [("KEYWHEEL_BOOTSTRAP", "bootstrap.toml"), ("TEAM_A", "sk-mock-healthy-a"), ("MY_APP_TOKEN", "a phrase of mine")];
    let serving = Running::start(folder.path(), ON_A_FREE_PORT, &variables);
    let tokens = |running: &Running| -> Vec<String> {
        running.printed.iter().filter_map(|line| Some(line.rsplit_once(": kw-")?.1.to_owned())).collect()
    };
    let made = tokens(&serving);
    assert_eq!(made.len(), 1, "{:?}", serving.printed);
    let made = format!("kw-{}", made[0]);
    assert!(serving.printed.iter().any(|line| line.contains("made") && line.contains("once")), "{:?}", serving.printed);
    assert!(
        serving.ask_as("a phrase of mine", "GET /v1/models/fast").starts_with("HTTP/1.1 200 "),
        "a token with spaces inside"
    );
    assert!(serving.ask_as(&made, "GET /v1/models/fast").starts_with("HTTP/1.1 200 "));
    for _ in 0..6 {
        assert!(serving.ask_as("a phrase of mine", "GET /v1/files").starts_with("HTTP/1.1 200 "));
    }
    let mut secrets = crate::app::secrets_seen(&provider);
    secrets.sort();
    secrets.dedup();
    assert_eq!(secrets, ["sk-mock-healthy-a", "sk-mock-healthy-file"], "from the environment and from a file");
    assert_eq!(provider.last_seen().unwrap().header("openai-project"), Some("proj"));
    assert!(!serving.logged().contains("sk-mock") && !serving.logged().contains("a phrase"), "{}", serving.logged());
    assert_eq!(serving.stop(), Some(0));
    let again = Running::start(folder.path(), ON_A_FREE_PORT, &variables);
    assert!(tokens(&again).is_empty(), "{:?}", again.printed);
}

#[test]
fn a_value_that_the_bootstrap_file_cannot_find_or_take_stops_the_start_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let good = example(folder.path(), "https://api.openai.com/v1");
    let token = "token = \"${MY_APP_TOKEN}\"";
    let long = format!("token = \"{}\"", "x".repeat(257));
    for (text_of_file, named) in [
        (good.replace("${TEAM_A}", "${TEAM_Z}"), "TEAM_Z"),
        (good.replace("/secret\"", "/absent\""), "/absent"),
        (good.replace(token, "token = \"short\""), "token"),
        (good.replace(token, &long), "token"),
        (good.replace(token, "token = \" 12345678\""), "token"),
        (good.replace(token, "token = \"1234567\\u00e9\""), "token"),
        (good.replace("bearer", "magic"), "auth"),
        (good.replace("default = true", "defualt = true"), "defualt"),
    ] {
        assert_ne!(text_of_file, good);
        fs::write(folder.path().join("bootstrap.toml"), text_of_file).unwrap();
        let mut command = keywheel(folder.path(), ON_A_FREE_PORT);
        let variables =
            [("KEYWHEEL_BOOTSTRAP", "bootstrap.toml"), ("TEAM_A", "sk-mock-healthy-a"), ("MY_APP_TOKEN", "a phrase of mine")];
        let answer = command.envs(variables).output().unwrap();
        let said = text(&answer.stderr);
        assert!(answer.status.code() == Some(2) && said.contains(named), "{named}: {said}");
        assert!(!said.contains("sk-mock") && !said.contains("a phrase"), "{said}");
    }
    for auth in ["bearer", "api-key", "x-api-key", "x-goog-api-key", "query:key", "none"] {
        fs::write(folder.path().join("bootstrap.toml"), good.replace("bearer", auth)).unwrap();
        let variables = [("TEAM_A", "sk-mock-healthy-a"), ("MY_APP_TOKEN", "a phrase of mine")];
        let checked = keywheel(folder.path(), &["check", "--bootstrap", "bootstrap.toml"]).envs(variables).output().unwrap();
        assert!(checked.status.success(), "{auth}: {}", text(&checked.stderr));
    }
}
