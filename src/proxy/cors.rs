//! CORS for browser clients: off until the settings name origins.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::Response;

use crate::domain::Settings;

/// The origin of a request, when the settings allow it.
pub(super) fn allowed_origin(settings: &Settings, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    settings.cors_origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(text)).then(|| origin.clone())
}

/// Answers a preflight request; `None` when this is none, or its origin is not allowed.
pub(super) fn preflight(settings: &Settings, method: &Method, headers: &HeaderMap) -> Option<Response> {
    if method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let origin = allowed_origin(settings, headers)?;
    let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
    let answer = response.headers_mut();
    answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE, PUT, PATCH"));
    if let Some(wanted) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    allow(&mut response, origin);
    Some(response)
}

/// Lets the page of an allowed origin read an answer. Tokens travel in headers, so no credentials are allowed.
pub(super) fn allow(response: &mut Response, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("x-request-id, x-upstream-request-id, retry-after, retry-after-ms"),
    );
}
