//! A provider: an endpoint that speaks the OpenAI HTTP API.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::base_url::BaseUrl;
use super::ids::ProviderId;
use super::money::Price;

/// How a provider wants to see a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum AuthScheme {
    /// `Authorization: Bearer KEY`.
    #[default]
    Bearer,
    /// `api-key: KEY` (Azure).
    ApiKey,
    /// `x-api-key: KEY` (Anthropic).
    XApiKey,
    /// `x-goog-api-key: KEY` (Gemini).
    XGoogApiKey,
    /// `?NAME=KEY`.
    Query(String),
    /// Nothing is sent (a local server).
    None,
}

impl AuthScheme {
    /// Reads `bearer`, `api-key`, `x-api-key`, `x-goog-api-key`, `query:NAME` or `none`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "bearer" => AuthScheme::Bearer,
            "api-key" => AuthScheme::ApiKey,
            "x-api-key" => AuthScheme::XApiKey,
            "x-goog-api-key" => AuthScheme::XGoogApiKey,
            "none" => AuthScheme::None,
            _ => AuthScheme::Query(text.strip_prefix("query:").filter(|name| is_query_name(name))?.to_owned()),
        })
    }

    /// The text that [`AuthScheme::parse`] reads.
    pub fn to_text(&self) -> String {
        match self {
            AuthScheme::Bearer => "bearer".to_owned(),
            AuthScheme::ApiKey => "api-key".to_owned(),
            AuthScheme::XApiKey => "x-api-key".to_owned(),
            AuthScheme::XGoogApiKey => "x-goog-api-key".to_owned(),
            AuthScheme::Query(name) => format!("query:{name}"),
            AuthScheme::None => "none".to_owned(),
        }
    }
}

fn is_query_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// How long a provider may take, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// Until a connection stands, TLS included.
    pub connect_ms: u64,
    /// Until the first byte of a stream's answer; then the next key is tried.
    pub first_byte_ms: u64,
    /// Between two pieces of a stream.
    pub idle_ms: u64,
    /// For the whole of an answer that is not a stream; a call that was sent is not sent again after it.
    pub answer_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { connect_ms: 5_000, first_byte_ms: 60_000, idle_ms: 30_000, answer_ms: 600_000 }
    }
}

/// How a resting or disabled key is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Probe {
    /// Whether Keywheel probes at all.
    pub enabled: bool,
    /// Seconds between two probes of an automatically disabled key, 60 or more.
    pub interval_s: u64,
    /// Seconds between two checks of every other key, 3600 or more; each key has its own moment in that time. `None`: they
    /// are checked only when somebody asks.
    pub check_every_s: Option<u64>,
    /// Model for the probing call where `/models` cannot tell; `None`: one that the key may serve.
    pub model: Option<String>,
}

impl Default for Probe {
    fn default() -> Self {
        Probe { enabled: true, interval_s: 3_600, check_every_s: None, model: None }
    }
}

/// An endpoint that speaks the OpenAI HTTP API.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Row id.
    pub id: ProviderId,
    /// The operator's name for it, unique.
    pub name: String,
    /// Where it is.
    pub base_url: BaseUrl,
    /// How it wants to see a key.
    pub auth: AuthScheme,
    /// Headers added to every request.
    pub headers: Vec<(String, String)>,
    /// Names of client headers that pass besides the default ones, in lower case.
    pub pass_headers: Vec<String>,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// Proxy for calls, probes and model lists, such as `socks5://host:1080`.
    pub proxy: Option<String>,
    /// Takes model names that no route and no synced list knows.
    pub is_default: bool,
    /// Whether loopback and private addresses are allowed.
    pub allow_private: bool,
    /// Attempts per call; `None`: as the installation's default.
    pub attempts: Option<u32>,
    /// IANA zone of times that its error texts name without one; `None` is UTC.
    pub time_zone: Option<String>,
    /// How its keys are probed.
    pub probe: Probe,
    /// Model names that its keys were seen to list, without those that vanished or were taken out.
    pub synced_models: Vec<String>,
    /// When that list was last taken over, in UTC unix milliseconds.
    pub models_synced_ms: Option<i64>,
    /// Counts the changes of what is known of its models.
    pub models_version: i64,
    /// What an operator says that it charges, by its own names of models.
    pub model_prices: HashMap<String, Arc<Price>>,
    /// Whether it takes calls.
    pub enabled: bool,
}

impl Provider {
    /// A provider that has no row yet, with the default of everything else.
    pub fn new(name: String, base_url: BaseUrl, auth: AuthScheme) -> Self {
        Provider {
            id: ProviderId(0),
            name,
            base_url,
            auth,
            headers: Vec::new(),
            pass_headers: Vec::new(),
            timeouts: Timeouts::default(),
            proxy: None,
            is_default: false,
            allow_private: false,
            attempts: None,
            time_zone: None,
            probe: Probe::default(),
            synced_models: Vec::new(),
            models_synced_ms: None,
            models_version: 1,
            model_prices: Default::default(),
            enabled: true,
        }
    }
}
