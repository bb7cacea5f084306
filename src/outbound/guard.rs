//! The address guard: which addresses a connection may be opened to.
//!
//! It looks at what is dialled, not at what a name promised, so a name that changes its answer gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Why an address is special.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// Link-local, or a cloud's metadata service: never allowed.
    LinkLocalOrMetadata,
    /// This machine.
    Loopback,
    /// A private network, carrier-grade NAT included.
    Private,
    /// No particular machine: unspecified, broadcast, multicast or reserved.
    NotUnicast,
}

impl AddressClass {
    /// Words for a message.
    pub fn as_str(self) -> &'static str {
        match self {
            AddressClass::LinkLocalOrMetadata => "link-local or metadata service",
            AddressClass::Loopback => "loopback",
            AddressClass::Private => "private",
            AddressClass::NotUnicast => "not unicast",
        }
    }

    /// The provider setting that would allow it; `None`: nothing does.
    pub fn allowed_by(self) -> Option<&'static str> {
        (self != AddressClass::LinkLocalOrMetadata).then_some("allow_private")
    }
}

/// An address that the guard refused to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedAddress {
    /// The address as it was written or resolved.
    pub address: IpAddr,
    /// Why it is special.
    pub class: AddressClass,
}

impl std::fmt::Display for RefusedAddress {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "the address {} ({}) is refused; ", self.address, self.class.as_str())?;
        match self.class.allowed_by() {
            Some(setting) => write!(out, "set `{setting}` on the provider to allow it"),
            None => write!(out, "no setting allows it"),
        }
    }
}

impl std::error::Error for RefusedAddress {}

/// Checks one address.
pub(super) fn check(address: IpAddr, allow_private: bool) -> Result<(), RefusedAddress> {
    match classify(address) {
        None => Ok(()),
        Some(class) if allow_private && class.allowed_by().is_some() => Ok(()),
        Some(class) => Err(RefusedAddress { address, class }),
    }
}

/// Checks a URL's host when it is a literal address: no resolver is asked about those.
pub(super) fn check_literal_host(host: &str, allow_private: bool) -> Result<(), RefusedAddress> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().map_or(Ok(()), |address| check(address, allow_private))
}

fn classify(address: IpAddr) -> Option<AddressClass> {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

/// 198.18.0.0/15 is not listed: transparent proxies hand it out in place of public addresses.
fn classify_v4(address: Ipv4Addr) -> Option<AddressClass> {
    const METADATA: [Ipv4Addr; 3] = [
        Ipv4Addr::new(100, 100, 100, 200), // Alibaba Cloud
        Ipv4Addr::new(168, 63, 129, 16),   // Azure
        Ipv4Addr::new(192, 0, 0, 192),     // Oracle Cloud
    ];
    let [first, second, third, _] = address.octets();
    if address.is_link_local() || METADATA.contains(&address) {
        Some(AddressClass::LinkLocalOrMetadata)
    } else if address.is_loopback() {
        Some(AddressClass::Loopback)
    } else if address.is_private() || (first == 100 && second & 0xc0 == 64) {
        Some(AddressClass::Private)
    } else if first == 0 || first >= 224 || (first, second, third) == (192, 0, 0) {
        Some(AddressClass::NotUnicast)
    } else {
        None
    }
}

fn classify_v6(address: Ipv6Addr) -> Option<AddressClass> {
    const METADATA: [Ipv6Addr; 2] = [
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), // AWS
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),  // Google Cloud
    ];
    if address.is_loopback() {
        return Some(AddressClass::Loopback);
    }
    if let Some(embedded) = embedded_v4(address) {
        return classify_v4(embedded);
    }
    let first = address.segments()[0];
    if first & 0xffc0 == 0xfe80 || METADATA.contains(&address) {
        Some(AddressClass::LinkLocalOrMetadata)
    } else if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 {
        Some(AddressClass::Private)
    } else if address.is_unspecified() || address.is_multicast() {
        Some(AddressClass::NotUnicast)
    } else {
        None
    }
}

/// The IPv4 address inside a mapped, compatible, NAT64 or 6to4 address.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let joined = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match segments {
        [0, 0, 0, 0, 0, 0, 0, _] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(joined(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => Some(joined(high, low)),
        [0x2002, high, low, ..] => Some(joined(high, low)),
        _ => None,
    }
}

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    #[error("{0}")]
    Refused(#[from] RefusedAddress),
    #[error("the name has no address: {0}")]
    NoAddress(std::io::Error),
}

/// Asks for the addresses of a name.
pub(super) type Lookup = fn(String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;

/// Asks the system.
pub(super) fn system_lookup(name: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>> {
    Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
}

/// A resolver behind the guard: what it answers is what is dialled, and it is asked again for each connection.
#[derive(Clone, Debug)]
pub(super) struct GuardedResolver {
    /// Who is asked.
    pub(super) lookup: Lookup,
    /// Whether private addresses are allowed.
    pub(super) allow_private: bool,
    /// The host of the operator's own proxy, which may well be a private one.
    pub(super) proxy_host: Option<String>,
}

impl GuardedResolver {
    /// The addresses of a name that may be dialled, without port.
    pub(super) async fn addresses(&self, name: &str) -> Result<Vec<SocketAddr>, ResolveError> {
        let allow_private = self.allow_private || self.proxy_host.as_deref() == Some(name);
        let found = (self.lookup)(name.to_owned()).await.map_err(ResolveError::NoAddress)?;
        Ok(permitted(&found, allow_private)?)
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let allowed = resolver.addresses(name.as_str()).await?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The addresses that may be dialled; an error only when there are some and none may.
pub(super) fn permitted(found: &[SocketAddr], allow_private: bool) -> Result<Vec<SocketAddr>, RefusedAddress> {
    let checked = || found.iter().map(|found| check(found.ip(), allow_private).map(|()| *found));
    let allowed: Vec<SocketAddr> = checked().flatten().collect();
    match checked().find_map(Result::err) {
        Some(refusal) if allowed.is_empty() => Err(refusal),
        _ => Ok(allowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(address: &str) -> Option<AddressClass> {
        classify(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_pass() {
        for address in ["1.1.1.1", "104.18.7.192", "198.18.0.7", "100.128.0.1", "2606:4700::6812:7c0", "64:ff9b::101:101"] {
            assert_eq!(class(address), None, "{address}");
        }
    }

    #[test]
    fn metadata_is_refused_in_every_spelling() {
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "2002:a9fe:a9fe::1",
        ] {
            let refusal = check(address.parse().unwrap(), true).unwrap_err();
            assert_eq!(refusal.class, AddressClass::LinkLocalOrMetadata, "{address}");
            assert!(refusal.to_string().contains("no setting"), "{refusal}");
        }
    }

    #[test]
    fn private_addresses_need_the_setting() {
        for (address, expected) in [
            ("127.0.0.1", AddressClass::Loopback),
            ("127.9.9.9", AddressClass::Loopback),
            ("::1", AddressClass::Loopback),
            ("::ffff:127.0.0.1", AddressClass::Loopback),
            ("10.0.0.1", AddressClass::Private),
            ("172.31.0.1", AddressClass::Private),
            ("192.168.1.5", AddressClass::Private),
            ("100.64.0.1", AddressClass::Private),
            ("fc00::1", AddressClass::Private),
            ("fd12::1", AddressClass::Private),
            ("fec0::1", AddressClass::Private),
            ("64:ff9b::10.0.0.1", AddressClass::Private),
            ("0.0.0.0", AddressClass::NotUnicast),
            ("::", AddressClass::NotUnicast),
            ("224.0.0.1", AddressClass::NotUnicast),
            ("255.255.255.255", AddressClass::NotUnicast),
            ("ff02::1", AddressClass::NotUnicast),
        ] {
            let refusal = check(address.parse().unwrap(), false).unwrap_err();
            assert_eq!(refusal.class, expected, "{address}");
            assert!(refusal.to_string().contains("`allow_private`"), "{refusal}");
            assert_eq!(check(address.parse().unwrap(), true), Ok(()), "{address}");
        }
    }

    #[test]
    fn literal_hosts_and_names() {
        assert!(check_literal_host("[::1]", false).is_err());
        assert!(check_literal_host("127.0.0.1", false).is_err());
        assert!(check_literal_host("api.openai.com", false).is_ok());
    }

    #[test]
    fn an_answer_is_filtered() {
        let public: SocketAddr = "1.1.1.1:0".parse().unwrap();
        let private: SocketAddr = "10.0.0.1:0".parse().unwrap();
        assert_eq!(permitted(&[private, public], false), Ok(vec![public]));
        assert_eq!(permitted(&[private], false).unwrap_err().address, private.ip());
        assert_eq!(permitted(&[private], true), Ok(vec![private]));
        assert_eq!(permitted(&[], false), Ok(vec![]));
    }
}
