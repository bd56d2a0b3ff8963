//! The janitor: removes what ended. One node at a time; a table says what.

use crate::sql::{self, Lock};
use crate::{Store, StoreError};
use actix::prelude::*;
use docent_types::time::SharedClock;
use sea_orm::ConnectionTrait as _;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(60);
/// The first turn, when the start is over.
const FIRST: Duration = Duration::from_secs(10);
/// Rows in one transaction: nobody waits long for the janitor.
const ROWS: i64 = 1_000;
/// After so many rows, as many times as long as they took nothing is removed: whoever asks for a token does not wait for a backlog.
const REST: u32 = 4;

/// No rest is longer.
const LONGEST_REST: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_secs(60 * 60);

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 60 * 60)
}

/// How long rows are kept after they ended.
enum Kept {
    For(Duration),
    /// As long as the operator says.
    Audit,
}

/// One kind of row to remove.
struct CleanUp {
    name: &'static str,
    table: &'static str,
    key: &'static str,
    /// `$1` is the moment before which rows are old, `{unused}` the number of unused clients that are kept.
    old: &'static str,
    kept: Kept,
}

const CLEAN_UPS: &[CleanUp] = &[
    // A code that is used again within the day still ends what it gave.
    CleanUp { name: "codes", table: "authorization_codes", key: "hash", old: "expires_at < $1", kept: Kept::For(days(1)) },
    // A device that was away for a while is told that its code ended, not that there never was one.
    CleanUp { name: "device authorizations", table: "device_authorizations", key: "hash", old: "expires_at < $1", kept: Kept::For(HOUR) },
    CleanUp { name: "consumed tickets", table: "consumed_tickets", key: "hash", old: "expires_at < $1", kept: Kept::For(days(0)) },
    // Kept a week, so that a stolen token that is used late is noticed. Those that were rotated go when their grant rotates another.
    CleanUp { name: "ended refresh tokens", table: "refresh_tokens", key: "hash", old: "expires_at < $1", kept: Kept::For(days(7)) },
    CleanUp { name: "sessions", table: "sessions", key: "id", old: "expires_at < $1", kept: Kept::For(days(0)) },
    CleanUp { name: "links", table: "links", key: "hash", old: "expires_at < $1", kept: Kept::For(days(0)) },
    CleanUp { name: "revocations", table: "revocations", key: "cursor", old: "expires_at < $1", kept: Kept::For(days(0)) },
    CleanUp {
        name: "grants without a token",
        table: "grants",
        key: "id",
        old: "created_at < $1 AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = grants.id)
            AND NOT EXISTS (SELECT 1 FROM authorization_codes c WHERE c.grant_id = grants.id)",
        kept: Kept::For(days(30)),
    },
    CleanUp { name: "revoked grants", table: "grants", key: "id", old: "revoked_at < $1", kept: Kept::For(days(30)) },
    CleanUp {
        name: "clients that were never used",
        table: "clients",
        key: "id",
        old: "origin <> 'operator' AND NOT disabled AND last_used_at IS NULL AND registered_at < $1 AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = clients.id)",
        kept: Kept::For(days(30)),
    },
    // However many register, the disk does not fill. A public client that registers again has the same id.
    CleanUp {
        name: "clients that were never used, beyond the newest",
        table: "clients",
        key: "id",
        old: "origin = 'dynamic' AND last_used_at IS NULL AND registered_at < $1 AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = clients.id)
            AND registered_at <= (SELECT registered_at FROM clients WHERE origin = 'dynamic' AND last_used_at IS NULL
                ORDER BY registered_at DESC LIMIT 1 OFFSET {unused})",
        kept: Kept::For(Duration::from_secs(15 * 60)),
    },
    CleanUp {
        name: "clients that are not used any more",
        table: "clients",
        key: "id",
        old: "origin <> 'operator' AND NOT disabled AND last_used_at < $1 AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = clients.id)",
        kept: Kept::For(days(400)),
    },
    CleanUp { name: "initial access tokens", table: "initial_access_tokens", key: "id", old: "expires_at < $1", kept: Kept::For(days(30)) },
    // However a machine client was removed, its account goes with it.
    CleanUp {
        name: "service accounts without a client",
        table: "users",
        key: "id",
        old: "kind = 'service' AND created_at < $1 AND NOT EXISTS (SELECT 1 FROM service_accounts s WHERE s.user_id = users.id)",
        kept: Kept::For(days(0)),
    },
    CleanUp { name: "jobs", table: "jobs", key: "id", old: "finished_at < $1", kept: Kept::For(days(30)) },
    CleanUp { name: "audit events", table: "audit_events", key: "id", old: "at < $1", kept: Kept::Audit },
];

/// What the operator decides.
#[derive(Clone, Copy, Debug)]
pub struct JanitorOptions {
    /// How long audit events are kept.
    pub audit_retention: Duration,
    /// How many clients that were never used are kept, whatever their age; the newest of them.
    pub unused_clients: u32,
}

/// Removes what ended, each minute.
pub struct Janitor {
    store: Store,
    clock: SharedClock,
    options: JanitorOptions,
    working: bool,
}

impl Janitor {
    /// A janitor of this database.
    #[must_use]
    pub fn new(store: Store, clock: SharedClock, options: JanitorOptions) -> Self {
        Self { store, clock, options, working: false }
    }

    /// Removes everything that ended. Answers how much of what; nothing if another node is at it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn run_once(&self) -> Result<Vec<(&'static str, u64)>, StoreError> {
        clean_up(&self.store, &self.clock, self.options).await
    }

    fn turn(&mut self, context: &mut Context<Self>) {
        if std::mem::replace(&mut self.working, true) {
            return;
        }
        let (store, clock, options) = (self.store.clone(), self.clock.clone(), self.options);
        let work = super::apart(async move { clean_up(&store, &clock, options).await }).into_actor(self);
        context.spawn(work.map(|removed, janitor, _| {
            janitor.working = false;
            match removed {
                Some(Ok(removed)) => {
                    for (what, rows) in removed {
                        tracing::debug!(what, rows, "removed what ended");
                    }
                }
                Some(Err(error)) => tracing::warn!(%error, "what ended could not be removed"),
                None => tracing::error!("removing what ended panicked"),
            }
        }));
    }
}

async fn clean_up(store: &Store, clock: &SharedClock, options: JanitorOptions) -> Result<Vec<(&'static str, u64)>, StoreError> {
    let now = clock.now();
    let mut all = Vec::new();
    for one in CLEAN_UPS {
        let before = now.before(match one.kept {
            Kept::For(duration) => duration,
            Kept::Audit => options.audit_retention,
        });
        let text = format!("DELETE FROM {0} WHERE {1} IN (SELECT {1} FROM {0} WHERE {2} LIMIT {ROWS})", one.table, one.key, one.old)
            .replace("{unused}", &options.unused_clients.to_string());
        let mut removed = 0;
        loop {
            let began = clock.now();
            let transaction = store.begin().await?;
            if !store.try_lock(&transaction, Lock::Janitor).await? {
                return Ok(all);
            }
            let rows =
                transaction.execute_raw(sql::statement(store.backend(), text.clone(), [sql::number(before.0)])).await?.rows_affected();
            transaction.commit().await?;
            removed += rows;
            if rows < ROWS.unsigned_abs() {
                break;
            }
            let took = Duration::from_millis(clock.now().0.saturating_sub(began.0).unsigned_abs());
            tokio::time::sleep(took.min(LONGEST_REST / REST) * REST).await;
        }
        if removed > 0 {
            all.push((one.name, removed));
        }
    }
    Ok(all)
}

impl Actor for Janitor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.run_later(FIRST, Self::turn);
        context.run_interval(EVERY, Self::turn);
    }
}

impl Supervised for Janitor {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.working = false;
    }
}
