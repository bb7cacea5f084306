//! What broke an answer off once content was sent: what the client is told, and what it means.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::call::Call;
use super::error::ProxyError;
use crate::domain::{Retry, Verdict};
use crate::outbound::BodyError;
use crate::rotator::{Evidence, Lease, Trouble, classify, mask};

/// What broke an answer off.
pub(super) enum Interruption {
    /// The connection was cut, or the length was another than announced.
    BrokenOff(BodyError),
    /// The provider said nothing for this long.
    Silent(Duration),
    /// The provider sent an error behind content.
    ErrorEvent(Bytes),
    /// Keywheel ends.
    ShuttingDown,
}

impl Interruption {
    /// What the client is told, where the provider has not told it.
    pub fn error(&self) -> Option<ProxyError> {
        let (code, message) = match self {
            Interruption::BrokenOff(error) => {
                ("stream_interrupted", format!("The provider's answer broke off ({}). Send the call again.", error.cause))
            }
            Interruption::Silent(limit) => {
                let seconds = limit.as_secs_f32();
                ("upstream_idle", format!("The provider said nothing for {seconds} s. Send the call again."))
            }
            Interruption::ShuttingDown => ("shutting_down", "Keywheel is shutting down. Send the call again.".to_owned()),
            Interruption::ErrorEvent(_) => return None,
        };
        Some(ProxyError::upstream(StatusCode::BAD_GATEWAY, code, message))
    }

    /// Notes on the record what happened, and judges it; `None`: nobody is to blame.
    pub fn note(&self, call: &mut Call, lease: &Lease) -> Option<Verdict> {
        let verdict = self.verdict(call, lease);
        let (code, message) = match (self.error(), self, &verdict) {
            (Some(error), _, _) => (error.code.into(), error.message),
            (None, Interruption::ErrorEvent(words), Some(verdict)) => {
                (verdict.rule.clone(), mask(&String::from_utf8_lossy(words), lease.key()))
            }
            _ => return verdict,
        };
        call.record.error_code = Some(code);
        call.record.error_message = Some(message.clone());
        if let Some(verdict) = &verdict {
            call.close_attempt(verdict.clone(), Some(message));
        }
        verdict
    }

    fn verdict(&self, call: &Call, lease: &Lease) -> Option<Verdict> {
        let (trouble, body) = match self {
            Interruption::BrokenOff(_) => (Trouble::Broken, &b""[..]),
            Interruption::Silent(_) => (Trouble::Silent, &b""[..]),
            Interruption::ErrorEvent(words) => (Trouble::ErrorInside, &words[..]),
            Interruption::ShuttingDown => return None,
        };
        let settings = call.deps.snapshot.load().settings.clone();
        let evidence = Evidence {
            provider: lease.provider(),
            model: lease.model(),
            path: &call.record.path,
            status: Some(call.record.status),
            headers: &HeaderMap::new(),
            body,
            trouble: Some(trouble),
            added_stream_options: false,
            retry_sent_timeouts: false,
            now: call.deps.clock.now(),
        };
        Some(Verdict { retry: Retry::None, ..classify(&evidence, &settings.error_rules) })
    }
}
