//! Proof Key for Code Exchange (RFC 7636), method S256 only (AS2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Whether `challenge` can be the base64url form of a SHA-256: 43 characters that decode to 32 bytes.
#[must_use]
pub fn challenge_is_valid(challenge: &str) -> bool {
    challenge.len() == 43 && URL_SAFE_NO_PAD.decode(challenge).is_ok_and(|bytes| bytes.len() == 32)
}

/// Whether `verifier` has the length and alphabet of RFC 7636 4.1: 43 to 128 of `A-Z a-z 0-9 - . _ ~`.
#[must_use]
pub fn verifier_is_valid(verifier: &str) -> bool {
    (43..=128).contains(&verifier.len()) && verifier.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

/// `BASE64URL(SHA256(verifier))`, RFC 7636 4.6.
#[must_use]
pub fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    #[test]
    fn the_example_of_the_rfc() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(verifier_is_valid(verifier));
        assert_eq!(s256(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn lengths_and_alphabets_are_held() {
        assert!(!verifier_is_valid(&"a".repeat(42)) && verifier_is_valid(&"~".repeat(128)) && !verifier_is_valid(&"a".repeat(129)));
        assert!(!verifier_is_valid(&format!("{}+", "a".repeat(43))));
        assert!(!challenge_is_valid(&"a".repeat(42)) && !challenge_is_valid(&"=".repeat(43)) && challenge_is_valid(&s256("x")));
    }
}
