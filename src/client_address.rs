//! Who is calling: the client's address behind reverse proxies, by one rule for the log, limits, hooks and cookies.
//!
//! Nobody is trusted by default. When the peer is trusted, `X-Forwarded-For` is read from the right and the first hop
//! that is not trusted counts: whatever stands left of it was written by a stranger.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

/// Reverse proxies whose forwarding headers are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    /// Networks that they call from.
    pub networks: Vec<IpNet>,
    /// Whether peers on a Unix socket are trusted.
    pub unix: bool,
}

impl TrustedProxies {
    /// Whether a peer is a trusted proxy; `None` is a peer on a Unix socket.
    pub fn trusts(&self, peer: Option<IpAddr>) -> bool {
        peer.map_or(self.unix, |ip| self.networks.iter().any(|network| network.contains(&ip.to_canonical())))
    }
}

/// The address of the client, IPv4 in its canonical form; `None` is an unnamed client on a Unix socket.
///
/// `peer` is the address at the other end of the socket, `None` for a Unix socket.
pub fn client_address(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &TrustedProxies) -> Option<IpAddr> {
    let peer = peer.map(|ip| ip.to_canonical());
    if !trusted.trusts(peer) {
        return peer;
    }
    let mut nearest = peer;
    for value in headers.get_all("x-forwarded-for").iter().rev() {
        for hop in value.to_str().unwrap_or_default().rsplit(',') {
            // A hop that cannot be read ends the chain: nothing left of it can be vouched for.
            let Some(hop) = parse_hop(hop.trim()) else { return nearest };
            nearest = Some(hop);
            if !trusted.trusts(nearest) {
                return nearest;
            }
        }
    }
    nearest
}

/// Whether the client's own connection is encrypted: to us, or to a trusted proxy that says so.
pub fn client_is_secure(tls: bool, peer: Option<IpAddr>, headers: &HeaderMap, trusted: &TrustedProxies) -> bool {
    if tls || !trusted.trusts(peer.map(|ip| ip.to_canonical())) {
        return tls;
    }
    let nearest = headers.get_all("x-forwarded-proto").iter().next_back().and_then(|value| value.to_str().ok());
    nearest.and_then(|value| value.rsplit(',').next()).is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

/// The host that the client asked for, where a trusted proxy names it: the `X-Forwarded-Host` of the nearest one.
///
/// `None`: the request's own host counts.
pub fn forwarded_host<'a>(peer: Option<IpAddr>, headers: &'a HeaderMap, trusted: &TrustedProxies) -> Option<&'a str> {
    if !trusted.trusts(peer.map(|ip| ip.to_canonical())) {
        return None;
    }
    let nearest = headers.get_all("x-forwarded-host").iter().next_back()?.to_str().ok()?;
    nearest.rsplit(',').next().map(str::trim).filter(|host| !host.is_empty())
}

/// Whether a request came straight from this machine: a loopback client that no proxy speaks for.
///
/// `client` is what [`client_address`] found. A proxy on this machine that is not declared as trusted connects from
/// loopback too, so any forwarding header says no.
pub fn is_local(client: Option<IpAddr>, headers: &HeaderMap) -> bool {
    let forwarded = ["x-forwarded-for", "forwarded", "x-real-ip", "via"].iter().any(|name| headers.contains_key(*name));
    !forwarded && client.is_none_or(|ip| ip.to_canonical().is_loopback())
}

/// Reads `203.0.113.9`, `203.0.113.9:1234`, `2001:db8::1` or `[2001:db8::1]:1234`.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(hop);
    let ip = bare.parse::<IpAddr>().ok().or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()));
    ip.map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let trusted = TrustedProxies { networks: vec!["10.0.0.0/8".parse().unwrap()], unix: false };
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        client_address(Some(peer.parse().unwrap()), &headers, &trusted).unwrap().to_string()
    }

    #[test]
    fn the_first_untrusted_hop_from_the_right_counts() {
        assert_eq!(seen("10.0.0.5", &["203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.5", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.5", &["203.0.113.9", "198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.5", &["10.0.0.9"]), "10.0.0.9");
        assert_eq!(seen("10.0.0.5", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(seen("10.0.0.5", &["203.0.113.9:5000"]), "203.0.113.9");
    }

    #[test]
    fn an_untrusted_peer_speaks_only_for_itself() {
        assert_eq!(seen("198.51.100.7", &["203.0.113.9"]), "198.51.100.7");
        assert_eq!(seen("::ffff:203.0.113.9", &["192.0.2.1"]), "203.0.113.9");
        let nobody = TrustedProxies::default();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
        let loopback = Some("127.0.0.1".parse().unwrap());
        assert_eq!(client_address(loopback, &headers, &nobody), loopback);
        assert_eq!(client_address(None, &headers, &nobody), None);
    }

    #[test]
    fn a_hop_that_cannot_be_read_ends_the_chain() {
        assert_eq!(seen("10.0.0.5", &["203.0.113.9, unknown"]), "10.0.0.5");
        assert_eq!(seen("10.0.0.5", &["203.0.113.9, , 10.0.0.7"]), "10.0.0.7");
    }

    #[test]
    fn a_unix_peer_is_believed_only_where_said() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
        headers.insert("x-forwarded-proto", "https".parse().unwrap());
        let trusted = TrustedProxies { networks: Vec::new(), unix: true };
        assert_eq!(client_address(None, &headers, &trusted), Some("203.0.113.9".parse().unwrap()));
        assert!(client_is_secure(false, None, &headers, &trusted));
        assert!(!client_is_secure(false, None, &headers, &TrustedProxies::default()));
    }

    #[test]
    fn the_host_is_what_the_nearest_trusted_proxy_says() {
        let trusted = TrustedProxies { networks: vec!["10.0.0.0/8".parse().unwrap()], unix: false };
        let (proxy, stranger) = (Some("10.0.0.5".parse().unwrap()), Some("198.51.100.7".parse().unwrap()));
        let mut headers = HeaderMap::new();
        assert_eq!(forwarded_host(proxy, &headers, &trusted), None);
        headers.append("x-forwarded-host", "evil.example, kw.example.com".parse().unwrap());
        assert_eq!(forwarded_host(proxy, &headers, &trusted), Some("kw.example.com"));
        assert_eq!(forwarded_host(stranger, &headers, &trusted), None);
        assert_eq!(forwarded_host(None, &headers, &trusted), None);
    }

    #[test]
    fn local_means_that_no_proxy_speaks_for_the_client() {
        let loopback = Some("127.0.0.1".parse().unwrap());
        let mut headers = HeaderMap::new();
        assert!(is_local(loopback, &headers));
        assert!(!is_local(Some("192.0.2.1".parse().unwrap()), &headers));
        headers.insert("x-forwarded-for", "127.0.0.1".parse().unwrap());
        assert!(!is_local(loopback, &headers));
    }
}
