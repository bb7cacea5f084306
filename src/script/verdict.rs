//! What `classify_error` answers, and the verdict that comes of it.

use std::sync::Arc;

use rhai::{Dynamic, EvalAltResult};

use super::calls::AnswerMap;
use super::error::fault;
use super::hook::Hook;
use super::runtime::clean;
use crate::domain::{Blame, Effect, Retry, Verdict};

/// Longest cooldown that a script may set, in seconds: 31 days.
const COOLDOWN_S: f64 = 2_678_400.0;

/// What `classify_error` makes of a failed attempt. What is `None` stays as built in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// What may be tried next.
    pub retry: Option<Retry>,
    /// Who is to blame.
    pub blame: Option<Blame>,
    /// What happens to the key.
    pub effect: Option<Effect>,
    /// Why, in the script's words.
    pub reason: Option<String>,
    /// The script that answered, as `file:line`.
    pub script: Arc<str>,
}

impl ErrorAnswer {
    /// The verdict: the built-in one with what the script decided in its place. Who is to blame and what follows always go
    /// together: where the script names one of them alone, the other one is taken from it unless the built-in one fits.
    pub fn onto(&self, built_in: &Verdict) -> Verdict {
        let blame = self.blame.unwrap_or(match self.effect {
            Some(Effect::Disable) => Blame::Key,
            // A rest has to be somebody's.
            Some(Effect::Cooldown { .. }) if matches!(built_in.blame, Blame::Request | Blame::Client | Blame::Nobody) => {
                Blame::Key
            }
            _ => built_in.blame,
        });
        let keeps_effect = self.effect.is_none() && (blame == built_in.blame || falls_on(built_in.effect, blame));
        let effect = self.effect.unwrap_or(match blame {
            _ if keeps_effect => built_in.effect,
            Blame::Provider => Effect::CountAgainstProvider,
            _ => Effect::None,
        });
        Verdict {
            class: built_in.class,
            blame,
            retry: self.retry.unwrap_or(built_in.retry),
            effect,
            rule: match &self.reason {
                Some(reason) => format!("script {}: {reason}", self.script).into(),
                None => format!("script {}", self.script).into(),
            },
            wait_source: match self.effect {
                Some(_) => Some("script".into()),
                None => built_in.wait_source.clone().filter(|_| keeps_effect),
            },
        }
    }
}

pub(super) fn read_verdict(answer: Dynamic) -> Result<ErrorAnswer, Box<EvalAltResult>> {
    let mut map = AnswerMap::new(answer, Hook::ClassifyError.name())?;
    let retry = map.one_of("retry", &[("none", Retry::None), ("same", Retry::Same), ("next", Retry::Next)])?;
    let scopes = [("request", Blame::Request), ("model", Blame::KeyModel), ("key", Blame::Key), ("provider", Blame::Provider)];
    let blame = map.one_of("scope", &scopes)?;
    let effect = map.one_of("effect", &[("none", "none"), ("cooldown", "cooldown"), ("disable", "disable")])?;
    let contradiction = match (blame, effect) {
        (Some(Blame::Request), Some("cooldown" | "disable")) => Some("a request is nobody's fault but its own"),
        (Some(Blame::Provider), Some("disable")) => Some("a provider can rest, with effect \"cooldown\", but is not disabled"),
        (Some(Blame::KeyModel), Some("disable")) => Some("a key is disabled for all its models, which is scope \"key\""),
        _ => None,
    };
    if let (Some(why), Some(effect)) = (contradiction, effect) {
        return Err(fault(format!("the effect \"{effect}\" contradicts the scope in the answer of `classify_error`: {why}")));
    }
    let seconds = map.take("seconds");
    let ms = match (&seconds, effect) {
        (Some(value), Some("cooldown")) => {
            let number = value.as_float().ok().or_else(|| value.as_int().ok().map(|number| number as f64));
            let valid = number.filter(|seconds| (1.0..=COOLDOWN_S).contains(seconds));
            (valid.ok_or_else(|| map.wrong("seconds", "1 to 2678400, which is 31 days", value))? * 1000.0) as u64
        }
        (Some(value), _) => return Err(map.wrong("seconds", "left out unless `effect` is \"cooldown\"", value)),
        (None, _) => 60_000,
    };
    let effect = effect.map(|effect| match effect {
        "cooldown" => Effect::Cooldown { ms },
        "disable" => Effect::Disable,
        _ => Effect::None,
    });
    let reason = map.text("reason")?.map(|reason| clean(&reason));
    map.finish()?;
    Ok(ErrorAnswer { retry, blame, effect, reason, script: Arc::default() })
}

/// Whether what follows from a built-in verdict can follow where somebody else is to blame.
fn falls_on(effect: Effect, blame: Blame) -> bool {
    match effect {
        Effect::Cooldown { .. } => matches!(blame, Blame::Key | Blame::KeyModel | Blame::KeyEndpoint | Blame::Provider),
        Effect::Backoff { .. } | Effect::Disable => blame == Blame::Key,
        Effect::SizeLimit { .. } => matches!(blame, Blame::Key | Blame::KeyModel),
        Effect::None | Effect::CountAgainstProvider => false,
    }
}
