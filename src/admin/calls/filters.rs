//! Which calls: the filters that lists, files, counts and deletions share, each a parameter of its own in the query.

use std::collections::HashSet;

use poem::http::StatusCode;
use poem::{Request, RequestBody};
use poem_openapi::param::Query;
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromParameter, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object};
use serde_json::{Map, Value};

use super::query;
use crate::admin::access::Access;
use crate::admin::error::ApiError;
use crate::admin::period::{Period, UTC};
use crate::domain::{Api, ClientId, KeyId, Outcome, ProviderId, Role};
use crate::store::{BodyText, CallFilter};

/// Defines the filters. The document shows each of them as a parameter: see [`crate::admin::access::document`].
macro_rules! filters {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty,)+) => {
        /// Filters of calls. Every filter that is given must match.
        #[derive(Default, Object)]
        #[oai(rename = "CallFilters")]
        pub(super) struct Filters {
            $($(#[doc = $doc])+ $name: Option<$type>,)+
        }

        /// The names of the filters.
        const NAMES: &[&str] = &[$(stringify!($name)),+];

        impl<'a> ApiExtractor<'a> for Filters {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                <Self as Type>::register(registry);
            }

            fn param_in() -> Option<MetaParamIn> {
                Some(MetaParamIn::Query)
            }

            fn param_schema_ref() -> Option<MetaSchemaRef> {
                Some(Self::schema_ref())
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok(Filters { $($name: parameter(request, body, stringify!($name)).await?,)+ })
            }
        }
    };
}

filters! {
    /// `today`, `yesterday`, or a number of minutes, hours or days up to now: `15m`, `24h`, `7d`.
    range: String,
    /// Calls that began at this time or later; beats `range`.
    from: String,
    /// Calls that began before this time; beats `range`.
    to: String,
    /// The IANA time zone of `today` and `yesterday`, and of local hours and days; UTC if left out.
    zone: String,
    /// Any of these outcomes.
    outcome: Vec<Outcome>,
    /// The HTTP status that the client saw: `429`, `4xx` or `400-499`.
    status: String,
    /// The error's code.
    error_code: String,
    /// The API.
    api: Api,
    /// The model's name in the request.
    model: String,
    /// The provider's own name of the model that served.
    served_model: String,
    /// The client's id.
    client: i64,
    /// The id of the last attempt's key.
    key: i64,
    /// The id of any attempt's key.
    attempted_key: i64,
    /// The id of the last attempt's provider.
    provider: i64,
    /// Every one of these labels, which scripts add to calls.
    tag: Vec<String>,
    /// Whether the client asked for a stream.
    stream: bool,
    /// Whether it was Keywheel's own probe.
    probe: bool,
    /// Calls that cost at least so many US dollars.
    min_cost_usd: f64,
    /// Calls that cost at most so many US dollars; a call of unknown cost is none.
    max_cost_usd: f64,
    /// Calls that took at least so many milliseconds.
    min_duration_ms: f64,
    /// Calls that took at most so many milliseconds.
    max_duration_ms: f64,
    /// Calls with at least so many input and output tokens together.
    min_tokens: u64,
    /// Calls with at most so many input and output tokens; a call of unknown usage is none.
    max_tokens: u64,
    /// Calls that took at least so many attempts.
    min_attempts: u32,
    /// Calls that took at most so many attempts.
    max_attempts: u32,
    /// The client's or the provider's request id.
    request_id: String,
    /// Text in a body, in any case; bodies are looked through only as far as they are kept, and for about a second at a time.
    /// Needs the role `operator`.
    text: String,
}

async fn parameter<T: ParseFromParameter>(
    request: &Request,
    body: &mut RequestBody,
    name: &'static str,
) -> poem::Result<Option<T>> {
    let options = ExtractParamOptions { name, explode: true, ..ExtractParamOptions::default() };
    Ok(Query::<Option<T>>::from_request(request, body, options).await?.0)
}

impl Filters {
    /// The time zone.
    pub(super) fn zone(&self) -> &str {
        self.zone.as_deref().unwrap_or(UTC)
    }

    /// What the log is asked for.
    pub(super) fn read(self, access: &Access, now_ms: i64) -> Result<CallFilter, ApiError> {
        if self.text.is_some() && access.who().role() < Role::Operator {
            let message = "bodies may only be looked through with the role operator";
            return Err(ApiError {
                field: Some("text".to_owned()),
                ..ApiError::new(StatusCode::FORBIDDEN, "forbidden", message)
            });
        }
        let zone = self.zone().to_owned();
        let (from_ms, to_ms) = Period { range: self.range, from: self.from, to: self.to }.read(&zone, now_ms)?;
        let text = self.text.map(|text| BodyText::new(&text).map_err(|error| ApiError::invalid("text", error.to_string())));
        Ok(CallFilter {
            from_ms,
            to_ms,
            outcomes: self.outcome.unwrap_or_default(),
            status: self.status.as_deref().map(query::status).transpose()?,
            error_code: self.error_code,
            api: self.api,
            model_asked: self.model,
            model_served: self.served_model,
            client: self.client.map(ClientId),
            key: self.key.map(KeyId),
            attempted_key: self.attempted_key.map(KeyId),
            provider: self.provider.map(ProviderId),
            tags: self.tag.unwrap_or_default(),
            stream: self.stream,
            probe: self.probe,
            min_cost: self.min_cost_usd.map(|amount| query::dollars("min_cost_usd", amount)).transpose()?,
            max_cost: self.max_cost_usd.map(|amount| query::dollars("max_cost_usd", amount)).transpose()?,
            min_total_us: self.min_duration_ms.map(|ms| query::microseconds("min_duration_ms", ms)).transpose()?,
            max_total_us: self.max_duration_ms.map(|ms| query::microseconds("max_duration_ms", ms)).transpose()?,
            min_tokens: self.min_tokens,
            max_tokens: self.max_tokens,
            min_attempts: self.min_attempts,
            max_attempts: self.max_attempts,
            request_id: self.request_id,
            text: text.transpose()?,
        })
    }
}

/// The parameters of a request as they were written, each of which must be a filter or among `others`: where much depends
/// on a filter, a misspelt one must not pass for none.
pub(super) fn only_known(request: &Request, others: &[&str]) -> Result<Map<String, Value>, ApiError> {
    let known: HashSet<&str> = NAMES.iter().chain(others).copied().collect();
    let pairs: Vec<(String, String)> = request.params().unwrap_or_default();
    let mut written = Map::new();
    for (name, value) in pairs {
        if !known.contains(name.as_str()) {
            return Err(ApiError::invalid(name.clone(), format!("{name} is no filter of calls")));
        }
        match written.get_mut(&name) {
            Some(Value::String(first)) => *first = format!("{first}, {value}"),
            _ => drop(written.insert(name, Value::String(value))),
        }
    }
    Ok(written)
}
