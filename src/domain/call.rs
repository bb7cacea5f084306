//! A call and its attempts, as they are recorded: exactly one record for each call.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::headers::KeptHeaders;
use super::ids::{CallId, ClientId, KeyId, ProviderId};
use super::money::Cost;
use super::trace::TraceContext;
use super::usage::Usage;
use super::verdict::Verdict;

/// Which API a path belongs to; it decides how usage is read and what counts as content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/completions`
    Completions,
    /// `/v1/responses` and below
    Responses,
    /// `/v1/embeddings`
    Embeddings,
    /// `/v1/images/*`
    Images,
    /// `/v1/audio/*`
    Audio,
    /// `/v1/moderations`
    Moderations,
    /// `/v1/messages` and below, the Anthropic shape
    Messages,
    /// Everything else
    #[default]
    Other,
}

impl Api {
    /// Every API.
    pub const ALL: [Api; 9] = [
        Api::Chat,
        Api::Completions,
        Api::Responses,
        Api::Embeddings,
        Api::Images,
        Api::Audio,
        Api::Moderations,
        Api::Messages,
        Api::Other,
    ];

    /// Reads the name in the log and the admin API.
    pub fn parse(text: &str) -> Option<Self> {
        Api::ALL.into_iter().find(|api| api.as_str() == text)
    }

    /// The name in the log and the admin API.
    pub fn as_str(self) -> &'static str {
        match self {
            Api::Chat => "chat",
            Api::Completions => "completions",
            Api::Responses => "responses",
            Api::Embeddings => "embeddings",
            Api::Images => "images",
            Api::Audio => "audio",
            Api::Moderations => "moderations",
            Api::Messages => "messages",
            Api::Other => "other",
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The client got a whole answer.
    Success,
    /// Keywheel refused the call before any attempt: token, limits, budget, bad input, a script.
    Rejected,
    /// The provider refused the request itself; its words went back verbatim.
    RequestError,
    /// No key could serve: none configured, all resting, all disabled.
    NoKey,
    /// Every attempt failed by a provider's fault, before content was sent.
    UpstreamError,
    /// The answer broke off after content was sent.
    Interrupted,
    /// The client went away before the end.
    ClientGone,
    /// Keywheel itself failed.
    #[default]
    InternalError,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Outcome; 8] = [
        Outcome::Success,
        Outcome::Rejected,
        Outcome::RequestError,
        Outcome::NoKey,
        Outcome::UpstreamError,
        Outcome::Interrupted,
        Outcome::ClientGone,
        Outcome::InternalError,
    ];

    /// The name in the log and the admin API.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Rejected => "rejected",
            Outcome::RequestError => "request_error",
            Outcome::NoKey => "no_key",
            Outcome::UpstreamError => "upstream_error",
            Outcome::Interrupted => "interrupted",
            Outcome::ClientGone => "client_gone",
            Outcome::InternalError => "internal_error",
        }
    }

    /// Reads the name in the log and the admin API.
    pub fn parse(text: &str) -> Option<Self> {
        Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// A thing that a record names: its id, and its name at that time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ref<Id> {
    /// Row id.
    pub id: Id,
    /// Name when the call was made.
    pub name: Arc<str>,
}

/// Why a key was not considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedOverReason {
    /// It was tried already in this call.
    Tried,
    /// It rests.
    Cooling,
    /// It rests for this model.
    CoolingForModel,
    /// Its account rests.
    AccountCooling,
    /// It is disabled.
    Disabled,
    /// A limit of its own, or one learned from the provider's headers, is reached.
    Limit,
    /// The call is larger than its size limit for the model.
    TooLarge,
    /// It lacks rights for this endpoint.
    Endpoint,
    /// It may not serve this model.
    Model,
    /// It has none of the client's key tags.
    Tag,
    /// It does not own the object that the call names.
    Owner,
    /// Its provider's breaker is open.
    Breaker,
}

/// One key that was passed over, or a number of keys for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// The key, when it is named one by one; `None` for a count.
    pub key: Option<Ref<KeyId>>,
    /// Why.
    pub reason: PassedOverReason,
    /// How many keys this line stands for.
    pub count: u32,
    /// UTC unix milliseconds at which the reason ends, when that is known.
    pub until_ms: Option<i64>,
}

/// Why a key was chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The strategy that chose, or `script`, `owner`, `probe`, `same_key`.
    pub chosen_by: Arc<str>,
    /// Keys that could serve the model and the client by configuration.
    pub pool: u32,
    /// Keys of the pool that were ready.
    pub ready: u32,
    /// The tier that the key was taken from.
    pub tier: u32,
    /// Keys that were passed over; at most 16 lines.
    pub passed_over: Vec<PassedOver>,
    /// Where a script chose: `file:line`.
    pub script: Option<String>,
}

/// When things happened in an attempt, in microseconds since the attempt began. `None`: it did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptTimings {
    /// Waiting for a key, before the attempt began.
    pub queue_us: u64,
    /// A new connection stood, TLS included; `None` when one was reused.
    pub connect_us: Option<u64>,
    /// The provider's head arrived.
    pub first_byte_us: Option<u64>,
    /// The first event with content arrived.
    pub first_token_us: Option<u64>,
    /// The last byte arrived, or the attempt failed.
    pub last_byte_us: Option<u64>,
}

/// One try of a call against one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// Microseconds from the call's start to the attempt's.
    pub offset_us: u64,
    /// The provider.
    pub provider: Ref<ProviderId>,
    /// The key.
    pub key: Ref<KeyId>,
    /// The provider's own name for the model.
    pub model: Option<Arc<str>>,
    /// The provider's HTTP status.
    pub status: Option<u16>,
    /// What its failure meant; `None` for a success.
    pub verdict: Option<Verdict>,
    /// The provider's words, with secrets masked, at most 2 KiB.
    pub message: Option<String>,
    /// When things happened.
    pub timings: AttemptTimings,
    /// Why this key.
    pub why: Why,
}

/// What a script did to a call, or failed to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptNote {
    /// The hook.
    pub hook: Arc<str>,
    /// `rejected`, `answered` or `routed`; else the kind of its failure, such as `thrown` or `time`.
    pub kind: Arc<str>,
    /// The script's name inside the folder.
    pub script: String,
    /// Its line, from 1; 0 when it is not known.
    pub line: u32,
    /// The column in that line, in characters from 1; 0 when it is not known.
    #[serde(default)]
    pub column: u32,
    /// What happened.
    pub message: String,
}

/// A body kept with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBody {
    /// The bytes kept, up to the configured cap.
    pub bytes: Bytes,
    /// Whether the body was longer.
    pub truncated: bool,
}

/// The bodies of a call, kept only when the setting says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyCapture {
    /// What the client sent.
    pub request: Option<StoredBody>,
    /// What the client was sent.
    pub response: Option<StoredBody>,
}

/// Everything that is remembered of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallRecord {
    /// The call's id; also in `x-request-id`.
    pub id: CallId,
    /// UTC unix milliseconds at accept.
    pub started_ms: i64,
    /// Microseconds from accept to the last byte.
    pub total_us: u64,
    /// Microseconds from accept to the first content, for streams.
    pub first_token_us: Option<u64>,
    /// HTTP method.
    pub method: Arc<str>,
    /// Path without query.
    pub path: String,
    /// Which API.
    pub api: Api,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// Who called; `None` when the token was not known.
    pub client: Option<Ref<ClientId>>,
    /// Where from.
    pub client_ip: Option<IpAddr>,
    /// The model's name in the request.
    pub model_asked: Option<Arc<str>>,
    /// The provider's own name of the model that served.
    pub model_served: Option<Arc<str>>,
    /// The provider of the last attempt.
    pub provider: Option<Ref<ProviderId>>,
    /// The key of the last attempt.
    pub key: Option<Ref<KeyId>>,
    /// HTTP status that the client saw.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// The error's code, when there was one.
    pub error_code: Option<Arc<str>>,
    /// The error in words, with secrets masked.
    pub error_message: Option<String>,
    /// The client's own `x-request-id`.
    pub client_request_id: Option<String>,
    /// The provider's request id.
    pub upstream_request_id: Option<String>,
    /// Tokens that it was expected to use, by which limits and scripts went; `None`: it did not come so far.
    pub estimated_tokens: Option<u64>,
    /// What it consumed.
    pub usage: Usage,
    /// What it cost, by the price of that time.
    pub cost: Cost,
    /// Body bytes from the client.
    pub bytes_in: u64,
    /// Body bytes to the client.
    pub bytes_out: u64,
    /// A finished answer in which nothing readable came.
    pub blank: bool,
    /// Keywheel's own probe; stays out of client statistics and budgets.
    pub probe: bool,
    /// Every try, in order.
    pub attempts: Vec<AttemptRecord>,
    /// Labels that scripts added.
    pub tags: Vec<String>,
    /// Values that scripts added, as a JSON object; `None` when there are none.
    pub attributes: Option<String>,
    /// What scripts decided, and which hooks failed.
    pub script_notes: Vec<ScriptNote>,
    /// Names of client headers that were not passed on.
    pub dropped_headers: Vec<String>,
    /// Headers of the request that the settings name.
    pub headers: KeptHeaders,
    /// Bodies, when they are kept.
    pub bodies: BodyCapture,
    /// Its place in a trace, where traces are recorded; not kept in the log.
    pub trace: Option<TraceContext>,
}
