//! Tokens that were verified before: found by hash, so that a token seen again costs no signature check.
//!
//! A hit proves only that the signature and the claims were right once; that the token has not ended and its key is
//! still published is asked again at each use, and revocation by the caller.

use crate::keys::VerificationKey;
use crate::token::Verified;
use docent_types::principal::Principal;
use docent_types::secret::SecretHash;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

/// A verified token with the key that verified it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whom it speaks for.
    pub principal: Arc<Principal>,
    /// Its id.
    pub jti: Arc<str>,
    /// The key.
    pub key: Arc<VerificationKey>,
}

impl Entry {
    /// An entry for what `key` verified.
    #[must_use]
    pub fn new(verified: Verified, key: Arc<VerificationKey>) -> Self {
        Self { principal: Arc::new(verified.principal), jti: verified.jti.into(), key }
    }
}

/// A bounded memory of verified tokens; the least recently used goes first.
pub struct VerifiedTokens {
    shards: Vec<Mutex<LruCache<SecretHash, Entry>>>,
}

impl VerifiedTokens {
    /// Remembers at most about `capacity` tokens.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let each = NonZeroUsize::new(capacity.div_ceil(SHARDS)).unwrap_or(NonZeroUsize::MIN);
        // `sparse`: room is taken as tokens come, not for the bound at start.
        Self { shards: (0..SHARDS).map(|_| Mutex::new(LruCache::sparse(each))).collect() }
    }

    fn shard(&self, token: &SecretHash) -> MutexGuard<'_, LruCache<SecretHash, Entry>> {
        // The last byte of a SHA-256 is as good as any.
        let shard = &self.shards[usize::from(token.0[31]) % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry of a token, if it is remembered.
    #[must_use]
    pub fn find(&self, token: &SecretHash) -> Option<Entry> {
        self.shard(token).get(token).cloned()
    }

    /// Remembers a token.
    pub fn remember(&self, token: SecretHash, entry: Entry) {
        self.shard(&token).put(token, entry);
    }

    /// Forgets a token.
    pub fn forget(&self, token: &SecretHash) {
        self.shard(token).pop(token);
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
