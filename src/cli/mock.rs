//! `keywheel mock`: the simulated provider alone.

use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;

use super::{CliError, machine, say};
use crate::mock::{Options, serve};
use crate::server::Shutdown;

/// Serve a simulated provider that speaks the OpenAI and Anthropic shapes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  keywheel mock --listen 127.0.0.1:4010 --tokens 50 --pause-ms 2
  curl http://127.0.0.1:4010/v1/chat/completions -H 'authorization: Bearer sk-mock-healthy-a' \\
    -d '{\"model\":\"mock-healthy\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}'

A key sk-mock-PERSONA-ACCOUNT or a model mock-PERSONA chooses the behaviour: healthy, slow, slowfirst, 429, limited,
exhausted, invalid, denied, region, toolarge, missing, 500, overloaded, cut, empty, errorevent, hang or reset.")]
pub(super) struct Arguments {
    /// Address to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4010")]
    listen: String,
    /// Tokens of an answer, which is also the number of events of a stream [default: by the request]
    #[arg(long, value_name = "NUMBER")]
    tokens: Option<usize>,
    /// Pause between two events of a stream
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    pause_ms: u64,
    /// Wait before every answer
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    first_byte_ms: u64,
}

pub(super) fn run(arguments: Arguments) -> Result<(), CliError> {
    machine::raise_open_files();
    let options = Options {
        answer_tokens: arguments.tokens,
        event_pause: Duration::from_millis(arguments.pause_ms),
        first_byte: Duration::from_millis(arguments.first_byte_ms),
        ..Options::default()
    };
    machine::runtime(None)?.block_on(async {
        let shutdown = Shutdown::default();
        shutdown.listen_to_signals().context("cannot listen to signals")?;
        let listener = TcpListener::bind(&arguments.listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {}", arguments.listen))?;
        let server = serve(listener, options).context("cannot serve the simulated provider")?;
        say(format_args!("listening on http://{}", server.address()))?;
        shutdown.draining.cancelled().await;
        server.stop();
        server.stopped().await;
        Ok(())
    })
}
