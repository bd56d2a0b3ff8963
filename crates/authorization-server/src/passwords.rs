//! The actor that hashes and checks passwords: Argon2id, as many at once as the `SyncArbiter` has threads.

use actix::prelude::*;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use docent_types::actors::Unavailable;
use docent_types::messages::{HashPassword, VerifyPassword};
use docent_types::random::SharedRandomness;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

/// The parameters that OWASP recommends for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What an account that does not exist is checked against, so that it takes as long as one that does.
static NOBODY: OnceLock<Option<String>> = OnceLock::new();

/// Hashes and checks passwords.
pub struct PasswordHasher {
    randomness: SharedRandomness,
}

fn argon2() -> Option<Argon2<'static>> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).ok().map(|parameters| Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

fn hash(password: &[u8], salt: &[u8]) -> Option<String> {
    let hash: PasswordHash = argon2()?.hash_password_with_salt(password, salt).ok()?;
    Some(hash.to_string())
}

fn verify(password: &[u8], stored: &str) -> Option<bool> {
    let parsed = PasswordHash::new(stored).ok()?;
    Some(argon2()?.verify_password(password, &parsed).is_ok())
}

impl PasswordHasher {
    /// A hasher that salts from `randomness`.
    #[must_use]
    pub fn new(randomness: SharedRandomness) -> Self {
        Self { randomness }
    }
}

impl Actor for PasswordHasher {
    type Context = SyncContext<Self>;
}

impl Handler<HashPassword> for PasswordHasher {
    type Result = Result<String, Unavailable>;

    fn handle(&mut self, HashPassword(password): HashPassword, _: &mut Self::Context) -> Self::Result {
        // A thread of the arbiter that panics takes the waiting caller and its place in the pool with it.
        catch_unwind(AssertUnwindSafe(|| {
            let mut salt = [0_u8; 16];
            self.randomness.fill(&mut salt);
            hash(password.expose().as_bytes(), &salt)
        }))
        .ok()
        .flatten()
        .ok_or(Unavailable::Failed)
    }
}

impl Handler<VerifyPassword> for PasswordHasher {
    type Result = Result<bool, Unavailable>;

    fn handle(&mut self, VerifyPassword { password, stored }: VerifyPassword, _: &mut Self::Context) -> Self::Result {
        catch_unwind(AssertUnwindSafe(|| match &stored {
            Some(stored) => verify(password.expose().as_bytes(), stored),
            None => {
                let nobody = NOBODY.get_or_init(|| hash(b"nobody has this password", b"salt of nobody..")).as_ref()?;
                verify(password.expose().as_bytes(), nobody).map(|_| false)
            }
        }))
        .ok()
        .flatten()
        .ok_or(Unavailable::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::random::SystemRandomness;
    use docent_types::secret::Secret;
    use std::sync::Arc;

    struct Broken;
    impl docent_types::random::Randomness for Broken {
        fn fill(&self, _: &mut [u8]) {
            panic!("no randomness");
        }
    }

    #[actix::test]
    async fn a_password_is_hashed_with_the_recommended_parameters_and_only_it_verifies() {
        let hasher = SyncArbiter::start(1, || PasswordHasher::new(Arc::new(SystemRandomness)));
        let stored = hasher.send(HashPassword(Secret::new("correct horse battery".into()))).await.unwrap().unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let check = |password: &str, stored: Option<String>| hasher.send(VerifyPassword { password: Secret::new(password.into()), stored });
        assert_eq!(check("correct horse battery", Some(stored.clone())).await.unwrap(), Ok(true));
        assert_eq!(check("correct horse batterz", Some(stored)).await.unwrap(), Ok(false));
        assert_eq!(check("nobody has this password", None).await.unwrap(), Ok(false), "an account that does not exist has no password");
        assert_eq!(check("x", Some("not a hash".into())).await.unwrap(), Err(Unavailable::Failed));
    }

    #[actix::test]
    async fn a_panic_is_an_answer_and_the_thread_lives_on() {
        let hasher = SyncArbiter::start(1, || PasswordHasher::new(Arc::new(Broken)));
        for _ in 0..3 {
            assert_eq!(hasher.send(HashPassword(Secret::new("x".into()))).await.unwrap(), Err(Unavailable::Failed));
        }
        assert_eq!(hasher.send(VerifyPassword { password: Secret::new("x".into()), stored: None }).await.unwrap(), Ok(false));
    }
}
