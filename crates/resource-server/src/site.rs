//! Which `Host` and `Origin` are ours (RS8): against DNS rebinding and other sites' scripts.

use crate::challenge::Refusal;
use crate::settings::Settings;
use actix_web::http::Uri;
use actix_web::http::header::{self, HeaderMap};
use std::net::Ipv6Addr;

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// A host with a port. A port that is missing is any in a list, and the scheme's own in a request.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Authority {
    host: String,
    port: Option<u16>,
}

impl Authority {
    fn parse(value: &str) -> Option<Self> {
        let (host, port) = if value.starts_with('[') {
            let end = value.find(']')?;
            value[1..end].parse::<Ipv6Addr>().ok()?;
            (&value[..=end], &value[end + 1..])
        } else {
            value.find(':').map_or((value, ""), |colon| value.split_at(colon))
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if host.is_empty() || !(host.starts_with('[') || host.bytes().all(plain)) {
            return None;
        }
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
            _ => return None,
        };
        Some(Self { host: host.to_ascii_lowercase(), port })
    }
}

/// An origin, its port always known.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let authority = Authority::parse(rest)?;
        let port = authority.port.or_else(|| default_port(&scheme))?;
        Some(Self { scheme, host: authority.host, port })
    }

    fn is_loopback(&self) -> bool {
        LOOPBACK.contains(&self.host.as_str()) && matches!(self.scheme.as_str(), "http" | "https")
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// The hosts and origins of this deployment.
#[derive(Debug)]
pub struct Site {
    own: Option<Origin>,
    hosts: Vec<Authority>,
    origins: Vec<Origin>,
    any_origin: bool,
}

impl Site {
    /// Reads them from the settings. An entry that is none is named in the log and left out: it allows nothing.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let hosts = settings.allowed_hosts.iter().filter_map(|entry| {
            let parsed = Authority::parse(entry.trim());
            if parsed.is_none() {
                tracing::error!(entry, "an allowed host is neither `host` nor `host:port`");
            }
            parsed
        });
        let own = [settings.urls.resource_origin(), settings.urls.issuer_origin()];
        let configured = settings.allowed_origins.iter().map(|entry| entry.trim().trim_end_matches('/')).filter(|entry| *entry != "*");
        let origins = own.into_iter().chain(configured).filter_map(|entry| {
            let parsed = Origin::parse(entry);
            if parsed.is_none() {
                tracing::error!(entry, "an allowed origin is not `scheme://host[:port]`");
            }
            parsed
        });
        Self {
            own: Origin::parse(settings.urls.resource_origin()),
            hosts: hosts.collect(),
            origins: origins.collect(),
            any_origin: settings.allowed_origins.iter().any(|entry| entry.trim() == "*"),
        }
    }

    /// Whether every origin is allowed.
    #[must_use]
    pub const fn allows_any_origin(&self) -> bool {
        self.any_origin
    }

    /// Checks `Host`, and `Origin` where there is one.
    ///
    /// # Errors
    /// [`Refusal::Host`] or [`Refusal::Origin`].
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut named = headers.get_all(header::HOST);
        let from_header = match (named.next(), named.next()) {
            (Some(one), None) => Some(one.to_str().map_err(|_| Refusal::Host)?),
            (None, _) => None,
            _ => return Err(Refusal::Host),
        };
        // An absolute request target names the host as well: whoever reads either must read ours.
        let from_target = uri.authority().map(|authority| authority.as_str());
        if from_header.is_none() && from_target.is_none() {
            return Err(Refusal::Host);
        }
        if ![from_header, from_target].into_iter().flatten().all(|host| self.is_host(host)) {
            return Err(Refusal::Host);
        }
        let mut origins = headers.get_all(header::ORIGIN);
        match (origins.next(), origins.next()) {
            (None, _) => Ok(()),
            (Some(one), None) if one.to_str().is_ok_and(|origin| self.is_origin(origin)) => Ok(()),
            _ => Err(Refusal::Origin),
        }
    }

    fn is_host(&self, value: &str) -> bool {
        let Some(asked) = Authority::parse(value) else { return false };
        let own = self.own.as_ref().is_some_and(|own| {
            (asked.host == own.host || LOOPBACK.contains(&asked.host.as_str()))
                && asked.port.map_or_else(|| default_port(&own.scheme) == Some(own.port), |port| port == own.port)
        });
        own || self.hosts.iter().any(|allowed| allowed.host == asked.host && (allowed.port.is_none() || allowed.port == asked.port))
    }

    fn is_origin(&self, value: &str) -> bool {
        self.any_origin || Origin::parse(value).is_some_and(|asked| asked.is_loopback() || self.origins.contains(&asked))
    }

    /// Every accepted `Host`.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        let own = self.own.iter().flat_map(|own| {
            let default = default_port(&own.scheme) == Some(own.port);
            std::iter::once(own.host.as_str())
                .chain(LOOPBACK)
                .map(move |host| if default { host.to_owned() } else { format!("{host}:{}", own.port) })
        });
        let configured =
            self.hosts.iter().map(|entry| entry.port.map_or_else(|| entry.host.clone(), |port| format!("{}:{port}", entry.host)));
        own.chain(configured).collect()
    }

    /// Every accepted `Origin`; none if all are.
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        if self.any_origin {
            return Vec::new();
        }
        let listed = self.origins.iter().map(|origin| format!("{}://{}:{}", origin.scheme, origin.host, origin.port));
        let loopback = ["http", "https"].into_iter().flat_map(|scheme| LOOPBACK.map(|host| format!("{scheme}://{host}:*")));
        listed.chain(loopback).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::metadata::PublicUrls;
    use proptest::prelude::*;

    fn site(resource: &str, hosts: &[&str], origins: &[&str]) -> Site {
        let urls = PublicUrls { issuer: "https://auth.example.com".into(), resource: resource.into() };
        let mut settings = Settings::new(urls, "Docent");
        settings.allowed_hosts = hosts.iter().map(ToString::to_string).collect();
        settings.allowed_origins = origins.iter().map(ToString::to_string).collect();
        Site::new(&settings)
    }

    /// RS8: a `Host` that is not ours is refused.
    #[test]
    fn only_our_own_hosts_are_accepted() {
        let public = site("https://docs.example.com/mcp", &["internal", "proxy:81"], &[]);
        for host in ["docs.example.com", "DOCS.example.com:443", "internal", "internal:9", "proxy:81", "localhost", "[::1]:443"] {
            assert!(public.is_host(host), "{host}");
        }
        for host in [
            "evil.example",
            "docs.example.com:8080",
            "docs.example.com.evil.example",
            "proxy",
            "proxy:82",
            "",
            "docs.example.com:",
            "a@docs.example.com",
            "docs.example.com:443:1",
            "[::1",
            "127.0.0.1:8080",
        ] {
            assert!(!public.is_host(host), "{host}");
        }
        let local = site("http://localhost:8080/mcp", &[], &[]);
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"] {
            assert!(local.is_host(host), "{host}");
        }
        assert!(!local.is_host("localhost") && !local.is_host("localhost:8081") && !local.is_host("rebound.example:8080"));
    }

    /// RS8: an `Origin` that is not allowed is refused; a browser client on loopback is not.
    #[test]
    fn only_our_own_loopback_and_configured_origins_are_accepted() {
        let site = site("https://docs.example.com/mcp", &[], &["https://app.example/"]);
        for origin in [
            "https://docs.example.com",
            "https://auth.example.com:443",
            "http://localhost:6274",
            "http://127.0.0.1",
            "https://[::1]:1",
            "https://app.example",
        ] {
            assert!(site.is_origin(origin), "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://docs.example.com",
            "https://docs.example.com:8443",
            "http://localhost.evil.example",
            "https://evil.example",
            "file://localhost",
            "http://localhost:1/x",
        ] {
            assert!(!site.is_origin(origin), "{origin}");
        }
    }

    #[test]
    fn a_star_allows_every_origin() {
        let site = site("https://docs.example.com/mcp", &[], &["*"]);
        assert!(site.is_origin("null") && site.is_origin("https://anything.example"));
        assert!(site.origins().is_empty());
    }

    #[test]
    fn the_lists_for_the_transport_say_the_same() {
        let site = site("http://localhost:8080/mcp", &["internal"], &[]);
        assert!(site.hosts().contains(&"localhost:8080".to_owned()) && site.hosts().contains(&"internal".to_owned()));
        assert!(site.origins().contains(&"https://auth.example.com:443".to_owned()));
        assert!(site.origins().contains(&"http://localhost:*".to_owned()));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parsers_panic_and_hosts_end_at_their_end(text in ".{0,40}") {
            let site = site("https://docs.example.com/mcp", &[], &[]);
            let longer = format!("docs.example.com.{text}");
            prop_assert!(!site.is_host(&longer));
            site.is_host(&text);
            site.is_origin(&text);
        }
    }
}
