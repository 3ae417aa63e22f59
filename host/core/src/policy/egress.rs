//! Which addresses may be dialled.
//!
//! A grant names a host; what is dialled is an address. A name must lead to public addresses only, or an outsider's
//! DNS record would open the inside. An inside address is dialled only if the grant spells it, and `localhost` only
//! on the loopback. The lists are IANA's special-purpose registries; what is not plainly global is not public.

use crate::lens::{Host, host_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Address blocks of IPv4 that are not the public network: first address and length of the prefix.
const SPECIAL_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, cloud metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarking
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, broadcast
];

/// The only block of IPv6 that is global unicast. NAT64, ULA, link-local, loopback and multicast lie outside of it.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Blocks inside [`GLOBAL_V6`] that are not public.
const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, Teredo, benchmarking, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, which carries any IPv4 address
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Whether an address is on the public network. An IPv4 address in IPv6 spelling is what it is in IPv4.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|block| in_v4(v4, *block)),
        IpAddr::V6(v6) => in_v6(v6, GLOBAL_V6) && !SPECIAL_V6.iter().any(|block| in_v6(v6, *block)),
    }
}

/// Whether an address to which a granted host resolved may be dialled: a public one, the one that the grant itself
/// spells, or the loopback for `localhost`. An address literal leads to itself and nowhere else.
#[must_use]
pub fn may_dial(host: &str, address: IpAddr) -> bool {
    let address = address.to_canonical();
    if is_never(address) {
        return false;
    }
    match host_of(host) {
        Ok(Host::V4(literal)) => address == IpAddr::V4(literal),
        Ok(Host::V6(literal)) => address == IpAddr::V6(literal),
        Ok(Host::Name(name)) if name == "localhost" => address.is_loopback(),
        Ok(Host::Name(_)) => is_public(address),
        Err(_) => false,
    }
}

/// Judges all addresses of a host at once: a name with public and private addresses is an attempt to get past this
/// filter, so one bad address spoils all.
///
/// # Errors
/// The first address that may not be dialled.
pub fn vet_addresses(host: &str, addresses: &[IpAddr]) -> Result<(), IpAddr> {
    match addresses.iter().find(|address| !may_dial(host, **address)) {
        Some(bad) => Err(*bad),
        None => Ok(()),
    }
}

/// Addresses that stand for no single peer. Dialling 0.0.0.0 or :: reaches the loopback under another name.
pub(super) fn is_never(address: IpAddr) -> bool {
    address.is_unspecified() || address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST)
}

fn in_v4(address: Ipv4Addr, (block, bits): (Ipv4Addr, u32)) -> bool {
    (address.to_bits() ^ block.to_bits()).leading_zeros() >= bits
}

fn in_v6(address: Ipv6Addr, (block, bits): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ block.to_bits()).leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_catalogue_is_not_public() {
        for text in "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254
            172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255
            198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1
            ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::1 64:ff9b::8.8.8.8
            64:ff9b:1::1 100::1 2001::1 2001:2::1 2001:10::1 2001:db8::1 2002:7f00:1::1 2002:808:808::1
            3fff::1 5f00::1 fc00::1 fd00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1"
            .split_whitespace()
        {
            assert!(!is_public(address(text)), "{text}");
        }
    }

    #[test]
    fn neighbours_of_the_blocks_are_public() {
        for text in "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
            169.253.255.255 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
            223.255.255.255 ::ffff:8.8.8.8 2001:200::1 2606:4700::1111 2a00:1450::1 2003::1 3ffe:ffff::1"
            .split_whitespace()
        {
            assert!(is_public(address(text)), "{text}");
        }
    }

    #[test]
    fn only_a_literal_or_localhost_reaches_inside() {
        assert!(may_dial("example.com", address("93.184.216.34")));
        assert!(!may_dial("example.com", address("127.0.0.1")));
        assert!(!may_dial("example.com", address("::ffff:10.0.0.1")));
        assert!(may_dial("127.0.0.1", address("127.0.0.1")));
        assert!(!may_dial("127.0.0.1", address("127.0.0.2")));
        assert!(!may_dial("8.8.8.8", address("1.1.1.1")), "a literal leads to itself");
        assert!(may_dial("[fd00::1]", address("fd00::1")));
        assert!(may_dial("localhost", address("::1")) && may_dial("localhost", address("127.0.0.1")));
        assert!(!may_dial("localhost", address("10.0.0.1")) && !may_dial("localhost", address("8.8.8.8")));
        assert!(!may_dial("foo.localhost", address("127.0.0.1")));
        for never in ["0.0.0.0", "255.255.255.255", "224.0.0.1"] {
            assert!(!may_dial(never, address(never)), "{never}");
        }
        assert!(!may_dial("[::]", address("::")) && !may_dial("127.1", address("127.0.0.1")));
    }

    #[test]
    fn one_private_address_spoils_all() {
        let (good, bad) = (address("93.184.216.34"), address("fd00::1"));
        assert_eq!(vet_addresses("example.com", &[good]), Ok(()));
        assert_eq!(vet_addresses("example.com", &[good, bad]), Err(bad));
    }

    proptest! {
        #[test]
        fn the_standard_librarys_private_is_never_public(bits: u32, high: u128) {
            let v4 = Ipv4Addr::from_bits(bits);
            let inside = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
                || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
            prop_assert!(!(inside && is_public(v4.into())));
            prop_assert_eq!(is_public(v4.into()), is_public(v4.to_ipv6_mapped().into()));
            let v6 = Ipv6Addr::from_bits(high);
            let inside = v6.is_loopback() || v6.is_multicast() || v6.is_unique_local() || v6.is_unicast_link_local();
            prop_assert!(!(inside && is_public(v6.into())));
        }
    }
}
