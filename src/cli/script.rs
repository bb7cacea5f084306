//! `keywheel script`: a file to start from, and what scripts can use.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use anyhow::Context;

use super::{CliError, say};
use crate::config::{Environment, Flags, RawConfig};
use crate::script::{definitions, reference};

/// Start a script, or learn what scripts can use
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel script new 10-filter
  keywheel script reference | less")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    New(NewArguments),
    /// Print everything that scripts can use, as Markdown
    #[command(after_help = "Example:\n  keywheel script reference | less")]
    Reference,
    /// Print definitions for an editor's Rhai language server
    #[command(after_help = "Example:\n  keywheel script definitions > scripts/keywheel.d.rhai")]
    Definitions,
}

/// Write a commented file to start from
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel script new 10-filter
  keywheel check")]
struct NewArguments {
    /// Name of the script: letters, digits, `-` and `_`; scripts run in the order of their names
    name: String,
    /// Folder of Rhai scripts [default: ./scripts]
    #[arg(long, value_name = "FOLDER")]
    scripts: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<(), CliError> {
    match arguments.command {
        Command::New(arguments) => new(&arguments, environment),
        Command::Reference => print(&reference()),
        Command::Definitions => print(&definitions()),
    }
}

fn print(text: &str) -> Result<(), CliError> {
    Ok(say(text.trim_end())?)
}

fn new(arguments: &NewArguments, environment: &Environment) -> Result<(), CliError> {
    let name = arguments.name.strip_suffix(".rhai").unwrap_or(&arguments.name);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || !name.bytes().all(is_name) {
        let message = format!("`{name}` is no name for a script: use letters, digits, `-` and `_`, such as 10-filter");
        return Err(CliError::Usage(message));
    }
    let folder = match &arguments.scripts {
        Some(folder) => folder.clone(),
        None => RawConfig::gather(Flags::default(), environment)?.validate()?.scripts,
    };
    let file = folder.join(format!("{name}.rhai"));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    match OpenOptions::new().write(true).create_new(true).open(&file).and_then(|mut new| new.write_all(START.as_bytes())) {
        Ok(()) => print(&format!("{}: edit it, then run `keywheel check`\n", file.display())),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(CliError::Usage(format!("{} exists already: choose another name", file.display())))
        }
        Err(error) => Err(anyhow::Error::new(error).context(format!("cannot write {}", file.display())).into()),
    }
}

/// A script that changes nothing until its comments are taken away.
const START: &str = include_str!("script/start.rhai");
