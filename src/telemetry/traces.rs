//! Traces: the spans of calls that ended, gathered into batches in the JSON form of OTLP.
//!
//! Calls become spans on the recorder's thread. Whoever sends the batches takes them from the queue; what does not fit is
//! dropped and counted.

mod attributes;
mod spans;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::metrics::{Metrics, ReasonLabels};
use crate::domain::CallRecord;
use spans::{CallSpans, document, spans_of};

/// How much waits, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct TraceOptions {
    /// Calls whose spans may wait; those of further ones are dropped. 1 or more.
    pub queue: usize,
    /// Most calls of one batch. 1 or more.
    pub batch: usize,
    /// Longest time that spans wait for others.
    pub gather: Duration,
}

impl Default for TraceOptions {
    fn default() -> Self {
        TraceOptions { queue: 4_096, batch: 512, gather: Duration::from_secs(1) }
    }
}

/// Takes calls that ended. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Traces {
    sender: mpsc::Sender<CallSpans>,
    dropped: Family<ReasonLabels, Counter>,
}

/// The other end: what waits to be sent.
#[derive(Debug)]
pub struct TraceQueue {
    receiver: mpsc::Receiver<CallSpans>,
    options: TraceOptions,
    exported: Counter,
    dropped: Family<ReasonLabels, Counter>,
}

/// Spans that are sent together.
#[derive(Clone, Debug)]
pub struct TraceBatch {
    /// What is posted: an `ExportTraceServiceRequest` as JSON.
    pub body: Bytes,
    /// How many spans it holds.
    pub spans: u64,
}

impl Traces {
    /// Both ends; what becomes of the spans is counted in `keywheel_spans_exported` and `keywheel_spans_dropped`.
    pub fn new(metrics: &mut Metrics, options: TraceOptions) -> (Self, TraceQueue) {
        let (exported, dropped) = (Counter::default(), Family::<ReasonLabels, Counter>::default());
        let registry = metrics.registry();
        registry.register("spans_exported", "Spans that the collector has taken", exported.clone());
        registry.register("spans_dropped", "Spans that were lost since the start, by reason", dropped.clone());
        let (sender, receiver) = mpsc::channel(options.queue.max(1));
        (Traces { sender, dropped: dropped.clone() }, TraceQueue { receiver, options, exported, dropped })
    }

    /// Takes the spans of a call, where it is in a trace. Never blocks.
    pub fn take(&self, record: &CallRecord) {
        let Some(spans) = record.trace.map(|trace| spans_of(record, &trace)) else { return };
        let count = spans.count;
        if self.sender.try_send(spans).is_err() {
            self.dropped.get_or_create(&ReasonLabels { reason: "queue_full" }).inc_by(count);
        }
    }
}

impl TraceQueue {
    /// Waits for the next batch. `None`: nothing comes any more. May be dropped while it waits for its first span.
    pub async fn next(&mut self) -> Option<TraceBatch> {
        let most = self.options.batch.max(1);
        let mut calls = Vec::new();
        self.receiver.recv_many(&mut calls, most).await;
        let end = Instant::now() + self.options.gather;
        while !calls.is_empty() && calls.len() < most {
            let room = most - calls.len();
            match timeout_at(end, self.receiver.recv_many(&mut calls, room)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        batch(&calls)
    }

    /// What waits already, a batch at a time.
    pub fn waiting(&mut self) -> Option<TraceBatch> {
        let more = std::iter::from_fn(|| self.receiver.try_recv().ok());
        batch(&more.take(self.options.batch.max(1)).collect::<Vec<_>>())
    }

    /// Counts what became of a batch.
    pub fn settle(&self, batch: &TraceBatch, is_delivered: bool) {
        if is_delivered {
            self.exported.inc_by(batch.spans);
        } else {
            self.dropped.get_or_create(&ReasonLabels { reason: "collector" }).inc_by(batch.spans);
        }
    }
}

fn batch(calls: &[CallSpans]) -> Option<TraceBatch> {
    (!calls.is_empty()).then(|| TraceBatch { body: document(calls).into(), spans: calls.iter().map(|call| call.count).sum() })
}
