//! What can go wrong with the database. Never with a secret or the connection's URL in it.

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// Why the store did not do what was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away or does not answer in time. It may come back.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// The database was brought to a state that only a newer Docent understands.
    #[error("the database was written by a newer Docent (it has the step {found}): start that version, or restore a backup of this one")]
    NewerSchema {
        /// The first step that this binary does not know.
        found: String,
    },
    /// There is one already.
    #[error("the {0} is taken already")]
    Conflict(&'static str),
    /// There is none.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The database refused.
    #[error("the database refused: {0}")]
    Database(String),
}

impl StoreError {
    /// Names what is taken, if that is what went wrong.
    pub(crate) fn taken(error: DbErr, what: &'static str) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::Conflict(what),
            _ => error.into(),
        }
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::ConnectionAcquire(_) => Self::Unavailable("no connection became free in time".to_owned()),
            DbErr::Conn(RuntimeErr::SqlxError(inner))
            | DbErr::Exec(RuntimeErr::SqlxError(inner))
            | DbErr::Query(RuntimeErr::SqlxError(inner)) => of_sqlx(inner),
            DbErr::Conn(_) => Self::Unavailable("the connection failed".to_owned()),
            _ => Self::Database(error.to_string()),
        }
    }
}

pub(crate) fn of_sqlx(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Io(inner) => StoreError::Unavailable(inner.kind().to_string()),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => StoreError::Unavailable(error.to_string()),
        sqlx::Error::Tls(_) => StoreError::Unavailable("no secure connection could be made".to_owned()),
        sqlx::Error::Protocol(_) => StoreError::Unavailable("the connection broke".to_owned()),
        sqlx::Error::Configuration(_) => StoreError::Database("the connection's settings cannot be understood".to_owned()),
        sqlx::Error::Database(inner) => {
            let code = inner.code().unwrap_or_default();
            // 08: connection; 57P: shut down; 53: out of resources; SQLite 5: busy, 14: cannot open.
            if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") || code == "5" || code == "14" {
                StoreError::Unavailable(inner.message().to_owned())
            } else {
                StoreError::Database(inner.message().to_owned())
            }
        }
        _ => StoreError::Database(error.to_string()),
    }
}
