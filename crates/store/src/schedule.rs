//! When libraries are due for a refresh. Each library keeps its own moment of the day, so that they do not come all at once.

use crate::error::StoreError;
use crate::{Store, sql};
use docent_types::ids::LibraryRowId;
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait as _, Value};
use std::time::Duration;

/// A library whose turn it is, or that has not had one yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due {
    /// The library.
    pub library: LibraryRowId,
    /// How often it is refreshed.
    pub every: Duration,
    /// Its last turn; `None` before the first.
    pub refreshed_at: Option<Timestamp>,
}

impl Store {
    /// The libraries whose turn it is, those that waited longest first. `every` is for libraries without a schedule of their own; zero is
    /// never.
    ///
    /// # Errors
    /// What the database says.
    pub async fn due_for_refresh(&self, every: Duration, now: Timestamp, limit: u64) -> Result<Vec<Due>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT id, COALESCE(refresh_every, $1) AS every, refreshed_at FROM libraries
             WHERE COALESCE(refresh_every, $1) > 0 AND (refreshed_at IS NULL OR refreshed_at + COALESCE(refresh_every, $1) * 1000 <= $2)
             ORDER BY COALESCE(refreshed_at, 0), id LIMIT $3",
            [sql::number(sql::count(every.as_secs())), sql::number(now.0), sql::number(sql::count(limit))],
        );
        let rows = self.reader().query_all_raw(query).await?;
        rows.iter()
            .map(|row| {
                Ok(Due {
                    library: LibraryRowId(row.try_get("", "id")?),
                    every: Duration::from_secs(sql::as_count(row.try_get("", "every")?)),
                    refreshed_at: row.try_get::<Option<i64>>("", "refreshed_at")?.map(Timestamp),
                })
            })
            .collect()
    }

    /// Writes down that a library had its turn. `false` if another node did so before.
    ///
    /// # Errors
    /// What the database says.
    pub async fn had_its_turn(&self, due: Due, at: Timestamp) -> Result<bool, StoreError> {
        let update = sql::statement(
            self.backend(),
            "UPDATE libraries SET refreshed_at = $1 WHERE id = $2 AND refreshed_at IS NOT DISTINCT FROM $3",
            [sql::number(at.0), sql::uuid(due.library.0), Value::BigInt(due.refreshed_at.map(|at| at.0))],
        );
        Ok(self.writer().execute_raw(update).await?.rows_affected() > 0)
    }

    /// Gives a library a schedule of its own: `None` is as configured, zero is never. Its moment is chosen anew.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if it was removed.
    pub async fn set_refresh_every(&self, library: LibraryRowId, every: Option<Duration>) -> Result<(), StoreError> {
        let update = sql::statement(
            self.backend(),
            "UPDATE libraries SET refresh_every = $1, refreshed_at = NULL WHERE id = $2",
            [Value::BigInt(every.map(|every| sql::count(every.as_secs()))), sql::uuid(library.0)],
        );
        match self.writer().execute_raw(update).await?.rows_affected() {
            0 => Err(StoreError::NotFound("library")),
            _ => Ok(()),
        }
    }

    /// The versions of a library that a refresh reads, served already or not: the one that it was added with, and those that were added
    /// to it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn versions_to_refresh(&self, library: LibraryRowId) -> Result<Vec<Option<String>>, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT COALESCE(wanted_version, '') AS key FROM libraries WHERE id = $1
             UNION SELECT version_key FROM library_versions WHERE library_id = $1
             UNION SELECT version_key FROM version_sources WHERE library_id = $1
             ORDER BY 1",
            [sql::uuid(library.0)],
        );
        let keys = self.reader().query_all_raw(query).await?;
        keys.iter()
            .map(|row| {
                let key: String = row.try_get_by_index(0)?;
                Ok(Some(key).filter(|key| !key.is_empty()))
            })
            .collect()
    }
}
