//! PKCE (AS2): alphabet, length, and what a challenge can be.

use docent_types::pkce::{challenge_is_valid, s256, verifier_is_valid};
use proptest::prelude::*;

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

proptest! {
    /// RFC 7636 4.1: of any text, those of 43 to 128 characters of the alphabet are verifiers, and their challenges are challenges.
    #[test]
    fn a_verifier_is_what_the_rfc_says(text in prop_oneof!["[A-Za-z0-9._~-]{40,132}", "[ -~]{43,60}", "\\PC{0,140}"]) {
        let is_one = (43..=128).contains(&text.chars().count()) && text.chars().all(|c| ALPHABET.contains(c));
        prop_assert_eq!(verifier_is_valid(&text), is_one);
        prop_assert!(challenge_is_valid(&s256(&text)), "whatever it is the challenge of, a challenge has its form");
        prop_assert!(!challenge_is_valid(&text) || text.len() == 43);
    }

    /// Different verifiers have different challenges, and the challenge is no verifier of itself.
    #[test]
    fn a_challenge_fits_one_verifier(one in "[A-Za-z0-9._~-]{43,128}", other in "[A-Za-z0-9._~-]{43,128}") {
        prop_assert_eq!(one == other, s256(&one) == s256(&other));
        prop_assert_ne!(s256(&s256(&one)), s256(&one));
    }

    /// 32 bytes have 43 characters of base64url, the last of which has four bits only.
    #[test]
    fn a_challenge_is_the_form_of_32_bytes(text in "[A-Za-z0-9_-]{43}", other in "[A-Za-z0-9+/=._~-]{42,44}") {
        prop_assert_eq!(challenge_is_valid(&text), "AEIMQUYcgkosw048".contains(text.chars().last().unwrap()));
        let is_other = other.len() == 43 && other.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') && "AEIMQUYcgkosw048".contains(other.chars().last().unwrap());
        prop_assert_eq!(challenge_is_valid(&other), is_other);
    }
}
