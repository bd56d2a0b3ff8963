//! Device authorization (RFC 8628): the code that a person reads on one machine and types on another.

use crate::random::Randomness;
use crate::sealing::MasterKey;
use crate::secret::SecretHash;
use aws_lc_rs::hmac;
use std::fmt;

/// The grant type, as on the wire.
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Letters that no vowel makes a word of and that are not taken for each other or for digits (RFC 8628 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;

/// A user code: eight of twenty letters, 34.5 bits. That is little, so it lives for minutes, guesses are limited, and what is stored of it
/// needs a key to be searched.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode([u8; LENGTH]);

impl UserCode {
    /// A new code; each letter is as likely as every other.
    #[must_use]
    pub fn generate(randomness: &dyn Randomness) -> Self {
        let mut letters = [0_u8; LENGTH];
        let mut found = 0;
        while found < LENGTH {
            let mut bytes = [0_u8; LENGTH];
            randomness.fill(&mut bytes);
            // 240 is the greatest multiple of 20 in a byte.
            for byte in bytes.into_iter().filter(|byte| *byte < 240).take(LENGTH - found) {
                letters[found] = LETTERS[usize::from(byte % 20)];
                found += 1;
            }
        }
        Self(letters)
    }

    /// What a person typed: case, dashes, dots and spaces do not matter. `None` if it cannot be a code.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let letters: Vec<u8> = typed
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '.' | '_'))
            .take(LENGTH + 1)
            .map(|c| u8::try_from(c).unwrap_or(b'?').to_ascii_uppercase())
            .collect();
        letters.iter().all(|letter| LETTERS.contains(letter)).then_some(())?;
        letters.try_into().ok().map(Self)
    }

    /// What is stored and looked up: without the key, nobody who reads the database finds the code by trying all of them.
    #[must_use]
    pub fn hash(&self, master: &MasterKey) -> SecretHash {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &master.derive("device user code")), &self.0);
        let mut hash = [0_u8; 32];
        hash.copy_from_slice(tag.as_ref());
        SecretHash(hash)
    }
}

/// As people read it: `BCDF-GHJK`.
impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, letter) in self.0.iter().enumerate() {
            if at == LENGTH / 2 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*letter))?;
        }
        Ok(())
    }
}

/// It is a secret while it lives.
impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandomness;

    /// AS21.
    #[test]
    fn a_code_is_read_as_people_type_it_and_in_no_other_way() {
        let code = UserCode::parse("BCDF-GHJK");
        assert_eq!(code.as_ref().map(ToString::to_string).as_deref(), Some("BCDF-GHJK"));
        for typed in ["bcdfghjk", " bcdf ghjk ", "BcDf\u{2013}gHjK", "b-c-d-f-g-h-j-k", "BCDF.GHJK", "\tBCDF-GHJK\n"] {
            assert_eq!(UserCode::parse(typed), code, "{typed:?}");
        }
        for wrong in ["", "BCDF-GHJ", "BCDF-GHJKL", "BCDF-GHJA", "BCDF-GHJ1", "BCDF-GHJ%", "ＢCDFGHJK", "BCDF/GHJK", "\u{131}BCDFGHJ"] {
            assert_eq!(UserCode::parse(wrong), None, "{wrong:?}");
        }
        assert_eq!(UserCode::parse(&"B".repeat(100_000)), None);
    }

    /// AS21: codes are spread over all that are possible.
    #[test]
    fn codes_differ_and_every_letter_comes_in_every_place() {
        let codes: Vec<UserCode> = (0..2000).map(|_| UserCode::generate(&SystemRandomness)).collect();
        for place in 0..LENGTH {
            for letter in LETTERS {
                let count = codes.iter().filter(|code| code.0[place] == *letter).count();
                assert!((50..=170).contains(&count), "{} in place {place} {count} times of 2000", char::from(*letter));
            }
        }
        assert!(codes.iter().all(|code| UserCode::parse(&code.to_string()).as_ref() == Some(code)));
        assert_eq!(format!("{:?}", codes[0]), "UserCode(…)");
    }

    #[test]
    fn the_hash_needs_the_key() {
        let code = UserCode(*b"BCDFGHJK");
        let key = MasterKey::from_bytes([1; 32]);
        assert_eq!(code.hash(&key), code.hash(&key));
        assert_ne!(code.hash(&key), code.hash(&MasterKey::from_bytes([2; 32])));
        assert_ne!(code.hash(&key), SecretHash::of("BCDFGHJK"));
    }
}
