//! A walk of one request through the hooks of a set.

use std::sync::Arc;

use serde_json::{Value, json};

use super::input::TrialInput;
use super::installation::{Destination, Installation, Nowhere, Placement, Wish};
use super::set::TrialSet;
use super::stand_in::{self, given_or};
use super::step::{Step, Told, body_edits, changes, header_edits};
use crate::domain::{KeyId, Usage};
use crate::script::calls::{KeyAnswer, RequestDecision, RouteAnswer};
use crate::script::error::ScriptFailure;
use crate::script::hook::Hook;
use crate::script::objects::{AttemptError, BodyEdit, Candidate, Missing, ScriptRequest, Upstream, UpstreamParts};
use crate::script::verdict::ErrorAnswer;

/// How scripts let a request end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It goes to a provider.
    Sent,
    /// A script refuses it.
    Rejected {
        /// HTTP status.
        status: u16,
        /// The error's code.
        code: String,
    },
    /// A script answers it.
    Answered {
        /// HTTP status.
        status: u16,
    },
    /// A hook failed that fails closed.
    Failed,
    /// Nothing serves what was decided.
    Nowhere(Nowhere),
}

/// What scripts decided about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// How it ends.
    pub ending: Ending,
    /// The model that serves it.
    pub model: Option<Arc<str>>,
    /// The provider that comes first, by name.
    pub provider: Option<Arc<str>>,
    /// The provider's own name for the model.
    pub provider_model: Option<Arc<str>>,
    /// Models to try afterwards.
    pub fallbacks: Vec<String>,
    /// The key that a script chose, and its name; `None`: the strategy chooses.
    pub key: Option<(KeyId, Arc<str>)>,
    /// What was changed in the body, in order.
    pub body: Vec<BodyEdit>,
}

/// A walk that has ended.
pub struct Walk {
    /// The hooks that ran, in order.
    pub steps: Vec<Step>,
    /// What they decided.
    pub decision: Decision,
    /// What scripts looked at that is not known: the decision may be another one.
    pub needed: Missing,
    /// The body as it would go on, when it was changed.
    pub body: Option<String>,
    /// Keys that could serve.
    pub keys: usize,
    place: Option<Placement>,
}

impl Walk {
    /// Hooks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &ScriptFailure> {
        self.steps.iter().filter_map(|step| step.failure.as_ref())
    }

    /// What a call costs that consumes this much; `None`: that is not known.
    pub fn cost_nanodollars(&self, usage: &Usage) -> Option<i64> {
        match (&self.decision.ending, &self.place) {
            (Ending::Sent, Some(place)) => usage.cost(place.price.as_deref()?).known().map(|cost| cost.0),
            _ => Some(0),
        }
    }
}

/// A walk on its way.
pub(super) struct Walking<'a> {
    pub(super) trial: &'a TrialSet,
    pub(super) req: ScriptRequest,
    pub(super) steps: Vec<Step>,
    failures: usize,
}

impl TrialSet {
    /// Walks a request through the hooks, as far as what is known of it reaches.
    pub fn walk(&self, input: &TrialInput, installation: &dyn Installation) -> Walk {
        self.set_time(input.at_ms);
        let req = ScriptRequest::partial(input.request.clone(), input.missing, &input.headers);
        let mut walking = Walking { trial: self, req, steps: Vec::new(), failures: 0 };
        let mut decision = Decision {
            ending: walking.on_request(),
            model: None,
            provider: None,
            provider_model: None,
            fallbacks: Vec::new(),
            key: None,
            body: Vec::new(),
        };
        let mut place = None;
        let mut keys = 0;
        if decision.ending == Ending::Sent {
            let routed = walking.route().unwrap_or_default();
            let model = routed.model.as_deref().map(Arc::from);
            decision.model = model.or_else(|| walking.req.changed_model()).or_else(|| input.request.model.clone());
            decision.fallbacks = routed.fallbacks;
            let wish = Wish {
                request: &input.request,
                model: decision.model.as_deref(),
                provider: routed.provider.as_deref(),
                tags: routed.tags.as_deref(),
            };
            match installation.destination(&wish) {
                Ok(destination) => {
                    keys = destination.keys.len();
                    place = walking.attempt(input, &destination, &mut decision);
                }
                Err(nowhere) => decision.ending = Ending::Nowhere(nowhere),
            }
        }
        walking.afterwards(input, &decision);
        decision.body = walking.req.body_edits();
        let body = (!decision.body.is_empty()).then(|| walking.req.body_text());
        Walk { needed: walking.req.needed(), steps: walking.steps, decision, body, keys, place }
    }
}

impl Walking<'_> {
    pub(super) fn has(&self, hook: Hook) -> bool {
        self.trial.set.has(hook)
    }

    /// Runs a hook and keeps its step. A failure that the hook noted on the request belongs to the step.
    pub(super) fn step<T>(
        &mut self,
        hook: Hook,
        run: impl FnOnce(&TrialSet, &ScriptRequest) -> T,
        tell: impl FnOnce(&T) -> (Value, Value),
    ) -> T {
        let (trial, req, noted) = (self.trial, self.req.clone(), self.failures);
        let (result, step) = trial.step(
            hook,
            || run(trial, &req),
            |result| {
                let (answer, changes) = tell(result);
                Told { answer, changes, failure: req.failures().into_iter().nth(noted) }
            },
        );
        self.failures = req.failures().len();
        self.steps.push(step);
        result
    }

    /// Notes what the last step was shown where nothing was given.
    pub(super) fn tell_stand_in(&mut self, told: Option<Value>) {
        if let Some(step) = self.steps.last_mut() {
            step.stand_in = told;
        }
    }

    fn on_request(&mut self) -> Ending {
        if !self.has(Hook::OnRequest) {
            return Ending::Sent;
        }
        let req = self.req.clone();
        let decided = self.step(
            Hook::OnRequest,
            |trial, req| trial.set.on_request(req),
            |decided| {
                let answer = match decided {
                    Ok(RequestDecision::Reject(refusal)) => {
                        json!({ "reject": { "status": refusal.status, "code": refusal.code, "message": refusal.message } })
                    }
                    Ok(RequestDecision::Respond(reply)) => {
                        json!({ "respond": { "status": reply.status, "body": String::from_utf8_lossy(&reply.body) } })
                    }
                    Ok(RequestDecision::Continue) | Err(_) => Value::Null,
                };
                let attributes = req.attributes().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
                let changed = changes([
                    ("model", json!(req.changed_model())),
                    ("body", body_edits(&req.body_edits())),
                    ("headers", header_edits(&req.header_edits())),
                    ("tags", json!(req.tags())),
                    ("attributes", attributes),
                ]);
                (answer, changed)
            },
        );
        match decided {
            Ok(RequestDecision::Continue) => Ending::Sent,
            Ok(RequestDecision::Reject(refusal)) => Ending::Rejected { status: refusal.status, code: refusal.code },
            Ok(RequestDecision::Respond(reply)) => Ending::Answered { status: reply.status },
            Err(_) => Ending::Failed,
        }
    }

    fn route(&mut self) -> Option<RouteAnswer> {
        if !self.has(Hook::Route) {
            return None;
        }
        self.step(
            Hook::Route,
            |trial, req| trial.set.route(req),
            |routed| {
                let answer = routed.as_ref().map(|to| {
                    changes([
                        ("model", json!(to.model)),
                        ("provider", json!(to.provider)),
                        ("tags", json!(to.tags)),
                        ("fallbacks", json!(to.fallbacks)),
                    ])
                });
                (answer.unwrap_or_default(), changes([]))
            },
        )
    }

    /// The first attempt: its key, what is sent, and what failures mean. The answer is where it goes.
    fn attempt(&mut self, input: &TrialInput, to: &Destination, decision: &mut Decision) -> Option<Placement> {
        let chosen = self.select_key(to);
        let candidate = |id: KeyId| (0..to.keys.len()).filter_map(|at| to.keys.get(at)).find(|found| found.key.id == id);
        let first = chosen.and_then(|answer| answer.keys.first().copied()).and_then(candidate);
        decision.key = first.as_ref().map(|found| (found.key.id, found.key.name.as_str().into()));
        let key = first.or_else(|| to.keys.next());
        let serves = |place: &&Placement| key.as_ref().is_none_or(|found| found.key.provider == place.provider);
        let place = to.places.iter().find(serves).or(to.places.first()).cloned();
        decision.provider = place.as_ref().map(|place| place.name.clone());
        decision.provider_model = place.as_ref().map(|place| place.model.clone());
        if let (Some(key), Some(place)) = (key, &place) {
            self.on_upstream_request(input, &key, place, decision);
            self.classify_errors(input, &key);
        }
        place
    }

    fn select_key(&mut self, to: &Destination) -> Option<KeyAnswer> {
        if !self.has(Hook::SelectKey) || to.keys.is_empty() {
            return None;
        }
        let name = |id: &KeyId| {
            let found = (0..to.keys.len()).filter_map(|at| to.keys.get(at)).find(|found| found.key.id == *id);
            found.map(|found| found.key.name.clone()).unwrap_or_default()
        };
        self.step(
            Hook::SelectKey,
            |trial, req| trial.set.select_key(req, to.keys.clone(), 1),
            |selected| {
                let answer = selected.as_ref().map(|selected| selected.keys.iter().map(name).collect::<Vec<_>>());
                (json!(answer), changes([]))
            },
        )
    }

    fn on_upstream_request(&mut self, input: &TrialInput, key: &Candidate, place: &Placement, decision: &mut Decision) {
        // Without the body there is nothing to send.
        if !self.has(Hook::OnUpstreamRequest) || input.missing.body {
            return;
        }
        let up = Upstream::new(UpstreamParts {
            provider: place.name.clone(),
            model: Some(place.model.clone()),
            path: input.request.path.strip_prefix("/v1").unwrap_or(&input.request.path).into(),
            headers: input.request.headers.clone(),
            body: self.req.body_text().into(),
            body_values: input.request.body_values,
        });
        let ran = self.step(
            Hook::OnUpstreamRequest,
            |trial, req| trial.set.on_upstream_request(req, &up, key, 1),
            |_| {
                let edits = up.edits();
                let members =
                    [("path", json!(edits.path)), ("headers", header_edits(&edits.headers)), ("body", body_edits(&edits.body))];
                (Value::Null, changes(members))
            },
        );
        if ran.is_err() {
            decision.ending = Ending::Failed;
        }
    }

    fn classify_errors(&mut self, input: &TrialInput, key: &Candidate) {
        if !self.has(Hook::ClassifyError) {
            return;
        }
        let given = Some(&input.errors).filter(|errors| !errors.is_empty()).cloned();
        let Some((errors, told)) = given_or(given, input.stand_ins, stand_in::errors) else { return };
        for (attempt, parts) in (1..).zip(errors) {
            let error = AttemptError::new(parts);
            self.step(
                Hook::ClassifyError,
                |trial, req| trial.set.classify_error(req, &error, key, attempt),
                |judged| (judged.as_ref().map(verdict).unwrap_or_default(), changes([])),
            );
            self.tell_stand_in(told.clone());
        }
    }
}

fn verdict(answer: &ErrorAnswer) -> Value {
    changes([
        ("retry", json!(answer.retry)),
        ("scope", json!(answer.blame)),
        ("effect", json!(answer.effect)),
        ("reason", json!(answer.reason)),
    ])
}
