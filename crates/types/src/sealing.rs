//! What must be read back is stored sealed: AES-256-GCM under a key derived from the installation's master key.
//!
//! Each purpose has its own key (HKDF-SHA256, RFC 5869) and is authenticated with the text, so that a sealed value of one column
//! cannot be moved to another.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use std::fmt;

/// Seals and opens.
pub trait Sealer: Send + Sync + 'static {
    /// Seals `clear` for `purpose`. Twice the same text gives two different results.
    fn seal(&self, purpose: &str, clear: &[u8]) -> Vec<u8>;

    /// Opens what was sealed for `purpose`. `None` if it was changed, or sealed for another purpose or by another key.
    fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>>;
}

/// The installation's master key: everything else that must be kept secret is derived from it.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// From its 32 bytes, which came from a good source of randomness.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key for one purpose. The same purpose gives the same key.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        expand(&self.0, &[b"docent key: ", purpose.as_bytes()])
    }

    #[expect(clippy::expect_used, reason = "the key has 32 bytes, which is the only thing that can be wrong with it")]
    fn cipher(&self, purpose: &str) -> RandomizedNonceKey {
        RandomizedNonceKey::new(&AES_256_GCM, &expand(&self.0, &[b"docent seal: ", purpose.as_bytes()])).expect("a key of 32 bytes")
    }
}

#[expect(clippy::expect_used, reason = "HKDF fails only when more than 255 blocks are asked for; this asks for one")]
fn expand(master: &[u8; 32], purpose: &[&[u8]]) -> [u8; 32] {
    let mut key = [0_u8; 32];
    let root = Salt::new(HKDF_SHA256, b"docent").extract(master);
    root.expand(purpose, HKDF_SHA256).and_then(|material| material.fill(&mut key)).expect("one block of key material");
    key
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl Sealer for MasterKey {
    #[expect(
        clippy::expect_used,
        reason = "fails only beyond 64 GiB or when the machine has no randomness, and then nothing may be stored"
    )]
    fn seal(&self, purpose: &str, clear: &[u8]) -> Vec<u8> {
        let mut text = clear.to_vec();
        let nonce = self.cipher(purpose).seal_in_place_append_tag(Aad::from(purpose.as_bytes()), &mut text).expect("sealing a short text");
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        sealed
    }

    fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let clear = self.cipher(purpose).open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut text).ok()?;
        Some(clear.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_only_for_its_purpose_and_its_key() {
        let key = MasterKey::from_bytes([7; 32]);
        let sealed = key.seal("signing key", b"private");
        assert_eq!(key.open("signing key", &sealed).as_deref(), Some(&b"private"[..]));
        assert_eq!(key.open("library source", &sealed), None);
        assert_eq!(MasterKey::from_bytes([8; 32]).open("signing key", &sealed), None);
    }

    #[test]
    fn a_changed_byte_anywhere_does_not_open() {
        let key = MasterKey::from_bytes([7; 32]);
        let sealed = key.seal("signing key", b"private");
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert_eq!(key.open("signing key", &changed), None, "byte {position}");
        }
        assert_eq!(key.open("signing key", &sealed[..5]), None);
    }

    #[test]
    fn sealing_twice_gives_two_different_texts() {
        let key = MasterKey::from_bytes([7; 32]);
        assert_ne!(key.seal("signing key", b"private"), key.seal("signing key", b"private"));
    }

    #[test]
    fn each_purpose_has_its_own_derived_key() {
        let key = MasterKey::from_bytes([7; 32]);
        assert_eq!(key.derive("consent ticket"), key.derive("consent ticket"));
        assert_ne!(key.derive("consent ticket"), key.derive("something else"));
        assert_eq!(format!("{key:?}"), "MasterKey(…)");
    }
}
