//! Providers as the API shows them.

use std::collections::BTreeMap;

use poem_openapi::Object;

use crate::admin::access::Access;
use crate::admin::wire::example;
use crate::domain::{Provider, ProviderId, secret_hint, to_rfc3339};
use crate::store::Stored;

/// A provider.
#[derive(Object)]
#[oai(rename = "Provider", example)]
pub(super) struct ProviderBody {
    /// Id.
    pub(super) id: i64,
    /// Version, as in `ETag`.
    version: i64,
    /// When it was made.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
    /// Name.
    name: String,
    /// Where it is, as it was entered.
    base_url: String,
    /// The full URL of a chat call.
    example_url: String,
    /// Nothing is added to a bare host.
    exact_base_url: bool,
    /// How it wants to see a key.
    auth: String,
    /// Headers added to every request, by name; of each value only the end is shown.
    headers: BTreeMap<String, String>,
    /// Names of client headers that pass besides the default ones.
    pass_headers: Vec<String>,
    /// Time limits.
    timeouts: TimeoutsBody,
    /// Proxy; its password is not shown.
    #[oai(nullable)]
    proxy: Option<String>,
    /// Takes model names that no route and no list knows.
    default: bool,
    /// Allows loopback and private addresses.
    allow_private: bool,
    /// Attempts per call.
    #[oai(nullable)]
    attempts: Option<u32>,
    /// IANA zone of times in its error texts.
    #[oai(nullable)]
    time_zone: Option<String>,
    /// How its keys are probed.
    probe: ProbeBody,
    /// Takes calls.
    enabled: bool,
    /// Number of models that its keys list.
    synced_models: u64,
    /// When their lists were last taken over; null: never.
    #[oai(nullable)]
    models_synced_at: Option<String>,
    /// What is going on there.
    status: ProviderStatusBody,
}

/// Time limits in milliseconds.
#[derive(Object)]
#[oai(rename = "Timeouts")]
struct TimeoutsBody {
    /// Until a connection stands.
    connect_ms: u64,
    /// Until the first byte of a stream.
    first_byte_ms: u64,
    /// Between two pieces of a stream.
    idle_ms: u64,
    /// For the whole of an answer that is not a stream.
    answer_ms: u64,
}

/// How keys are probed.
#[derive(Object)]
#[oai(rename = "Probe")]
struct ProbeBody {
    /// Whether Keywheel probes at all.
    enabled: bool,
    /// Seconds between two probes of a key that a verdict disabled.
    interval_s: u64,
    /// Seconds between two checks of every other key; null: none.
    #[oai(nullable)]
    check_every_s: Option<u64>,
    /// Model for the probing call.
    #[oai(nullable)]
    model: Option<String>,
}

/// What is going on at a provider.
#[derive(Default, Object)]
#[oai(rename = "ProviderStatus")]
struct ProviderStatusBody {
    /// Keys by state.
    keys: BTreeMap<String, u32>,
    /// Calls in flight.
    in_flight: u64,
    /// Since when calls are held back, because many keys failed alike.
    #[oai(nullable)]
    breaker_open_since: Option<String>,
    /// What kind of failure opened the breaker: `outage`, `rate_limit`, `refusal` or `interruption`.
    #[oai(nullable)]
    breaker_reason: Option<String>,
    /// Every call so far ended in a path that the provider does not know.
    check_base_url: bool,
    /// When it last refused the region that calls come from; null: never, or it has served since or was given another address
    /// or proxy.
    #[oai(nullable)]
    region_refused_at: Option<String>,
    /// When it last answered well.
    #[oai(nullable)]
    last_success_at: Option<String>,
}

/// A page of providers.
#[derive(Object)]
pub(super) struct ProviderPage {
    /// The providers.
    pub(super) providers: Vec<ProviderBody>,
    /// Where the next page begins; null: this is the last.
    #[oai(nullable)]
    pub(super) next_cursor: Option<String>,
}

impl ProviderBody {
    pub(super) fn of(row: &Stored<Provider>, access: &Access) -> Self {
        let provider = &*row.value;
        ProviderBody {
            id: provider.id.0,
            version: row.version,
            created_at: to_rfc3339(row.created_ms),
            updated_at: to_rfc3339(row.updated_ms),
            name: provider.name.clone(),
            base_url: provider.base_url.as_given().to_owned(),
            example_url: provider.base_url.join("/chat/completions", None),
            exact_base_url: provider.base_url.is_exact(),
            auth: provider.auth.to_text(),
            headers: provider.headers.iter().map(|(name, value)| (name.clone(), secret_hint(value))).collect(),
            pass_headers: provider.pass_headers.clone(),
            timeouts: TimeoutsBody {
                connect_ms: provider.timeouts.connect_ms,
                first_byte_ms: provider.timeouts.first_byte_ms,
                idle_ms: provider.timeouts.idle_ms,
                answer_ms: provider.timeouts.answer_ms,
            },
            proxy: provider.proxy.as_deref().map(without_password),
            default: provider.is_default,
            allow_private: provider.allow_private,
            attempts: provider.attempts,
            time_zone: provider.time_zone.clone(),
            probe: ProbeBody {
                enabled: provider.probe.enabled,
                interval_s: provider.probe.interval_s,
                check_every_s: provider.probe.check_every_s,
                model: provider.probe.model.clone(),
            },
            enabled: provider.enabled,
            synced_models: provider.synced_models.len() as u64,
            models_synced_at: provider.models_synced_ms.map(to_rfc3339),
            status: ProviderStatusBody::of(provider.id, access),
        }
    }
}

impl ProviderStatusBody {
    fn of(provider: ProviderId, access: &Access) -> Self {
        let Some(status) = access.context().rotator.provider_status(provider, access.now()) else { return Self::default() };
        ProviderStatusBody {
            keys: status.states.iter().map(|(state, count)| (state.as_str().to_owned(), *count)).collect(),
            in_flight: status.in_flight,
            breaker_open_since: status.breaker.map(|(since_ms, _)| to_rfc3339(since_ms)),
            breaker_reason: status.breaker.map(|(_, reason)| reason.to_owned()),
            check_base_url: status.check_base_url,
            region_refused_at: status.region_refused_ms.map(to_rfc3339),
            last_success_at: status.last_success_ms.map(to_rfc3339),
        }
    }
}

/// `socks5://me:secret@host:1080` as `socks5://me:…@host:1080`; taken as an edit, that is refused.
fn without_password(proxy: &str) -> String {
    let Some((scheme, rest)) = proxy.split_once("://") else { return "…".to_owned() };
    match rest.rsplit_once('@') {
        Some((user, host)) => format!("{scheme}://{}:…@{host}", user.split(':').next().unwrap_or_default()),
        None => proxy.to_owned(),
    }
}

example!(ProviderBody, {
    "id": 1, "version": 3, "created_at": "2026-11-25T10:00:00Z", "updated_at": "2026-11-25T10:05:00Z",
    "name": "openai", "base_url": "https://api.openai.com/v1", "example_url": "https://api.openai.com/v1/chat/completions",
    "exact_base_url": false, "auth": "bearer", "headers": { "OpenAI-Project": "…a1b2" }, "pass_headers": [],
    "timeouts": { "connect_ms": 5000, "first_byte_ms": 60000, "idle_ms": 30000, "answer_ms": 600000 },
    "proxy": null, "default": true, "allow_private": false, "attempts": null, "time_zone": null,
    "probe": { "enabled": true, "interval_s": 3600, "check_every_s": null, "model": null }, "enabled": true, "synced_models": 61,
    "models_synced_at": "2026-11-25T10:00:00Z",
    "status": {
        "keys": { "active": 9, "cooling": 1 }, "in_flight": 4, "breaker_open_since": null, "breaker_reason": null,
        "check_base_url": false, "region_refused_at": null, "last_success_at": "2026-11-25T10:04:59.8Z",
    },
});
