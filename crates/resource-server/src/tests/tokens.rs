//! What an access token must be.

use super::fixture::{GRANT, Signer, World};
use crate::challenge::Refusal;
use crate::token::{MAXIMUM_LENGTH, TokenError, key_id};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use docent_types::messages::{PublicKeySet, Revoked};
use jsonwebtoken::{Algorithm, EncodingKey};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

async fn refused(world: &World, token: &str) -> TokenError {
    match world.server.authenticate(token).await {
        Err(Refusal::Token(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// RS6: a token with every claim right is accepted, and says who calls.
#[actix_web::test]
async fn a_right_token_speaks_for_its_principal() {
    let world = World::new();
    let principal = world.server.authenticate(&world.token()).await.unwrap();
    assert_eq!(principal.grant, GRANT);
    let listed = world.signer.sign(&world.claims_with("aud", json!(["https://docs.example.com/mcp"])));
    assert_eq!(world.server.authenticate(&listed).await.unwrap(), principal);
    let long_type = json!({ "alg": "ES256", "typ": "application/AT+JWT", "kid": "current" });
    assert!(world.server.authenticate(&world.signer.sign_with(&long_type, &world.claims().to_string())).await.is_ok());
}

/// RS6: `alg` is on the list, whatever else a header offers.
#[actix_web::test]
async fn algorithm_confusion_is_refused() {
    let world = World::new();
    let claims = world.claims().to_string();
    for alg in ["none", "None", "HS256", "RS256", "ES384", "EdDSA", ""] {
        let header = json!({ "alg": alg, "typ": "at+jwt", "kid": "current" });
        assert_eq!(refused(&world, &world.signer.sign_with(&header, &claims)).await, TokenError::Algorithm, "{alg}");
    }
    // The public key as an HMAC secret, in both of its usual spellings.
    let header = URL_SAFE_NO_PAD.encode(json!({ "alg": "HS256", "typ": "at+jwt", "kid": "current" }).to_string());
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(&claims));
    for secret in [world.signer.public.x.as_bytes(), serde_json::to_string(&world.signer.public).unwrap().as_bytes()] {
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256).unwrap();
        assert_eq!(refused(&world, &format!("{message}.{signature}")).await, TokenError::Algorithm);
    }
    let unsigned = URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "typ": "at+jwt", "kid": "current" }).to_string());
    assert_eq!(refused(&world, &format!("{unsigned}.{}.", URL_SAFE_NO_PAD.encode(&claims))).await, TokenError::Algorithm);
}

/// RS6: a key that travels in the header is not a key.
#[actix_web::test]
async fn a_key_in_the_header_is_not_looked_at() {
    let world = World::new();
    let other = Signer::new("current");
    let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": "current", "jwk": other.public, "jku": "https://evil.example/jwks" });
    assert_eq!(refused(&world, &other.sign_with(&header, &world.claims().to_string())).await, TokenError::Signature);
}

/// RS6: `typ` is `at+jwt`: an ID token or a token of another kind is refused.
#[actix_web::test]
async fn another_type_is_refused() {
    let world = World::new();
    let claims = world.claims().to_string();
    for typ in [json!("JWT"), json!(""), json!("id+jwt"), json!("application/application/at+jwt")] {
        let header = json!({ "alg": "ES256", "typ": typ, "kid": "current" });
        assert_eq!(refused(&world, &world.signer.sign_with(&header, &claims)).await, TokenError::Type, "{typ}");
    }
    let absent = json!({ "alg": "ES256", "kid": "current" });
    assert_eq!(refused(&world, &world.signer.sign_with(&absent, &claims)).await, TokenError::Type);
}

/// RS6: a header that is not understood as a whole is refused.
#[actix_web::test]
async fn broken_headers_are_refused() {
    let world = World::new();
    let claims = world.claims().to_string();
    let table = [
        (json!({ "alg": "ES256", "typ": "at+jwt" }), TokenError::Key),
        (json!({ "alg": "ES256", "typ": "at+jwt", "kid": "" }), TokenError::Key),
        (json!({ "alg": "ES256", "typ": "at+jwt", "kid": "unknown" }), TokenError::Key),
        (json!({ "alg": "ES256", "typ": "at+jwt", "kid": 7 }), TokenError::Form),
        (json!({ "alg": ["ES256"], "typ": "at+jwt", "kid": "current" }), TokenError::Form),
        (json!({ "alg": "ES256", "typ": "at+jwt", "kid": "current", "crit": ["b64"], "b64": false }), TokenError::Form),
        (json!([]), TokenError::Form),
    ];
    for (header, expected) in table {
        assert_eq!(refused(&world, &world.signer.sign_with(&header, &claims)).await, expected, "{header}");
    }
    let twice = r#"{"alg":"ES256","alg":"none","typ":"at+jwt","kid":"current"}"#;
    let rest = world.token();
    let (_, rest) = rest.split_once('.').unwrap();
    assert_eq!(refused(&world, &format!("{}.{rest}", URL_SAFE_NO_PAD.encode(twice))).await, TokenError::Form);
}

/// RS6, CVE-2026-25537: each required claim, when missing and when of every wrong JSON type, is refused.
#[actix_web::test]
async fn missing_claims_and_claims_of_a_wrong_type_are_refused() {
    let world = World::new();
    let text = ["iss", "sub", "aud", "jti", "client_id", "scope", "project", "grant_id"];
    let number = ["exp", "iat", "nbf"];
    for name in text.iter().chain(&number) {
        assert_eq!(refused(&world, &world.signer.sign(&world.claims_with(name, Value::Null))).await, TokenError::Claims, "{name} missing");
        let mut wrong = vec![json!(true), json!({}), json!([1]), json!([["x"]])];
        if text.contains(name) {
            wrong.push(json!(7));
        } else {
            let good = world.claims()[name].as_i64().unwrap();
            wrong.extend([json!(good.to_string()), json!("x"), json!([good]), json!(1e300)]);
        }
        for value in wrong {
            assert_eq!(
                refused(&world, &world.signer.sign(&world.claims_with(name, value.clone()))).await,
                TokenError::Claims,
                "{name}: {value}"
            );
        }
        // A JSON null is not a value either.
        let mut claims = world.claims();
        claims[name] = Value::Null;
        assert_eq!(refused(&world, &world.signer.sign(&claims)).await, TokenError::Claims, "{name}: null");
    }
    for name in ["jti", "client_id", "sub", "project", "grant_id"] {
        assert_eq!(refused(&world, &world.signer.sign(&world.claims_with(name, json!("")))).await, TokenError::Claims, "{name} empty");
    }
    let twice = world.claims().to_string().replacen('{', "{\"aud\":\"https://docs.example.com/mcp\",", 1);
    assert_eq!(refused(&world, &world.signer.sign_with(&world.signer.header(), &twice)).await, TokenError::Claims);
}

/// RS6: `iss` is our issuer and `aud` exactly this resource, byte for byte.
#[actix_web::test]
async fn another_issuer_and_another_audience_are_refused() {
    let world = World::new();
    for issuer in ["https://auth.example.com/", "https://AUTH.example.com", "https://evil.example"] {
        assert_eq!(refused(&world, &world.signer.sign(&world.claims_with("iss", json!(issuer)))).await, TokenError::Issuer, "{issuer}");
    }
    let audiences = [
        json!("https://docs.example.com"),
        json!("https://docs.example.com/mcp/"),
        json!("https://docs.example.com/mcp2"),
        json!("c_test"),
        json!([]),
        json!(["https://docs.example.com/mcp", "https://other.example/mcp"]),
        json!(["https://other.example/mcp"]),
    ];
    for audience in audiences {
        assert_eq!(
            refused(&world, &world.signer.sign(&world.claims_with("aud", audience.clone()))).await,
            TokenError::Audience,
            "{audience}"
        );
    }
}

/// RS6: `exp` without leeway; `iat` and `nbf` with the leeway and not a second more.
#[actix_web::test]
async fn times_are_compared_with_the_clock_that_is_passed_in() {
    let world = World::new();
    let now = world.claims()["iat"].as_i64().unwrap();
    assert_eq!(refused(&world, &world.signer.sign(&world.claims_with("exp", json!(now)))).await, TokenError::Expired(0));
    assert_eq!(refused(&world, &world.signer.sign(&world.claims_with("exp", json!(now - 30)))).await, TokenError::Expired(30));
    assert_eq!(refused(&world, &world.signer.sign(&world.claims_with("exp", json!(0)))).await, TokenError::Expired(now));
    assert_eq!(refused(&world, &world.signer.sign(&world.claims_with("exp", json!(i64::MIN)))).await, TokenError::Claims);
    for name in ["iat", "nbf"] {
        assert!(world.server.authenticate(&world.signer.sign(&world.claims_with(name, json!(now + 30)))).await.is_ok(), "{name}");
        assert_eq!(refused(&world, &world.signer.sign(&world.claims_with(name, json!(now + 31)))).await, TokenError::NotYet, "{name}");
        assert_eq!(refused(&world, &world.signer.sign(&world.claims_with(name, json!(i64::MAX)))).await, TokenError::NotYet, "{name}");
    }
}

/// RS6: a changed byte anywhere, another key's signature, or what is no JWT at all, is refused.
#[actix_web::test]
async fn what_was_not_signed_so_is_refused() {
    let world = World::new();
    let token = world.token();
    let mut parts: Vec<&str> = token.split('.').collect();
    let other = world.signer.sign(&world.claims_with("scope", json!("libraries:write")));
    parts[1] = other.split('.').nth(1).unwrap();
    assert_eq!(refused(&world, &parts.join(".")).await, TokenError::Signature);
    let stranger = Signer::new("current");
    assert_eq!(refused(&world, &stranger.sign(&world.claims())).await, TokenError::Signature);
    let (message, _) = token.rsplit_once('.').unwrap();
    assert_eq!(refused(&world, &format!("{message}.")).await, TokenError::Signature);
    for text in ["x", "a.b", "a.b.c", "a.b.c.d", "..", "drt_0123456789", &"a".repeat(MAXIMUM_LENGTH + 1), &format!("{token}.x")] {
        assert_eq!(refused(&world, text).await, TokenError::Form, "{text:.40}");
    }
}

/// RS3: a token that is remembered still dies at `exp`, to the second.
#[actix_web::test]
async fn a_remembered_token_dies_at_its_end() {
    let world = World::new();
    let token = world.token();
    world.server.authenticate(&token).await.unwrap();
    world.advance(899);
    world.server.authenticate(&token).await.unwrap();
    world.advance(1);
    assert_eq!(refused(&world, &token).await, TokenError::Expired(0));
    world.advance(30);
    assert_eq!(refused(&world, &token).await.to_string(), "the token expired 30 seconds ago: refresh it");
}

/// RS3: a token that is remembered dies when it or its grant is revoked.
#[actix_web::test]
async fn a_remembered_token_dies_at_revocation() {
    let world = World::new();
    let token = world.token();
    let by_grant = Revoked { grants: [GRANT].into(), ..Revoked::default() };
    let by_id = Revoked {
        tokens: [("token-1".to_owned(), world.server.authenticate(&token).await.unwrap().expires_at)].into(),
        ..Revoked::default()
    };
    for revoked in [by_grant, by_id] {
        world.server.authenticate(&token).await.unwrap();
        world.revoked.store(Arc::new(revoked));
        assert_eq!(refused(&world, &token).await, TokenError::Revoked);
        world.revoked.store(Arc::default());
    }
}

/// RS3: a token that is remembered dies with its key, also when another key takes the same id.
#[actix_web::test]
async fn a_remembered_token_dies_with_its_key() {
    let world = World::new();
    let token = world.token();
    world.server.authenticate(&token).await.unwrap();
    world.keys.store(Arc::new(PublicKeySet { keys: vec![Signer::new("current").public] }));
    assert_eq!(refused(&world, &token).await, TokenError::Signature);
    world.keys.store(Arc::new(PublicKeySet { keys: vec![Signer::new("next").public] }));
    assert_eq!(refused(&world, &token).await, TokenError::Key);
}

/// RS6: a key that is not in the snapshot is asked for once, and used as soon as it is published.
#[actix_web::test]
async fn an_unknown_key_is_asked_for() {
    let next = Signer::new("next");
    let world = World::with(Some(next.public.clone()), |_| {});
    let token = next.sign(&world.claims());
    for _ in 0..3 {
        world.server.authenticate(&token).await.unwrap();
    }
    assert_eq!(world.asked.load(Ordering::SeqCst), 1);
    let busy = json!({ "alg": "ES256", "typ": "at+jwt", "kid": "busy" });
    let answer = world.server.authenticate(&next.sign_with(&busy, &world.claims().to_string())).await;
    assert_eq!(answer, Err(Refusal::Unavailable));
}

/// RS6: a published key that is not for ES256 signatures verifies nothing.
#[actix_web::test]
async fn a_published_key_of_another_kind_is_not_used() {
    let world = World::new();
    for (field, value) in [("alg", "HS256"), ("crv", "P-384"), ("kty", "oct"), ("use", "enc")] {
        let mut key = serde_json::to_value(&world.signer.public).unwrap();
        key[field] = json!(value);
        world.keys.store(Arc::new(PublicKeySet { keys: vec![serde_json::from_value(key).unwrap()] }));
        assert_eq!(refused(&world, &world.token()).await, TokenError::Key, "{field}");
    }
}

#[actix_web::test]
async fn the_memory_of_verified_tokens_is_bounded() {
    let world = World::with(None, |settings| settings.verified_cache = 16);
    for number in 0..64 {
        let token = world.signer.sign(&world.claims_with("jti", json!(format!("t{number}"))));
        world.server.authenticate(&token).await.unwrap();
    }
    assert!(world.server.remembered() <= 16);
}

proptest! {
    /// RS6: no bytes make the reader of a token's header panic, and none without our header pass it.
    #[test]
    fn arbitrary_text_is_not_a_token(text in "[A-Za-z0-9._-]{0,80}") {
        prop_assert!(key_id(&text).is_err());
    }

    /// RS6: raw bytes as header and claims are no token of ours, whatever they decode to.
    #[test]
    fn raw_bytes_are_not_a_token(header in proptest::collection::vec(any::<u8>(), 0..120), claims in proptest::collection::vec(any::<u8>(), 0..120)) {
        let token = format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        prop_assert!(key_id(&token).is_err());
    }

    /// RS6: arbitrary JSON in a header never passes for ours unless it says so.
    #[test]
    fn arbitrary_headers_are_not_ours(alg in "[A-Za-z0-9]{0,6}", typ in "[a-z+/]{0,12}", kid in ".{0,8}") {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "typ": typ, "kid": kid }).to_string());
        let ours = alg == "ES256" && typ.trim_start_matches("application/") == "at+jwt" && !kid.is_empty();
        let token = format!("{header}.e30.c2ln");
        prop_assert!(ours || key_id(&token).is_err());
    }
}
