//! Clients as the API shows and takes them.

use ipnet::IpNet;
use poem_openapi::Object;
use poem_openapi::types::{Example, MaybeUndefined, ToJSON};
use serde::Deserialize;

use crate::admin::usage::RecentUse;
use crate::admin::wire::{bodies, budget, example, map, patterns, required, set, set_or, set_or_remove, texts, try_map};
use crate::domain::{Client, InvalidField, Nanodollars, from_rfc3339, hash_token, parse_ip_net, to_rfc3339, token_hint};
use crate::quota::Remaining;
use crate::store::Stored;

bodies! {
    /// A client to be made.
    create ClientCreate;
    /// What to change of a client.
    change ClientChange;
    required {
        /// Name, unique.
        name: String,
    }
    optional {
        /// Its token, 8 to 256 visible characters, with spaces only inside; left out at creation: 256 random bits.
        token: String,
        /// Labels that scripts can read.
        tags: Vec<String>,
        /// Models that it may ask for, with `*` for any run; null is every model, an empty list is none.
        models: Vec<String>,
        /// Only keys with one of these tags serve it; null is every key.
        key_tags: Vec<String>,
        /// Requests in any 60 seconds; null is no limit, 0 is none allowed.
        rpm: u64,
        /// Tokens in any 60 seconds; null is no limit, 0 is none allowed.
        tpm: u64,
        /// Calls in flight at once; null is no limit, 0 is none allowed.
        concurrency: u64,
        /// Dollars in a UTC day; null is no limit, 0 is none allowed.
        budget_usd_day: f64,
        /// Dollars in a UTC calendar month; null is no limit, 0 is none allowed.
        budget_usd_month: f64,
        /// Dollars in all; null is no limit, 0 is none allowed.
        budget_usd_total: f64,
        /// Tokens, input and output together, in a UTC day; null is no limit, 0 is none allowed.
        budget_tokens_day: u64,
        /// Tokens in a UTC calendar month; null is no limit, 0 is none allowed.
        budget_tokens_month: u64,
        /// Tokens in all; null is no limit, 0 is none allowed.
        budget_tokens_total: u64,
        /// Percent of a budget, 1 to 100, at which it is reported as nearly used up; null is 80.
        warn_percent: u8,
        /// When its token ends, RFC 3339; null is never.
        expires_at: String,
        /// Addresses and networks that it may call from; null is anywhere.
        allow_ips: Vec<String>,
        /// Whether `x-keywheel-debug: 1` tells it which key and provider served a call.
        allow_debug: bool,
        /// May call at all.
        enabled: bool,
    }
}

/// A token for a client.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenChange {
    /// The token, 8 to 256 visible characters, with spaces only inside; left out: 256 random bits.
    #[oai(nullable)]
    pub(super) token: Option<String>,
    /// Seconds for which the former token is taken besides, at most 2592000 (30 days); left out: it is refused at once.
    #[serde(default)]
    #[oai(default)]
    pub(super) overlap_s: u64,
}

impl ClientChange {
    /// The token that was given, if one was.
    pub(super) fn take_token(&mut self) -> Option<String> {
        std::mem::take(&mut self.token).take()
    }

    pub(super) fn create(self, token: &str) -> Result<Client, InvalidField> {
        let mut client = Client::new("", hash_token(token), token_hint(token)?);
        self.apply(&mut client)?;
        Ok(client)
    }

    pub(super) fn apply(self, client: &mut Client) -> Result<(), InvalidField> {
        if let Some(name) = required("name", self.name)? {
            client.name = name;
        }
        if let Some(token) = required("token", self.token)? {
            client.token_hint = token_hint(&token)?;
            client.token_hash = hash_token(&token);
        }
        set(&mut client.tags, self.tags);
        set_or_remove(&mut client.models, map(self.models, patterns));
        set_or_remove(&mut client.key_tags, self.key_tags);
        set_or_remove(&mut client.limits.rpm, self.rpm);
        set_or_remove(&mut client.limits.tpm, self.tpm);
        set_or_remove(&mut client.limits.concurrency, self.concurrency);
        let money = |field, dollars| try_map(dollars, |dollars| budget(field, dollars));
        set_or_remove(&mut client.limits.budget_day, money("budget_usd_day", self.budget_usd_day)?);
        set_or_remove(&mut client.limits.budget_month, money("budget_usd_month", self.budget_usd_month)?);
        set_or_remove(&mut client.limits.budget_total, money("budget_usd_total", self.budget_usd_total)?);
        set_or_remove(&mut client.limits.tokens_day, self.budget_tokens_day);
        set_or_remove(&mut client.limits.tokens_month, self.budget_tokens_month);
        set_or_remove(&mut client.limits.tokens_total, self.budget_tokens_total);
        set_or_remove(&mut client.limits.warn_percent, self.warn_percent);
        set_or_remove(&mut client.expires_at, try_map(self.expires_at, |text| expiry(&text))?);
        set_or_remove(&mut client.allow_ips, try_map(self.allow_ips, |texts| networks(&texts))?);
        set(&mut client.allow_debug, self.allow_debug);
        set_or(&mut client.enabled, self.enabled, true);
        Ok(())
    }
}

fn expiry(text: &str) -> Result<i64, InvalidField> {
    let message = "must be an RFC 3339 time such as 2027-01-31T00:00:00Z".to_owned();
    from_rfc3339(text).ok_or(InvalidField { field: "expires_at", message })
}

fn networks(texts: &[String]) -> Result<Vec<IpNet>, InvalidField> {
    let message = "must hold addresses and networks such as 203.0.113.9 and 10.0.0.0/8".to_owned();
    let invalid = InvalidField { field: "allow_ips", message };
    texts.iter().map(|text| parse_ip_net(text).ok_or_else(|| invalid.clone())).collect()
}

/// What a client has used; the time zone of days and months is UTC.
#[derive(Object)]
struct ClientUse {
    /// Dollars today, of calls whose cost is known.
    usd_day: f64,
    /// Dollars this month.
    usd_month: f64,
    /// Dollars in all.
    usd_total: f64,
    /// Tokens today.
    tokens_day: u64,
    /// Tokens this month.
    tokens_month: u64,
    /// Tokens in all.
    tokens_total: u64,
    /// Calls in flight.
    in_flight: u64,
}

/// How a client fares.
pub(super) struct ClientFacts {
    /// What it has used of its budgets.
    pub(super) used: Remaining,
    /// When its token was last used, in UTC unix milliseconds.
    pub(super) last_use: Option<i64>,
    /// What it has used lately.
    pub(super) last_24h: RecentUse,
}

impl From<&Remaining> for ClientUse {
    fn from(used: &Remaining) -> Self {
        let [day, month, total] = used.spent;
        ClientUse {
            usd_day: day.money.as_dollars(),
            usd_month: month.money.as_dollars(),
            usd_total: total.money.as_dollars(),
            tokens_day: day.tokens,
            tokens_month: month.tokens,
            tokens_total: total.tokens,
            in_flight: used.in_flight,
        }
    }
}

/// A client.
#[derive(Object)]
#[oai(rename = "Client", example)]
pub(super) struct ClientBody {
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
    /// First characters of its token.
    token_hint: String,
    /// Labels.
    tags: Vec<String>,
    /// Models that it may ask for; null is every model.
    #[oai(nullable)]
    models: Option<Vec<String>>,
    /// Only keys with one of these tags serve it; null is every key.
    #[oai(nullable)]
    key_tags: Option<Vec<String>>,
    /// Requests in any 60 seconds.
    #[oai(nullable)]
    rpm: Option<u64>,
    /// Tokens in any 60 seconds.
    #[oai(nullable)]
    tpm: Option<u64>,
    /// Calls in flight at once.
    #[oai(nullable)]
    concurrency: Option<u64>,
    /// Dollars in a UTC day.
    #[oai(nullable)]
    budget_usd_day: Option<f64>,
    /// Dollars in a UTC calendar month.
    #[oai(nullable)]
    budget_usd_month: Option<f64>,
    /// Dollars in all.
    #[oai(nullable)]
    budget_usd_total: Option<f64>,
    /// Tokens in a UTC day.
    #[oai(nullable)]
    budget_tokens_day: Option<u64>,
    /// Tokens in a UTC calendar month.
    #[oai(nullable)]
    budget_tokens_month: Option<u64>,
    /// Tokens in all.
    #[oai(nullable)]
    budget_tokens_total: Option<u64>,
    /// Percent of a budget at which it is reported as nearly used up; null is 80.
    #[oai(nullable)]
    warn_percent: Option<u8>,
    /// Until when its former token is taken besides.
    #[oai(nullable)]
    former_token_until: Option<String>,
    /// What it has used.
    used: ClientUse,
    /// When its token was last used, also for a call that was refused; null: never.
    #[oai(nullable)]
    last_used_at: Option<String>,
    /// What it has used in the last 24 hours.
    last_24h: RecentUse,
    /// When its token ends.
    #[oai(nullable)]
    expires_at: Option<String>,
    /// Addresses and networks that it may call from; null is anywhere.
    #[oai(nullable)]
    allow_ips: Option<Vec<String>>,
    /// Whether `x-keywheel-debug: 1` tells it which key and provider served a call.
    allow_debug: bool,
    /// May call at all.
    enabled: bool,
}

/// A client and its token, which no other answer shows.
#[derive(Object)]
#[oai(example)]
pub(super) struct ClientWithToken {
    /// The client.
    pub(super) client: ClientBody,
    /// Its token.
    pub(super) token: String,
}

/// A page of clients.
#[derive(Object)]
pub(super) struct ClientPage {
    /// The clients.
    pub(super) clients: Vec<ClientBody>,
    /// Where the next page begins; null: this is the last.
    #[oai(nullable)]
    pub(super) next_cursor: Option<String>,
}

impl ClientBody {
    pub(super) fn of(row: &Stored<Client>, facts: ClientFacts) -> Self {
        let dollars = |amount: Option<Nanodollars>| amount.map(|amount| amount.as_dollars());
        let client = &*row.value;
        ClientBody {
            id: client.id.0,
            version: row.version,
            created_at: to_rfc3339(row.created_ms),
            updated_at: to_rfc3339(row.updated_ms),
            name: client.name.clone(),
            token_hint: client.token_hint.clone(),
            tags: client.tags.clone(),
            models: texts(client.models.as_ref()),
            key_tags: client.key_tags.clone(),
            rpm: client.limits.rpm,
            tpm: client.limits.tpm,
            concurrency: client.limits.concurrency,
            budget_usd_day: dollars(client.limits.budget_day),
            budget_usd_month: dollars(client.limits.budget_month),
            budget_usd_total: dollars(client.limits.budget_total),
            budget_tokens_day: client.limits.tokens_day,
            budget_tokens_month: client.limits.tokens_month,
            budget_tokens_total: client.limits.tokens_total,
            warn_percent: client.limits.warn_percent,
            former_token_until: client.former_token.as_ref().map(|former| to_rfc3339(former.until_ms)),
            used: ClientUse::from(&facts.used),
            last_used_at: facts.last_use.map(to_rfc3339),
            last_24h: facts.last_24h,
            expires_at: client.expires_at.map(to_rfc3339),
            allow_ips: client.allow_ips.as_ref().map(|nets| nets.iter().map(ToString::to_string).collect()),
            allow_debug: client.allow_debug,
            enabled: client.enabled,
        }
    }
}

impl Example for ClientCreate {
    fn example() -> Self {
        ClientCreate {
            name: "my-app".to_owned(),
            token: MaybeUndefined::Undefined,
            tags: vec!["team-a".to_owned()].into(),
            models: vec!["fast".to_owned(), "gpt-4o*".to_owned()].into(),
            key_tags: MaybeUndefined::Undefined,
            rpm: 60.into(),
            tpm: MaybeUndefined::Undefined,
            concurrency: MaybeUndefined::Undefined,
            budget_usd_day: MaybeUndefined::Undefined,
            budget_usd_month: 25.0.into(),
            budget_usd_total: MaybeUndefined::Undefined,
            budget_tokens_day: 2_000_000.into(),
            budget_tokens_month: MaybeUndefined::Undefined,
            budget_tokens_total: MaybeUndefined::Undefined,
            warn_percent: MaybeUndefined::Undefined,
            expires_at: MaybeUndefined::Undefined,
            allow_ips: MaybeUndefined::Undefined,
            allow_debug: MaybeUndefined::Undefined,
            enabled: MaybeUndefined::Undefined,
        }
    }
}

impl Example for ClientChange {
    fn example() -> Self {
        ClientChange { rpm: 120.into(), models: MaybeUndefined::Null, ..ClientChange::default() }
    }
}

example!(ClientBody, {
    "id": 1, "version": 3, "created_at": "2026-11-25T10:00:00Z", "updated_at": "2026-11-25T10:05:00Z",
    "name": "my-app", "token_hint": "kw-Ab12…", "tags": ["team-a"], "models": ["fast", "gpt-4o*"], "key_tags": null,
    "rpm": 60, "tpm": null, "concurrency": null, "budget_usd_day": null, "budget_usd_month": 25.0, "budget_usd_total": null,
    "budget_tokens_day": 2_000_000, "budget_tokens_month": null, "budget_tokens_total": null, "warn_percent": null,
    "expires_at": null, "allow_ips": null, "allow_debug": false, "enabled": true, "former_token_until": null,
    "used": { "usd_day": 0.4, "usd_month": 7.25, "usd_total": 19.5, "tokens_day": 12_000, "tokens_month": 310_000,
        "tokens_total": 904_000, "in_flight": 2 },
    "last_used_at": "2026-11-25T10:04:59Z",
    "last_24h": { "calls": 912, "succeeded": 904, "input": 310_000, "output": 44_000, "cost_usd": 0.4, "unpriced": 0 },
});

example!(ClientWithToken, { "client": ClientBody::example().to_json(), "token": "kw-…" });
