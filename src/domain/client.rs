//! A client: an application or person that calls Keywheel with a token.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

use super::ids::ClientId;
use super::money::Nanodollars;
use super::pattern::Pattern;

/// SHA-256 of a client token: all that is stored of it.
pub type TokenHash = [u8; 32];

/// Limits of one client. `None` is no limit; zero is none allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientLimits {
    /// Requests in any 60 seconds.
    pub rpm: Option<u64>,
    /// Tokens, estimated at admission and settled at the end, in any 60 seconds.
    pub tpm: Option<u64>,
    /// Calls in flight at once.
    pub concurrency: Option<u64>,
    /// Money in a UTC calendar month.
    pub budget_month: Option<Nanodollars>,
}

/// An application or person that calls Keywheel.
#[derive(Clone, Debug)]
pub struct Client {
    /// Row id.
    pub id: ClientId,
    /// The operator's name for it, unique.
    pub name: String,
    /// SHA-256 of its token.
    pub token_hash: TokenHash,
    /// First characters of the token, for recognition.
    pub token_hint: String,
    /// Labels that scripts can read.
    pub tags: Vec<String>,
    /// Models that it may ask for; `None` is every model, empty is none.
    pub models: Option<Vec<Pattern>>,
    /// Only keys with one of these tags serve it; `None` is every key.
    pub key_tags: Option<Vec<String>>,
    /// Its limits.
    pub limits: ClientLimits,
    /// Unix milliseconds after which its token is refused.
    pub expires_at: Option<i64>,
    /// Addresses that it may call from; `None` is anywhere.
    pub allow_ips: Option<Vec<IpNet>>,
    /// Whether `x-keywheel-debug: 1` tells it which key and provider served a call.
    pub allow_debug: bool,
    /// Whether it may call at all.
    pub enabled: bool,
}

impl Client {
    /// Whether the client may ask for a model by this name.
    pub fn may_ask(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.iter().any(|pattern| pattern.matches(model)))
    }

    /// Whether the client may call from this address. IPv4 addresses mapped into IPv6 count as IPv4.
    pub fn may_call_from(&self, ip: Option<IpAddr>) -> bool {
        let Some(allowed) = &self.allow_ips else { return true };
        let Some(ip) = ip else { return false };
        allowed.iter().any(|net| net.contains(&ip.to_canonical()))
    }
}
