//! Where a request comes from, behind proxies.

use actix_web::http::header::{HeaderMap, X_FORWARDED_FOR};
use std::net::IpAddr;

/// Networks whose `X-Forwarded-For` is believed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrustedProxies(Vec<(IpAddr, u8)>);

impl TrustedProxies {
    /// Reads addresses and networks (`10.0.0.0/8`). An entry that is neither is named in the log and trusts nobody.
    #[must_use]
    pub fn parse(entries: &[String]) -> Self {
        let parse = |entry: &String| {
            let (address, length) = entry.trim().split_once('/').map_or((entry.trim(), None), |(address, length)| (address, Some(length)));
            let address: IpAddr = address.parse().ok()?;
            let bits = if address.is_ipv4() { 32 } else { 128 };
            let length = length.map_or(Some(bits), |length| length.parse().ok())?;
            (length <= bits).then_some((address, length))
        };
        let networks = entries.iter().filter_map(|entry| {
            let parsed = parse(entry);
            if parsed.is_none() {
                tracing::error!(entry, "a trusted proxy is neither an address nor a network");
            }
            parsed
        });
        Self(networks.collect())
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|(network, length)| match (network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => same(network.to_bits().into(), address.to_bits().into(), 32, *length),
            (IpAddr::V6(network), IpAddr::V6(address)) => same(network.to_bits(), address.to_bits(), 128, *length),
            _ => false,
        })
    }
}

const fn same(network: u128, address: u128, bits: u8, length: u8) -> bool {
    match (network ^ address).checked_shr((bits - length) as u32) {
        Some(difference) => difference == 0,
        None => true,
    }
}

/// The peer's address, or the last one before the trusted proxies if the peer is one of them.
#[must_use]
pub fn client_address(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &TrustedProxies) -> Option<IpAddr> {
    let mut client = peer?.to_canonical();
    let named: Vec<&str> =
        headers.get_all(X_FORWARDED_FOR).filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
    for entry in named.into_iter().rev() {
        if !trusted.trusts(client) {
            break;
        }
        let Ok(address) = entry.trim().trim_matches(['[', ']']).parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    Some(client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn from(peer: &str, forwarded: &'static str, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_static(forwarded));
        let trusted = TrustedProxies::parse(&trusted.iter().map(ToString::to_string).collect::<Vec<_>>());
        client_address(peer.parse().ok(), &headers, &trusted).unwrap().to_string()
    }

    #[test]
    fn only_a_trusted_proxy_may_say_who_called() {
        assert_eq!(from("203.0.113.9", "198.51.100.1", &[]), "203.0.113.9");
        assert_eq!(from("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.9.9.9", &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(from("10.0.0.1", "nonsense", &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(from("::ffff:10.0.0.1", "2001:db8::1", &["10.0.0.1"]), "2001:db8::1");
        assert_eq!(from("10.0.0.1", "198.51.100.1", &["0.0.0.0/0"]), "198.51.100.1");
        assert_eq!(from("2001:db8:1::5", "198.51.100.1", &["2001:db8:1::/48"]), "198.51.100.1");
        assert_eq!(from("2001:db8:2::5", "198.51.100.1", &["2001:db8:1::/48", "bad", "1.2.3.4/33"]), "2001:db8:2::5");
    }
}
