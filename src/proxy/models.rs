//! `/v1/models`: answered from the catalog, only what the caller's token may use.

use http::{StatusCode, header};
use poem::Response;
use serde::Serialize;

use super::error::ProxyError;
use super::path::percent_decode;
use crate::domain::{Client, Snapshot};

#[derive(Serialize)]
struct ModelObject<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
}

#[derive(Serialize)]
struct ModelList<'a> {
    object: &'static str,
    data: Vec<ModelObject<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

/// Answers `GET /v1/models` with every model that the client may use, sorted by name.
pub(super) fn list(snapshot: &Snapshot, client: &Client) -> Response {
    let names = snapshot.models_of(client);
    let data: Vec<_> = names.iter().map(|name| object(snapshot, name)).collect();
    json(&ModelList { object: "list", has_more: false, first_id: names.first().copied(), last_id: names.last().copied(), data })
}

/// Answers `GET /v1/models/{id}`; the id may hold slashes, as they are or encoded.
///
/// `None` where only the default provider can tell: it takes names that the catalog does not know.
pub(super) fn get(snapshot: &Snapshot, client: &Client, encoded: &str) -> Result<Option<Response>, ProxyError> {
    let name = percent_decode(encoded).ok_or_else(|| unknown(snapshot, client, encoded))?;
    if snapshot.models_of(client).contains(name.as_ref()) {
        return Ok(Some(json(&object(snapshot, &name))));
    }
    let default_may_know = snapshot.model(&name).is_none() && client.may_ask(&name) && snapshot.default_target().is_some();
    if default_may_know { Ok(None) } else { Err(unknown(snapshot, client, &name)) }
}

/// The error for a model that is not here or that the client may not ask for: it names what the token may use.
pub(super) fn unknown(snapshot: &Snapshot, client: &Client, name: &str) -> ProxyError {
    let usable = snapshot.models_of(client);
    let mut list: String = usable.iter().take(20).copied().collect::<Vec<_>>().join(", ");
    if usable.len() > 20 {
        list.push_str(&format!(" and {} more (GET /v1/models lists them)", usable.len() - 20));
    }
    let hint =
        if usable.is_empty() { "This token has no models yet.".to_owned() } else { format!("This token may use: {list}.") };
    let shown: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
    let message = format!("The model '{shown}' does not exist here or this token may not use it. {hint}");
    ProxyError::rejected(StatusCode::NOT_FOUND, "model_not_found", message).with_param("model")
}

fn object<'a>(snapshot: &'a Snapshot, name: &'a str) -> ModelObject<'a> {
    let provider = snapshot.route(name).ok().and_then(|route| route.targets.first().map(|target| target.provider));
    let owned_by = provider.and_then(|id| snapshot.provider(id)).map_or("keywheel", |provider| &provider.name);
    ModelObject { id: name, object: "model", created: 0, owned_by }
}

fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => Response::builder().header(header::CONTENT_TYPE, "application/json").body(body),
        Err(error) => ProxyError::rejected(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", error.to_string())
            .response(crate::domain::Api::Other),
    }
}
