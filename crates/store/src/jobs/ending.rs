//! How jobs end: done, failed, held, stopped, or given back to the queue. Each end is written only by who holds the lease.

use super::{ATTEMPTS, JobState};
use crate::error::StoreError;
use crate::{Store, sql};
use docent_types::ids::{JobId, LibraryRowId};
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait, SqlErr};
use uuid::Uuid;

/// What stopping the jobs of a library did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cancelled {
    /// Jobs that waited, and wait no more.
    pub ended: u64,
    /// Jobs that run: who works on them was asked to stop, and does so within seconds.
    pub asked: u64,
}

/// Ends a job, if this holder still has it.
pub(crate) async fn end<C: ConnectionTrait>(
    connection: &C,
    job: JobId,
    holder: Uuid,
    state: JobState,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let update = sql::statement(
        connection.get_database_backend(),
        "UPDATE jobs SET state = $1, error = $2, finished_at = $3, lease_until = NULL, holder = NULL
         WHERE id = $4 AND holder = $5 AND state = 'running'",
        [sql::text(state.as_str()), sql::text_or_null(reason), sql::number(now.0), sql::uuid(job.0), sql::uuid(holder)],
    );
    Ok(connection.execute_raw(update).await?.rows_affected() > 0)
}

impl Store {
    /// Ends a job. With `retry_at` a failed one waits again until then, unless another one waits already or it was tried too often.
    /// Nothing happens if the lease was lost or the job ended before.
    ///
    /// # Errors
    /// What the database says.
    pub async fn finish_job(
        &self,
        job: JobId,
        holder: Uuid,
        outcome: Result<(), String>,
        now: Timestamp,
        retry_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let Err(reason) = outcome else {
            end(self.writer(), job, holder, JobState::Done, None, now).await?;
            return Ok(());
        };
        if let Some(at) = retry_at
            && self.wait_again(job, holder, Some(&reason), Some(at), 0, ATTEMPTS).await?
        {
            return Ok(());
        }
        end(self.writer(), job, holder, JobState::Failed, Some(&reason), now).await?;
        Ok(())
    }

    /// Puts a job back into the queue as if it had not been begun: the worker ends for reasons of its own. `false` if the lease was lost.
    ///
    /// # Errors
    /// What the database says.
    pub async fn give_back_job(&self, job: JobId, holder: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        if self.wait_again(job, holder, None, None, 1, i64::MAX).await? {
            return Ok(true);
        }
        // Another one waits for the same version: that is as good.
        end(self.writer(), job, holder, JobState::Cancelled, None, now).await
    }

    /// Ends a leased job because somebody asked to stop. `false` if the lease was lost or the job ended before.
    ///
    /// # Errors
    /// What the database says.
    pub async fn cancel_leased_job(&self, job: JobId, holder: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        end(self.writer(), job, holder, JobState::Cancelled, Some("it was cancelled"), now).await
    }

    /// Stops the jobs of a library: those that wait at once, those that run by asking who works on them.
    ///
    /// # Errors
    /// What the database says.
    pub async fn cancel_jobs(&self, library: LibraryRowId, now: Timestamp) -> Result<Cancelled, StoreError> {
        let transaction = self.begin().await?;
        let waiting = sql::statement(
            self.backend(),
            "UPDATE jobs SET state = 'cancelled', error = 'it was cancelled', finished_at = $1, cancelled_at = $1
             WHERE library_id = $2 AND state = 'waiting'",
            [sql::number(now.0), sql::uuid(library.0)],
        );
        let running = sql::statement(
            self.backend(),
            "UPDATE jobs SET cancelled_at = $1 WHERE library_id = $2 AND state = 'running'",
            [sql::number(now.0), sql::uuid(library.0)],
        );
        let ended = transaction.execute_raw(waiting).await?.rows_affected();
        let asked = transaction.execute_raw(running).await?.rows_affected();
        transaction.commit().await?;
        Ok(Cancelled { ended, asked })
    }

    async fn wait_again(
        &self,
        job: JobId,
        holder: Uuid,
        reason: Option<&str>,
        not_before: Option<Timestamp>,
        uncounted: i64,
        attempts: i64,
    ) -> Result<bool, StoreError> {
        let again = sql::statement(
            self.backend(),
            "UPDATE jobs SET state = 'waiting', error = $1, not_before = $2, lease_until = NULL, holder = NULL, attempts = attempts - $6
             WHERE id = $3 AND holder = $4 AND state = 'running' AND attempts < $5 AND cancelled_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM jobs w WHERE w.library_id = jobs.library_id AND w.version_key = jobs.version_key AND w.state = 'waiting')",
            [
                sql::text_or_null(reason),
                sea_orm::Value::BigInt(not_before.map(|at| at.0)),
                sql::uuid(job.0),
                sql::uuid(holder),
                sql::number(attempts),
                sql::number(uncounted),
            ],
        );
        match self.writer().execute_raw(again).await {
            Ok(done) => Ok(done.rows_affected() > 0),
            Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
