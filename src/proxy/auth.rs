//! Who calls: a token, looked up by its hash, and what that client may do before anything else is read.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, StatusCode, header};
use sha2::{Digest, Sha256};

use super::error::ProxyError;
use crate::domain::{Client, Moment, Snapshot};

/// Finds the client that a request's token belongs to.
///
/// `Authorization: Bearer`, `api-key` and `x-api-key` work alike. The token is never compared as text: its SHA-256 is
/// looked up, so that time tells nothing about it.
pub(super) fn client(
    snapshot: &Snapshot,
    headers: &HeaderMap,
    ip: Option<IpAddr>,
    now: Moment,
) -> Result<Arc<Client>, ProxyError> {
    let token = token(headers).ok_or_else(|| {
        unauthorized("missing_token", "No token was sent. Send your Keywheel token as 'Authorization: Bearer kw-…'.")
    })?;
    let hash: [u8; 32] = Sha256::digest(token).into();
    let client = snapshot.client_by_token(&hash).ok_or_else(|| {
        unauthorized("invalid_token", "This token is not known here. Use a Keywheel client token, not a provider's API key.")
    })?;
    if !client.takes(&hash, now.unix_ms) {
        return Err(unauthorized("token_replaced", "This token was replaced. Ask the operator for the new one."));
    }
    may_call(client, ip, now)?;
    Ok(client.clone())
}

/// Whether a client may call at all, from this address and at this time.
pub(super) fn may_call(client: &Client, ip: Option<IpAddr>, now: Moment) -> Result<(), ProxyError> {
    if !client.enabled {
        return Err(unauthorized("client_disabled", "This client is disabled. Ask the operator to enable it."));
    }
    if client.expires_at.is_some_and(|at| at <= now.unix_ms) {
        return Err(unauthorized("token_expired", "This token has expired. Ask the operator for a new one."));
    }
    if !client.may_call_from(ip) {
        let message = "This token may not be used from your address. Ask the operator to add it to the client's allow_ips.";
        return Err(ProxyError::rejected(StatusCode::FORBIDDEN, "address_not_allowed", message));
    }
    Ok(())
}

fn token(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let value = value.as_bytes();
        let (scheme, token) = value.split_at_checked(7)?;
        return scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii()).filter(|token| !token.is_empty());
    }
    let value = headers.get("api-key").or_else(|| headers.get("x-api-key"))?;
    Some(value.as_bytes().trim_ascii()).filter(|token| !token.is_empty())
}

fn unauthorized(code: &'static str, message: &str) -> ProxyError {
    ProxyError::rejected(StatusCode::UNAUTHORIZED, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_headers_carry_a_token() {
        let with = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            token(&headers).map(|token| String::from_utf8_lossy(token).into_owned())
        };
        assert_eq!(with("authorization", "Bearer kw-1").as_deref(), Some("kw-1"));
        assert_eq!(with("authorization", "bearer My API Key").as_deref(), Some("My API Key"));
        assert_eq!(with("api-key", "kw-1").as_deref(), Some("kw-1"));
        assert_eq!(with("x-api-key", "kw-1").as_deref(), Some("kw-1"));
        for nothing in ["", "Bearer", "Bearer ", "Basic a2V5", "kw-1"] {
            assert_eq!(with("authorization", nothing), None, "{nothing}");
        }
    }
}
