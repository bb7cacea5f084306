//! Metrics. Calls are counted on the recorder's thread; the call path touches one number, that of the calls in flight.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::HashMap;
use parking_lot::Mutex;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::{CallRecord, Class, Cost, Outcome, Usage, UsageQuality};

/// What [`Metrics::encode`] writes; Prometheus refuses it under the name of the older format.
pub const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper ends of the histograms' buckets, in seconds: from a cached answer to a long generation.
const SECONDS: [f64; 14] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0];

/// The provider of calls that never reached one.
const NO_PROVIDER: &str = "none";

/// A name that an operator chose, as a label's value. The encoder writes values as they are, so quotes are escaped here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Label(Arc<str>);

impl EncodeLabelValue for Label {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => encoder.write_str("\\\\")?,
                '"' => encoder.write_str("\\\"")?,
                '\n' => encoder.write_str("\\n")?,
                other => encoder.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    provider: Label,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    provider: Label,
    /// `ok`, or the class of its failure.
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    provider: Label,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProviderLabels {
    provider: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyLabels {
    provider: Label,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReasonLabels {
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HookLabels {
    hook: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

/// What a hook of the scripts did since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HookReading {
    /// The hook's name.
    pub hook: &'static str,
    /// Runs.
    pub runs: u64,
    /// Runs that failed.
    pub failures: u64,
    /// Microseconds of all runs.
    pub total_us: u64,
    /// Whether it is left out until the next reload.
    pub quarantined: bool,
}

/// How many keys of a provider are in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCount {
    /// The provider's name.
    pub provider: Arc<str>,
    /// The state: `active`, `cooling`, `probing`, `disabled`.
    pub state: &'static str,
    /// How many.
    pub keys: i64,
}

/// What is read from other rooms when somebody asks for the metrics.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// Keys by provider and state.
    pub keys: Vec<KeyCount>,
    /// Records that wait to be written.
    pub queued_records: usize,
    /// Records that were dropped because the queue was full.
    pub dropped_queue: u64,
    /// Records that were dropped because they could not be written.
    pub dropped_disk: u64,
    /// Hooks that ran at least once, or are quarantined.
    pub hooks: Vec<HookReading>,
    /// Reloads of scripts that changed the live set.
    pub script_reloads: u64,
    /// Reloads of scripts that failed.
    pub failed_script_reloads: u64,
}

/// Every metric, and their registry.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    tokens: Family<TokenLabels, Counter>,
    cost: Family<ProviderLabels, Counter<f64, AtomicU64>>,
    unpriced: Family<ProviderLabels, Counter>,
    duration: Family<ProviderLabels, Histogram, fn() -> Histogram>,
    first_token: Family<ProviderLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    keys: Family<KeyLabels, Gauge>,
    queued: Gauge,
    dropped: Family<ReasonLabels, Counter>,
    hook_runs: Family<HookLabels, Counter>,
    hook_failures: Family<HookLabels, Counter>,
    hook_seconds: Family<HookLabels, Counter<f64, AtomicU64>>,
    hook_quarantined: Family<HookLabels, Gauge>,
    script_reloads: Family<ResultLabels, Counter>,
    /// What the families hold for each provider, looked up once.
    by_provider: Mutex<HashMap<Arc<str>, Arc<ProviderMetrics>>>,
    /// One reading at a time, so that two askers never mix theirs.
    reading: Mutex<()>,
    no_provider: Arc<str>,
}

/// The metrics of one provider.
#[derive(Debug)]
struct ProviderMetrics {
    /// By outcome, in the order of [`Outcome::ALL`].
    calls: [Counter; Outcome::ALL.len()],
    attempts_ok: Counter,
    /// In the order of [`token_counts`].
    tokens: [Counter; TOKEN_KINDS.len()],
    cost: Counter<f64, AtomicU64>,
    unpriced: Counter,
    duration: Histogram,
    first_token: Histogram,
}

/// A call in flight; it is counted until this is dropped.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl Metrics {
    /// Metrics that start at zero.
    pub fn new() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        let mut metrics = Metrics {
            registry: Registry::with_prefix("keywheel"),
            calls: Family::default(),
            attempts: Family::default(),
            tokens: Family::default(),
            cost: Family::default(),
            unpriced: Family::default(),
            duration: Family::new_with_constructor(seconds),
            first_token: Family::new_with_constructor(seconds),
            in_flight: Gauge::default(),
            keys: Family::default(),
            queued: Gauge::default(),
            dropped: Family::default(),
            hook_runs: Family::default(),
            hook_failures: Family::default(),
            hook_seconds: Family::default(),
            hook_quarantined: Family::default(),
            script_reloads: Family::default(),
            by_provider: Mutex::default(),
            reading: Mutex::new(()),
            no_provider: NO_PROVIDER.into(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", version);
        registry.register("calls", "Calls that ended, by outcome and by the provider of the last attempt", self.calls.clone());
        registry.register("attempts", "Attempts, by what they ended in", self.attempts.clone());
        registry.register("tokens", "Tokens that calls consumed, by kind", self.tokens.clone());
        let cost = "What calls of known cost cost, in US dollars";
        registry.register_with_unit("cost", cost, Unit::Other("dollars".into()), self.cost.clone());
        registry.register("unpriced_calls", "Calls with usage whose cost is not known", self.unpriced.clone());
        let duration = "Time from accept to the last byte of calls that reached a provider";
        registry.register_with_unit("call_duration", duration, Unit::Seconds, self.duration.clone());
        let first_token = "Time from accept to the first content of streams";
        registry.register_with_unit("first_token", first_token, Unit::Seconds, self.first_token.clone());
        registry.register("calls_in_flight", "Calls that have not ended", self.in_flight.clone());
        registry.register("keys", "Provider keys by state", self.keys.clone());
        registry.register("records_queued", "Records of calls that wait to be written", self.queued.clone());
        registry.register(
            "records_dropped",
            "Records of calls that were lost since the start, by reason",
            self.dropped.clone(),
        );
        registry.register("hook_runs", "Runs of a hook of the scripts", self.hook_runs.clone());
        registry.register("hook_failures", "Runs of a hook that failed", self.hook_failures.clone());
        let seconds = "Time that runs of a hook took";
        registry.register_with_unit("hook_duration", seconds, Unit::Seconds, self.hook_seconds.clone());
        let quarantined = "Whether a hook is left out until the next reload, since it failed too often in a row";
        registry.register("hook_quarantined", quarantined, self.hook_quarantined.clone());
        registry.register("script_reloads", "Reloads of changed scripts, by result", self.script_reloads.clone());
    }

    /// Where others add what they count.
    pub(super) fn registry(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// Counts a call in flight until the answer is dropped.
    pub fn in_flight(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Calls in flight now.
    pub fn calls_in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// Counts a call that ended. Probes count as attempts only.
    pub fn observe(&self, record: &CallRecord) {
        for attempt in &record.attempts {
            match &attempt.verdict {
                None => self.of_provider(&attempt.provider.name).attempts_ok.inc(),
                Some(verdict) => {
                    let labels =
                        AttemptLabels { provider: Label(attempt.provider.name.clone()), class: class_name(verdict.class) };
                    self.attempts.get_or_create(&labels).inc()
                }
            };
        }
        if record.probe {
            return;
        }
        let metrics = self.of_provider(record.provider.as_ref().map_or(&self.no_provider, |provider| &provider.name));
        if let Some(place) = Outcome::ALL.iter().position(|outcome| *outcome == record.outcome) {
            metrics.calls[place].inc();
        }
        for (counter, count) in metrics.tokens.iter().zip(token_counts(&record.usage)) {
            counter.inc_by(count.unwrap_or(0));
        }
        match record.cost {
            Cost::Known(amount) => drop(metrics.cost.inc_by(amount.as_dollars().max(0.0))),
            Cost::Unknown if record.usage.quality != UsageQuality::Unknown => drop(metrics.unpriced.inc()),
            Cost::Unknown => {}
        }
        if !record.attempts.is_empty() {
            metrics.duration.observe(record.total_us as f64 / 1e6);
        }
        if let Some(us) = record.first_token_us {
            metrics.first_token.observe(us as f64 / 1e6);
        }
    }

    fn of_provider(&self, name: &Arc<str>) -> Arc<ProviderMetrics> {
        let mut known = self.by_provider.lock();
        if let Some(metrics) = known.get(name) {
            return metrics.clone();
        }
        let provider = Label(name.clone());
        let labels = ProviderLabels { provider: provider.clone() };
        let calls = |outcome: Outcome| {
            self.calls.get_or_create_owned(&CallLabels { provider: provider.clone(), outcome: outcome.as_str() })
        };
        let tokens = |kind| self.tokens.get_or_create_owned(&TokenLabels { provider: provider.clone(), kind });
        let metrics = Arc::new(ProviderMetrics {
            calls: Outcome::ALL.map(calls),
            attempts_ok: self.attempts.get_or_create_owned(&AttemptLabels { provider: provider.clone(), class: "ok" }),
            tokens: TOKEN_KINDS.map(tokens),
            cost: self.cost.get_or_create_owned(&labels),
            unpriced: self.unpriced.get_or_create_owned(&labels),
            duration: self.duration.get_or_create_owned(&labels),
            first_token: self.first_token.get_or_create_owned(&labels),
        });
        known.insert(name.clone(), metrics.clone());
        metrics
    }

    fn read_scripts(&self, readings: &Readings) {
        for reading in &readings.hooks {
            let labels = HookLabels { hook: reading.hook };
            self.hook_runs.get_or_create(&labels).inner().store(reading.runs, Ordering::Relaxed);
            self.hook_failures.get_or_create(&labels).inner().store(reading.failures, Ordering::Relaxed);
            let seconds = reading.total_us as f64 / 1e6;
            self.hook_seconds.get_or_create(&labels).inner().store(seconds.to_bits(), Ordering::Relaxed);
            self.hook_quarantined.get_or_create(&labels).set(reading.quarantined.into());
        }
        for (result, count) in [("ok", readings.script_reloads), ("failed", readings.failed_script_reloads)] {
            self.script_reloads.get_or_create(&ResultLabels { result }).inner().store(count, Ordering::Relaxed);
        }
    }

    /// All metrics in the OpenMetrics text format, which Prometheus reads.
    pub fn encode(&self, readings: &Readings) -> String {
        let _one_at_a_time = self.reading.lock();
        self.keys.clear();
        for count in &readings.keys {
            let labels = KeyLabels { provider: Label(count.provider.clone()), state: count.state };
            self.keys.get_or_create(&labels).set(count.keys);
        }
        self.queued.set(readings.queued_records as i64);
        for (reason, count) in [("queue_full", readings.dropped_queue), ("disk", readings.dropped_disk)] {
            self.dropped.get_or_create(&ReasonLabels { reason }).inner().store(count, Ordering::Relaxed);
        }
        self.read_scripts(readings);
        let mut text = String::with_capacity(16 * 1024);
        if let Err(error) = text::encode(&mut text, &self.registry) {
            tracing::error!(%error, "metrics cannot be written");
        }
        text
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

const TOKEN_KINDS: [&str; 4] = ["input", "output", "cached_read", "reasoning"];

fn token_counts(usage: &Usage) -> [Option<u64>; TOKEN_KINDS.len()] {
    [usage.input, usage.output, usage.cached_read, usage.reasoning]
}

pub(super) fn class_name(class: Class) -> &'static str {
    match class {
        Class::InvalidKey => "invalid_key",
        Class::Quota => "quota",
        Class::RateLimit => "rate_limit",
        Class::ModelNotFound => "model_not_found",
        Class::TooLarge => "too_large",
        Class::Region => "region",
        Class::Permission => "permission",
        Class::NotFound => "not_found",
        Class::AddedMember => "added_member",
        Class::Provider => "provider",
        Class::Network => "network",
        Class::Timeout => "timeout",
        Class::Request => "request",
        Class::ClientGone => "client_gone",
    }
}

#[cfg(test)]
mod tests;
