//! Reading our own access tokens, for revocation, introspection and userinfo.

use crate::server::AuthorizationServer;
use docent_types::claims::{ACCESS_TOKEN_TYPE, AccessTokenClaims};
use docent_types::messages::PublicKeySet;
use docent_types::time::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

/// The claims of a token that this issuer signed for its resource, whether it has ended or not. `None` for anything else.
#[must_use]
pub fn read(token: &str, keys: &PublicKeySet, issuer: &str, resource: &str) -> Option<AccessTokenClaims> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    let is_ours = header.alg == Algorithm::ES256 && header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case(ACCESS_TOKEN_TYPE));
    let key = keys.keys.iter().find(|key| header.kid.as_deref() == Some(key.kid.as_str()))?;
    let key = DecodingKey::from_ec_components(&key.x, &key.y).ok()?;
    let mut validation = Validation::new(Algorithm::ES256);
    // Time is judged by the clock that is passed in, not by the library's.
    validation.validate_exp = false;
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[resource]);
    let claims = jsonwebtoken::decode::<AccessTokenClaims>(token, &key, &validation).ok()?.claims;
    is_ours.then_some(claims)
}

/// Whether this says that it is an ID token of ours. Not verified: it decides about words only.
#[must_use]
pub fn is_id_token(token: &str, keys: &PublicKeySet) -> bool {
    jsonwebtoken::decode_header(token).is_ok_and(|header| {
        let is_ours = keys.keys.iter().any(|key| header.kid.as_deref() == Some(key.kid.as_str()));
        is_ours && header.typ.is_some_and(|typ| typ.eq_ignore_ascii_case("JWT"))
    })
}

/// Whether the claims stand now: neither ended nor revoked.
#[must_use]
pub fn is_live(claims: &AccessTokenClaims, server: &AuthorizationServer, now: Timestamp) -> bool {
    let revoked = server.revoked.load();
    claims.exp > now.seconds()
        && claims.nbf <= now.seconds()
        && !revoked.grants.contains(&claims.grant_id)
        && !revoked.tokens.contains_key(&claims.jti)
}

/// The claims of one of our tokens that stands now.
#[must_use]
pub fn read_live(token: &str, server: &AuthorizationServer) -> Option<AccessTokenClaims> {
    let claims = read(token, &server.keys.load(), &server.settings.urls.issuer, &server.settings.urls.resource)?;
    is_live(&claims, server, server.now()).then_some(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::SigningKey;
    use docent_types::ids::{ClientId, GrantId, ProjectId, UserId};
    use docent_types::scope::ScopeSet;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn claims() -> AccessTokenClaims {
        AccessTokenClaims {
            iss: "https://a.example".into(),
            sub: UserId(Uuid::nil()),
            aud: "https://a.example/mcp".into(),
            exp: 10,
            iat: 1,
            nbf: 1,
            jti: "j".into(),
            client_id: ClientId("c_1".into()),
            scope: ScopeSet::resource_default(),
            project: ProjectId(Uuid::nil()),
            grant_id: GrantId(Uuid::nil()),
        }
    }

    #[test]
    fn only_our_own_access_tokens_are_read() {
        let (key, _) = SigningKey::generate().unwrap();
        let keys = PublicKeySet { keys: vec![key.public().clone()] };
        let read = |token: &str| read(token, &keys, "https://a.example", "https://a.example/mcp");
        let token = key.sign("at+jwt", &claims()).unwrap();
        assert_eq!(read(&token), Some(claims()), "an ended token is read too: its time is judged elsewhere");
        assert_eq!(read(&key.sign("JWT", &claims()).unwrap()), None, "an ID token is no access token");
        assert_eq!(read(&key.sign("at+jwt", &AccessTokenClaims { aud: "https://b.example".into(), ..claims() }).unwrap()), None);
        assert_eq!(read(&key.sign("at+jwt", &AccessTokenClaims { iss: "https://a.example/".into(), ..claims() }).unwrap()), None);
        let (other, _) = SigningKey::generate().unwrap();
        assert_eq!(read(&other.sign("at+jwt", &claims()).unwrap()), None);
        assert_eq!(read("x.y.z"), None);
        let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
        assert_eq!(read(&unsigned), None);
    }

    proptest! {
        /// AS18: raw bytes are no access token, and are not taken for an ID token.
        #[test]
        fn raw_bytes_are_no_token(bytes in proptest::collection::vec(any::<u8>(), 0..120), text in "\\PC{0,60}") {
            let (key, _) = SigningKey::generate().unwrap();
            let keys = PublicKeySet { keys: vec![key.public().clone()] };
            let part = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &bytes);
            for token in [text, format!("{part}.{part}.{part}"), String::from_utf8_lossy(&bytes).into_owned()] {
                prop_assert_eq!(read(&token, &keys, "https://a.example", "https://a.example/mcp"), None);
                prop_assert!(!is_id_token(&token, &keys));
            }
        }
    }
}
