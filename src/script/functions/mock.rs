//! `mock_request`, `mock_keys` and their like: what tests give to hooks.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::HeaderMap;
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map};
use secrecy::SecretString;

use crate::domain::{CallId, Client, Key, KeyFacts, KeyId, ProviderId};
use crate::script::error::{fault, fault_at};
use crate::script::json::to_json;
use crate::script::objects::{
    AttemptError, AttemptErrorParts, Candidate, ChunkEvent, FrozenKeys, Keys, RequestParts, Response, ResponseParts,
    ScriptRequest, Upstream, UpstreamParts,
};
use crate::script::register::Registrar;
use crate::script::runtime::{Time, current};

type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// Values of a mocked body that a script may look at.
const BODY_VALUES: usize = 10_000;

/// The members of a map that a test gave, taken out one by one, so that a misspelt one is found.
struct Members {
    map: Map,
    of: &'static str,
}

impl Members {
    fn new(map: Map, of: &'static str) -> Fallible<Self> {
        if !current(|run| run.in_test)? {
            return Err(fault(format!("`{of}` is for `test_*` functions only")));
        }
        Ok(Members { map, of })
    }

    fn take(&mut self, name: &str) -> Option<Dynamic> {
        self.map.remove(name).filter(|value| !value.is_unit())
    }

    fn wrong(&self, name: &str, wanted: &str, value: &Dynamic) -> Box<EvalAltResult> {
        fault_at(format!("`{name}` of `{}` must be {wanted}", self.of), value)
    }

    fn text(&mut self, name: &str) -> Fallible<Option<String>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let text = value.read_lock::<ImmutableString>().map(|text| text.to_string());
        text.map(Some).ok_or_else(|| self.wrong(name, "a string", &value))
    }

    fn number(&mut self, name: &str) -> Fallible<Option<i64>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        value.as_int().map(Some).map_err(|_| self.wrong(name, "a whole number", &value))
    }

    fn count(&mut self, name: &str) -> Fallible<Option<u64>> {
        let Some(number) = self.number(name)? else { return Ok(None) };
        u64::try_from(number).map(Some).map_err(|_| self.wrong(name, "0 or more", &number.into()))
    }

    fn float(&mut self, name: &str) -> Fallible<Option<f64>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = value.as_float().ok().or_else(|| value.as_int().ok().map(|number| number as f64));
        number.map(Some).ok_or_else(|| self.wrong(name, "a number", &value))
    }

    fn flag(&mut self, name: &str) -> Fallible<bool> {
        let Some(value) = self.take(name) else { return Ok(false) };
        value.as_bool().map_err(|_| self.wrong(name, "true or false", &value))
    }

    fn texts(&mut self, name: &str) -> Fallible<Vec<String>> {
        let Some(value) = self.take(name) else { return Ok(Vec::new()) };
        let items = value.read_lock::<Array>().ok_or_else(|| self.wrong(name, "an array of strings", &value))?;
        let text = |item: &Dynamic| item.read_lock::<ImmutableString>().map(|text| text.to_string());
        items.iter().map(|item| text(item).ok_or_else(|| self.wrong(name, "an array of strings", &value))).collect()
    }

    fn map(&mut self, name: &str) -> Fallible<Option<Map>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        value.try_cast_result::<Map>().map(Some).map_err(|value| self.wrong(name, "a map", &value))
    }

    fn headers(&mut self) -> Fallible<Arc<HeaderMap>> {
        let Some(map) = self.map("headers")? else { return Ok(Arc::default()) };
        let mut headers = HeaderMap::new();
        for (name, value) in &map {
            let pair = name.parse::<http::HeaderName>().ok().zip(value.to_string().parse::<http::HeaderValue>().ok());
            let (name, value) = pair.ok_or_else(|| fault_at(format!("`{name}` is not a header"), value))?;
            headers.append(name, value);
        }
        Ok(Arc::new(headers))
    }

    fn body(&mut self) -> Fallible<Option<bytes::Bytes>> {
        let Some(value) = self.take("body") else { return Ok(None) };
        let text = match value.read_lock::<ImmutableString>() {
            Some(text) => text.to_string(),
            None => to_json(&value).map_err(|error| fault_at(error.to_string(), &value))?,
        };
        Ok(Some(text.into()))
    }

    fn finish(self) -> Fallible<()> {
        match self.map.keys().next() {
            Some(name) => Err(fault(format!("`{}` knows no member `{name}`", self.of))),
            None => Ok(()),
        }
    }
}

fn mock_request(map: Map) -> Fallible<ScriptRequest> {
    let mut given = Members::new(map, "mock_request")?;
    let client = given.map("client")?.map(mock_client).transpose()?;
    let body = given.body()?.unwrap_or_default();
    let in_body = |name: &str| serde_json::from_slice::<serde_json::Value>(&body).ok()?.get(name).cloned();
    let model = given.text("model")?.or_else(|| in_body("model")?.as_str().map(ToOwned::to_owned));
    let stream = given.flag("stream")? || in_body("stream").and_then(|value| value.as_bool()).unwrap_or(false);
    let estimated_tokens = given.count("estimated_tokens")?;
    let (client, ip) = client.unwrap_or_default();
    let path = given.text("path")?.unwrap_or_else(|| "/v1/chat/completions".to_owned());
    let estimated_tokens = match estimated_tokens {
        Some(tokens) => tokens,
        None => current(|run| (run.around.estimate)(&path, &body))?,
    };
    let parts = RequestParts {
        id: CallId::new(current(|run| run.around.now_ms())?, [7; 10]),
        method: given.text("method")?.unwrap_or_else(|| "POST".to_owned()).into(),
        path: path.into(),
        model: model.map(Into::into),
        stream,
        client,
        client_ip: ip,
        headers: given.headers()?,
        estimated_tokens,
        body,
        body_values: BODY_VALUES,
    };
    given.finish()?;
    Ok(ScriptRequest::new(parts))
}

type MockClient = (Option<Arc<Client>>, Option<std::net::IpAddr>);

fn mock_client(map: Map) -> Fallible<MockClient> {
    let mut given = Members::new(map, "mock_request")?;
    let ip = given.text("ip")?.map(|ip| ip.parse().map_err(|_| fault(format!("`{ip}` is not an address")))).transpose()?;
    let client = Client {
        id: crate::domain::ClientId(given.number("id")?.unwrap_or(1)),
        tags: given.texts("tags")?,
        ..Client::new(given.text("name")?.unwrap_or_else(|| "test".to_owned()), [0; 32], "")
    };
    given.finish()?;
    Ok((Some(Arc::new(client)), ip))
}

fn mock_keys(keys: Array) -> Fallible<Keys> {
    let one = |(at, value): (usize, Dynamic)| {
        let map = value.try_cast_result::<Map>().map_err(|value| fault_at("`mock_keys` takes an array of maps", &value))?;
        mock_key(at as i64 + 1, map)
    };
    let keys = keys.into_iter().enumerate().map(one).collect::<Fallible<Vec<_>>>()?;
    Ok(Keys(Arc::new(FrozenKeys::new(keys, None))))
}

fn mock_key(number: i64, map: Map) -> Fallible<Candidate> {
    let mut given = Members::new(map, "mock_keys")?;
    let narrow = |name: &str, value: i64| i32::try_from(value).map_err(|_| fault(format!("`{name}` is too large")));
    let weight = given.count("weight")?.unwrap_or(1);
    let key = Key {
        id: KeyId(given.number("id")?.unwrap_or(number)),
        tags: given.texts("tags")?,
        weight: u32::try_from(weight).map_err(|_| fault("`weight` is too large"))?,
        priority: narrow("priority", given.number("priority")?.unwrap_or(0))?,
        ..Key::new(ProviderId(1), given.text("name")?.unwrap_or_else(|| format!("key-{number}")), SecretString::default())
    };
    let facts = KeyFacts {
        in_flight: given.count("in_flight")?.unwrap_or(0),
        rpm_used: given.count("rpm_used")?.unwrap_or(0),
        tpm_used: given.count("tpm_used")?.unwrap_or(0),
        remaining_requests: given.count("remaining_requests")?,
        remaining_tokens: given.count("remaining_tokens")?,
        reset_at: given.number("reset_at")?,
        last_used: given.number("last_used")?,
        ewma_ms: given.float("ewma_ms")?,
        failures: given.count("failures")?.unwrap_or(0),
    };
    let provider = given.text("provider")?.unwrap_or_else(|| "openai".to_owned()).into();
    given.finish()?;
    Ok(Candidate { key: Arc::new(key), provider, facts })
}

fn mock_upstream(map: Map) -> Fallible<Upstream> {
    let mut given = Members::new(map, "mock_upstream")?;
    let parts = UpstreamParts {
        provider: given.text("provider")?.unwrap_or_else(|| "openai".to_owned()).into(),
        model: given.text("model")?.map(Into::into),
        path: given.text("path")?.unwrap_or_else(|| "/chat/completions".to_owned()).into(),
        headers: given.headers()?,
        body: given.body()?.unwrap_or_default(),
        body_values: BODY_VALUES,
    };
    given.finish()?;
    Ok(Upstream::new(parts))
}

fn mock_error(map: Map) -> Fallible<AttemptError> {
    let mut given = Members::new(map, "mock_error")?;
    let status = given.number("status")?;
    let narrow = |status: i64| u16::try_from(status).map_err(|_| fault("`status` is not an HTTP status"));
    let parts = AttemptErrorParts {
        status: status.map(narrow).transpose()?,
        code: given.text("code")?,
        kind: given.text("type")?,
        message: given.text("message")?.unwrap_or_default(),
        headers: given.headers()?,
        elapsed_ms: given.count("elapsed_ms")?.unwrap_or(0),
        bytes_sent: given.count("bytes_sent")?.unwrap_or(0),
    };
    given.finish()?;
    Ok(AttemptError::new(parts))
}

fn mock_response(map: Map) -> Fallible<Response> {
    let mut given = Members::new(map, "mock_response")?;
    let status = given.number("status")?.unwrap_or(200);
    let parts = ResponseParts {
        status: u16::try_from(status).map_err(|_| fault("`status` is not an HTTP status"))?,
        headers: given.headers()?,
        body: given.body()?,
        body_values: BODY_VALUES,
    };
    given.finish()?;
    Ok(Response::new(parts))
}

fn mock_event(map: Map) -> Fallible<ChunkEvent> {
    let mut given = Members::new(map, "mock_event")?;
    let (name, index, body) = (given.text("name")?, given.count("index")?.unwrap_or(0), given.body()?.unwrap_or_default());
    given.finish()?;
    Ok(ChunkEvent::new(name.as_deref(), index, body, BODY_VALUES))
}

fn mock_now(unix_ms: i64) -> Fallible<()> {
    current(|run| match (&run.around.time, run.in_test) {
        (Time::Fixed(at), true) => {
            at.store(unix_ms, Ordering::Relaxed);
            Ok(())
        }
        _ => Err(fault("`mock_now` is for `test_*` functions only")),
    })?
}

pub(super) fn register(registrar: &mut Registrar<'_>) {
    registrar
        .group(
            "Tests",
            "These work in `test_*` functions only. Members that are left out get plain values; one that is misspelt is an error.",
        )
        .function(
            "mock_request(members: map) -> Request",
            "A request: `#{method, path, model, stream, client: #{id, name, tags, ip}, headers: #{}, body: #{}, \
             estimated_tokens}`.",
            mock_request,
        )
        .function(
            "mock_keys(keys: array) -> Keys",
            "Keys, each given as a map of its properties. The first is what the built-in strategy takes.",
            mock_keys,
        )
        .function(
            "mock_upstream(members: map) -> Upstream",
            "A request to a provider: `#{provider, model, path, headers: #{}, body: #{}}`.",
            mock_upstream,
        )
        .function(
            "mock_error(members: map) -> AttemptError",
            "A failed attempt: `#{status, code, type, message, headers: #{}, elapsed_ms, bytes_sent}`.",
            mock_error,
        )
        .function(
            "mock_response(members: map) -> Response",
            "An answer: `#{status, headers: #{}, body}`; without a body it is a stream.",
            mock_response,
        )
        .function("mock_event(members: map) -> Event", "A stream's event: `#{name, index, body}`.", mock_event)
        .function("mock_now(unix_ms: int)", "Sets the time that `now_ms` and `local_time` tell.", mock_now);
}
