//! Identity assertions (ID-JAG) of issuers that the operator trusts: enterprise-managed authorization (AS20,
//! draft-ietf-oauth-identity-assertion-authz-grant).
//!
//! - [`issuer`]: whom the operator trusts, and how far.
//! - [`keys`]: that issuer's keys, read from where the operator said.
//! - [`assertion`]: what an assertion must be. Pure: keys, time and URLs are passed in.

pub mod assertion;
pub mod issuer;
pub mod keys;

pub use assertion::{Assertion, Fault};
pub use issuer::{AccountPolicy, AllowedClient, KeySource, TrustedIssuer, TrustedIssuerError};

use assertion::Expected;
use docent_types::ids::ClientId;
use docent_types::time::{SharedClock, Timestamp};
use keys::{IssuerKeys, IssuerKeysError};

/// The trusted issuers of this deployment with their keys.
#[derive(Default)]
pub struct TrustedIssuers(Vec<(TrustedIssuer, IssuerKeys)>);

/// Why an assertion gives nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unread {
    /// The assertion is at fault; whose it says it is, if that is one of ours.
    Fault(Fault, Option<String>),
    /// The issuer's keys cannot be had at this moment.
    Unavailable,
}

impl TrustedIssuers {
    /// With the issuers that the settings name.
    ///
    /// # Errors
    /// A key set that cannot be read, or a machine without usable TLS.
    pub fn new(issuers: &[TrustedIssuer], clock: &SharedClock) -> Result<Self, IssuerKeysError> {
        let with_keys = issuers.iter().map(|issuer| Ok((issuer.clone(), IssuerKeys::new(&issuer.keys, clock.clone())?)));
        with_keys.collect::<Result<Vec<_>, IssuerKeysError>>().map(Self)
    }

    /// Whether there is any: without one the grant type does not exist.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads an assertion that `client` presented, and verifies it to the end.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub async fn read(
        &self,
        assertion: &str,
        client: &ClientId,
        own_issuer: &str,
        resource: &str,
        now: Timestamp,
    ) -> Result<(&TrustedIssuer, Assertion), Unread> {
        let named = assertion::named_issuer(assertion).map_err(|fault| Unread::Fault(fault, None))?;
        let (issuer, keys) = self.0.iter().find(|(issuer, _)| issuer.issuer == named).ok_or(Unread::Fault(Fault::Issuer, None))?;
        let at_fault = |fault| Unread::Fault(fault, Some(issuer.issuer.clone()));
        let header = assertion::header(assertion, &issuer.algorithms).map_err(at_fault)?;
        let key = keys.find(header.kid.as_deref(), header.algorithm).await.map_err(|_| Unread::Unavailable)?;
        let key = key.ok_or_else(|| at_fault(Fault::Key))?;
        let expected = Expected { issuer, client, own_issuer, resource, now };
        let read = assertion::verify(assertion, header.algorithm, &key, &expected).map_err(at_fault)?;
        Ok((issuer, read))
    }
}
