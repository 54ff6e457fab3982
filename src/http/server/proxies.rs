//! Whose `Forwarded` and `X-Forwarded-*` headers count (`http.trustedproxies`), and which client they name: anyone may send
//! such a header, so it identifies a client only when a trusted proxy sent it.

use super::super::message::forwarded::Forwarded;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The most proxies between a client and this server that are considered.
const CHAIN_MAX: usize = 32;

/// Loopback, private and link-local networks, and that of carriers (RFC 6890).
const DEFAULT: [TrustedNetwork; 9] = [
    v4([127, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([172, 16, 0, 0], 12),
    v4([192, 168, 0, 0], 16),
    v4([169, 254, 0, 0], 16),
    v4([100, 64, 0, 0], 10),
    v6(Ipv6Addr::LOCALHOST, 128),
    v6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
];

const fn v4(address: [u8; 4], bits: u8) -> TrustedNetwork {
    let [a, b, c, d] = address;
    TrustedNetwork {
        address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        bits,
    }
}

const fn v6(address: Ipv6Addr, bits: u8) -> TrustedNetwork {
    TrustedNetwork {
        address: IpAddr::V6(address),
        bits,
    }
}

/// The addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedNetwork {
    address: IpAddr,
    bits: u8,
}

impl TrustedNetwork {
    fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differ = u32::from(own) ^ u32::from(other);
                differ.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differ = u128::from(own) ^ u128::from(other);
                differ.leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

impl FromStr for TrustedNetwork {
    type Err = ();

    /// An address, or one with the number of bits that count, such as `10.0.0.0/8`.
    fn from_str(text: &str) -> Result<TrustedNetwork, ()> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| ())?;
        let is_digits = |bits: &&str| bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits_max: u8 = if written.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => bits_max,
            Some(bits) => Some(bits)
                .filter(is_digits)
                .ok_or(())?
                .parse()
                .map_err(|_| ())?,
        };
        // An IPv4 address that is written as IPv6 is matched as IPv4.
        let address = written.to_canonical();
        let prefix_bits = if address.is_ipv4() == written.is_ipv4() {
            0
        } else {
            96
        };
        match (prefix_bits..=bits_max).contains(&bits) {
            true => Ok(TrustedNetwork {
                address,
                bits: bits - prefix_bits,
            }),
            false => Err(()),
        }
    }
}

impl fmt::Display for TrustedNetwork {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.bits)
    }
}

/// The proxies that may name their clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxies(pub Vec<TrustedNetwork>);

impl Default for TrustedProxies {
    fn default() -> TrustedProxies {
        TrustedProxies(DEFAULT.to_vec())
    }
}

impl TrustedProxies {
    /// Whether a peer is one of them. A peer on a unix socket, which has no address, counts as 127.0.0.1.
    pub(super) fn trusts(&self, peer: Option<IpAddr>) -> bool {
        let peer = peer.unwrap_or(Ipv4Addr::LOCALHOST.into()).to_canonical();
        self.0.iter().any(|network| network.contains(peer))
    }

    /// The client for which a trusted proxy sends a request with these headers; `None` when they do not say. That is
    /// the last address in `X-Forwarded-For` that is not a trusted proxy, since each proxy appends its peer;
    /// without that header the address in `X-Real-IP`, and without both the last such address in `Forwarded`.
    pub(super) fn client<'h, F>(&self, headers: impl Fn() -> F) -> Option<IpAddr>
    where
        F: DoubleEndedIterator<Item = (&'h str, &'h str)>,
    {
        let values = |name: &'static str| {
            let is_it = move |(found, value): (&str, &'h str)| {
                found.eq_ignore_ascii_case(name).then_some(value)
            };
            headers().rev().filter_map(is_it)
        };
        let mut chain = values("X-Forwarded-For").peekable();
        if chain.peek().is_some() {
            return self.last_untrusted(chain.flat_map(|value| value.rsplit(',')));
        }
        if let Some(value) = values("X-Real-IP").next() {
            return address(value);
        }
        let mut elements = values("Forwarded").map(Forwarded::all);
        let last = elements.next()?;
        let clients = last.iter().rev().map(|element| element.client.as_deref());
        self.last_untrusted(clients.map(Option::unwrap_or_default))
    }

    /// The first that is not a trusted proxy, of addresses in order from the nearest.
    fn last_untrusted<'a>(&self, chain: impl Iterator<Item = &'a str>) -> Option<IpAddr> {
        let mut client = None;
        for text in chain.take(CHAIN_MAX) {
            // What comes before a word that is not an address, such as `unknown`, was written by somebody unknown.
            let Some(address) = address(text) else { break };
            client = Some(address);
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

/// An address, with or without brackets and a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let bare = inner.unwrap_or(text).parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok();
    let address = bare.or_else(|| with_port().map(|address| address.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> TrustedProxies {
        TrustedProxies(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn networks_contain_what_starts_with_their_bits() {
        let proxies = networks(&[
            "10.1.0.0/15",
            "192.0.2.7",
            "2001:db8::/33",
            "::ffff:198.51.100.0/120",
        ]);
        let trusts = |text: &str| proxies.trusts(Some(text.parse().unwrap()));
        for inside in [
            "10.0.0.0",
            "10.1.255.255",
            "192.0.2.7",
            "2001:db8::1",
            "198.51.100.9",
            "::ffff:192.0.2.7",
        ] {
            assert!(trusts(inside), "{inside}");
        }
        for outside in [
            "10.2.0.0",
            "9.255.255.255",
            "192.0.2.6",
            "2001:db8:8000::",
            "198.51.101.0",
            "::1",
            "127.0.0.1",
        ] {
            assert!(!trusts(outside), "{outside}");
        }
        assert!(networks(&["0.0.0.0/0"]).trusts(None) && !proxies.trusts(None));
        assert!(!networks(&[]).trusts(None));
        for wrong in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10/8",
            "::/129",
            "::ffff:10.0.0.0/95",
            "proxy",
            "10.0.0.1:80",
            "10.0.0.0/8/8",
            " 10.0.0.1",
        ] {
            assert_eq!(wrong.parse::<TrustedNetwork>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn by_default_loopback_and_private_networks_are_trusted() {
        let proxies = TrustedProxies::default();
        let trusts = |text: &str| proxies.trusts(Some(text.parse().unwrap()));
        for inside in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "10.9.9.9",
            "172.31.0.1",
            "192.168.0.1",
            "169.254.1.1",
            "100.127.0.1",
            "fd00::1",
            "fe80::1",
        ] {
            assert!(trusts(inside), "{inside}");
        }
        for outside in [
            "172.32.0.1",
            "100.128.0.1",
            "192.0.2.1",
            "8.8.8.8",
            "::2",
            "2001:db8::1",
            "ff02::1",
        ] {
            assert!(!trusts(outside), "{outside}");
        }
    }

    #[test]
    fn the_last_address_that_is_not_a_trusted_proxy_is_the_client() {
        let proxies = TrustedProxies::default();
        for (headers, expected) in [
            (&[][..], None),
            (&["X-Forwarded-For: 192.0.2.1"], Some("192.0.2.1")),
            // What the client itself sent comes before it.
            (
                &["x-forwarded-for: 198.51.100.1, 192.0.2.1"],
                Some("192.0.2.1"),
            ),
            (
                &[
                    "X-Forwarded-For: 198.51.100.1",
                    "X-Forwarded-For: 192.0.2.1 ,10.0.0.1",
                ],
                Some("192.0.2.1"),
            ),
            (&["X-Forwarded-For: 10.0.0.2,10.0.0.1"], Some("10.0.0.2")),
            (
                &["X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.1"],
                Some("10.0.0.1"),
            ),
            (&["X-Forwarded-For: unknown"], None),
            (&["X-Forwarded-For: "], None),
            (&["X-Forwarded-For: 192.0.2.1:4711"], Some("192.0.2.1")),
            (
                &["X-Forwarded-For: [2001:db8::1]:4711"],
                Some("2001:db8::1"),
            ),
            (&["X-Forwarded-For: [2001:db8::1]"], Some("2001:db8::1")),
            (&["X-Forwarded-For: ::ffff:192.0.2.1"], Some("192.0.2.1")),
            (&["X-Real-IP: 192.0.2.2"], Some("192.0.2.2")),
            (
                &["X-Real-IP: 192.0.2.2", "X-Forwarded-For: 192.0.2.1"],
                Some("192.0.2.1"),
            ),
            (&["Forwarded: for=192.0.2.3;proto=https"], Some("192.0.2.3")),
            (
                &["Forwarded: for=198.51.100.1, for=\"[2001:db8::1]:80\", for=10.0.0.1"],
                Some("2001:db8::1"),
            ),
            (&["Forwarded: for=198.51.100.1, proto=https"], None),
            (&["Forwarded: for=198.51.100.1, =malformed"], None),
            (
                &["Forwarded: for=192.0.2.3", "X-Real-IP: 192.0.2.2"],
                Some("192.0.2.2"),
            ),
        ] {
            let pairs = || headers.iter().filter_map(|header| header.split_once(": "));
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(proxies.client(pairs), expected, "{headers:?}");
        }
        // However many there are, only some are considered.
        let chain = format!("X-Forwarded-For: 192.0.2.1{}", ", 10.0.0.1".repeat(10_000));
        let pairs = || chain.split_once(": ").into_iter();
        assert_eq!(proxies.client(pairs), Some([10, 0, 0, 1].into()));
    }
}
