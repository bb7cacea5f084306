//! Telemetry: the process's own log, and metrics in the Prometheus text format.

mod logging;
mod metrics;

pub use logging::{LogError, LogFormat, start_logging};
pub use metrics::{HookReading, InFlight, KeyCount, METRICS_CONTENT_TYPE, Metrics, Readings};
