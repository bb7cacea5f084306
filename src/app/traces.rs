//! Traces: what the recorder hands over is posted to the collector.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Otlp;
use crate::outbound::{Outbound, Webhook, WebhookError};
use crate::telemetry::{Metrics, TraceBatch, TraceOptions, TraceQueue, Traces};

/// Waits before a batch is sent again, where that can help. What fails after the last one is dropped.
const RETRY_AFTER: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// Time for what still waits at the end.
const LAST: Duration = Duration::from_secs(3);

/// Sends batches until it is finished.
pub(super) struct Exporter {
    task: JoinHandle<()>,
    ending: CancellationToken,
    deadline: CancellationToken,
}

/// Starts to send what the other half takes.
pub(super) fn start(otlp: &Otlp, metrics: &mut Metrics, outbound: Arc<Outbound>) -> (Traces, Exporter) {
    let (traces, queue) = Traces::new(metrics, TraceOptions::default());
    let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    headers.extend(otlp.headers.iter().cloned());
    let (ending, deadline) = (CancellationToken::new(), CancellationToken::new());
    let collector = Collector { url: otlp.url.clone(), headers, outbound, is_in_trouble: false };
    let task = tokio::spawn(export(queue, collector, ending.clone(), deadline.clone()));
    (traces, Exporter { task, ending, deadline })
}

impl Exporter {
    /// Sends what waits, for a few seconds at most. For after the last call was recorded.
    pub(super) async fn finish(mut self) {
        self.ending.cancel();
        if tokio::time::timeout(LAST, &mut self.task).await.is_err() {
            self.deadline.cancel();
            // It has nothing to wait for any more; a panic in it was told when it happened.
            drop(self.task.await);
        }
    }
}

async fn export(mut queue: TraceQueue, mut collector: Collector, ending: CancellationToken, deadline: CancellationToken) {
    while let Some(Some(batch)) = ending.run_until_cancelled(queue.next()).await {
        let delivered = deadline.run_until_cancelled(collector.deliver(&batch)).await;
        queue.settle(&batch, delivered.unwrap_or(false));
    }
    while let Some(batch) = queue.waiting() {
        let delivered = deadline.run_until_cancelled(collector.deliver(&batch)).await;
        queue.settle(&batch, delivered.unwrap_or(false));
    }
}

/// Who takes the spans.
struct Collector {
    url: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    outbound: Arc<Outbound>,
    is_in_trouble: bool,
}

impl Collector {
    /// Whether it has taken a batch in the end.
    async fn deliver(&mut self, batch: &TraceBatch) -> bool {
        let mut waits = RETRY_AFTER.iter();
        loop {
            let Err(error) = self.post(batch.body.clone()).await else {
                if std::mem::take(&mut self.is_in_trouble) {
                    tracing::info!("the collector takes traces again");
                }
                return true;
            };
            if !std::mem::replace(&mut self.is_in_trouble, true) {
                tracing::warn!(%error, "the collector does not take traces; calls are served all the same");
            }
            let Some(wait) = waits.next().filter(|_| may_pass(&error)) else { return false };
            tokio::time::sleep(*wait).await;
        }
    }

    async fn post(&self, body: Bytes) -> Result<(), WebhookError> {
        // Whoever configures the machine names the collector, and most run beside Keywheel.
        let webhook = Webhook { url: &self.url, headers: &self.headers, body, allow_private: true };
        self.outbound.post_webhook(webhook).await.map(drop)
    }
}

/// Whether the same may be sent again, as OTLP has it. After a silence nobody knows whether the spans were taken.
fn may_pass(error: &WebhookError) -> bool {
    match error {
        WebhookError::Send(_) => true,
        WebhookError::Timeout => false,
        WebhookError::Status(status) => matches!(
            *status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        ),
    }
}
