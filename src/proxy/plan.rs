//! What stays the same over all attempts of a call, and the request as each attempt sends it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};
use parking_lot::Mutex;

use super::body::{Patch, Peek, StreamOptions};
use super::error::ProxyError;
use super::inbound::Upload;
use super::multipart::Form;
use super::path::ApiPath;
use crate::domain::{Api, Model, Nanodollars, ObjectOwner, Route, Settings, Snapshot, Strategy, Target};
use crate::outbound::RequestBody;

/// A request's body, as far as the data plane looks into it.
#[expect(clippy::large_enum_variant, reason = "there is one for each call, and the large variant is the common one")]
pub(super) enum Payload {
    /// No body, or bytes of a kind that nothing here reads.
    Opaque(Bytes),
    /// A JSON object.
    Json(Peek),
    /// A form, whole in memory.
    Form { form: Form, body: Bytes },
    /// An upload that streams through; it can be sent once.
    Upload(Mutex<Option<(Bytes, Upload)>>),
}

/// What stays the same over all attempts of a call.
pub(super) struct Plan {
    pub snapshot: Arc<Snapshot>,
    pub method: Method,
    pub path: ApiPath,
    pub query: Option<String>,
    pub headers: Arc<HeaderMap>,
    pub payload: Payload,
    /// The model that the body names.
    pub asked: Option<Arc<str>>,
    /// The model by which the call was routed: the one that the body names, unless a script wants another.
    pub wanted: Option<Arc<str>>,
    pub route: Route,
    /// The model routes that a script named for later, each with its first tier.
    pub fallbacks: Vec<(u32, Option<Arc<Model>>)>,
    /// Tags of which a key must have one, by a script's wish.
    pub tags: Option<Vec<String>>,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// Who owns the object that the call names.
    pub owner: Option<Arc<ObjectOwner>>,
    pub estimated_tokens: u64,
    /// What the call is expected to cost; `None`: it is free, or has no price.
    pub estimated_cost: Option<Nanodollars>,
    /// Hash of client and prompt prefix, for sticky selection.
    pub affinity: Option<u64>,
    /// The answer of a background call is fetched: its usage is billed to the call that made it.
    pub late: bool,
}

impl Plan {
    /// Settings as the call found them.
    pub fn settings(&self) -> &Settings {
        &self.snapshot.settings
    }

    /// Where the call may go, by ascending tier.
    pub fn targets(&self) -> &Arc<[Target]> {
        &self.route.targets
    }

    /// How keys are chosen.
    pub fn strategy(&self) -> Strategy {
        self.route.model.as_ref().and_then(|model| model.strategy).unwrap_or(self.settings().strategy)
    }

    /// The model route that a tier belongs to.
    pub fn model_at(&self, tier: u32) -> Option<&Arc<Model>> {
        let later = self.fallbacks.iter().rev().find(|(from, _)| tier >= *from);
        later.map_or(&self.route.model, |(_, model)| model).as_ref()
    }

    /// The first tier of the next model that a script named, behind a tier.
    pub fn fallback_after(&self, tier: u32) -> Option<u32> {
        self.fallbacks.iter().map(|(from, _)| *from).find(|from| *from > tier)
    }

    /// Whether the body can be sent more than once.
    pub fn can_repeat(&self) -> bool {
        !matches!(self.payload, Payload::Upload(_))
    }

    /// Whether the call asks for something that is billed. What lists, fetches or counts is not.
    pub fn generates(&self) -> bool {
        self.method == Method::POST && (self.path.is_generation() || self.path.is_unknown())
    }

    /// The API by which usage is read.
    pub fn metered_api(&self) -> Api {
        if self.generates() || self.late { self.path.api } else { Api::Other }
    }

    /// Whether usage is asked for by adding `stream_options.include_usage`: only where the API knows the member.
    pub fn wants_include_usage(&self) -> bool {
        self.stream
            && self.method == Method::POST
            && matches!(self.path.rest.as_str(), "/chat/completions" | "/completions")
            && matches!(&self.payload, Payload::Json(peek) if !matches!(peek.stream_options, StreamOptions::IncludeUsage(true)))
    }

    /// The body for a target: the client's bytes, with the upstream model's name and the usage request patched in.
    pub fn prepare(&self, upstream_model: &str, add_include_usage: bool) -> Result<RequestBody, ProxyError> {
        let renamed = self.asked.as_deref().is_some_and(|asked| asked != upstream_model && !upstream_model.is_empty());
        let body = match &self.payload {
            Payload::Opaque(bytes) if bytes.is_empty() => return Ok(RequestBody::Empty),
            Payload::Opaque(bytes) => bytes.clone(),
            Payload::Json(peek) => {
                let body = if renamed { peek.with_model(upstream_model) } else { peek.body.clone() };
                if add_include_usage { with_include_usage(&body)? } else { body }
            }
            Payload::Form { form, body } if renamed => {
                form.with_model(body, upstream_model).map_err(|error| unpatchable(&error.to_string()))?
            }
            Payload::Form { body, .. } => body.clone(),
            Payload::Upload(once) => {
                let (head, rest) = once.lock().take().ok_or_else(|| unpatchable("the upload was sent already"))?;
                let length = rest.length;
                return Ok(RequestBody::Stream { pieces: Box::pin(rest.into_stream(head)), length });
            }
        };
        Ok(RequestBody::Whole(body))
    }
}

fn with_include_usage(body: &Bytes) -> Result<Bytes, ProxyError> {
    Patch::new()
        .set("/stream_options/include_usage", &true)
        .and_then(|patch| patch.apply(body))
        .map_err(|error| unpatchable(&error.to_string()))
}

fn unpatchable(cause: &str) -> ProxyError {
    ProxyError::bad_request("invalid_request_body", format!("The body cannot be passed on: {cause}."))
}
