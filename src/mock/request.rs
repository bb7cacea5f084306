//! A request as the simulated provider saw it, to the byte.

use bytes::Bytes;
use serde::de::DeserializeOwned;

/// A request as it arrived: exact head, whole body.
#[derive(Clone, Debug)]
pub struct SeenRequest {
    /// The method.
    pub method: String,
    /// Path and query as they stood in the request line.
    pub target: String,
    /// Header lines in their order, names in their own spelling. Bytes that are no UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The whole head as bytes, request line and blank line included.
    pub head: Bytes,
    /// The body, without chunking.
    pub body: Bytes,
    /// Whether the body came in chunks.
    pub chunked: bool,
    /// The number of its connection, from 0.
    pub connection: u64,
    /// Its number on that connection, from 0.
    pub nth_on_connection: u64,
}

impl SeenRequest {
    /// The path without query, also of a whole URL, as a proxy is asked for one.
    pub fn path(&self) -> &str {
        let path = self.target.split('?').next().unwrap_or_default();
        match path.strip_prefix("http://") {
            Some(url) => url.find('/').map_or("/", |at| &url[at..]),
            None => path,
        }
    }

    /// The query without `?`.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// One parameter of the query, as it stands there.
    pub fn query_parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.query()?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The first value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All values of a header, whatever the case of its name.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The secret that it carries, under whichever scheme.
    pub fn secret(&self) -> Option<&str> {
        let bearer = || self.header("authorization")?.strip_prefix("Bearer ");
        bearer()
            .or_else(|| self.header("x-api-key"))
            .or_else(|| self.header("api-key"))
            .or_else(|| self.header("x-goog-api-key"))
            .or_else(|| self.query_parameter("key"))
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as text; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
