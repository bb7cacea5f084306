//! Whether a key works, found out as cheaply as the provider allows.

use http::Method;
use secrecy::SecretString;
use serde_json::json;

use super::clients::Outbound;
use super::error::{SendError, SendErrorKind};
use super::judge::judge;
use super::models::Page;
use super::question::{Answer, NoAnswer, Question};
use crate::domain::{AuthScheme, Key, Provider};

/// What a probe says about a key. Only [`ProbeVerdict::Invalid`] is a reason to disable one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProbeVerdict {
    /// The provider accepts the key.
    Valid,
    /// The provider does not accept the key.
    Invalid,
    /// The account has no quota or balance left.
    NoQuota,
    /// Too many requests for now; the key itself is accepted.
    RateLimited,
    /// The key lacks rights for what was asked.
    NoAccess,
    /// No connection to the provider.
    Network,
    /// The provider failed, or refuses the region.
    ProviderTrouble,
    /// Nothing that could be asked gives an answer.
    CannotTell,
}

impl ProbeVerdict {
    /// The name in the log and the admin API.
    pub fn as_str(self) -> &'static str {
        match self {
            ProbeVerdict::Valid => "valid",
            ProbeVerdict::Invalid => "invalid",
            ProbeVerdict::NoQuota => "no_quota",
            ProbeVerdict::RateLimited => "rate_limited",
            ProbeVerdict::NoAccess => "no_access",
            ProbeVerdict::Network => "network",
            ProbeVerdict::ProviderTrouble => "provider_trouble",
            ProbeVerdict::CannotTell => "cannot_tell",
        }
    }
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeStep {
    /// The list of models.
    Models,
    /// One token, or one embedding, of this model.
    Call {
        /// The upstream model.
        model: String,
    },
}

/// A probe's verdict, and what it rests on.
#[derive(Clone, Debug)]
pub struct ProbeReport {
    /// What it says about the key.
    pub verdict: ProbeVerdict,
    /// What was asked last; `None`: there was nothing to ask.
    pub step: Option<ProbeStep>,
    /// The answer to that, for a classifier; `None`: none came.
    pub answer: Option<Answer>,
    /// Why no answer came, in words for the operator.
    pub no_answer: Option<String>,
}

impl ProbeReport {
    fn judged(step: ProbeStep, answer: Answer) -> Self {
        ProbeReport { verdict: judge(&answer), step: Some(step), answer: Some(answer), no_answer: None }
    }

    fn without_answer(step: ProbeStep, error: &NoAnswer) -> Self {
        let verdict = match error {
            NoAnswer::Send(SendError { kind: SendErrorKind::Unsendable, .. }) => ProbeVerdict::CannotTell,
            _ => ProbeVerdict::Network,
        };
        ProbeReport { verdict, step: Some(step), answer: None, no_answer: Some(error.to_string()) }
    }

    fn nothing_to_ask(words: &str) -> Self {
        ProbeReport { verdict: ProbeVerdict::CannotTell, step: None, answer: None, no_answer: Some(words.to_owned()) }
    }
}

impl Outbound {
    /// Asks a provider about a key: first for its models, which costs nothing; where that does not tell, for one token
    /// of a model that the key may use. It waits at most 30 s for each answer.
    pub async fn probe(&self, provider: &Provider, key: &Key) -> ProbeReport {
        if provider.auth == AuthScheme::None {
            return ProbeReport::nothing_to_ask("the provider asks for no key");
        }
        let listing = match self.ask(Question::models(provider, key)).await {
            Ok(answer) => ProbeReport::judged(ProbeStep::Models, answer),
            Err(error) => return ProbeReport::without_answer(ProbeStep::Models, &error),
        };
        let listed = listing.answer.as_ref().and_then(|answer| Page::read(&answer.body)).map(|page| page.names);
        let tells = match listing.verdict {
            ProbeVerdict::Valid => listed.is_some() && self.list_needs_a_key(provider, key).await,
            ProbeVerdict::NoAccess | ProbeVerdict::CannotTell | ProbeVerdict::ProviderTrouble => false,
            _ => true,
        };
        if tells {
            return listing;
        }
        let Some(model) = model_to_call(provider, key, listed.as_deref().unwrap_or_default()) else {
            // A list that anybody may read says nothing about the key.
            let verdict = if listing.verdict == ProbeVerdict::Valid { ProbeVerdict::CannotTell } else { listing.verdict };
            return ProbeReport { verdict, ..listing };
        };
        self.call_once(provider, key, model).await
    }

    /// Whether the provider refuses its list of models to those who have no key.
    async fn list_needs_a_key(&self, provider: &Provider, key: &Key) -> bool {
        let without = Provider { auth: AuthScheme::None, ..provider.clone() };
        let nobody = Key { secret: SecretString::default(), ..key.clone() };
        self.ask(Question::models(&without, &nobody)).await.is_ok_and(|answer| !answer.status.is_success())
    }

    async fn call_once(&self, provider: &Provider, key: &Key, model: String) -> ProbeReport {
        let mut outcome = self.ask(Question::one_token(provider, key, &model, "max_tokens")).await;
        let renamed = |answer: &Answer| {
            answer.status.as_u16() == 400 && memchr::memmem::find(&answer.body, b"max_completion_tokens").is_some()
        };
        if outcome.as_ref().is_ok_and(renamed) {
            outcome = self.ask(Question::one_token(provider, key, &model, "max_completion_tokens")).await;
        }
        let step = ProbeStep::Call { model };
        match outcome {
            Ok(answer) => ProbeReport::judged(step, answer),
            Err(error) => ProbeReport::without_answer(step, &error),
        }
    }
}

impl<'a> Question<'a> {
    fn models(provider: &'a Provider, key: &'a Key) -> Self {
        Question { provider, key, method: Method::GET, path: "/models", query: None, json: None }
    }

    /// The smallest call that a model understands; `limit` is the member that limits the answer.
    fn one_token(provider: &'a Provider, key: &'a Key, model: &str, limit: &str) -> Self {
        let (path, json) = if is_embedding(model) {
            ("/embeddings", json!({ "model": model, "input": "1" }))
        } else {
            let path = if provider.auth == AuthScheme::XApiKey { "/messages" } else { "/chat/completions" };
            (path, json!({ "model": model, "messages": [{ "role": "user", "content": "1" }], limit: 1 }))
        };
        Question { provider, key, method: Method::POST, path, query: None, json: Some(json.to_string()) }
    }
}

/// A model for the one call: the one of the settings, else one that the key's own list names, else one that the provider
/// lists. Never one that the key may not use, and none that answers neither text nor vectors.
fn model_to_call(provider: &Provider, key: &Key, listed: &[String]) -> Option<String> {
    let own = key.models.iter().flatten().filter(|pattern| pattern.is_literal()).map(|pattern| pattern.as_str());
    let candidates = (provider.probe.model.iter().map(String::as_str))
        .chain(own)
        .chain(listed.iter().map(String::as_str))
        .chain(provider.synced_models.iter().map(String::as_str));
    let usable: Vec<&str> = candidates.filter(|model| key.serves(model) && answers_cheaply(model)).collect();
    let chosen = match provider.probe.model.as_deref() {
        Some(model) if key.serves(model) => Some(model),
        _ => usable.iter().find(|model| !is_embedding(model)).or(usable.first()).copied(),
    };
    chosen.map(str::to_owned)
}

fn is_embedding(model: &str) -> bool {
    model.to_ascii_lowercase().contains("embed")
}

fn answers_cheaply(model: &str) -> bool {
    const OTHERS: [&str; 14] = [
        "whisper",
        "tts",
        "dall-e",
        "image",
        "moderation",
        "audio",
        "realtime",
        "rerank",
        "sora",
        "video",
        "transcribe",
        "davinci",
        "babbage",
        "research",
    ];
    let model = model.to_ascii_lowercase();
    !OTHERS.iter().any(|other| model.contains(other))
}
