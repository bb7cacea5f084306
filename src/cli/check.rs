//! `keywheel check`: whether a start would succeed, without one.

use anyhow::Context;

use super::serve::refused;
use super::{CliError, configure};
use crate::bootstrap;
use crate::clock::Clock;
use crate::config::{Config, Environment, Flags};
use crate::domain::{Client, Key, Model, Provider};
use crate::server::read_tls;
use crate::store::{MasterKeySource, Store};

/// Check settings, certificate and bootstrap file without serving
///
/// Prints every setting with its source. Changes nothing and opens no database of yours: the bootstrap file is tried on an
/// empty one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel check --bootstrap keywheel-bootstrap.toml")]
pub(super) struct Arguments {
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<(), CliError> {
    let config = configure(arguments.flags, environment)?;
    for shown in &config.shown {
        let value = if shown.value.is_empty() { "-" } else { &shown.value };
        println!("{:<16} {value:<28} {}", shown.name, shown.source);
    }
    for warning in &config.warnings {
        println!("warning: {warning}");
    }
    if let Some(tls) = &config.server.tls {
        read_tls(tls).map_err(refused)?;
        println!("the certificate and its key fit each other");
    }
    if config.bootstrap.is_some() {
        println!("{}", try_bootstrap(&config, environment).map_err(refused)?);
    }
    println!("all is well");
    Ok(())
}

/// Applies the bootstrap file to a store that vanishes; what it would make.
fn try_bootstrap(config: &Config, environment: &Environment) -> anyhow::Result<String> {
    let Some(file) = &config.bootstrap else { return Ok(String::new()) };
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
    Ok(format!("{} declares {counts}", file.display()))
}
