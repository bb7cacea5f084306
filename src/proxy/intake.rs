//! From a request to a plan: who calls, what is asked, where it goes, whether it is admitted.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use parking_lot::Mutex;
use poem::{Request, Response};

use super::body::{BodyError, decode, peek};
use super::call::Call;
use super::error::ProxyError;
use super::estimate::estimated_tokens;
use super::hooks::{self, Routed, Taken};
use super::inbound::{self, Inbound};
use super::multipart::{FormError, FormReader, read_form};
use super::path::ApiPath;
use super::plan::{Payload, Plan};
use super::{auth, is_websocket, me, models, ownership};
use crate::domain::{
    BudgetPeriod, Client, Cost, KeptHeaders, Moment, Nanodollars, Route, RouteError, Snapshot, Strategy, Usage, UsageQuality,
};
use crate::quota::{Estimate, Limit, QuotaError};

/// Output tokens that are reserved in a budget when the request names no maximum.
const ASSUMED_OUTPUT_TOKENS: u64 = 4096;

/// What becomes of a request.
pub(super) enum Intake {
    /// It goes to a provider.
    Forward(Box<Plan>),
    /// Keywheel answers it from the catalog.
    Answered(Response),
}

/// Takes a request in.
pub(super) async fn take_in(
    call: &mut Call,
    snapshot: Arc<Snapshot>,
    mut request: Request,
    now: Moment,
) -> Result<Intake, ProxyError> {
    let path = ApiPath::parse(request.uri().path())
        .ok_or_else(|| ProxyError::rejected(StatusCode::NOT_FOUND, "not_found", "There is nothing at this path."))?;
    call.record.api = path.api;
    if is_websocket(&request) {
        let message = "WebSocket connections are not supported yet. Use the HTTP API, with stream=true for live answers.";
        return Err(ProxyError::rejected(StatusCode::NOT_IMPLEMENTED, "websocket_not_supported", message));
    }
    let client = identify(call, &snapshot, &request, now)?;
    call.set_client(client.clone());
    call.debug = client.allow_debug && request.header("x-keywheel-debug") == Some("1");
    if path.rest == "/keywheel/me" {
        let remaining = call.deps.quota.remaining(&client, now);
        return me::answer(request.method(), &snapshot, &client, &remaining, now).map(Intake::Answered);
    }
    if let Some(answer) = answer_from_catalog(&snapshot, &client, request.method(), &path)? {
        return Ok(Intake::Answered(answer));
    }
    let body = request.take_body();
    let payload = read_payload(call, &path, body, request.headers()).await?;
    let asked = asked_model(&payload);
    call.record.model_asked = asked.clone();
    if let Some(name) = &asked
        && !client.may_ask(name)
    {
        return Err(models::unknown(&snapshot, &client, name));
    }
    let headers = Arc::new(std::mem::take(request.headers_mut()));
    call.record.headers = KeptHeaders::of(&snapshot.settings.recorded_headers, &headers);
    let mut taken = Taken { payload, headers, wanted: asked.clone(), asked };
    let query = request.uri().query();
    let (stream, estimated_tokens) = (asks_stream(&taken.payload, query), estimated_tokens(&path, &taken.payload));
    if let Some(answer) = hooks::on_request(call, &mut taken, stream, estimated_tokens)? {
        return Ok(Intake::Answered(answer));
    }
    let routed = hooks::route(call, &snapshot, taken.wanted.as_deref(), |name| route(&snapshot, &client, name, &path))?;
    let mut plan = plan(snapshot, path, routed, taken, &request);
    call.record.stream = plan.stream;
    plan.affinity = (plan.strategy() == Strategy::Sticky).then(|| affinity(&client, &plan.payload));
    ownership::attach(call, &mut plan, &client).await?;
    if plan.targets().is_empty() {
        let message = "No default provider takes calls without a model. Ask the operator to set one.";
        return Err(ProxyError::no_key(StatusCode::SERVICE_UNAVAILABLE, "no_default_provider", message));
    }
    let matters = plan.generates() && (client.limits.has_money_budget() || plan.snapshot.has_key_budgets());
    let cost = if matters { estimated_cost(&plan) } else { Cost::Known(Nanodollars(0)) };
    plan.estimated_cost = cost.known();
    admit(call, &plan, &client, cost, now)?;
    Ok(Intake::Forward(Box::new(plan)))
}

/// Who calls: the holder of the token, or whom Keywheel calls for.
fn identify(call: &mut Call, snapshot: &Snapshot, request: &Request, now: Moment) -> Result<Arc<Client>, ProxyError> {
    let address = call.record.client_ip;
    let client = match call.client.take() {
        Some(client) => auth::may_call(&client, address, now).map(|()| client),
        None => auth::client(snapshot, request.headers(), address, now),
    }?;
    call.deps.quota.note_use(client.id, now.unix_ms);
    Ok(client)
}

fn answer_from_catalog(
    snapshot: &Snapshot,
    client: &Client,
    method: &Method,
    path: &ApiPath,
) -> Result<Option<Response>, ProxyError> {
    if method != Method::GET && method != Method::HEAD {
        return Ok(None);
    }
    match path.rest.strip_prefix("/models") {
        Some("" | "/") => Ok(Some(models::list(snapshot, client))),
        Some(name) if name.starts_with('/') => models::get(snapshot, client, &name[1..]),
        _ => Ok(None),
    }
}

/// Reads the body and what of it decides where the call goes.
async fn read_payload(call: &mut Call, path: &ApiPath, body: poem::Body, headers: &HeaderMap) -> Result<Payload, ProxyError> {
    let limits = call.deps.limits;
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    let is_form = content_type.trim_start().to_ascii_lowercase().starts_with("multipart/form-data");
    let is_json = !is_form && is_json_body(path, content_type);
    let may_stream = !is_json && encoding.is_empty();
    let bytes = match inbound::read(body, headers, &limits, may_stream).await? {
        Inbound::Whole(bytes) => bytes,
        Inbound::Upload { head, rest } => {
            call.record.bytes_in = rest.length.unwrap_or(head.len() as u64);
            return upload(path, is_form.then_some(content_type), head, rest);
        }
    };
    call.record.bytes_in = bytes.len() as u64;
    let bytes = if encoding.is_empty() { bytes } else { decoded(encoding, bytes, limits.buffer_bytes)? };
    call.capture_request(&bytes);
    if is_form {
        let form = read_form(content_type, &bytes).map_err(form_error)?;
        return Ok(Payload::Form { form, body: bytes });
    }
    match peek(&bytes) {
        Ok(peek) => Ok(Payload::Json(peek)),
        Err(error) if error.is_other_content() && !path.is_generation() => Ok(Payload::Opaque(bytes)),
        Err(BodyError::Empty) => Ok(Payload::Opaque(bytes)),
        Err(error) => Err(body_error(&error)),
    }
}

fn is_json_body(path: &ApiPath, content_type: &str) -> bool {
    path.is_generation() || content_type.is_empty() || content_type.to_ascii_lowercase().contains("json")
}

fn decoded(encoding: &str, bytes: Bytes, limit: u64) -> Result<Bytes, ProxyError> {
    decode(encoding, bytes, limit as usize).map_err(|error| {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
        ProxyError::rejected(status, error.code(), format!("The body cannot be unpacked: {error}."))
    })
}

/// An upload beyond the buffer limit. On a path that a model routes, the model must stand in the part that was read.
fn upload(path: &ApiPath, form_type: Option<&str>, head: Bytes, rest: inbound::Upload) -> Result<Payload, ProxyError> {
    if path.is_generation() {
        let named = form_type.and_then(|content_type| {
            let mut reader = FormReader::new(content_type).ok()?;
            reader.push(&head).ok()?;
            reader.form().model.clone()
        });
        let message = match named {
            Some(_) => {
                "The upload is larger than what Keywheel holds in memory for a call that a model routes. Send a smaller file."
            }
            None => {
                "The upload is too large to look for its model behind the file. Put the field 'model' before the file, or send a smaller one."
            }
        };
        return Err(ProxyError::rejected(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message).closing());
    }
    Ok(Payload::Upload(Mutex::new(Some((head, rest)))))
}

fn body_error(error: &BodyError) -> ProxyError {
    let refusal = ProxyError::bad_request(error.code(), format!("The body cannot be used: {error}."));
    match error.param() {
        Some(param) => refusal.with_param(param),
        None => refusal,
    }
}

fn form_error(error: FormError) -> ProxyError {
    let refusal = ProxyError::bad_request(error.code(), format!("The form cannot be used: {error}."));
    match error.param() {
        Some(param) => refusal.with_param(param),
        None => refusal,
    }
}

fn asked_model(payload: &Payload) -> Option<Arc<str>> {
    match payload {
        Payload::Json(peek) => peek.model.clone(),
        Payload::Form { form, .. } => form.model.clone(),
        Payload::Opaque(_) | Payload::Upload(_) => None,
    }
}

/// Where the call goes: by its model, else to the default provider. Nowhere yet, when it names no model and there is none.
fn route(snapshot: &Snapshot, client: &Client, asked: Option<&str>, path: &ApiPath) -> Result<Route, ProxyError> {
    let Some(name) = asked else {
        if let Some(targets) = snapshot.default_target() {
            return Ok(Route { model: None, targets });
        }
        if path.is_generation() {
            let message = "The body names no model. Add the member 'model'.";
            return Err(ProxyError::bad_request("missing_model", message).with_param("model"));
        }
        // An object that the call names may say where it goes.
        return Ok(Route { model: None, targets: Arc::new([]) });
    };
    match snapshot.route(name) {
        Ok(route) if route.targets.is_empty() => Err(no_target(name)),
        Ok(route) => Ok(route),
        Err(RouteError::Disabled | RouteError::Unknown) => Err(models::unknown(snapshot, client, name)),
    }
}

fn no_target(name: &str) -> ProxyError {
    let message = format!("Every provider of '{name}' is switched off. Ask the operator to enable one.");
    ProxyError::no_key(StatusCode::SERVICE_UNAVAILABLE, "no_available_key", message)
}

fn asks_stream(payload: &Payload, query: Option<&str>) -> bool {
    let in_body = match payload {
        Payload::Json(peek) => peek.stream.unwrap_or(false),
        Payload::Form { form, .. } => form.stream.unwrap_or(false),
        Payload::Opaque(_) | Payload::Upload(_) => false,
    };
    in_body || query.is_some_and(|query| query.split('&').any(|pair| pair == "stream=true"))
}

fn plan(snapshot: Arc<Snapshot>, path: ApiPath, routed: Routed, taken: Taken, request: &Request) -> Plan {
    let query = request.uri().query().map(str::to_owned);
    Plan {
        stream: asks_stream(&taken.payload, query.as_deref()),
        estimated_tokens: estimated_tokens(&path, &taken.payload),
        estimated_cost: None,
        snapshot,
        method: request.method().clone(),
        path,
        query,
        headers: taken.headers,
        payload: taken.payload,
        asked: taken.asked,
        wanted: taken.wanted,
        route: routed.route,
        fallbacks: routed.fallbacks,
        tags: routed.tags,
        owner: None,
        affinity: None,
        late: false,
    }
}

/// The same for all turns of a conversation and for prompts with a long common beginning.
fn affinity(client: &Client, payload: &Payload) -> u64 {
    let prefix = match payload {
        Payload::Json(peek) => peek.prompt_prefix_hash(),
        _ => None,
    };
    (client.id.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ prefix.unwrap_or(0)
}

/// Admits the call by the client's limits, with an estimate that is settled at the end.
fn admit(call: &mut Call, plan: &Plan, client: &Arc<Client>, cost: Cost, now: Moment) -> Result<(), ProxyError> {
    let cost = if client.limits.has_money_budget() { cost } else { Cost::Known(Nanodollars(0)) };
    if cost == Cost::Unknown && plan.settings().refuse_unpriced {
        let message = "This model has no price, so that the token's budget cannot be enforced. Ask the operator to set one.";
        return Err(ProxyError::rejected(StatusCode::FORBIDDEN, "unpriced_model", message).with_param("model"));
    }
    let estimate = Estimate { tokens: plan.estimated_tokens, cost: cost.known() };
    let reservation = call.deps.quota.admit(client, estimate, now).map_err(|error| quota_error(&error))?;
    call.reservation = Some(reservation);
    Ok(())
}

/// What the call is expected to cost at its first target: the prompt's estimate, and the output that it asks for.
fn estimated_cost(plan: &Plan) -> Cost {
    let Some(target) = plan.targets().first() else { return Cost::Unknown };
    let Some(price) = plan.snapshot.price(plan.route.model.as_deref(), target.provider, &target.model) else {
        return Cost::Unknown;
    };
    let (output, pictures) = match &plan.payload {
        Payload::Json(peek) => (peek.max_output_tokens.unwrap_or(ASSUMED_OUTPUT_TOKENS) * peek.n.unwrap_or(1).max(1), peek.n),
        _ => (ASSUMED_OUTPUT_TOKENS, None),
    };
    let has_output = price.output.is_some_and(|rate| rate.0 > 0);
    let usage = Usage {
        input: Some(plan.estimated_tokens),
        output: has_output.then_some(output),
        pictures: Some(pictures.unwrap_or(1)).filter(|_| price.per_picture.is_some()),
        quality: UsageQuality::Estimated,
        ..Usage::default()
    };
    usage.cost(price)
}

fn each(period: BudgetPeriod) -> &'static str {
    match period {
        BudgetPeriod::Day => "a day",
        BudgetPeriod::Month => "a month",
        BudgetPeriod::Total => "in all",
    }
}

fn quota_error(error: &QuotaError) -> ProxyError {
    let (code, message) = match error.limit {
        Limit::Rpm => ("rate_limit_exceeded", format!("This token may make {} requests a minute.", error.allowed)),
        Limit::Tpm => ("rate_limit_exceeded", format!("This token may use {} tokens a minute.", error.allowed)),
        Limit::Concurrency => ("concurrency_exceeded", format!("This token may have {} calls in flight.", error.allowed)),
        Limit::Money(period) => {
            let dollars = format!("${:.2}", error.allowed as f64 / 1e9);
            ("budget_exceeded", format!("This token's budget of {dollars} {} is used up or reserved.", each(period)))
        }
        Limit::Tokens(period) => {
            let message = format!("This token's budget of {} tokens {} is used up or reserved.", error.allowed, each(period));
            ("budget_exceeded", message)
        }
    };
    let refusal = ProxyError::rejected(StatusCode::TOO_MANY_REQUESTS, code, message);
    match error.retry_after_ms {
        Some(ms) => refusal.with_retry_after(ms),
        None => refusal,
    }
}
