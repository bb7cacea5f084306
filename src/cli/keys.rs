//! `keywheel keys import`: many keys at once, from files, standard input or another gateway's database.

mod foreign;

use std::io::Read;

use anyhow::Context;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::admin_api::AdminApi;
use super::{CliError, configure, machine, say};
use crate::config::{Environment, Flags};
use crate::domain::{Commas, Gateway, PastedKey, read_pasted_keys, secret_hint};

/// Provider keys
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel keys import --provider openai keys.txt")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Import(Box<Import>),
}

/// Import provider keys, one a line, from files or standard input
///
/// A line is a key, `key,name,tags,weight`, `name,key`, `NAME=key`, or a list such as ["sk-a","sk-b"]; tables with a heading
/// and JSON are read too; quotes, trailing commas, blank lines and lines that begin with # do no harm. Works on the data
/// folder itself, or through the server that uses it. If a line cannot be read, nothing is imported.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel keys import --provider openai --tag paid keys.txt
  pass show openai-keys | keywheel keys import --provider openai -
  keywheel keys import --from one-api one-api.db

--from gpt-load, one-api or new-api reads the gateway's SQLite database, which may be in use, or exports of its tables (groups and
api_keys, or channels) as JSON or CSV. Providers are made for the base URLs that have none; --dry-run shows what would be made. Keys
that are disabled there are left out unless --with-disabled is given. Keys that GPT-Load has encrypted cannot be read.")]
struct Import {
    /// Name of the provider that issued them
    #[arg(long, value_name = "NAME", required_unless_present = "from")]
    provider: Option<String>,
    /// The gateway whose database or export the files are: gpt-load, one-api or new-api
    #[arg(long, value_name = "GATEWAY", value_parser = foreign::gateway, conflicts_with_all = ["weight", "split_commas", "keep_commas"])]
    from: Option<Gateway>,
    /// Import keys too that are disabled in the other gateway
    #[arg(long, requires = "from")]
    with_disabled: bool,
    /// Leave out rows of the other gateway that cannot be read
    #[arg(long, requires = "from")]
    skip_malformed: bool,
    /// A label that clients and scripts select by; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Share of calls relative to other keys [default: 1]
    #[arg(long, value_name = "NUMBER")]
    weight: Option<u32>,
    /// Commas part keys that stand on one line
    #[arg(long, conflicts_with = "keep_commas")]
    split_commas: bool,
    /// Commas belong to the keys
    #[arg(long)]
    keep_commas: bool,
    /// Only show how every line is read
    #[arg(long)]
    dry_run: bool,
    /// Files with keys; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    files: Vec<String>,
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<(), CliError> {
    let Command::Import(mut import) = arguments.command;
    let config = configure(std::mem::take(&mut import.flags), environment)?;
    if let Some(gateway) = import.from {
        let rows = import.rows(gateway)?;
        return machine::runtime(config.threads)?.block_on(async {
            let api = AdminApi::open(config, environment).await?;
            let imported = import.import_foreign(&api, gateway, &rows).await;
            api.close().await;
            Ok(imported?)
        });
    }
    let keys = import.read()?;
    if import.dry_run {
        return Ok(());
    }
    machine::runtime(config.threads)?.block_on(async {
        let api = AdminApi::open(config, environment).await?;
        let imported = import.import(&api, &keys).await;
        api.close().await;
        Ok(imported?)
    })
}

impl Import {
    /// Reads every file and says how each line was read. An error if one could not be.
    fn read(&self) -> anyhow::Result<Vec<PastedKey>> {
        let commas = match (self.split_commas, self.keep_commas) {
            (true, _) => Commas::Part,
            (_, true) => Commas::Belong,
            _ => Commas::Unclear,
        };
        let mut found = Vec::new();
        let mut faults = 0;
        for file in &self.files {
            for line in read_pasted_keys(&text_of(file)?, commas) {
                match line.keys {
                    Ok(keys) => {
                        keys.iter().for_each(|key| eprintln!("{file}, line {}: {}", line.number, describe(key)));
                        found.extend(keys.into_iter().filter(|key| key.repeats.is_none()));
                    }
                    Err(fault) => {
                        eprintln!("{file}, line {}: {fault}", line.number);
                        faults += 1;
                    }
                }
            }
        }
        match faults {
            0 => Ok(found),
            1 => anyhow::bail!("one line cannot be read; nothing was imported (--split-commas or --keep-commas may help)"),
            _ => {
                anyhow::bail!("{faults} lines cannot be read; nothing was imported (--split-commas or --keep-commas may help)")
            }
        }
    }

    async fn import(&self, api: &AdminApi, keys: &[PastedKey]) -> anyhow::Result<()> {
        let name = self.provider.as_deref().unwrap_or_default();
        let provider = provider_named(api, name).await?;
        let entries: Vec<Value> = keys.iter().map(entry).collect();
        let text = Value::from(entries).to_string();
        let request = json!({ "provider": provider, "text": text, "tags": self.tags, "weight": self.weight });
        let event = api.last_event("/api/keys/import", &request).await?;
        if let Some(message) = event["error"]["message"].as_str() {
            anyhow::bail!("{message}; nothing was imported");
        }
        let imported = event["result"]["ids"].as_array().map_or(0, Vec::len);
        say(format_args!("keys imported for {name}: {imported}; there already: {}", event["result"]["exists"]))?;
        Ok(())
    }
}

async fn provider_named(api: &AdminApi, name: &str) -> anyhow::Result<Value> {
    let providers = api.list("/api/providers", "providers").await?;
    let provider = providers.iter().find(|provider| provider["name"] == name);
    Ok(provider.with_context(|| format!("there is no provider {name}"))?["id"].clone())
}

/// A key as an entry of JSON text.
fn entry(key: &PastedKey) -> Value {
    let PastedKey { name, secret, tags, weight, models, account, repeats: _ } = key;
    json!({
        "name": name, "key": secret.expose_secret(), "tags": tags, "weight": weight, "models": models, "account": account,
    })
}

fn text_of(file: &str) -> anyhow::Result<String> {
    if file != "-" {
        return std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    Ok(text)
}

/// A key for people: its name and as much of it as may be shown.
fn describe(key: &PastedKey) -> String {
    let name = key.name.as_ref().map(|name| format!(" named {name}")).unwrap_or_default();
    let repeats = key.repeats.map(|line| format!(", the same as in line {line}")).unwrap_or_default();
    format!("a key {}{name}{repeats}", secret_hint(key.secret.expose_secret()))
}
