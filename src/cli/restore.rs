//! `keywheel restore`: a data folder out of a backup, or nothing.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::backup::{contents, master_key_source, refused};
use super::data_folder::{DataFolder, LOCK, Taking};
use super::{CliError, configure, say};
use crate::clock::Clock;
use crate::config::{Config, Environment, Flags};
use crate::domain::to_rfc3339;
use crate::script::Sources;
use crate::store::{Unpacked, holds_data, set_aside, unpack};

/// Restore a backup into an empty data folder
///
/// Every checksum, every database and the master key are checked before anything is put in its place. A backup that was made
/// without the master key needs it from KEYWHEEL_MASTER_KEY, KEYWHEEL_MASTER_KEY_FILE or a file master.key in the data folder.
/// Scripts are restored where the script folder has none.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel restore keywheel-2026-11-25.tar.zst --data /var/lib/keywheel
  docker compose run --rm -T keywheel restore - < keywheel.tar.zst

The server must not run meanwhile. Exit code 1: the backup is damaged; 2: the folder is in use or not empty, or the master key is
missing or another one.")]
pub(super) struct Arguments {
    /// Restore although the data folder is not empty: what is there moves into a folder replaced-… inside it
    #[arg(long)]
    replace: bool,
    /// The backup; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<(), CliError> {
    let config = configure(arguments.flags, environment)?;
    let archive: Box<dyn Read> = match arguments.file.as_path() {
        file if file.as_os_str() == "-" => Box::new(std::io::stdin().lock()),
        file => Box::new(File::open(file).with_context(|| format!("cannot open {}", file.display()))?),
    };
    let _folder = match DataFolder::take(&config.data)? {
        Taking::Taken(folder) => folder,
        Taking::InUse(addresses) => {
            let (data, addresses) = (config.data.display(), addresses.join(" and "));
            let message =
                format!("a keywheel uses the data folder {data} (listening on {addresses}): stop it before you restore");
            return Err(CliError::Usage(message));
        }
    };
    let staging = tempfile::Builder::new().prefix("restoring-").tempdir_in(&config.data);
    let staging = staging.with_context(|| format!("cannot write into {}", config.data.display()))?;
    let staging_name = staging.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let ours = [LOCK, staging_name.as_str()];
    if !arguments.replace && holds_data(&config.data, &ours).map_err(refused)? {
        return Err(CliError::Usage(format!(
            "the data folder {} is not empty: choose another one with --data, or give --replace, which moves what is there into a \
             folder of its own (nothing was restored)",
            config.data.display()
        )));
    }
    let unpacked = unpack(archive, staging.path()).map_err(refused)?;
    let brings_key = unpacked.manifest().master_key;
    let own_key = config.data.join("master.key");
    // A key that is to be replaced has no say.
    let beside = (!(arguments.replace && brings_key)).then_some(own_key.as_path());
    unpacked.check(&master_key_source(&config), beside, &config.data).map_err(refused)?;
    let stamp = to_rfc3339(Clock::start().now().unix_ms).replace(':', "");
    let replaces_key = arguments.replace && brings_key;
    let former = set_aside(&config.data, &ours, replaces_key, &stamp).map_err(refused)?;
    unpacked.move_into(&config.data).map_err(refused)?;
    say(format_args!(
        "{} holds {} again, as of {}.",
        config.data.display(),
        contents(unpacked.manifest()),
        unpacked.manifest().made_at
    ))?;
    if let Some(former) = former {
        say(format_args!("What was there before is in {}.", former.display()))?;
    }
    for left_out in &unpacked.manifest().left_out {
        eprintln!("warning: the backup was made without {left_out}");
    }
    restore_scripts(&unpacked, &config)
}

/// Scripts decide what calls may do: a restored server must not serve without them, nor with others than its operator put there.
fn restore_scripts(unpacked: &Unpacked, config: &Config) -> Result<(), CliError> {
    let kept = unpacked.scripts().map_err(refused)?;
    let wanted = kept.iter().fold(Sources::default(), |sources, (name, text)| sources.with(name, text));
    let folder: &Path = &config.scripts;
    let there = Sources::read(folder).context("cannot read the script folder")?;
    if wanted.is_empty() || there == wanted {
        return Ok(());
    }
    if !there.is_empty() {
        say(format_args!("The scripts in {} stay as they are; those of the backup are other ones.", folder.display()))?;
        return Ok(());
    }
    wanted.write(folder).context("everything is restored but the scripts")?;
    say(format_args!("{} scripts are in {} again.", wanted.len(), folder.display()))?;
    Ok(())
}
