//! Reading values out of text.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use ipnet::IpNet;

use super::ScriptWatching;
use crate::client_address::TrustedProxies;

/// Reads a duration: `500ms`, `10s`, `2m`, `1h`, or bare seconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_number(text)?;
    let millis_each = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(millis_each).map(Duration::from_millis)
}

/// Reads `events`, `off`, or a time between two looks.
pub(super) fn script_watching(text: &str) -> Option<ScriptWatching> {
    match text {
        "events" => Some(ScriptWatching::Events),
        "off" => Some(ScriptWatching::Off),
        _ => duration(text).filter(|every| every.as_millis() >= 50).map(ScriptWatching::Poll),
    }
}

/// Reads a number of bytes: `65536`, `64KiB`, `32MiB`, `1GiB`, or with `KB`, `MB`, `GB`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text)?;
    let each: u64 = match &*unit.to_ascii_lowercase() {
        "" | "b" => 1,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return None,
    };
    number.checked_mul(each)
}

fn split_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim()))
}

/// Reads `/kw`, also written `kw`, `kw/` or `/kw/`; `/` is none.
pub(super) fn base_path(text: &str) -> Option<String> {
    let inner = text.trim_matches('/');
    let fits = inner.split('/').all(|segment| {
        let plain = segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~'));
        plain && !segment.is_empty() && !matches!(segment, "." | "..")
    });
    let reserved = matches!(inner.split('/').next(), Some("v1" | "api"));
    match inner {
        "" => Some(String::new()),
        _ => (fits && !reserved).then(|| format!("/{inner}")),
    }
}

/// Adds an address, a network or `unix` to the trusted proxies.
pub(super) fn add_trusted_proxy(mut trusted: TrustedProxies, text: &str) -> Option<TrustedProxies> {
    if text == "unix" {
        trusted.unix = true;
    } else {
        let network =
            text.parse::<IpNet>().ok().or_else(|| text.parse().ok().map(|ip: std::net::IpAddr| ip.to_canonical().into()));
        trusted.networks.push(network?);
    }
    Some(trusted)
}

/// Reads a collector's URL, with or without `/v1/traces`; whoever has to be told a secret has headers for it.
pub(super) fn otlp_url(text: &str) -> Option<String> {
    const PATH: &str = "/v1/traces";
    let uri: Uri = text.parse().ok()?;
    let has_host = uri.host().is_some_and(|host| !host.is_empty()) && !uri.authority()?.as_str().contains('@');
    let fits = matches!(uri.scheme_str(), Some("http" | "https")) && has_host && uri.query().is_none();
    let base = text.trim_end_matches('/');
    fits.then(|| format!("{}{PATH}", base.strip_suffix(PATH).unwrap_or(base)))
}

/// Reads a header as `name=value`; the value is marked sensitive.
pub(super) fn header(text: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = text.split_once('=')?;
    let mut value = HeaderValue::from_str(value.trim()).ok()?;
    value.set_sensitive(true);
    Some((name.trim().parse().ok()?, value))
}

/// A token that can stand in a header: 8 to 256 visible characters, spaces inside allowed.
pub(super) fn is_token(text: &str) -> bool {
    let length = text.chars().count();
    (8..=256).contains(&length) && text.trim() == text && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_have_units() {
        assert_eq!(duration("10"), Some(Duration::from_secs(10)));
        assert_eq!(duration("1500ms"), Some(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Some(Duration::from_secs(3600)));
        assert_eq!(bytes("64KiB"), Some(65_536));
        assert_eq!(bytes("2 MB"), Some(2_000_000));
        assert_eq!(bytes("7"), Some(7));
        for text in ["", "s", "-1s", "1.5s", "1d", "99999999999999999999", "99999999999999999h"] {
            assert_eq!(duration(text), None, "{text}");
        }
        for text in ["", "MB", "-1", "1TB", "99999999999GiB"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn a_base_path_has_one_form() {
        for text in ["/kw", "kw", "kw/", "/kw/"] {
            assert_eq!(base_path(text).as_deref(), Some("/kw"));
        }
        assert_eq!(base_path("/").as_deref(), Some(""));
        assert_eq!(base_path("/a/b").as_deref(), Some("/a/b"));
        for text in ["/a b", "/a//b", "/..", "/v1", "/api/x", "/ä"] {
            assert_eq!(base_path(text), None, "{text}");
        }
    }

    #[test]
    fn proxies_are_networks_addresses_or_the_unix_socket() {
        let add = |text| add_trusted_proxy(TrustedProxies::default(), text);
        assert!(add("10.0.0.0/8").unwrap().trusts(Some("10.1.2.3".parse().unwrap())));
        assert!(add("::1").unwrap().trusts(Some("::1".parse().unwrap())));
        assert!(add("unix").unwrap().trusts(None));
        assert_eq!(add("10.0.0.0/33"), None);
        assert_eq!(add("everyone"), None);
    }
}
