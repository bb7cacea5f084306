//! What a provider's answer to a probe says about the key.

use http::StatusCode;

use super::probe::ProbeVerdict;
use super::question::Answer;

/// Judges an answer by status and words. The caller's classifier may know more: it gets the same evidence.
pub(super) fn judge(answer: &Answer) -> ProbeVerdict {
    let words = String::from_utf8_lossy(&answer.body[..answer.body.len().min(64 * 1024)]).to_ascii_lowercase();
    let says = |needles: &[&str]| needles.iter().any(|needle| words.contains(needle));
    let out_of_quota =
        || says(&["insufficient_quota", "billing_hard_limit", "billing_not_active", "insufficient balance", "credit balance"]);
    let dead_key = || {
        says(&["api_key_invalid", "invalid_api_key", "invalid api key", "api key not valid", "incorrect api key"])
            || says(&["deactivated", "suspended", "key has been disabled", "key is disabled", "revoked"])
    };
    match answer.status {
        status if status.is_success() && !holds_an_error(&answer.body) => ProbeVerdict::Valid,
        status if status.is_success() => ProbeVerdict::ProviderTrouble,
        StatusCode::PAYMENT_REQUIRED => ProbeVerdict::NoQuota,
        StatusCode::TOO_MANY_REQUESTS if out_of_quota() => ProbeVerdict::NoQuota,
        StatusCode::TOO_MANY_REQUESTS => ProbeVerdict::RateLimited,
        StatusCode::UNAUTHORIZED if says(&["missing scopes", "insufficient permissions"]) => ProbeVerdict::NoAccess,
        StatusCode::UNAUTHORIZED => ProbeVerdict::Invalid,
        StatusCode::FORBIDDEN if says(&["unsupported_country", "not available in your", "location is not supported"]) => {
            ProbeVerdict::ProviderTrouble
        }
        StatusCode::FORBIDDEN if dead_key() => ProbeVerdict::Invalid,
        StatusCode::FORBIDDEN if out_of_quota() => ProbeVerdict::NoQuota,
        StatusCode::FORBIDDEN => ProbeVerdict::NoAccess,
        StatusCode::BAD_REQUEST if dead_key() => ProbeVerdict::Invalid,
        StatusCode::BAD_REQUEST if out_of_quota() => ProbeVerdict::NoQuota,
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT => ProbeVerdict::ProviderTrouble,
        status if status.is_server_error() => ProbeVerdict::ProviderTrouble,
        _ => ProbeVerdict::CannotTell,
    }
}

/// Whether a 200 carries an error instead of an answer.
fn holds_an_error(body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct MayFail {
        error: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<MayFail>(body).is_ok_and(|answer| answer.error.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, body: &'static str) -> ProbeVerdict {
        judge(&Answer { status: StatusCode::from_u16(status).unwrap(), headers: Default::default(), body: body.into() })
    }

    #[test]
    fn answers_and_what_they_say() {
        use ProbeVerdict::*;
        for (status, body, expected) in [
            (200, r#"{"data":[]}"#, Valid),
            (200, r#"{"choices":[],"error":null}"#, Valid),
            (200, r#"{"error":{"message":"overloaded"}}"#, ProviderTrouble),
            (401, r#"{"error":{"code":"invalid_api_key"}}"#, Invalid),
            (401, "", Invalid),
            (401, "You have insufficient permissions for this operation. Missing scopes: model.read", NoAccess),
            (400, r#"[{"error":{"status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#, Invalid),
            (400, r#"{"error":{"message":"unknown field"}}"#, CannotTell),
            (400, r#"{"error":{"message":"Your credit balance is too low"}}"#, NoQuota),
            (402, "", NoQuota),
            (403, "Your account was suspended", Invalid),
            (403, r#"{"error":{"code":"unsupported_country_region_territory"}}"#, ProviderTrouble),
            (403, "not for you", NoAccess),
            (404, "", CannotTell),
            (405, "", CannotTell),
            (302, "", CannotTell),
            (422, "", CannotTell),
            (429, r#"{"error":{"code":"insufficient_quota"}}"#, NoQuota),
            (429, "slow down", RateLimited),
            (500, "", ProviderTrouble),
            (529, "", ProviderTrouble),
        ] {
            assert_eq!(verdict(status, body), expected, "{status} {body}");
        }
    }
}
