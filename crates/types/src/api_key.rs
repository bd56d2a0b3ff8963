//! API keys: what a person's scripts show instead of an access token.
//!
//! `docent_`, 43 characters that carry 256 random bits, and 4 that are their checksum: whoever finds one knows what it is
//! (scanners look for `docent_[A-Za-z0-9_-]{47}`), and one that was typed wrong is told apart without asking a database.

use crate::random::Randomness;
use crate::secret::{Secret, SecretHash};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// What every key begins with.
pub const PREFIX: &str = "docent_";
/// The client that usage by keys is counted under.
pub const CLIENT: &str = "api-key";
/// Characters of a key.
pub const LENGTH: usize = PREFIX.len() + 43 + CHECKSUM;
const CHECKSUM: usize = 4;
/// Characters of a key's name.
const LONGEST_NAME: usize = 100;
/// Characters that are shown of a key, so that its owner knows it again.
const HINT: usize = PREFIX.len() + 4;

/// Why what was sent is no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAKey {
    /// It does not begin as one.
    #[error("this is not an API key of this server: they begin with docent_")]
    Form,
    /// A character is wrong, or some are missing.
    #[error("this API key is not whole, or was typed wrong")]
    Checksum,
}

fn checksum(rest: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(rest.as_bytes())[..3])
}

/// A new key.
#[must_use]
pub fn generate(randomness: &dyn Randomness) -> Secret {
    let secret = Secret::generate(randomness, PREFIX);
    let sum = checksum(secret.expose());
    Secret::new(format!("{}{sum}", secret.expose()))
}

/// Whether something is meant to be a key.
#[must_use]
pub fn looks_like_one(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// What a key is looked up by.
///
/// # Errors
/// [`NotAKey`], without asking anybody.
pub fn hash(text: &str) -> Result<SecretHash, NotAKey> {
    if !looks_like_one(text) {
        return Err(NotAKey::Form);
    }
    let split = text.len().checked_sub(CHECKSUM).filter(|split| text.len() == LENGTH && text.is_char_boundary(*split));
    match split.map(|split| text.split_at(split)) {
        Some((rest, sum)) if sum == checksum(rest) => Ok(SecretHash::of(text)),
        _ => Err(NotAKey::Checksum),
    }
}

/// Whether a text can be what a person calls a key: 1 to 100 characters on one line.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// The beginning of a key, to be shown in lists.
#[must_use]
pub fn hint(key: &Secret) -> String {
    key.expose().chars().take(HINT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandomness;
    use proptest::prelude::*;

    #[test]
    fn a_key_is_known_by_its_form_and_shows_little_of_itself() {
        let key = generate(&SystemRandomness);
        let text = key.expose();
        assert!(text.len() == LENGTH && text.bytes().skip(7).all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{text}");
        assert_eq!(hash(text), Ok(key.hash()));
        assert_eq!(hint(&key), text[..11]);
        assert_eq!(hash("iat_x"), Err(NotAKey::Form));
        assert_eq!(hash(&text[..text.len() - 1]), Err(NotAKey::Checksum));
        assert_eq!(hash(&format!("{text}x")), Err(NotAKey::Checksum));
        assert_eq!(hash(&format!("docent_{}", "ü".repeat(23))), Err(NotAKey::Checksum));
    }

    proptest! {
        #[test]
        fn a_key_with_another_character_is_none(at in 7..LENGTH, other in "[A-Za-z0-9_-]") {
            let key = generate(&SystemRandomness);
            let mut text = key.expose().to_owned();
            text.replace_range(at..=at, &other);
            prop_assert_eq!(hash(&text).is_ok(), text == key.expose());
        }
    }
}
