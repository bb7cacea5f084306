//! Versions: an answer names the version of its row as `ETag`, an edit names the version it was made from as `If-Match`.

use std::fmt::Display;

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{ToJSON, Type};

use super::error::ApiError;

/// An answer with the version of its row.
pub(super) struct Versioned<T, const STATUS: u16> {
    version: String,
    body: T,
}

/// 200, with the row's version.
pub(super) type Found<T> = Versioned<T, 200>;
/// 201, with the row's version.
pub(super) type Created<T> = Versioned<T, 201>;

impl<T, const STATUS: u16> Versioned<T, STATUS> {
    pub(super) fn new(version: impl Display, body: T) -> Self {
        Versioned { version: version.to_string(), body }
    }
}

impl<T: ToJSON, const STATUS: u16> IntoResponse for Versioned<T, STATUS> {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(STATUS).unwrap_or_default();
        let etag = format!("\"{}\"", self.version);
        Json(self.body).with_header(header::ETAG, etag).with_status(status).into_response()
    }
}

impl<T: ToJSON, const STATUS: u16> ApiResponse for Versioned<T, STATUS> {
    fn meta() -> MetaResponses {
        let etag = MetaHeader {
            name: "ETag".to_owned(),
            description: Some("The version, to be sent as `If-Match` with an edit.".to_owned()),
            required: true,
            deprecated: false,
            schema: String::schema_ref(),
        };
        let content = vec![MetaMediaType { content_type: Json::<T>::CONTENT_TYPE, schema: T::schema_ref() }];
        let description = if STATUS == 201 { "Made." } else { "Done." };
        let response = MetaResponse { description, status: Some(STATUS), status_range: None, content, headers: vec![etag] };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// 204: it is gone.
pub(super) struct Deleted;

impl IntoResponse for Deleted {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl ApiResponse for Deleted {
    fn meta() -> MetaResponses {
        let response =
            MetaResponse { description: "Gone.", status: Some(204), status_range: None, content: vec![], headers: vec![] };
        MetaResponses { responses: vec![response] }
    }

    fn register(_registry: &mut Registry) {}
}

/// The version in `If-Match`; `None`: any will do.
pub(super) fn expected(if_match: Option<&str>) -> Result<Option<i64>, ApiError> {
    let Some(tag) = expected_tag(if_match) else { return Ok(None) };
    let wrong = |_| ApiError::invalid("If-Match", "If-Match must be an ETag of this API, such as \"3\", or *");
    tag.parse().map(Some).map_err(wrong)
}

/// What stands between the quotes of `If-Match`; `None`: any will do.
pub(super) fn expected_tag(if_match: Option<&str>) -> Option<&str> {
    let text = if_match.map(str::trim).filter(|text| *text != "*")?;
    let text = text.strip_prefix("W/").unwrap_or(text);
    Some(text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::expected;

    #[test]
    fn a_version_is_read_in_every_form() {
        for (text, version) in [("\"3\"", Some(3)), ("3", Some(3)), ("W/\"3\"", Some(3)), ("*", None)] {
            assert_eq!(expected(Some(text)).unwrap(), version, "{text}");
        }
        assert_eq!(expected(None).unwrap(), None);
        assert_eq!(expected(Some("\"x\"")).unwrap_err().field.as_deref(), Some("If-Match"));
    }
}
