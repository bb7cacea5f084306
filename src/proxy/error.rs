//! What the data plane answers when it cannot pass an answer on: one error type, one shape.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use poem::{Body, Response};
use serde_json::json;

use crate::domain::{Api, Outcome};

/// An answer of Keywheel's own, in the error shape of the OpenAI API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProxyError {
    pub status: StatusCode,
    /// Stable and of low cardinality; clients may match on it.
    pub code: Cow<'static, str>,
    /// What happened and what to do next. Never a piece of a provider's key.
    pub message: String,
    /// The member of the request at fault.
    pub param: Option<Arc<str>>,
    /// When a retry may succeed, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// How the call is recorded.
    pub outcome: Outcome,
    /// Whether the connection cannot be used again, since the body was not read to its end.
    pub close: bool,
}

impl ProxyError {
    fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, outcome: Outcome, message: impl Into<String>) -> Self {
        ProxyError {
            status,
            code: code.into(),
            message: message.into(),
            param: None,
            retry_after_ms: None,
            outcome,
            close: false,
        }
    }

    /// The request is at fault.
    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        ProxyError::new(StatusCode::BAD_REQUEST, code, Outcome::Rejected, message)
    }

    /// Keywheel refuses the call with a status of its own.
    pub fn rejected(status: StatusCode, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        ProxyError::new(status, code, Outcome::Rejected, message)
    }

    /// No key can serve the call.
    pub fn no_key(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        ProxyError::new(status, code, Outcome::NoKey, message)
    }

    /// Every attempt failed by a provider's fault.
    pub fn upstream(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        ProxyError::new(status, code, Outcome::UpstreamError, message)
    }

    /// Names the member of the request at fault.
    pub fn with_param(mut self, param: impl Into<Arc<str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Says when a retry may succeed, in milliseconds.
    pub fn with_retry_after(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    /// Marks the connection as unusable after the answer.
    pub fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    fn kind(&self) -> &'static str {
        match self.status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            429 => "rate_limit_error",
            400..=499 => "invalid_request_error",
            _ => "server_error",
        }
    }

    /// The body: `{"error":{"message","type","param","code"}}`, with the outer `type` that `/v1/messages` clients expect.
    pub fn body(&self, api: Api) -> Bytes {
        let error = json!({
            "message": self.message,
            "type": self.kind(),
            "param": self.param.as_deref(),
            "code": self.code,
        });
        let body = match api {
            Api::Messages => json!({"type": "error", "error": error}),
            _ => json!({"error": error}),
        };
        Bytes::from(body.to_string())
    }

    /// The whole answer.
    pub fn response(&self, api: Api) -> Response {
        let mut response = Response::builder()
            .status(self.status)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Body::from(self.body(api)));
        let headers = response.headers_mut();
        if let Some(ms) = self.retry_after_ms {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000).max(1)));
            headers.insert("retry-after-ms", HeaderValue::from(ms.max(1)));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// The error as a stream's last event, in the form that the API's clients read.
    pub fn event(&self, api: Api) -> Bytes {
        let body = match api {
            Api::Responses => Bytes::from(
                json!({"type": "error", "code": self.code, "message": self.message, "param": self.param.as_deref()})
                    .to_string(),
            ),
            _ => self.body(api),
        };
        let name = match api {
            Api::Responses | Api::Messages => "event: error\n",
            _ => "",
        };
        let mut event = Vec::with_capacity(body.len() + 32);
        event.extend_from_slice(name.as_bytes());
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(&body);
        event.extend_from_slice(b"\n\n");
        Bytes::from(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_seconds_and_milliseconds() {
        let error = ProxyError::no_key(StatusCode::TOO_MANY_REQUESTS, "all_keys_resting", "wait").with_retry_after(1_200);
        let response = error.response(Api::Chat);
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers()["retry-after-ms"], "1200");
    }

    #[test]
    fn an_error_event_has_the_shape_of_its_api() {
        let error = ProxyError::upstream(StatusCode::BAD_GATEWAY, "stream_interrupted", "broke\noff");
        let chat = String::from_utf8(error.event(Api::Chat).to_vec()).unwrap();
        assert!(chat.starts_with("data: {\"error\":{\"message\":\"broke\\noff\""), "{chat}");
        let responses = String::from_utf8(error.event(Api::Responses).to_vec()).unwrap();
        assert!(
            responses.starts_with("event: error\ndata: {\"type\":\"error\",\"code\":\"stream_interrupted\""),
            "{responses}"
        );
        let messages = String::from_utf8(error.event(Api::Messages).to_vec()).unwrap();
        assert!(messages.starts_with("event: error\ndata: {\"type\":\"error\",\"error\":{"), "{messages}");
        assert!(messages.ends_with("}}\n\n"), "{messages}");
    }
}
