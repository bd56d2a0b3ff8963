//! The actor that owns the signing keys: creates, publishes before use, rotates, retires (AS17).
//! Several nodes share one database; a conditional insert decides which of them makes the next key.

use crate::signing::{SharedSigner, SigningError, SigningKey};
use actix::prelude::*;
use docent_store::{Store, StoreError, StoredKey};
use docent_types::actors::Unavailable;
use docent_types::messages::{FindKey, PublicKeySet, SharedKeys};
use docent_types::sealing::{MasterKey, Sealer as _};
use docent_types::time::{SharedClock, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const SEALED_FOR: &str = "signing key";
/// How often a node looks whether keys have changed.
const TURN: Duration = Duration::from_secs(60);
/// Tokens that name unknown keys make the database be asked at most this often.
const FIND_AT_MOST_EVERY: Duration = Duration::from_secs(2);
/// A node that has not had its turn yet may sign with the old key for a little longer.
const MARGIN: Duration = Duration::from_secs(3600);

/// When keys change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyRingOptions {
    /// How long a key signs.
    pub rotate_every: Duration,
    /// How long the next key is published before it signs.
    pub prepublish: Duration,
    /// How long the longest token lives that a key signs.
    pub access_token_lifetime: Duration,
}

impl Default for KeyRingOptions {
    fn default() -> Self {
        Self {
            rotate_every: Duration::from_secs(30 * 86_400),
            prepublish: Duration::from_secs(86_400),
            access_token_lifetime: Duration::from_secs(900),
        }
    }
}

/// Why the keys could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The database could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key could not be made or read.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The master key is not the one that sealed the stored keys.
    #[error("the stored signing key {kid} cannot be opened: the master key is not the one it was sealed with")]
    Sealed {
        /// Which.
        kid: String,
    },
}

/// The signing keys. Clones share everything.
#[derive(Clone)]
pub struct KeyRing {
    ring: Arc<Ring>,
}

struct Ring {
    store: Store,
    master: Arc<MasterKey>,
    clock: SharedClock,
    signer: SharedSigner,
    keys: SharedKeys,
    options: KeyRingOptions,
    /// When an unknown key was looked for last.
    looked_at: AtomicI64,
}

/// What is to be done at a moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Plan {
    /// Make a key that signs from then on.
    add: Option<Timestamp>,
    /// These sign no more.
    retire: Vec<String>,
    /// This one signs now.
    signs: Option<String>,
}

/// Decides by the times alone. `keys` in any order.
fn plan(keys: &[StoredKey], now: Timestamp, options: KeyRingOptions) -> Plan {
    let mut living: Vec<&StoredKey> = keys.iter().filter(|key| key.retire_at.is_none()).collect();
    living.sort_by_key(|key| (key.activate_at, key.created_at));
    let Some(latest) = living.last() else { return Plan { add: Some(now), ..Plan::default() } };
    let active: Vec<&&StoredKey> = living.iter().filter(|key| key.activate_at <= now).collect();
    let due = latest.activate_at.after(options.rotate_every.saturating_sub(options.prepublish));
    Plan {
        add: (now >= due && latest.activate_at <= now)
            .then(|| latest.activate_at.after(options.rotate_every).max(now.after(options.prepublish))),
        retire: active.iter().rev().skip(1).map(|key| key.kid.clone()).collect(),
        // Before the first key's time there is nothing else to sign with.
        signs: active.last().map(|key| key.kid.clone()).or_else(|| living.first().map(|key| key.kid.clone())),
    }
}

/// The key on which the next one is conditional: the one that was made last.
fn latest_kid(keys: &[StoredKey]) -> Option<&str> {
    keys.iter().max_by_key(|key| (key.created_at, key.activate_at)).map(|key| key.kid.as_str())
}

impl KeyRing {
    /// A ring that publishes to `signer` and `keys`. [`KeyRing::load`] fills them.
    #[must_use]
    pub fn new(
        store: Store,
        master: Arc<MasterKey>,
        clock: SharedClock,
        signer: SharedSigner,
        keys: SharedKeys,
        options: KeyRingOptions,
    ) -> Self {
        Self { ring: Arc::new(Ring { store, master, clock, signer, keys, options, looked_at: AtomicI64::new(i64::MIN) }) }
    }

    /// Does what is due and publishes the keys: at the start of the server before it answers, then at every turn.
    ///
    /// # Errors
    /// [`KeyRingError`]; what was published before stays.
    pub async fn load(&self) -> Result<(), KeyRingError> {
        self.ring.turn().await
    }
}

impl Ring {
    async fn turn(&self) -> Result<(), KeyRingError> {
        let now = self.clock.now();
        let mut keys = self.store.signing_keys().await?;
        let due = plan(&keys, now, self.options);
        if let Some(activate_at) = due.add {
            self.add(latest_kid(&keys), now, activate_at).await?;
        }
        for kid in &due.retire {
            let remove_at = now.after(self.options.access_token_lifetime).after(MARGIN);
            self.store.retire_signing_key(kid, now, remove_at).await?;
        }
        if due.add.is_some() || !due.retire.is_empty() {
            keys = self.store.signing_keys().await?;
        }
        if keys.iter().any(|key| key.remove_at.is_some_and(|end| end <= now)) {
            self.store.remove_dead_keys(now).await?;
        }
        self.publish(&keys, now)
    }

    async fn add(&self, latest: Option<&str>, now: Timestamp, activate_at: Timestamp) -> Result<(), KeyRingError> {
        let (key, pkcs8) = SigningKey::generate()?;
        let stored = StoredKey {
            kid: key.public().kid.clone(),
            public: key.public().clone(),
            sealed_private: self.master.seal(SEALED_FOR, &pkcs8),
            created_at: now,
            activate_at,
            retire_at: None,
            remove_at: None,
        };
        if self.store.try_add_next_key(stored, latest).await? {
            tracing::info!(kid = %key.public().kid, %activate_at, "a new signing key is published");
        }
        Ok(())
    }

    fn publish(&self, keys: &[StoredKey], now: Timestamp) -> Result<(), KeyRingError> {
        let published: Vec<_> = keys.iter().filter(|key| key.remove_at.is_none_or(|end| end > now)).map(|key| key.public.clone()).collect();
        let signs = plan(keys, now, self.options).signs;
        // The public half first: nothing is signed with a key that is not published.
        self.keys.store(Arc::new(PublicKeySet { keys: published }));
        let Some(stored) = keys.iter().find(|key| signs.as_deref() == Some(key.kid.as_str())) else { return Ok(()) };
        if self.signer.load().as_ref().is_some_and(|current| current.public().kid == stored.kid) {
            return Ok(());
        }
        let pkcs8 = self.master.open(SEALED_FOR, &stored.sealed_private).ok_or_else(|| KeyRingError::Sealed { kid: stored.kid.clone() })?;
        self.signer.store(Some(Arc::new(SigningKey::from_pkcs8(&pkcs8)?)));
        Ok(())
    }

    async fn find(&self, kid: &str) -> bool {
        let known = || self.keys.load().keys.iter().any(|key| key.kid == kid);
        if known() {
            return true;
        }
        let now = self.clock.now();
        let before = self.looked_at.load(Ordering::SeqCst);
        let may_look = before == i64::MIN || Timestamp(before).after(FIND_AT_MOST_EVERY) <= now;
        if may_look
            && self.looked_at.compare_exchange(before, now.0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
            && let Err(error) = self.turn().await
        {
            tracing::warn!(%error, "the signing keys could not be read");
        }
        known()
    }
}

impl Actor for KeyRing {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.run_interval(TURN, |this, context| {
            let ring = Arc::clone(&this.ring);
            let turn = async move {
                if let Err(error) = ring.turn().await {
                    tracing::warn!(%error, "the signing keys could not be looked after; the published ones stay");
                }
            };
            context.spawn(turn.into_actor(this));
        });
    }
}

impl Handler<FindKey> for KeyRing {
    type Result = ResponseFuture<Result<bool, Unavailable>>;

    fn handle(&mut self, FindKey { kid }: FindKey, _: &mut Self::Context) -> Self::Result {
        let ring = Arc::clone(&self.ring);
        Box::pin(async move { Ok(ring.find(&kid).await) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn key(kid: &str, activate_at: i64, retired: bool) -> StoredKey {
        let (made, _) = SigningKey::generate().unwrap();
        let at = Timestamp::from_seconds(activate_at);
        StoredKey {
            kid: kid.into(),
            public: made.public().clone(),
            sealed_private: Vec::new(),
            created_at: at,
            activate_at: at,
            retire_at: retired.then_some(at),
            remove_at: None,
        }
    }

    fn at(keys: &[StoredKey], seconds: i64) -> Plan {
        plan(keys, Timestamp::from_seconds(seconds), KeyRingOptions::default())
    }

    /// AS17.
    #[test]
    fn the_next_key_is_published_a_day_before_it_signs_and_the_old_one_retires_then() {
        assert_eq!(at(&[], 5), Plan { add: Some(Timestamp::from_seconds(5)), ..Plan::default() });
        let first = key("a", 0, false);
        assert_eq!(at(std::slice::from_ref(&first), 29 * DAY - 1), Plan { signs: Some("a".into()), ..Plan::default() });
        let due = at(std::slice::from_ref(&first), 29 * DAY);
        assert_eq!(due.add, Some(Timestamp::from_seconds(30 * DAY)));
        let late = at(std::slice::from_ref(&first), 100 * DAY);
        assert_eq!(late.add, Some(Timestamp::from_seconds(101 * DAY)), "a server that was off still publishes a day before");
        let both = [first, key("b", 30 * DAY, false)];
        assert_eq!(at(&both, 30 * DAY - 1), Plan { signs: Some("a".into()), ..Plan::default() }, "no third key while the second waits");
        assert_eq!(at(&both, 30 * DAY), Plan { add: None, retire: vec!["a".into()], signs: Some("b".into()) });
        assert_eq!(at(&[key("a", 0, true), key("b", 30 * DAY, false)], 31 * DAY).signs.as_deref(), Some("b"));
    }
}
