//! The container files, without a container engine: what their steps say is done here by the same commands.

use std::fs;
use std::path::Path;
use std::process::Command;

use keywheel::config::{Environment, Flags, RawConfig, Source};

use crate::cli::{Running, keywheel};

fn text_of(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The instructions of the Dockerfile: name and the rest, with continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let joined = text_of("Dockerfile").replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).map(|(name, rest)| (name.to_owned(), rest.trim().to_owned())).collect()
}

fn all<'a>(instructions: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    instructions.iter().filter(|(found, _)| found == name).map(|(_, rest)| rest.as_str()).collect()
}

/// The words of a JSON list such as `["keywheel", "serve"]`.
fn words(list: &str) -> Vec<String> {
    serde_json::from_str(list).expect("a JSON list")
}

fn variables(instructions: &[(String, String)]) -> Vec<(String, String)> {
    let assignments = all(instructions, "ENV").join(" ");
    let pairs = assignments.split_whitespace().map(|pair| pair.split_once('=').expect("NAME=value"));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_build_step_builds_the_file_that_is_copied() {
    let instructions = instructions();
    let build = all(&instructions, "RUN").into_iter().find(|step| step.starts_with("cargo build")).expect("a build step");
    // CI runs the command itself; here its words and the lock file are checked, which takes no minutes.
    let arguments: Vec<&str> = build.split_whitespace().collect();
    assert_eq!(arguments, ["cargo", "build", "--profile", "dist", "--locked", "--bin", "keywheel"]);
    let locked = ["metadata", "--locked", "--no-deps", "--format-version", "1"];
    let metadata = Command::new(env!("CARGO")).args(locked).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let copied = all(&instructions, "COPY").into_iter().find(|step| step.starts_with("--from=build")).expect("a copy step");
    let (from, to) = copied.trim_start_matches("--from=build ").split_once(' ').unwrap();
    let work = all(&instructions, "WORKDIR")[0];
    let binary = from.strip_prefix(&format!("{work}/target/dist/")).expect("the file lies where cargo puts it");
    assert_eq!(Path::new(env!("CARGO_BIN_EXE_keywheel")).file_name().unwrap().to_str(), Some(binary));
    let entry = words(all(&instructions, "ENTRYPOINT")[0]);
    assert_eq!(Path::new(to).file_name().unwrap().to_str(), Some(entry[0].as_str()), "the entry point is that file");
}

#[test]
fn the_image_serves_answers_its_health_check_and_stops_by_its_signal() {
    let instructions = instructions();
    let folder = tempfile::tempdir().unwrap();
    let mut environment = variables(&instructions);
    for (name, value) in &mut environment {
        match name.as_str() {
            "KEYWHEEL_LISTEN" => *value = "0.0.0.0:0".to_owned(),
            _ => *value = folder.path().join(value.trim_start_matches('/')).display().to_string(),
        }
    }
    let pairs: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let command = words(all(&instructions, "CMD")[0]);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let serving = Running::start(folder.path(), &command, &pairs);
    let port = serving.url.rsplit(':').next().unwrap();
    let listen = format!("0.0.0.0:{port}");
    let check = all(&instructions, "HEALTHCHECK")[0];
    let check = words(check.split_once("CMD ").expect("a command").1);
    let check: Vec<&str> = check.iter().skip(1).map(String::as_str).collect();
    let checked = keywheel(folder.path(), &check).envs(pairs).env("KEYWHEEL_LISTEN", listen).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert_eq!(all(&instructions, "STOPSIGNAL"), ["SIGTERM"]);
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn the_image_is_small_and_runs_as_nobody_special() {
    let instructions = instructions();
    let bases = all(&instructions, "FROM");
    assert!(bases.len() == 2 && bases[1].contains("slim"), "{bases:?}");
    let user = all(&instructions, "USER")[0];
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id >= 1000)), "{user}");
    let steps = all(&instructions, "RUN").join(" ");
    assert!(steps.contains("ca-certificates"), "providers are reached over TLS");
    let volume = words(all(&instructions, "VOLUME")[0]);
    assert!(variables(&instructions).contains(&("KEYWHEEL_DATA".to_owned(), volume[0].clone())));
    for tool in ["apt-get", "groupadd", "useradd", "install"] {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap();
        assert!(steps.contains(tool) && found.status.success(), "{tool} is used, and Debian has it");
    }
    let rust = bases[0].split(':').nth(1).and_then(|tag| tag.split('-').next()).unwrap();
    assert!(text_of("Cargo.toml").contains(&format!("rust-version = \"{rust}\"")), "the image builds with the stated Rust");
}

#[test]
fn compose_fits_the_image() {
    let instructions = instructions();
    let compose = text_of("compose.yaml");
    let port = all(&instructions, "EXPOSE")[0];
    assert!(compose.contains(&format!(":{port}\"")), "the port of the image is published");
    let volume = words(all(&instructions, "VOLUME")[0]);
    assert!(compose.contains(&format!("data:{}", volume[0])), "the volume of the image has a name");
    let grace: u64 = compose.split("stop_grace_period: ").nth(1).and_then(|rest| rest.split('s').next()?.parse().ok()).unwrap();
    assert!(grace > keywheel::config::ServerConfig::default().drain_timeout.as_secs(), "calls may finish before the kill");
    // What compose sets is a setting, and no misspelt one.
    let names = compose.lines().map(str::trim).filter(|line| line.starts_with("KEYWHEEL_"));
    for name in names.filter_map(|line| line.split(':').next()) {
        let environment = Environment::of([(name, "a value of the right length")]);
        let config = RawConfig::gather(Flags::default(), &environment).and_then(RawConfig::validate).unwrap();
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        assert!(config.shown.iter().any(|shown| shown.source == Source::Environment(name.to_owned())), "{name} is read");
    }
}
