//! Configuration: flags over `KEYWHEEL_*` over `keywheel.toml` over defaults, validated, each value knowing its source.
//!
//! Owns every setting that is fixed while Keywheel runs, and is the only room that reads the environment. A wrong or
//! unknown setting is an error that names the setting, where it came from and what would be right.

mod environment;
mod error;
mod file;
mod flags;
mod listen;
mod parse;
mod raw;
mod settings;
mod strays;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use secrecy::SecretString;

use crate::client_address::TrustedProxies;
use crate::telemetry::LogFormat;

pub use self::environment::Environment;
pub use self::error::ConfigError;
pub use self::flags::Flags;
pub use self::listen::ListenAddress;
pub use self::raw::RawConfig;
pub use self::settings::Source;

/// Certificate files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// What the server needs to know.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen.
    pub listen: Vec<ListenAddress>,
    /// Encrypts TCP listeners.
    pub tls: Option<Tls>,
    /// Sub-path in front of every path, such as `/kw`; empty is none.
    pub base_path: String,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: TrustedProxies,
    /// Most connections at once.
    pub connections: usize,
    /// Time for a request head to arrive.
    pub header_timeout: Duration,
    /// Time that a request body may keep its reader waiting.
    pub body_timeout: Duration,
    /// Time after which a client that takes nothing of its answer is cut off.
    pub write_timeout: Duration,
    /// Time after which an idle connection is closed.
    pub keep_alive: Duration,
    /// Time for calls in flight when the server ends.
    pub drain_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig {
            listen: vec![ListenAddress::Tcp("127.0.0.1:8484".to_owned())],
            tls: None,
            base_path: String::new(),
            trusted_proxies: TrustedProxies::default(),
            connections: 8_192,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(25),
            write_timeout: Duration::from_secs(120),
            keep_alive: Duration::from_secs(75),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Where traces go, in OTLP over HTTP.
#[derive(Clone, Debug)]
pub struct Otlp {
    /// The URL that takes them, `/v1/traces` included.
    pub url: String,
    /// What the collector wants to be told, marked sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// How a changed script is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptWatching {
    /// By the system's events.
    Events,
    /// By a look at the folder every so often, 50 ms or more: for mounts without events.
    Poll(Duration),
    /// Not at all: scripts change at a restart, or through the API.
    Off,
}

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the server needs to know.
    pub server: ServerConfig,
    /// Folder of databases and of keys made at first start.
    pub data: PathBuf,
    /// Folder of scripts.
    pub scripts: PathBuf,
    /// How changed scripts are noticed.
    pub script_watch: ScriptWatching,
    /// Time that one run of a hook may take; 1 ms to 10 s.
    pub script_time: Duration,
    /// Steps that one run of a hook may take; 1,000 to 100,000,000.
    pub script_operations: u64,
    /// Bootstrap file.
    pub bootstrap: Option<PathBuf>,
    /// Directives for the log, such as `info` or `keywheel::proxy=debug`.
    pub log: String,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Most bytes of a request body that is held in memory, decoded.
    pub max_body: usize,
    /// Most bytes of an upload that streams through.
    pub max_upload: u64,
    /// Worker threads; `None`: one for every two processors.
    pub threads: Option<NonZeroUsize>,
    /// Token for `/metrics`; `None`: only from this machine.
    pub metrics_token: Option<SecretString>,
    /// Admin token; `None`: generated at first start.
    pub admin_token: Option<SecretString>,
    /// The sealing key itself.
    pub master_key: Option<SecretString>,
    /// File that holds the sealing key.
    pub master_key_file: Option<PathBuf>,
    /// Where traces go; `None`: there are none.
    pub otlp: Option<Otlp>,
    /// Provider keys from `OPENAI_API_KEY`, for an empty catalog.
    pub openai_api_keys: Vec<SecretString>,
    /// Every setting as text, for display; secrets are hidden.
    pub shown: Vec<ShownSetting>,
    /// Remarks about the environment, to be logged once.
    pub warnings: Vec<String>,
}

/// One setting as it is displayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownSetting {
    /// Its name in `keywheel.toml`.
    pub name: &'static str,
    /// Its value; `(hidden)` for a secret, empty where nothing is set.
    pub value: String,
    /// Where it came from.
    pub source: Source,
}
