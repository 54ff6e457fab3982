//! What clients are counted by.

use std::net::{IpAddr, Ipv6Addr};

/// What one client is counted by: an IPv4 address, or the /64 of an IPv6 address, because one host
/// may use all of that.
pub(in crate::http) fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn one_client_is_an_ipv4_address_or_an_ipv6_slash_64() {
        let network = |text: &str| client_network(text.parse::<SocketAddr>().unwrap().ip());
        assert_eq!(
            network("[2001:db8:1:2:3::4]:1"),
            network("[2001:db8:1:2::]:9")
        );
        assert_ne!(network("[2001:db8:1:2::]:1"), network("[2001:db8:1:3::]:1"));
        assert_eq!(network("[::ffff:192.0.2.1]:1"), network("192.0.2.1:2"));
        assert_ne!(network("192.0.2.2:1"), network("192.0.2.1:1"));
    }
}
