//! A draft against one request: pasted, or logged.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem_openapi::payload::Json;
use poem_openapi::types::Any;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;
use serde_json::Value;

use super::body::{FailureBody, LogLineBody, ProblemBody};
use super::decision::DecisionBody;
use super::desk::blocking;
use super::error::refused;
use super::files::ScriptDraft;
use super::installation::Today;
use super::recorded::{self, BODY_VALUES};
use crate::admin::Tag;
use crate::admin::access::{Access, Operator};
use crate::admin::body::Body;
use crate::admin::calls::find;
use crate::admin::error::ApiError;
use crate::admin::wire::example;
use crate::domain::{CallId, ClientId, estimate_text_tokens};
use crate::script::{
    AttemptErrorParts, Problem, RequestParts, ResponseParts, Scripts, Sources, Step, TrialEvent, TrialInput, TrialSet,
    TrialStore,
};

/// Most keys that a dry run looks at.
const MOST_KEYS: usize = 1_000;

/// Trying a draft against one request.
pub(crate) struct DryRuns;

#[OpenApi(prefix_path = "/api/scripts", tag = "Tag::Scripts")]
impl DryRuns {
    /// Try a draft against one request
    ///
    /// Every hook runs against a request that is given here, or against a logged call. No provider is contacted and nothing is
    /// changed: what scripts keep with `kv_set` goes into a copy that is thrown away. The same request also runs through the
    /// live scripts, so that the two decisions can be compared.
    #[oai(path = "/dry-run", method = "post", operation_id = "dry_run_scripts")]
    async fn dry_run(&self, access: Operator, body: Body<DryRun>) -> Result<Json<DryRunBody>, ApiError> {
        let DryRun { draft, call, request, errors, response, events } = body.0;
        let snapshot = access.context().publisher.current().load_full();
        let mut input = match (call, request) {
            (Some(id), None) => recorded::input(find(&access, &id).await?, &snapshot),
            (None, Some(request)) => request.read(&access)?,
            _ => return Err(ApiError::invalid("request", "give either a request or the id of a call, as `request` or `call`")),
        };
        if !errors.is_empty() {
            input.errors = errors.into_iter().map(ErrorGiven::read).collect::<Result<_, _>>()?;
        }
        if let Some(response) = response {
            input.response = Some(response.read()?);
        }
        input.events = events.into_iter().map(|event| TrialEvent { name: event.name, data: event.data.into() }).collect();
        let scripts = access.context().scripts.scripts().clone();
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
    /// Events of a streamed answer, for `on_chunk`.
    #[oai(default)]
    events: Vec<EventGiven>,
}

example!(DryRun, {
    "draft": { "files": { "20-route.rhai": "fn route(req) {\n    if req.stream { #{ model: \"fast\" } }\n}\n" }, "whole": false },
    "request": { "path": "/v1/chat/completions", "body": { "model": "gpt-4o-mini", "stream": true, "messages": [] } },
});

/// A request to try scripts against.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ScriptRequestGiven")]
struct RequestGiven {
    /// The HTTP method; POST if left out.
    method: Option<String>,
    /// The path; `/v1/chat/completions` if left out.
    path: Option<String>,
    /// The headers.
    #[serde(default)]
    #[oai(default)]
    headers: BTreeMap<String, String>,
    /// The body: JSON, or a string that holds it letter by letter.
    body: Option<Any<Value>>,
    /// The id of the client that calls.
    client: Option<i64>,
    /// The address that it calls from.
    ip: Option<String>,
}

impl RequestGiven {
    fn read(self, access: &Access) -> Result<TrialInput, ApiError> {
        let snapshot = access.context().publisher.current().load_full();
        let no_client = |id| ApiError::invalid("request.client", format!("there is no client with id {id}"));
        let client = self.client.map(|id| snapshot.client(ClientId(id)).cloned().ok_or_else(|| no_client(id))).transpose()?;
        let no_address = |_| ApiError::invalid("request.ip", "must be an IP address");
        let client_ip = self.ip.as_deref().map(str::parse).transpose().map_err(no_address)?;
        let body: Bytes = match self.body.map(|body| body.0) {
            None => Bytes::new(),
            Some(Value::String(text)) => text.into(),
            Some(value) => value.to_string().into(),
        };
        let parsed: Value = serde_json::from_slice(&body).unwrap_or_default();
        let now_ms = access.now().unix_ms;
        let request = RequestParts {
            id: CallId::new(now_ms, [0; 10]),
            method: self.method.as_deref().unwrap_or("POST").into(),
            path: self.path.as_deref().unwrap_or("/v1/chat/completions").into(),
            model: parsed["model"].as_str().map(Into::into),
            stream: parsed["stream"].as_bool().unwrap_or(false),
            client,
            client_ip,
            headers: headers("request.headers", self.headers)?,
            estimated_tokens: estimate_text_tokens(&body),
            body,
            body_values: BODY_VALUES,
        };
        Ok(TrialInput { request, at_ms: now_ms, ..TrialInput::default() })
    }
}

fn headers(field: &'static str, given: BTreeMap<String, String>) -> Result<Arc<HeaderMap>, ApiError> {
    let pair = |(name, value): (String, String)| {
        let pair = name.parse::<HeaderName>().ok().zip(value.parse::<HeaderValue>().ok());
        pair.ok_or_else(|| ApiError::invalid(field, format!("`{}` is not a header", name.escape_debug())))
    };
    Ok(Arc::new(given.into_iter().map(pair).collect::<Result<_, _>>()?))
}

/// A failed attempt to try `classify_error` against.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(rename = "ScriptErrorGiven")]
struct ErrorGiven {
    /// The provider's HTTP status; left out: it did not answer.
    status: Option<u16>,
    /// The error's code.
    code: Option<String>,
    /// The error's type.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    kind: Option<String>,
    /// The provider's words.
    #[oai(default)]
    message: String,
    /// The answer's headers.
    #[oai(default)]
    headers: BTreeMap<String, String>,
    /// Milliseconds since the attempt began.
    #[oai(default)]
    elapsed_ms: u64,
}

impl ErrorGiven {
    fn read(self) -> Result<AttemptErrorParts, ApiError> {
        let headers = headers("errors.headers", self.headers)?;
        let (status, code, kind, message, elapsed_ms) = (self.status, self.code, self.kind, self.message, self.elapsed_ms);
        Ok(AttemptErrorParts { status, code, kind, message, headers, elapsed_ms, bytes_sent: 0 })
    }
}

/// An answer to try `on_response` against.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ScriptResponseGiven")]
struct ResponseGiven {
    /// The HTTP status.
    status: u16,
    /// The headers.
    #[serde(default)]
    #[oai(default)]
    headers: BTreeMap<String, String>,
    /// The body: JSON, or a string that holds it letter by letter; left out: the answer is a stream.
    body: Option<Any<Value>>,
}

impl ResponseGiven {
    fn read(self) -> Result<ResponseParts, ApiError> {
        let body = self.body.map(|body| match body.0 {
            Value::String(text) => text.into(),
            value => Bytes::from(value.to_string()),
        });
        let headers = headers("response.headers", self.headers)?;
        Ok(ResponseParts { status: self.status, headers, body, body_values: BODY_VALUES })
    }
}

/// An event to try `on_chunk` against.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ScriptEventGiven")]
struct EventGiven {
    /// Its name.
    name: Option<String>,
    /// Its data.
    data: String,
}

/// What a draft did with a request.
#[derive(Debug, Object)]
#[oai(rename = "ScriptDryRun")]
struct DryRunBody {
    /// The draft's version.
    version: String,
    /// Warnings about it.
    problems: Vec<ProblemBody>,
    /// The hooks that it defines. One that is not among the steps had nothing to look at.
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
            answer: Any(step.answer),
            changes: Any(step.changes),
            operations: step.operations,
            micros: step.micros,
            log: step.log.into_iter().map(LogLineBody::from).collect(),
            failure: step.failure.map(FailureBody::from),
        }
    }
}
