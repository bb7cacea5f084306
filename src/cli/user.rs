//! `keywheel user …`: who may use the dashboard, and a way back in for who lost a password.

use anyhow::Context;
use http::Method;
use serde_json::{Value, json};

use super::admin_api::AdminApi;
use super::{CliError, configure, machine, say};
use crate::config::{Environment, Flags};
use crate::domain::Role;

/// Users: who may use the dashboard and the admin API
///
/// Works on the data folder itself, or through the server that uses it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel user create anna --role owner
  keywheel user link anna        a lost password: prints a link that lets anna in to set another one")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Create(Box<Create>),
    List(Box<List>),
    /// Print a link that lets a user in to set a password, once, within a day; for a lost password
    Link(Box<Named>),
    /// Sign a user out everywhere and let nobody in by that name until it is enabled
    Disable(Box<Named>),
    /// Let a disabled user in again
    Enable(Box<Named>),
}

/// Create a user and print the link that lets the person in to set a password, once, within a day
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel user create anna --role owner
  keywheel user create bert")]
struct Create {
    /// Name to sign in with
    name: String,
    /// What the user may do: viewer, operator or owner; the first user must be an owner
    #[arg(long, default_value = "operator", value_parser = role)]
    role: Role,
    #[command(flatten)]
    flags: Flags,
}

/// List users
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel user list")]
struct List {
    #[command(flatten)]
    flags: Flags,
}

/// A user by name
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel user link anna
  keywheel user disable anna")]
struct Named {
    /// The user's name
    name: String,
    #[command(flatten)]
    flags: Flags,
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "must be viewer, operator or owner".to_owned())
}

impl Command {
    fn take_flags(&mut self) -> Flags {
        let flags = match self {
            Command::Create(create) => &mut create.flags,
            Command::List(list) => &mut list.flags,
            Command::Link(named) | Command::Disable(named) | Command::Enable(named) => &mut named.flags,
        };
        std::mem::take(flags)
    }
}

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<(), CliError> {
    let mut command = arguments.command;
    let config = configure(command.take_flags(), environment)?;
    machine::runtime(config.threads)?.block_on(async {
        let api = AdminApi::open(config, environment).await?;
        let done = work(&command, &api).await;
        api.close().await;
        Ok(done?)
    })
}

async fn work(command: &Command, api: &AdminApi) -> anyhow::Result<()> {
    match command {
        Command::Create(create) => {
            let body = json!({ "name": create.name, "role": create.role });
            let made = api.call(Method::POST, "/api/users", Some(&body)).await?;
            print_link(api, &made["link"])
        }
        Command::List(_) => {
            for user in api.list("/api/users", "users").await? {
                let text = |member: &str| user[member].as_str().unwrap_or_default().to_owned();
                let state = if user["disabled"] == true { "disabled" } else { "" };
                say(format_args!("{}\t{}\t{state}", text("name"), text("role")))?;
            }
            Ok(())
        }
        Command::Link(named) => {
            let path = format!("{}/link", named.path(api).await?);
            print_link(api, &api.call(Method::POST, &path, None).await?)
        }
        Command::Disable(named) => named.set_disabled(api, true).await,
        Command::Enable(named) => named.set_disabled(api, false).await,
    }
}

impl Named {
    /// Where the user lies in the admin API.
    async fn path(&self, api: &AdminApi) -> anyhow::Result<String> {
        let users = api.list("/api/users", "users").await?;
        let has_name = |user: &&Value| user["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(&self.name));
        let user = users.iter().find(has_name);
        let user = user.with_context(|| format!("there is no user {}: `keywheel user list` shows who there is", self.name))?;
        Ok(format!("/api/users/{}", user["id"]))
    }

    async fn set_disabled(&self, api: &AdminApi, disabled: bool) -> anyhow::Result<()> {
        let change = json!({ "disabled": disabled });
        api.call(Method::PATCH, &self.path(api).await?, Some(&change)).await.map(drop)
    }
}

fn print_link(api: &AdminApi, link: &Value) -> anyhow::Result<()> {
    say(format_args!("{}{}", api.browser_url(), link["path"].as_str().context("the answer has no link")?))?;
    eprintln!(
        "This link is shown once. It lets the person in to set a password, once, until {}.",
        link["expires_at"].as_str().unwrap_or_default()
    );
    Ok(())
}
