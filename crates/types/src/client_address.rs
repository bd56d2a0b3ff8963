//! Where a request comes from, behind proxies.

use ipnet::IpNet;
use std::net::IpAddr;

/// The proxies whose `X-Forwarded-For` is believed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

/// An entry that names no proxy.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("\"{0}\" is neither an address nor a network (10.0.0.0/8)")]
pub struct NotAProxy(pub String);

impl TrustedProxies {
    /// Reads addresses and networks.
    ///
    /// # Errors
    /// [`NotAProxy`] with the first entry that is neither.
    pub fn parse(entries: &[String]) -> Result<Self, NotAProxy> {
        let parse = |entry: &String| {
            let text = entry.trim();
            text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| NotAProxy(entry.clone()))
        };
        entries.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The peer's address, or the last one before the trusted proxies if the peer is one of them. `forwarded` are the values of
    /// the `X-Forwarded-For` headers in their order; what a client wrote itself stands before what the proxies added.
    #[must_use]
    pub fn client_address(&self, peer: IpAddr, forwarded: &[&str]) -> IpAddr {
        let mut client = peer.to_canonical();
        for written in forwarded.iter().rev().flat_map(|line| line.rsplit(',')) {
            if !self.trusts(client) {
                break;
            }
            let Ok(address) = written.trim().trim_matches(['[', ']']).parse::<IpAddr>() else { break };
            client = address.to_canonical();
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let trusted = TrustedProxies::parse(&trusted.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        trusted.client_address(peer.parse().unwrap(), forwarded).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_may_say_who_called() {
        assert_eq!(from("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
        assert_eq!(from("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.9.9.9"], &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(from("10.0.0.1", &["6.6.6.6", "203.0.113.7, 10.0.0.2"], &["10.0.0.0/8"]), "203.0.113.7");
        assert_eq!(from("10.0.0.1", &["nonsense"], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(from("::ffff:10.0.0.1", &["2001:db8::1"], &["10.0.0.1"]), "2001:db8::1");
        assert_eq!(from("10.0.0.1", &["198.51.100.1"], &["0.0.0.0/0"]), "198.51.100.1");
        assert_eq!(from("2001:db8:1::5", &["198.51.100.1"], &["2001:db8:1::/48"]), "198.51.100.1");
        assert_eq!(from("2001:db8:2::5", &["198.51.100.1"], &["2001:db8:1::/48"]), "2001:db8:2::5");
    }

    #[test]
    fn an_entry_that_is_no_proxy_is_named() {
        for bad in ["proxy.example", "1.2.3.4/33", ""] {
            assert_eq!(TrustedProxies::parse(&[bad.to_owned()]), Err(NotAProxy(bad.to_owned())));
        }
    }
}
