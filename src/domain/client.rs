//! A client: an application or person that calls Keywheel with a token.

use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::ids::ClientId;
use super::money::Nanodollars;
use super::pattern::Pattern;
use super::time::{utc_day, utc_day_start, utc_month, utc_month_start};
use super::validation::InvalidField;

/// SHA-256 of a client token: all that is stored of it.
pub type TokenHash = [u8; 32];

/// A new token: `kw-` and 256 random bits.
pub fn new_token(random: [u8; 32]) -> String {
    format!("kw-{}", BASE64_URL_SAFE_NO_PAD.encode(random))
}

/// The hash of a token that an operator chose or a caller sent.
pub fn hash_token(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}

/// The part of a token that may be shown: its first characters, at most seven and at most a quarter of it.
///
/// An error when it is no token: 8 to 256 visible characters, spaces only inside.
pub fn token_hint(token: &str) -> Result<String, InvalidField> {
    let is_visible = token.bytes().all(|byte| matches!(byte, b' '..=b'~')) && token.trim().len() == token.len();
    if !is_visible || !(8..=256).contains(&token.len()) {
        let message = "must be 8 to 256 visible ASCII characters, with spaces only inside".to_owned();
        return Err(InvalidField { field: "token", message });
    }
    Ok(format!("{}…", &token[..(token.len() / 4).min(7)]))
}

/// Reads an address or a network, such as `203.0.113.9` or `10.0.0.0/8`; bits behind the prefix are cleared.
pub fn parse_ip_net(text: &str) -> Option<IpNet> {
    let text = text.trim();
    match text.parse::<IpAddr>() {
        Ok(ip) => Some(IpNet::from(ip.to_canonical())),
        Err(_) => text.parse::<IpNet>().ok().map(|net| net.trunc()),
    }
}

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
    /// Money in a UTC day.
    pub budget_day: Option<Nanodollars>,
    /// Money in a UTC calendar month.
    pub budget_month: Option<Nanodollars>,
    /// Money since the client was made.
    pub budget_total: Option<Nanodollars>,
    /// Tokens, input and output together, in a UTC day.
    pub tokens_day: Option<u64>,
    /// Tokens in a UTC calendar month.
    pub tokens_month: Option<u64>,
    /// Tokens since the client was made.
    pub tokens_total: Option<u64>,
    /// Percent of a budget, 1 to 100, at which it is reported as nearly used up; `None`: at 80.
    pub warn_percent: Option<u8>,
}

/// What a budget is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BudgetPeriod {
    /// A UTC day.
    Day,
    /// A UTC calendar month.
    Month,
    /// All time.
    Total,
}

impl BudgetPeriod {
    /// Every period, the shortest first.
    pub const ALL: [BudgetPeriod; 3] = [BudgetPeriod::Day, BudgetPeriod::Month, BudgetPeriod::Total];

    /// The number of the period that holds a wall-clock time in unix milliseconds; it rises with time.
    pub fn number(self, unix_ms: i64) -> i64 {
        match self {
            BudgetPeriod::Day => utc_day(unix_ms),
            BudgetPeriod::Month => utc_month(unix_ms),
            BudgetPeriod::Total => 0,
        }
    }

    /// When a period begins, in unix milliseconds; all time begins with 1970.
    pub fn start(self, number: i64) -> i64 {
        match self {
            BudgetPeriod::Day => utc_day_start(number),
            BudgetPeriod::Month => utc_month_start(number),
            BudgetPeriod::Total => 0,
        }
    }

    /// The name in the admin API.
    pub fn as_str(self) -> &'static str {
        match self {
            BudgetPeriod::Day => "day",
            BudgetPeriod::Month => "month",
            BudgetPeriod::Total => "total",
        }
    }
}

impl ClientLimits {
    /// The money of a period.
    pub fn money(&self, period: BudgetPeriod) -> Option<Nanodollars> {
        match period {
            BudgetPeriod::Day => self.budget_day,
            BudgetPeriod::Month => self.budget_month,
            BudgetPeriod::Total => self.budget_total,
        }
    }

    /// The tokens of a period.
    pub fn tokens(&self, period: BudgetPeriod) -> Option<u64> {
        match period {
            BudgetPeriod::Day => self.tokens_day,
            BudgetPeriod::Month => self.tokens_month,
            BudgetPeriod::Total => self.tokens_total,
        }
    }

    /// Whether any period has a budget in money.
    pub fn has_money_budget(&self) -> bool {
        BudgetPeriod::ALL.iter().any(|period| self.money(*period).is_some())
    }
}

/// A token that was replaced and is taken for a while yet, so that applications can change over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerToken {
    /// SHA-256 of it.
    pub hash: TokenHash,
    /// Unix milliseconds from which on it is refused.
    pub until_ms: i64,
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
    /// The token before, while it is still taken.
    pub former_token: Option<FormerToken>,
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
    /// An enabled client that may ask for everything without limits, not yet kept: its id is 0.
    pub fn new(name: impl Into<String>, token_hash: TokenHash, token_hint: impl Into<String>) -> Self {
        Self {
            id: ClientId(0),
            name: name.into(),
            token_hash,
            token_hint: token_hint.into(),
            former_token: None,
            tags: Vec::new(),
            models: None,
            key_tags: None,
            limits: ClientLimits::default(),
            expires_at: None,
            allow_ips: None,
            allow_debug: false,
            enabled: true,
        }
    }

    /// Whether the client's token has this hash at a wall-clock time in unix milliseconds: its token does, or the former one
    /// as long as it is taken.
    pub fn takes(&self, hash: &TokenHash, now_ms: i64) -> bool {
        let is = |own: &TokenHash| bool::from(own.ct_eq(hash));
        is(&self.token_hash) || self.former_token.as_ref().is_some_and(|former| is(&former.hash) && now_ms < former.until_ms)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_shows_little_of_itself() {
        let token = new_token([7; 32]);
        assert_eq!(token.len(), 46);
        assert_eq!(token_hint(&token).unwrap(), format!("{}…", &token[..7]));
        assert_eq!(token_hint("12345678").unwrap(), "12…");
        assert_eq!(token_hint("a pass phrase of mine").unwrap(), "a pas…");
        for bad in ["1234567", " 12345678", "12345678\t", "1234567é", &"x".repeat(257)] {
            assert_eq!(token_hint(bad).unwrap_err().field, "token", "{bad:?}");
        }
    }

    #[test]
    fn an_address_is_a_network_of_one() {
        let net = |text| parse_ip_net(text).map(|net| net.to_string());
        assert_eq!(net("203.0.113.9").as_deref(), Some("203.0.113.9/32"));
        assert_eq!(net("::ffff:203.0.113.9").as_deref(), Some("203.0.113.9/32"));
        assert_eq!(net(" 10.1.2.3/8 ").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(net("10.0.0.0/33"), None);
        assert_eq!(net("host"), None);
    }
}
