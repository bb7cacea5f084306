//! `keywheel check`: whether a start would succeed, without one.

mod scripts;

use anyhow::Context;

use super::serve::refused;
use super::{CliError, configure, say};
use crate::app::load_config;
use crate::bootstrap;
use crate::clock::Clock;
use crate::config::{Config, Environment, Flags};
use crate::domain::{Client, Key, Model, Provider, Snapshot};
use crate::script::LoadConfig;
use crate::server::read_tls;
use crate::store::{MasterKeySource, Store};
use scripts::CheckedScripts;

/// Check settings, certificate, bootstrap file and scripts without serving
///
/// Prints every setting with its source, and compiles and tests the script folder. Changes nothing and opens no database of
/// yours: the bootstrap file is tried on an empty one, and `on_load` of the scripts hears of what that file declares.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel check --bootstrap keywheel-bootstrap.toml
  keywheel check --scripts ./scripts --json          for a pre-commit hook

Exit code 1: scripts have errors; 2: a setting, the certificate or the bootstrap file is wrong.")]
pub(super) struct Arguments {
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<(), CliError> {
    let config = configure(arguments.flags, environment)?;
    if !arguments.json {
        for shown in &config.shown {
            let value = if shown.value.is_empty() { "-" } else { &shown.value };
            say(format_args!("{:<17} {value:<28} {}", shown.name, shown.source))?;
        }
        for warning in &config.warnings {
            say(format_args!("warning: {warning}"))?;
        }
    }
    let mut found = Vec::new();
    if let Some(tls) = &config.server.tls {
        read_tls(tls).map_err(refused)?;
        found.push("the certificate and its key fit each other".to_owned());
    }
    let mut declared = LoadConfig::default();
    if config.bootstrap.is_some() {
        let (said, names) = try_bootstrap(&config, environment).map_err(refused)?;
        found.push(said);
        declared = names;
    }
    let scripts = CheckedScripts::check(&config, declared)?;
    if arguments.json {
        say(scripts.to_json(&config))?;
    } else {
        let checked = scripts.to_text();
        found.iter().map(String::as_str).chain(checked.lines()).try_for_each(say)?;
    }
    if scripts.is_refused() {
        return Err(CliError::Failed(anyhow::anyhow!("the scripts in {} have errors", config.scripts.display())));
    }
    if !arguments.json {
        say("all is well")?;
    }
    Ok(())
}

/// Applies the bootstrap file to a store that vanishes; what it would make.
fn try_bootstrap(config: &Config, environment: &Environment) -> anyhow::Result<(String, LoadConfig)> {
    let Some(file) = &config.bootstrap else { return Ok(Default::default()) };
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let store = Store::open(scratch.path(), &MasterKeySource::default())?;
    let variable = |name: &str| environment.get(name).ok().flatten().map(str::to_owned);
    bootstrap::apply(&store, file, &variable, Clock::start().now().unix_ms)?;
    let catalog = store.catalog();
    let counts = [
        (catalog.all::<Provider>().len(), "providers"),
        (catalog.all::<Key>().len(), "keys"),
        (catalog.all::<Model>().len(), "models"),
        (catalog.all::<Client>().len(), "clients"),
    ];
    let counts = counts.map(|(count, what)| format!("{count} {what}")).join(", ");
    let names = load_config(&Snapshot::new(catalog.parts(Default::default())));
    Ok((format!("{} declares {counts}", file.display()), names))
}
