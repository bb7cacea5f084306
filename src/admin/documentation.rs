//! `/docs`: the API with forms for every operation. Everything that the page needs lies below `/docs`.
//!
//! Every address is relative, in the page and in the document, so that it works under any sub-path, whether a reverse
//! proxy takes the sub-path off or not. The page has a security policy of its own: no inline script, no other host.

use std::sync::LazyLock;

use bytes::Bytes;
use poem::endpoint::make_sync;
use poem::http::{StatusCode, header};
use poem::{Endpoint, EndpointExt, Response, Route, get};
use poem_openapi::OpenApiService;

use super::access::document;
use super::service;

/// Styles may stand inline: the forms set sizes that way. Pictures may be data: the forms draw their icons so.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Keywheel: the admin API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/forms.css">
</head>
<body>
<div id="forms"></div>
<script src="docs/forms.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"#;

/// `validatorUrl` is off: it would show the document to another host.
/// Whoever is signed in on the dashboard has a session's cookie; a write made with it must bear the session's proof.
const START: &str = r##"const WRITES = ["POST", "PUT", "PATCH", "DELETE"];

async function withProof(request) {
  if (WRITES.includes(request.method?.toUpperCase()) && !request.headers.Authorization) {
    const session = await fetch("api/session", { cache: "no-store" });
    const proof = session.ok ? (await session.json()).csrf : null;
    if (proof) request.headers["x-csrf-token"] = proof;
  }
  return request;
}

SwaggerUIBundle({
  dom_id: "#forms", url: "docs/openapi.json", deepLinking: true, validatorUrl: null, requestInterceptor: withProof,
});
"##;

/// The server of the document, from where the document itself lies.
const SERVER: &str = "..";

/// Script and style of the forms, and the document. Made when somebody first asks: it would be a tenth of a start.
static FORMS: LazyLock<(Bytes, Bytes)> = LazyLock::new(forms);
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document(&service().server(SERVER)).to_string().into());

/// The page, its files, and the document that it shows.
pub fn documentation() -> impl Endpoint<Output = Response> + 'static {
    Route::new()
        .at("/docs", file("text/html; charset=utf-8", || PAGE.into()))
        .at("/docs/", get(make_sync(|_| to_the_page())))
        .at("/docs/start.js", file("text/javascript; charset=utf-8", || START.into()))
        .at("/docs/forms.js", file("text/javascript; charset=utf-8", || FORMS.0.clone()))
        .at("/docs/forms.css", file("text/css; charset=utf-8", || FORMS.1.clone()))
        .at("/docs/openapi.json", file("application/json", || DOCUMENT.clone()))
        .map_to_response()
}

fn to_the_page() -> Response {
    Response::builder().status(StatusCode::PERMANENT_REDIRECT).header(header::LOCATION, "../docs").finish()
}

/// Script and style of the forms, which the framework has only as parts of a page.
fn forms() -> (Bytes, Bytes) {
    let page = Bytes::from(OpenApiService::new((), "", "").swagger_ui_html());
    let between = |start: &str, end: &str| {
        let text = std::str::from_utf8(&page).unwrap_or_default();
        let found = text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map_or("", |(found, _)| found);
        page.slice_ref(found.as_bytes())
    };
    (between("<script charset=\"UTF-8\">", "</script>"), between("<style charset=\"UTF-8\">", "</style>"))
}

fn file(content_type: &'static str, content: fn() -> Bytes) -> impl Endpoint<Output = Response> + 'static {
    get(make_sync(move |_| {
        Response::builder()
            .content_type(content_type)
            .header(header::CONTENT_SECURITY_POLICY, POLICY)
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(header::CACHE_CONTROL, "no-cache")
            .body(content())
    }))
}
