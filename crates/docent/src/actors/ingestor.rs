//! `Ingestor`: the job queue. It takes one job at a time by a lease, so several workers share one queue.

use super::embedding::{self, Embedding};
use super::ingestion::{Ingestion, JobError, LEASE, Outcome, Reading};
use super::schedule;
use actix::prelude::*;
use docent_library::artefact;
use docent_library::embedding::vectors;
use docent_library::source::Silent;
use docent_types::ids::JobId;
use docent_types::messages::{CatalogError, QueueRefresh, ReloadCatalog};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const TURN: Duration = Duration::from_secs(1);
/// How often it is looked which libraries are due.
const SCHEDULE: Duration = Duration::from_secs(60);
/// How often is looked for snippets that have no vector yet.
const EMBED: Duration = Duration::from_secs(2);
/// How often artefacts that nothing names are removed.
const SWEEP: Duration = Duration::from_secs(600);

/// An artefact is left this long after nothing names it: longer than a job needs from its upload to its end, and than a
/// node may lag that is still sent requests (`docs/decisions/0008-when-an-artefact-is-removed.md`).
const UNUSED_FOR: Duration = Duration::from_secs(3600);

/// The actor.
pub struct Ingestor {
    ingestion: Ingestion,
    holder: Uuid,
    reload: Option<Recipient<ReloadCatalog>>,
    refresh_every: Duration,
    working: bool,
    embedding: Embedding,
    /// Away while a turn runs.
    embedded: Option<embedding::Progress>,
}

impl Ingestor {
    /// An ingestor; `reload` is told of each published version when the catalogue lives in this process. Libraries without a schedule of
    /// their own are refreshed as `refresh_every` says; zero is never.
    #[must_use]
    pub fn new(ingestion: Ingestion, embedding: Embedding, reload: Option<Recipient<ReloadCatalog>>, refresh_every: Duration) -> Self {
        let holder = docent_types::ids::uuid_v7(ingestion.clock.now(), &*ingestion.randomness);
        let embedded = Some(embedding::Progress::default());
        Self { ingestion, holder, reload, refresh_every, working: false, embedding, embedded }
    }

    fn take_one(&mut self, context: &mut Context<Self>) {
        if self.working || self.ingestion.stopping.was_told().is_some() {
            return;
        }
        self.working = true;
        let (ingestion, holder, reload) = (self.ingestion.clone(), self.holder, self.reload.clone());
        let work = async move {
            let now = ingestion.clock.now();
            let job = match ingestion.store.lease_job(holder, now, now.after(LEASE)).await {
                Ok(Some(job)) => job,
                Ok(None) => return false,
                Err(error) => {
                    tracing::debug!(%error, "the job queue could not be read");
                    return false;
                }
            };
            tracing::info!(library = %job.library_id, job = %job.id, "reading a library");
            let reading = Reading { skips_unchanged: true, verifies: false, tries_again: true };
            match ingestion.run(&job, holder, Arc::new(Silent), reading).await {
                Ok(Outcome::Published(ingested)) => {
                    tracing::info!(library = %job.library_id, pages = ingested.pages, snippets = ingested.snippets, "a library is published")
                }
                Ok(Outcome::Unchanged { commit }) => tracing::info!(library = %job.library_id, commit, "a library is unchanged"),
                Ok(Outcome::Held { reason }) => {
                    tracing::warn!(library = %job.library_id, reason, "a refresh is held for a decision: docent library confirm, or reject")
                }
                Ok(Outcome::Rejected { .. }) => tracing::info!(library = %job.library_id, "a library's source is as it was rejected"),
                Err(JobError::Cancelled) => tracing::info!(library = %job.library_id, "a job was cancelled"),
                Err(JobError::GivenBack) => tracing::info!(library = %job.library_id, "a job goes back to the queue"),
                Err(error) => tracing::warn!(library = %job.library_id, attempt = job.attempts, %error, "a library could not be read"),
            }
            if let Some(reload) = reload {
                reload.do_send(ReloadCatalog);
            }
            true
        };
        context.spawn(work.into_actor(self).map(|found, ingestor, context| {
            ingestor.working = false;
            if found {
                ingestor.take_one(context);
            }
        }));
    }

    fn schedule(&self, context: &mut Context<Self>) {
        let (ingestion, every) = (self.ingestion.clone(), self.refresh_every);
        let work = async move {
            match schedule::queue_due(&ingestion, every).await {
                Ok(0) => {}
                Ok(libraries) => tracing::info!(libraries, "refreshes are due"),
                Err(error) => tracing::debug!(%error, "the schedule could not be read"),
            }
        };
        context.spawn(work.into_actor(self));
    }

    /// Makes vectors, beside the jobs: a library answers by its words at once.
    fn embed(&mut self, context: &mut Context<Self>) {
        let Some(progress) = self.embedded.take() else { return };
        let embedding = self.embedding.clone();
        let turn = async move { embedding.turn(progress).await };
        context.spawn(turn.into_actor(self).map(|progress, ingestor, _| ingestor.embedded = Some(progress)));
    }

    fn sweep(&self, context: &mut Context<Self>) {
        let ingestion = self.ingestion.clone();
        let sweep = async move {
            match sweep(&ingestion).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "indexes that nothing names were removed"),
                Err(error) => tracing::warn!(%error, "old indexes could not be removed"),
            }
        };
        context.spawn(sweep.into_actor(self));
    }
}

/// Removes what nothing names. The catalogue is read again before anything goes.
async fn sweep(ingestion: &Ingestion) -> anyhow::Result<usize> {
    let artefacts = ingestion.artefacts.clone();
    let named = ingestion.store.artefacts_in_use().await?;
    let marking = move || artefacts.mark_unnamed(&named, UNUSED_FOR);
    let due = tokio::task::spawn_blocking(marking).await??;
    let artefacts = ingestion.artefacts.clone();
    let named = ingestion.store.artefacts_in_use().await?;
    let (work_folder, now) = (ingestion.work_folder.clone(), ingestion.clock.now());
    let removing = move || {
        let now = std::time::UNIX_EPOCH + Duration::from_millis(now.0.try_into().unwrap_or(0));
        let forgotten = docent_library::source::sweep(&work_folder, now);
        tracing::debug!(forgotten, "what nobody needs in the work folder was removed");
        let removed = artefact::sweep_unfinished(artefacts.root())? + artefacts.remove_unnamed(&due, &named)?;
        // Vectors go with their artefact, and not before: the next one may take them over.
        let root = artefacts.root();
        Ok(removed + vectors::sweep(root, &|hash| named.contains(hash) || artefact::folder(root, hash).exists())?)
    };
    tokio::task::spawn_blocking(removing).await?
}

impl Actor for Ingestor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.take_one(context);
        context.run_interval(TURN, Self::take_one);
        context.run_interval(SCHEDULE, |ingestor, context| ingestor.schedule(context));
        context.run_interval(EMBED, Self::embed);
        context.run_interval(SWEEP, |ingestor, context| ingestor.sweep(context));
    }
}

impl Drop for Ingestor {
    fn drop(&mut self) {
        self.embedding.stop();
    }
}

impl Handler<QueueRefresh> for Ingestor {
    type Result = ResponseFuture<Result<JobId, CatalogError>>;

    fn handle(&mut self, QueueRefresh(library): QueueRefresh, _: &mut Self::Context) -> Self::Result {
        let ingestion = self.ingestion.clone();
        Box::pin(async move {
            let now = ingestion.clock.now();
            let job = JobId::generate(now, &*ingestion.randomness);
            ingestion.store.queue_job(job, library, None, now).await.map_err(|_| CatalogError::Database)
        })
    }
}
