//! A browser says on which site a request was made; a write made on another site is refused.

use poem::Request;
use poem::http::uri::Authority;
use poem::http::{StatusCode, header};

use crate::admin::error::ApiError;

/// Refuses a request whose `Origin` is not the host that it was sent to. Programs send no `Origin`.
pub(super) fn check(request: &Request) -> Result<(), ApiError> {
    let mut origins = request.headers().get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return Ok(()) };
    // HTTP/2 names the host in the target.
    let host = request.header(header::HOST).or_else(|| request.uri().authority().map(Authority::as_str));
    let is_own = origins.next().is_none() && origin.to_str().ok().zip(host).is_some_and(|(origin, host)| is_same(origin, host));
    if is_own {
        return Ok(());
    }
    let message = "the request was made on another site. If a reverse proxy stands in front, it must pass on the Host header, \
                   or name it in X-Forwarded-Host and be one of trusted_proxies";
    Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", message))
}

/// Whether `https://host:port` and `host:port` name the same place. The scheme is not compared: a proxy that ends TLS need
/// not be declared for that.
fn is_same(origin: &str, host: &str) -> bool {
    let (default_port, authority) = if let Some(authority) = origin.strip_prefix("https://") {
        (443, authority)
    } else if let Some(authority) = origin.strip_prefix("http://") {
        (80, authority)
    } else {
        return false;
    };
    let parse = |text: &str| text.parse::<Authority>().ok().filter(|authority| !authority.as_str().contains('@'));
    let (Some(origin), Some(host)) = (parse(authority), parse(host)) else { return false };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    origin.host().eq_ignore_ascii_case(host.host()) && port(&origin) == port(&host)
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn an_origin_is_own_when_it_names_the_host() {
        for (origin, host) in [
            ("http://127.0.0.1:8484", "127.0.0.1:8484"),
            ("https://kw.example.com", "kw.example.com"),
            ("https://KW.example.com", "kw.Example.com:443"),
            ("http://kw.example.com:80", "kw.example.com"),
            ("http://[::1]:8484", "[::1]:8484"),
        ] {
            assert!(is_same(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("null", "null"),
            ("https://evil.example", "kw.example.com"),
            ("https://kw.example.com.evil.example", "kw.example.com"),
            ("https://kw.example.com@evil.example", "kw.example.com"),
            ("https://kw.example.com", "kw.example.com@evil.example"),
            ("http://127.0.0.1:8485", "127.0.0.1:8484"),
            ("http://kw.example.com", "kw.example.com:443"),
            ("kw.example.com", "kw.example.com"),
            ("file://kw.example.com", "kw.example.com"),
            ("https://", "kw.example.com"),
        ] {
            assert!(!is_same(origin, host), "{origin} {host}");
        }
    }
}
