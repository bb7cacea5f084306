//! An address to listen on.

use std::fmt;
use std::path::PathBuf;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `host:port`; port 0 is any free one.
    Tcp(String),
    /// A Unix socket's file.
    Unix(PathBuf),
}

impl ListenAddress {
    /// Reads `host:port`, `[::1]:port`, `:port` (every address) or `unix:/path`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return (!path.is_empty()).then(|| ListenAddress::Unix(path.into()));
        }
        let (host, port) = text.rsplit_once(':')?;
        port.parse::<u16>().ok()?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let plain = !host.contains([':', '/', ' ', '[', ']']);
        match host {
            "" | "*" => Some(ListenAddress::Tcp(format!("[::]:{port}"))),
            _ if bracketed || plain => Some(ListenAddress::Tcp(text.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Tcp(address) => out.write_str(address),
            ListenAddress::Unix(path) => write!(out, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_written() {
        for text in ["127.0.0.1:0", "[::1]:8484", "localhost:8484", "unix:/run/keywheel.sock"] {
            assert_eq!(ListenAddress::parse(text).map(|address| address.to_string()).as_deref(), Some(text));
        }
        assert_eq!(ListenAddress::parse(":80"), Some(ListenAddress::Tcp("[::]:80".to_owned())));
        for text in ["", "8484", "127.0.0.1", "host:99999", "host:x", "unix:", "http://a:1", "::1:80"] {
            assert_eq!(ListenAddress::parse(text), None, "{text}");
        }
    }
}
