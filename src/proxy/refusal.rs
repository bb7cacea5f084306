//! What a client is told when the attempts of a call came to nothing.
//!
//! A provider's words about the request go back as they are. Its words about a key stay here: they may hold pieces of it.

use http::StatusCode;

use super::attempt::Failure;
use super::error::ProxyError;
use super::forward::{Ended, blames_key};
use super::plan::Plan;
use crate::domain::{Class, Outcome, Verdict};
use crate::rotator::PickError;

/// When a client may call again, where keys are left that were not tried.
const OTHERS_ARE_READY_MS: u64 = 1_000;

/// The answer when no key is left, by why there is none.
pub(super) fn without_key(plan: &Plan, error: &PickError) -> ProxyError {
    let model = plan.asked.as_deref().unwrap_or("this call");
    match *error {
        PickError::NoKey | PickError::AllTried => no_available_key(model),
        PickError::Resting { retry_after_ms } => {
            let message = format!("Every key for '{model}' rests. Try again in {} s.", retry_after_ms.div_ceil(1000));
            ProxyError::no_key(StatusCode::TOO_MANY_REQUESTS, "all_keys_resting", message).with_retry_after(retry_after_ms)
        }
        PickError::BreakerOpen { retry_after_ms, .. } => {
            let message = "The provider fails for every key at the moment. Try again shortly.";
            ProxyError::upstream(StatusCode::SERVICE_UNAVAILABLE, "provider_unavailable", message)
                .with_retry_after(retry_after_ms)
        }
        PickError::TooLarge { limit } => {
            let limit = limit.map(|limit| format!(" of {limit} tokens")).unwrap_or_default();
            let message = format!("The call is larger than the limit{limit} of every key for '{model}'. Send a shorter one.");
            ProxyError::no_key(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
        }
        PickError::OwnerResting { retry_after_ms } => {
            let message = "The account that owns this object rests, and no other can serve it. Try again later.";
            ProxyError::no_key(StatusCode::TOO_MANY_REQUESTS, "owner_resting", message).with_retry_after(retry_after_ms)
        }
        PickError::OwnerGone => {
            let message = "No key is left of the account that owns this object. Ask the operator to add one.";
            ProxyError::no_key(StatusCode::SERVICE_UNAVAILABLE, "owner_unavailable", message)
        }
        PickError::ModelUnknown => {
            let message = format!("The provider does not know the model '{model}', or none of the keys may use it.");
            ProxyError::rejected(StatusCode::NOT_FOUND, "model_not_found", message).with_param("model")
        }
    }
}

/// The answer after a failure with which the call ends. `wait_ms`: until the first key is ready, when all of them rest and one
/// of them was too fast.
pub(super) fn after(plan: &Plan, failure: Failure, verdict: &Verdict, wait_ms: Option<u64>) -> Ended {
    if blames_key(verdict) {
        let error = match (verdict.class, wait_ms) {
            (_, Some(retry_after_ms)) => PickError::Resting { retry_after_ms },
            (Class::RateLimit, None) => PickError::Resting { retry_after_ms: OTHERS_ARE_READY_MS },
            (Class::ModelNotFound, None) => PickError::ModelUnknown,
            (_, None) => PickError::NoKey,
        };
        return Ended::Refused(without_key(plan, &error));
    }
    let outcome = match verdict.class {
        Class::Request | Class::NotFound | Class::TooLarge | Class::AddedMember => Outcome::RequestError,
        _ => Outcome::UpstreamError,
    };
    match failure {
        Failure::Status { .. } if verdict.class == Class::Region => Ended::Refused(ProxyError::upstream(
            StatusCode::BAD_GATEWAY,
            "provider_refuses_region",
            "The provider does not serve the region that Keywheel calls from. Ask the operator to set the provider's proxy.",
        )),
        Failure::Status { head, body } => Ended::Verbatim { head, body, outcome },
        failure => Ended::Refused(upstream_error(&failure)),
    }
}

fn upstream_error(failure: &Failure) -> ProxyError {
    let (status, code, message) = match failure {
        Failure::FirstByteTimeout => {
            (StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", "The provider did not answer in time. Try again.")
        }
        Failure::AnswerTimeout => (
            StatusCode::GATEWAY_TIMEOUT,
            "upstream_timeout",
            "The provider's answer was not complete in time. It was not asked again, since it may still be working on it.",
        ),
        Failure::Redirect(_) => (
            StatusCode::BAD_GATEWAY,
            "upstream_redirect",
            "The provider answered with a redirect, which is not followed. Ask the operator to check its base URL.",
        ),
        Failure::Send(_) => (StatusCode::BAD_GATEWAY, "upstream_unreachable", "The provider could not be reached. Try again."),
        Failure::Empty(_) => (StatusCode::BAD_GATEWAY, "upstream_empty", "The provider's answer was empty. Try again."),
        _ => (StatusCode::BAD_GATEWAY, "upstream_error", "The provider failed. Try again."),
    };
    ProxyError::upstream(status, code, message)
}

fn no_available_key(model: &str) -> ProxyError {
    let message = format!("No key is available for '{model}'. Ask the operator to check the keys.");
    ProxyError::no_key(StatusCode::SERVICE_UNAVAILABLE, "no_available_key", message)
}
