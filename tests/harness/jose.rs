//! Keys and tokens of other issuers and of attackers. Signed by hand, so that any bytes can be signed: a library would refuse to.

use crate::Result;
use anyhow::{Context as _, anyhow};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// An ES256 key.
#[derive(Debug)]
pub struct Key {
    /// Its id.
    pub kid: String,
    pair: EcdsaKeyPair,
}

/// Seconds since 1970, for claims.
///
/// # Errors
/// The machine's clock stands before 1970.
#[expect(clippy::disallowed_methods, reason = "the server under test has the machine's clock too")]
pub fn now() -> Result<i64> {
    Ok(i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs())?)
}

/// base64url without padding.
#[must_use]
pub fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Header and claims of a token, unverified.
///
/// # Errors
/// It is not a JWT.
pub fn read(token: &str) -> Result<(Value, Value)> {
    let mut parts = token.split('.').map(|part| anyhow::Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?));
    Ok((parts.next().context("no header")??, parts.next().context("no claims")??))
}

/// A token without a signature; its last part is empty.
#[must_use]
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}.", encoded(header.to_string()), encoded(claims.to_string()))
}

/// A token with an HMAC (HS256).
#[must_use]
pub fn hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", encoded(tag))
}

/// The spellings of a public P-256 key that a careless verifier may take for an HMAC secret.
///
/// # Errors
/// It is no such key.
pub fn as_secrets(public: &Value) -> Result<Vec<Vec<u8>>> {
    let part = |name: &str| anyhow::Ok(URL_SAFE_NO_PAD.decode(public[name].as_str().with_context(|| format!("no {name} in {public}"))?)?);
    let (x, y) = (part("x")?, part("y")?);
    let point = [&[4_u8], x.as_slice(), &y].concat();
    // SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480 2).
    let prefix = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
        0x07, 0x03, 0x42, 0x00,
    ];
    let der = [prefix.as_slice(), &point].concat();
    let text = STANDARD.encode(&der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &text[..64], &text[64..]);
    let spelled = public["x"].as_str().unwrap_or_default().as_bytes().to_vec();
    Ok(vec![pem.trim_end().as_bytes().to_vec(), pem.into_bytes(), der, point, x, spelled, public.to_string().into_bytes(), Vec::new()])
}

impl Key {
    /// A new key.
    ///
    /// # Errors
    /// None could be made.
    pub fn generate(kid: &str) -> Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| anyhow!("no key could be made"))?;
        Ok(Self { kid: kid.to_owned(), pair })
    }

    /// The private half (PKCS #8, PEM), for a client that signs by itself.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn private_pem(&self) -> Result<String> {
        let document = self.pair.to_pkcs8v1().map_err(|_| anyhow!("the key cannot be written"))?;
        Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(document.as_ref())))
    }

    /// The public half (RFC 7517).
    #[must_use]
    pub fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "x": encoded(&point[1..33]), "y": encoded(&point[33..]), "kid": self.kid, "alg": "ES256", "use": "sig"})
    }

    /// The public half as a key set.
    #[must_use]
    pub fn key_set(&self) -> Value {
        json!({"keys": [self.public()]})
    }

    /// An honest header.
    #[must_use]
    pub fn header(&self, typ: &str) -> Value {
        json!({"alg": "ES256", "typ": typ, "kid": self.kid})
    }

    /// Signs.
    ///
    /// # Errors
    /// The signature failed.
    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String> {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// Signs whatever stands there.
    ///
    /// # Errors
    /// The signature failed.
    pub fn sign_text(&self, header: &str, claims: &str) -> Result<String> {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).map_err(|_| anyhow!("the signature failed"))?;
        Ok(format!("{message}.{}", encoded(signature)))
    }
}
