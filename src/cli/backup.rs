//! `keywheel backup`: one file with everything that the data folder holds, while a server uses it.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{CliError, configure, say};
use crate::clock::Clock;
use crate::config::{Config, Environment, Flags};
use crate::script::Sources;
use crate::store::{BackupError, BackupPlan, Manifest, MasterKeySource, back_up};

/// Back up the data folder into one file, also while a server uses it
///
/// The file holds providers, keys, clients, settings, people, chats, the call log with its statistics, and the scripts. Without
/// --with-key it does not hold the master key, and nobody can read the provider secrets in it without that key; keep a copy of
/// master.key elsewhere then. Never inside: the admin token, the bootstrap file and keywheel.toml.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel backup keywheel-2026-11-25.tar.zst
  docker compose exec -T keywheel keywheel backup - > keywheel.tar.zst

`keywheel restore` brings it back.")]
pub(super) struct Arguments {
    /// Put the master key into the file: whoever has the file can then read every provider secret
    #[arg(long)]
    with_key: bool,
    /// The file to write, which must not exist; - is standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<(), CliError> {
    let config = configure(arguments.flags, environment)?;
    if !config.data.is_dir() {
        return Err(refused(BackupError::NoData(config.data)));
    }
    let file = &arguments.file;
    if file.as_os_str() == "-" {
        let manifest = write(&config, arguments.with_key, &config.data, &mut std::io::stdout().lock())?;
        eprint!("{}", describe("the backup", &manifest, &config));
        return Ok(());
    }
    if file.exists() {
        return Err(CliError::Usage(format!("{} exists already: give another name, or remove it first", file.display())));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let in_folder = || format!("cannot write into {}", folder.display());
    let mut unfinished = tempfile::Builder::new().prefix(".keywheel-backup-").tempfile_in(folder).with_context(in_folder)?;
    let manifest = write(&config, arguments.with_key, folder, unfinished.as_file_mut())?;
    unfinished.as_file().sync_all().with_context(in_folder)?;
    unfinished.persist_noclobber(file).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(say(describe(&file.display().to_string(), &manifest, &config).trim_end())?)
}

fn write(config: &Config, with_key: bool, scratch: &Path, out: &mut impl Write) -> Result<Manifest, CliError> {
    let scratch = tempfile::Builder::new().prefix(".keywheel-copies-").tempdir_in(scratch).context("no room for copies")?;
    let scripts = Sources::read(&config.scripts).context("cannot read the scripts")?;
    let scripts: Vec<(&str, &str)> = scripts.iter().map(|(name, text)| (name, &**text)).collect();
    let master_key = master_key_source(config);
    let plan = BackupPlan {
        data: &config.data,
        scratch: scratch.path(),
        scripts: &scripts,
        master_key: with_key.then_some(&master_key),
        now_ms: Clock::start().now().unix_ms,
    };
    let manifest = back_up(&plan, out).map_err(refused)?;
    for left_out in &manifest.left_out {
        eprintln!("warning: left out: {left_out}");
    }
    Ok(manifest)
}

pub(super) fn master_key_source(config: &Config) -> MasterKeySource {
    MasterKeySource { variable: config.master_key.clone(), file: config.master_key_file.clone() }
}

/// What stops a backup or a restore is a matter of usage where another setting would help.
pub(super) fn refused(error: BackupError) -> CliError {
    if error.is_configuration() { CliError::Usage(error.to_string()) } else { CliError::Failed(error.into()) }
}

fn describe(what: &str, manifest: &Manifest, config: &Config) -> String {
    let secrets = count(manifest.secrets, "provider secret");
    let key = if manifest.master_key {
        format!("With the master key: whoever has the file can read {secrets}.\n")
    } else {
        let file = config.data.join("master.key");
        let key = if file.exists() { file.display().to_string() } else { "the key that Keywheel is started with".to_owned() };
        format!("Without the master key, which {secrets} need: keep {key} elsewhere too.\n")
    };
    format!("{what} holds {}.\n{key}", contents(manifest))
}

/// What an archive holds, in words.
pub(super) fn contents(manifest: &Manifest) -> String {
    let counts = &manifest.counts;
    let parts = [
        count(counts.providers, "provider"),
        count(counts.keys, "key"),
        count(counts.models, "model route"),
        count(counts.clients, "client"),
        count(counts.users, "user"),
        count(counts.chats, "chat"),
        count(counts.scripts, "script"),
    ];
    format!("{}, and {} of {}", parts.join(", "), count(counts.calls, "call"), count(counts.days, "day"))
}

fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
