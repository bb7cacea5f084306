//! Deleting the calls that match: first they are counted, and only who knows that number deletes them.

use std::sync::Arc;

use poem::Request;
use poem::http::StatusCode;
use poem_openapi::Object;
use serde_json::json;

use super::body::{UnreadableDay, unreadable};
use super::filters::{Filters, only_known};
use crate::admin::AdminContext;
use crate::admin::access::Access;
use crate::admin::error::ApiError;
use crate::admin::wire::example;
use crate::domain::{CallId, to_rfc3339};
use crate::store::{CallFilter, CallQuery, Day};

/// Calls that are deleted at once; records of calls wait meanwhile.
const CALLS_AT_ONCE: usize = 1_000;

/// How many calls match, and how many of them were deleted.
#[derive(Object)]
#[oai(example)]
pub(super) struct CallDeletion {
    /// Calls that match.
    matched: u64,
    /// Calls that were deleted; null: they were only counted.
    #[oai(nullable)]
    deleted: Option<u64>,
    /// The beginning of the time that was looked at, for the next request; null: the beginning of the log.
    #[oai(nullable)]
    from: Option<String>,
    /// The end of the time that was looked at, for the next request.
    to: String,
    /// Days whose log cannot be read: nothing of them was counted or deleted.
    unreadable: Vec<UnreadableDay>,
}

example!(CallDeletion, {
    "matched": 120,
    "deleted": null,
    "from": "2026-11-01T00:00:00.000Z",
    "to": "2026-11-25T10:00:00.000Z",
    "unreadable": []
});

pub(super) async fn run(
    access: &Access,
    request: &Request,
    filters: Filters,
    confirm: Option<u64>,
) -> Result<CallDeletion, ApiError> {
    let written = only_known(request, &["confirm"])?;
    let now_ms = access.now().unix_ms;
    let filter = filters.read(access, now_ms)?;
    // Calls that come from now on are not meant.
    let to_ms = filter.to_ms.unwrap_or(now_ms).min(now_ms);
    let filter = CallFilter { to_ms: Some(to_ms), ..filter };
    let context = access.context();
    context.settle_records().await;
    let (matched, unread) = count(context, &filter).await?;
    let mut answer = CallDeletion {
        matched,
        deleted: None,
        from: filter.from_ms.map(to_rfc3339),
        to: to_rfc3339(to_ms),
        unreadable: unreadable(unread),
    };
    let Some(confirm) = confirm else { return Ok(answer) };
    if confirm != matched {
        let message = format!("{matched} calls match, not {confirm}: look at them again before you delete them");
        let field = Some("confirm".to_owned());
        return Err(ApiError { field, ..ApiError::new(StatusCode::CONFLICT, "conflict", message) });
    }
    let details = json!({ "filter": written, "to": answer.to, "matched": matched });
    context.edit(access.actor(), move |edit| Ok(edit.note_calls("delete", details)?)).await?;
    // It goes on when the caller leaves: what was begun is in the audit log.
    let running = tokio::spawn(delete(context.clone(), filter));
    answer.deleted = Some(running.await.map_err(|error| ApiError::internal(&error))??);
    Ok(answer)
}

async fn count(context: &AdminContext, filter: &CallFilter) -> Result<(u64, Vec<(Day, String)>), ApiError> {
    let (mut counted, mut unreadable) = (0, Vec::new());
    let mut cursor = None;
    loop {
        let page = context.call_log.list(CallQuery { cursor, ..portion(filter) }).await?;
        counted += page.calls.len() as u64;
        unreadable.extend(page.unreadable);
        cursor = page.next;
        if cursor.is_none() {
            unreadable.dedup();
            return Ok((counted, unreadable));
        }
    }
}

async fn delete(context: Arc<AdminContext>, filter: CallFilter) -> Result<u64, ApiError> {
    let (mut deleted, mut cursor) = (0, None);
    loop {
        let page = context.call_log.list(CallQuery { cursor, ..portion(&filter) }).await?;
        let ids: Vec<CallId> = page.calls.iter().map(|call| call.id).collect();
        if !ids.is_empty() {
            deleted += context.recorder.remove(ids).await? as u64;
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(deleted);
        }
    }
}

fn portion(filter: &CallFilter) -> CallQuery {
    CallQuery { filter: filter.clone(), limit: CALLS_AT_ONCE, ..CallQuery::default() }
}
