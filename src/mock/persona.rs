//! How a key or a model behaves, chosen by its name: `sk-mock-PERSONA-ACCOUNT`, or a model `mock-PERSONA-…`.

use serde_json::json;

use super::behaviour::{Behaviour, Ending};

/// A way to behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persona {
    Healthy,
    Slow,
    SlowFirst,
    RateLimited,
    Limited,
    Exhausted,
    Invalid,
    Denied,
    Region,
    TooLarge,
    Missing,
    Failing,
    Overloaded,
    Cut,
    Empty,
    ErrorEvent,
    Hang,
    Reset,
}

impl Persona {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "healthy" => Persona::Healthy,
            "slow" => Persona::Slow,
            "slowfirst" => Persona::SlowFirst,
            "429" => Persona::RateLimited,
            "limited" => Persona::Limited,
            "exhausted" => Persona::Exhausted,
            "invalid" => Persona::Invalid,
            "denied" => Persona::Denied,
            "region" => Persona::Region,
            "toolarge" => Persona::TooLarge,
            "missing" => Persona::Missing,
            "500" => Persona::Failing,
            "overloaded" => Persona::Overloaded,
            "cut" => Persona::Cut,
            "empty" => Persona::Empty,
            "errorevent" => Persona::ErrorEvent,
            "hang" => Persona::Hang,
            "reset" => Persona::Reset,
            _ => return None,
        })
    }

    /// The persona and the account of a secret. A secret of another form is healthy, and an account of its own.
    pub(super) fn of_secret(secret: &str) -> (Self, &str) {
        let Some(rest) = secret.strip_prefix("sk-mock-") else { return (Persona::Healthy, secret) };
        let (name, account) = rest.split_once('-').unwrap_or((rest, "1"));
        match Persona::named(name) {
            Some(persona) => (persona, account),
            None => (Persona::Healthy, rest),
        }
    }

    /// The persona in a model's name.
    pub(super) fn of_model(model: &str) -> Option<Self> {
        Persona::named(model.strip_prefix("mock-")?.split('-').next()?)
    }

    /// The refusal that this persona answers every call with; `None`: it answers.
    pub(super) fn refusal(self, secret: &str, model: &str) -> Option<Refusal> {
        let refusal = |status, kind, code, message: String| Some(Refusal { status, kind, code, message, retry_after: None });
        match self {
            Persona::RateLimited => Some(Refusal::rate_limit(2, model)),
            Persona::Exhausted => refusal(
                429,
                "insufficient_quota",
                "insufficient_quota",
                "You exceeded your current quota, please check your plan and billing details.".to_owned(),
            ),
            Persona::Invalid => refusal(
                401,
                "invalid_request_error",
                "invalid_api_key",
                format!("Incorrect API key provided: {}. You can find your API key on the account page.", masked(secret)),
            ),
            Persona::Denied => refusal(
                403,
                "invalid_request_error",
                "insufficient_permissions",
                "You have insufficient permissions for this operation. Missing scopes: model.request.".to_owned(),
            ),
            Persona::Region => refusal(
                403,
                "request_forbidden",
                "unsupported_country_region_territory",
                "Country, region, or territory not supported".to_owned(),
            ),
            Persona::TooLarge => refusal(
                429,
                "tokens",
                "rate_limit_exceeded",
                format!("Request too large for {model} in organization on tokens per min (TPM): Limit 30000, Requested 36055."),
            ),
            Persona::Missing => refusal(
                404,
                "invalid_request_error",
                "model_not_found",
                format!("The model `{model}` does not exist or you do not have access to it."),
            ),
            Persona::Failing => refusal(
                500,
                "server_error",
                "server_error",
                "The server had an error while processing your request. Sorry about that!".to_owned(),
            ),
            Persona::Overloaded => refusal(529, "overloaded_error", "overloaded", "Overloaded".to_owned()),
            _ => None,
        }
    }

    /// The answer as a persona that breaks off gives it.
    pub(super) fn spoil(self, behaviour: Behaviour) -> Behaviour {
        match self {
            Persona::Cut => {
                let length = behaviour.to_bytes().len();
                behaviour.cut_after(length * 3 / 5).ending(Ending::Reset)
            }
            Persona::Hang => Behaviour::hang(),
            Persona::Reset => Behaviour::reset(),
            _ => behaviour,
        }
    }
}

/// A secret as providers show it in an error: its ends.
fn masked(secret: &str) -> String {
    let characters: Vec<char> = secret.chars().collect();
    match characters.len() {
        0..12 => "*".repeat(characters.len()),
        length => characters[..8].iter().chain(&['*'; 8]).chain(&characters[length - 4..]).collect(),
    }
}

/// An error as a provider words it.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) retry_after: Option<u64>,
}

impl Refusal {
    pub(super) fn request(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Refusal { status, kind: "invalid_request_error", code, message: message.into(), retry_after: None }
    }

    pub(super) fn rate_limit(seconds: u64, model: &str) -> Self {
        Refusal {
            status: 429,
            kind: "requests",
            code: "rate_limit_exceeded",
            message: format!(
                "Rate limit reached for {model} on requests per min (RPM): Limit 5, Used 5, Requested 1. Please try again in {seconds}s."
            ),
            retry_after: Some(seconds),
        }
    }

    /// The error's body in the shape of the API that was called.
    pub(super) fn body(&self, anthropic: bool) -> serde_json::Value {
        if !anthropic {
            return json!({ "error": { "message": self.message, "type": self.kind, "param": null, "code": self.code } });
        }
        let kind = match (self.status, self.code) {
            (_, "insufficient_quota") => "billing_error",
            (401, _) => "authentication_error",
            (403, _) => "permission_error",
            (404, _) => "not_found_error",
            (413, _) => "request_too_large",
            (429, _) => "rate_limit_error",
            (529, _) => "overloaded_error",
            (500.., _) => "api_error",
            _ => "invalid_request_error",
        };
        json!({ "type": "error", "error": { "type": kind, "message": self.message } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose() {
        assert_eq!(Persona::of_secret("sk-mock-healthy-1"), (Persona::Healthy, "1"));
        assert_eq!(Persona::of_secret("sk-mock-429-org-b"), (Persona::RateLimited, "org-b"));
        assert_eq!(Persona::of_secret("sk-mock-cut"), (Persona::Cut, "1"));
        assert_eq!(Persona::of_secret("sk-mock-7"), (Persona::Healthy, "7"));
        assert_eq!(Persona::of_secret("anything"), (Persona::Healthy, "anything"));
        assert_eq!(Persona::of_model("mock-slow-gpt"), Some(Persona::Slow));
        assert_eq!(Persona::of_model("gpt-4o"), None);
    }

    #[test]
    fn a_secret_is_shown_by_its_ends() {
        assert_eq!(masked("sk-mock-invalid-1"), "sk-mock-********id-1");
        assert_eq!(masked("short"), "*****");
    }
}
