//! Base URLs: one rule for calls, probes and model lists.

use std::fmt;

use http::Uri;

/// Where a provider is, normalised.
///
/// A bare host gets the path `/v1`; any other path is kept as it is; with `exact` nothing is added. A query is merged
/// with the client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    origin: String,
    path: String,
    query: Option<String>,
    exact: bool,
    given: String,
}

/// Why a text is no base URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// The text is no absolute `http` or `https` URL.
    #[error("is not an absolute URL such as https://api.openai.com/v1")]
    NotAbsolute,
    /// The scheme is neither `http` nor `https`.
    #[error("must begin with http:// or https://")]
    Scheme,
    /// Credentials stand in the URL.
    #[error("must not carry a user name or password; add the secret as a key instead")]
    Credentials,
}

impl BaseUrl {
    /// Reads a base URL as an operator writes it.
    pub fn parse(text: &str, exact: bool) -> Result<Self, BaseUrlError> {
        let uri: Uri = text.trim().parse().map_err(|_| BaseUrlError::NotAbsolute)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(BaseUrlError::NotAbsolute);
        };
        if scheme != "http" && scheme != "https" {
            return Err(BaseUrlError::Scheme);
        }
        if authority.as_str().contains('@') {
            return Err(BaseUrlError::Credentials);
        }
        if authority.host().is_empty() {
            return Err(BaseUrlError::NotAbsolute);
        }
        let path = uri.path().trim_end_matches('/');
        let path = if path.is_empty() && !exact { "/v1" } else { path };
        Ok(BaseUrl {
            origin: format!("{scheme}://{authority}"),
            path: path.to_owned(),
            query: uri.query().filter(|query| !query.is_empty()).map(str::to_owned),
            exact,
            given: text.trim().to_owned(),
        })
    }

    /// The text as the operator wrote it.
    pub fn as_given(&self) -> &str {
        &self.given
    }

    /// Whether nothing is added to a bare host.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The full URL of an API path. `path` begins with `/` and carries no version, such as `/chat/completions`;
    /// `query` is the client's own, without `?`. The base's query comes first.
    pub fn join(&self, path: &str, query: Option<&str>) -> String {
        let mut url = String::with_capacity(self.origin.len() + self.path.len() + path.len() + 64);
        url.push_str(&self.origin);
        url.push_str(&self.path);
        url.push_str(path);
        let parts = [self.query.as_deref(), query.filter(|query| !query.is_empty())];
        for (at, part) in parts.into_iter().flatten().enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            url.push_str(part);
        }
        url
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", self.origin, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(base: &str, exact: bool, query: Option<&str>) -> String {
        BaseUrl::parse(base, exact).unwrap().join("/chat/completions", query)
    }

    #[test]
    fn one_rule_for_every_base() {
        for base in ["https://h", "https://h/", "https://h/v1/", "https://h/v1"] {
            assert_eq!(chat(base, false, None), "https://h/v1/chat/completions");
        }
        assert_eq!(chat("https://h/api/paas/v4", false, None), "https://h/api/paas/v4/chat/completions");
        assert_eq!(chat("https://h/v1beta/openai/", false, None), "https://h/v1beta/openai/chat/completions");
        assert_eq!(chat("http://h:4010", true, None), "http://h:4010/chat/completions");
        assert_eq!(
            chat("https://h/api?api-version=2024-10-21", false, Some("a=b")),
            "https://h/api/chat/completions?api-version=2024-10-21&a=b"
        );
        assert_eq!(chat("https://h?x=1", false, None), "https://h/v1/chat/completions?x=1");
        assert_eq!(chat("https://h", false, Some("a=b")), "https://h/v1/chat/completions?a=b");
    }

    #[test]
    fn what_is_no_base_url() {
        for (text, error) in [
            ("api.openai.com/v1", BaseUrlError::NotAbsolute),
            ("/v1", BaseUrlError::NotAbsolute),
            ("", BaseUrlError::NotAbsolute),
            ("ftp://h/", BaseUrlError::Scheme),
            ("https://me:secret@h/", BaseUrlError::Credentials),
        ] {
            assert_eq!(BaseUrl::parse(text, false), Err(error), "{text}");
        }
    }
}
