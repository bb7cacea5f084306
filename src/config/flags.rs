//! The flags on the command line.

use std::collections::BTreeMap;

use clap::Args;

/// The flags of `keywheel serve`. Each has a twin `KEYWHEEL_…` in the environment and a name in `keywheel.toml`.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// Address to listen on: HOST:PORT (port 0 is any free one) or unix:/path; may be repeated [default: 127.0.0.1:8484]
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// Folder of databases and generated keys [default: ./data]
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// Folder of Rhai scripts [default: ./scripts]
    #[arg(long, value_name = "FOLDER")]
    scripts: Option<String>,
    /// How changed scripts are noticed: events, off, or the time between two looks for mounts without events [default: events]
    #[arg(long, value_name = "MODE")]
    script_watch: Option<String>,
    /// Time that one run of a hook may take [default: 25ms]
    #[arg(long, value_name = "DURATION")]
    script_time: Option<String>,
    /// Steps that one run of a hook may take [default: 200000]
    #[arg(long, value_name = "NUMBER")]
    script_operations: Option<String>,
    /// File that declares providers, keys, models and clients; applied at each start
    #[arg(long, value_name = "FILE")]
    bootstrap: Option<String>,
    /// File of settings [default: keywheel.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<String>,
    /// What is logged, such as info, debug or keywheel::proxy=debug [default: info]
    #[arg(long, value_name = "DIRECTIVES")]
    log: Option<String>,
    /// How log lines are written: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Sub-path that a reverse proxy serves Keywheel under, such as /kw
    #[arg(long, value_name = "PATH")]
    base_path: Option<String>,
    /// Address or network of a reverse proxy whose X-Forwarded-For is believed, or unix; may be repeated
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    trusted_proxies: Vec<String>,
    /// Largest request body that is held in memory [default: 32MiB]
    #[arg(long, value_name = "BYTES")]
    max_body: Option<String>,
    /// Largest upload that streams through [default: 1GiB]
    #[arg(long, value_name = "BYTES")]
    max_upload: Option<String>,
    /// Most client connections at once [default: 8192]
    #[arg(long, value_name = "NUMBER")]
    connections: Option<String>,
    /// Time for a request head to arrive [default: 10s]
    #[arg(long, value_name = "DURATION")]
    header_timeout: Option<String>,
    /// Time that a request body may keep us waiting, and a second more per 16 KiB of it [default: 25s]
    #[arg(long, value_name = "DURATION")]
    body_timeout: Option<String>,
    /// Time after which a client that takes nothing of its answer is cut off [default: 2m]
    #[arg(long, value_name = "DURATION")]
    write_timeout: Option<String>,
    /// Time after which an idle connection is closed [default: 75s]
    #[arg(long, value_name = "DURATION")]
    keep_alive: Option<String>,
    /// Time for calls in flight after a stop signal [default: 30s]
    #[arg(long, value_name = "DURATION")]
    drain_timeout: Option<String>,
    /// Certificate chain in PEM; turns TLS on
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// Private key of the certificate in PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// Worker threads; more where script hooks compute much [default: one for every two processors]
    #[arg(long, value_name = "NUMBER")]
    threads: Option<String>,
    /// File that holds the sealing key [default: master.key in the data folder, made at first start]
    #[arg(long, value_name = "FILE")]
    master_key_file: Option<String>,
    /// OpenTelemetry collector that is sent a trace of every call, such as http://127.0.0.1:4318 [default: none]
    #[arg(long, value_name = "URL")]
    otlp_endpoint: Option<String>,
}

impl Flags {
    /// Only where to listen, and what to log; for a command that decides everything else itself.
    pub fn of_demo(listen: Vec<String>, log: Option<String>) -> Self {
        Flags { listen, log, ..Flags::default() }
    }

    /// The flags that were given, by setting. Secrets have none: a command line can be read by other users.
    pub(super) fn values(self) -> BTreeMap<&'static str, Vec<String>> {
        let one = |value: Option<String>| value.into_iter().collect();
        let all = [
            ("listen", self.listen),
            ("data", one(self.data)),
            ("scripts", one(self.scripts)),
            ("script_watch", one(self.script_watch)),
            ("script_time", one(self.script_time)),
            ("script_operations", one(self.script_operations)),
            ("bootstrap", one(self.bootstrap)),
            ("log", one(self.log)),
            ("log_format", one(self.log_format)),
            ("base_path", one(self.base_path)),
            ("trusted_proxies", self.trusted_proxies),
            ("max_body", one(self.max_body)),
            ("max_upload", one(self.max_upload)),
            ("connections", one(self.connections)),
            ("header_timeout", one(self.header_timeout)),
            ("body_timeout", one(self.body_timeout)),
            ("write_timeout", one(self.write_timeout)),
            ("keep_alive", one(self.keep_alive)),
            ("drain_timeout", one(self.drain_timeout)),
            ("tls_cert", one(self.tls_cert)),
            ("tls_key", one(self.tls_key)),
            ("threads", one(self.threads)),
            ("master_key_file", one(self.master_key_file)),
            ("otlp_endpoint", one(self.otlp_endpoint)),
        ];
        all.into_iter().filter(|(_, values)| !values.is_empty()).collect()
    }
}
