//! Telemetry: the process's own log, metrics in the Prometheus text format, and traces as OpenTelemetry writes them.

mod logging;
mod metrics;
mod traces;

pub use logging::{LogError, LogFormat, start_logging};
pub use metrics::{HookReading, InFlight, KeyCount, METRICS_CONTENT_TYPE, Metrics, Readings};
pub use traces::{TraceBatch, TraceOptions, TraceQueue, Traces};
