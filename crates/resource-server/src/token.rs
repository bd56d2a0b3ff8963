//! What an access token must be (RFC 9068 4, RS6). Pure: time, keys and URLs are passed in.

use crate::keys::VerificationKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use docent_types::api_key::NotAKey;
use docent_types::claims::ACCESS_TOKEN_TYPE;
use docent_types::ids::{ClientId, GrantId, ProjectId, UserId};
use docent_types::metadata::PublicUrls;
use docent_types::principal::Principal;
use docent_types::scope::ScopeSet;
use docent_types::time::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use std::time::Duration;

/// Longer tokens are not read.
pub const MAXIMUM_LENGTH: usize = 8 * 1024;
const MAXIMUM_ID_LENGTH: usize = 256;

/// Why a token is not accepted. Each text says what to do; none repeats the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// An API key where only access tokens are accepted.
    #[error("API keys are not accepted here: connect with OAuth and send an access token")]
    ApiKey,
    /// An API key that is none.
    #[error("{0}")]
    NotAKey(NotAKey),
    /// An API key that nobody has, or not any more.
    #[error("this API key is not in force: it was revoked, has ended, or its owner may not use the project any more")]
    UnknownKey,
    /// Not a JWT, or longer than one of ours.
    #[error(
        "this is not an access token of this server: get one by the authorization flow (a refresh token is exchanged at the token endpoint)"
    )]
    Form,
    /// `alg` is not on the list.
    #[error("the token is signed with an algorithm that is not accepted: get a new token")]
    Algorithm,
    /// `typ` is not `at+jwt`: an ID token, for example.
    #[error("this token is not an access token (its typ is not at+jwt): send the access_token of the token response")]
    Type,
    /// `kid` is missing or names no key of ours.
    #[error("the token is signed with a key that is not in use any more: refresh it")]
    Key,
    /// The signature is not that key's.
    #[error("the signature of the token is not valid: get a new token")]
    Signature,
    /// A required claim is missing or of the wrong JSON type.
    #[error("a required claim of the token is missing or of the wrong type: get a new token")]
    Claims,
    /// Another issuer's.
    #[error("the token was issued by another issuer: get one from the authorization server that the resource metadata names")]
    Issuer,
    /// For another resource.
    #[error("the token was issued for another resource: ask for one with the resource parameter of the resource metadata")]
    Audience,
    /// Ended. How many seconds ago.
    #[error("the token expired {0} seconds ago: refresh it")]
    Expired(i64),
    /// Issued or valid in the future.
    #[error("the token is not valid yet: check the clocks")]
    NotYet,
    /// The token or its grant was revoked.
    #[error("the access was revoked: connect again")]
    Revoked,
}

impl TokenError {
    /// A word for the record, if it is worth one: what does not happen to an honest client.
    #[must_use]
    pub const fn of_note(self) -> Option<&'static str> {
        match self {
            Self::Algorithm => Some("algorithm"),
            Self::Signature => Some("signature"),
            Self::Issuer => Some("issuer"),
            Self::Audience => Some("audience"),
            _ => None,
        }
    }
}

/// What is read of a header. Everything else in it (`jwk`, `jku`, `x5u`) is not looked at.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

/// Reads the header and answers the `kid`. Nothing is verified yet.
///
/// # Errors
/// [`TokenError::Form`], [`TokenError::Algorithm`], [`TokenError::Type`], [`TokenError::Key`].
pub fn key_id(token: &str) -> Result<String, TokenError> {
    if token.len() > MAXIMUM_LENGTH || token.bytes().filter(|b| *b == b'.').count() != 2 {
        return Err(TokenError::Form);
    }
    let (header, _) = token.split_once('.').ok_or(TokenError::Form)?;
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| TokenError::Form)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| TokenError::Form)?;
    if header.alg != "ES256" {
        return Err(TokenError::Algorithm);
    }
    let typ = header.typ.unwrap_or_default().to_ascii_lowercase();
    if typ.strip_prefix("application/").unwrap_or(&typ) != ACCESS_TOKEN_TYPE {
        return Err(TokenError::Type);
    }
    // RFC 7515 4.1.11: an extension that is not understood makes the token invalid, and none is.
    if header.crit.is_some() {
        return Err(TokenError::Form);
    }
    header.kid.filter(|kid| !kid.is_empty() && kid.len() <= MAXIMUM_ID_LENGTH).ok_or(TokenError::Key)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    List(Vec<String>),
}

impl Audience {
    fn is_exactly(&self, resource: &str) -> bool {
        match self {
            Self::One(one) => one == resource,
            Self::List(list) => matches!(list.as_slice(), [one] if one == resource),
        }
    }
}

/// The claims, each required and of one JSON type (CVE-2026-25537: a claim of the wrong type is not a missing one).
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: UserId,
    aud: Audience,
    exp: i64,
    iat: i64,
    nbf: i64,
    jti: String,
    client_id: ClientId,
    scope: ScopeSet,
    project: ProjectId,
    grant_id: GrantId,
}

/// A token that was verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Whom it speaks for.
    pub principal: Principal,
    /// Its id.
    pub jti: String,
}

/// What tokens are compared with.
#[derive(Debug)]
pub struct Verifier {
    validation: Validation,
    issuer: String,
    resource: String,
    leeway: Duration,
}

impl Verifier {
    /// For tokens of this issuer for this resource; `leeway` is for `iat` and `nbf`.
    #[must_use]
    pub fn new(urls: &PublicUrls, leeway: Duration) -> Self {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // The rest is compared below: with the clock that is passed in, and with a reason for each.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        Self { validation, issuer: urls.issuer.clone(), resource: urls.resource.clone(), leeway }
    }

    /// Verifies a token whose header named `key`.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn verify(&self, token: &str, key: &VerificationKey, now: Timestamp) -> Result<Verified, TokenError> {
        let claims = jsonwebtoken::decode::<Claims>(token, key.decoding(), &self.validation).map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => TokenError::Signature,
            ErrorKind::InvalidAlgorithm => TokenError::Algorithm,
            ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) | ErrorKind::Utf8(_) => {
                TokenError::Claims
            }
            // Broken base64 and whatever else the library will name.
            _ => TokenError::Form,
        })?;
        self.check(claims.claims, now)
    }

    fn check(&self, claims: Claims, now: Timestamp) -> Result<Verified, TokenError> {
        if claims.iss != self.issuer {
            return Err(TokenError::Issuer);
        }
        if !claims.aud.is_exactly(&self.resource) {
            return Err(TokenError::Audience);
        }
        let expires_at = Timestamp::from_seconds(claims.exp);
        if now >= expires_at {
            return Err(TokenError::Expired(now.seconds().saturating_sub(claims.exp)));
        }
        let latest = now.after(self.leeway);
        if Timestamp::from_seconds(claims.iat) > latest || Timestamp::from_seconds(claims.nbf) > latest {
            return Err(TokenError::NotYet);
        }
        let named = |id: &str| !id.is_empty() && id.len() <= MAXIMUM_ID_LENGTH;
        // A client's id may be the URL of its metadata document: longer than ids are.
        if !named(&claims.jti) || claims.client_id.as_str().is_empty() {
            return Err(TokenError::Claims);
        }
        let principal = Principal {
            user: claims.sub,
            project: claims.project,
            client: claims.client_id,
            grant: claims.grant_id,
            scopes: claims.scope,
            expires_at,
        };
        Ok(Verified { principal, jti: claims.jti })
    }
}
