//! Which addresses events may be sent to: those of the public internet, and networks that the operator allows.
//!
//! Without this, whoever may set a webhook could make the server speak to what only the server reaches: itself, its
//! engines, a cloud's metadata service (server-side request forgery).

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aredvi_events::Clock;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use url::Host;

use super::Endpoint;

/// How long a name may take to be looked up.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried at most.
const MAX_ADDRESSES: usize = 8;

/// IPv4 that is not of the public internet (IANA's special-purpose registry, RFC 6890, and multicast).
const NOT_GLOBAL_V4: &[([u8; 4], u8)] = &[
    ([0, 0, 0, 0], 8),      // this network
    ([10, 0, 0, 0], 8),     // private
    ([100, 64, 0, 0], 10),  // shared, behind carriers' NAT
    ([127, 0, 0, 0], 8),    // loopback
    ([169, 254, 0, 0], 16), // link-local; clouds' metadata
    ([172, 16, 0, 0], 12),  // private
    ([192, 0, 0, 0], 24),   // protocol assignments
    ([192, 0, 2, 0], 24),   // documentation
    ([192, 88, 99, 0], 24), // 6to4 relays, withdrawn
    ([192, 168, 0, 0], 16), // private
    ([198, 18, 0, 0], 15),  // benchmarks
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4), // multicast
    ([240, 0, 0, 0], 4), // reserved, broadcast
];
/// Within 2000::/3, the only part of IPv6 that is given out for the public internet, what is not of it.
const NOT_GLOBAL_V6: &[([u16; 3], u8)] = &[
    ([0x2001, 0, 0], 23),      // protocol assignments; Teredo, ORCHID
    ([0x2001, 0x0db8, 0], 32), // documentation
    ([0x2002, 0, 0], 16),      // 6to4: the address of some IPv4 inside
    ([0x3fff, 0, 0], 20),      // documentation
];
/// The well-known prefix that IPv4 is reached through from IPv6 (RFC 6052).
const NAT64: [u16; 6] = [0x0064, 0xff9b, 0, 0, 0, 0];

/// Finds the addresses of a name.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Says where events may be sent.
#[derive(Clone)]
pub struct Guard {
    /// Whether http:// is allowed.
    pub allow_http: bool,
    allowed: Arc<[IpNet]>,
    lookup: Lookup,
    clock: Clock,
}

/// Why a receiver's address cannot be used. It names no address: the answer must not map the inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The name has no address, or nobody said so in time.
    #[error("its name has no address")]
    NoAddress,
    /// One of its addresses is none of the public internet.
    #[error("it has an address that is not of the public internet")]
    NotGlobal,
}

impl Unreachable {
    /// In a word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoAddress => "no-address",
            Self::NotGlobal => "address-not-allowed",
        }
    }
}

impl Guard {
    /// With the system's own lookup. `allowed` are networks that may be sent to although they are not public.
    pub fn new(allow_http: bool, allowed: &[IpNet], clock: Clock) -> Self {
        Self::with(allow_http, allowed, clock, Arc::new(system))
    }

    /// With another lookup.
    pub fn with(allow_http: bool, allowed: &[IpNet], clock: Clock, lookup: Lookup) -> Self {
        Self { allow_http, allowed: allowed.into(), lookup, clock }
    }

    /// Where a receiver is reached now. A name of which one address is not allowed is refused as a whole. Whoever
    /// connects uses these addresses and asks no name again, so that what was checked is what is spoken to.
    ///
    /// # Errors
    /// [`Unreachable`].
    pub async fn addresses(&self, endpoint: &Endpoint) -> Result<Vec<SocketAddr>, Unreachable> {
        let found = match endpoint.host().ok_or(Unreachable::NoAddress)? {
            Host::Ipv4(address) => vec![IpAddr::V4(address)],
            Host::Ipv6(address) => vec![IpAddr::V6(address)],
            Host::Domain(name) => {
                let found = self.clock.timeout(LOOKUP_LIMIT, (self.lookup)(name.to_owned())).await;
                found.map_err(|_| Unreachable::NoAddress)?.map_err(|_| Unreachable::NoAddress)?
            }
        };
        if found.is_empty() {
            return Err(Unreachable::NoAddress);
        }
        if !found.iter().all(|&address| self.allows(address)) {
            return Err(Unreachable::NotGlobal);
        }
        Ok(found.into_iter().take(MAX_ADDRESSES).map(|address| SocketAddr::new(address, endpoint.port())).collect())
    }

    fn allows(&self, address: IpAddr) -> bool {
        is_global(address) || self.allowed.iter().any(|network| network.contains(&address))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guard(http: {}, {:?})", self.allow_http, self.allowed)
    }
}

/// Whether an address is one of the public internet.
pub fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    let bits = u32::from(address);
    !NOT_GLOBAL_V4.iter().any(|&(network, prefix)| (bits ^ u32::from(Ipv4Addr::from(network))) >> (32 - prefix) == 0)
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    if segments[..6] == NAT64 {
        let octets = address.octets();
        return is_global_v4(Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]));
    }
    let bits = u128::from(address);
    let within = |[a, b, c]: [u16; 3], prefix: u8| {
        let network = Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0);
        (bits ^ u128::from(network)) >> (128 - prefix) == 0
    };
    within([0x2000, 0, 0], 3) && !NOT_GLOBAL_V6.iter().any(|&(network, prefix)| within(network, prefix))
}

fn system(name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
    Box::pin(async move {
        let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap_or_else(|_| panic!("{text}"))
    }

    #[test]
    fn only_the_public_internet_is_global() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.7",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "feff::1",
            "ff02::1",
        ] {
            assert!(!is_global(address(text)), "{text}");
        }
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2606:4700:4700::1111",
            "2a00:1450::1",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(is_global(address(text)), "{text}");
        }
    }

    fn guard(allowed: &[&str], names: &'static [(&'static str, &'static [&'static str])]) -> Guard {
        let allowed: Vec<IpNet> = allowed.iter().map(|network| network.parse().expect("a network")).collect();
        let lookup: Lookup = Arc::new(move |name| {
            let found = names.iter().find(|(known, _)| *known == name).map(|(_, found)| *found);
            Box::pin(async move {
                let found = found.ok_or_else(|| io::Error::other("no such name"))?;
                Ok(found.iter().map(|text| address(text)).collect())
            })
        });
        Guard::with(true, &allowed, Clock::default(), lookup)
    }

    async fn judged(guard: &Guard, url: &str) -> Result<Vec<String>, Unreachable> {
        let endpoint = Endpoint::read(url, true).unwrap_or_else(|error| panic!("{url}: {error}"));
        guard.addresses(&endpoint).await.map(|found| found.iter().map(ToString::to_string).collect())
    }

    const NAMES: &[(&str, &[&str])] = &[
        ("hooks.example", &["93.184.215.14", "2606:2800:21f::1"]),
        ("both.example", &["93.184.215.14", "10.0.0.5"]),
        ("inside.example", &["192.168.7.7"]),
        ("localhost", &["127.0.0.1", "::1"]),
        ("localhost.", &["127.0.0.1"]),
        ("empty.example", &[]),
    ];

    #[tokio::test]
    async fn every_spelling_of_an_inner_address_is_refused() {
        let guard = guard(&[], NAMES);
        for url in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://017700000001/",
            "https://0177.0.0.1/",
            "https://127.0.0.1./",
            "https://%31%32%37.0.0.1/",
            "https://①②⑦.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://0xa9fea9fe/",
            "https://0/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[fe80::1]/",
            "https://localhost/",
            "https://LOCALHOST/",
            "https://localhost./",
            "https://inside.example/",
            "https://both.example/",
        ] {
            assert_eq!(judged(&guard, url).await, Err(Unreachable::NotGlobal), "{url}");
        }
        for url in ["https://nowhere.example/", "https://empty.example/"] {
            assert_eq!(judged(&guard, url).await, Err(Unreachable::NoAddress), "{url}");
        }
    }

    #[tokio::test]
    async fn a_public_name_is_reached_at_the_addresses_that_were_checked() {
        let guard = guard(&[], NAMES);
        let found = judged(&guard, "https://hooks.example:8443/").await.expect("public");
        assert_eq!(found, ["93.184.215.14:8443", "[2606:2800:21f::1]:8443"]);
    }

    #[tokio::test]
    async fn an_operator_may_allow_networks() {
        let guard = guard(&["192.168.7.0/24", "10.0.0.5/32"], NAMES);
        assert_eq!(judged(&guard, "http://inside.example:9000/").await.expect("allowed"), ["192.168.7.7:9000"]);
        assert_eq!(judged(&guard, "http://both.example/").await.expect("allowed").len(), 2);
        assert_eq!(judged(&guard, "http://192.168.8.1/").await, Err(Unreachable::NotGlobal));
        assert_eq!(judged(&guard, "http://127.0.0.1/").await, Err(Unreachable::NotGlobal));
    }
}
