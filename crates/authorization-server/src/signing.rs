//! The key that signs, and what it signs: JSON Web Signatures in their compact form (RFC 7515), ES256 only.

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use docent_types::messages::PublicKey;
use serde::Serialize;
use std::sync::Arc;

/// The published snapshot of the key that signs now; empty until there is one. Written by [`crate::KeyRing`].
pub type SharedSigner = Arc<ArcSwapOption<SigningKey>>;

/// Why nothing was signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SigningError {
    /// The stored bytes are no key.
    #[error("the stored signing key cannot be read")]
    Key,
    /// The claims could not be written as JSON, or the signature failed.
    #[error("the token could not be signed")]
    Sign,
}

/// A private key with its public half. It is parsed once: reading PKCS #8 costs more than a signature.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    public: PublicKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public.kid)
    }
}

/// The header of a token (RFC 7515 4.1).
#[derive(Serialize)]
struct Header<'a> {
    typ: &'a str,
    alg: &'a str,
    kid: &'a str,
}

impl SigningKey {
    /// A new key and its PKCS #8 form, which is to be sealed before it is stored.
    ///
    /// # Errors
    /// [`SigningError::Key`] when no key could be made.
    pub fn generate() -> Result<(Self, Vec<u8>), SigningError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| SigningError::Key)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| SigningError::Key)?.as_ref().to_vec();
        Ok((Self::from_pair(pair)?, pkcs8))
    }

    /// A key from its PKCS #8 form.
    ///
    /// # Errors
    /// [`SigningError::Key`] when the bytes are not one.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, SigningError> {
        Self::from_pair(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(|_| SigningError::Key)?)
    }

    fn from_pair(pair: EcdsaKeyPair) -> Result<Self, SigningError> {
        // An uncompressed point (SEC 1 2.3.3): 0x04, x, y.
        let (x, y) = match pair.public_key().as_ref() {
            [4, point @ ..] if point.len() == 64 => (URL_SAFE_NO_PAD.encode(&point[..32]), URL_SAFE_NO_PAD.encode(&point[32..])),
            _ => return Err(SigningError::Key),
        };
        // The key's thumbprint (RFC 7638 3): the required members in the order of the alphabet.
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, members.as_bytes()));
        let public = PublicKey { kty: "EC".into(), crv: "P-256".into(), x, y, kid, alg: "ES256".into(), usage: "sig".into() };
        Ok(Self { pair, public })
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `claims` as a token of type `typ`.
    ///
    /// # Errors
    /// [`SigningError::Sign`].
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SigningError> {
        let header = serde_json::to_vec(&Header { typ, alg: "ES256", kid: &self.public.kid }).map_err(|_| SigningError::Sign)?;
        let claims = serde_json::to_vec(claims).map_err(|_| SigningError::Sign)?;
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.pair.sign(&SystemRandom::new(), token.as_bytes()).map_err(|_| SigningError::Sign)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};

    #[test]
    fn what_is_signed_is_verified_by_the_published_half() {
        let (key, pkcs8) = SigningKey::generate().unwrap();
        let again = SigningKey::from_pkcs8(&pkcs8).unwrap();
        assert_eq!(key.public(), again.public());
        let token = again.sign("at+jwt", &serde_json::json!({"sub": "a", "exp": 4_102_444_800_i64})).unwrap();
        let verifier = DecodingKey::from_ec_components(&key.public().x, &key.public().y).unwrap();
        let data = jsonwebtoken::decode::<serde_json::Value>(&token, &verifier, &Validation::new(Algorithm::ES256)).unwrap();
        assert_eq!(data.claims["sub"], "a");
        assert_eq!((data.header.typ.as_deref(), data.header.kid.as_deref()), (Some("at+jwt"), Some(key.public().kid.as_str())));
        let (other, _) = SigningKey::generate().unwrap();
        let wrong = DecodingKey::from_ec_components(&other.public().x, &other.public().y).unwrap();
        assert!(jsonwebtoken::decode::<serde_json::Value>(&token, &wrong, &Validation::new(Algorithm::ES256)).is_err());
    }

    #[test]
    fn a_key_prints_nothing_private() {
        let (key, _) = SigningKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.public().kid));
        assert!(SigningKey::from_pkcs8(b"nonsense").is_err());
    }
}
