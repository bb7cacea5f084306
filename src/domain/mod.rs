//! The nouns of Keywheel: what they are, what makes them valid, and the immutable snapshot that calls read.
//!
//! Owns the field's words (provider, key, model, client, call, attempt, verdict), their validation and their arithmetic.
//! Refuses IO of every kind: no clock, no randomness, no HTTP framework, no SQL. Imports no other room.

mod alert;
mod base_url;
mod call;
mod chat;
mod client;
mod dollars;
mod event;
mod foreign_keys;
mod headers;
mod ids;
mod key;
mod limits;
mod model;
mod money;
mod owner;
mod pasted_keys;
mod pattern;
mod person;
mod provider;
mod settings;
mod snapshot;
mod time;
mod tokens;
mod trace;
mod usage;
mod validation;
mod verdict;
mod window;

pub use alert::{
    Alert, AlertChannel, AlertDelivery, AlertEvent, AlertKind, AlertLine, AlertMessage, AlertRule, ChannelKind, DeliveryState,
    MailSecurity, MailServer, QuietHours, Severity,
};
pub use base_url::{BaseUrl, BaseUrlError};
pub use call::{
    Api, AttemptRecord, AttemptTimings, BodyCapture, CallRecord, Outcome, PassedOver, PassedOverReason, Ref, ScriptNote,
    StoredBody, Why,
};
pub use chat::{Chat, ChatAnswer, ChatImage, ChatMessage, ChatOwner, ChatSettings, ChatState, FailedAnswer};
pub use client::{BudgetPeriod, Client, ClientLimits, FormerToken, TokenHash, hash_token, new_token, parse_ip_net, token_hint};
pub use dollars::{DollarPrice, LongContextDollars};
pub use event::{KeyEvent, KeyEventKind};
pub use foreign_keys::{
    Destination, ForeignEntry, ForeignFault, ForeignKey, ForeignRow, Gateway, RowsFault, read_foreign_keys, read_foreign_rows,
};
pub use headers::{CREDENTIAL_HEADERS, KeptHeaders};
pub use ids::{
    AdminTokenId, AlertChannelId, AlertRuleId, CallId, ChatId, ClientId, KeyId, MessageId, ModelId, ProviderId, UserId,
};
pub use key::{Key, KeyFacts, secret_hint, shown_end};
pub use limits::KeyLimits;
pub use model::{Capabilities, Model, Strategy, Target, is_model_name};
pub use money::{Cost, LongContextPrice, Nanodollars, Price, PriceOrigin, PriceTable, Rate, model_spellings};
pub use owner::ObjectOwner;
pub use pasted_keys::{Commas, PasteFault, PastedKey, PastedLine, read_pasted_keys};
pub use pattern::Pattern;
pub use person::{AdminToken, Role, User};
pub use provider::{AuthScheme, Probe, Provider, Timeouts};
pub use settings::Settings;
pub use snapshot::{Route, RouteError, Snapshot, SnapshotParts};
pub use time::{Moment, from_rfc3339, to_rfc3339, utc_day, utc_day_start, utc_month, utc_month_start};
pub use tokens::{estimate_quarter_tokens, estimate_text_tokens};
pub use trace::TraceContext;
pub use usage::{Usage, UsageQuality};
pub use validation::InvalidField;
pub use verdict::{Blame, Class, Effect, ErrorRule, Retry, RuleMatch, Verdict};
pub use window::SlidingWindow;
