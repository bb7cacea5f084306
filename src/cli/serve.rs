//! `keywheel serve`: the product.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use secrecy::ExposeSecret;

use super::data_folder::{DataFolder, Taking};
use super::{CliError, configure, machine};
use crate::app::App;
use crate::bootstrap::BootstrapError;
use crate::config::{Config, Environment, Flags};
use crate::server::{self, Listeners, ServerError, Shutdown};
use crate::store::StoreError;
use crate::telemetry::start_logging;

/// Serve the proxy; this is what `keywheel` alone does
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel serve --listen 0.0.0.0:8484 --data /var/lib/keywheel --bootstrap keywheel-bootstrap.toml
  OPENAI_API_KEY=sk-… keywheel

Every flag has a twin in the environment (KEYWHEEL_LISTEN, KEYWHEEL_TRUSTED_PROXIES, …) and a name in keywheel.toml (listen,
trusted_proxies, …); a flag wins over the environment, the environment over the file. Secrets have no flag:
KEYWHEEL_ADMIN_TOKEN, KEYWHEEL_MASTER_KEY, KEYWHEEL_METRICS_TOKEN.")]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) flags: Flags,
}

/// Sockets of one call: the client's and the provider's.
const SOCKETS_PER_CALL: usize = 2;
/// Files that are open besides.
const OTHER_FILES: usize = 128;

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<(), CliError> {
    machine::keep_pages_small();
    let mut config = configure(arguments.flags, environment)?;
    start_logging(config.log_format, &config.log).context("cannot start the log")?;
    for warning in &config.warnings {
        tracing::warn!(warning, "an environment variable is ignored");
    }
    let folder = match DataFolder::take(&config.data)? {
        Taking::Taken(folder) => folder,
        Taking::InUse(addresses) => {
            let (data, addresses) = (config.data.display(), addresses.join(" and "));
            let message = format!(
                "another keywheel uses the data folder {data} (listening on {addresses}): stop it, or choose another one with --data"
            );
            return Err(CliError::Usage(message));
        }
    };
    limit_connections(&mut config);
    machine::runtime(config.threads)?.block_on(serve(config, environment, folder))
}

/// Never accepts more connections than the process may have sockets.
fn limit_connections(config: &mut Config) {
    let Some(open_files) = machine::raise_open_files() else { return };
    let possible = (open_files as usize).saturating_sub(OTHER_FILES).max(SOCKETS_PER_CALL) / SOCKETS_PER_CALL;
    if possible < config.server.connections {
        tracing::warn!(open_files, connections = possible, "the limit of open files allows fewer connections than configured");
        config.server.connections = possible;
    }
}

async fn serve(mut config: Config, environment: &Environment, mut folder: DataFolder) -> Result<(), CliError> {
    let shutdown = Shutdown::default();
    shutdown.listen_to_signals().context("cannot listen to signals")?;
    let listeners = Listeners::bind(&config.server.listen, config.server.tls.as_ref()).await.map_err(refused)?;
    let mut new_token_file = None;
    if config.admin_token.is_none() {
        let admin = folder.admin_token()?;
        (config.admin_token, new_token_file) = (Some(admin.token), admin.new_file);
    }
    let app = App::start(&config, environment, shutdown.clone()).await.map_err(refused)?;
    let addresses = listeners.urls();
    folder.announce(&addresses)?;
    let setup_token = app.setup_token()?;
    let dashboard = format!("{}{}", browser_url(&addresses), config.server.base_path);
    let setup_link = setup_token.map(|token| format!("{dashboard}/#/setup?token={}", token.expose_secret()));
    announce(&app, &addresses, new_token_file.as_deref(), setup_link).context("cannot print")?;
    app.keep_up();
    if app.is_unconfigured() {
        eprint!("{FIRST_STEPS}");
    }
    server::run(config.server, listeners, app.endpoint(), shutdown).await;
    app.finish().await;
    Ok(())
}

/// What stops a start is a matter of configuration where another setting would help.
pub(super) fn refused(error: impl Into<anyhow::Error>) -> CliError {
    let error = error.into();
    let of_store = |error: &StoreError| error.is_configuration();
    let is_configuration = match (error.downcast_ref(), error.downcast_ref(), error.downcast_ref()) {
        (Some(error), _, _) => of_store(error),
        (_, Some(BootstrapError::Store(error)), _) => of_store(error),
        (_, Some(_), _) => true,
        (_, _, Some(error)) => matches!(error, ServerError::Tls { .. }),
        _ => false,
    };
    if is_configuration { CliError::Usage(format!("{error:#}")) } else { error.into() }
}

/// Where it listens, and what is shown only once.
fn announce(app: &App, addresses: &[String], new_token_file: Option<&Path>, setup_link: Option<String>) -> std::io::Result<()> {
    let mut lines = String::new();
    for made in &app.new_tokens {
        lines += &format!("token of the new client {} (shown once): {}\n", made.client, made.token.expose_secret());
    }
    if let Some(file) = new_token_file {
        lines += &format!("the admin token is in {}\n", file.display());
    }
    if let Some(link) = setup_link {
        lines += &format!("make the first user (once): {link}\n");
    }
    for address in addresses {
        lines += &format!("listening on {address}\n");
    }
    // In one piece: whoever reads up to the line that it waits for may close the pipe.
    let mut out = std::io::stdout().lock();
    out.write_all(lines.as_bytes())?;
    out.flush()
}

/// Where a browser on this machine finds the dashboard, of the addresses that a server listens at.
pub(super) fn browser_url(addresses: &[String]) -> String {
    let url = addresses.iter().find(|address| address.starts_with("http")).map_or("http://localhost", String::as_str);
    // An address that means every address is none that a browser can go to.
    url.replace("//0.0.0.0", "//127.0.0.1").replace("//[::]", "//[::1]")
}

/// For whoever started it without anything to serve.
const FIRST_STEPS: &str = "\
There is no provider yet, so calls have nowhere to go. To go on, one of these:
  OPENAI_API_KEY=sk-… keywheel              start again with a provider key
  keywheel --bootstrap FILE                 start again with a file that declares providers and keys
  keywheel demo                             see it at work without a key or a network
or add a provider at /docs, with the admin token.
";
