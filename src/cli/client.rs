//! `keywheel client create`: a token for an application.

use anyhow::Context;
use http::Method;
use serde_json::{Map, Value, json};

use super::admin_api::AdminApi;
use super::{CliError, configure, machine, say};
use crate::config::{Environment, Flags};

/// Clients: the applications that call Keywheel
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel client create my-app")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Create(Box<Create>),
}

/// Create a client and print its token, this once
///
/// Works on the data folder itself, or through the server that uses it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel client create my-app --model 'gpt-4o*' --rpm 60
  KEYWHEEL_TOKEN=$(keywheel client create my-app)")]
struct Create {
    /// Its name
    name: String,
    /// A model that it may ask for, with * for any run of characters; may be repeated [default: every model]
    #[arg(long = "model", value_name = "NAME")]
    models: Vec<String>,
    /// Only keys with one of these tags serve it; may be repeated [default: every key]
    #[arg(long = "key-tag", value_name = "TAG")]
    key_tags: Vec<String>,
    /// Requests a minute [default: no limit]
    #[arg(long, value_name = "NUMBER")]
    rpm: Option<u64>,
    /// Tokens a minute [default: no limit]
    #[arg(long, value_name = "NUMBER")]
    tpm: Option<u64>,
    /// Dollars in a calendar month [default: no limit]
    #[arg(long, value_name = "DOLLARS")]
    budget_usd_month: Option<f64>,
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<(), CliError> {
    let Command::Create(create) = arguments.command;
    let config = configure(create.flags, environment)?;
    let mut body = Map::from_iter([("name".to_owned(), json!(create.name))]);
    let lists = [("models", create.models), ("key_tags", create.key_tags)];
    body.extend(lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name.to_owned(), json!(list))));
    let limits = [("rpm", json!(create.rpm)), ("tpm", json!(create.tpm)), ("budget_usd_month", json!(create.budget_usd_month))];
    body.extend(limits.into_iter().filter(|(_, limit)| !limit.is_null()).map(|(name, limit)| (name.to_owned(), limit)));
    machine::runtime(config.threads)?.block_on(async {
        let api = AdminApi::open(config, environment).await?;
        let made = api.call(Method::POST, "/api/clients", Some(&Value::Object(body))).await;
        api.close().await;
        let made = made?;
        say(made["token"].as_str().context("the answer has no token")?)?;
        eprintln!("This token is shown once. Clients send it as `Authorization: Bearer …`.");
        Ok(())
    })
}
