//! The session's cookie: a random secret, of which only the hash is stored, and the proof against forged requests.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use poem::Request;
use poem::http::{HeaderValue, header};
use sha2::{Digest, Sha256};

use super::Caller;

/// The header that proves that a request was made by a page which could read [`csrf_token`].
pub(super) const CSRF_HEADER: &str = "x-csrf-token";

const NAME: &str = "keywheel_session";
/// Most cookies of that name that are looked at: several Keywheels may share a host.
const MOST: usize = 4;

/// The secrets in a request's session cookies.
pub(super) fn secrets(request: &Request) -> impl Iterator<Item = &str> {
    let texts = request.headers().get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, value)| *name == NAME && !value.is_empty()).map(|(_, value)| value).take(MOST)
}

/// What a write made with the cookie must carry: derived from the secret, which no script can read, and of no use to
/// learn it.
pub(in crate::admin) fn csrf_token(secret: &str) -> String {
    let digest = Sha256::new().chain_update("keywheel csrf\0").chain_update(secret).finalize();
    BASE64_URL_SAFE_NO_PAD.encode(digest)
}

/// Gives the client a session's secret until the browser forgets it or the session ends.
pub(in crate::admin) fn set_cookie(caller: &Caller, secret: &str) -> Option<HeaderValue> {
    cookie(caller, secret, super::LONGEST_MS / 1_000)
}

/// Takes it back.
pub(in crate::admin) fn clear_cookie(caller: &Caller) -> Option<HeaderValue> {
    cookie(caller, "", 0)
}

fn cookie(caller: &Caller, value: &str, max_age_s: i64) -> Option<HeaderValue> {
    let path = match caller.context().people.base_path.as_str() {
        "" => "/",
        base_path => base_path,
    };
    let secure = if caller.is_encrypted() { "; Secure" } else { "" };
    let text = format!("{NAME}={value}; Path={path}; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(text).ok()
}
