//! Settings as the API shows and takes them.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{Example, ParseFromJSON, Type};
use poem_openapi::{Enum, Object};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::admin::error::ApiError;
use crate::admin::wire::{from_example, words};
use crate::domain::{Blame, Class, Retry, Settings, Strategy, to_rfc3339};
use crate::store::Stored;

words!(
    Class,
    "Class",
    [
        "invalid_key",
        "quota",
        "rate_limit",
        "model_not_found",
        "too_large",
        "region",
        "permission",
        "not_found",
        "added_member",
        "provider",
        "network",
        "timeout",
        "request",
        "client_gone"
    ]
);
words!(Blame, "Blame", ["key", "key_model", "key_endpoint", "provider", "request", "client", "nobody"]);
words!(Retry, "Retry", ["none", "same", "next", "next_tier"]);

/// The settings of the installation.
#[derive(Object)]
#[oai(rename = "Settings", example)]
pub(super) struct SettingsBody {
    /// Version, as in `ETag`.
    version: i64,
    /// When they were last changed; null: never.
    #[oai(nullable)]
    updated_at: Option<String>,
    /// How keys are chosen where a model does not say.
    strategy: Strategy,
    /// Attempts per call where a provider does not say, 1 to 10.
    attempts: u32,
    /// Retries as a share of calls, 0 to 1.
    retry_share: f64,
    /// Retries a second that are allowed besides the share.
    retry_burst: u32,
    /// Silence after which a stream's head is sent with `: keepalive` comments, in milliseconds; 0 is never.
    keepalive_ms: u64,
    /// Longest time that a stream's head is held for its first content, in milliseconds.
    commit_ms: u64,
    /// Most bytes that are held for it.
    commit_bytes: u64,
    /// Longest wait for a resting key that owns the object a call names, in milliseconds.
    owner_wait_ms: u64,
    /// Whether request and response bodies are kept.
    store_bodies: bool,
    /// Most bytes kept of one body.
    body_cap_bytes: u64,
    /// Days for which bodies are kept.
    body_retention_days: u32,
    /// Days for which call records are kept; statistics stay.
    retention_days: u32,
    /// Most mebibytes that call records and bodies may take; 0 is no limit. The oldest bodies go first, then the oldest
    /// records, a day at a time; today's stay.
    retention_mib: u64,
    /// Names of request headers that are kept with each call, at most 32; none under which credentials go. Scripts that look at
    /// them can then be tried on logged calls.
    recorded_headers: Vec<String>,
    /// Whether a call is refused when a budget applies and its model has no price.
    refuse_unpriced: bool,
    /// Whether a plain answer that timed out after its body was sent is tried again.
    retry_sent_timeouts: bool,
    /// Seconds between two readings of a provider's model list; 0: it is read until it is known, and then no more.
    model_sync_s: u64,
    /// Whether later changes of a provider's model list wait until an operator accepts them; its first list never waits.
    model_sync_review: bool,
    /// Origins from which browsers may call `/v1`; empty is none, `*` is any.
    cors_origins: Vec<String>,
    /// Rules for errors, before the built-in ones.
    error_rules: Vec<ErrorRuleBody>,
}

/// A rule for errors.
#[derive(Object)]
#[oai(rename = "ErrorRule")]
struct ErrorRuleBody {
    /// Its id, shown with every verdict that it gave.
    id: String,
    /// What it looks for; every part that is given must match.
    #[oai(rename = "match")]
    matches: RuleMatchBody,
    /// The kind of failure.
    class: Class,
    /// Who is to blame.
    blame: Blame,
    /// What may be tried next.
    retry: Retry,
    /// What happens to the key.
    effect: EffectBody,
}

/// What a rule looks for.
#[derive(Object)]
#[oai(rename = "RuleMatch", skip_serializing_if_is_none)]
struct RuleMatchBody {
    /// The provider's name.
    #[oai(nullable)]
    provider: Option<String>,
    /// The HTTP status.
    #[oai(nullable)]
    status: Option<u16>,
    /// The error's code or type, in any case.
    #[oai(nullable)]
    code: Option<String>,
    /// Text somewhere in the body, in any case.
    #[oai(nullable)]
    text: Option<String>,
}

/// What happens to a key.
#[derive(Object)]
#[oai(rename = "Effect", skip_serializing_if_is_none)]
struct EffectBody {
    /// What kind.
    kind: EffectKind,
    /// How long it rests, in milliseconds, for `cooldown` and `backoff`.
    #[oai(nullable)]
    ms: Option<u64>,
    /// The size limit in tokens, for `size_limit`; null: below what the call asked.
    #[oai(nullable)]
    tokens: Option<u64>,
}

/// What kind of effect.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum EffectKind {
    /// Nothing.
    None,
    /// It rests.
    Cooldown,
    /// It rests, twice as long at each repetition.
    Backoff,
    /// It is disabled.
    Disable,
    /// Its size limit for the model is remembered.
    SizeLimit,
    /// The provider's breaker counts it.
    CountAgainstProvider,
}

impl SettingsBody {
    pub(super) fn of(row: &Stored<Settings>) -> Result<Self, ApiError> {
        let mut value = serde_json::to_value(&*row.value).map_err(|error| ApiError::internal(&error))?;
        value["version"] = row.version.into();
        value["updated_at"] = (row.version > 0).then(|| to_rfc3339(row.updated_ms)).into();
        let shown = SettingsBody::parse_from_json(Some(value));
        shown.map_err(|error| ApiError::internal(&std::io::Error::other(error.into_message())))
    }
}

impl Example for SettingsBody {
    fn example() -> Self {
        let mut defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
        defaults["version"] = 0.into();
        from_example(defaults)
    }
}

/// What to change of the settings: members of [`SettingsBody`], all of which may be left out or null.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct SettingsChange(pub(super) Map<String, Value>);

impl Type for SettingsChange {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "SettingsChange".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference("SettingsChange".to_owned())
    }

    fn register(registry: &mut Registry) {
        SettingsBody::register(registry);
        registry.create_schema::<Self, _>("SettingsChange".to_owned(), |registry| {
            let whole = registry.create_fake_schema::<SettingsBody>();
            let nullable = || MetaSchema { nullable: true, ..MetaSchema::ANY };
            let changeable = whole.properties.into_iter().filter(|(name, _)| !matches!(*name, "version" | "updated_at"));
            MetaSchema {
                description: Some("What to change of the settings; null sets a member back to its default."),
                properties: changeable.map(|(name, schema)| (name, schema.merge(nullable()))).collect(),
                example: Some(serde_json::json!({ "attempts": 4, "keepalive_ms": null })),
                ..MetaSchema::new("object")
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}
