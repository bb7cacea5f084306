//! What a failed attempt means: from status, headers and body to a verdict.
//!
//! Known providers' codes are data (`classifier.toml`); statuses that no rule explains are judged here.

use std::sync::{Arc, LazyLock};

use http::HeaderMap;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::error_body::ErrorBody;
use super::learned::exhausted_reset;
use super::wait::{read_date_inside, read_wait, until_midnight};
use crate::domain::{Blame, Class, Effect, ErrorRule, Moment, Provider, Retry, Verdict};

/// Shortest and longest rest after a rate limit.
const REST_MS: std::ops::RangeInclusive<u64> = 1_000..=3_600_000;
/// Longest rest until a moment that the provider named by its date, or until a daily reset.
const LONGEST_NAMED_MS: u64 = 25 * 3_600_000;
/// Rest of a key for an endpoint, when a 403 does not say why.
const UNEXPLAINED_MS: u64 = 600_000;

/// What there is to judge a failed attempt by.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The provider that was called.
    pub provider: &'a Provider,
    /// The upstream model; empty for a call without one.
    pub model: &'a str,
    /// The path below the base URL.
    pub path: &'a str,
    /// The HTTP status, when there was a head.
    pub status: Option<u16>,
    /// The answer's headers.
    pub headers: &'a HeaderMap,
    /// The answer's body, or the event that said "error", as far as it was read.
    pub body: &'a [u8],
    /// What went wrong besides an error status.
    pub trouble: Option<Trouble>,
    /// Whether Keywheel itself added `stream_options`.
    pub added_stream_options: bool,
    /// Whether a plain call may be sent again after its time limit ([`crate::domain::Settings::retry_sent_timeouts`]).
    pub retry_sent_timeouts: bool,
    /// Now.
    pub now: Moment,
}

/// What went wrong besides an error status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There was no head: refused, no address, TLS, reset.
    Send {
        /// Whether the provider may have received the request.
        may_have_been_sent: bool,
    },
    /// A stream's first byte or content did not come in time.
    FirstByteTimeout,
    /// A plain answer was not complete in time; its request was sent.
    AnswerTimeout,
    /// The answer broke off.
    Broken,
    /// A stream said nothing for too long, once content was passed on.
    Silent,
    /// A stream ended with nothing in it.
    Empty,
    /// A success whose body or first event is an error.
    ErrorInside,
    /// A redirect, which is never followed.
    Redirect,
}

/// The embedded rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    verdicts: std::collections::HashMap<String, Outcome>,
    rules: Vec<Rule>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outcome {
    class: Class,
    blame: Blame,
    retry: Retry,
    effect: Effect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: Arc<str>,
    verdict: String,
    #[serde(default)]
    status: Vec<u16>,
    #[serde(default)]
    codes: Vec<String>,
    #[serde(default)]
    texts: Vec<String>,
    #[serde(default)]
    all_texts: Vec<String>,
    #[serde(default)]
    quota_ids: Vec<String>,
    #[serde(default)]
    oversize: bool,
    #[serde(default)]
    daily: bool,
    zone: Option<String>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("classifier.toml")).expect("the embedded rules are checked by a test"));

/// Judges a failed attempt. Operators' rules come first, then the known providers' codes, then the status.
pub fn classify(evidence: &Evidence<'_>, operator_rules: &[ErrorRule]) -> Verdict {
    match evidence.trouble {
        Some(Trouble::ErrorInside) | None => {}
        Some(trouble) => return of_trouble(evidence, trouble),
    }
    let body = ErrorBody::read(evidence.body);
    if let Some(rule) = operator_rules.iter().find(|rule| operator_rule_matches(rule, evidence, &body)) {
        return of_operator_rule(rule);
    }
    if adds_refused_member(evidence, &body) {
        return fixed("keywheel.added_stream_options", Class::AddedMember, Blame::Nobody, Retry::Same, Effect::None);
    }
    if let Some(rule) = TABLE.rules.iter().find(|rule| rule.matches(status(evidence, &body), &body)) {
        return of_rule(rule, evidence, &body);
    }
    of_status(evidence, &body)
}

/// The status that counts: the error's own where the answer pretended success.
fn status(evidence: &Evidence<'_>, body: &ErrorBody) -> u16 {
    match (evidence.trouble, evidence.status) {
        (Some(Trouble::ErrorInside), _) => body.status().unwrap_or(200),
        (_, status) => status.unwrap_or(0),
    }
}

impl Rule {
    fn matches(&self, status: u16, body: &ErrorBody) -> bool {
        (self.status.is_empty() || self.status.contains(&status))
            && (self.codes.is_empty() || self.codes.iter().any(|code| body.has_code(code)))
            && (self.texts.is_empty() || self.texts.iter().any(|text| body.words.contains(text)))
            && self.all_texts.iter().all(|text| body.words.contains(text))
            && (self.quota_ids.is_empty()
                || self.quota_ids.iter().any(|id| body.quota_ids.iter().any(|seen| seen.contains(id))))
            && (!self.oversize || body.oversize().is_some())
    }
}

fn operator_rule_matches(rule: &ErrorRule, evidence: &Evidence<'_>, body: &ErrorBody) -> bool {
    let wanted = &rule.matches;
    wanted.provider.as_ref().is_none_or(|name| *name == evidence.provider.name)
        && wanted.status.is_none_or(|status| evidence.status == Some(status))
        && wanted.code.as_ref().is_none_or(|code| body.has_code(code))
        && wanted.text.as_ref().is_none_or(|text| body_contains(evidence.body, text))
}

fn body_contains(body: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(body).to_lowercase().contains(&text.to_lowercase())
}

fn of_operator_rule(rule: &ErrorRule) -> Verdict {
    Verdict {
        class: rule.class,
        blame: rule.blame,
        retry: rule.retry,
        effect: rule.effect,
        rule: rule.id.as_str().into(),
        wait_source: matches!(rule.effect, Effect::Cooldown { .. } | Effect::Backoff { .. }).then(|| "rule".into()),
    }
}

fn adds_refused_member(evidence: &Evidence<'_>, body: &ErrorBody) -> bool {
    evidence.added_stream_options
        && matches!(evidence.status, Some(400 | 422))
        && (body.words.contains("stream_options")
            || body.words.contains("include_usage")
            || memchr::memmem::find(evidence.body, b"stream_options").is_some())
}

fn of_rule(rule: &Rule, evidence: &Evidence<'_>, body: &ErrorBody) -> Verdict {
    // A call that names no model to us (a look at one, say) tells of no model that a key cannot serve.
    let applies = |outcome: &&Outcome| outcome.class != Class::ModelNotFound || !evidence.model.is_empty();
    let Some(outcome) = TABLE.verdicts.get(&rule.verdict).filter(applies) else { return of_status(evidence, body) };
    let mut verdict = verdict(rule.id.clone(), *outcome);
    match &mut verdict.effect {
        Effect::SizeLimit { tokens } => *tokens = body.oversize(),
        Effect::Cooldown { ms } if verdict.class == Class::RateLimit => {
            let (wait, source) = rest_length(rule.daily, rule.zone.as_deref(), evidence, body).unwrap_or((*ms, "default"));
            *ms = wait;
            verdict.wait_source = Some(source.into());
        }
        Effect::Cooldown { .. } | Effect::Backoff { .. } => verdict.wait_source = Some("default".into()),
        _ => {}
    }
    verdict
}

/// How long a rate limit lasts, and from where that is known: a header wins, then the body, then nothing.
fn rest_length(daily: bool, zone: Option<&str>, evidence: &Evidence<'_>, body: &ErrorBody) -> Option<(u64, &'static str)> {
    let now = evidence.now;
    let header = |name: &str| evidence.headers.get(name)?.to_str().ok();
    let clamped = |ms: u64| ms.clamp(*REST_MS.start(), *REST_MS.end());
    let retry_after_ms = header("retry-after-ms").and_then(|text| text.trim().parse::<f64>().ok()).filter(|ms| ms.is_finite());
    if let Some(ms) = retry_after_ms {
        return Some((clamped(ms.max(0.0).ceil() as u64), "retry-after-ms"));
    }
    if let Some(ms) = header("retry-after").and_then(|text| read_wait(text, now)) {
        return Some((clamped(ms), "retry-after"));
    }
    if let Some(ms) = exhausted_reset(evidence.headers, now) {
        return Some((clamped(ms), "reset header"));
    }
    let own_zone = evidence.provider.time_zone.as_deref();
    if daily {
        let zone = own_zone.or(zone).and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
        let ms = until_midnight(&zone, now)?;
        return Some((ms.clamp(*REST_MS.start(), LONGEST_NAMED_MS), "daily reset"));
    }
    if let Some(ms) = body.wait.as_deref().and_then(|text| read_wait(text, now)) {
        return Some((clamped(ms), "body"));
    }
    if let Some(ms) = wait_in_words(&body.words) {
        return Some((clamped(ms), "body"));
    }
    let zone = own_zone.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
    let names_reset = ["reset", "try again at", "retry at", "重置", "恢复"].iter().any(|word| body.words.contains(word));
    let ms = read_date_inside(&body.words, &zone, now).filter(|_| names_reset)?;
    Some((ms.clamp(*REST_MS.start(), LONGEST_NAMED_MS), "body"))
}

/// `try again in 6m0s`, `retry after 20 seconds`, `wait 3s`.
fn wait_in_words(words: &str) -> Option<u64> {
    ["try again in ", "retry in ", "retry after ", "wait for ", "wait "].iter().find_map(|lead| {
        words.match_indices(lead).find_map(|(at, _)| {
            let tail = words[at + lead.len()..].trim_start_matches("about ");
            super::wait::read_leading_duration(tail)
        })
    })
}

fn of_status(evidence: &Evidence<'_>, body: &ErrorBody) -> Verdict {
    let named = |id: &str, name: &str| match TABLE.verdicts.get(name) {
        Some(outcome) => verdict(id.into(), *outcome),
        None => fixed(id, Class::Provider, Blame::Provider, Retry::Next, Effect::CountAgainstProvider),
    };
    let status = status(evidence, body);
    if evidence.trouble == Some(Trouble::ErrorInside) && !matches!(status, 401 | 402 | 429) {
        return named("error_inside", "provider");
    }
    match status {
        401 => named("status.401", "invalid_key"),
        402 => Verdict { wait_source: Some("default".into()), ..named("status.402", "quota") },
        403 if body.is_json => Verdict {
            effect: Effect::Cooldown { ms: UNEXPLAINED_MS },
            wait_source: Some("default".into()),
            ..named("status.403", "permission")
        },
        403 => named("status.403_page", "provider"),
        404 | 405 => named(&format!("status.{status}"), "not_found"),
        408 | 409 | 425 | 500.. => named(&format!("status.{status}"), "provider"),
        429 => {
            let (ms, source) = rest_length(false, None, evidence, body).unwrap_or((60_000, "default"));
            Verdict { effect: Effect::Cooldown { ms }, wait_source: Some(source.into()), ..named("status.429", "rate_limit") }
        }
        _ => named(&format!("status.{status}"), "request"),
    }
}

fn of_trouble(evidence: &Evidence<'_>, trouble: Trouble) -> Verdict {
    let provider =
        |id: &str, class: Class, retry: Retry| fixed(id, class, Blame::Provider, retry, Effect::CountAgainstProvider);
    match trouble {
        Trouble::Send { may_have_been_sent: false } => provider("unreachable", Class::Network, Retry::Next),
        Trouble::Send { may_have_been_sent: true } => provider("no_head", Class::Network, Retry::Next),
        Trouble::FirstByteTimeout => provider("first_byte_timeout", Class::Timeout, Retry::Next),
        Trouble::AnswerTimeout if evidence.retry_sent_timeouts => provider("answer_timeout", Class::Timeout, Retry::Next),
        Trouble::AnswerTimeout => provider("answer_timeout", Class::Timeout, Retry::None),
        Trouble::Broken => provider("broken_answer", Class::Network, Retry::Next),
        Trouble::Silent => provider("idle_timeout", Class::Timeout, Retry::None),
        Trouble::Empty | Trouble::ErrorInside => provider("empty_stream", Class::Provider, Retry::Next),
        Trouble::Redirect => fixed("redirect", Class::Provider, Blame::Provider, Retry::Next, Effect::None),
    }
}

fn verdict(rule: Arc<str>, outcome: Outcome) -> Verdict {
    let Outcome { class, blame, retry, effect } = outcome;
    Verdict { class, blame, retry, effect, rule, wait_source: None }
}

fn fixed(rule: &str, class: Class, blame: Blame, retry: Retry, effect: Effect) -> Verdict {
    Verdict { class, blame, retry, effect, rule: rule.into(), wait_source: None }
}
