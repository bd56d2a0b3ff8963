//! One job from its lease to the published version. The command line and the `Ingestor` run the same code.

use super::hold::{self, Extent};
use super::retry;
use super::stopping::{Stop, Stopping};
use crate::installation::Installation;
use docent_library::ArtefactStore;
use docent_library::artefact;
use docent_library::embedding::making::{self, MakingError};
use docent_library::ingest::{IngestError, IngestOptions, Ingested, ingest};
use docent_library::source::network::Network;
use docent_library::source::{Progress, Source, Stage};
use docent_library::trust::Policy;
use docent_store::{Job, Lease, PublishVersion, Store, StoreError};
use docent_types::documentation::VersionEntry;
use docent_types::ids::VersionRowId;
use docent_types::library_id::LibraryId;
use docent_types::random::SharedRandomness;
use docent_types::time::SharedClock;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
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
    pub artefacts: ArtefactStore,
    /// Where sources are fetched to.
    pub work_folder: PathBuf,
    /// What reading from the network may cost, and where registries are.
    pub network: Network,
    /// What is done with text that is no documentation.
    pub trust: Policy,
    /// The clock.
    pub clock: SharedClock,
    /// Randomness.
    pub randomness: SharedRandomness,
    /// The name of the embedding model, if there is one.
    pub model: Option<String>,
    /// Tells jobs to stop before their end.
    pub stopping: Stopping,
}

/// How a job is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Whether a source whose commit is served already is left as it is.
    pub skips_unchanged: bool,
    /// Whether every byte of what is served is looked at before it is left as it is; else it only has to be there.
    pub verifies: bool,
    /// Whether it is tried again later if it fails in a way that may pass.
    pub tries_again: bool,
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
    /// Somebody stopped it.
    #[error("it was cancelled")]
    Cancelled,
    /// This process ends.
    #[error("this process ends; another worker goes on with it")]
    GivenBack,
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
    /// It found far less than is served, and waits for a person's decision.
    Held {
        /// What it found, in words.
        reason: String,
    },
    /// The source is as it was when a person decided against it.
    Rejected {
        /// What had been found, in words.
        reason: String,
    },
}

/// Why a job ends before its work does.
enum Interruption {
    Lost,
    Stopped(Stop),
}

/// What is known of the commit that a source is at.
enum Known {
    Served,
    Held { reason: String },
    Rejected { reason: String },
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
    halted: Arc<AtomicBool>,
}

impl Progress for Told {
    fn stage(&self, stage: Stage, done: u64, total: u64) {
        self.last.set(stage, done, total);
        self.watcher.stage(stage, done, total);
    }

    fn cancelled(&self) -> bool {
        self.halted.load(Ordering::Relaxed) || self.watcher.cancelled()
    }
}

impl Ingestion {
    /// The ingestion of an installation.
    #[must_use]
    pub fn of(installation: &Installation) -> Self {
        Self {
            store: installation.store.clone(),
            artefacts: installation.artefacts.clone(),
            work_folder: installation.work_folder(),
            network: installation.network(),
            trust: installation.configuration.trust.policy,
            clock: installation.clock.clone(),
            randomness: installation.randomness.clone(),
            stopping: Stopping::default(),
            // What is wrong with the model was said at the start.
            model: crate::embedding::name(&installation.configuration.embedding).ok().flatten(),
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
        reading: Reading,
    ) -> Result<Outcome, JobError> {
        let _running = self.stopping.begin();
        let (last, halted) = (LastProgress::default(), Arc::new(AtomicBool::new(false)));
        let told = Told { last: last.clone(), watcher, halted: Arc::clone(&halted) };
        let mut work = std::pin::pin!(self.work(job, holder, told, reading));
        let interruption = tokio::select! {
            outcome = &mut work => return self.settle(job, holder, outcome, reading.tries_again).await,
            interruption = self.keep(job, holder, &last) => interruption,
        };
        halted.store(true, Ordering::Relaxed);
        let now = self.clock.now();
        // From here on nothing of it can be published: that needs the lease.
        let ended = match interruption {
            Interruption::Lost => true,
            Interruption::Stopped(Stop::Cancel) => self.store.cancel_leased_job(job.id, holder, now).await?,
            Interruption::Stopped(Stop::GiveBack) => self.store.give_back_job(job.id, holder, now).await?,
        };
        // Its threads end soon, and their files with them.
        let outcome = work.await;
        match interruption {
            // It was published before it could be stopped.
            Interruption::Stopped(_) if !ended && outcome.is_ok() => outcome,
            Interruption::Stopped(Stop::Cancel) => Err(JobError::Cancelled),
            Interruption::Stopped(Stop::GiveBack) => Err(JobError::GivenBack),
            Interruption::Lost => Err(JobError::LeaseLost),
        }
    }

    /// Writes down how the work ended. What was published or is held ended its job in its own transaction.
    async fn settle(&self, job: &Job, holder: Uuid, outcome: Result<Outcome, JobError>, tries_again: bool) -> Result<Outcome, JobError> {
        let now = self.clock.now();
        match outcome {
            Err(JobError::Store(StoreError::Conflict("job lease"))) => Err(JobError::LeaseLost),
            Err(error) => {
                let retry_at = if tries_again { retry::at(&error, job.attempts, now, &*self.randomness) } else { None };
                self.store.finish_job(job.id, holder, Err(error.to_string()), now, retry_at).await?;
                Err(error)
            }
            Ok(unchanged @ Outcome::Unchanged { .. }) => {
                self.store.version_seen(job.library, job.version.as_deref(), now).await?;
                self.store.finish_job(job.id, holder, Ok(()), now, None).await?;
                Ok(unchanged)
            }
            Ok(rejected @ Outcome::Rejected { .. }) => {
                self.store.finish_job(job.id, holder, Ok(()), now, None).await?;
                Ok(rejected)
            }
            Ok(ended) => Ok(ended),
        }
    }

    /// Keeps the lease; ends when it is lost, or somebody asks to stop.
    async fn keep(&self, job: &Job, holder: Uuid, last: &LastProgress) -> Interruption {
        loop {
            tokio::select! {
                stop = self.stopping.told() => return Interruption::Stopped(stop),
                () = tokio::time::sleep(RENEWAL) => {}
            }
            let (stage, done, total) = last.get();
            match self.store.renew_lease(job.id, holder, self.clock.now().after(LEASE), &stage, done, total).await {
                Ok(Lease::Renewed) => {}
                Ok(Lease::CancelAsked) => return Interruption::Stopped(Stop::Cancel),
                Ok(Lease::Lost) => return Interruption::Lost,
                // The database may come back before the lease ends.
                Err(error) => tracing::warn!(%error, job = %job.id, "the lease could not be renewed"),
            }
        }
    }

    /// The commits at which a source need not be read: what is served, and what a person has decided on or is asked about. Not if another
    /// release of Docent read it, which may have understood it otherwise.
    async fn known_commits(&self, job: &Job, served: Option<&VersionEntry>) -> Result<Vec<(String, Known)>, StoreError> {
        let mut known = Vec::new();
        let version = job.version.as_deref();
        // What was read into another format, or looked through by other rules, is read again whatever its commit.
        if let Some(served) = served
            && let Some(commit) = served.commit.clone()
            && self.store.served_format(job.library, version).await? == Some(artefact::FORMAT)
            && self.store.inspection(served.id).await?.by == self.trust.mark()
        {
            known.push((commit, Known::Served));
        }
        if let Some(aside) = self.store.set_aside(job.library, version).await?.filter(|aside| aside.format == artefact::FORMAT)
            && let Some(commit) = aside.commit
        {
            let reason = aside.reason;
            known.push((commit, if aside.is_rejected { Known::Rejected { reason } } else { Known::Held { reason } }));
        }
        Ok(known)
    }

    async fn work(&self, job: &Job, holder: Uuid, progress: Told, reading: Reading) -> Result<Outcome, JobError> {
        let library = self.store.library(&job.library_id).await?.ok_or(JobError::Gone)?;
        let text = self.store.version_source(job.library, job.version.as_deref()).await?.unwrap_or(library.source);
        let source = Source::parse(&text).map_err(IngestError::from)?;
        let versions: Vec<String> = library.entry.versions.iter().map(|one| one.artefact.clone()).collect();
        let served = library.entry.versions.into_iter().find(|one| one.version == job.version);
        let options = IngestOptions {
            id: Some(job.library_id.clone()),
            title: library.title_fixed.then_some(library.entry.title),
            version: job.version.clone(),
            workdir: self.work_folder.clone(),
            index_root: self.artefacts.root().to_owned(),
            network: self.network.clone(),
            trust: self.trust,
        };
        let known = if reading.skips_unchanged { self.known_commits(job, served.as_ref()).await? } else { Vec::new() };
        let index = served.as_ref().map(|served| served.artefact.clone());
        let artefacts = self.artefacts.clone();
        let ingested = tokio::task::spawn_blocking(move || -> Result<Result<Ingested, (String, Known)>, IngestError> {
            if !known.is_empty()
                && let Some(commit) = source.revision(&options.network, &options.workdir).map_err(IngestError::from)?
                && let Some(found) = known.into_iter().find(|(known, _)| *known == commit)
            {
                // After a restore without indexes, or a damage, it is read again.
                if let Some(index) = index
                    && artefacts.is_there(&index, reading.verifies)?
                {
                    return Ok(Err(found));
                }
            }
            let ingested = ingest(&source, &options, &progress)?;
            artefacts.publish(&ingested.artefact)?;
            Ok(Ok(ingested))
        })
        .await
        .map_err(|_| JobError::Panicked)??;
        let now = self.clock.now();
        let ingested = match ingested {
            Ok(ingested) => ingested,
            Err((commit, Known::Served)) => return Ok(Outcome::Unchanged { commit }),
            Err((_, Known::Rejected { reason })) => return Ok(Outcome::Rejected { reason }),
            Err((_, Known::Held { reason })) => {
                self.store.hold_job(job.id, holder, &reason, now).await?;
                return Ok(Outcome::Held { reason });
            }
        };
        self.take_over_vectors(&job.library_id, &ingested.artefact, versions).await;
        let publish = PublishVersion {
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
            offered_versions: ingested.versions.clone(),
            format: artefact::FORMAT,
            now,
            job: Some((job.id, holder)),
        };
        let found = Extent { pages: ingested.pages, snippets: ingested.snippets };
        let before = served.map(|served| Extent { pages: served.pages, snippets: served.snippets });
        if let Some(reason) = before.and_then(|before| hold::reason(before, found)) {
            let aside = self.store.set_aside(job.library, job.version.as_deref()).await?;
            // A folder has no commit by which it would have been known before it was read.
            if aside.is_some_and(|aside| aside.is_rejected && aside.artefact == publish.artefact) {
                return Ok(Outcome::Rejected { reason });
            }
            self.store.hold_version(publish, &reason).await?;
            return Ok(Outcome::Held { reason });
        }
        self.store.publish_version(publish).await?;
        Ok(Outcome::Published(Box::new(ingested)))
    }

    /// What did not change is found by meaning from the first moment: vectors of the same texts come from the library's other artefacts.
    async fn take_over_vectors(&self, library: &LibraryId, artefact: &str, mut others: Vec<String>) {
        let Some(model) = self.model.clone() else { return };
        others.retain(|other| other != artefact);
        let (artefacts, artefact) = (self.artefacts.clone(), artefact.to_owned());
        let taken = tokio::task::spawn_blocking(move || {
            for other in &others {
                artefacts.fetch_vectors(&model, other)?;
            }
            if making::take_over(artefacts.root(), &model, &artefact, &others)?.is_some() {
                artefacts.publish_vectors(&model, &artefact)?;
            }
            Ok::<_, MakingError>(())
        });
        if let Ok(Err(error)) = taken.await {
            tracing::warn!(%library, %error, "vectors could not be taken over and are made again");
        }
    }
}
