//! A draft against one request: pasted, or logged.

use poem_openapi::payload::Json;
use poem_openapi::types::{Any, ToJSON};
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;
use serde_json::Value;

use super::body::{FailureBody, LogLineBody, ProblemBody};
use super::decision::DecisionBody;
use super::desk::blocking;
use super::error::refused;
use super::files::ScriptDraft;
use super::given::{ErrorGiven, EventGiven, KeyEventGiven, RequestGiven, ResponseGiven};
use super::installation::Today;
use super::recorded;
use crate::admin::Tag;
use crate::admin::access::{Access, Operator};
use crate::admin::body::Body;
use crate::admin::calls::find;
use crate::admin::error::ApiError;
use crate::admin::wire::example;
use crate::script::{Problem, Scripts, Sources, Step, TrialInput, TrialSet, TrialStore};

/// Most keys that a dry run looks at.
const MOST_KEYS: usize = 1_000;

/// Trying a draft against one request.
pub(crate) struct DryRuns;

#[OpenApi(prefix_path = "/api/scripts", tag = "Tag::Scripts")]
impl DryRuns {
    /// Try a draft against one request
    ///
    /// Every hook runs against a request that is given here, or against a logged call. A hook for which neither has anything to
    /// look at is shown a plain stand-in, and its step says which. No provider is contacted and nothing is changed: what scripts keep with `kv_set` goes into a copy that is thrown away. The same request also runs through the
    /// live scripts, so that the two decisions can be compared.
    #[oai(path = "/dry-run", method = "post", operation_id = "dry_run_scripts")]
    async fn dry_run(&self, access: Operator, body: Body<DryRun>) -> Result<Json<DryRunBody>, ApiError> {
        let DryRun { draft, call, request, errors, response, events, key_event } = body.0;
        let snapshot = access.context().publisher.current().load_full();
        let scripts = access.context().scripts.scripts().clone();
        let mut input = match (call, request) {
            (Some(id), None) => {
                let record = find(&access, &id).await?;
                let events = recorded::events(&record);
                TrialInput { events, ..recorded::input(record, &snapshot, &scripts) }
            }
            (None, Some(request)) => request.read(&access)?,
            _ => return Err(ApiError::invalid("request", "give either a request or the id of a call, as `request` or `call`")),
        };
        if !errors.is_empty() {
            input.errors = errors.into_iter().map(ErrorGiven::read).collect::<Result<_, _>>()?;
        }
        if let Some(response) = response {
            input.response = Some(response.read()?);
        }
        if !events.is_empty() {
            input.events = events.into_iter().map(EventGiven::read).collect();
        }
        input.key_event = key_event.map(|event| event.read(input.at_ms));
        input.stand_ins = true;
        let live = scripts.current().sources().clone();
        let draft = draft.onto(live.clone())?;
        let installation = today(&access, MOST_KEYS);
        let run = move || {
            let draft = load(&scripts, draft, TrialStore::CopyOfLive)?;
            let live = load(&scripts, live, TrialStore::CopyOfLive)?;
            let (walk, by_live) = (draft.walk(&input, &installation), live.walk(&input, &installation));
            Ok(DryRunBody {
                version: draft.version().to_owned(),
                problems: draft.warnings().iter().map(ProblemBody::from).collect(),
                hooks: draft.hooks().map(str::to_owned).collect(),
                decision: DecisionBody::from(&walk),
                live: DecisionBody::from(&by_live),
                steps: walk.steps.into_iter().map(StepBody::from).collect(),
            })
        };
        blocking(run).await?.map(Json)
    }
}

/// Loads scripts for a trial.
pub(super) fn load(scripts: &Scripts, sources: Sources, store: TrialStore) -> Result<TrialSet, ApiError> {
    scripts.trial(sources, store).map_err(unloadable)
}

/// Scripts that cannot be tried because they have errors.
pub(super) fn unloadable(found: Vec<Problem>) -> ApiError {
    let problems: Vec<_> = found.into_iter().filter(Problem::is_error).collect();
    let first = problems.first().map(ToString::to_string).unwrap_or_default();
    refused(format!("the scripts cannot be tried: {first}"), problems)
}

/// The installation as it is now.
pub(super) fn today(access: &Access, most_keys: usize) -> Today {
    let context = access.context();
    Today { snapshot: context.publisher.current(), rotator: context.rotator.clone(), clock: context.clock, most_keys }
}

/// A draft, and what it is tried against.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(example)]
pub(super) struct DryRun {
    /// The draft; left out: the live scripts.
    #[oai(default)]
    draft: ScriptDraft,
    /// The id of a logged call. Its headers are not kept, and its body only where the settings say so.
    call: Option<String>,
    /// A request.
    request: Option<RequestGiven>,
    /// Attempts that failed, for `classify_error`; in place of those of the logged call.
    #[oai(default)]
    errors: Vec<ErrorGiven>,
    /// An answer, for `on_response`; in place of that of the logged call.
    response: Option<ResponseGiven>,
    /// Events of a streamed answer, for `on_chunk`; in place of those of the logged call, of which the first 100 are shown where
    /// its answer is kept.
    #[oai(default)]
    events: Vec<EventGiven>,
    /// What happened to a key, for `on_key_event`.
    key_event: Option<KeyEventGiven>,
}

example!(DryRun, {
    "draft": { "files": { "20-route.rhai": "fn route(req) {\n    if req.stream { #{ model: \"fast\" } }\n}\n" }, "whole": false },
    "request": { "path": "/v1/chat/completions", "body": { "model": "gpt-4o-mini", "stream": true, "messages": [] } },
});

/// What a draft did with a request.
#[derive(Debug, Object)]
#[oai(rename = "ScriptDryRun", example)]
struct DryRunBody {
    /// The draft's version.
    version: String,
    /// Warnings about it.
    problems: Vec<ProblemBody>,
    /// The hooks that it defines. One that is not among the steps was not reached, because one before it ended the call.
    hooks: Vec<String>,
    /// What the draft decided.
    decision: DecisionBody,
    /// What the live scripts decide about the same request.
    live: DecisionBody,
    /// The hooks that ran, in order.
    steps: Vec<StepBody>,
}

/// One hook of a dry run.
#[derive(Debug, Object)]
#[oai(rename = "ScriptStep")]
struct StepBody {
    /// The hook.
    hook: String,
    /// What it was shown where neither the request nor the logged call had anything for it; null: it was shown what is given.
    #[oai(nullable)]
    stand_in: Option<Any<Value>>,
    /// What it answered; null is `()`.
    answer: Any<Value>,
    /// What it changed: `body` (edits, each with a JSON pointer), `headers`, `model`, `path`, `status`, `tags`, `attributes`.
    changes: Any<Value>,
    /// Steps that it took.
    operations: u64,
    /// Microseconds that it took.
    micros: u64,
    /// What it logged.
    log: Vec<LogLineBody>,
    /// How it failed.
    #[oai(nullable)]
    failure: Option<FailureBody>,
}

impl From<Step> for StepBody {
    fn from(step: Step) -> Self {
        StepBody {
            hook: step.hook.name().to_owned(),
            stand_in: step.stand_in.map(Any),
            answer: Any(step.answer),
            changes: Any(step.changes),
            operations: step.operations,
            micros: step.micros,
            log: step.log.into_iter().map(LogLineBody::from).collect(),
            failure: step.failure.map(FailureBody::from),
        }
    }
}

example!(DryRunBody, {
    "version": "9f86d081884c", "problems": [], "hooks": ["route"], "decision": DecisionBody::example().to_json(),
    "live": DecisionBody::example().to_json(),
    "steps": [{
        "hook": "route", "stand_in": null, "answer": { "model": "fast" }, "changes": {}, "operations": 30, "micros": 21, "log": [],
        "failure": null,
    }],
});
