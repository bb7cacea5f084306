//! A draft against logged calls: which decisions it would have made otherwise.
//!
//! It runs beside live traffic, a few calls at a time, and rests as long as it has worked.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use poem_openapi::payload::Json;
use poem_openapi::types::ToJSON;
use poem_openapi::{Enum, Object, OpenApi};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::decision::ComparisonBody;
use super::desk::blocking;
use super::dry_run::load;
use super::files::ScriptDraft;
use super::installation::Configured;
use super::recorded;
use crate::admin::access::{Access, Operator, Viewer};
use crate::admin::body::Body;
use crate::admin::error::ApiError;
use crate::admin::period::{Period, UTC};
use crate::admin::wire::example;
use crate::admin::{AdminContext, Tag};
use crate::domain::{CallId, CallRecord, ClientId, KeyId, Outcome, ProviderId, Usage, to_rfc3339};
use crate::script::{Comparison, HookReport, SideBySide, TrialStore};
use crate::store::{CallFilter, CallOrder, CallQuery};

/// Calls, where the caller does not say.
const CALLS: u32 = 1_000;
/// Most calls of one replay.
const MOST_CALLS: u32 = 100_000;
/// Calls of one page of the log.
const PAGE: usize = 1_000;
/// Calls between two rests.
const AT_ONCE: usize = 16;
/// Shortest rest.
const REST: Duration = Duration::from_millis(1);

/// Replays of logged calls.
pub(crate) struct Replays;

#[OpenApi(prefix_path = "/api/scripts", tag = "Tag::Scripts")]
impl Replays {
    /// Try a draft against logged calls
    ///
    /// Starts a replay and answers at once; one runs at a time. The live scripts and the draft decide about each call again,
    /// the oldest first, and their decisions are compared. Twice the same calls give twice the same: `rand` and `now_ms` come
    /// from the record, the store behind `kv_get` starts empty, and keys are as configured, at rest. Bodies are kept only where
    /// the setting `store_bodies` says so, and headers that `recorded_headers` names: calls in which a script looks at what was
    /// not kept are counted apart. `req.estimated_tokens` is the number of the live call; records of versions that did not keep it
    /// have it counted again from a kept body, or else what the provider counted.
    #[oai(path = "/replay", method = "post", operation_id = "start_script_replay")]
    async fn start(&self, access: Operator, body: Body<ReplayStart>) -> Result<Json<ReplayBody>, ApiError> {
        let ReplayStart { draft, .. } = &body.0;
        let scripts = access.context().scripts.scripts().clone();
        let live = scripts.current().sources().clone();
        let draft = draft.clone().onto(live.clone())?;
        let calls = body.0.calls.unwrap_or(CALLS);
        if !(1..=MOST_CALLS).contains(&calls) {
            return Err(ApiError::invalid("calls", format!("calls must be 1 to {MOST_CALLS}")));
        }
        let filter = body.0.filter(&access)?;
        let load_both = move || -> Result<SideBySide, ApiError> {
            Ok(SideBySide::new(load(&scripts, live, TrialStore::Empty)?, load(&scripts, draft, TrialStore::Empty)?))
        };
        let sets = blocking(load_both).await??;
        let job = Arc::new(Job::new(&sets, access.now().unix_ms, access.context().ending.child_token()));
        access.context().scripts.begin_replay(job.clone())?;
        let details = json!({ "live": job.live, "draft": job.draft, "calls": calls });
        if let Err(error) = super::desk::note(&access, "replay", details).await {
            job.end(State::Failed, access.now().unix_ms);
            return Err(error);
        }
        tokio::spawn(replay(access.context().clone(), job.clone(), sets, filter, calls as usize));
        Ok(Json(job.body()))
    }

    /// Get the replay
    ///
    /// The one that runs, or the last one that ran; its state is `none` when there has been none since the start.
    #[oai(path = "/replay", method = "get", operation_id = "get_script_replay")]
    async fn get(&self, access: Viewer) -> Result<Json<ReplayBody>, ApiError> {
        Ok(Json(current(&access).map_or_else(ReplayBody::none, |job| job.body())))
    }

    /// Cancel the replay
    ///
    /// What it has found so far stays to be read.
    #[oai(path = "/replay", method = "delete", operation_id = "cancel_script_replay")]
    async fn cancel(&self, access: Operator) -> Result<Json<ReplayBody>, ApiError> {
        let Some(job) = current(&access) else { return Ok(Json(ReplayBody::none())) };
        job.cancel.cancel();
        job.ended.cancelled().await;
        Ok(Json(job.body()))
    }
}

fn current(access: &Access) -> Option<Arc<Job>> {
    access.context().scripts.replay()
}

/// A draft, and the calls that it is tried against.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(example)]
pub(super) struct ReplayStart {
    /// The draft.
    draft: ScriptDraft,
    /// Of the calls that match, this many of the newest, 1 to 100000; 1000 if left out.
    calls: Option<u32>,
    /// `today`, `yesterday`, or a number of minutes, hours or days up to now: `15m`, `24h`, `7d`.
    range: Option<String>,
    /// Calls that began at this time or later; beats `range`.
    from: Option<String>,
    /// Calls that began before this time; beats `range`.
    to: Option<String>,
    /// Any of these outcomes.
    #[oai(default)]
    outcomes: Vec<Outcome>,
    /// The model's name in the request.
    model: Option<String>,
    /// The client's id.
    client: Option<i64>,
    /// The id of the last attempt's key.
    key: Option<i64>,
    /// The id of the last attempt's provider.
    provider: Option<i64>,
    /// Whether the client asked for a stream.
    stream: Option<bool>,
}

example!(ReplayStart, {
    "draft": { "files": { "20-route.rhai": "fn route(req) {\n    if req.stream { #{ model: \"fast\" } }\n}\n" }, "whole": false },
    "calls": 500, "range": "24h", "outcomes": [],
});

impl ReplayStart {
    fn filter(self, access: &Access) -> Result<CallFilter, ApiError> {
        let period = Period { range: self.range, from: self.from, to: self.to };
        let (from_ms, to_ms) = period.read(UTC, access.now().unix_ms)?;
        Ok(CallFilter {
            from_ms,
            to_ms,
            outcomes: self.outcomes,
            model_asked: self.model,
            client: self.client.map(ClientId),
            key: self.key.map(KeyId),
            provider: self.provider.map(ProviderId),
            stream: self.stream,
            probe: Some(false),
            ..CallFilter::default()
        })
    }
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "ScriptReplayState", rename_all = "snake_case")]
pub(super) enum State {
    /// There has been no replay since the start.
    None,
    /// It works.
    Running,
    /// Every call was looked at.
    Done,
    /// Somebody cancelled it, or the server shuts down.
    Cancelled,
    /// The log could not be read; Keywheel's own log says why.
    Failed,
}

/// A replay.
pub(super) struct Job {
    live: String,
    draft: String,
    began_ms: i64,
    cancel: CancellationToken,
    ended: CancellationToken,
    progress: Mutex<Progress>,
}

struct Progress {
    state: State,
    ended_ms: Option<i64>,
    /// Calls to look at; `None`: they are still being gathered.
    total: Option<usize>,
    skipped: u64,
    found: Comparison,
    hooks: (Vec<HookReport>, Vec<HookReport>),
}

impl Job {
    fn new(sets: &SideBySide, began_ms: i64, cancel: CancellationToken) -> Self {
        let progress = Progress {
            state: State::Running,
            ended_ms: None,
            total: None,
            skipped: 0,
            found: Comparison::default(),
            hooks: Default::default(),
        };
        Job {
            live: sets.live().version().to_owned(),
            draft: sets.draft().version().to_owned(),
            began_ms,
            cancel,
            ended: CancellationToken::new(),
            progress: Mutex::new(progress),
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.progress.lock().state == State::Running
    }

    fn end(&self, state: State, now_ms: i64) {
        let mut progress = self.progress.lock();
        progress.state = state;
        progress.ended_ms = Some(now_ms);
        self.ended.cancel();
    }

    fn body(&self) -> ReplayBody {
        let progress = self.progress.lock();
        let (live_hooks, draft_hooks) = progress.hooks.clone();
        ReplayBody {
            state: progress.state,
            live: Some(self.live.clone()),
            draft: Some(self.draft.clone()),
            began_at: Some(to_rfc3339(self.began_ms)),
            ended_at: progress.ended_ms.map(to_rfc3339),
            total: progress.total.map(|total| total as u64),
            looked_at: progress.found.calls() + progress.skipped,
            skipped: progress.skipped,
            comparison: ComparisonBody::new(&progress.found, live_hooks, draft_hooks),
        }
    }
}

async fn replay(context: Arc<AdminContext>, job: Arc<Job>, sets: SideBySide, filter: CallFilter, calls: usize) {
    let work = look_at_calls(&context, &job, sets, filter, calls);
    let state = match job.cancel.run_until_cancelled(work).await {
        Some(Ok(())) => State::Done,
        Some(Err(error)) => {
            tracing::warn!(%error, "a replay of scripts ended early");
            State::Failed
        }
        None => State::Cancelled,
    };
    job.end(state, context.clock.now().unix_ms);
}

async fn look_at_calls(
    context: &AdminContext,
    job: &Arc<Job>,
    mut sets: SideBySide,
    filter: CallFilter,
    calls: usize,
) -> Result<(), ApiError> {
    context.settle_records().await;
    let ids = newest(context, filter, calls).await?;
    job.progress.lock().total = Some(ids.len());
    let snapshot = context.publisher.current().load_full();
    let installation = Arc::new(Configured::new(snapshot.clone()));
    let scripts = context.scripts.scripts().clone();
    for ids in ids.rchunks(AT_ONCE) {
        let mut records = Vec::with_capacity(ids.len());
        for id in ids.iter().rev() {
            records.extend(context.call_log.get(*id).await?);
        }
        let began_us = context.clock.micros();
        let (job, installation, snapshot) = (job.clone(), installation.clone(), snapshot.clone());
        let scripts = scripts.clone();
        let compare = move || {
            // A record that was removed meanwhile was skipped as well.
            for record in records {
                match recorded::is_skipped(&record) {
                    true => job.progress.lock().skipped += 1,
                    false => {
                        let usage = consumed(&record);
                        sets.compare(&recorded::input(record, &snapshot, &scripts), usage.as_ref(), &*installation);
                    }
                }
            }
            let mut progress = job.progress.lock();
            progress.found = sets.comparison().clone();
            progress.hooks = (sets.live().reports(), sets.draft().reports());
            sets
        };
        sets = blocking(compare).await?;
        tokio::time::sleep(Duration::from_micros(context.clock.micros() - began_us).max(REST)).await;
    }
    Ok(())
}

/// What a call consumed, where that is known.
fn consumed(record: &CallRecord) -> Option<Usage> {
    record.usage.total_tokens().is_some().then(|| record.usage.clone())
}

/// The newest calls that match, newest first.
async fn newest(context: &AdminContext, filter: CallFilter, calls: usize) -> Result<Vec<CallId>, ApiError> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let limit = (calls - ids.len()).min(PAGE);
        let query = CallQuery { filter: filter.clone(), order: CallOrder::NewestFirst, cursor, limit, ..CallQuery::default() };
        let page = context.call_log.list(query).await?;
        ids.extend(page.calls.iter().map(|call| call.id));
        cursor = page.next;
        if cursor.is_none() || ids.len() >= calls {
            return Ok(ids);
        }
    }
}

/// A replay, and what it has found.
#[derive(Debug, Object)]
#[oai(rename = "ScriptReplay", example)]
pub(super) struct ReplayBody {
    /// How far it is.
    state: State,
    /// The version of the live scripts.
    #[oai(nullable)]
    live: Option<String>,
    /// The draft's version.
    #[oai(nullable)]
    draft: Option<String>,
    /// When it began.
    #[oai(nullable)]
    began_at: Option<String>,
    /// When it ended; null: it runs, or there is none.
    #[oai(nullable)]
    ended_at: Option<String>,
    /// Calls that match; null: they are being gathered.
    #[oai(nullable)]
    total: Option<u64>,
    /// Calls that were looked at so far.
    looked_at: u64,
    /// Calls among them that no script was ever asked about, such as those with an unknown token.
    skipped: u64,
    /// What differs, so far.
    comparison: ComparisonBody,
}

impl ReplayBody {
    fn none() -> Self {
        ReplayBody {
            state: State::None,
            live: None,
            draft: None,
            began_at: None,
            ended_at: None,
            total: None,
            looked_at: 0,
            skipped: 0,
            comparison: ComparisonBody::new(&Comparison::default(), Vec::new(), Vec::new()),
        }
    }
}

example!(ReplayBody, {
    "state": "done", "live": "2c26b46b68ff", "draft": "9f86d081884c", "began_at": "2026-11-25T10:00:00Z",
    "ended_at": "2026-11-25T10:00:02Z", "total": 500, "looked_at": 500, "skipped": 0,
    "comparison": ComparisonBody::example().to_json(),
});
