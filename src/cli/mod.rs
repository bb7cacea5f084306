//! The commands: one file each.
//!
//! Reads arguments and environment through `config`, prints, and returns exit codes: 0 clean, 1 failed, 2 wrong usage
//! or configuration.

mod admin_api;
mod backup;
mod check;
mod client;
mod data_folder;
mod demo;
mod healthcheck;
mod keys;
mod local_http;
mod machine;
mod mock;
mod openapi;
mod restore;
mod script;
mod serve;
mod user;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError, Environment, Flags, RawConfig};

/// A self-hosted, OpenAI-compatible proxy that rotates provider keys, heals by itself and records every call.
#[derive(Debug, Parser)]
#[command(name = "keywheel", version, args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Example:
  keywheel --listen 127.0.0.1:8484

Without a command, keywheel serves; `keywheel help serve` says more about the options.")]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Arguments>),
    Demo(demo::Arguments),
    Check(Box<check::Arguments>),
    Mock(mock::Arguments),
    Openapi(openapi::Arguments),
    Keys(keys::Arguments),
    Client(client::Arguments),
    User(user::Arguments),
    Script(script::Arguments),
    Backup(Box<backup::Arguments>),
    Restore(Box<restore::Arguments>),
    Healthcheck(Box<healthcheck::Arguments>),
}

/// Why a command ended badly.
#[derive(Debug, thiserror::Error)]
enum CliError {
    /// Wrong usage or configuration: exit code 2.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Wrong usage or configuration that only the machine could tell: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Anything else: exit code 1.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

impl CliError {
    fn exit_code(&self) -> ExitCode {
        match self {
            CliError::Config(_) | CliError::Usage(_) => ExitCode::from(2),
            CliError::Failed(_) => ExitCode::FAILURE,
        }
    }
}

/// Prints a line to standard output. Whoever stops reading (`| head`) misses the rest, and that is all.
fn say(line: impl Display) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot print"),
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = CommandLine::parse();
    let environment = Environment::of_process();
    let command = arguments.command.unwrap_or(Command::Serve(Box::new(arguments.serve)));
    let result = match command {
        Command::Serve(arguments) => serve::run(*arguments, &environment),
        Command::Demo(arguments) => demo::run(arguments, &environment),
        Command::Check(arguments) => check::run(*arguments, &environment),
        Command::Mock(arguments) => mock::run(arguments),
        Command::Openapi(arguments) => openapi::run(arguments),
        Command::Keys(arguments) => keys::run(arguments, &environment),
        Command::Client(arguments) => client::run(arguments, &environment),
        Command::User(arguments) => user::run(arguments, &environment),
        Command::Script(arguments) => script::run(arguments, &environment),
        Command::Backup(arguments) => backup::run(*arguments, &environment),
        Command::Restore(arguments) => restore::run(*arguments, &environment),
        Command::Healthcheck(arguments) => healthcheck::run(*arguments, &environment),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}

/// The configuration that these flags and this environment make.
fn configure(flags: Flags, environment: &Environment) -> Result<Config, CliError> {
    Ok(RawConfig::gather(flags, environment)?.validate()?)
}
