//! Which resolved addresses may be connected to.
//!
//! A name is under the control of whoever runs its zone, so a granted name may resolve to a machine inside the
//! operator's network, or to the cloud's metadata service, which hands out credentials. The address that passes here
//! must be the address that is connected to: resolving again would give the zone a second choice.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use thiserror::Error;

use crate::egress::Host;

/// What an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressClass {
    /// Globally reachable.
    Global,
    /// This machine.
    Loopback,
    /// RFC 1918, or unique-local and site-local IPv6.
    Private,
    /// Shared between a carrier's customers (RFC 6598, `100.64.0.0/10`).
    Shared,
    /// Link-local.
    LinkLocal,
    /// A cloud's metadata or credential service.
    Metadata,
    /// Benchmarks (RFC 2544); some proxies use it for made-up addresses.
    Benchmark,
    /// Documentation.
    Documentation,
    /// Multicast or broadcast.
    Multicast,
    /// `0.0.0.0/8` and `::`, which connect to this machine on many systems.
    Unspecified,
    /// IPv6 that carries an IPv4 address through a relay: 6to4, Teredo, v4-compatible, v4-translated, local NAT64.
    /// Obsolete, or local to a network, and a way around an IPv4 check.
    Transition,
    /// Everything else that is not globally reachable.
    Reserved,
}

impl AddressClass {
    /// For a sentence.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Global => "a public address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::Shared => "a carrier-shared address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud metadata address",
            Self::Benchmark => "a benchmarking address",
            Self::Documentation => "a documentation address",
            Self::Multicast => "a multicast address",
            Self::Unspecified => "an unspecified address",
            Self::Transition => "an IPv4 address hidden in IPv6",
            Self::Reserved => "a reserved address",
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(head: [u16; 4], tail: [u16; 4], prefix: u8) -> Ipv6Net {
    let [a, b, c, d] = head;
    let [e, f, g, h] = tail;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// From the IANA special-purpose registry, and the metadata services of the large clouds. The first match counts, so
/// single addresses stand before the networks around them.
const V4: &[(Ipv4Net, AddressClass)] = &[
    // AWS, Google, Azure, OpenStack and others.
    (v4(169, 254, 169, 254, 32), AddressClass::Metadata),
    // AWS: task credentials, pod identity, resolver, time.
    (v4(169, 254, 170, 0, 24), AddressClass::Metadata),
    (v4(169, 254, 169, 0, 24), AddressClass::Metadata),
    // Alibaba Cloud.
    (v4(100, 100, 100, 200, 32), AddressClass::Metadata),
    // Azure's wire server: public by its number, local by its route.
    (v4(168, 63, 129, 16, 32), AddressClass::Metadata),
    // Oracle Cloud.
    (v4(192, 0, 0, 192, 32), AddressClass::Metadata),
    (v4(0, 0, 0, 0, 8), AddressClass::Unspecified),
    (v4(10, 0, 0, 0, 8), AddressClass::Private),
    (v4(100, 64, 0, 0, 10), AddressClass::Shared),
    (v4(127, 0, 0, 0, 8), AddressClass::Loopback),
    (v4(169, 254, 0, 0, 16), AddressClass::LinkLocal),
    (v4(172, 16, 0, 0, 12), AddressClass::Private),
    (v4(192, 0, 0, 0, 24), AddressClass::Reserved),
    (v4(192, 0, 2, 0, 24), AddressClass::Documentation),
    (v4(192, 88, 99, 0, 24), AddressClass::Transition),
    (v4(192, 168, 0, 0, 16), AddressClass::Private),
    (v4(198, 18, 0, 0, 15), AddressClass::Benchmark),
    (v4(198, 51, 100, 0, 24), AddressClass::Documentation),
    (v4(203, 0, 113, 0, 24), AddressClass::Documentation),
    (v4(224, 0, 0, 0, 4), AddressClass::Multicast),
    (v4(255, 255, 255, 255, 32), AddressClass::Multicast),
    (v4(240, 0, 0, 0, 4), AddressClass::Reserved),
];

const V6: &[(Ipv6Net, AddressClass)] = &[
    // AWS: metadata, pod identity, resolver, time.
    (v6([0xfd00, 0xec2, 0, 0], [0; 4], 32), AddressClass::Metadata),
    // Google Cloud.
    (v6([0xfd20, 0xce, 0, 0], [0, 0, 0, 0x254], 128), AddressClass::Metadata),
    (v6([0; 4], [0; 4], 128), AddressClass::Unspecified),
    (v6([0; 4], [0, 0, 0, 1], 128), AddressClass::Loopback),
    // v4-compatible, v4-translated, NAT64 inside a network.
    (v6([0; 4], [0; 4], 96), AddressClass::Transition),
    (v6([0; 4], [0xffff, 0, 0, 0], 96), AddressClass::Transition),
    (v6([0x64, 0xff9b, 1, 0], [0; 4], 48), AddressClass::Transition),
    // Teredo, 6to4.
    (v6([0x2001, 0, 0, 0], [0; 4], 32), AddressClass::Transition),
    (v6([0x2002, 0, 0, 0], [0; 4], 16), AddressClass::Transition),
    (v6([0x2001, 2, 0, 0], [0; 4], 48), AddressClass::Benchmark),
    (v6([0x2001, 0xdb8, 0, 0], [0; 4], 32), AddressClass::Documentation),
    (v6([0x3fff, 0, 0, 0], [0; 4], 20), AddressClass::Documentation),
    (v6([0x2001, 0, 0, 0], [0; 4], 23), AddressClass::Reserved),
    (v6([0xfc00, 0, 0, 0], [0; 4], 7), AddressClass::Private),
    (v6([0xfec0, 0, 0, 0], [0; 4], 10), AddressClass::Private),
    (v6([0xfe80, 0, 0, 0], [0; 4], 10), AddressClass::LinkLocal),
    (v6([0xff00, 0, 0, 0], [0; 4], 8), AddressClass::Multicast),
    // What is left of global unicast; nothing outside of it is assigned.
    (v6([0x2000, 0, 0, 0], [0; 4], 3), AddressClass::Global),
];

/// The well-known NAT64 prefix (RFC 6052): on a network without IPv4 every IPv4 host resolves to it, so what counts is
/// the IPv4 address inside.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0], [0; 4], 96);

/// What an address is. An IPv4 address mapped into IPv6 is what it is as IPv4.
///
/// ```
/// use loadlock_policy::address::{AddressClass, classify};
/// let class = |text: &str| text.parse().map(classify);
/// assert_eq!(class("169.254.169.254"), Ok(AddressClass::Metadata));
/// assert_eq!(class("::ffff:10.0.0.1"), Ok(AddressClass::Private));
/// assert_eq!(class("64:ff9b::a9fe:a9fe"), Ok(AddressClass::Metadata));
/// ```
pub fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => classify_v4(mapped),
            None if NAT64.contains(&address) => {
                let [.., a, b, c, d] = address.octets();
                classify_v4(Ipv4Addr::new(a, b, c, d))
            }
            None => V6
                .iter()
                .find(|(net, _)| net.contains(&address))
                .map_or(AddressClass::Reserved, |(_, class)| *class),
        },
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    V4.iter()
        .find(|(net, _)| net.contains(&address))
        .map_or(AddressClass::Global, |(_, class)| *class)
}

/// Why an address is not connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddressRefused {
    /// The grant does not cover it, but could.
    #[error("{address} is {}; if that is meant, add `private = true` to the grant", .class.describe())]
    NotGranted {
        /// The address.
        address: IpAddr,
        /// What it is.
        class: AddressClass,
    },
    /// No grant covers it.
    #[error("{address} is {}, which is never connected to", .class.describe())]
    Never {
        /// The address.
        address: IpAddr,
        /// What it is.
        class: AddressClass,
    },
    /// A host that means this machine resolved to another one.
    #[error("{address} is not on this machine, although the granted host means this machine; correct the resolver")]
    NotLoopback {
        /// The address.
        address: IpAddr,
    },
}

/// Whether `address`, to which the granted `host` resolved, may be connected to.
///
/// Public addresses may. This machine, private, carrier-shared, link-local and benchmarking addresses need `private`.
/// Where the granted host means this machine (`localhost`, `127.0.0.1`, `::1`) nothing else may: such a host may carry
/// a credential without TLS. Metadata services, multicast, transition, documentation and reserved addresses never may:
/// a grant of a whole network must not open them by accident.
///
/// # Errors
/// [`AddressRefused`] says why.
pub fn check(address: IpAddr, host: &Host, private: bool) -> Result<(), AddressRefused> {
    let class = classify(address);
    if host.is_loopback() && class != AddressClass::Loopback {
        return Err(AddressRefused::NotLoopback { address });
    }
    match class {
        AddressClass::Global => Ok(()),
        AddressClass::Loopback
        | AddressClass::Private
        | AddressClass::Shared
        | AddressClass::LinkLocal
        | AddressClass::Benchmark => {
            if private {
                Ok(())
            } else {
                Err(AddressRefused::NotGranted { address, class })
            }
        }
        AddressClass::Metadata
        | AddressClass::Documentation
        | AddressClass::Multicast
        | AddressClass::Unspecified
        | AddressClass::Transition
        | AddressClass::Reserved => Err(AddressRefused::Never { address, class }),
    }
}

/// Whether a grant of `host` can ever lead to a connection, as far as the host itself tells: [`check`] on the address
/// that it is, or that it means (`localhost`). What another name resolves to is known when it is connected to.
///
/// # Errors
/// [`AddressRefused`] says why.
pub fn check_host(host: &Host, private: bool) -> Result<(), AddressRefused> {
    let address = match host {
        Host::V4(address) => IpAddr::V4(*address),
        Host::V6(address) => IpAddr::V6(*address),
        Host::Name(_) if host.is_loopback() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Host::Name(_) => return Ok(()),
    };
    check(address, host, private)
}

/// Whether a grant of `host` needs `private` and is of use with it.
pub fn needs_private(host: &Host) -> bool {
    matches!(check_host(host, false), Err(AddressRefused::NotGranted { .. }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use AddressClass as C;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn every_special_network_is_known_at_both_ends() {
        for (address, class) in [
            ("1.1.1.1", C::Global),
            ("0.0.0.0", C::Unspecified),
            ("0.255.255.255", C::Unspecified),
            ("9.255.255.255", C::Global),
            ("10.0.0.0", C::Private),
            ("10.255.255.255", C::Private),
            ("11.0.0.0", C::Global),
            ("100.63.255.255", C::Global),
            ("100.64.0.0", C::Shared),
            ("100.100.100.200", C::Metadata),
            ("100.127.255.255", C::Shared),
            ("100.128.0.0", C::Global),
            ("127.0.0.1", C::Loopback),
            ("127.255.255.255", C::Loopback),
            ("168.63.129.16", C::Metadata),
            ("169.254.0.1", C::LinkLocal),
            ("169.254.169.254", C::Metadata),
            ("169.254.170.2", C::Metadata),
            ("172.15.255.255", C::Global),
            ("172.16.0.0", C::Private),
            ("172.31.255.255", C::Private),
            ("172.32.0.0", C::Global),
            ("192.0.0.1", C::Reserved),
            ("192.0.0.192", C::Metadata),
            ("192.0.2.1", C::Documentation),
            ("192.88.99.1", C::Transition),
            ("192.168.0.0", C::Private),
            ("198.18.0.1", C::Benchmark),
            ("198.19.255.255", C::Benchmark),
            ("198.20.0.0", C::Global),
            ("198.51.100.1", C::Documentation),
            ("203.0.113.1", C::Documentation),
            ("224.0.0.1", C::Multicast),
            ("240.0.0.1", C::Reserved),
            ("255.255.255.255", C::Multicast),
            ("2606:4700::1111", C::Global),
            ("::", C::Unspecified),
            ("::1", C::Loopback),
            ("::2", C::Transition),
            ("::127.0.0.1", C::Transition),
            ("::ffff:0:127.0.0.1", C::Transition),
            ("64:ff9b::1.1.1.1", C::Global),
            ("64:ff9b::10.0.0.1", C::Private),
            ("64:ff9b::127.0.0.1", C::Loopback),
            ("64:ff9b:1::1.1.1.1", C::Transition),
            ("100::1", C::Reserved),
            ("2001::1", C::Transition),
            ("2001:2::1", C::Benchmark),
            ("2001:10::1", C::Reserved),
            ("2001:db8::1", C::Documentation),
            ("2001:4860:4860::8888", C::Global),
            ("2002:7f00:1::", C::Transition),
            ("3fff::1", C::Documentation),
            ("4000::1", C::Reserved),
            ("5f00::1", C::Reserved),
            ("fc00::1", C::Private),
            ("fd00:ec2::254", C::Metadata),
            ("fd20:ce::254", C::Metadata),
            ("fdff::1", C::Private),
            ("fe80::1", C::LinkLocal),
            ("fec0::1", C::Private),
            ("ff02::1", C::Multicast),
        ] {
            assert_eq!(classify(ip(address)), class, "{address}");
        }
    }

    #[test]
    fn a_name_reaches_public_addresses_only_unless_granted() {
        let name = Host::parse("api.example").unwrap();
        assert_eq!(check(ip("1.1.1.1"), &name, false), Ok(()));
        for address in ["10.0.0.1", "127.0.0.1", "100.64.0.1", "169.254.1.1", "fd00::1", "::1"] {
            let refused = check(ip(address), &name, false);
            assert!(matches!(refused, Err(AddressRefused::NotGranted { .. })), "{address}");
            assert_eq!(check(ip(address), &name, true), Ok(()), "{address}");
        }
    }

    #[test]
    fn no_grant_opens_a_metadata_service() {
        let name = Host::parse("api.example").unwrap();
        for address in [
            "169.254.169.254",
            "fd00:ec2::254",
            "100.100.100.200",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::",
            "0.0.0.0",
            "224.0.0.1",
        ] {
            let refused = check(ip(address), &name, true);
            assert!(matches!(refused, Err(AddressRefused::Never { .. })), "{address}");
        }
        let literal = Host::parse("169.254.169.254").unwrap();
        assert!(check(ip("169.254.169.254"), &literal, true).is_err());
    }

    #[test]
    fn this_machine_by_name_is_this_machine_only() {
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            let host = Host::parse(host).unwrap();
            assert_eq!(check(ip("127.0.0.1"), &host, true), Ok(()));
            let silent = check(ip("127.0.0.1"), &host, false);
            assert!(matches!(silent, Err(AddressRefused::NotGranted { .. })), "{host}");
            let public = check(ip("1.1.1.1"), &host, true);
            assert!(matches!(public, Err(AddressRefused::NotLoopback { .. })), "{host}");
        }
    }

    #[test]
    fn a_host_that_is_an_address_is_judged_as_one() {
        let host = |text: &str| Host::parse(text).unwrap();
        for text in ["1.1.1.1", "[2606:4700::1111]", "[64:ff9b::1.1.1.1]", "api.example"] {
            assert_eq!(check_host(&host(text), false), Ok(()), "{text}");
            assert!(!needs_private(&host(text)), "{text}");
        }
        for text in [
            "10.0.0.1",
            "127.0.0.1",
            "localhost",
            "a.localhost",
            "[::1]",
            "[64:ff9b::10.0.0.1]",
            "198.18.0.1",
        ] {
            assert!(needs_private(&host(text)), "{text}");
            assert_eq!(check_host(&host(text), true), Ok(()), "{text}");
        }
        for text in [
            "169.254.169.254",
            "[fd00:ec2::254]",
            "192.0.2.1",
            "0.0.0.0",
            "255.255.255.255",
            "[ff02::1]",
        ] {
            assert!(!needs_private(&host(text)), "{text}");
            let refused = check_host(&host(text), true);
            assert!(matches!(refused, Err(AddressRefused::Never { .. })), "{text}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let name = Host::parse("api.example").unwrap();
        let refused = check(ip("10.0.0.1"), &name, false).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "10.0.0.1 is a private address; if that is meant, add `private = true` to the grant"
        );
    }
}
