//! The job queue of the ingestor. A job is held by a lease: whoever dies over it loses it. [`ending`] says how jobs end.

mod ending;

pub use ending::Cancelled;
pub(crate) use ending::end;

use crate::entity::jobs;
use crate::error::StoreError;
use crate::{Store, sql};
use docent_types::ids::{JobId, LibraryRowId};
use docent_types::library_id::LibraryId;
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait, EntityTrait as _, QueryResult, Set, SqlErr};
use std::collections::HashMap;
use uuid::Uuid;

/// How often a job is tried before it counts as failed.
const ATTEMPTS: i64 = 5;

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JobState {
    /// Nobody works on it.
    Waiting,
    /// Somebody works on it, as long as the lease holds.
    Running,
    /// It ended well.
    Done,
    /// It ended badly.
    Failed,
    /// It ended with far less than is served: a person decides.
    Held,
    /// Somebody stopped it.
    Cancelled,
}

impl JobState {
    /// As stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
        }
    }

    fn parse(value: &str) -> Result<Self, StoreError> {
        [Self::Waiting, Self::Running, Self::Done, Self::Failed, Self::Held, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == value)
            .ok_or_else(|| StoreError::Database("a job's state cannot be read".to_owned()))
    }
}

/// How much work there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Work {
    /// Jobs that wait.
    pub waiting: u64,
    /// Jobs that run.
    pub running: u64,
    /// Libraries.
    pub libraries: u64,
}

/// A job: read a library, or one version of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The library's row.
    pub library: LibraryRowId,
    /// The library's id.
    pub library_id: LibraryId,
    /// The version; `None` is the default one.
    pub version: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// What is being done, in words.
    pub stage: String,
    /// How much of the stage is done.
    pub done: u64,
    /// Of how much.
    pub total: u64,
    /// How often it was begun.
    pub attempts: i32,
    /// Why it failed last, or is held.
    pub error: Option<String>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it was begun last.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Until when its holder has it.
    pub lease_until: Option<Timestamp>,
    /// When it waits to be tried again: not before this.
    pub not_before: Option<Timestamp>,
}

impl Job {
    /// How much of it is done, in percent, while it runs. Reading is most of the work; what comes before has no measure.
    #[must_use]
    pub fn percent(&self) -> Option<u64> {
        if self.state != JobState::Running {
            return None;
        }
        let (from, to) = match self.stage.as_str() {
            "selecting" => (10, 12),
            "reading" => (12, 60),
            "indexing" => (60, 100),
            _ => (0, 10),
        };
        let share = (self.done.min(self.total) * (to - from)).checked_div(self.total).unwrap_or(0);
        Some((from + share).min(99))
    }
}

/// What renewing a lease told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lease {
    /// It holds.
    Renewed,
    /// It holds, and somebody asked to stop.
    CancelAsked,
    /// The job is another's, or has ended.
    Lost,
}

const COLUMNS: &str = "j.id AS id, j.library_id AS library_id, l.owner AS owner, l.name AS name, j.version AS version, j.state AS state,
    j.stage AS stage, j.done AS done, j.total AS total, j.attempts AS attempts, j.error AS error, j.created_at AS created_at,
    j.started_at AS started_at, j.finished_at AS finished_at, j.lease_until AS lease_until, j.not_before AS not_before";

fn read(row: &QueryResult) -> Result<Job, StoreError> {
    let (owner, name): (String, String) = (row.try_get("", "owner")?, row.try_get("", "name")?);
    let state: String = row.try_get("", "state")?;
    let moment = |column: &str| Ok::<_, StoreError>(row.try_get::<Option<i64>>("", column)?.map(Timestamp));
    Ok(Job {
        id: JobId(row.try_get("", "id")?),
        library: LibraryRowId(row.try_get("", "library_id")?),
        library_id: LibraryId::new(&owner, &name).map_err(|error| StoreError::Database(error.to_string()))?,
        version: row.try_get("", "version")?,
        state: JobState::parse(&state)?,
        stage: row.try_get("", "stage")?,
        done: sql::as_count(row.try_get("", "done")?),
        total: sql::as_count(row.try_get("", "total")?),
        attempts: i32::try_from(row.try_get::<i64>("", "attempts")?).unwrap_or(i32::MAX),
        error: row.try_get("", "error")?,
        created_at: Timestamp(row.try_get("", "created_at")?),
        started_at: moment("started_at")?,
        finished_at: moment("finished_at")?,
        lease_until: moment("lease_until")?,
        not_before: moment("not_before")?,
    })
}

fn queued(id: JobId, library: LibraryRowId, version: Option<&str>, state: JobState, now: Timestamp) -> jobs::ActiveModel {
    jobs::ActiveModel {
        id: Set(id.0),
        library_id: Set(library.0),
        version: Set(version.map(str::to_owned)),
        version_key: Set(version.unwrap_or_default().to_owned()),
        state: Set(state.as_str().to_owned()),
        stage: Set(String::new()),
        done: Set(0),
        total: Set(0),
        attempts: Set(0),
        error: Set(None),
        holder: Set(None),
        lease_until: Set(None),
        not_before: Set(None),
        created_at: Set(now.0),
        started_at: Set(None),
        finished_at: Set(None),
        cancelled_at: Set(None),
    }
}

/// Of jobs of several versions of a library, the one that says most about it: what happens now, then what went wrong.
const fn weight(state: JobState) -> u8 {
    match state {
        JobState::Running => 5,
        JobState::Waiting => 4,
        JobState::Failed => 3,
        JobState::Held => 2,
        JobState::Cancelled => 1,
        JobState::Done => 0,
    }
}

/// The jobs that tell where a library stands: of each version the one that was queued last, and those that run. The one that says most
/// comes first.
pub(crate) async fn telling(store: &Store, library: Option<Uuid>) -> Result<HashMap<LibraryRowId, Vec<Job>>, StoreError> {
    let condition = match library {
        Some(_) => "j.library_id = $1 AND",
        None => "",
    };
    let text = format!(
        "SELECT {COLUMNS} FROM jobs j JOIN libraries l ON l.id = j.library_id
         WHERE {condition} (j.state = 'running' OR NOT EXISTS (
            SELECT 1 FROM jobs newer WHERE newer.library_id = j.library_id AND newer.version_key = j.version_key AND newer.id > j.id))"
    );
    let values = library.map(sql::uuid).into_iter().collect::<Vec<_>>();
    let rows = store.reader().query_all_raw(sea_orm::Statement::from_sql_and_values(store.backend(), text, values)).await?;
    let mut jobs: HashMap<LibraryRowId, Vec<Job>> = HashMap::new();
    for row in &rows {
        let job = read(row)?;
        jobs.entry(job.library).or_default().push(job);
    }
    for of_one in jobs.values_mut() {
        of_one.sort_by(|a, b| weight(b.state).cmp(&weight(a.state)).then(b.id.cmp(&a.id)));
    }
    Ok(jobs)
}

impl Store {
    /// Queues a job. If one waits already for the same library and version, that one is answered.
    ///
    /// # Errors
    /// What the database says.
    pub async fn queue_job(&self, id: JobId, library: LibraryRowId, version: Option<&str>, now: Timestamp) -> Result<JobId, StoreError> {
        loop {
            match jobs::Entity::insert(queued(id, library, version, JobState::Waiting, now)).exec_without_returning(self.writer()).await {
                Ok(_) => return Ok(id),
                Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {}
                Err(error) => return Err(error.into()),
            }
            let waiting = sql::statement(
                self.backend(),
                "SELECT id FROM jobs WHERE library_id = $1 AND version_key = $2 AND state = 'waiting'",
                [sql::uuid(library.0), sql::text(version.unwrap_or_default())],
            );
            // It may have been taken up between the two statements: then there is room for this one.
            if let Some(row) = self.writer().query_one_raw(waiting).await? {
                return Ok(JobId(row.try_get_by_index(0)?));
            }
        }
    }

    /// Begins a job at once, for the command line. `false` if one for the same library and version runs.
    ///
    /// # Errors
    /// What the database says.
    pub async fn queue_leased_job(
        &self,
        id: JobId,
        library: LibraryRowId,
        version: Option<&str>,
        holder: Uuid,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        let abandoned = sql::statement(
            self.backend(),
            "UPDATE jobs SET state = 'failed', error = 'what worked on it went away', finished_at = $1, holder = NULL, lease_until = NULL
             WHERE library_id = $2 AND version_key = $3 AND state = 'running' AND lease_until < $1",
            [sql::number(now.0), sql::uuid(library.0), sql::text(version.unwrap_or_default())],
        );
        transaction.execute_raw(abandoned).await?;
        let mut row = queued(id, library, version, JobState::Running, now);
        row.holder = Set(Some(holder));
        row.lease_until = Set(Some(lease_until.0));
        row.started_at = Set(Some(now.0));
        row.attempts = Set(1);
        match jobs::Entity::insert(row).exec_without_returning(&transaction).await {
            Ok(_) => transaction.commit().await?,
            Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// Takes up the oldest job that waits, or whose holder went away. One that was begun too often counts as failed.
    ///
    /// # Errors
    /// What the database says.
    pub async fn lease_job(&self, holder: Uuid, now: Timestamp, lease_until: Timestamp) -> Result<Option<Job>, StoreError> {
        let stopped = sql::statement(
            self.backend(),
            "UPDATE jobs SET state = 'cancelled', finished_at = $1, holder = NULL, lease_until = NULL
             WHERE state = 'running' AND lease_until < $1 AND cancelled_at IS NOT NULL",
            [sql::number(now.0)],
        );
        self.writer().execute_raw(stopped).await?;
        let given_up = sql::statement(
            self.backend(),
            "UPDATE jobs SET state = 'failed', error = 'what worked on it went away, too often', finished_at = $1, holder = NULL, lease_until = NULL
             WHERE state = 'running' AND lease_until < $1 AND attempts >= $2",
            [sql::number(now.0), sql::number(ATTEMPTS)],
        );
        self.writer().execute_raw(given_up).await?;
        let text = format!(
            "UPDATE jobs SET state = 'running', holder = $1, lease_until = $2, started_at = $3, attempts = attempts + 1, stage = '', done = 0, total = 0
             WHERE id = (
                SELECT w.id FROM jobs w
                WHERE (w.state = 'running' AND w.lease_until < $3)
                   OR (w.state = 'waiting' AND (w.not_before IS NULL OR w.not_before <= $3)
                       AND NOT EXISTS (SELECT 1 FROM jobs r WHERE r.library_id = w.library_id AND r.version_key = w.version_key AND r.state = 'running'))
                ORDER BY w.created_at, w.id LIMIT 1{})
             RETURNING id",
            sql::skip_locked(self.backend())
        );
        let update = sql::statement(self.backend(), text, [sql::uuid(holder), sql::number(lease_until.0), sql::number(now.0)]);
        let taken = match self.writer().query_one_raw(update).await {
            Ok(taken) => taken,
            // Another node began the same library and version at this moment.
            Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => None,
            Err(error) => return Err(error.into()),
        };
        match taken {
            Some(row) => self.job_at(self.writer(), JobId(row.try_get_by_index(0)?)).await,
            None => Ok(None),
        }
    }

    /// Keeps a job and tells how far it is.
    ///
    /// # Errors
    /// What the database says.
    pub async fn renew_lease(
        &self,
        job: JobId,
        holder: Uuid,
        lease_until: Timestamp,
        stage: &str,
        done: u64,
        total: u64,
    ) -> Result<Lease, StoreError> {
        let update = sql::statement(
            self.backend(),
            "UPDATE jobs SET lease_until = $1, stage = $2, done = $3, total = $4 WHERE id = $5 AND holder = $6 AND state = 'running'
             RETURNING cancelled_at",
            [
                sql::number(lease_until.0),
                sql::text(stage),
                sql::number(sql::count(done)),
                sql::number(sql::count(total)),
                sql::uuid(job.0),
                sql::uuid(holder),
            ],
        );
        let Some(row) = self.writer().query_one_raw(update).await? else { return Ok(Lease::Lost) };
        let asked: Option<i64> = row.try_get_by_index(0)?;
        Ok(if asked.is_some() { Lease::CancelAsked } else { Lease::Renewed })
    }

    /// How much work there is, in all processes.
    ///
    /// # Errors
    /// What the database says.
    pub async fn work(&self) -> Result<Work, StoreError> {
        let query = sql::statement(
            self.backend(),
            "SELECT (SELECT COUNT(*) FROM jobs WHERE state = 'waiting'), (SELECT COUNT(*) FROM jobs WHERE state = 'running'),
                (SELECT COUNT(*) FROM libraries)",
            [],
        );
        let Some(row) = self.reader().query_one_raw(query).await? else { return Ok(Work::default()) };
        let count = |at| Ok::<_, StoreError>(sql::as_count(row.try_get_by_index(at)?));
        Ok(Work { waiting: count(0)?, running: count(1)?, libraries: count(2)? })
    }

    /// The newest jobs first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn jobs(&self, limit: u64) -> Result<Vec<Job>, StoreError> {
        let text =
            format!("SELECT {COLUMNS} FROM jobs j JOIN libraries l ON l.id = j.library_id ORDER BY j.created_at DESC, j.id DESC LIMIT $1");
        let rows = self.reader().query_all_raw(sql::statement(self.backend(), text, [sql::number(sql::count(limit))])).await?;
        rows.iter().map(read).collect()
    }

    /// A job.
    ///
    /// # Errors
    /// What the database says.
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.job_at(self.reader(), id).await
    }

    async fn job_at<C: ConnectionTrait>(&self, connection: &C, id: JobId) -> Result<Option<Job>, StoreError> {
        let text = format!("SELECT {COLUMNS} FROM jobs j JOIN libraries l ON l.id = j.library_id WHERE j.id = $1");
        let row = connection.query_one_raw(sql::statement(self.backend(), text, [sql::uuid(id.0)])).await?;
        row.as_ref().map(read).transpose()
    }
}
