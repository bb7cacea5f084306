//! Answers a request as a provider would, by the key's and the model's persona.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use memchr::memmem;
use serde::Deserialize;

use super::account::Accounts;
use super::api;
use super::behaviour::Behaviour;
use super::options::Options;
use super::persona::{Persona, Refusal};
use super::request::SeenRequest;
use crate::clock::Clock;

/// A key with the persona `limited` may call this often within the window.
const LIMITED_CALLS: usize = 5;
const LIMITED_WINDOW_MS: u64 = 10_000;

pub(super) struct Simulation {
    options: Options,
    accounts: Accounts,
    clock: Clock,
    count: AtomicU64,
}

/// One call on its way through the simulation.
pub(super) struct Call<'a> {
    pub(super) request: &'a SeenRequest,
    /// The API path without `/v1`.
    pub(super) path: &'a str,
    pub(super) account: &'a str,
    pub(super) persona: Persona,
    pub(super) options: &'a Options,
    pub(super) accounts: &'a Accounts,
    /// A number of its own, for ids.
    pub(super) number: u64,
    /// UTC unix seconds.
    pub(super) now_s: i64,
}

impl Simulation {
    pub(super) fn new(options: Options) -> Self {
        Simulation { options, accounts: Accounts::default(), clock: Clock::start(), count: AtomicU64::new(1) }
    }

    pub(super) fn answer(&self, request: &SeenRequest) -> Behaviour {
        let (path, secret) = (request.path(), request.secret().unwrap_or_default());
        let (key_persona, account) = Persona::of_secret(secret);
        let model = named_model(request);
        let persona = match key_persona {
            Persona::Healthy => Persona::of_model(&model).unwrap_or(Persona::Healthy),
            persona => persona,
        };
        let now = self.clock.now();
        let call = Call {
            request,
            path: path.strip_prefix("/v1").unwrap_or(path),
            account,
            persona,
            options: &self.options,
            accounts: &self.accounts,
            number: self.count.fetch_add(1, Ordering::Relaxed),
            now_s: now.unix_ms / 1_000,
        };
        let refusal = if secret.is_empty() {
            Some(Refusal::request(401, "missing_api_key", "You didn't provide an API key."))
        } else if persona == Persona::Limited {
            let admitted = self.accounts.admit(account, now.mono_ms, LIMITED_CALLS, LIMITED_WINDOW_MS);
            admitted.err().map(|wait_ms| Refusal::rate_limit(wait_ms.div_ceil(1_000), &model))
        } else {
            persona.refusal(secret, &model)
        };
        let behaviour = match refusal {
            Some(refusal) => call.refuse(&refusal),
            None => api::answer(&call).unwrap_or_else(|refusal| call.refuse(&refusal)),
        };
        let wait = match persona {
            Persona::Slow => self.options.slow_event_pause * 8,
            Persona::SlowFirst => self.options.slow_first_byte,
            _ => Duration::ZERO,
        };
        persona.spoil(behaviour).delay(wait + self.options.first_byte)
    }
}

/// The model in a JSON body when its name may choose a persona; other bodies are not read twice for it.
fn named_model(request: &SeenRequest) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        model: Cow<'a, str>,
    }
    if memmem::find(&request.body, b"\"mock-").is_none() {
        return Cow::Borrowed("this model");
    }
    serde_json::from_slice(&request.body).map_or(Cow::Borrowed("this model"), |named: Named<'_>| named.model)
}

impl<'a> Call<'a> {
    /// Whether the path speaks the Anthropic shape.
    pub(super) fn is_anthropic(&self) -> bool {
        self.path.starts_with("/messages") || self.request.header("anthropic-version").is_some()
    }

    /// An id with a prefix, unique in this server.
    pub(super) fn id(&self, prefix: &str) -> String {
        format!("{prefix}mock{:020x}", self.number)
    }

    /// The JSON body, or the refusal for one that is none.
    pub(super) fn json<T: Deserialize<'a>>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.request.body).map_err(|error| {
            Refusal::request(400, "invalid_json", format!("We could not parse the body of your request: {error}"))
        })
    }

    /// A plain 200 with the headers of a provider.
    pub(super) fn ok(&self) -> Behaviour {
        self.with_headers(Behaviour::answer(200))
    }

    /// A 200 in chunks with the headers of a provider.
    pub(super) fn chunked(&self) -> Behaviour {
        self.with_headers(Behaviour::chunked())
    }

    /// A 200 of events with the headers of a provider.
    pub(super) fn stream(&self) -> Behaviour {
        self.with_headers(Behaviour::stream())
    }

    /// A 200 with a JSON body.
    pub(super) fn ok_json(&self, body: &serde_json::Value) -> Behaviour {
        self.ok().json(body)
    }

    pub(super) fn refuse(&self, refusal: &Refusal) -> Behaviour {
        let mut behaviour = self.with_headers(Behaviour::answer(refusal.status));
        if let Some(seconds) = refusal.retry_after {
            behaviour = behaviour.header("retry-after", seconds.to_string());
        }
        behaviour.json(&refusal.body(self.is_anthropic()))
    }

    /// The pause between two events.
    pub(super) fn event_pause(&self) -> Duration {
        if self.persona == Persona::Slow { self.options.slow_event_pause } else { self.options.event_pause }
    }

    /// Tokens of the answer, and whether a limit of the request cuts it.
    pub(super) fn answer_tokens(&self, seed: u64, limit: Option<u64>) -> (usize, bool) {
        let wanted = self.options.answer_tokens.unwrap_or(24 + (seed >> 8) as usize % 48);
        match limit {
            Some(limit) if (limit as usize) < wanted => (limit as usize, true),
            _ => (wanted, false),
        }
    }

    fn with_headers(&self, behaviour: Behaviour) -> Behaviour {
        let organization = format!("org-mock-{}", self.account);
        if self.is_anthropic() {
            return behaviour
                .header("request-id", self.id("req_"))
                .header("anthropic-organization-id", organization)
                .header("anthropic-ratelimit-requests-limit", "4000")
                .header("anthropic-ratelimit-requests-remaining", "3999");
        }
        behaviour
            .header("x-request-id", self.id("req_"))
            .header("openai-organization", organization)
            .header("openai-processing-ms", "12")
            .header("openai-version", "2020-10-01")
            .header("x-ratelimit-limit-requests", "10000")
            .header("x-ratelimit-remaining-requests", "9999")
            .header("x-ratelimit-reset-requests", "6ms")
            .header("x-ratelimit-limit-tokens", "2000000")
            .header("x-ratelimit-remaining-tokens", "1999000")
            .header("x-ratelimit-reset-tokens", "30ms")
    }
}
