//! The hooks as the data plane calls them: one method each, with typed answers.
//!
//! A hook that no script defines is told by [`ScriptSet::has`]; a caller asks that first and then pays nothing.

use std::fmt;
use std::sync::Arc;

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map};

use super::error::{FailureKind, ScriptFailure, fault, fault_at, note};
use super::hook::Hook;
use super::objects::{
    AttemptError, BodyEdit, Candidate, Candidates, ChunkEvent, Json, Keys, Rejection, Reply, Response, ScriptRequest, Upstream,
};
use super::set::{ScriptSet, seed};
use super::verdict::{ErrorAnswer, read_verdict};
use crate::domain::KeyId;

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// Most keys of an answer that are looked at.
const MOST_KEYS: usize = 64;

/// What `on_request` decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestDecision {
    /// The call goes on, with what the scripts changed.
    Continue,
    /// The call is refused.
    Reject(Rejection),
    /// The call is answered at once.
    Respond(Reply),
}

/// Where `route` sends the model. What is `None` or empty stays as built in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteAnswer {
    /// Another model.
    pub model: Option<String>,
    /// Only this provider, by name.
    pub provider: Option<String>,
    /// Only keys with one of these tags.
    pub tags: Option<Vec<String>>,
    /// Models to try afterwards, in order.
    pub fallbacks: Vec<String>,
    /// The script that answered, as `file:line`.
    pub script: Arc<str>,
}

impl fmt::Display for RouteAnswer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.model.as_ref().map(|model| format!("model {model}")),
            self.provider.as_ref().map(|provider| format!("provider {provider}")),
            self.tags.as_ref().map(|tags| format!("tags {}", tags.join(", "))),
            (!self.fallbacks.is_empty()).then(|| format!("fallbacks {}", self.fallbacks.join(", "))),
        ];
        out.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
    }
}

/// Which keys `select_key` wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAnswer {
    /// The keys, in order. All of them were among the candidates.
    pub keys: Vec<KeyId>,
    /// The script that answered, as `file:line`.
    pub script: Arc<str>,
}

/// What `on_chunk` makes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkAnswer {
    /// It goes on as it came.
    Keep,
    /// It is left out.
    Drop,
    /// Its data is edited.
    Edit(Vec<BodyEdit>),
    /// Its data is replaced by this text.
    Replace(String),
}

impl ScriptSet {
    /// Runs `on_request`. An error refuses the call: a filter that cannot judge lets nothing through.
    pub fn on_request(&self, req: &ScriptRequest) -> Result<RequestDecision, ScriptFailure> {
        let hook = Hook::OnRequest;
        let decided = self.run_hook(hook, seed(req.id(), hook, 0), || [Dynamic::from(req.clone())], |function, answer| {
            if let Some(rejection) = answer.read_lock::<Rejection>() {
                let message = format!("{} {}: {}", rejection.status, rejection.code, rejection.message);
                req.note_decision(note(hook.name(), "rejected", &function.place, message));
                return Ok(Some(RequestDecision::Reject(rejection.clone())));
            }
            match answer.read_lock::<Reply>() {
                Some(reply) => {
                    req.note_decision(note(hook.name(), "answered", &function.place, reply.status.to_string()));
                    Ok(Some(RequestDecision::Respond(reply.clone())))
                }
                None => Err(fault_at(
                    "`on_request` answers `()`, `reject(…)` or `respond(…)`; what its last statement gives is its answer, so end \
                     with `()` where that gives something else",
                    &answer,
                )),
            }
        });
        let decided = decided.map(|decision| decision.unwrap_or(RequestDecision::Continue));
        decided.inspect_err(|failure| req.note_failure(failure.clone()))
    }

    /// Runs `route`. `None` is the built-in way, also when the hook failed.
    pub fn route(&self, req: &ScriptRequest) -> Option<RouteAnswer> {
        let hook = Hook::Route;
        let routed = self.run_hook(
            hook,
            seed(req.id(), hook, 0),
            || [Dynamic::from(req.clone())],
            |function, answer| {
                let routed = RouteAnswer { script: function.label.clone(), ..read_route(answer)? };
                req.note_decision(note(hook.name(), "routed", &function.place, routed.to_string()));
                Ok(Some(routed))
            },
        );
        self.or_built_in(routed, req)
    }

    /// Runs `select_key` for an attempt, counted from 1. `None` is the model's own strategy, also when the hook failed.
    pub fn select_key(&self, req: &ScriptRequest, keys: Arc<dyn Candidates>, attempt: u32) -> Option<KeyAnswer> {
        let hook = Hook::SelectKey;
        let arguments = || [Dynamic::from(req.clone()), Dynamic::from(Keys(keys.clone())), Dynamic::from(i64::from(attempt))];
        let selected = self.run_hook(hook, seed(req.id(), hook, attempt), arguments, |function, answer| {
            let chosen = read_keys(answer)?;
            let known: Vec<KeyId> = chosen.iter().copied().filter(|key| keys.contains(*key)).collect();
            if known.len() < chosen.len() {
                let ignored = chosen.len() - known.len();
                let message = format!("{ignored} keys were ignored that cannot serve this attempt");
                req.note_failure(ScriptFailure::new(hook, FailureKind::Answer, function.place.clone(), message));
                if self.around.log.admits(self.around.now_ms()) {
                    tracing::warn!(hook = hook.name(), place = %function.place, ignored, "script chose keys that cannot serve");
                }
            }
            Ok((!known.is_empty()).then(|| KeyAnswer { keys: known, script: function.label.clone() }))
        });
        self.or_built_in(selected, req)
    }

    /// Runs `on_upstream_request`; what it changed is in `up`. An error refuses the call, and nothing is sent.
    pub fn on_upstream_request(
        &self,
        req: &ScriptRequest,
        up: &Upstream,
        key: &Candidate,
        attempt: u32,
    ) -> Result<(), ScriptFailure> {
        let hook = Hook::OnUpstreamRequest;
        let arguments = || [Dynamic::from(up.clone()), Dynamic::from(key.clone()), Dynamic::from(i64::from(attempt))];
        let ran = self.run_hook(hook, seed(req.id(), hook, attempt), arguments, |_, _| Ok(None::<()>));
        ran.map(|_| ()).inspect_err(|failure| req.note_failure(failure.clone()))
    }

    /// Runs `classify_error` for a failed attempt, counted from 1. `None` is the built-in verdict, also when the hook failed.
    pub fn classify_error(
        &self,
        req: &ScriptRequest,
        err: &AttemptError,
        key: &Candidate,
        attempt: u32,
    ) -> Option<ErrorAnswer> {
        let hook = Hook::ClassifyError;
        let arguments = || [Dynamic::from(err.clone()), Dynamic::from(key.clone()), Dynamic::from(i64::from(attempt))];
        let judged = self.run_hook(hook, seed(req.id(), hook, attempt), arguments, |function, answer| {
            Ok(Some(ErrorAnswer { script: function.label.clone(), ..read_verdict(answer)? }))
        });
        self.or_built_in(judged, req)
    }

    /// Runs `on_response`; what it changed is in `resp`. When it fails, whatever it changed before is to be left out.
    pub fn on_response(&self, req: &ScriptRequest, resp: &Response) -> Result<(), ScriptFailure> {
        let hook = Hook::OnResponse;
        let arguments = || [Dynamic::from(req.clone()), Dynamic::from(resp.clone())];
        let ran = self.run_hook(hook, seed(req.id(), hook, 0), arguments, |_, _| Ok(None::<()>));
        ran.map(|_| ()).inspect_err(|failure| req.note_failure(failure.clone()))
    }

    /// Runs `on_chunk`. A failure keeps the event as it came.
    pub fn on_chunk(&self, req: &ScriptRequest, event: &ChunkEvent) -> ChunkAnswer {
        let hook = Hook::OnChunk;
        let arguments = || [Dynamic::from(req.clone()), Dynamic::from(event.clone())];
        let answered = self
            .run_hook(hook, seed(req.id(), hook, event.index() as u32), arguments, |_, answer| read_chunk(&answer).map(Some));
        match answered {
            Ok(Some(answer)) => answer,
            Ok(None) => event.edited().map_or(ChunkAnswer::Keep, ChunkAnswer::Edit),
            Err(failure) => {
                req.note_failure(failure);
                ChunkAnswer::Keep
            }
        }
    }

    /// Notes that an answer cannot be followed, as if the hook had failed: it is counted, logged and on the call's record.
    ///
    /// `script` is where it was given, as `file:line`; `None` is the first script that defines the hook.
    pub fn refuse_answer(&self, req: &ScriptRequest, hook: Hook, script: Option<&str>, message: impl Into<String>) {
        let functions = &self.hooks[hook.index()];
        let given = script.and_then(|script| functions.iter().find(|function| &*function.label == script));
        let place = given.or_else(|| functions.first()).map(|function| function.place.clone()).unwrap_or_default();
        let failure = ScriptFailure::new(hook, FailureKind::Answer, place, message);
        self.note_failure(hook, &failure, false);
        req.note_failure(failure);
    }

    fn or_built_in<T>(&self, answered: Result<Option<T>, ScriptFailure>, req: &ScriptRequest) -> Option<T> {
        answered.unwrap_or_else(|failure| {
            req.note_failure(failure);
            None
        })
    }
}

/// A map that a hook answered, read member by member so that a misspelt one is found.
pub(super) struct AnswerMap {
    map: Map,
    of: &'static str,
}

impl AnswerMap {
    pub(super) fn new(answer: Dynamic, of: &'static str) -> Fallible<Self> {
        let map = answer.try_cast_result::<Map>();
        map.map(|map| AnswerMap { map, of }).map_err(|answer| fault_at(format!("`{of}` answers `()` or a map"), &answer))
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Dynamic> {
        self.map.remove(name).filter(|value| !value.is_unit())
    }

    pub(super) fn wrong(&self, name: &str, wanted: &str, value: &Dynamic) -> Box<EvalAltResult> {
        fault_at(format!("`{name}` of the answer of `{}` must be {wanted}", self.of), value)
    }

    pub(super) fn text(&mut self, name: &str) -> Fallible<Option<String>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let text = value.read_lock::<ImmutableString>().map(|text| text.to_string()).filter(|text| !text.is_empty());
        text.map(Some).ok_or_else(|| self.wrong(name, "a string", &value))
    }

    pub(super) fn texts(&mut self, name: &str) -> Fallible<Option<Vec<String>>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let text = |item: &Dynamic| item.read_lock::<ImmutableString>().map(|text| text.to_string());
        let read = value.read_lock::<Array>().and_then(|items| items.iter().map(text).collect::<Option<Vec<_>>>());
        read.map(Some).ok_or_else(|| self.wrong(name, "an array of strings", &value))
    }

    pub(super) fn one_of<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Fallible<Option<T>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let text = value.read_lock::<ImmutableString>().map(|text| text.clone()).unwrap_or_default();
        let found = choices.iter().find(|(choice, _)| *choice == text.as_str());
        let names = || choices.iter().map(|(choice, _)| format!("\"{choice}\"")).collect::<Vec<_>>().join(", ");
        found.map(|(_, meant)| Some(*meant)).ok_or_else(|| self.wrong(name, &format!("one of {}", names()), &value))
    }

    pub(super) fn finish(self) -> Fallible<()> {
        match self.map.keys().next() {
            Some(name) => Err(fault(format!("the answer of `{}` has no member `{name}`", self.of))),
            None => Ok(()),
        }
    }
}

fn read_route(answer: Dynamic) -> Fallible<RouteAnswer> {
    let mut map = AnswerMap::new(answer, Hook::Route.name())?;
    let route = RouteAnswer {
        model: map.text("model")?,
        provider: map.text("provider")?,
        tags: map.texts("tags")?,
        fallbacks: map.texts("fallbacks")?.unwrap_or_default(),
        script: Arc::default(),
    };
    map.finish()?;
    Ok(route)
}

fn read_keys(answer: Dynamic) -> Fallible<Vec<KeyId>> {
    let wrong = |answer: &Dynamic| fault_at("`select_key` answers `()`, a key, an array of keys or a view of keys", answer);
    if let Some(candidate) = answer.read_lock::<Candidate>() {
        return Ok(vec![candidate.key.id]);
    }
    if let Some(keys) = answer.read_lock::<Keys>() {
        return Ok(keys.0.next().map(|candidate| candidate.key.id).into_iter().collect());
    }
    let Some(items) = answer.read_lock::<Array>() else { return Err(wrong(&answer)) };
    let wanted = items.iter().filter(|item| !item.is_unit()).take(MOST_KEYS);
    wanted.map(|item| item.read_lock::<Candidate>().map(|key| key.key.id).ok_or_else(|| wrong(item))).collect()
}

fn read_chunk(answer: &Dynamic) -> Fallible<ChunkAnswer> {
    match answer.as_bool() {
        Ok(false) => return Ok(ChunkAnswer::Drop),
        Ok(true) => return Err(fault_at("`on_chunk` answers `()`, a replacement or `false`", answer)),
        Err(_) => {}
    }
    if let Some(text) = answer.read_lock::<ImmutableString>() {
        return Ok(ChunkAnswer::Replace(text.to_string()));
    }
    if answer.is::<Map>() || answer.is::<Array>() || answer.is::<Json>() {
        let text = super::json::to_json(answer).map_err(|error| fault_at(error.to_string(), answer))?;
        return Ok(ChunkAnswer::Replace(text));
    }
    Err(fault_at("`on_chunk` answers `()`, a replacement or `false`", answer))
}
