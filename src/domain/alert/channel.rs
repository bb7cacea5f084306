//! Where alerts are told.

use http::Uri;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::Severity;
use crate::domain::ids::AlertChannelId;
use crate::domain::validation::{InvalidField, invalid, list, name, within};

/// How a channel tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// JSON to any URL, signed with HMAC-SHA256.
    Webhook,
    /// A Slack incoming webhook.
    Slack,
    /// A bot of a Feishu or Lark group.
    Feishu,
    /// A robot of a DingTalk group.
    Dingtalk,
    /// A robot of a WeCom group.
    Wecom,
    /// E-mail by SMTP.
    Email,
}

impl ChannelKind {
    /// Every kind.
    pub const ALL: [ChannelKind; 6] = [
        ChannelKind::Webhook,
        ChannelKind::Slack,
        ChannelKind::Feishu,
        ChannelKind::Dingtalk,
        ChannelKind::Wecom,
        ChannelKind::Email,
    ];

    /// The name in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            ChannelKind::Webhook => "webhook",
            ChannelKind::Slack => "slack",
            ChannelKind::Feishu => "feishu",
            ChannelKind::Dingtalk => "dingtalk",
            ChannelKind::Wecom => "wecom",
            ChannelKind::Email => "email",
        }
    }

    /// The kind with a name.
    pub fn parse(name: &str) -> Option<Self> {
        ChannelKind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Whether and how the connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailSecurity {
    /// In the clear at first, encrypted before anything is said; the usual port is 587.
    #[default]
    Starttls,
    /// Encrypted from the first byte; the usual port is 465.
    Tls,
    /// Never, for a relay on this machine or in this network.
    None,
}

/// A mail server, and who writes to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailServer {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether and how the connection is encrypted.
    pub security: MailSecurity,
    /// Name to sign in with; `None`: nobody signs in.
    pub user: Option<String>,
    /// The sender's address.
    pub from: String,
    /// Addresses of those who are told.
    pub to: Vec<String>,
}

/// Hours of a day in which a channel is silent; what happens in them is told at their end, unless it is over by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// When they begin, in minutes after local midnight, 0 to 1439.
    pub from: u16,
    /// When they end, likewise; before `from` means on the next day.
    pub to: u16,
    /// IANA time zone.
    pub zone: String,
    /// Whether critical alerts are held back too.
    pub critical_too: bool,
}

/// Where alerts are told.
#[derive(Clone, Debug)]
pub struct AlertChannel {
    /// Row id.
    pub id: AlertChannelId,
    /// The operator's name for it, unique.
    pub name: String,
    /// How it tells.
    pub kind: ChannelKind,
    /// Where to, for all but e-mail. It may carry a secret.
    pub url: SecretString,
    /// What messages are signed with (webhook, Feishu, DingTalk), or the password of the mail server; empty: none.
    pub secret: SecretString,
    /// The mail server, for e-mail.
    pub mail: Option<MailServer>,
    /// Whether loopback and private addresses are allowed.
    pub allow_private: bool,
    /// When it is silent.
    pub quiet: Option<QuietHours>,
    /// It tells only of what matters at least so much.
    pub least: Severity,
    /// Attempts at most for one message, 1 to 20.
    pub attempts: u32,
    /// Wait after the first attempt that failed, in milliseconds; it doubles with each further one, to an hour at most.
    pub retry_ms: u64,
    /// Whether it tells anything.
    pub enabled: bool,
}

impl AlertChannel {
    /// Attempts where the operator does not say.
    pub const USUAL_ATTEMPTS: u32 = 10;
    /// First wait where the operator does not say, in milliseconds.
    pub const USUAL_RETRY_MS: u64 = 5_000;

    /// Checks every field but references to other rows.
    pub fn validate(&self) -> Result<(), InvalidField> {
        name("name", &self.name)?;
        match (&self.mail, self.kind) {
            (None, ChannelKind::Email) => return invalid("mail", "is needed for e-mail: host, from and to"),
            (Some(mail), ChannelKind::Email) => mail.validate()?,
            (Some(_), _) => return invalid("mail", "belongs to channels of the kind email only"),
            (None, _) => url(self.url.expose_secret())?,
        }
        if self.secret.expose_secret().len() > 1024 {
            return invalid("secret", "must be at most 1024 bytes");
        }
        if let Some(quiet) = &self.quiet {
            within("quiet.from", quiet.from.into(), 0, 1439)?;
            within("quiet.to", quiet.to.into(), 0, 1439)?;
            if quiet.from == quiet.to {
                return invalid("quiet.to", "must differ from quiet.from");
            }
            if jiff::tz::TimeZone::get(&quiet.zone).is_err() {
                return invalid("quiet.zone", "must be an IANA time zone such as Asia/Shanghai");
            }
        }
        within("attempts", self.attempts.into(), 1, 20)?;
        within("retry_ms", self.retry_ms, 100, 3_600_000)
    }

    /// The URL as it may be shown: no path, no query, nothing of a password.
    pub fn url_hint(&self) -> Option<String> {
        let uri: Uri = self.url.expose_secret().parse().ok()?;
        let host = uri.authority()?.as_str().rsplit('@').next()?;
        Some(format!("{}://{host}/…", uri.scheme_str()?))
    }
}

impl MailServer {
    fn validate(&self) -> Result<(), InvalidField> {
        name("mail.host", &self.host)?;
        within("mail.port", self.port.into(), 1, 65_535)?;
        if let Some(user) = &self.user {
            name("mail.user", user)?;
        }
        address("mail.from", &self.from)?;
        if self.to.is_empty() || self.to.len() > 50 {
            return invalid("mail.to", "must have 1 to 50 addresses");
        }
        list("mail.to", &self.to, |to| address("mail.to", to))
    }
}

fn address(field: &'static str, text: &str) -> Result<(), InvalidField> {
    name(field, text)?;
    let bare = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>'));
    match bare.split_once('@') {
        Some((local, host)) if !local.is_empty() && !host.is_empty() && !bare.contains(' ') => Ok(()),
        _ => invalid(field, "must be addresses such as ops@example.org"),
    }
}

fn url(text: &str) -> Result<(), InvalidField> {
    let parsed = text.parse::<Uri>().ok().filter(|uri| uri.authority().is_some() && text.len() <= 4096);
    match parsed.as_ref().and_then(Uri::scheme_str) {
        Some("http" | "https") => Ok(()),
        _ => invalid("url", "must be an absolute URL that begins with https:// or http://"),
    }
}
