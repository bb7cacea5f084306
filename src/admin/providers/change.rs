//! Providers as the API takes them.

use std::collections::BTreeMap;

use poem_openapi::Object;
use poem_openapi::types::{Example, MaybeUndefined};
use serde::Deserialize;

use crate::admin::or_null::OrNull;
use crate::admin::wire::{bodies, map, required, set, set_or, set_or_remove, try_map};
use crate::domain::{AuthScheme, BaseUrl, InvalidField, Probe, Provider, Timeouts};

bodies! {
    /// A provider to be made.
    create ProviderCreate;
    /// What to change of a provider.
    change ProviderChange;
    required {
        /// Name, unique, without a slash.
        name: String,
        /// Where it is. A bare host gets `/v1`; any other path is kept as it is; a query is merged with the caller's.
        base_url: String,
    }
    optional {
        /// Nothing is added to a bare host.
        exact_base_url: bool,
        /// How it wants to see a key: `bearer`, `api-key`, `x-api-key`, `x-goog-api-key`, `query:NAME` or `none`.
        auth: String,
        /// Headers added to every request, by name. Only those named here change; null takes one out.
        headers: BTreeMap<String, OrNull<String>>,
        /// Names of client headers that pass besides the default ones.
        pass_headers: Vec<String>,
        /// Time limits. Only those named here change.
        timeouts: TimeoutsChange,
        /// Proxy for calls, probes and lists of models, such as `socks5://host:1080`.
        proxy: String,
        /// Takes model names that no route and no list knows; the provider that did so until now no longer does.
        default: bool,
        /// Allows loopback and private addresses.
        allow_private: bool,
        /// Attempts per call, 1 to 10; null is the setting of the installation.
        attempts: u32,
        /// IANA zone of times that its error texts name without one; null is UTC.
        time_zone: String,
        /// How its keys are probed. Only members named here change.
        probe: ProbeChange,
        /// Takes calls.
        enabled: bool,
    }
}

/// Time limits to be changed, in milliseconds; null sets one back to its default.
#[derive(Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TimeoutsChange {
    /// Until a connection stands.
    #[oai(nullable)]
    connect_ms: MaybeUndefined<u64>,
    /// Until the first byte of a stream.
    #[oai(nullable)]
    first_byte_ms: MaybeUndefined<u64>,
    /// Between two pieces of a stream.
    #[oai(nullable)]
    idle_ms: MaybeUndefined<u64>,
    /// For the whole of an answer that is not a stream.
    #[oai(nullable)]
    answer_ms: MaybeUndefined<u64>,
}

/// How keys are probed, to be changed; null sets a member back to its default.
#[derive(Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ProbeChange {
    /// Whether Keywheel probes at all.
    #[oai(nullable)]
    enabled: MaybeUndefined<bool>,
    /// Seconds between two probes of a key that a verdict disabled, 60 or more.
    #[oai(nullable)]
    interval_s: MaybeUndefined<u64>,
    /// Seconds between two checks of every other key, 3600 or more; null: they are checked only when somebody asks.
    #[oai(nullable)]
    check_every_s: MaybeUndefined<u64>,
    /// Model for the probing call; null: one that the key may serve.
    #[oai(nullable)]
    model: MaybeUndefined<String>,
}

impl ProviderChange {
    pub(super) fn create(self) -> Result<Provider, InvalidField> {
        let mut provider = Provider::new(String::new(), base_url("http://unset", false)?, AuthScheme::default());
        self.apply(&mut provider)?;
        Ok(provider)
    }

    pub(super) fn apply(self, provider: &mut Provider) -> Result<(), InvalidField> {
        if let Some(name) = required("name", self.name)? {
            provider.name = name;
        }
        let mut exact = provider.base_url.is_exact();
        set(&mut exact, self.exact_base_url);
        let given = required("base_url", self.base_url)?.unwrap_or_else(|| provider.base_url.as_given().to_owned());
        provider.base_url = base_url(&given, exact)?;
        set(&mut provider.auth, try_map(self.auth, |text| auth_scheme(&text))?);
        merge_headers(&mut provider.headers, self.headers);
        set(&mut provider.pass_headers, map(self.pass_headers, |names| names.iter().map(|n| n.to_ascii_lowercase()).collect()));
        let timeouts = &mut provider.timeouts;
        match self.timeouts {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => *timeouts = Timeouts::default(),
            MaybeUndefined::Value(change) => change.apply(timeouts),
        }
        set_or_remove(&mut provider.proxy, self.proxy);
        set(&mut provider.is_default, self.default);
        set(&mut provider.allow_private, self.allow_private);
        set_or_remove(&mut provider.attempts, self.attempts);
        set_or_remove(&mut provider.time_zone, self.time_zone);
        match self.probe {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => provider.probe = Probe::default(),
            MaybeUndefined::Value(change) => change.apply(&mut provider.probe),
        }
        set_or(&mut provider.enabled, self.enabled, true);
        Ok(())
    }
}

impl TimeoutsChange {
    fn apply(self, timeouts: &mut Timeouts) {
        let default = Timeouts::default();
        set_or(&mut timeouts.connect_ms, self.connect_ms, default.connect_ms);
        set_or(&mut timeouts.first_byte_ms, self.first_byte_ms, default.first_byte_ms);
        set_or(&mut timeouts.idle_ms, self.idle_ms, default.idle_ms);
        set_or(&mut timeouts.answer_ms, self.answer_ms, default.answer_ms);
    }
}

impl ProbeChange {
    fn apply(self, probe: &mut Probe) {
        let default = Probe::default();
        set_or(&mut probe.enabled, self.enabled, default.enabled);
        set_or(&mut probe.interval_s, self.interval_s, default.interval_s);
        set_or_remove(&mut probe.check_every_s, self.check_every_s);
        set_or_remove(&mut probe.model, self.model);
    }
}

fn auth_scheme(text: &str) -> Result<AuthScheme, InvalidField> {
    let message = "must be bearer, api-key, x-api-key, x-goog-api-key, query:NAME or none".to_owned();
    AuthScheme::parse(text).ok_or(InvalidField { field: "auth", message })
}

fn base_url(text: &str, exact: bool) -> Result<BaseUrl, InvalidField> {
    BaseUrl::parse(text, exact).map_err(|error| InvalidField { field: "base_url", message: error.to_string() })
}

/// Header values are not shown, so an edit names only those that it changes.
fn merge_headers(headers: &mut Vec<(String, String)>, change: MaybeUndefined<BTreeMap<String, OrNull<String>>>) {
    match change {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => headers.clear(),
        MaybeUndefined::Value(change) => {
            for (name, value) in change {
                headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
                headers.extend(value.0.map(|value| (name, value)));
            }
        }
    }
}

impl Example for ProviderCreate {
    fn example() -> Self {
        let ProviderChange { name: _, base_url: _, auth, default, timeouts, .. } = ProviderChange::example();
        ProviderCreate {
            name: "openai".to_owned(),
            base_url: "https://api.openai.com/v1".to_owned(),
            exact_base_url: MaybeUndefined::Undefined,
            auth,
            headers: MaybeUndefined::Undefined,
            pass_headers: MaybeUndefined::Undefined,
            timeouts,
            proxy: MaybeUndefined::Undefined,
            default,
            allow_private: MaybeUndefined::Undefined,
            attempts: MaybeUndefined::Undefined,
            time_zone: MaybeUndefined::Undefined,
            probe: MaybeUndefined::Undefined,
            enabled: MaybeUndefined::Undefined,
        }
    }
}

impl Example for ProviderChange {
    fn example() -> Self {
        ProviderChange {
            auth: "bearer".to_owned().into(),
            default: true.into(),
            timeouts: TimeoutsChange { connect_ms: 5_000.into(), ..TimeoutsChange::default() }.into(),
            ..ProviderChange::default()
        }
    }
}
