//! One attempt to deliver a message, in the form that the receiver wants.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::message::{headline, text};
use crate::domain::{AlertChannel, AlertDelivery, AlertMessage, ChannelKind, Moment};
use crate::outbound::{Letter, MailError, Outbound, Webhook, WebhookError};

const EVENT: HeaderName = HeaderName::from_static("x-keywheel-event");
const DELIVERY: HeaderName = HeaderName::from_static("x-keywheel-delivery");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-keywheel-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("x-keywheel-signature");

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it.
    Delivered,
    /// It did not, or nobody can tell.
    Failed {
        /// Why. Names neither URL nor secret.
        error: String,
        /// Whether another attempt would fail the same way.
        is_final: bool,
    },
}

/// What the generic webhook posts.
#[derive(Serialize)]
struct Payload<'a> {
    delivery: i64,
    #[serde(flatten)]
    message: &'a AlertMessage,
}

/// Sends a message, once.
pub async fn send(outbound: &Outbound, channel: &AlertChannel, delivery: &AlertDelivery, now: Moment) -> Outcome {
    let message = &delivery.message;
    let seconds = now.unix_ms / 1000;
    let secret = channel.secret.expose_secret();
    let said = text(message);
    let body = match channel.kind {
        ChannelKind::Email => return mail(outbound, channel, message).await,
        ChannelKind::Webhook => json!(Payload { delivery: delivery.id, message }),
        ChannelKind::Slack => json!({ "text": said }),
        ChannelKind::Feishu => feishu(&said, secret, seconds),
        ChannelKind::Dingtalk | ChannelKind::Wecom => json!({ "msgtype": "text", "text": { "content": said } }),
    };
    let body = body.to_string();
    let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    if channel.kind == ChannelKind::Webhook {
        headers.push((EVENT, HeaderValue::from_static(message.event.as_str())));
        headers.push((DELIVERY, delivery.id.into()));
        headers.push((TIMESTAMP, seconds.into()));
        let signature = (!secret.is_empty()).then(|| signature(secret, seconds, &body));
        headers.extend(signature.and_then(|value| Some((SIGNATURE, HeaderValue::from_str(&value).ok()?))));
    }
    let url = match channel.kind {
        ChannelKind::Dingtalk => dingtalk_url(channel.url.expose_secret(), secret, now.unix_ms),
        _ => channel.url.expose_secret().to_owned(),
    };
    let webhook = Webhook { url: &url, headers: &headers, body: body.into(), allow_private: channel.allow_private };
    match outbound.post_webhook(webhook).await {
        Ok(answer) => judge(channel.kind, &answer),
        Err(error) => Outcome::Failed { is_final: is_final(&error), error: error.to_string() },
    }
}

async fn mail(outbound: &Outbound, channel: &AlertChannel, message: &AlertMessage) -> Outcome {
    let Some(server) = &channel.mail else {
        return Outcome::Failed { error: "the channel has no mail server".to_owned(), is_final: true };
    };
    let letter = Letter {
        server,
        password: &channel.secret,
        subject: &format!("[Keywheel] {}", headline(message)),
        body: text(message),
        allow_private: channel.allow_private,
    };
    match outbound.send_mail(letter).await {
        Ok(()) => Outcome::Delivered,
        Err(error) => Outcome::Failed {
            is_final: matches!(error, MailError::Refused(_) | MailError::Unsendable(_)),
            error: error.to_string(),
        },
    }
}

/// Whether the same message would be refused again. A receiver that is there but busy or broken takes it later.
fn is_final(error: &WebhookError) -> bool {
    match error {
        WebhookError::Timeout => false,
        WebhookError::Send(error) => {
            matches!(error.kind, crate::outbound::SendErrorKind::RefusedAddress | crate::outbound::SendErrorKind::Unsendable)
        }
        WebhookError::Status(status) => !status.is_server_error() && !matches!(status.as_u16(), 408 | 425 | 429),
    }
}

/// Feishu, DingTalk and WeCom say in the body of a 200 that they did not take a message. It may be a rate limit, so it is
/// tried again.
fn judge(kind: ChannelKind, answer: &Bytes) -> Outcome {
    let (code, words) = match kind {
        ChannelKind::Feishu => ("code", "msg"),
        ChannelKind::Dingtalk | ChannelKind::Wecom => ("errcode", "errmsg"),
        _ => return Outcome::Delivered,
    };
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    match answer[code].as_i64() {
        None | Some(0) => Outcome::Delivered,
        Some(code) => {
            let words: String = answer[words].as_str().unwrap_or_default().chars().take(200).collect();
            Outcome::Failed { error: format!("the receiver answered {code}: {words}"), is_final: false }
        }
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// The signature of a generic webhook: over the time too, so that a message cannot be sent again much later.
pub(super) fn signature(secret: &str, seconds: i64, body: &str) -> String {
    let mac = hmac(secret.as_bytes(), format!("{seconds}.{body}").as_bytes());
    let digits: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

/// Feishu signs nothing with a key made of the time and the secret.
fn feishu(said: &str, secret: &str, seconds: i64) -> Value {
    let mut body = json!({ "msg_type": "text", "content": { "text": said } });
    if !secret.is_empty() {
        let key = format!("{seconds}\n{secret}");
        body["timestamp"] = seconds.to_string().into();
        body["sign"] = BASE64_STANDARD.encode(hmac(key.as_bytes(), b"")).into();
    }
    body
}

/// DingTalk wants the signature in the query.
pub(super) fn dingtalk_url(url: &str, secret: &str, now_ms: i64) -> String {
    if secret.is_empty() {
        return url.to_owned();
    }
    let signature = BASE64_STANDARD.encode(hmac(secret.as_bytes(), format!("{now_ms}\n{secret}").as_bytes()));
    let escaped = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}timestamp={now_ms}&sign={escaped}")
}
