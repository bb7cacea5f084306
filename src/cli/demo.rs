//! `keywheel demo`: everything at work, without a key and without a network.

mod catalog;
mod history;
mod traffic;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;

use super::local_http::address_of;
use super::serve::{browser_url, refused};
use super::{CliError, configure, machine};
use crate::app::App;
use crate::clock::{Clock, random_bytes};
use crate::config::{Config, Environment, Flags, ServerConfig};
use crate::domain::{Role, User, UserId, hash_token, new_token};
use crate::mock::{self, Options};
use crate::server::{self, Listeners, Shutdown};
use crate::store::{Actor, Edit, Link, LinkPurpose, StoreError};
use crate::telemetry::start_logging;

/// Show traffic, failover and history, without a key or a network
///
/// The providers are simulated, and nothing is kept: the data lies in a temporary folder that vanishes with the process.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel demo
  keywheel demo --listen 127.0.0.1:9000 --calls-per-second 5")]
pub(super) struct Arguments {
    /// Address to listen on; port 0 is any free one [default: 127.0.0.1:8484]
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// What is logged, such as info or debug [default: error]
    #[arg(long, value_name = "DIRECTIVES")]
    log: Option<String>,
    /// Live calls a second, 0 to 100
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0)]
    calls_per_second: f64,
    /// Days of invented history
    #[arg(long, value_name = "NUMBER", default_value_t = 7, value_parser = clap::value_parser!(u32).range(0..=90))]
    days: u32,
}

/// Nobody waits long for a demo to end.
const DRAIN: Duration = Duration::from_millis(500);

/// The tokens of the demo.
struct Tokens {
    /// For whoever tries it.
    visitor: SecretString,
    /// For the live traffic, which sees which key served.
    traffic: SecretString,
}

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<(), CliError> {
    let environment = environment.only(&["KEYWHEEL_LISTEN", "KEYWHEEL_LOG"]);
    let quiet = arguments.log.is_none() && environment.get("KEYWHEEL_LOG")?.is_none();
    let log = if quiet { Some("error".to_owned()) } else { arguments.log };
    let mut config = configure(Flags::of_demo(arguments.listen, log), &environment)?;
    start_logging(config.log_format, &config.log).context("cannot start the log")?;
    machine::raise_open_files();
    let scratch = tempfile::Builder::new().prefix("keywheel-demo-").tempdir().context("cannot make a temporary folder")?;
    config.data = scratch.path().join("data");
    config.scripts = scratch.path().join("scripts");
    std::fs::create_dir_all(&config.scripts).context("cannot make the folder for scripts")?;
    config.admin_token = Some(new_token(random_bytes()).into());
    config.openai_api_keys = Vec::new();
    config.server = ServerConfig { listen: config.server.listen, drain_timeout: DRAIN, ..ServerConfig::default() };
    let rate = arguments.calls_per_second.clamp(0.0, 100.0);
    machine::runtime(config.threads)?.block_on(demonstrate(config, scratch.path(), rate, arguments.days))
}

async fn demonstrate(mut config: Config, scratch: &Path, rate: f64, days: u32) -> Result<(), CliError> {
    let shutdown = Shutdown::default();
    shutdown.listen_to_signals().context("cannot listen to signals")?;
    let listeners = Listeners::bind(&config.server.listen, config.server.tls.as_ref()).await.map_err(refused)?;
    let simulated = TcpListener::bind("127.0.0.1:0").await.context("cannot listen on a local port")?;
    let simulated = mock::serve(simulated, behaviour()).context("cannot serve the simulated providers")?;
    let tokens = Tokens { visitor: new_token(random_bytes()).into(), traffic: new_token(random_bytes()).into() };
    let bootstrap = scratch.join("bootstrap.toml");
    std::fs::write(&bootstrap, catalog::declare(&simulated.base_url(), &tokens)).context("cannot write the demo's catalog")?;
    let now_ms = Clock::start().now().unix_ms;
    let calls = history::write(&config.data, &bootstrap, days, now_ms).await.map_err(refused)?;
    config.bootstrap = Some(bootstrap);
    let app = App::start(&config, &Environment::default(), shutdown.clone()).await.map_err(refused)?;
    app.keep_up();
    let address = listeners.urls().swap_remove(0);
    let visit = invite(&app, now_ms).await?;
    welcome(&address, &config, &tokens, &visit, days, calls).context("cannot print")?;
    if let Some(server) = address_of(&address) {
        traffic::start(server, tokens.traffic, rate, shutdown.draining.clone());
    }
    server::run(config.server, listeners, app.endpoint(), shutdown).await;
    app.finish().await;
    simulated.stop();
    Ok(())
}

/// Makes the user of the demo, and the secret of a link that signs in by one click, as often as wanted.
async fn invite(app: &App, now_ms: i64) -> anyhow::Result<SecretString> {
    let secret = new_token(random_bytes());
    let hash = hash_token(&secret);
    let actor = Actor { name: "demo".to_owned(), address: None, now_ms };
    let invite = move |edit: &mut Edit<'_>| {
        let user = User { id: UserId(0), name: "demo".to_owned(), role: Role::Owner, password: None, disabled: false };
        let user = Some(edit.create(user)?.value.id);
        edit.add_link(&Link { hash, purpose: LinkPurpose::Visit, user, expires_ms: i64::MAX })
    };
    app.publisher().edit::<_, StoreError, _>(actor, invite).await.context("cannot make the demo's user")?;
    Ok(secret.into())
}

/// Not as fast as a simulation can be, so that there is something to watch.
fn behaviour() -> Options {
    let event_pause = Duration::from_millis(8);
    let first_byte = Duration::from_millis(120);
    Options { event_pause, first_byte, slow_first_byte: Duration::from_secs(4), ..Options::default() }
}

fn welcome(
    address: &str,
    config: &Config,
    tokens: &Tokens,
    visit: &SecretString,
    days: u32,
    calls: usize,
) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let admin = config.admin_token.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
    let visitor = tokens.visitor.expose_secret();
    let scripts = config.scripts.display();
    let dashboard = format!("{}/#/sign-in?link={}", browser_url(&[address.to_owned()]), visit.expose_secret());
    writeln!(
        out,
        "\
Keywheel demo: simulated providers, {calls} calls in the last {days} days, and live traffic. Nothing is kept. Ctrl-C ends it.

The dashboard: {dashboard}

Try it:

  curl {address}/v1/chat/completions -H 'authorization: Bearer {visitor}' -H 'content-type: application/json' \\
    -d '{{\"model\":\"resilient\",\"messages\":[{{\"role\":\"user\",\"content\":\"Say hello\"}}]}}'

The admin API, with forms to try: {address}/docs
Its token: {admin}

Scripts that you put here go live: {scripts}

listening on {address}

Live calls, and what it took to answer them:"
    )?;
    out.flush()
}
