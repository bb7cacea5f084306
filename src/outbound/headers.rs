//! Which headers pass: to a provider by allow-list, back to a client by deny-list.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};

use crate::domain::{AuthScheme, Provider};

/// A response header's value above this many bytes is dropped.
const MAX_VALUE_BYTES: usize = 8 * 1024;
/// Response headers beyond this many bytes of names and values together are dropped.
const MAX_TOTAL_BYTES: usize = 32 * 1024;

pub(super) const API_KEY: HeaderName = HeaderName::from_static("api-key");
pub(super) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
pub(super) const X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
pub(super) const OWN_USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("keywheel/", env!("CARGO_PKG_VERSION")));

/// Names of client headers that pass to a provider by default.
fn passes_by_default(name: &HeaderName) -> bool {
    if *name == CONTENT_TYPE || *name == ACCEPT || *name == USER_AGENT {
        return true;
    }
    matches!(
        name.as_str(),
        "anthropic-version"
            | "anthropic-beta"
            | "openai-beta"
            | "idempotency-key"
            | "http-referer"
            | "x-title"
            | "traceparent"
            | "tracestate"
    )
}

/// Credentials, cookies and what belongs to one connection: never sent on, whatever the settings say.
fn never_passes(name: &str) -> bool {
    is_hop_by_hop(name)
        || matches!(
            name,
            "authorization"
                | "proxy-authorization"
                | "api-key"
                | "x-api-key"
                | "x-goog-api-key"
                | "cookie"
                | "host"
                | "content-length"
                | "content-encoding"
                | "accept-encoding"
                | "expect"
                | "x-keywheel-debug"
        )
}

fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}

/// Names that every client sends and nobody misses: not worth telling when they are dropped. A cookie is.
fn dropped_without_mention(name: &str) -> bool {
    (name != "cookie" && never_passes(name))
        || matches!(
            name,
            "accept-language" | "x-request-id" | "x-real-ip" | "forwarded" | "via" | "priority" | "origin" | "referer"
        )
        || ["x-stainless-", "x-forwarded-", "x-keywheel-", "sec-"].iter().any(|prefix| name.starts_with(prefix))
}

/// What of a provider's settings touches headers, read once.
#[derive(Debug)]
pub(super) struct ProviderHeaders {
    pass: Vec<HeaderName>,
    added: Vec<(HeaderName, HeaderValue)>,
}

impl ProviderHeaders {
    /// Reads the settings; the error names the header that is none.
    pub(super) fn new(provider: &Provider) -> Result<Self, String> {
        let name_of = |name: &String| {
            HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| format!("`{name}` is not a header name"))
        };
        let mut pass = provider.pass_headers.iter().map(name_of).collect::<Result<Vec<_>, _>>()?;
        pass.retain(|name| !never_passes(name.as_str()));
        let mut added = Vec::with_capacity(provider.headers.len());
        for (name, value) in &provider.headers {
            let mut value = HeaderValue::from_str(value.trim())
                .map_err(|_| format!("the value of header `{name}` is not a header value"))?;
            value.set_sensitive(true);
            added.push((name_of(name)?, value));
        }
        Ok(ProviderHeaders { pass, added })
    }

    /// The headers of one request, and the names of the client's headers that were left out.
    pub(super) fn for_request(&self, client: &HeaderMap, extra: &[(HeaderName, HeaderValue)]) -> (HeaderMap, Vec<HeaderName>) {
        let mut headers = HeaderMap::with_capacity(16);
        let mut dropped = Vec::new();
        // What `Connection` names belongs to the client's own connection.
        let of_connection = |name: &HeaderName| {
            let lists = client.get_all(CONNECTION).iter().filter_map(|list| list.to_str().ok());
            lists.flat_map(|list| list.split(',')).any(|listed| listed.trim().eq_ignore_ascii_case(name.as_str()))
        };
        for (name, value) in client {
            if (passes_by_default(name) || self.pass.contains(name)) && !of_connection(name) {
                headers.append(name, value.clone());
            } else if !dropped_without_mention(name.as_str()) && dropped.last() != Some(name) {
                dropped.push(name.clone());
            }
        }
        for (name, value) in self.added.iter().chain(extra) {
            headers.insert(name, value.clone());
        }
        headers.insert(ACCEPT_ENCODING, IDENTITY);
        headers.entry(ACCEPT).or_insert(ANYTHING);
        headers.entry(USER_AGENT).or_insert(OWN_USER_AGENT);
        (headers, dropped)
    }
}

/// Names of a client's headers that do not pass to a provider and are worth mentioning: private ones and cookies.
/// [`super::Upstream::dropped_headers`] tells the same for a request that was sent.
pub fn dropped_client_headers(provider: &Provider, client: &HeaderMap) -> Vec<HeaderName> {
    ProviderHeaders::new(provider).map(|headers| headers.for_request(client, &[]).1).unwrap_or_default()
}

/// The headers of a client that pass to a provider, without what the provider's settings add: those may be secret.
pub fn passing_client_headers(provider: &Provider, client: &HeaderMap) -> HeaderMap {
    let pass = ProviderHeaders::new(provider).map(|headers| headers.pass).unwrap_or_default();
    let passes = |name: &HeaderName| passes_by_default(name) || pass.contains(name);
    client.iter().filter(|(name, _)| passes(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The header that carries a secret, and its value, marked sensitive. `None`: the scheme uses no header.
pub(super) fn auth_header(scheme: &AuthScheme, secret: &str) -> Result<Option<(HeaderName, HeaderValue)>, &'static str> {
    let (name, prefix) = match scheme {
        AuthScheme::Bearer => (AUTHORIZATION, "Bearer "),
        AuthScheme::ApiKey => (API_KEY, ""),
        AuthScheme::XApiKey => (X_API_KEY, ""),
        AuthScheme::XGoogApiKey => (X_GOOG_API_KEY, ""),
        AuthScheme::Query(_) | AuthScheme::None => return Ok(None),
    };
    let mut text = Vec::with_capacity(prefix.len() + secret.len());
    text.extend_from_slice(prefix.as_bytes());
    text.extend_from_slice(secret.as_bytes());
    let mut value =
        HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).map_err(|_| "the key's secret cannot be a header value")?;
    value.set_sensitive(true);
    Ok(Some((name, value)))
}

/// What of a provider's head may go on to a client.
///
/// Left out: hop-by-hop headers and those that `Connection` names, cookies, what tells of the provider's edge, account or
/// address, its own request id (see [`upstream_request_id`]), CORS and security policies, and oversize values.
/// `content-length` stays: whoever changes the body takes it away.
pub fn client_headers(upstream: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(upstream.len());
    let mut total = 0;
    for (name, value) in upstream {
        let size = name.as_str().len() + value.len();
        if stays_behind(name.as_str()) || value.len() > MAX_VALUE_BYTES || total + size > MAX_TOTAL_BYTES {
            continue;
        }
        total += size;
        headers.append(name, value.clone());
    }
    for listed in upstream.get_all(CONNECTION) {
        for name in listed.to_str().unwrap_or_default().split(',') {
            headers.remove(name.trim());
        }
    }
    headers
}

fn stays_behind(name: &str) -> bool {
    const PREFIXES: [&str; 6] = ["access-control-", "cf-", "x-amz", "x-envoy-", "x-ms-", "cross-origin-"];
    is_hop_by_hop(name)
        || matches!(
            name,
            "set-cookie"
                | "set-cookie2"
                | "date"
                | "server"
                | "via"
                | "alt-svc"
                | "strict-transport-security"
                | "content-security-policy"
                | "x-frame-options"
                | "x-xss-protection"
                | "x-powered-by"
                | "report-to"
                | "reporting-endpoints"
                | "nel"
                | "www-authenticate"
                | "location"
                | "content-location"
                | "refresh"
                | "openai-organization"
                | "openai-project"
                | "anthropic-organization-id"
                | "anthropic-workspace-id"
                | "x-request-id"
                | "apim-request-id"
                | "azureml-model-session"
                | "x-served-by"
                | "x-keywheel-debug"
        )
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The provider's own id of a request, under the names that providers use.
pub fn upstream_request_id(upstream: &HeaderMap) -> Option<&HeaderValue> {
    ["x-request-id", "request-id", "apim-request-id", "x-amzn-requestid", "cf-ray"]
        .iter()
        .find_map(|name| upstream.get(*name))
        .filter(|value| !value.is_empty() && value.len() <= 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_client_sees_content_and_nothing_of_the_account() {
        let upstream = map(&[
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("retry-after", "3"),
            ("x-ratelimit-remaining-requests", "9"),
            ("openai-processing-ms", "12"),
            ("connection", "close, X-Private"),
            ("x-private", "1"),
            ("set-cookie", "a=b"),
            ("openai-organization", "org-1"),
            ("openai-project", "proj-1"),
            ("x-request-id", "req-1"),
            ("alt-svc", "h3"),
            ("server", "cloudflare"),
            ("cf-ray", "1-FRA"),
            ("access-control-allow-origin", "*"),
            ("location", "http://10.0.0.1/"),
        ]);
        let expected =
            ["content-length", "content-type", "openai-processing-ms", "retry-after", "x-ratelimit-remaining-requests"];
        assert_eq!(names(&client_headers(&upstream)), expected);
        assert_eq!(upstream_request_id(&upstream).unwrap(), "req-1");
    }

    #[test]
    fn giant_values_are_dropped() {
        let mut upstream = map(&[("x-small", "1"), ("x-giant", &"g".repeat(MAX_VALUE_BYTES + 1))]);
        for at in 0..10 {
            let name = HeaderName::from_bytes(format!("x-large-{at}").as_bytes()).unwrap();
            upstream.insert(name, "l".repeat(MAX_VALUE_BYTES).parse().unwrap());
        }
        let headers = client_headers(&upstream);
        assert!(headers.contains_key("x-small") && !headers.contains_key("x-giant"));
        assert_eq!(headers.len(), 4, "one small value and as many large ones as fit");
    }

    #[test]
    fn a_secret_becomes_a_sensitive_value() {
        let (name, value) = auth_header(&AuthScheme::Bearer, "sk-1").unwrap().unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("authorization", "Bearer sk-1"));
        assert!(value.is_sensitive() && !format!("{value:?}").contains("sk-1"));
        assert!(auth_header(&AuthScheme::ApiKey, "a\nb").is_err());
        assert_eq!(auth_header(&AuthScheme::None, "sk-1"), Ok(None));
    }
}
