//! Settings that an operator changes while Keywheel runs.

use serde::{Deserialize, Serialize};

use super::headers::may_be_kept;
use super::model::Strategy;
use super::verdict::ErrorRule;

/// Most request headers that are kept of one call.
const RECORDED_HEADERS: usize = 32;

/// Settings of the installation. Every call reads them from the snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How keys are chosen where a model does not say.
    pub strategy: Strategy,
    /// Attempts per call where a provider does not say, 1 to 10.
    pub attempts: u32,
    /// Retries as a share of calls, 0 to 1.
    pub retry_share: f64,
    /// Retries a second that are allowed besides the share.
    pub retry_burst: u32,
    /// Silence after which a stream's head is sent with `: keepalive` comments, in milliseconds; 0 is never.
    pub keepalive_ms: u64,
    /// Longest time that a stream's head is held for its first content, in milliseconds.
    pub commit_ms: u64,
    /// Most bytes that are held for it.
    pub commit_bytes: u64,
    /// Longest wait for a resting key that owns the object a call names, in milliseconds.
    pub owner_wait_ms: u64,
    /// Whether request and response bodies are kept.
    pub store_bodies: bool,
    /// Most bytes kept of one body.
    pub body_cap_bytes: u64,
    /// Days for which bodies are kept, 1 or more.
    pub body_retention_days: u32,
    /// Days for which call records are kept, 1 or more; statistics stay.
    pub retention_days: u32,
    /// Most mebibytes that records and bodies may take, 0 to 100,000,000; 0 is no limit. The oldest bodies go first, then the
    /// oldest records, a day at a time; today's stay.
    pub retention_mib: u64,
    /// Names of request headers that are kept with each call, at most 32; none that carries a credential.
    pub recorded_headers: Vec<String>,
    /// Whether a call is refused when a budget applies and its model has no price.
    pub refuse_unpriced: bool,
    /// Whether a plain answer that timed out after its body was sent is tried again.
    pub retry_sent_timeouts: bool,
    /// Seconds between two readings of a provider's model list; 0: it is read until it is known, and then no more.
    pub model_sync_s: u64,
    /// Whether later changes of a provider's model list wait until an operator accepts them; its first list never waits.
    pub model_sync_review: bool,
    /// Origins from which browsers may call `/v1`; empty is none, `*` is any.
    pub cors_origins: Vec<String>,
    /// Operator's rules for errors, before the built-in ones.
    pub error_rules: Vec<ErrorRule>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            strategy: Strategy::RoundRobin,
            attempts: 3,
            retry_share: 0.2,
            retry_burst: 10,
            keepalive_ms: 15_000,
            commit_ms: 60_000,
            commit_bytes: 256 * 1024,
            owner_wait_ms: 10_000,
            store_bodies: false,
            body_cap_bytes: 64 * 1024,
            body_retention_days: 7,
            retention_days: 90,
            retention_mib: 0,
            recorded_headers: Vec::new(),
            refuse_unpriced: false,
            retry_sent_timeouts: false,
            model_sync_s: 6 * 3600,
            model_sync_review: false,
            cors_origins: Vec::new(),
            error_rules: Vec::new(),
        }
    }
}

impl Settings {
    /// Checks ranges. The error names the field and what would be right.
    pub fn validate(&self) -> Result<(), (&'static str, String)> {
        let within = |field, value: u64, low: u64, high: u64| {
            if (low..=high).contains(&value) { Ok(()) } else { Err((field, format!("must be {low} to {high}, not {value}"))) }
        };
        within("attempts", self.attempts.into(), 1, 10)?;
        if !(0.0..=1.0).contains(&self.retry_share) {
            return Err(("retry_share", format!("must be 0 to 1, not {}", self.retry_share)));
        }
        within("retry_burst", self.retry_burst.into(), 0, 10_000)?;
        within("keepalive_ms", self.keepalive_ms, 0, 300_000)?;
        within("commit_ms", self.commit_ms, 1, 600_000)?;
        within("commit_bytes", self.commit_bytes, 1024, 64 * 1024 * 1024)?;
        within("owner_wait_ms", self.owner_wait_ms, 0, 300_000)?;
        within("body_cap_bytes", self.body_cap_bytes, 0, 64 * 1024 * 1024)?;
        within("body_retention_days", self.body_retention_days.into(), 1, 3650)?;
        within("retention_days", self.retention_days.into(), 1, 3650)?;
        within("retention_mib", self.retention_mib, 0, 100_000_000)?;
        within("recorded_headers", self.recorded_headers.len() as u64, 0, RECORDED_HEADERS as u64)?;
        if let Some(name) = self.recorded_headers.iter().find(|name| !may_be_kept(name)) {
            let message =
                format!("`{}` cannot be kept: it is no header's name, or one under which credentials go", name.escape_debug());
            return Err(("recorded_headers", message));
        }
        within("model_sync_s", self.model_sync_s, 0, 30 * 24 * 3600)?;
        match self.cors_origins.iter().find(|origin| !is_origin(origin)) {
            Some(wrong) => {
                Err(("cors_origins", format!("must hold * or origins such as https://app.example.com, not {wrong:?}")))
            }
            None => Ok(()),
        }
    }
}

/// `*`, or a scheme, a host and perhaps a port, as browsers send them.
fn is_origin(text: &str) -> bool {
    let is_host = |host: &str| !host.is_empty() && !host.contains(|sign: char| "/?#@\\".contains(sign) || sign.is_whitespace());
    text == "*" || text.split_once("://").is_some_and(|(scheme, host)| !scheme.is_empty() && is_host(host))
}
