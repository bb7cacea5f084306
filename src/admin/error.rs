//! Errors of the control plane in one shape: `{"error":{"code","message","field"}}`.

use poem::error::ResponseError;
use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::error::{ContentTypeError, ParseParamError, ParsePathError, ParseRequestPayloadError};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{Example, Type};
use poem_openapi::{ApiResponse, Object};

use super::scripts::ProblemBody;
use crate::domain::InvalidField;
use crate::playground::PlaygroundError;
use crate::script::Problem;
use crate::store::{DatabaseError, StoreError};

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
    /// The member of the request that is at fault.
    pub field: Option<String>,
    /// Seconds after which to try again, sent as `retry-after`.
    pub retry_after_s: Option<u64>,
    /// Where in scripts something is wrong.
    pub problems: Vec<Problem>,
}

/// Statuses that every operation may answer with, and when.
const STATUSES: [(u16, &str); 9] = [
    (400, "The request is wrong; `field` names the member at fault."),
    (401, "Nobody is signed in, or the admin token is wrong."),
    (403, "The role does not allow it, or another site asked for it."),
    (404, "There is no such thing."),
    (409, "A value is taken, or other things need this one."),
    (412, "It was changed since the version in `If-Match`."),
    (429, "Too many attempts have failed, and `retry-after` says when to try again; or too much is under way."),
    (500, "Keywheel itself failed."),
    (503, "The database cannot be written now."),
];

impl ApiError {
    /// A member of the request is wrong.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let field = Some(field.into()).filter(|field| !field.is_empty());
        ApiError { field, ..Self::new(StatusCode::BAD_REQUEST, "invalid", message) }
    }

    /// Something that a path or a member names does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// Any other refusal.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        ApiError { status, code, message: message.into(), field: None, retry_after_s: None, problems: Vec::new() }
    }

    /// Too many attempts to sign in have failed.
    pub(super) fn too_many_attempts(retry_after_s: u64) -> Self {
        let message = format!("too many attempts have failed: try again in {retry_after_s} seconds");
        let retry_after_s = Some(retry_after_s);
        ApiError { retry_after_s, ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", message) }
    }

    /// Keywheel failed: the cause is logged, the caller learns that it happened.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        tracing::error!(error = %cause, "an admin request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Keywheel failed; its log says why")
    }
}

impl From<InvalidField> for ApiError {
    fn from(error: InvalidField) -> Self {
        ApiError::invalid(error.field, error.to_string())
    }
}

impl From<DatabaseError> for ApiError {
    fn from(error: DatabaseError) -> Self {
        StoreError::Database(error).into()
    }
}

impl From<PlaygroundError> for ApiError {
    fn from(error: PlaygroundError) -> Self {
        match error {
            PlaygroundError::Store(error) => error.into(),
            PlaygroundError::Busy => ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_answers", error.to_string()),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::Invalid(invalid) => invalid.into(),
            StoreError::NotFound { .. } => ApiError::not_found(message),
            StoreError::Conflict { field, .. } => {
                ApiError { field: Some(field.to_owned()), ..ApiError::new(StatusCode::CONFLICT, "conflict", message) }
            }
            StoreError::InUse { .. } => ApiError::new(StatusCode::CONFLICT, "in_use", message),
            StoreError::LastOwner => ApiError::new(StatusCode::CONFLICT, "last_owner", message),
            StoreError::VersionMismatch { .. } => ApiError::new(StatusCode::PRECONDITION_FAILED, "version_mismatch", message),
            StoreError::Database(DatabaseError::DiskFull | DatabaseError::WriteFailed(_)) => {
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "disk_full", message)
            }
            StoreError::Database(DatabaseError::Busy(_)) => {
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "another process has locked the database; try again")
            }
            other => ApiError::internal(&other),
        }
    }
}

/// What the framework refuses before a handler sees the request.
pub(super) fn from_framework(error: &poem::Error) -> ApiError {
    if let Some(refused) = error.downcast_ref::<ApiError>() {
        return refused.clone();
    }
    if let Some(param) = error.downcast_ref::<ParseParamError>() {
        return ApiError::invalid(param.name, format!("{} cannot be read: {}", param.name, param.reason));
    }
    if let Some(path) = error.downcast_ref::<ParsePathError>() {
        // The framework numbers what it finds in a path; nearly all of it are ids.
        return ApiError::invalid("id", format!("the id in the path cannot be read: {}", path.reason));
    }
    if let Some(body) = error.downcast_ref::<ParseRequestPayloadError>() {
        return ApiError::invalid("", body.reason.clone());
    }
    if error.is::<ContentTypeError>() {
        return unsupported_media_type();
    }
    match error.status() {
        StatusCode::NOT_FOUND => ApiError::not_found("there is nothing at this path; /docs lists what there is"),
        StatusCode::METHOD_NOT_ALLOWED => {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not know this method")
        }
        status if status.is_client_error() => ApiError::new(status, "invalid", error.to_string()),
        _ => ApiError::internal(error),
    }
}

/// The body is not JSON by its own words.
pub(super) fn unsupported_media_type() -> ApiError {
    let message = "the body must be JSON, with content-type: application/json";
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
}

impl ResponseError for ApiError {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn as_response(&self) -> Response {
        let body = ErrorBody { error: ErrorDetail::from(self) };
        let mut response = Json(body).into_response();
        response.set_status(self.status);
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl ApiResponse for ApiError {
    fn meta() -> MetaResponses {
        let response = |(status, description)| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType { content_type: Json::<ErrorBody>::CONTENT_TYPE, schema: ErrorBody::schema_ref() }],
            headers: Vec::new(),
        };
        MetaResponses { responses: STATUSES.map(response).into() }
    }

    fn register(registry: &mut Registry) {
        ErrorBody::register(registry);
    }
}

/// An error.
#[derive(Object)]
#[oai(rename = "Error", example)]
struct ErrorBody {
    /// What is wrong.
    error: ErrorDetail,
}

/// What is wrong.
#[derive(Object)]
pub(super) struct ErrorDetail {
    /// A stable word for programs, such as `invalid`, `not_found`, `conflict` or `version_mismatch`.
    code: String,
    /// A sentence for people.
    message: String,
    /// The member of the request that is at fault.
    #[oai(nullable)]
    field: Option<String>,
    /// What is wrong with scripts, each with file, line and column; left out when it is not about scripts.
    #[oai(default, skip_serializing_if_is_empty)]
    problems: Vec<ProblemBody>,
}

impl From<&ApiError> for ErrorDetail {
    fn from(error: &ApiError) -> Self {
        ErrorDetail {
            code: error.code.to_owned(),
            message: error.message.clone(),
            field: error.field.clone(),
            problems: error.problems.iter().map(ProblemBody::from).collect(),
        }
    }
}

impl Example for ErrorBody {
    fn example() -> Self {
        let message = "another key has this name already".to_owned();
        ErrorBody {
            error: ErrorDetail { code: "conflict".to_owned(), message, field: Some("name".to_owned()), problems: vec![] },
        }
    }
}
