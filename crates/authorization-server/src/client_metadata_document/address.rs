//! Which addresses may be asked (AS12): those of the public internet, and what the operator names. No network here.

use docent_types::documents::DocumentError;
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr as _;

/// IANA's special-purpose registry for IPv4 (RFC 6890), multicast, and one address of a cloud that looks public and is not.
const SPECIAL_4: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Azure's platform services, reachable from every virtual machine.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(192, 175, 48, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The special blocks within global unicast, `2000::/3`. Everything outside of that is special: loopback, mapped and compatible
/// IPv4, NAT64, discard-only, unique local, link-local, site-local, segment routing, multicast.
const SPECIAL_6: &[(Ipv6Addr, u8)] = &[
    // Protocol assignments: Teredo (2001::/32), benchmarking (2001:2::/48), ORCHID (2001:10::/28, 2001:20::/28) and others.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4 carries an IPv4 address.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

const fn within_4(address: Ipv4Addr, (network, prefix): (Ipv4Addr, u8)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (32 - prefix) == 0
}

const fn within_6(address: Ipv6Addr, (network, prefix): (Ipv6Addr, u8)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (128 - prefix) == 0
}

/// Whether an address has a special use: it leads to this machine, a private network, many machines, nobody, or to another
/// address that is written into it.
#[must_use]
pub fn is_special_use(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => SPECIAL_4.iter().any(|block| within_4(address, *block)),
        IpAddr::V6(address) => {
            !within_6(address, (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3)) || SPECIAL_6.iter().any(|block| within_6(address, *block))
        }
    }
}

/// The IPv4 address to which an IPv6 address leads: mapped, compatible, NAT64 (both prefixes), 6to4.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    let low = Ipv4Addr::from_bits(u32::try_from(bits & 0xffff_ffff).unwrap_or_default());
    let leads_low = [
        (Ipv6Addr::UNSPECIFIED, 96),
        (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
        (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
        (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
    ];
    if leads_low.into_iter().any(|block| within_6(address, block)) {
        return Some(low);
    }
    let six_to_four = within_6(address, (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16));
    six_to_four.then(|| Ipv4Addr::from_bits(u32::try_from((bits >> 80) & 0xffff_ffff).unwrap_or_default()))
}

/// What the operator permits beyond the public internet (`clients.metadata_document_hosts_allowed`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Allowed {
    /// Hosts, in lower case: their addresses may be of special use. With an address, that one is asked and none is looked up.
    hosts: HashMap<String, Option<SocketAddr>>,
    networks: Vec<IpNet>,
}

impl Allowed {
    /// Reads entries of the forms `host`, `host=address:port`, `address` and `address/prefix`.
    ///
    /// # Errors
    /// The first entry that is none of these.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut allowed = Self::default();
        for entry in entries.into_iter().map(str::trim) {
            let is_host =
                |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
            if let Some(network) = IpNet::from_str(entry).ok().or_else(|| IpAddr::from_str(entry).ok().map(IpNet::from)) {
                allowed.networks.push(network);
            } else if let Some((host, at)) = entry.split_once('=')
                && is_host(host)
                && let Ok(at) = SocketAddr::from_str(at)
            {
                allowed.hosts.insert(host.to_ascii_lowercase(), Some(at));
            } else if is_host(entry) {
                allowed.hosts.insert(entry.to_ascii_lowercase(), None);
            } else {
                return Err(format!("\"{entry}\" is neither a host, nor host=address:port, nor a network like 10.0.0.0/8"));
            }
        }
        Ok(allowed)
    }

    /// The address that stands for a host whatever its name resolves to.
    #[must_use]
    pub fn instead_of(&self, host: &str) -> Option<SocketAddr> {
        self.hosts.get(host).copied().flatten()
    }

    fn permits(&self, host: &str, address: IpAddr) -> bool {
        if !is_special_use(address) || self.hosts.contains_key(host) {
            return true;
        }
        let named = |address: IpAddr| self.networks.iter().any(|network| network.contains(&address));
        // A translated address is as good as what it leads to.
        let leads_well = match address {
            IpAddr::V6(six) => carried(six).is_none_or(|four| !is_special_use(four.into()) || named(four.into())),
            IpAddr::V4(_) => true,
        };
        named(address) && leads_well
    }

    /// Of the addresses of a host, those that may be connected to.
    ///
    /// # Errors
    /// [`DocumentError::Address`] if none may, [`DocumentError::Host`] if there are none.
    pub fn of(&self, host: &str, found: &[IpAddr]) -> Result<Vec<IpAddr>, DocumentError> {
        let permitted: Vec<IpAddr> = found.iter().copied().filter(|address| self.permits(host, *address)).collect();
        match (found.is_empty(), permitted.is_empty()) {
            (true, _) => Err(DocumentError::Host),
            (false, true) => Err(DocumentError::Address),
            (false, false) => Ok(permitted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// AS12: the first and the last address of every block of special use, and their neighbours outside of it.
    #[test]
    fn every_special_use_block_is_refused_from_its_first_address_to_its_last() {
        for (first, last) in [
            ("0.0.0.0", "0.255.255.255"),
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("168.63.129.16", "168.63.129.16"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.0.0.0", "192.0.0.255"),
            ("192.0.2.0", "192.0.2.255"),
            ("192.31.196.0", "192.31.196.255"),
            ("192.52.193.0", "192.52.193.255"),
            ("192.88.99.0", "192.88.99.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("192.175.48.0", "192.175.48.255"),
            ("198.18.0.0", "198.19.255.255"),
            ("198.51.100.0", "198.51.100.255"),
            ("203.0.113.0", "203.0.113.255"),
            ("224.0.0.0", "239.255.255.255"),
            ("240.0.0.0", "255.255.255.255"),
            // Unspecified, loopback, IPv4-compatible and IPv4-mapped.
            ("::", "::ffff"),
            ("::1", "::1"),
            ("::7f00:1", "::a9fe:a9fe"),
            ("::ffff:0.0.0.0", "::ffff:255.255.255.255"),
            ("::ffff:8.8.8.8", "::ffff:169.254.169.254"),
            // IPv4-translated (SIIT), NAT64 and its local prefix.
            ("::ffff:0:0:0", "::ffff:0:a9fe:a9fe"),
            ("64:ff9b::", "64:ff9b::ffff:ffff"),
            ("64:ff9b::8.8.8.8", "64:ff9b::169.254.169.254"),
            ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
            // Discard-only, dummy.
            ("100::", "100::ffff:ffff:ffff:ffff"),
            ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"),
            // Teredo, benchmarking, ORCHID, ORCHIDv2, drone remote identification, the rest of the protocol assignments.
            ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"),
            ("2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
            // Documentation, 6to4, AS112, documentation again, segment routing.
            ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2002:808:808::", "2002:a9fe:a9fe::1"),
            ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"),
            ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            // Unique local, link-local, site-local, multicast.
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fd00:ec2::254", "fd00:ec2::254"),
            ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            assert!(is_special_use(ip(first)), "{first}");
            assert!(is_special_use(ip(last)), "{last}");
        }
        for public in [
            "1.0.0.0",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "203.0.114.0",
            "223.255.255.255",
            "2000::1",
            "2001:200::",
            "2001:4860:4860::8888",
            "2001:db7:ffff::",
            "2001:db9::",
            "2003::",
            "2606:4700::1111",
            "2620:4f:7fff:ffff::",
            "2620:4f:8001::",
            "3ffe:ffff::",
            "3fff:1000::",
            "3fff:ffff::",
        ] {
            assert!(!is_special_use(ip(public)), "{public}");
        }
    }

    /// AS12.
    #[test]
    fn only_what_the_operator_names_is_permitted_beyond_the_public_internet() {
        let nothing = Allowed::default();
        let (public, private) = (ip("8.8.8.8"), ip("10.1.2.3"));
        assert_eq!(nothing.of("a.example", &[private, public]), Ok(vec![public]), "of several, only those that are public");
        assert_eq!(nothing.of("a.example", &[private, ip("::1")]), Err(DocumentError::Address));
        assert_eq!(nothing.of("a.example", &[]), Err(DocumentError::Host));
        let some = Allowed::parse(["clients.internal", "10.1.0.0/16", "mirror.example=127.0.0.1:4443"]).unwrap();
        assert_eq!(some.of("clients.internal", &[ip("192.168.0.1")]), Ok(vec![ip("192.168.0.1")]));
        assert_eq!(some.of("x.clients.internal", &[ip("192.168.0.1")]), Err(DocumentError::Address), "a host is that host");
        assert_eq!(some.of("a.example", &[private]), Ok(vec![private]));
        assert_eq!(some.of("a.example", &[ip("10.2.0.1")]), Err(DocumentError::Address));
        assert_eq!(some.instead_of("mirror.example"), Some("127.0.0.1:4443".parse().unwrap()));
        assert_eq!(some.instead_of("clients.internal"), None);
        for wrong in ["", "a b", "https://a.example", "10.0.0.0/33", "a.example=localhost:1", "a.example=127.0.0.1"] {
            assert!(Allowed::parse([wrong]).is_err(), "{wrong}");
        }
    }

    /// AS12: permitting translation (NAT64) does not permit what it may be translated to.
    #[test]
    fn a_permitted_translation_leads_only_where_one_may_go_directly() {
        let translated = Allowed::parse(["64:ff9b::/96"]).unwrap();
        assert!(translated.of("a.example", &[ip("64:ff9b::8.8.8.8")]).is_ok());
        for inward in ["64:ff9b::169.254.169.254", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1"] {
            assert_eq!(translated.of("a.example", &[ip(inward)]), Err(DocumentError::Address), "{inward}");
        }
    }

    proptest! {
        /// AS12: whatever carries an IPv4 address of special use within it is of special use itself.
        #[test]
        fn no_ipv6_form_of_a_special_ipv4_address_gets_by(bits in any::<u32>()) {
            let four = Ipv4Addr::from_bits(bits);
            let low = u128::from(bits);
            for six in [low, 0xffff_u128 << 32 | low, 0x0064_ff9b_u128 << 96 | low, 0x0064_ff9b_0001_u128 << 80 | low, 0x2002_u128 << 112 | low << 80] {
                let six = Ipv6Addr::from_bits(six);
                prop_assert!(is_special_use(six.into()), "{six}");
                prop_assert_eq!(carried(six), Some(four));
            }
        }

        #[test]
        fn any_entry_is_read_or_refused(entry in "\\PC{0,40}") {
            let _ = Allowed::parse([entry.as_str()]);
        }
    }
}
