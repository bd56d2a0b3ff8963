//! What a successful token request is answered with (AS16).

use crate::answer::Refused;
use crate::server::AuthorizationServer;
use crate::signing::SigningKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use docent_types::claims::{ACCESS_TOKEN_TYPE, AccessTokenClaims};
use docent_types::ids::uuid_v7;
use docent_types::messages::GrantFacts;
use docent_types::oauth::{Error, ErrorCode};
use docent_types::scope::{Scope, ScopeSet};
use docent_types::secret::Secret;
use docent_types::time::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// Refresh tokens begin with this, so that a leaked one can be recognised.
const REFRESH_TOKEN_PREFIX: &str = "dr_";

/// The body of the answer (RFC 6749 5.1).
#[derive(Serialize)]
pub struct TokenAnswer {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

/// An ID token's claims (OpenID Connect Core 2).
#[derive(Serialize)]
struct IdTokenClaims<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    exp: i64,
    iat: i64,
    auth_time: i64,
    at_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// The key that signs now; asked for before anything is consumed.
pub fn signer(server: &AuthorizationServer) -> Result<Arc<SigningKey>, Refused> {
    let busy = || Error {
        retry_after: Some(2),
        ..Error::new(ErrorCode::TemporarilyUnavailable, "There is no signing key yet. Try again shortly.")
    };
    Ok(server.signer.load_full().ok_or_else(busy)?)
}

/// A new refresh token.
pub fn new_refresh_token(server: &AuthorizationServer) -> Secret {
    Secret::generate(&*server.randomness, REFRESH_TOKEN_PREFIX)
}

fn lifetime(server: &AuthorizationServer) -> i64 {
    i64::try_from(server.settings.access_token_lifetime.as_secs()).unwrap_or(i64::MAX)
}

fn unsigned(error: crate::signing::SigningError) -> Refused {
    tracing::error!(%error, "a token could not be signed");
    Error::internal().into()
}

/// An access token under a grant.
pub fn access_token(
    server: &AuthorizationServer,
    signer: &SigningKey,
    facts: &GrantFacts,
    scopes: &ScopeSet,
    now: Timestamp,
) -> Result<String, Refused> {
    let claims = AccessTokenClaims {
        iss: server.settings.urls.issuer.clone(),
        sub: facts.user,
        aud: facts.resource.clone(),
        exp: now.seconds().saturating_add(lifetime(server)),
        iat: now.seconds(),
        nbf: now.seconds(),
        jti: uuid_v7(now, &*server.randomness).to_string(),
        client_id: facts.client.clone(),
        scope: scopes.clone(),
        project: facts.project,
        grant_id: facts.grant,
    };
    signer.sign(ACCESS_TOKEN_TYPE, &claims).map_err(unsigned)
}

/// The left half of the access token's hash (OpenID Connect Core 3.1.3.6).
fn at_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token.as_bytes())[..16])
}

/// An ID token, if `openid` was granted.
pub async fn id_token(
    server: &AuthorizationServer,
    signer: &SigningKey,
    facts: &GrantFacts,
    access_token: &str,
    now: Timestamp,
) -> Result<Option<String>, Refused> {
    if !facts.scopes.contains(Scope::OpenId) {
        return Ok(None);
    }
    let tells = |scope| facts.scopes.contains(scope);
    let user = if tells(Scope::Email) || tells(Scope::Profile) { server.store.user(facts.user).await? } else { None };
    let (email, name) = user.map_or((None, None), |user| {
        (tells(Scope::Email).then_some(user.email), (tells(Scope::Profile) && !user.name.is_empty()).then_some(user.name))
    });
    let claims = IdTokenClaims {
        iss: &server.settings.urls.issuer,
        sub: facts.user.to_string(),
        aud: facts.client.as_str(),
        exp: now.seconds().saturating_add(lifetime(server)),
        iat: now.seconds(),
        auth_time: facts.authenticated_at.seconds(),
        at_hash: at_hash(access_token),
        nonce: facts.nonce.as_deref(),
        email,
        name,
    };
    signer.sign("JWT", &claims).map(Some).map_err(unsigned)
}

/// The answer's body.
pub fn answer(
    server: &AuthorizationServer,
    access_token: String,
    scopes: &ScopeSet,
    refresh: Option<Secret>,
    id_token: Option<String>,
) -> TokenAnswer {
    TokenAnswer {
        access_token,
        token_type: "Bearer",
        expires_in: server.settings.access_token_lifetime.as_secs(),
        refresh_token: refresh.map(|secret| secret.expose().to_owned()),
        scope: scopes.to_string(),
        id_token,
    }
}
