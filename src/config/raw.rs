//! From flags, environment and file to a validated configuration.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::environment::Environment;
use super::error::ConfigError;
use super::file::read_file;
use super::flags::Flags;
use super::settings::{SETTINGS, Setting, Source};
use super::strays::warnings;
use super::{Config, ListenAddress, Otlp, ScriptWatching, ServerConfig, ShownSetting, Tls, parse};
use crate::client_address::TrustedProxies;
use crate::telemetry::LogFormat;

/// Every setting as text, with its source, before validation.
#[derive(Clone, Debug)]
pub struct RawConfig {
    values: BTreeMap<&'static str, (Vec<String>, Source)>,
    openai_api_key: Option<String>,
    warnings: Vec<String>,
}

impl RawConfig {
    /// Gathers flags, environment and file; the first one that names a setting wins.
    pub fn gather(mut flags: Flags, environment: &Environment) -> Result<Self, ConfigError> {
        let config_flag = flags.config.take();
        let from_flags = flags.values();
        let mut from_file = read_file(config_flag, environment)?;
        let mut values = BTreeMap::new();
        for setting in SETTINGS {
            let variable = setting.variable();
            let value = if let Some(given) = from_flags.get(setting.name) {
                Some((given.clone(), Source::Flag(setting.flag())))
            } else if let Some(text) = environment.get(&variable)? {
                Some((split(setting, text), Source::Environment(variable)))
            } else {
                from_file.remove(setting.name)
            };
            if let Some(value) = value {
                values.insert(setting.name, value);
            }
        }
        let openai_api_key = environment.get("OPENAI_API_KEY")?.map(str::to_owned);
        Ok(RawConfig { values, openai_api_key, warnings: warnings(environment) })
    }

    /// Checks every value. The first wrong one is the error.
    pub fn validate(mut self) -> Result<Config, ConfigError> {
        let shown = self.shown();
        let server = self.server()?;
        let log_format = self.read("log_format", "text or json", LogFormat::Text, |text| match text {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        })?;
        let size = "a number of bytes such as 32MiB, 1KiB or more";
        let bytes = |text: &str| parse::bytes(text).filter(|bytes| *bytes >= 1024);
        let max_body = self.read("max_body", size, 32 << 20, bytes)?;
        let max_upload = self.read("max_upload", size, 1 << 30, bytes)?;
        if max_upload < max_body {
            return Err(ConfigError::Conflict("max_upload must not be less than max_body".to_owned()));
        }
        let some_path = |text: &str| Some(Some(PathBuf::from(text)));
        Ok(Config {
            server,
            data: self.read("data", "a folder", "./data".into(), |text| Some(text.into()))?,
            scripts: self.read("scripts", "a folder", "./scripts".into(), |text| Some(text.into()))?,
            script_watch: self.read(
                "script_watch",
                "events, off, or a duration of 50ms or more such as 1s",
                ScriptWatching::Events,
                parse::script_watching,
            )?,
            script_time: self.read("script_time", "1ms to 10s", Duration::from_millis(25), |text| {
                parse::duration(text).filter(|time| (1..=10_000).contains(&time.as_millis()))
            })?,
            script_operations: self.read("script_operations", "1000 to 100000000", 200_000, |text| {
                text.parse().ok().filter(|steps| (1_000..=100_000_000).contains(steps))
            })?,
            bootstrap: self.read("bootstrap", "a file", None, some_path)?,
            log: self.read("log", "directives such as info or keywheel::proxy=debug", "info".to_owned(), |text| {
                text.parse::<tracing_subscriber::filter::Targets>().is_ok().then(|| text.to_owned())
            })?,
            log_format,
            max_body: max_body as usize,
            max_upload,
            threads: self.read("threads", "1 to 1024", None, |text| {
                text.parse::<NonZeroUsize>().ok().filter(|threads| threads.get() <= 1024).map(Some)
            })?,
            metrics_token: self.token("metrics_token")?,
            admin_token: self.token("admin_token")?,
            master_key: self.read("master_key", "the sealing key", None, |text| Some(Some(text.into())))?,
            master_key_file: self.read("master_key_file", "a file", None, some_path)?,
            otlp: self.otlp()?,
            openai_api_keys: split_list(self.openai_api_key.as_deref().unwrap_or_default()).map(SecretString::from).collect(),
            shown,
            warnings: self.warnings,
        })
    }

    fn otlp(&mut self) -> Result<Option<Otlp>, ConfigError> {
        let url = "an http or https URL without a query, such as http://127.0.0.1:4318";
        let url = self.read("otlp_endpoint", url, None, |text| parse::otlp_url(text).map(Some))?;
        let headers = self.read_all("otlp_headers", "name=value for each header", Vec::new(), parse::header)?;
        match url {
            Some(url) => Ok(Some(Otlp { url, headers })),
            None if headers.is_empty() => Ok(None),
            None => Err(ConfigError::Conflict("otlp_headers needs otlp_endpoint: there is no collector to tell".to_owned())),
        }
    }

    fn server(&mut self) -> Result<ServerConfig, ConfigError> {
        let default = ServerConfig::default();
        let duration = "a duration of 1ms or more such as 10s, 500ms or 2m";
        let some_duration = |text: &str| parse::duration(text).filter(|duration| !duration.is_zero());
        let certificate = self.read("tls_cert", "a file", None, |text| Some(Some(text.into())))?;
        let key = self.read("tls_key", "a file", None, |text| Some(Some(text.into())))?;
        let tls = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(Tls { certificate, key }),
            (None, None) => None,
            _ => return Err(ConfigError::Conflict("tls_cert and tls_key need each other: one of them is missing".to_owned())),
        };
        Ok(ServerConfig {
            listen: self.read_all("listen", "HOST:PORT or unix:/path", default.listen, ListenAddress::parse)?,
            tls,
            base_path: self.read("base_path", "a path such as /kw, not /v1 or /api", default.base_path, parse::base_path)?,
            trusted_proxies: self
                .read_all("trusted_proxies", "addresses, networks such as 10.0.0.0/8, or unix", Vec::new(), |text| {
                    parse::add_trusted_proxy(TrustedProxies::default(), text)
                })?
                .into_iter()
                .fold(TrustedProxies::default(), |mut all, one| {
                    all.networks.extend(one.networks);
                    all.unix |= one.unix;
                    all
                }),
            connections: self.read("connections", "1 to 1000000", default.connections, |text| {
                text.parse().ok().filter(|number| (1..=1_000_000).contains(number))
            })?,
            header_timeout: self.read("header_timeout", duration, default.header_timeout, some_duration)?,
            body_timeout: self.read("body_timeout", duration, default.body_timeout, some_duration)?,
            write_timeout: self.read("write_timeout", duration, default.write_timeout, some_duration)?,
            keep_alive: self.read("keep_alive", duration, default.keep_alive, some_duration)?,
            drain_timeout: self.read("drain_timeout", "a duration such as 30s or 0", default.drain_timeout, parse::duration)?,
        })
    }
}

impl RawConfig {
    /// One value, or the default.
    fn read<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        default: T,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let Some((texts, source)) = self.values.remove(name) else { return Ok(default) };
        let text = texts.first().map_or("", String::as_str);
        parse(text).ok_or_else(|| wrong_value(name, text, source, expected))
    }

    /// Several values, or the default.
    fn read_all<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        default: Vec<T>,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, ConfigError> {
        let Some((texts, source)) = self.values.remove(name) else { return Ok(default) };
        let read = |text: &String| parse(text).ok_or_else(|| wrong_value(name, text, source.clone(), expected));
        texts.iter().map(read).collect()
    }

    fn token(&mut self, name: &'static str) -> Result<Option<SecretString>, ConfigError> {
        self.read(name, "8 to 256 visible characters", None, |text| parse::is_token(text).then(|| Some(text.into())))
    }

    fn shown(&self) -> Vec<ShownSetting> {
        let show = |setting: &Setting| {
            let (value, source) = match self.values.get(setting.name) {
                Some((_, source)) if setting.secret => ("(hidden)".to_owned(), source.clone()),
                Some((texts, source)) => (texts.join(", "), source.clone()),
                None => (setting.default.to_owned(), Source::Default),
            };
            ShownSetting { name: setting.name, value, source }
        };
        SETTINGS.iter().map(show).collect()
    }
}

fn wrong_value(name: &'static str, text: &str, origin: Source, expected: &'static str) -> ConfigError {
    let secret = SETTINGS.iter().any(|setting| setting.name == name && setting.secret);
    let problem = match secret {
        true => "the value does not fit".to_owned(),
        false => format!("`{}` does not fit", text.escape_debug()),
    };
    ConfigError::Value { name, origin, problem, expected }
}

fn split(setting: &Setting, text: &str) -> Vec<String> {
    if setting.many { split_list(text).collect() } else { vec![text.to_owned()] }
}

fn split_list(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use secrecy::ExposeSecret;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        flags: Flags,
    }

    fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let arguments = ["keywheel"].iter().chain(arguments);
        let flags = Command::try_parse_from(arguments).expect("known flags").flags;
        RawConfig::gather(flags, &Environment::of(variables.iter().copied()))?.validate()
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("writing to it");
        file
    }

    fn source(config: &Config, name: &str) -> String {
        config.shown.iter().find(|shown| shown.name == name).expect("the setting is shown").source.to_string()
    }

    #[test]
    fn flags_win_over_variables_over_the_file_over_defaults() {
        let file = file("data = 'file'\nscripts = 'file'\nlog = 'warn'\nconnections = 7\nlisten = ['a:1', 'b:2']");
        let path = file.path().to_str().unwrap();
        let variables = [("KEYWHEEL_DATA", "variable"), ("KEYWHEEL_SCRIPTS", "variable"), ("KEYWHEEL_LOG", "")];
        let config = read(&["--config", path, "--data", "flag"], &variables).unwrap();
        assert_eq!(config.data, PathBuf::from("flag"));
        assert_eq!(config.scripts, PathBuf::from("variable"));
        assert_eq!((config.log.as_str(), config.server.connections), ("warn", 7));
        assert_eq!(config.server.listen.len(), 2);
        assert_eq!(config.max_body, 32 << 20);
        assert_eq!(source(&config, "data"), "the flag --data");
        assert_eq!(source(&config, "scripts"), "the environment variable KEYWHEEL_SCRIPTS");
        assert_eq!(source(&config, "log"), format!("the file {path}"));
        assert_eq!(source(&config, "max_body"), "the default");
    }

    #[test]
    fn the_file_may_be_named_by_a_variable() {
        let file = file("drain_timeout = '5s'");
        let config = read(&[], &[("KEYWHEEL_CONFIG", file.path().to_str().unwrap())]).unwrap();
        assert_eq!(config.server.drain_timeout.as_secs(), 5);
    }

    #[test]
    fn lists_come_repeated_or_with_commas() {
        let config = read(&["--listen", "a:1", "--listen", "unix:/x"], &[]).unwrap();
        assert_eq!(config.server.listen.len(), 2);
        let variables = [("KEYWHEEL_LISTEN", "a:1, b:2,"), ("OPENAI_API_KEY", "sk-one,sk-two")];
        let config = read(&[], &variables).unwrap();
        assert_eq!(config.server.listen.len(), 2);
        let keys: Vec<_> = config.openai_api_keys.iter().map(ExposeSecret::expose_secret).collect();
        assert_eq!(keys, ["sk-one", "sk-two"]);
    }

    #[test]
    fn a_wrong_value_names_setting_source_and_remedy() {
        let error = read(&["--max-body", "lots"], &[]).unwrap_err().to_string();
        assert_eq!(
            error,
            "max_body from the flag --max-body: `lots` does not fit; expected a number of bytes such as 32MiB, 1KiB or more"
        );
        let error = read(&[], &[("KEYWHEEL_LISTEN", "8484")]).unwrap_err().to_string();
        assert_eq!(
            error,
            "listen from the environment variable KEYWHEEL_LISTEN: `8484` does not fit; expected HOST:PORT or unix:/path"
        );
        for arguments in [
            ["--log-format", "xml"],
            ["--threads", "0"],
            ["--connections", "0"],
            ["--base-path", "/v1"],
            ["--trusted-proxies", "any"],
            ["--header-timeout", "0s"],
            ["--tls-cert", "cert.pem"],
            ["--max-upload", "1KiB"],
        ] {
            read(&arguments, &[]).expect_err(arguments[0]);
        }
    }

    #[test]
    fn the_value_of_a_secret_is_in_no_message() {
        let error = read(&[], &[("KEYWHEEL_ADMIN_TOKEN", "hunter2")]).unwrap_err().to_string();
        assert!(error.contains("KEYWHEEL_ADMIN_TOKEN") && !error.contains("hunter2"), "{error}");
        let variables =
            [("KEYWHEEL_ADMIN_TOKEN", "correct horse"), ("KEYWHEEL_MASTER_KEY", "battery"), ("OPENAI_API_KEY", "sk-9")];
        let printed = format!("{:?}", read(&[], &variables).unwrap());
        assert!(!["horse", "battery", "sk-9"].iter().any(|secret| printed.contains(secret)), "{printed}");
    }

    #[test]
    fn traces_go_where_the_settings_say() {
        let variables = [("KEYWHEEL_OTLP_HEADERS", "Authorization=Basic YTpi==, x-team=a")];
        let otlp = read(&["--otlp-endpoint", "https://collector.example/"], &variables).unwrap().otlp.unwrap();
        assert_eq!(otlp.url, "https://collector.example/v1/traces");
        let headers: Vec<_> = otlp.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(headers, [("authorization", "Basic YTpi=="), ("x-team", "a")]);
        assert!(!format!("{otlp:?}").contains("YTpi"));
        for url in ["http://c:4318/otlp", "http://c:4318/otlp/v1/traces"] {
            assert_eq!(read(&["--otlp-endpoint", url], &[]).unwrap().otlp.unwrap().url, "http://c:4318/otlp/v1/traces");
        }
        assert!(read(&[], &[]).unwrap().otlp.is_none());
        for url in ["c:4318", "grpc://c:4317", "http://", "http://c/?a=b", "http://me:secret@c/"] {
            read(&["--otlp-endpoint", url], &[]).expect_err(url);
        }
        let alone = read(&[], &variables).unwrap_err().to_string();
        assert!(alone.contains("otlp_endpoint") && !alone.contains("YTpi"), "{alone}");
        let wrong = read(&["--otlp-endpoint", "http://c"], &[("KEYWHEEL_OTLP_HEADERS", "hunter2")]).unwrap_err().to_string();
        assert!(wrong.contains("KEYWHEEL_OTLP_HEADERS") && !wrong.contains("hunter2"), "{wrong}");
    }

    #[test]
    fn an_unknown_or_mistyped_setting_in_the_file_stops_the_start() {
        let refused = |text: &str| read(&["--config", file(text).path().to_str().unwrap()], &[]).unwrap_err().to_string();
        assert!(refused("lsiten = 'a:1'").ends_with("unknown setting `lsiten`; did you mean `listen`?"));
        assert!(refused("colour = 'red'").ends_with("unknown setting `colour`"));
        assert!(refused("data = ['a']").contains("data from the file"));
        assert!(refused("data = ").contains("the flag --config"));
        assert!(
            read(&["--config", "/nowhere.toml"], &[]).unwrap_err().to_string().starts_with("/nowhere.toml (the flag --config)")
        );
    }

    #[test]
    fn stray_variables_get_one_warning_and_those_of_kubernetes_none() {
        let variables = [
            ("KEYWHEEL_PORT", "tcp://10.0.0.1:8484"),
            ("KEYWHEEL_HOST", "10.0.0.1"),
            ("KEYWHEEL_SERVICE_HOST", "10.0.0.1"),
            ("KEYWHEEL_SERVICE_PORT_HTTP", "8484"),
            ("KEYWHEEL_PORT_8484_TCP_ADDR", "10.0.0.1"),
            ("KEYWHEEL_ADMIN_SERVICE_HOST", "10.0.0.1"),
            ("KEYWHEEL_ADMIN_PORT_8484_TCP", "tcp://10.0.0.1:8484"),
            ("KEYWHEEL_LISTN", "127.0.0.1:1"),
            ("KEYWHEEL_COLOUR", "red"),
            ("KEYWHEEL_LOG", "debug"),
        ];
        let warnings = read(&[], &variables).unwrap().warnings;
        assert_eq!(
            warnings,
            [
                "the environment variable KEYWHEEL_COLOUR is no setting: no setting has a similar name",
                "the environment variable KEYWHEEL_LISTN is no setting: did you mean KEYWHEEL_LISTEN?",
            ]
        );
    }
}
