//! The files of the script folder: list, read, write, delete, check.

use std::collections::BTreeMap;

use poem_openapi::param::{Header, Path};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::body::{CheckBody, EditedBody, ProblemBody, ScriptsBody, TestBody, TextBody};
use super::desk::{blocking, change};
use crate::admin::Tag;
use crate::admin::access::{Access, Operator, Viewer};
use crate::admin::body::Body;
use crate::admin::error::ApiError;
use crate::admin::or_null::OrNull;
use crate::admin::versioned::{Found, expected_tag};
use crate::admin::wire::example;
use crate::script::{EditError, ScriptName, Sources};

/// Operations on the script folder.
pub(crate) struct Files;

#[OpenApi(prefix_path = "/api/scripts", tag = "Tag::Scripts")]
impl Files {
    /// Get the scripts and how they are doing
    ///
    /// The files, what went wrong when they were last loaded, and what each hook has done since the start.
    #[oai(path = "/", method = "get", operation_id = "get_scripts")]
    async fn list(&self, access: Viewer) -> Result<Json<ScriptsBody>, ApiError> {
        state(&access).await
    }

    /// Get a script
    ///
    /// Its text as it is on the disk. A slash in the name is written as `%2F`.
    #[oai(path = "/files/:name", method = "get", operation_id = "get_script")]
    async fn get(&self, access: Viewer, name: Path<String>) -> Result<Found<TextBody>, ApiError> {
        let scripts = access.context().scripts.scripts().clone();
        let name = script_name(&name.0)?;
        let sources = blocking(move || scripts.on_disk()).await?.map_err(EditError::from)?;
        let not_found = || EditError::NotFound(name.to_string());
        let text = sources.get(name.as_str()).ok_or_else(not_found)?.to_string();
        let tag = sources.tag(name.as_str()).unwrap_or_default();
        Ok(Found::new(tag, TextBody { name: name.to_string(), text }))
    }

    /// Write a script
    ///
    /// All scripts are checked with the new text first; with an error nothing is changed and the answer has file, line and
    /// column. When this answers, the text is on the disk and the next call obeys it.
    #[oai(path = "/files/:name", method = "put", operation_id = "write_script")]
    async fn write(
        &self,
        access: Operator,
        name: Path<String>,
        /// Write it only if its text still has this `ETag`.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// `*`: write it only if there is no script of this name.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
        body: Body<ScriptWrite>,
    ) -> Result<Found<EditedBody>, ApiError> {
        let name = script_name(&name.0)?;
        let precondition = Precondition::new(if_match.0.as_deref(), if_none_match.0.is_some());
        let (script, text) = (name.clone(), body.0.text);
        let write = move |sources: Sources| {
            precondition.check(&sources, &script)?;
            Ok(sources.with(script.as_str(), &text))
        };
        let edited = change(&access, format!("write {name}"), write).await?;
        let tag = edited.sources.tag(name.as_str()).unwrap_or_default();
        Ok(Found::new(tag, edited.into()))
    }

    /// Delete a script
    ///
    /// The scripts that are left are checked first. An older version brings it back.
    #[oai(path = "/files/:name", method = "delete", operation_id = "delete_script")]
    async fn delete(
        &self,
        access: Operator,
        name: Path<String>,
        /// Delete it only if its text still has this `ETag`.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Json<EditedBody>, ApiError> {
        let name = script_name(&name.0)?;
        let precondition = Precondition::new(if_match.0.as_deref(), false);
        let script = name.clone();
        let delete = move |sources: Sources| {
            precondition.check(&sources, &script)?;
            match sources.get(script.as_str()) {
                Some(_) => Ok(sources.without(script.as_str())),
                None => Err(EditError::NotFound(script.to_string())),
            }
        };
        Ok(Json(change(&access, format!("delete {name}"), delete).await?.into()))
    }

    /// Check a draft
    ///
    /// Compiles it, runs `on_load` and the tests, as before going live. Nothing is changed.
    #[oai(path = "/check", method = "post", operation_id = "check_scripts")]
    async fn check(&self, access: Viewer, body: Body<ScriptDraft>) -> Result<Json<CheckBody>, ApiError> {
        let scripts = access.context().scripts.scripts().clone();
        let sources = body.0.onto(scripts.current().sources().clone())?;
        let report = blocking(move || scripts.check(sources)).await?;
        Ok(Json(CheckBody {
            ok: report.set.is_some(),
            problems: report.problems.iter().map(ProblemBody::from).collect(),
            tests: report.tests.into_iter().map(TestBody::from).collect(),
        }))
    }

    /// Read the script folder again
    ///
    /// It is watched, so this is for a file system that tells nobody of changes. The answer is the state after it.
    #[oai(path = "/reload", method = "post", operation_id = "reload_scripts")]
    async fn reload(&self, access: Operator) -> Result<Json<ScriptsBody>, ApiError> {
        let scripts = access.context().scripts.scripts().clone();
        blocking(move || scripts.reload()).await?;
        super::record_live_scripts(access.context()).await?;
        state(&access).await
    }
}

async fn state(access: &Access) -> Result<Json<ScriptsBody>, ApiError> {
    let scripts = access.context().scripts.scripts().clone();
    let read = move || {
        let (status, live) = (scripts.status(), scripts.current());
        // A folder that cannot be read shows as what is live; the last reload says what is wrong with it.
        let on_disk = scripts.on_disk().unwrap_or_else(|_| live.sources().clone());
        ScriptsBody::new(status, live.sources(), &on_disk, scripts.write_barrier())
    };
    Ok(Json(blocking(read).await?))
}

/// A script's new text.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(super) struct ScriptWrite {
    /// The text, at most 1 MiB.
    text: String,
}

example!(ScriptWrite, { "text": "fn route(req) {\n    if req.stream { #{ model: \"fast\" } }\n}\n" });

/// Scripts that are not live: files over the live ones, or a set of their own.
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(example)]
pub(super) struct ScriptDraft {
    /// Texts by name: they stand in place of the live scripts of these names, or beside them. A null takes a script away.
    files: BTreeMap<String, OrNull<String>>,
    /// Whether `files` is the whole set, so that no live script is part of it.
    #[oai(default)]
    whole: bool,
}

example!(ScriptDraft, {
    "files": { "20-route.rhai": "fn route(req) {\n    if req.stream { #{ model: \"fast\" } }\n}\n" }, "whole": false,
});

impl ScriptDraft {
    /// The sources of the draft over the live ones.
    pub(super) fn onto(self, live: Sources) -> Result<Sources, ApiError> {
        let mut sources = if self.whole { Sources::default() } else { live };
        for (name, text) in self.files {
            let name = ScriptName::parse(&name).map_err(|error| {
                ApiError::invalid("files", format!("`{}` is no name of a script: {error}", name.escape_debug()))
            })?;
            sources = match text.0 {
                Some(text) => sources.with(name.as_str(), &text),
                None => sources.without(name.as_str()),
            };
        }
        Ok(sources)
    }
}

fn script_name(name: &str) -> Result<ScriptName, ApiError> {
    ScriptName::parse(name).map_err(|error| EditError::from(error).into())
}

/// What must hold of a script for it to be changed.
struct Precondition {
    tag: Option<String>,
    absent: bool,
}

impl Precondition {
    fn new(if_match: Option<&str>, absent: bool) -> Self {
        Precondition { tag: expected_tag(if_match).map(str::to_owned), absent }
    }

    fn check(&self, sources: &Sources, name: &ScriptName) -> Result<(), EditError> {
        let found = sources.tag(name.as_str());
        let holds = !(self.absent && found.is_some()) && (self.tag.is_none() || self.tag == found);
        if holds { Ok(()) } else { Err(EditError::Changed(name.to_string())) }
    }
}
