//! One job from its lease to the published version. The command line and the `Ingestor` run the same code.

use crate::installation::Installation;
use docent_library::ingest::{IngestError, IngestOptions, Ingested, ingest};
use docent_library::source::{Progress, Source, Stage};
use docent_library::trust::Policy;
use docent_store::{Job, PublishVersion, Store, StoreError};
use docent_types::ids::VersionRowId;
use docent_types::random::SharedRandomness;
use docent_types::time::SharedClock;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use uuid::Uuid;

/// How long a lease holds without being renewed. A worker that was killed gives its job back after this.
pub const LEASE: Duration = Duration::from_secs(30);
const RENEWAL: Duration = Duration::from_secs(2);

/// Where ingestion works.
#[derive(Clone)]
pub struct Ingestion {
    /// The database.
    pub store: Store,
    /// Where indexes are kept.
    pub index_folder: PathBuf,
    /// Where sources are fetched to.
    pub work_folder: PathBuf,
    /// What is done with text that is no documentation.
    pub trust: Policy,
    /// The clock.
    pub clock: SharedClock,
    /// Randomness.
    pub randomness: SharedRandomness,
}

/// Why a job did not end in a published version.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The source or its documents.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The database.
    #[error("the database: {0}")]
    Store(#[from] StoreError),
    /// The library was removed meanwhile.
    #[error("the library is not there any more")]
    Gone,
    /// Somebody else holds the job now.
    #[error("the job was taken over by another worker")]
    LeaseLost,
    /// A fault of ours.
    #[error("the ingestion stopped unexpectedly; the log has the reason")]
    Panicked,
}

/// What a job came to.
pub enum Outcome {
    /// A version was published.
    Published(Box<Ingested>),
    /// The source is at the commit that is served already.
    Unchanged {
        /// The commit.
        commit: String,
    },
}

/// A stage as people read it.
#[must_use]
pub const fn in_words(stage: Stage) -> &'static str {
    match stage {
        Stage::Fetch => "fetching",
        Stage::Select => "selecting",
        Stage::Read => "reading",
        Stage::Index => "indexing",
    }
}

/// The progress that was told last.
#[derive(Default, Clone)]
pub struct LastProgress(Arc<Mutex<(String, u64, u64)>>);

impl LastProgress {
    fn get(&self) -> (String, u64, u64) {
        self.0.lock().map(|told| told.clone()).unwrap_or_default()
    }

    fn set(&self, stage: Stage, done: u64, total: u64) {
        if let Ok(mut told) = self.0.lock() {
            *told = (in_words(stage).to_owned(), done, total);
        }
    }
}

/// Tells progress to the database and to somebody who watches.
struct Told {
    last: LastProgress,
    watcher: Arc<dyn Progress + Send + Sync>,
}

impl Progress for Told {
    fn stage(&self, stage: Stage, done: u64, total: u64) {
        self.last.set(stage, done, total);
        self.watcher.stage(stage, done, total);
    }
}

impl Ingestion {
    /// The ingestion of an installation.
    #[must_use]
    pub fn of(installation: &Installation) -> Self {
        Self {
            store: installation.store.clone(),
            index_folder: installation.index_folder(),
            work_folder: installation.work_folder(),
            trust: installation.configuration.trust.policy,
            clock: installation.clock.clone(),
            randomness: installation.randomness.clone(),
        }
    }

    /// Runs a leased job to its end and writes the end into the database.
    ///
    /// # Errors
    /// [`JobError`]; the old version goes on being served.
    pub async fn run(
        &self,
        job: &Job,
        holder: Uuid,
        watcher: Arc<dyn Progress + Send + Sync>,
        skip_unchanged: bool,
    ) -> Result<Outcome, JobError> {
        let last = LastProgress::default();
        let work = self.work(job, holder, Told { last: last.clone(), watcher }, skip_unchanged);
        let renewals = self.renew(job, holder, &last);
        let outcome = tokio::select! {
            outcome = work => outcome,
            () = renewals => Err(JobError::LeaseLost),
        };
        let end = match &outcome {
            // Publishing ended the job in its own transaction; a lost lease is somebody else's to end.
            Ok(Outcome::Published(_)) | Err(JobError::LeaseLost) => return outcome,
            Ok(Outcome::Unchanged { .. }) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        self.store.finish_job(job.id, holder, end, self.clock.now(), None).await?;
        outcome
    }

    /// Ends only when the lease is lost.
    async fn renew(&self, job: &Job, holder: Uuid, last: &LastProgress) {
        loop {
            tokio::time::sleep(RENEWAL).await;
            let (stage, done, total) = last.get();
            match self.store.renew_lease(job.id, holder, self.clock.now().after(LEASE), &stage, done, total).await {
                Ok(true) => {}
                Ok(false) => return,
                // The database may come back before the lease ends.
                Err(error) => tracing::warn!(%error, job = %job.id, "the lease could not be renewed"),
            }
        }
    }

    async fn work(&self, job: &Job, holder: Uuid, progress: Told, skip_unchanged: bool) -> Result<Outcome, JobError> {
        let library = self.store.library(&job.library_id).await?.ok_or(JobError::Gone)?;
        let text = self.store.version_source(job.library, job.version.as_deref()).await?.unwrap_or(library.source);
        let source = Source::parse(&text).map_err(IngestError::from)?;
        let served = match library.entry.versions.iter().find(|one| one.version == job.version) {
            // What was looked through by other rules is read again, whatever its commit.
            Some(one) if self.store.inspection(one.id).await?.by == self.trust.mark() => one.commit.clone(),
            _ => None,
        };
        let options = IngestOptions {
            id: Some(job.library_id.clone()),
            title: library.title_fixed.then(|| library.entry.title.clone()),
            version: job.version.clone(),
            workdir: self.work_folder.clone(),
            index_root: self.index_folder.clone(),
            trust: self.trust,
        };
        let known = served.filter(|_| skip_unchanged);
        let ingested = tokio::task::spawn_blocking(move || -> Result<Result<Ingested, String>, IngestError> {
            if let Some(known) = known
                && source.remote_commit()?.as_ref() == Some(&known)
            {
                return Ok(Err(known));
            }
            ingest(&source, &options, &progress).map(Ok)
        })
        .await
        .map_err(|_| JobError::Panicked)??;
        let ingested = match ingested {
            Ok(ingested) => ingested,
            Err(commit) => return Ok(Outcome::Unchanged { commit }),
        };
        let now = self.clock.now();
        self.store
            .publish_version(PublishVersion {
                library: job.library,
                version_row: VersionRowId::generate(now, &*self.randomness),
                version: job.version.clone(),
                artefact: ingested.artefact.clone(),
                commit: ingested.commit.clone(),
                pages: ingested.pages,
                snippets: ingested.snippets,
                tokens: ingested.tokens,
                skipped: ingested.skipped.clone(),
                inspection: ingested.inspection.clone(),
                title: ingested.title.clone(),
                description: ingested.description.clone(),
                rules: ingested.rules.clone(),
                now,
                job: Some((job.id, holder)),
            })
            .await?;
        Ok(Outcome::Published(Box::new(ingested)))
    }
}
