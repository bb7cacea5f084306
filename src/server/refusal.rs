//! Answers that the server gives by itself, before a request reaches a room.

use http::{StatusCode, header};
use poem::Response;

/// Why a request was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the request line is malformed")]
    RequestLine,
    #[error("a header line is malformed")]
    HeaderLine,
    #[error("a line of the request head ends without a carriage return")]
    BareLineFeed,
    #[error("a header is folded over several lines")]
    FoldedHeader,
    #[error("the request head contains a control character")]
    ControlCharacter,
    #[error("the Content-Length header is malformed or given more than once")]
    ContentLength,
    #[error("the Transfer-Encoding header is not one single `chunked`")]
    TransferEncoding,
    #[error("the request has both a Content-Length and a Transfer-Encoding")]
    TwoLengths,
    #[error("the Host header is given more than once")]
    TwoHosts,
    #[error("the chunked body is malformed")]
    ChunkedBody,
    #[error("the path contains an encoded `..` or a broken percent sign")]
    Path,
    #[error("the URL is longer than 16 KiB")]
    TargetTooLong,
    #[error("the request has more than 100 headers or more than 64 KiB of them")]
    HeadTooLarge,
    #[error("the request head took too long to arrive")]
    HeadTimeout,
    #[error("the server is shutting down")]
    ShuttingDown,
    #[error("the server failed to handle the request")]
    Panicked,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Refusal::TargetTooLong => StatusCode::URI_TOO_LONG,
            Refusal::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Refusal::HeadTimeout => StatusCode::REQUEST_TIMEOUT,
            Refusal::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Refusal::TargetTooLong => "url_too_long",
            Refusal::HeadTooLarge => "headers_too_large",
            Refusal::HeadTimeout => "request_timeout",
            Refusal::ShuttingDown => "shutting_down",
            Refusal::Panicked => "internal_error",
            _ => "malformed_request",
        }
    }

    /// The answer in the shape that API clients read; the connection closes behind it.
    pub(super) fn response(self) -> Response {
        let kind = if self.status().is_server_error() { "server_error" } else { "invalid_request_error" };
        let body = serde_json::json!({
            "error": { "message": self.to_string(), "type": kind, "param": null, "code": self.code() }
        });
        let mut response = Response::builder()
            .status(self.status())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close");
        if self == Refusal::ShuttingDown {
            response = response.header(header::RETRY_AFTER, "1");
        }
        response.body(body.to_string())
    }
}
