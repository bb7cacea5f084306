//! A draft beside the live scripts: it decides about live calls, and nobody obeys.

use std::sync::Arc;

use poem_openapi::payload::Json;
use poem_openapi::types::ToJSON;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;
use serde_json::json;

use super::decision::ComparisonBody;
use super::desk::{blocking, note};
use super::dry_run::{today, unloadable};
use super::files::ScriptDraft;
use crate::admin::Tag;
use crate::admin::access::{Access, Operator, Viewer};
use crate::admin::body::Body;
use crate::admin::error::ApiError;
use crate::admin::wire::example;
use crate::domain::to_rfc3339;
use crate::script::{Comparison, ShadowOptions, ShadowReport};

/// Most keys that are looked at for one call.
const MOST_KEYS: usize = 100;
/// Minutes, where the caller does not say.
const MINUTES: u32 = 60;
/// Most minutes: a week.
const MOST_MINUTES: u32 = 7 * 24 * 60;

/// A draft in shadow.
pub(crate) struct Shadows;

#[OpenApi(prefix_path = "/api/scripts", tag = "Tag::Scripts")]
impl Shadows {
    /// Run a draft in shadow
    ///
    /// For a time, the draft and the live scripts both decide about copies of live calls, off their way, and the decisions are
    /// compared: each call with the scripts that it began with, also after a reload. What scripts keep with `kv_set` goes into
    /// copies, one for each side, that begin as what the live scripts have kept. Nothing follows from them. One draft runs at a time: a new one ends the one before. It ends with the server.
    #[oai(path = "/shadow", method = "post", operation_id = "start_script_shadow")]
    async fn start(&self, access: Operator, body: Body<ShadowStart>) -> Result<Json<ShadowBody>, ApiError> {
        let ShadowStart { draft, minutes, share } = body.0;
        let (minutes, share) = (minutes.unwrap_or(MINUTES), share.unwrap_or(1.0));
        if !(1..=MOST_MINUTES).contains(&minutes) {
            return Err(ApiError::invalid("minutes", format!("minutes must be 1 to {MOST_MINUTES}")));
        }
        if !(share > 0.0 && share <= 1.0) {
            return Err(ApiError::invalid("share", "share must be above 0 and at most 1"));
        }
        let scripts = access.context().scripts.scripts().clone();
        let sources = draft.onto(scripts.current().sources().clone())?;
        let details = json!({ "draft": sources.version(), "minutes": minutes, "share": share });
        let until_ms = access.now().unix_ms + i64::from(minutes) * 60_000;
        let installation = Arc::new(today(&access, MOST_KEYS));
        let options = ShadowOptions { sources, share, until_ms, installation };
        blocking(move || scripts.start_shadow(options)).await?.map_err(unloadable)?;
        note(&access, "start_shadow", details).await?;
        Ok(report(&access))
    }

    /// Get what the shadow has found
    ///
    /// Nothing began where no draft has run in shadow since the start.
    #[oai(path = "/shadow", method = "get", operation_id = "get_script_shadow")]
    async fn get(&self, access: Viewer) -> Result<Json<ShadowBody>, ApiError> {
        Ok(report(&access))
    }

    /// End the shadow
    ///
    /// What it has found stays to be read.
    #[oai(path = "/shadow", method = "delete", operation_id = "stop_script_shadow")]
    async fn stop(&self, access: Operator) -> Result<Json<ShadowBody>, ApiError> {
        if access.context().scripts.scripts().stop_shadow() {
            note(&access, "stop_shadow", json!({})).await?;
        }
        Ok(report(&access))
    }
}

fn report(access: &Access) -> Json<ShadowBody> {
    let report = access.context().scripts.scripts().shadow();
    Json(report.map_or_else(ShadowBody::none, ShadowBody::from))
}

/// A draft, and how it runs in shadow.
#[derive(Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(example)]
pub(super) struct ShadowStart {
    /// The draft.
    draft: ScriptDraft,
    /// How long, 1 to 10080; 60 if left out.
    minutes: Option<u32>,
    /// The share of calls that it sees, above 0 and up to 1; 1 if left out.
    share: Option<f64>,
}

example!(ShadowStart, {
    "draft": { "files": { "20-route.rhai": "fn route(req) {\n    if req.stream { #{ model: \"fast\" } }\n}\n" }, "whole": false },
    "minutes": 30, "share": 0.1,
});

/// A draft in shadow, and what was found.
#[derive(Debug, Object)]
#[oai(rename = "ScriptShadow", example)]
struct ShadowBody {
    /// Whether it still runs.
    running: bool,
    /// The version of the live scripts that the last call was compared with.
    #[oai(nullable)]
    live: Option<String>,
    /// The draft's version.
    #[oai(nullable)]
    draft: Option<String>,
    /// When it began; null: no draft has run in shadow since the start.
    #[oai(nullable)]
    began_at: Option<String>,
    /// When it ends, or ended.
    #[oai(nullable)]
    until: Option<String>,
    /// The share of calls that it sees.
    #[oai(nullable)]
    share: Option<f64>,
    /// Calls that were left out because it was behind.
    missed: u64,
    /// What differs. What calls consume is not known when they are decided about, so there is no cost.
    comparison: ComparisonBody,
}

impl From<ShadowReport> for ShadowBody {
    fn from(report: ShadowReport) -> Self {
        ShadowBody {
            running: report.running,
            live: Some(report.live),
            draft: Some(report.draft),
            began_at: Some(to_rfc3339(report.began_ms)),
            until: Some(to_rfc3339(report.until_ms)),
            share: Some(report.share),
            missed: report.missed,
            comparison: ComparisonBody::new(&report.comparison, report.live_hooks, report.draft_hooks),
        }
    }
}

impl ShadowBody {
    fn none() -> Self {
        ShadowBody {
            running: false,
            live: None,
            draft: None,
            began_at: None,
            until: None,
            share: None,
            missed: 0,
            comparison: ComparisonBody::new(&Comparison::default(), Vec::new(), Vec::new()),
        }
    }
}

example!(ShadowBody, {
    "running": true, "live": "2c26b46b68ff", "draft": "9f86d081884c", "began_at": "2026-11-25T10:00:00Z",
    "until": "2026-11-25T10:30:00Z", "share": 0.1, "missed": 0, "comparison": ComparisonBody::example().to_json(),
});
