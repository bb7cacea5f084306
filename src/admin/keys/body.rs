//! Keys as the API shows and takes them. A secret goes in and never comes out.

use poem_openapi::Object;
use poem_openapi::types::{Example, MaybeUndefined};
use secrecy::ExposeSecret;

use super::status::KeyStatusBody;
use crate::admin::wire::{bodies, budget, example, map, patterns, required, set, set_or, set_or_remove, texts, try_map};
use crate::domain::{InvalidField, Key, Provider, ProviderId, secret_hint, to_rfc3339};
use crate::rotator::KeyStatus;
use crate::store::{Catalog, Stored};

bodies! {
    /// A key to be made.
    create KeyCreate;
    /// What to change of a key.
    change KeyChange;
    required {
        /// Id of its provider.
        provider: i64,
        /// Name, unique within the provider.
        name: String,
        /// The secret. No answer ever shows it.
        secret: String,
    }
    optional {
        /// Labels that clients and scripts select by.
        tags: Vec<String>,
        /// Share of calls relative to its peers, 0 to 1000; 0 takes no calls; 1 if left out.
        weight: u32,
        /// Order for the strategy `priority`: smaller is used first.
        priority: i32,
        /// Models that it may serve, with `*` for any run; null is every model, an empty list is none.
        models: Vec<String>,
        /// The provider account that it belongs to; keys of one account share limits.
        account: String,
        /// Requests in any 60 seconds; null is no limit, 0 is none allowed.
        rpm: u64,
        /// Tokens in any 60 seconds; null is no limit, 0 is none allowed.
        tpm: u64,
        /// Requests in a UTC day; null is no limit, 0 is none allowed.
        rpd: u64,
        /// Calls in flight at once; null is no limit, 0 is none allowed.
        concurrency: u64,
        /// Dollars in a UTC calendar month; null is no limit, 0 is none allowed.
        budget_usd_month: f64,
    }
}

impl KeyChange {
    pub(super) fn create(self) -> Result<Key, InvalidField> {
        let mut key = Key::new(ProviderId(0), "", "");
        self.apply(&mut key)?;
        Ok(key)
    }

    pub(super) fn apply(self, key: &mut Key) -> Result<(), InvalidField> {
        if let Some(provider) = required("provider", self.provider)? {
            key.provider = ProviderId(provider);
        }
        if let Some(name) = required("name", self.name)? {
            key.name = name;
        }
        if let Some(secret) = required("secret", self.secret)? {
            key.secret = secret.into();
        }
        set(&mut key.tags, self.tags);
        set_or(&mut key.weight, self.weight, 1);
        set(&mut key.priority, self.priority);
        set_or_remove(&mut key.models, map(self.models, patterns));
        set_or_remove(&mut key.account, self.account);
        set_or_remove(&mut key.limits.rpm, self.rpm);
        set_or_remove(&mut key.limits.tpm, self.tpm);
        set_or_remove(&mut key.limits.rpd, self.rpd);
        set_or_remove(&mut key.limits.concurrency, self.concurrency);
        set_or_remove(
            &mut key.limits.budget_month,
            try_map(self.budget_usd_month, |dollars| budget("budget_usd_month", dollars))?,
        );
        Ok(())
    }
}

/// A key.
#[derive(Object)]
#[oai(rename = "Key", example)]
pub(super) struct KeyBody {
    /// Id.
    pub(super) id: i64,
    /// Version, as in `ETag`.
    version: i64,
    /// When it was made.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
    /// Id of its provider.
    provider: i64,
    /// Name of its provider.
    provider_name: String,
    /// Name.
    name: String,
    /// The last four characters of its secret.
    secret_hint: String,
    /// Labels.
    tags: Vec<String>,
    /// Share of calls relative to its peers.
    weight: u32,
    /// Order for the strategy `priority`.
    priority: i32,
    /// Models that it may serve; null is every model.
    #[oai(nullable)]
    models: Option<Vec<String>>,
    /// The provider account that it belongs to.
    #[oai(nullable)]
    account: Option<String>,
    /// Requests in any 60 seconds.
    #[oai(nullable)]
    rpm: Option<u64>,
    /// Tokens in any 60 seconds.
    #[oai(nullable)]
    tpm: Option<u64>,
    /// Requests in a UTC day.
    #[oai(nullable)]
    rpd: Option<u64>,
    /// Calls in flight at once.
    #[oai(nullable)]
    concurrency: Option<u64>,
    /// Dollars in a UTC calendar month.
    #[oai(nullable)]
    budget_usd_month: Option<f64>,
    /// How it fares.
    #[oai(nullable)]
    status: Option<KeyStatusBody>,
}

/// A page of keys.
#[derive(Object)]
pub(super) struct KeyPage {
    /// The keys.
    pub(super) keys: Vec<KeyBody>,
    /// Where the next page begins; null: this is the last.
    #[oai(nullable)]
    pub(super) next_cursor: Option<String>,
}

impl KeyBody {
    pub(super) fn of(row: &Stored<Key>, catalog: &Catalog, status: Option<KeyStatus>) -> Self {
        let key = &*row.value;
        let provider = catalog.get::<Provider>(key.provider);
        KeyBody {
            id: key.id.0,
            version: row.version,
            created_at: to_rfc3339(row.created_ms),
            updated_at: to_rfc3339(row.updated_ms),
            provider: key.provider.0,
            provider_name: provider.map(|row| row.value.name.clone()).unwrap_or_default(),
            name: key.name.clone(),
            secret_hint: secret_hint(key.secret.expose_secret()),
            tags: key.tags.clone(),
            weight: key.weight,
            priority: key.priority,
            models: texts(key.models.as_ref()),
            account: key.account.clone(),
            rpm: key.limits.rpm,
            tpm: key.limits.tpm,
            rpd: key.limits.rpd,
            concurrency: key.limits.concurrency,
            budget_usd_month: key.limits.budget_month.map(|amount| amount.as_dollars()),
            status: status.map(KeyStatusBody::from),
        }
    }
}

impl Example for KeyCreate {
    fn example() -> Self {
        KeyCreate {
            provider: 1,
            name: "team-a".to_owned(),
            secret: "sk-…".to_owned(),
            tags: vec!["paid".to_owned()].into(),
            weight: 2.into(),
            priority: MaybeUndefined::Undefined,
            models: vec!["gpt-4o*".to_owned()].into(),
            account: "org-a".to_owned().into(),
            rpm: 500.into(),
            tpm: MaybeUndefined::Undefined,
            rpd: MaybeUndefined::Undefined,
            concurrency: MaybeUndefined::Undefined,
            budget_usd_month: 50.0.into(),
        }
    }
}

impl Example for KeyChange {
    fn example() -> Self {
        KeyChange { weight: 5.into(), rpm: MaybeUndefined::Null, ..KeyChange::default() }
    }
}

example!(KeyBody, {
    "id": 1, "version": 3, "created_at": "2026-11-25T10:00:00Z", "updated_at": "2026-11-25T10:05:00Z",
    "provider": 1, "provider_name": "openai", "name": "team-a", "secret_hint": "…a1b2", "tags": ["paid"], "weight": 2,
    "priority": 0, "models": ["gpt-4o*"], "account": "org-a", "rpm": 500, "tpm": null, "rpd": null, "concurrency": null,
    "budget_usd_month": 50.0,
    "status": {
        "state": "cooling", "reason": "openai.rate_limit", "since": "2026-11-25T10:04:20Z", "until": "2026-11-25T10:05:20Z",
        "wait_source": "retry-after", "next_probe_at": null, "models": [], "endpoints": [], "account": "org-a",
        "account_until": null, "in_flight": 0, "failures": 1, "rpm_used": 17, "tpm_used": 20480, "requests_today": 912,
        "spent_month_usd": 7.25, "remaining_requests": 0, "remaining_tokens": 120000, "reset_at": "2026-11-25T10:05:20Z",
        "latency_ms": 412.5, "last_used_at": "2026-11-25T10:04:20Z", "last_success_at": "2026-11-25T10:04:12Z",
    },
});
