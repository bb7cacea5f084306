//! `keywheel healthcheck`: whether a running server answers, for containers without curl.

use std::time::Duration;

use anyhow::{Context, bail};
use http::{Request, StatusCode, header};
use http_body_util::Full;

use super::local_http::{dial, exchange};
use super::{CliError, configure, machine};
use crate::config::{Environment, Flags, ServerConfig};

/// Ask a running server on this machine whether it is ready; the exit code tells
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel healthcheck --listen 127.0.0.1:8484
  docker run --health-cmd 'keywheel healthcheck' …

The address comes from --listen, KEYWHEEL_LISTEN or keywheel.toml, as for `keywheel serve`; the first one is asked.")]
pub(super) struct Arguments {
    /// Ask /healthz (the process lives) instead of /readyz (it takes calls)
    #[arg(long)]
    live: bool,
    /// Longest wait for the answer
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    timeout: u64,
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<(), CliError> {
    let config = configure(arguments.flags, environment)?.server;
    let path = if arguments.live { "/healthz" } else { "/readyz" };
    let wait = Duration::from_secs(arguments.timeout);
    machine::runtime(std::num::NonZeroUsize::new(1))?.block_on(async {
        let asking = tokio::time::timeout(wait, ask(&config, path)).await;
        Ok(asking.with_context(|| format!("no answer within {} s", wait.as_secs()))??)
    })
}

async fn ask(config: &ServerConfig, path: &str) -> anyhow::Result<()> {
    let address = config.listen.first().context("no address to ask")?;
    let request = Request::get(path).header(header::HOST, "localhost").body(Full::default()).context("cannot ask")?;
    let status = exchange(dial(address, config.tls.as_ref()).await?, request).await?.status();
    if status != StatusCode::OK {
        bail!("{address} answered {path} with {status}");
    }
    Ok(())
}
