//! What an operator chooses.

use crate::site::Site;
use docent_types::client_address::TrustedProxies;
use docent_types::metadata::PublicUrls;
use std::time::Duration;

/// How the guard stands in its deployment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The issuer and the resource, as clients see them.
    pub urls: PublicUrls,
    /// The name for people in the metadata.
    pub site_name: String,
    /// `host` or `host:port` values of `Host` that are accepted besides the resource's own and loopback.
    pub allowed_hosts: Vec<String>,
    /// Origins of browser clients that are accepted besides our own and loopback; `*` for every one.
    pub allowed_origins: Vec<String>,
    /// How many verified tokens are remembered.
    pub verified_cache: usize,
    /// By how much `iat` and `nbf` may lie in the future. `exp` has no leeway.
    pub clock_leeway: Duration,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
}

impl Settings {
    /// The defaults for these URLs.
    #[must_use]
    pub fn new(urls: PublicUrls, site_name: impl Into<String>) -> Self {
        Self {
            urls,
            site_name: site_name.into(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            verified_cache: 20_000,
            clock_leeway: Duration::from_secs(30),
            trusted_proxies: TrustedProxies::default(),
        }
    }

    /// Every `Host` that the guard accepts, for the transport behind it that checks a second time.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        Site::new(self).hosts()
    }

    /// Every `Origin` that the guard accepts, for the transport behind it; `:*` stands for any port, and an empty list
    /// for no check because every origin is allowed.
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        Site::new(self).origins()
    }
}
