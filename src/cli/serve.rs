//! `keywheel serve`: the proxy, until a signal ends it.

use std::io::Write;

use anyhow::Context;
use secrecy::ExposeSecret;

use super::{CliError, configure, machine};
use crate::app::App;
use crate::config::{Config, Environment, Flags};
use crate::server::{self, Listeners, Shutdown};
use crate::telemetry;

/// Serves the proxy, the admin API and the dashboard. This is what `keywheel` alone does.
///
/// Flags come before KEYWHEEL_ variables, those before the file of --config (./keywheel.toml), that before the defaults.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  OPENAI_API_KEY=sk-… keywheel serve --listen 127.0.0.1:8484 --data ./data")]
pub(super) struct Arguments {
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<(), CliError> {
    let config = configure(arguments.flags, environment)?;
    telemetry::start_logging(config.log_format, &config.log).context("cannot start the log")?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    machine::raise_open_files();
    let served = machine::runtime(config.threads)?.block_on(serve(&config, environment));
    Ok(served?)
}

async fn serve(config: &Config, environment: &Environment) -> anyhow::Result<()> {
    let shutdown = Shutdown::default();
    shutdown.listen_to_signals().context("cannot listen to signals")?;
    let listeners = Listeners::bind(&config.server.listen, config.server.tls.as_ref()).await?;
    let app = App::start(config, environment, shutdown.clone()).await?;
    announce(&app, &listeners.urls()).context("cannot print")?;
    server::run(config.server.clone(), listeners, app.endpoint(), shutdown).await;
    app.finish().await;
    Ok(())
}

/// Where it listens, and what is shown only once.
fn announce(app: &App, urls: &[String]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for new in &app.new_tokens {
        writeln!(out, "token of the new client {} (shown once): {}", new.client, new.token.expose_secret())?;
    }
    for url in urls {
        writeln!(out, "listening on {url}")?;
    }
    out.flush()
}
