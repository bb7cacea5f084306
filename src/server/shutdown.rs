//! How a running server is told to end.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Two steps of an ending: first no new work, then no work at all.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Cancelled when the server is asked to end: `/readyz` answers 503 and calls in flight run on.
    pub draining: CancellationToken,
    /// Cancelled when calls in flight have had their time: a stream ends with an error event.
    pub deadline: CancellationToken,
}

impl Shutdown {
    /// Starts draining at the first SIGTERM or SIGINT; at the second one the process exits with code 1 at once.
    pub fn listen_to_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let draining = self.draining.clone();
        tokio::spawn(async move {
            for already_draining in [false, true] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if already_draining {
                    tracing::warn!("second signal: exiting at once");
                    std::process::exit(1);
                }
                tracing::info!("shutting down: calls in flight may finish");
                draining.cancel();
            }
        });
        Ok(())
    }
}
