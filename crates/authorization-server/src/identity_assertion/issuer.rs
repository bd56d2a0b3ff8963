//! Whom the operator trusts to say who somebody is, and how far.

use docent_types::ids::ClientId;
use jsonwebtoken::Algorithm;
use url::{Host, Url};

/// What is accepted where the operator names no algorithms.
const DEFAULT_ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// Where an issuer's keys are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeySource {
    /// Read from there, and again when they change.
    Uri(String),
    /// A key set (RFC 7517) as text, for machines without a network.
    Text(String),
}

/// A client whose assertions are accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllowedClient {
    /// Its id here.
    pub id: ClientId,
    /// What the issuer calls it in `client_id`, if that is another name.
    pub known_as: Option<String>,
}

/// What becomes of a subject that was never seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AccountPolicy {
    /// Refused: an operator links subjects to accounts.
    Existing,
    /// It gets an account.
    Create,
}

/// A trusted issuer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedIssuer {
    /// `iss` of its assertions, byte for byte.
    pub issuer: String,
    /// Its keys.
    pub keys: KeySource,
    /// The algorithms that it may sign with.
    pub algorithms: Vec<Algorithm>,
    /// The clients whose assertions are accepted. Empty: every client that may use the grant type.
    pub clients: Vec<AllowedClient>,
    /// What becomes of unknown subjects.
    pub accounts: AccountPolicy,
    /// The team project that tokens are for; without it, the person's own.
    pub project: Option<String>,
    /// Of an issuer of several tenants: the one that is trusted.
    pub tenant: Option<String>,
}

/// Why an issuer is not trusted as it is configured.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("auth.trusted_issuers, {issuer}: {what}")]
pub struct TrustedIssuerError {
    issuer: String,
    what: String,
}

/// Whether keys and assertions may come from there: https, or this machine.
fn is_usable(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.fragment().is_none() && (url.scheme() == "https" || url.scheme() == "http" && is_loopback)
}

/// Algorithms by their names. None named: the usual ones. Symmetric ones are none.
///
/// # Errors
/// The first name that is not an asymmetric algorithm of ours.
pub fn algorithms(names: &[String]) -> Result<Vec<Algorithm>, String> {
    if names.is_empty() {
        return Ok(DEFAULT_ALGORITHMS.to_vec());
    }
    names
        .iter()
        .map(|name| match name.parse() {
            Ok(Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) | Err(_) => Err(name.clone()),
            Ok(algorithm) => Ok(algorithm),
        })
        .collect()
}

impl TrustedIssuer {
    /// An issuer with its keys, and nothing but what it must have.
    #[must_use]
    pub fn new(issuer: &str, keys: KeySource) -> Self {
        Self {
            issuer: issuer.to_owned(),
            keys,
            algorithms: DEFAULT_ALGORITHMS.to_vec(),
            clients: Vec::new(),
            accounts: AccountPolicy::Existing,
            project: None,
            tenant: None,
        }
    }

    /// Refuses what would not work, or would trust more than the operator can mean.
    ///
    /// # Errors
    /// [`TrustedIssuerError`] says what and why.
    pub fn check(&self, own_issuer: &str) -> Result<(), TrustedIssuerError> {
        let wrong = |what: &str| Err(TrustedIssuerError { issuer: self.issuer.clone(), what: what.to_owned() });
        if !is_usable(&self.issuer) {
            return wrong("issuer must be an https URL (http on this machine only)");
        }
        // An authorization server gives no access token for an assertion of its own.
        if self.issuer == own_issuer {
            return wrong("issuer is this Docent itself");
        }
        match &self.keys {
            KeySource::Uri(uri) if !is_usable(uri) => wrong("jwks_uri must be an https URL (http on this machine only)"),
            _ if self.accounts == AccountPolicy::Create && self.project.is_none() => {
                wrong("accounts = \"create\" needs project: the team that new accounts belong to")
            }
            _ => Ok(()),
        }
    }

    /// Whether `client` may present an assertion in which it is called `named`.
    #[must_use]
    pub fn allows(&self, client: &ClientId, named: &str) -> bool {
        if self.clients.is_empty() {
            return client.as_str() == named;
        }
        self.clients.iter().any(|allowed| allowed.id == *client && allowed.known_as.as_deref().unwrap_or(client.as_str()) == named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer() -> TrustedIssuer {
        TrustedIssuer::new("https://idp.example", KeySource::Uri("https://idp.example/keys".into()))
    }

    /// AS20.
    #[test]
    fn an_issuer_that_nobody_can_mean_is_refused() {
        let check = |issuer: TrustedIssuer| issuer.check("https://docs.example");
        assert_eq!(check(issuer()), Ok(()));
        assert_eq!(check(TrustedIssuer { issuer: "http://localhost:9000".into(), ..issuer() }), Ok(()));
        for wrong in ["http://idp.example", "idp.example", "https://docs.example", "", "https://idp.example#x"] {
            assert!(check(TrustedIssuer { issuer: wrong.into(), ..issuer() }).is_err(), "{wrong}");
        }
        assert!(check(TrustedIssuer { keys: KeySource::Uri("http://idp.example/keys".into()), ..issuer() }).is_err());
        assert!(check(TrustedIssuer { accounts: AccountPolicy::Create, ..issuer() }).is_err());
        assert!(check(TrustedIssuer { accounts: AccountPolicy::Create, project: Some("Team".into()), ..issuer() }).is_ok());
    }

    /// AS20: never a symmetric algorithm, never `none`.
    #[test]
    fn only_asymmetric_algorithms_can_be_configured() {
        assert_eq!(algorithms(&["ES384".into()]), Ok(vec![Algorithm::ES384]));
        assert!(algorithms(&[]).is_ok_and(|list| list.len() == 4));
        for wrong in ["HS256", "none", "None", "", "es256"] {
            assert_eq!(algorithms(&["ES256".into(), wrong.into()]), Err(wrong.to_owned()));
        }
    }

    /// AS20: an assertion speaks to one client; another name of it counts only where the operator says so.
    #[test]
    fn an_assertion_is_for_the_client_that_presents_it() {
        let (mine, other) = (ClientId("c_mine".into()), ClientId("c_other".into()));
        assert!(issuer().allows(&mine, "c_mine") && !issuer().allows(&mine, "c_other"));
        let clients = vec![AllowedClient { id: mine.clone(), known_as: Some("0oa1".into()) }];
        let listed = TrustedIssuer { clients, ..issuer() };
        assert!(listed.allows(&mine, "0oa1"));
        assert!(!listed.allows(&mine, "c_mine") && !listed.allows(&other, "c_other") && !listed.allows(&other, "0oa1"));
    }
}
