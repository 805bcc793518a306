//! The address a request comes from, seen through proxies that are trusted to tell it.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

/// The most hops that are walked through; what stands further left is not believed.
const MAX_HOPS: usize = 16;

/// The networks whose machines are trusted to tell whom they forward for: `--trusted-proxies`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// A text that is no list of networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address nor a network like 10.0.0.0/8")]
pub struct NotANetwork(String);

impl FromStr for TrustedProxies {
    type Err = NotANetwork;

    /// Addresses and networks in CIDR notation, separated by commas.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        text.split(',')
            .map(str::trim)
            .filter(|network| !network.is_empty())
            .map(|network| {
                let address = network.parse::<IpAddr>().map(IpNet::from);
                address.or_else(|_| network.parse()).map_err(|_| NotANetwork(network.to_owned()))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl TrustedProxies {
    /// The address of the client whose request `peer` sent with these headers: from `peer` leftwards through
    /// `X-Forwarded-For` or `Forwarded` (RFC 7239), the first that is not trusted. A name that is no address ends the
    /// walk at the proxy that said it; so do two headers that disagree, of which a client may have forged one.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let by_x = self.walk(peer, elements(headers, "x-forwarded-for").map(|element| address(element.trim())));
        let by_rfc = self.walk(peer, elements(headers, "forwarded").map(forwarded_for));
        let (has_x, has_rfc) = (headers.contains_key("x-forwarded-for"), headers.contains_key("forwarded"));
        match (has_x, has_rfc) {
            (true, false) => by_x,
            (false, true) => by_rfc,
            (true, true) if by_x == by_rfc => by_x,
            (true, true) | (false, false) => peer,
        }
    }

    fn walk(&self, peer: IpAddr, from_the_right: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut client = peer;
        for hop in from_the_right.take(MAX_HOPS) {
            let Some(hop) = hop.map(|hop| hop.to_canonical()) else {
                break;
            };
            client = hop;
            if !self.trusts(hop) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The elements of a list header, the last first, whatever number of lines it has (RFC 9110, section 5.3).
fn elements<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let mut lines: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("unknown")).collect();
    lines.reverse();
    lines.into_iter().flat_map(|line| line.rsplit(','))
}

/// `for=` of one element of `Forwarded` (RFC 7239, section 4).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, node) = pairs.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    address(node.trim_matches('"'))
}

/// An address, with or without a port, IPv6 with or without brackets.
fn address(node: &str) -> Option<IpAddr> {
    let bracketed = node.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let plain = bracketed.map_or_else(|| node.parse::<IpAddr>().ok(), |v6| v6.parse().ok().map(IpAddr::V6));
    plain.or_else(|| node.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

/// The address of the client, put into the request by [`guard`](crate::middleware::guard).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// Of a connection that is not known, as in tests without a socket.
    pub const UNKNOWN: Self = Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

    /// From the connection and the headers of a request.
    pub fn of(extensions: &Extensions, headers: &HeaderMap, trusted: &TrustedProxies) -> Self {
        match extensions.get::<ConnectInfo<SocketAddr>>() {
            Some(ConnectInfo(peer)) => Self(trusted.client(peer.ip(), headers)),
            None => Self::UNKNOWN,
        }
    }

    /// What guests are counted by: the IPv4 address, or the IPv6 /64, which one household has.
    pub fn network(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self::UNKNOWN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    fn client(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let trusted: TrustedProxies = "10.0.0.0/8, ::1, 192.0.2.7".parse().expect("networks");
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
        trusted.client(peer.parse().expect("address"), &headers).to_string()
    }

    #[test]
    fn nobody_is_believed_but_trusted_proxies() {
        assert_eq!(client("203.0.113.9", &[("x-forwarded-for", "1.1.1.1")]), "203.0.113.9");
        assert_eq!(client("10.1.2.3", &[("x-forwarded-for", "1.1.1.1")]), "1.1.1.1");
        assert_eq!(client("::ffff:10.1.2.3", &[("x-forwarded-for", "1.1.1.1")]), "1.1.1.1");
        assert_eq!(client("10.1.2.3", &[]), "10.1.2.3");
    }

    #[test]
    fn the_walk_ends_at_the_first_that_is_not_trusted() {
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "6.6.6.6, 203.0.113.9, 192.0.2.7,10.0.0.2")]), "203.0.113.9");
        let lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "203.0.113.9:4711")];
        assert_eq!(client("10.0.0.1", &lines), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "6.6.6.6, unknown, 10.0.0.2")]), "10.0.0.2");
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "10.0.0.3, 10.0.0.2")]), "10.0.0.3");
    }

    #[test]
    fn forwarded_is_read_as_well_but_not_against_the_other() {
        let forwarded = r#"for=6.6.6.6, For="[2001:db8:cafe::17]:4711";proto=https, for=10.0.0.2"#;
        assert_eq!(client("::1", &[("forwarded", forwarded)]), "2001:db8:cafe::17");
        assert_eq!(client("::1", &[("forwarded", "for=_hidden")]), "::1");
        assert_eq!(client("::1", &[("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "2.2.2.2")]), "::1");
        assert_eq!(client("::1", &[("forwarded", "for=2.2.2.2"), ("x-forwarded-for", "2.2.2.2")]), "2.2.2.2");
    }

    #[test]
    fn a_household_is_one_network() {
        let network = |text: &str| ClientAddress(text.parse().expect("address")).network().to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
    }

    #[test]
    fn a_list_with_a_mistake_names_it() {
        assert_eq!("10.0.0.0/8,proxy".parse::<TrustedProxies>(), Err(NotANetwork("proxy".to_owned())));
        assert_eq!("".parse::<TrustedProxies>(), Ok(TrustedProxies::default()));
    }

    proptest! {
        #[test]
        fn no_header_makes_the_walk_panic(text in "[ -~]{0,60}") {
            let headers: HeaderMap = ["forwarded", "x-forwarded-for"]
                .into_iter()
                .map(|name| (HeaderName::from_static(name), HeaderValue::from_str(&text).expect("visible")))
                .collect();
            let trusted: TrustedProxies = "0.0.0.0/0,::/0".parse().expect("networks");
            let _: IpAddr = trusted.client(IpAddr::V4(Ipv4Addr::LOCALHOST), &headers);
        }
    }
}
