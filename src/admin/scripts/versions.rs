//! Versions of the scripts: list, read, compare, bring back.

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::ToJSON;
use poem_openapi::{Object, OpenApi};

use super::body::{EditedBody, TextBody};
use super::desk::change;
use super::diff::{FileDiff, between};
use crate::admin::Tag;
use crate::admin::access::{Access, Operator, Viewer};
use crate::admin::error::ApiError;
use crate::admin::wire::{cursor_id, example, next_cursor, page_size};
use crate::domain::to_rfc3339;
use crate::script::Sources;
use crate::store::{ScriptTexts, ScriptVersion};

/// Operations on versions of the scripts.
pub(crate) struct Versions;

#[OpenApi(prefix_path = "/api/scripts/versions", tag = "Tag::Scripts")]
impl Versions {
    /// List versions of the scripts
    ///
    /// The newest first: each set that was live, with who made it so. The last 1000 are kept.
    #[oai(path = "/", method = "get", operation_id = "list_script_versions")]
    async fn list(
        &self,
        access: Viewer,
        /// Most entries of the page, 1 to 1000; 100 if left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<VersionPage>, ApiError> {
        let (size, before) = (page_size(limit.0)?, cursor_id(cursor.0.as_deref())?);
        super::record_live_scripts(access.context()).await?;
        let found = access.context().store().script_versions(before, size as u32 + 1).await?;
        let mut versions: Vec<VersionBody> = found.into_iter().map(VersionBody::from).collect();
        let next_cursor = next_cursor(&mut versions, size, |version| version.id);
        Ok(Json(VersionPage { versions, next_cursor }))
    }

    /// Get a version of the scripts
    #[oai(path = "/:id", method = "get", operation_id = "get_script_version")]
    async fn get(&self, access: Viewer, id: Path<i64>) -> Result<Json<VersionDetail>, ApiError> {
        let (version, texts) = find(&access, id.0).await?;
        let file = |(name, text): (String, std::sync::Arc<str>)| TextBody { name, text: text.to_string() };
        Ok(Json(VersionDetail { version: version.into(), files: texts.into_iter().map(file).collect() }))
    }

    /// Compare a version of the scripts
    ///
    /// With the one before it, or with the one that `from` names.
    #[oai(path = "/:id/diff", method = "get", operation_id = "diff_script_version")]
    async fn diff(
        &self,
        access: Viewer,
        id: Path<i64>,
        /// The id of the version to compare with.
        from: Query<Option<i64>>,
    ) -> Result<Json<VersionDiff>, ApiError> {
        let (_, to) = find(&access, id.0).await?;
        let from_id = match from.0 {
            Some(from) => Some(from),
            None => access.context().store().script_versions(Some(id.0), 1).await?.first().map(|version| version.id),
        };
        let from = match from_id {
            Some(from) => find(&access, from).await?.1,
            None => ScriptTexts::new(),
        };
        Ok(Json(VersionDiff { from: from_id, to: id.0, files: between(&from, &to) }))
    }

    /// Bring a version of the scripts back
    ///
    /// The folder gets exactly its files. They are checked first; with an error nothing is changed.
    #[oai(path = "/:id/restore", method = "post", operation_id = "restore_script_version")]
    async fn restore(&self, access: Operator, id: Path<i64>) -> Result<Json<EditedBody>, ApiError> {
        let (version, texts) = find(&access, id.0).await?;
        let sources = texts.iter().fold(Sources::default(), |sources, (name, text)| sources.with(name, text));
        let action = format!("restore version {} of {}", version.id, to_rfc3339(version.at_ms));
        Ok(Json(change(&access, action, |_| Ok(sources)).await?.into()))
    }
}

async fn find(access: &Access, id: i64) -> Result<(ScriptVersion, ScriptTexts), ApiError> {
    let not_found = || ApiError::not_found(format!("there is no version {id} of the scripts, or no longer"));
    access.context().store().script_version(id).await?.ok_or_else(not_found)
}

/// A page of versions.
#[derive(Debug, Object)]
#[oai(rename = "ScriptVersionPage")]
struct VersionPage {
    /// The versions.
    versions: Vec<VersionBody>,
    /// Where the next page begins; null: this is the last.
    #[oai(nullable)]
    next_cursor: Option<String>,
}

/// A set of scripts that was live.
#[derive(Debug, Object)]
#[oai(rename = "ScriptVersion", example)]
struct VersionBody {
    /// Id.
    id: i64,
    /// The short name of exactly these texts; two versions may have the same.
    version: String,
    /// What made it so.
    action: String,
    /// Who.
    author: String,
    /// When.
    at: String,
}

impl From<ScriptVersion> for VersionBody {
    fn from(version: ScriptVersion) -> Self {
        VersionBody {
            id: version.id,
            version: version.version,
            action: version.action,
            author: version.actor,
            at: to_rfc3339(version.at_ms),
        }
    }
}

example!(VersionBody, {
    "id": 3, "version": "9f86d081884c", "action": "write 20-route.rhai", "author": "admin token", "at": "2026-11-25T10:00:00Z",
});

/// A set of scripts that was live, with its texts.
#[derive(Debug, Object)]
#[oai(rename = "ScriptVersionDetail")]
struct VersionDetail {
    /// The version.
    version: VersionBody,
    /// Its files.
    files: Vec<TextBody>,
}

/// What differs between two versions.
#[derive(Debug, Object)]
#[oai(rename = "ScriptVersionDiff", example)]
struct VersionDiff {
    /// The older one; null: nothing was before.
    #[oai(nullable)]
    from: Option<i64>,
    /// The newer one.
    to: i64,
    /// The files that differ.
    files: Vec<FileDiff>,
}

example!(VersionDiff, { "from": 2, "to": 3, "files": [FileDiff::example().to_json()] });
