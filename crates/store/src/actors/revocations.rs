//! What was revoked, as a published set. Read by a cursor several times a second, at once when this process revoked something, and when
//! Postgres tells that another node did.

use crate::sql::channel;
use crate::{RevocationRow, Store, StoreError};
use actix::prelude::*;
use docent_types::actors::Unavailable;
use docent_types::ids::GrantId;
use docent_types::messages::{CatchUp, Revoked, SharedRevoked};
use docent_types::time::{SharedClock, Timestamp};
use sea_orm::sqlx::postgres::PgListener;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

const EVERY: Duration = Duration::from_millis(400);
/// How long to wait before listening again after the connection was lost. The cursor goes on meanwhile.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);

/// What is revoked and when it is of no more interest.
#[derive(Default)]
struct Known {
    cursor: i64,
    grants: HashMap<GrantId, Timestamp>,
    tokens: HashMap<String, Timestamp>,
}

impl Known {
    /// Answers whether anything is other than before.
    fn learn(&mut self, rows: Vec<RevocationRow>, cursor: i64, now: Timestamp) -> bool {
        self.cursor = self.cursor.max(cursor);
        let before = (self.grants.len(), self.tokens.len());
        self.grants.retain(|_, ends| *ends > now);
        self.tokens.retain(|_, ends| *ends > now);
        let mut changed = before != (self.grants.len(), self.tokens.len());
        for row in rows.into_iter().filter(|row| row.expires_at > now) {
            changed = true;
            if let Some(grant) = row.grant {
                self.grants.insert(grant, row.expires_at);
            }
            if let Some(jti) = row.jti {
                self.tokens.insert(jti, row.expires_at);
            }
        }
        changed
    }

    fn publish(&self, shared: &SharedRevoked) {
        shared.store(Arc::new(Revoked { grants: self.grants.keys().copied().collect(), tokens: self.tokens.clone() }));
    }
}

/// Publishes what was revoked and has not ended by itself yet.
pub struct Revocations {
    store: Store,
    shared: SharedRevoked,
    clock: SharedClock,
    known: Known,
    reading: bool,
    lost: bool,
    asked: Vec<oneshot::Sender<Result<(), Unavailable>>>,
    listening: Option<Listening>,
}

impl Revocations {
    /// Reads this database and writes `shared`.
    #[must_use]
    pub fn new(store: Store, shared: SharedRevoked, clock: SharedClock) -> Self {
        Self { store, shared, clock, known: Known::default(), reading: false, lost: false, asked: Vec::new(), listening: None }
    }

    /// Publishes everything that is revoked now: before the first request is answered.
    ///
    /// # Errors
    /// What the database says.
    pub async fn load(store: &Store, shared: &SharedRevoked, clock: &SharedClock) -> Result<(), StoreError> {
        let mut known = Known::default();
        let (rows, cursor) = store.revocations_since(0).await?;
        known.learn(rows, cursor, clock.now());
        known.publish(shared);
        Ok(())
    }

    fn read(&mut self, context: &mut Context<Self>) {
        if self.reading {
            return;
        }
        self.reading = true;
        let asked = std::mem::take(&mut self.asked);
        let (store, cursor) = (self.store.clone(), self.known.cursor);
        let read = super::apart(async move { store.revocations_since(cursor).await }).into_actor(self);
        context.spawn(read.map(move |read, actor, context| {
            actor.reading = false;
            let outcome = read.map_or(Err(Unavailable::Failed), |read| actor.learned(read));
            for reply in asked {
                let _ = reply.send(outcome);
            }
            // They asked after this reading began: it may have missed what they mean.
            if !actor.asked.is_empty() {
                actor.read(context);
            }
        }));
    }

    fn learned(&mut self, read: Result<(Vec<RevocationRow>, i64), StoreError>) -> Result<(), Unavailable> {
        match read {
            Ok((rows, cursor)) => {
                if self.known.learn(rows, cursor, self.clock.now()) {
                    self.known.publish(&self.shared);
                }
                if std::mem::take(&mut self.lost) {
                    tracing::info!("the revocations are read again");
                }
                Ok(())
            }
            Err(error) => {
                if !std::mem::replace(&mut self.lost, true) {
                    tracing::error!(%error, "the revocations cannot be read; what is known stays in force");
                }
                Err(Unavailable::Failed)
            }
        }
    }
}

/// Ends the listening with the actor.
struct Listening(tokio::task::AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Listens until the actor ends.
async fn listen(store: Store, actor: actix::WeakAddr<Revocations>) {
    loop {
        let heard = async {
            let mut listener = PgListener::connect_with(store.reader().get_postgres_connection_pool()).await?;
            listener.listen(channel::REVOCATIONS).await?;
            loop {
                listener.recv().await?;
                let Some(actor) = actor.upgrade() else { return Ok(()) };
                actor.do_send(CatchUp);
            }
        };
        let ended: Result<(), sea_orm::sqlx::Error> = heard.await;
        match ended {
            Ok(()) => return,
            Err(_) if !actor.upgrade().is_some_and(|actor| actor.connected()) => return,
            Err(_) => tokio::time::sleep(LISTEN_AGAIN).await,
        }
    }
}

impl Actor for Revocations {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(1024);
        self.read(context);
        context.run_interval(EVERY, |actor, context| actor.read(context));
        if self.store.is_postgres() {
            let listening = listen(self.store.clone(), context.address().downgrade());
            self.listening = Some(Listening(tokio::spawn(listening).abort_handle()));
        }
    }
}

impl Supervised for Revocations {}

impl Handler<CatchUp> for Revocations {
    type Result = ResponseFuture<Result<(), Unavailable>>;

    fn handle(&mut self, _: CatchUp, context: &mut Self::Context) -> Self::Result {
        let (reply, answer) = oneshot::channel();
        self.asked.push(reply);
        self.read(context);
        Box::pin(async move { answer.await.unwrap_or(Err(Unavailable::Failed)) })
    }
}
