//! An id for every admin request: it stands in the answer, and on the lines that the request leaves in the log. Open feeds
//! learn of each write.

use std::sync::Arc;

use poem::http::HeaderValue;
use poem::{Endpoint, Request, Response};
use tracing::Instrument;

use super::AdminContext;
use crate::clock::random_bytes;

/// The header that bears the id.
const HEADER: &str = "x-request-id";

/// Answers with the inner endpoint, under an id.
pub(super) struct WithId<E> {
    pub(super) inner: E,
    pub(super) context: Arc<AdminContext>,
}

impl<E: Endpoint<Output = Response>> Endpoint for WithId<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let now_ms = self.context.clock.now().unix_ms.max(0) as u64;
        let id = uuid::Builder::from_unix_timestamp_millis(now_ms, &random_bytes()).into_uuid().to_string();
        let span = tracing::error_span!("admin", request_id = %id);
        let is_write = !request.method().is_safe();
        let mut response = self.inner.call(request).instrument(span).await?;
        if is_write {
            self.context.people.writes.send_replace(());
        }
        if let Ok(id) = HeaderValue::try_from(id) {
            response.headers_mut().insert(HEADER, id);
        }
        Ok(response)
    }
}
