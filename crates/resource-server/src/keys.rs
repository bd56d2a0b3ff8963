//! The published key set, made ready to verify with.

use arc_swap::ArcSwap;
use docent_types::messages::{PublicKey, PublicKeySet, SharedKeys};
use jsonwebtoken::DecodingKey;
use std::collections::HashMap;
use std::sync::Arc;

/// A public key, ready to verify with.
#[derive(Debug)]
pub struct VerificationKey {
    public: PublicKey,
    decoding: DecodingKey,
}

impl VerificationKey {
    /// A published key. `None` if it is not one that signs ES256.
    #[must_use]
    pub fn new(public: &PublicKey) -> Option<Self> {
        let usable =
            public.kty == "EC" && public.crv == "P-256" && public.alg == "ES256" && public.usage == "sig" && !public.kid.is_empty();
        let decoding = usable.then(|| DecodingKey::from_ec_components(&public.x, &public.y).ok()).flatten();
        if decoding.is_none() {
            tracing::warn!(kid = public.kid, "a published key is not an ES256 signing key and is not used");
        }
        Some(Self { public: public.clone(), decoding: decoding? })
    }

    /// The key as the library wants it.
    #[must_use]
    pub const fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

/// The keys of one snapshot.
struct Ready {
    made_of: Arc<PublicKeySet>,
    keys: HashMap<String, Arc<VerificationKey>>,
}

impl Ready {
    fn make(made_of: Arc<PublicKeySet>) -> Self {
        let keys = made_of.keys.iter().filter_map(|public| Some((public.kid.clone(), Arc::new(VerificationKey::new(public)?)))).collect();
        Self { made_of, keys }
    }
}

/// The verification keys of the snapshot that is published now. Made ready once for each snapshot.
pub struct VerificationKeys {
    published: SharedKeys,
    ready: ArcSwap<Ready>,
}

impl VerificationKeys {
    /// Follows a published key set.
    #[must_use]
    pub fn new(published: SharedKeys) -> Self {
        let ready = ArcSwap::from_pointee(Ready::make(published.load_full()));
        Self { published, ready }
    }

    fn current(&self) -> arc_swap::Guard<Arc<Ready>> {
        let published = self.published.load();
        let ready = self.ready.load();
        // `made_of` keeps the old set alive, so an equal pointer is the same set.
        if Arc::ptr_eq(&ready.made_of, &published) {
            return ready;
        }
        self.ready.store(Arc::new(Ready::make(Arc::clone(&published))));
        self.ready.load()
    }

    /// The key of this id, if it is published.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<Arc<VerificationKey>> {
        self.current().keys.get(kid).cloned()
    }

    /// Whether this very key is still published.
    #[must_use]
    pub fn still_has(&self, key: &VerificationKey) -> bool {
        self.current().keys.get(&key.public.kid).is_some_and(|published| published.public == key.public)
    }
}
