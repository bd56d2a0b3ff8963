//! API keys: whom one speaks for. The database is asked at most twice a second for each key, so that a key that is revoked, or whose
//! owner is, opens nothing a second later, on every node.

use crate::challenge::Refusal;
use crate::token::TokenError;
use docent_store::{ApiKey, Store};
use docent_types::api_key;
use docent_types::ids::{ClientId, GrantId};
use docent_types::principal::Principal;
use docent_types::secret::SecretHash;
use docent_types::time::{SharedClock, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Milliseconds for which an answer of the database is taken.
const TAKEN: i64 = 500;
/// Milliseconds after which a use is noted again.
const NOTED: i64 = 60_000;
/// Keys that are remembered at a time.
const REMEMBERED: usize = 10_000;

struct Known {
    principal: Arc<Principal>,
    looked_up: Timestamp,
    noted: Timestamp,
}

/// The keys that were shown lately.
pub struct ApiKeys {
    store: Store,
    clock: SharedClock,
    known: Mutex<HashMap<SecretHash, Known>>,
}

impl ApiKeys {
    /// Asks this database.
    #[must_use]
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<SecretHash, Known>> {
        // What is behind the lock is whole between any two statements.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom a key speaks for.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub async fn authenticate(&self, key: &str) -> Result<Arc<Principal>, Refusal> {
        let hash = api_key::hash(key).map_err(TokenError::NotAKey)?;
        let now = self.clock.now();
        let seen = self.known().get(&hash).map(|known| (Arc::clone(&known.principal), known.looked_up, known.noted));
        if let Some((principal, looked_up, _)) = &seen
            && now.0 - looked_up.0 < TAKEN
            && now >= *looked_up
            && now < principal.expires_at
        {
            return Ok(Arc::clone(principal));
        }
        let found = self.store.api_key_in_force(hash, now).await.map_err(|error| {
            tracing::error!(%error, "an API key could not be looked up");
            Refusal::Unavailable
        })?;
        let Some(found) = found else {
            self.known().remove(&hash);
            return Err(TokenError::UnknownKey.into());
        };
        let mut noted = seen.map_or(Timestamp(0), |(_, _, noted)| noted);
        if now.0 - noted.0 >= NOTED {
            noted = now;
            self.note(&found, now);
        }
        let principal = Arc::new(principal(found));
        let mut known = self.known();
        if known.len() >= REMEMBERED {
            known.retain(|_, one| now.0 - one.looked_up.0 < TAKEN);
        }
        known.insert(hash, Known { principal: Arc::clone(&principal), looked_up: now, noted });
        Ok(principal)
    }

    /// Notes the use, beside the request.
    fn note(&self, key: &ApiKey, now: Timestamp) {
        let (store, id) = (self.store.clone(), key.id);
        actix::spawn(async move {
            if let Err(error) = store.api_key_used(id, now).await {
                tracing::warn!(%error, "the use of an API key was not noted");
            }
        });
    }
}

fn principal(key: ApiKey) -> Principal {
    Principal {
        user: key.user,
        project: key.project,
        client: ClientId(api_key::CLIENT.to_owned()),
        // A key is consent by itself: what hangs under it ends with it.
        grant: GrantId(key.id.0),
        scopes: key.scopes,
        expires_at: key.expires_at.unwrap_or(Timestamp(i64::MAX)),
    }
}
