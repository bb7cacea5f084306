//! `/api/audit`

use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::types::Any;
use poem_openapi::{Object, OpenApi};
use serde_json::{Map, Value};

use super::Tag;
use super::access::Viewer;
use super::error::ApiError;
use super::wire::{cursor_id, example, next_cursor, page_size};
use crate::domain::to_rfc3339;
use crate::store::{AuditEntry, AuditFilter};

/// Operations on the audit log.
pub(super) struct Audit;

#[OpenApi(prefix_path = "/api", tag = "Tag::Audit")]
impl Audit {
    /// List the audit log
    ///
    /// The newest entries first. Nothing changes or deletes an entry.
    #[oai(path = "/audit", method = "get", operation_id = "list_audit")]
    async fn list(
        &self,
        access: Viewer,
        /// Most entries of the page, 1 to 1000; 100 if left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
        /// Only this kind of thing, such as `key`.
        noun: Query<Option<String>>,
        /// Only the thing with this id.
        row: Query<Option<i64>>,
        /// Only what this actor did.
        actor: Query<Option<String>>,
    ) -> Result<Json<AuditPage>, ApiError> {
        let (size, before) = (page_size(limit.0)?, cursor_id(cursor.0.as_deref())?);
        let filter = AuditFilter { before, noun: noun.0, row: row.0, actor: actor.0, limit: size as u32 + 1 };
        let found = access.context().store().audit(filter).await?;
        let mut entries: Vec<AuditEntryBody> = found.into_iter().map(AuditEntryBody::from).collect();
        let next_cursor = next_cursor(&mut entries, size, |entry| entry.id);
        Ok(Json(AuditPage { entries, next_cursor }))
    }
}

/// A page of the audit log.
#[derive(Object)]
struct AuditPage {
    /// The entries.
    entries: Vec<AuditEntryBody>,
    /// Where the next page begins; null: this is the last.
    #[oai(nullable)]
    next_cursor: Option<String>,
}

/// Who changed what.
#[derive(Object)]
#[oai(rename = "AuditEntry", example)]
struct AuditEntryBody {
    /// Id.
    id: i64,
    /// When.
    at: String,
    /// Who.
    actor: String,
    /// From which address.
    #[oai(nullable)]
    address: Option<String>,
    /// `create`, `update`, `delete`, `restore`, or the name of another operation.
    action: String,
    /// The kind of thing.
    noun: String,
    /// Its id.
    row: i64,
    /// Its name at that time.
    name: String,
    /// Member -> `from` and `to`; secrets are hints.
    changes: Any<Map<String, Value>>,
}

impl From<AuditEntry> for AuditEntryBody {
    fn from(entry: AuditEntry) -> Self {
        AuditEntryBody {
            id: entry.id,
            at: to_rfc3339(entry.at_ms),
            actor: entry.actor,
            address: entry.address,
            action: entry.action,
            noun: entry.noun,
            row: entry.row,
            name: entry.name,
            changes: Any(entry.changes),
        }
    }
}

example!(AuditEntryBody, {
    "id": 7, "at": "2026-11-25T10:00:00Z", "actor": "admin token", "address": "203.0.113.9", "action": "update", "noun": "key",
    "row": 1, "name": "team-a", "changes": { "weight": { "from": 2, "to": 5 } },
});
