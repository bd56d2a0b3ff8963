//! What the operator decides about this authorization server.

use crate::identity_assertion::{TrustedIssuer, TrustedIssuerError};
use docent_types::client_address::TrustedProxies;
use docent_types::ids::ClientId;
use docent_types::metadata::PublicUrls;
use std::time::Duration;

/// Access tokens of 300 s or less make some clients refresh before every request (`interop.md`).
pub const SHORTEST_ACCESS_TOKEN: Duration = Duration::from_secs(301);

/// Who may make an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignUp {
    /// Whoever has an administrator's link.
    Invite,
    /// Everybody.
    Open,
    /// Nobody: accounts are made at the command line.
    Closed,
}

/// Who may register a client (RFC 7591).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DynamicRegistration {
    /// Everybody.
    Open,
    /// Whoever has an initial access token.
    Token,
    /// Nobody.
    Off,
}

/// The settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where this deployment is reached.
    pub urls: PublicUrls,
    /// Its name for people.
    pub site_name: String,
    /// Who may make an account.
    pub sign_up: SignUp,
    /// Who may register a client.
    pub dynamic_registration: DynamicRegistration,
    /// Whether an https URL may be a `client_id` (AS12).
    pub metadata_documents: bool,
    /// How long an access token lives (AS16).
    pub access_token_lifetime: Duration,
    /// How long an unused refresh token lives.
    pub refresh_token_lifetime: Duration,
    /// How long a code lives (AS8).
    pub code_lifetime: Duration,
    /// How long a browser stays signed in.
    pub session_lifetime: Duration,
    /// Whether issuer and resource share an origin, so that `/authorize`, `/token` and `/register` stand at its root (AS22).
    pub serves_root_aliases: bool,
    /// How long whoever registers too often waits for the refusal, so that a flood is only as fast as it has connections.
    pub registration_refusal_delay: Duration,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// The issuers whose identity assertions are grants (AS20).
    pub trusted_issuers: Vec<TrustedIssuer>,
    /// The clients that may ask about every token (RFC 7662): protected resources that are not ours.
    pub resource_servers: Vec<ClientId>,
}

/// Why settings are refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SettingsError {
    /// Too short a life for access tokens.
    #[error("access tokens must live at least {} s: shorter ones make clients refresh before every request", SHORTEST_ACCESS_TOKEN.as_secs())]
    AccessTokenTooShort,
    /// A life of nothing.
    #[error("{0} must be longer than zero")]
    Zero(&'static str),
    /// The issuer is not a usable string.
    #[error("the issuer must be an http or https URL without a trailing slash, query or fragment")]
    Issuer,
    /// An issuer of identity assertions cannot be trusted as it is configured.
    #[error(transparent)]
    TrustedIssuer(#[from] TrustedIssuerError),
    /// An issuer of identity assertions is there twice.
    #[error("auth.trusted_issuers names {0} twice")]
    TrustedTwice(String),
}

impl Settings {
    /// The defaults for a deployment that is reached at `urls`.
    #[must_use]
    pub fn new(urls: PublicUrls) -> Self {
        let serves_root_aliases = urls.is_combined();
        Self {
            urls,
            site_name: "Docent".to_owned(),
            sign_up: SignUp::Invite,
            dynamic_registration: DynamicRegistration::Open,
            metadata_documents: false,
            access_token_lifetime: Duration::from_secs(900),
            refresh_token_lifetime: Duration::from_secs(90 * 86_400),
            code_lifetime: Duration::from_secs(60),
            session_lifetime: Duration::from_secs(30 * 86_400),
            serves_root_aliases,
            registration_refusal_delay: Duration::from_secs(1),
            trusted_proxies: TrustedProxies::default(),
            trusted_issuers: Vec::new(),
            resource_servers: Vec::new(),
        }
    }

    /// Refuses what would not work.
    ///
    /// # Errors
    /// [`SettingsError`] says what and why.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.access_token_lifetime < SHORTEST_ACCESS_TOKEN {
            return Err(SettingsError::AccessTokenTooShort);
        }
        for (name, lifetime) in [
            ("the life of refresh tokens", self.refresh_token_lifetime),
            ("the life of codes", self.code_lifetime),
            ("the life of sessions", self.session_lifetime),
        ] {
            if lifetime.is_zero() {
                return Err(SettingsError::Zero(name));
            }
        }
        for (at, trusted) in self.trusted_issuers.iter().enumerate() {
            trusted.check(&self.urls.issuer)?;
            if self.trusted_issuers[..at].iter().any(|other| other.issuer == trusted.issuer) {
                return Err(SettingsError::TrustedTwice(trusted.issuer.clone()));
            }
        }
        let issuer = &self.urls.issuer;
        let usable = url::Url::parse(issuer)
            .is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.query().is_none() && url.fragment().is_none());
        if usable && !issuer.ends_with('/') { Ok(()) } else { Err(SettingsError::Issuer) }
    }

    /// Whether cookies are `Secure`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.urls.issuer.starts_with("https://")
    }

    /// The path of one of our pages, for links and redirects within this origin.
    #[must_use]
    pub fn path(&self, page: &str) -> String {
        format!("{}{page}", self.urls.issuer_path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::new(PublicUrls { issuer: "https://a.example/auth".into(), resource: "https://a.example/mcp".into() })
    }

    /// AS16.
    #[test]
    fn access_tokens_that_make_clients_refresh_all_the_time_are_refused() {
        assert_eq!(settings().check(), Ok(()));
        let short = Settings { access_token_lifetime: Duration::from_secs(300), ..settings() };
        assert_eq!(short.check(), Err(SettingsError::AccessTokenTooShort));
        assert_eq!(Settings { access_token_lifetime: Duration::from_secs(301), ..settings() }.check(), Ok(()));
    }

    #[test]
    fn an_issuer_with_a_trailing_slash_is_refused() {
        let slash =
            Settings { urls: PublicUrls { issuer: "https://a.example/".into(), resource: "https://a.example/mcp".into() }, ..settings() };
        assert_eq!(slash.check(), Err(SettingsError::Issuer));
        assert_eq!(settings().path("/sign-in"), "/auth/sign-in");
    }
}
