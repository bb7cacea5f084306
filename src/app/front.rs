//! What lies at which path.

use std::sync::Arc;

use http::{StatusCode, header};
use poem::endpoint::make_sync;
use poem::error::NotFoundError;
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Route, get};
use secrecy::ExposeSecret;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::Parts;
use crate::admin;
use crate::client_address::is_local;
use crate::dashboard;
use crate::proxy::Proxy;
use crate::telemetry::{METRICS_CONTENT_TYPE, Readings};

/// Everything that the server answers with.
pub(super) fn endpoint(parts: Arc<Parts>, proxy: Proxy) -> impl Endpoint + 'static {
    let ready = parts.clone();
    let api = Arc::new(admin::endpoint(parts.admin.clone()));
    let docs = Arc::new(admin::documentation());
    let dashboard = Arc::new(dashboard::endpoint());
    let others = Route::new()
        .at("/", dashboard.clone())
        .at("/assets/*path", dashboard)
        .at("/api", api.clone())
        .at("/api/*path", api)
        .at("/docs", docs.clone())
        .at("/docs/*path", docs)
        .at("/healthz", get(make_sync(|_| "ok\n")))
        .at("/readyz", get(make_sync(move |_| readiness(&ready))))
        .at("/metrics", get(make_sync(move |request| metrics(&parts, &request))));
    Front { proxy, others: others.catch_error(nothing_here).map_to_response() }
}

/// The data plane is asked first, without a table of routes in between.
struct Front<E> {
    proxy: Proxy,
    others: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for Front<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let path = request.uri().path();
        if path == "/v1" || path.starts_with("/v1/") {
            let client = request.remote_addr().as_socket_addr().map(|address| address.ip());
            return Ok(self.proxy.handle(request, client).await);
        }
        self.others.call(request).await
    }
}

/// For a path where nothing lies: most often a base URL without its `/v1`.
async fn nothing_here(_: NotFoundError) -> Response {
    let message =
        "There is nothing at this path. The OpenAI API lies under /v1 (a base URL ends in /v1), the admin API under /api.";
    let error = json!({ "message": message, "type": "not_found_error", "param": null, "code": "not_found" });
    json!({ "error": error })
        .to_string()
        .with_content_type("application/json")
        .with_status(StatusCode::NOT_FOUND)
        .into_response()
}

fn readiness(parts: &Parts) -> Response {
    if parts.shutdown.draining.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response();
    }
    if parts.scripts.is_closed() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the scripts could not be loaded, so no call is let through\n")
            .into_response();
    }
    "ready\n".into_response()
}

/// Metrics, for whoever holds the token; without one configured, for this machine only.
fn metrics(parts: &Parts, request: &Request) -> Response {
    let allowed = match &parts.metrics_token {
        Some(token) => {
            let given = request.header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).unwrap_or("");
            bool::from(given.as_bytes().ct_eq(token.expose_secret().as_bytes()))
        }
        None => is_local(request.remote_addr().as_socket_addr().map(|address| address.ip()), request.headers()),
    };
    if !allowed {
        let message = "Metrics need the token of KEYWHEEL_METRICS_TOKEN, or a request from this machine.\n";
        return (StatusCode::UNAUTHORIZED, message).into_response();
    }
    let status = parts.recorder.status();
    let scripts = parts.scripts.status();
    let readings = Readings {
        keys: super::upkeep::key_counts(parts),
        queued_records: status.queued,
        dropped_queue: status.dropped_queue,
        dropped_disk: status.dropped_disk,
        hooks: super::scripts::hook_readings(&scripts),
        script_reloads: scripts.reloads,
        failed_script_reloads: scripts.failed_reloads,
    };
    parts.metrics.encode(&readings).with_content_type(METRICS_CONTENT_TYPE).into_response()
}
