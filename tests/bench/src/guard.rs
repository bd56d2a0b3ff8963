//! The guard's own work: a token that is new, and one that was seen before.

use actix::Recipient;
use actix::prelude::*;
use anyhow::Context as _;
use docent_resource_server::limits::{Cell, Local, Rates, Whose};
use docent_resource_server::{ResourceServer, Settings};
use docent_types::actors::Unavailable;
use docent_types::messages::{FindKey, PublicKeySet, RecordEvent, SharedKeys, SharedRevoked};
use docent_types::metadata::PublicUrls;
use docent_types::time::SystemClock;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

struct Nobody;
impl Actor for Nobody {
    type Context = Context<Self>;
}
impl Handler<FindKey> for Nobody {
    type Result = Result<bool, Unavailable>;
    fn handle(&mut self, _: FindKey, _: &mut Self::Context) -> Self::Result {
        Ok(false)
    }
}
impl Handler<RecordEvent> for Nobody {
    type Result = Result<(), Unavailable>;
    fn handle(&mut self, _: RecordEvent, _: &mut Self::Context) -> Self::Result {
        Ok(())
    }
}

/// Microseconds that the limits of a request take in this process: a person's, a project's and a key's, of ten thousand callers in turn.
#[must_use]
pub fn limit() -> f64 {
    let rate = NonZeroU32::new(1_000_000_000);
    let limits = Local::new(Rates { user: rate, project: rate, key: rate });
    let rounds = 1_000_000_u32;
    let cell = |whose, number| Cell { whose, id: Uuid::from_u128(u128::from(number % 10_000)), rate: rate.unwrap_or(NonZeroU32::MIN) };
    let started = Instant::now();
    for number in 0..rounds {
        for whose in [Whose::User, Whose::Project, Whose::Key] {
            std::hint::black_box(limits.count(cell(whose, number)));
        }
    }
    started.elapsed().as_secs_f64() / f64::from(rounds) * 1e6
}

/// Microseconds for a token that is new and for one that was seen before.
///
/// # Errors
/// The token is not accepted.
pub async fn measure(urls: PublicUrls, keys: PublicKeySet, token: &str) -> anyhow::Result<(f64, f64)> {
    let shared = SharedKeys::default();
    shared.store(Arc::new(keys));
    let make = |nobody: &Addr<Nobody>| {
        let (find, record): (Recipient<FindKey>, Recipient<RecordEvent>) = (nobody.clone().recipient(), nobody.clone().recipient());
        ResourceServer::new(
            Settings::new(urls.clone(), "bench"),
            Arc::new(SystemClock),
            shared.clone(),
            find,
            SharedRevoked::default(),
            record,
        )
    };
    let nobody = Nobody.start();
    let rounds = 2_000_u32;
    let mut new = 0.0;
    // A guard that has seen nothing verifies the signature; its making is outside the measured time.
    for _ in 0..rounds {
        let guard = make(&nobody);
        let started = Instant::now();
        guard.authenticate(token).await.ok().context("the token was refused")?;
        new += started.elapsed().as_secs_f64();
    }
    let guard = make(&nobody);
    guard.authenticate(token).await.ok().context("the token was refused")?;
    let rounds_seen = 200_000_u32;
    let started = Instant::now();
    for _ in 0..rounds_seen {
        guard.authenticate(token).await.ok().context("the token was refused")?;
    }
    let seen = started.elapsed().as_secs_f64();
    Ok((new / f64::from(rounds) * 1e6, seen / f64::from(rounds_seen) * 1e6))
}
