//! Traces between the recorder and whoever sends them.

use serde_json::Value;

use super::*;
use crate::domain::{CallId, TraceContext};
use crate::telemetry::Readings;

fn call(number: u8) -> CallRecord {
    let id = CallId::new(1_764_064_800_123, [number; 10]);
    CallRecord { id, method: "GET".into(), trace: TraceContext::of_call(None, id, 5), ..CallRecord::default() }
}

fn spans(batch: &TraceBatch) -> Vec<Value> {
    let document: Value = serde_json::from_slice(&batch.body).unwrap();
    document["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_counted() {
    let mut metrics = Metrics::new();
    let options = TraceOptions { queue: 3, batch: 2, gather: Duration::from_millis(1) };
    let (traces, mut queue) = Traces::new(&mut metrics, options);
    traces.take(&CallRecord { trace: None, ..call(0) });
    for number in 0..5 {
        traces.take(&call(number));
    }
    let first = queue.next().await.unwrap();
    assert_eq!(spans(&first).len(), 2, "a whole batch");
    assert_eq!(spans(&first)[1]["traceId"], call(1).id.0.simple().to_string());
    queue.settle(&first, true);
    let second = queue.waiting().unwrap();
    queue.settle(&second, false);
    assert!(queue.waiting().is_none());
    drop(traces);
    assert!(queue.next().await.is_none());
    let text = metrics.encode(&Readings::default());
    for line in [
        "keywheel_spans_exported_total 2",
        "keywheel_spans_dropped_total{reason=\"collector\"} 1",
        "keywheel_spans_dropped_total{reason=\"queue_full\"} 2",
    ] {
        assert!(text.lines().any(|given| given == line), "{line}\n{text}");
    }
}

#[test]
fn texts_of_callers_are_cut() {
    let mut metrics = Metrics::new();
    let (traces, mut queue) = Traces::new(&mut metrics, TraceOptions::default());
    traces.take(&CallRecord { path: format!("/v1/{}", "x".repeat(100_000)), ..call(1) });
    let batch = queue.waiting().unwrap();
    assert!(batch.body.len() < 4_096, "{}", batch.body.len());
    assert_eq!(spans(&batch)[0]["name"], "GET /v1/*");
}
