//! Connecting to SQLite or Postgres, and bringing the schema up to date.

use crate::error::StoreError;
use crate::sql::{self, Lock};
use docent_migrations::{Migrator, MigratorTrait as _};
use docent_types::sealing::Sealer;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Which database.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file; made if it is missing.
    Sqlite(PathBuf),
    /// `postgres://user:password@host:port/name`.
    Postgres(String),
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            // The URL has the password in it.
            Self::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

/// The database, to be handed around by cloning.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    reader: DatabaseConnection,
    /// SQLite: the one connection that writes, so that this process never waits for itself. Postgres: the same pool as `reader`.
    writer: DatabaseConnection,
    backend: DbBackend,
    sealer: Option<Arc<dyn Sealer>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("backend", &self.0.backend).finish_non_exhaustive()
    }
}

impl Store {
    /// Connects, with at most `max_connections`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if nobody answers there.
    pub async fn connect(database: &Database, max_connections: u32) -> Result<Self, StoreError> {
        match database {
            Database::Sqlite(path) => {
                let writer = connect_sqlite(path, 1).await?;
                let reader = connect_sqlite(path, max_connections.max(1)).await?;
                Ok(Self(Arc::new(Inner { reader, writer, backend: DbBackend::Sqlite, sealer: None })))
            }
            Database::Postgres(url) => {
                let mut options = ConnectOptions::new(url.replacen("postgresql://", "postgres://", 1));
                options
                    // One more, on which the server listens for what other nodes tell.
                    .max_connections(max_connections.max(2) + 1)
                    .acquire_timeout(Duration::from_secs(5))
                    .connect_timeout(Duration::from_secs(5))
                    // A connection that was just used is not asked first whether it lives: that would be a round trip for each use.
                    .test_before_acquire_if_idle_for(Duration::from_secs(1))
                    .sqlx_logging(false);
                let pool = sea_orm::Database::connect(options).await?;
                Ok(Self(Arc::new(Inner { reader: pool.clone(), writer: pool, backend: DbBackend::Postgres, sealer: None })))
            }
        }
    }

    /// The same database, able to store sealed values.
    #[must_use]
    pub fn with_sealer(self, sealer: Arc<dyn Sealer>) -> Self {
        let inner = &self.0;
        Self(Arc::new(Inner { reader: inner.reader.clone(), writer: inner.writer.clone(), backend: inner.backend, sealer: Some(sealer) }))
    }

    /// The same database, and how many statements were sent to it since.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn counted(self) -> (Self, Arc<std::sync::atomic::AtomicUsize>) {
        let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let watched = |connection: &DatabaseConnection| {
            let (mut connection, count) = (connection.clone(), Arc::clone(&count));
            connection.set_metric_callback(move |_| {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            });
            connection
        };
        let inner = &self.0;
        let (reader, writer) = (watched(&inner.reader), watched(&inner.writer));
        (Self(Arc::new(Inner { reader, writer, backend: inner.backend, sealer: inner.sealer.clone() })), count)
    }

    /// Brings the schema up to date. Several processes may do so at once: one does it, the others wait.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] if the database has steps that this binary does not know; nothing is changed then.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let options =
            TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Exclusive), ..TransactionOptions::default() };
        let transaction = self.0.writer.begin_with_options(options).await?;
        if self.is_postgres() {
            self.lock(&transaction, Lock::Migrate).await?;
        }
        let known = docent_migrations::known();
        if let Some(found) = docent_migrations::applied(&transaction).await?.into_iter().find(|step| !known.contains(step)) {
            transaction.rollback().await?;
            return Err(StoreError::NewerSchema { found });
        }
        Migrator::up(&transaction, None).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Asks the database for nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it does not answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.0.reader.query_one_raw(sql::statement(self.0.backend, "SELECT 1", [])).await?;
        Ok(())
    }

    /// Whether it is Postgres.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.0.backend == DbBackend::Postgres
    }

    /// Closes all connections.
    ///
    /// # Errors
    /// What the database says.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.0.reader.close_by_ref().await?;
        self.0.writer.close_by_ref().await?;
        Ok(())
    }

    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.0.reader
    }

    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.0.writer
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.0.backend
    }

    /// A transaction that will write. On SQLite it has the writer's lock from its first moment, so what it reads stays true.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        let options =
            TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..TransactionOptions::default() };
        Ok(self.0.writer.begin_with_options(options).await?)
    }

    /// Waits until no other node has this lock, and keeps it to the end of the transaction. SQLite has one writer anyway.
    pub(crate) async fn lock(&self, transaction: &DatabaseTransaction, lock: Lock) -> Result<(), StoreError> {
        if self.is_postgres() {
            transaction.execute_raw(sql::statement(self.0.backend, "SELECT pg_advisory_xact_lock($1)", [sql::number(lock as i64)])).await?;
        }
        Ok(())
    }

    /// Takes the lock if no other node has it.
    pub(crate) async fn try_lock(&self, transaction: &DatabaseTransaction, lock: Lock) -> Result<bool, StoreError> {
        if !self.is_postgres() {
            return Ok(true);
        }
        let ask = sql::statement(self.0.backend, "SELECT pg_try_advisory_xact_lock($1)", [sql::number(lock as i64)]);
        let answer = transaction.query_one_raw(ask).await?;
        Ok(answer.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(false))
    }

    /// Tells the other nodes to look, when the transaction is committed.
    pub(crate) async fn notify(&self, transaction: &DatabaseTransaction, channel: &str) -> Result<(), StoreError> {
        if self.is_postgres() {
            transaction.execute_raw(sql::statement(self.0.backend, "SELECT pg_notify($1, '')", [sql::text(channel)])).await?;
        }
        Ok(())
    }

    pub(crate) fn sealer(&self) -> Result<&dyn Sealer, StoreError> {
        self.0.sealer.as_deref().ok_or_else(|| StoreError::Database("no key for sealed values was given".to_owned()))
    }
}

/// Connects, again and again while another process gives a new file its journal: SQLite does not wait for that by itself.
async fn connect_sqlite(path: &Path, connections: u32) -> Result<DatabaseConnection, StoreError> {
    const TRIES: u32 = 100;
    let mut left = TRIES;
    loop {
        match sea_orm::Database::connect(sqlite(path.to_owned(), connections)).await {
            Err(error) if left > 0 && error.to_string().contains("database is locked") => left -= 1,
            other => return Ok(other?),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn sqlite(path: PathBuf, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new("sqlite://docent.sqlite");
    options
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(15))
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |one| {
            // A path may have any characters; a URL may not.
            one.filename(&path)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(10))
        });
    options
}
