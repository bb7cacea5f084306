//! The hooks off the hot path: `on_complete` looks at a finished call and may label or redact its record, `on_key_event`
//! hears of keys that changed state.

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};

use super::calls::AnswerMap;
use super::error::fault;
use super::hook::Hook;
use super::json::from_json;
use super::objects::tag;
use super::runtime::clean;
use super::set::{ScriptSet, seed};
use crate::domain::{AttemptRecord, CallRecord, KeyEvent, KeyEventKind, ScriptNote, StoredBody};

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// What stands in place of what `redact` matched.
const REDACTED: &str = "[redacted]";
/// Most patterns of one answer.
const MOST_PATTERNS: usize = 32;

/// What `on_complete` answered.
#[derive(Debug, Default)]
struct CompleteAnswer {
    tags: Vec<String>,
    redact: Vec<ImmutableString>,
    drop_body: bool,
}

impl ScriptSet {
    /// Runs `on_complete` on a record and does what it answers: adds tags, redacts kept bodies and error texts, drops bodies.
    ///
    /// When redaction was asked for and failed, the bodies are dropped.
    pub fn on_complete(&self, record: &mut CallRecord) {
        let hook = Hook::OnComplete;
        let call = Dynamic::from(call_map(record));
        let answered = self.run_hook(
            hook,
            seed(record.id, hook, 0),
            || [call.clone()],
            |_, answer| {
                // A count kept with `kv_incr` is often the last statement, and so the answer.
                if !answer.is::<Map>() {
                    return Ok(None);
                }
                apply(self, read_complete(answer)?, record).map(Some)
            },
        );
        if let Err(failure) = answered {
            record.script_notes.push(ScriptNote::from(&failure));
        }
    }

    /// Runs `on_key_event`. `provider` and `key` are names.
    pub fn on_key_event(&self, event: &KeyEvent, provider: &str, key: Option<&str>) {
        let hook = Hook::OnKeyEvent;
        let map = Dynamic::from(event_map(event, provider, key));
        let heard = self.run_hook(hook, event.at_ms as u64, || [map.clone()], |_, _| Ok(None::<()>));
        // It is counted and logged where it failed, and nothing hangs on it.
        drop(heard);
    }
}

fn read_complete(answer: Dynamic) -> Fallible<CompleteAnswer> {
    let mut map = AnswerMap::new(answer, Hook::OnComplete.name())?;
    let tags = map.texts("tags")?.unwrap_or_default();
    for text in &tags {
        tag(&text.into())?;
    }
    let redact = map.texts("redact")?.unwrap_or_default();
    if redact.len() > MOST_PATTERNS {
        return Err(fault(format!("`redact` takes at most {MOST_PATTERNS} patterns")));
    }
    let drop_body = match map.take("drop_body") {
        Some(value) => value.as_bool().map_err(|_| map.wrong("drop_body", "true or false", &value))?,
        None => false,
    };
    map.finish()?;
    Ok(CompleteAnswer { tags, redact: redact.into_iter().map(Into::into).collect(), drop_body })
}

fn apply(set: &ScriptSet, answer: CompleteAnswer, record: &mut CallRecord) -> Fallible<()> {
    for tag in answer.tags {
        if !record.tags.contains(&tag) {
            record.tags.push(tag);
        }
    }
    if answer.drop_body {
        record.bodies = Default::default();
    }
    let redacted = answer.redact.iter().try_for_each(|pattern| redact(set, pattern, record));
    if redacted.is_err() {
        record.bodies = Default::default();
    }
    redacted
}

fn redact(set: &ScriptSet, pattern: &ImmutableString, record: &mut CallRecord) -> Fallible<()> {
    let bodies = [&mut record.bodies.request, &mut record.bodies.response];
    for body in bodies.into_iter().flatten() {
        redact_body(set, pattern, body)?;
    }
    let attempts = record.attempts.iter_mut().map(|attempt| &mut attempt.message);
    for message in attempts.chain([&mut record.error_message]).flatten() {
        if let Some(text) = set.patterns.replace(message, pattern, REDACTED)? {
            *message = text;
        }
    }
    Ok(())
}

fn redact_body(set: &ScriptSet, pattern: &ImmutableString, body: &mut StoredBody) -> Fallible<()> {
    let text = String::from_utf8_lossy(&body.bytes);
    if let Some(redacted) = set.patterns.replace(&text, pattern, REDACTED)? {
        body.bytes = redacted.into();
    }
    Ok(())
}

fn text(value: &str) -> Dynamic {
    ImmutableString::from(value).into()
}

fn maybe<T>(value: Option<T>, into: impl FnOnce(T) -> Dynamic) -> Dynamic {
    value.map_or(Dynamic::UNIT, into)
}

fn millis(micros: u64) -> Dynamic {
    (micros as f64 / 1000.0).into()
}

fn count(value: Option<u64>) -> Dynamic {
    maybe(value, |value| Dynamic::from(value as i64))
}

fn map<const N: usize>(members: [(&str, Dynamic); N]) -> Map {
    members.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

/// A finished call as scripts see it.
pub(super) fn call_map(record: &CallRecord) -> Map {
    let usage = &record.usage;
    let tags = record.tags.iter().map(|tag| text(tag)).collect::<rhai::Array>();
    let attributes = record.attributes.as_deref().and_then(|attributes| from_json(attributes.as_bytes()).ok());
    map([
        ("id", text(&record.id.to_string())),
        ("started_ms", record.started_ms.into()),
        ("duration_ms", millis(record.total_us)),
        ("first_token_ms", maybe(record.first_token_us, millis)),
        ("method", text(&record.method)),
        ("path", text(&record.path)),
        ("api", text(record.api.as_str())),
        ("stream", record.stream.into()),
        ("client", maybe(record.client.as_ref(), |client| text(&client.name))),
        ("ip", maybe(record.client_ip, |ip| text(&ip.to_string()))),
        ("model", maybe(record.model_asked.as_deref(), text)),
        ("model_served", maybe(record.model_served.as_deref(), text)),
        ("provider", maybe(record.provider.as_ref(), |provider| text(&provider.name))),
        ("key", maybe(record.key.as_ref(), |key| text(&key.name))),
        ("status", i64::from(record.status).into()),
        ("outcome", text(record.outcome.as_str())),
        ("error_code", maybe(record.error_code.as_deref(), text)),
        ("error_message", maybe(record.error_message.as_deref(), |message| text(&clean(message)))),
        ("input_tokens", count(usage.input)),
        ("output_tokens", count(usage.output)),
        ("cost_usd", maybe(record.cost.known(), |cost| (cost.0 as f64 / 1e9).into())),
        ("bytes_in", (record.bytes_in as i64).into()),
        ("bytes_out", (record.bytes_out as i64).into()),
        ("blank", record.blank.into()),
        ("attempts", record.attempts.iter().map(|attempt| attempt_map(attempt).into()).collect::<rhai::Array>().into()),
        ("tags", tags.into()),
        ("attributes", attributes.unwrap_or_else(|| Map::new().into())),
    ])
}

fn attempt_map(attempt: &AttemptRecord) -> Map {
    map([
        ("provider", text(&attempt.provider.name)),
        ("key", text(&attempt.key.name)),
        ("model", maybe(attempt.model.as_deref(), text)),
        ("status", maybe(attempt.status, |status| i64::from(status).into())),
        ("rule", maybe(attempt.verdict.as_ref(), |verdict| text(&verdict.rule))),
        ("message", maybe(attempt.message.as_deref(), text)),
        ("chosen_by", text(&attempt.why.chosen_by)),
    ])
}

pub(super) fn event_map(event: &KeyEvent, provider: &str, key: Option<&str>) -> Map {
    let (kind, until_ms, model) = match &event.kind {
        KeyEventKind::Cooling { until_ms, model } => ("cooling", Some(*until_ms), model.as_deref()),
        KeyEventKind::DisabledAuto => ("disabled_auto", None, None),
        KeyEventKind::DisabledManual { until_ms } => ("disabled_manual", *until_ms, None),
        KeyEventKind::Active => ("active", None, None),
        KeyEventKind::BreakerOpened => ("breaker_opened", None, None),
        KeyEventKind::BreakerClosed => ("breaker_closed", None, None),
    };
    map([
        ("at_ms", event.at_ms.into()),
        ("provider", text(provider)),
        ("key", maybe(key, text)),
        ("kind", text(kind)),
        ("until_ms", maybe(until_ms, Dynamic::from)),
        ("model", maybe(model, text)),
        ("reason", text(&event.reason)),
    ])
}
