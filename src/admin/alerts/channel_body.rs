//! Alert channels as the API shows and takes them. No answer shows a secret, and a URL is one.

use poem_openapi::Object;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::admin::wire::{bodies, example, map, required, set, set_or, set_or_remove, try_map};
use crate::domain::{
    AlertChannel, AlertChannelId, ChannelKind, InvalidField, MailSecurity, MailServer, QuietHours, Severity, to_rfc3339,
};
use crate::store::Stored;

/// A mail server, and who writes to whom.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "MailServer")]
pub(super) struct MailBody {
    /// Name or address of the server.
    host: String,
    /// Port.
    port: u16,
    /// `starttls` (usual port 587), `tls` (465), or `none` for a relay on this machine or in this network.
    #[serde(default)]
    #[oai(default)]
    security: MailSecurity,
    /// Name to sign in with; null: nobody signs in. Its password is the channel's `secret`.
    #[serde(default)]
    #[oai(nullable)]
    user: Option<String>,
    /// The sender's address.
    from: String,
    /// Addresses of those who are told.
    to: Vec<String>,
}

/// Hours of a day in which a channel is silent.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "QuietHours")]
pub(super) struct QuietBody {
    /// When they begin, such as `22:00`.
    from: String,
    /// When they end, such as `07:00`; before `from` means on the next day.
    to: String,
    /// IANA time zone, such as `Asia/Shanghai`.
    zone: String,
    /// Whether critical alerts are held back too.
    #[serde(default)]
    #[oai(default)]
    critical_too: bool,
}

bodies! {
    /// A channel to be made.
    create AlertChannelCreate;
    /// What to change of a channel.
    change AlertChannelChange;
    required {
        /// Name, unique.
        name: String,
        /// How it tells.
        kind: ChannelKind,
    }
    optional {
        /// Where to: an absolute URL, for all kinds but `email`. No answer shows it.
        url: String,
        /// What messages are signed with (`webhook`, `feishu`, `dingtalk`), or the password of the mail server. No answer shows
        /// it.
        secret: String,
        /// The mail server, for `email`.
        mail: MailBody,
        /// Whether loopback and private addresses are allowed.
        allow_private: bool,
        /// When it is silent; what happens then is told afterwards, unless it is over. Null: never.
        quiet: QuietBody,
        /// It tells only of what matters at least so much.
        least: Severity,
        /// Attempts at most for one message, 1 to 20; null is 10.
        attempts: u32,
        /// Milliseconds to wait after the first attempt that failed; it doubles with each further one. Null is 5000.
        retry_ms: u64,
        /// Whether it tells anything.
        enabled: bool,
    }
}

example!(AlertChannelCreate, {
    "name": "ops", "kind": "webhook", "url": "https://example.org/hooks/keywheel", "secret": "a long secret",
    "quiet": { "from": "22:00", "to": "07:00", "zone": "Asia/Shanghai" },
});
example!(AlertChannelChange, { "quiet": null, "least": "critical" });

impl AlertChannelChange {
    pub(super) fn create(self) -> Result<AlertChannel, InvalidField> {
        let mut channel = AlertChannel {
            id: AlertChannelId(0),
            name: String::new(),
            kind: ChannelKind::Webhook,
            url: SecretString::default(),
            secret: SecretString::default(),
            mail: None,
            allow_private: false,
            quiet: None,
            least: Severity::Warning,
            attempts: AlertChannel::USUAL_ATTEMPTS,
            retry_ms: AlertChannel::USUAL_RETRY_MS,
            enabled: true,
        };
        self.apply(&mut channel)?;
        Ok(channel)
    }

    pub(super) fn apply(self, channel: &mut AlertChannel) -> Result<(), InvalidField> {
        channel.name = required("name", self.name)?.unwrap_or_else(|| std::mem::take(&mut channel.name));
        channel.kind = required("kind", self.kind)?.unwrap_or(channel.kind);
        set(&mut channel.url, map(self.url, SecretString::from));
        set(&mut channel.secret, map(self.secret, SecretString::from));
        set_or_remove(&mut channel.mail, map(self.mail, MailServer::from));
        set(&mut channel.allow_private, self.allow_private);
        set_or_remove(&mut channel.quiet, try_map(self.quiet, QuietHours::try_from)?);
        set_or(&mut channel.least, self.least, Severity::Warning);
        set_or(&mut channel.attempts, self.attempts, AlertChannel::USUAL_ATTEMPTS);
        set_or(&mut channel.retry_ms, self.retry_ms, AlertChannel::USUAL_RETRY_MS);
        set_or(&mut channel.enabled, self.enabled, true);
        Ok(())
    }
}

impl From<MailBody> for MailServer {
    fn from(body: MailBody) -> Self {
        let MailBody { host, port, security, user, from, to } = body;
        MailServer { host, port, security, user, from, to }
    }
}

impl From<&MailServer> for MailBody {
    fn from(mail: &MailServer) -> Self {
        let MailServer { host, port, security, user, from, to } = mail.clone();
        MailBody { host, port, security, user, from, to }
    }
}

impl TryFrom<QuietBody> for QuietHours {
    type Error = InvalidField;

    fn try_from(body: QuietBody) -> Result<Self, InvalidField> {
        Ok(QuietHours {
            from: minute("quiet.from", &body.from)?,
            to: minute("quiet.to", &body.to)?,
            zone: body.zone,
            critical_too: body.critical_too,
        })
    }
}

impl From<&QuietHours> for QuietBody {
    fn from(quiet: &QuietHours) -> Self {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        QuietBody { from: clock(quiet.from), to: clock(quiet.to), zone: quiet.zone.clone(), critical_too: quiet.critical_too }
    }
}

/// Minutes after midnight.
fn minute(field: &'static str, text: &str) -> Result<u16, InvalidField> {
    let read = |text: &str| -> Option<u16> {
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    read(text).ok_or(InvalidField { field, message: "must be a time of day such as 22:00".to_owned() })
}

/// A channel: where alerts are told.
#[derive(Object)]
#[oai(rename = "AlertChannel", example)]
pub(super) struct AlertChannelBody {
    /// Id.
    pub(super) id: i64,
    /// Version, as in `ETag`.
    version: i64,
    /// When it was last changed.
    updated_at: String,
    /// Name.
    name: String,
    /// How it tells.
    kind: ChannelKind,
    /// Scheme and host of its URL.
    #[oai(nullable)]
    url_hint: Option<String>,
    /// Whether it has a secret.
    has_secret: bool,
    /// The mail server, for `email`.
    #[oai(nullable)]
    mail: Option<MailBody>,
    /// Whether loopback and private addresses are allowed.
    allow_private: bool,
    /// When it is silent.
    #[oai(nullable)]
    quiet: Option<QuietBody>,
    /// It tells only of what matters at least so much.
    least: Severity,
    /// Attempts at most for one message.
    attempts: u32,
    /// Milliseconds to wait after the first attempt that failed.
    retry_ms: u64,
    /// Whether it tells anything.
    enabled: bool,
}

impl From<&Stored<AlertChannel>> for AlertChannelBody {
    fn from(row: &Stored<AlertChannel>) -> Self {
        let channel = &*row.value;
        AlertChannelBody {
            id: channel.id.0,
            version: row.version,
            updated_at: to_rfc3339(row.updated_ms),
            name: channel.name.clone(),
            kind: channel.kind,
            url_hint: channel.url_hint(),
            has_secret: !channel.secret.expose_secret().is_empty(),
            mail: channel.mail.as_ref().map(MailBody::from),
            allow_private: channel.allow_private,
            quiet: channel.quiet.as_ref().map(QuietBody::from),
            least: channel.least,
            attempts: channel.attempts,
            retry_ms: channel.retry_ms,
            enabled: channel.enabled,
        }
    }
}

example!(AlertChannelBody, {
    "id": 1, "version": 1, "updated_at": "2026-11-25T10:00:00Z", "name": "ops", "kind": "webhook",
    "url_hint": "https://example.org/…", "has_secret": true, "mail": null, "allow_private": false,
    "quiet": { "from": "22:00", "to": "07:00", "zone": "Asia/Shanghai", "critical_too": false }, "least": "warning",
    "attempts": 10, "retry_ms": 5000, "enabled": true,
});

/// A page of channels.
#[derive(Object)]
pub(super) struct AlertChannelPage {
    /// The channels.
    pub(super) channels: Vec<AlertChannelBody>,
    /// Where the next page begins; null: this is the last.
    #[oai(nullable)]
    pub(super) next_cursor: Option<String>,
}
