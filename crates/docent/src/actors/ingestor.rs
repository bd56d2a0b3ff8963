//! `Ingestor`: the job queue. It takes one job at a time by a lease, so several workers share one queue.

use super::embedding::{self, Embedding};
use super::ingestion::{Ingestion, LEASE, Outcome};
use actix::prelude::*;
use docent_library::artefact;
use docent_library::embedding::vectors;
use docent_library::source::Silent;
use docent_types::ids::JobId;
use docent_types::messages::{CatalogError, QueueRefresh, ReloadCatalog};
use docent_types::time::Timestamp;
use std::collections::HashSet;
use std::fs::DirEntry;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const TURN: Duration = Duration::from_secs(1);

/// How often is looked for snippets that have no vector yet.
const EMBED: Duration = Duration::from_secs(2);

/// Removes the artefacts that nothing names and that were written before `since`. Answers how many.
fn sweep_unused(root: &Path, in_use: &HashSet<String>, since: Timestamp) -> usize {
    let folders = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten();
    let artefacts = folders(root).flat_map(|prefix| folders(&prefix.path()));
    let is_old = |entry: &DirEntry| {
        let written = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let age = written.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        age.is_some_and(|age| Timestamp(0).after(age) < since)
    };
    let unused = artefacts.filter(is_old).filter_map(|entry| entry.file_name().into_string().ok());
    unused.filter(|hash| hash.len() == 64 && !in_use.contains(hash)).filter(|hash| artefact::remove(root, hash).is_ok()).count()
}

/// How often artefacts that nothing names are removed.
const SWEEP: Duration = Duration::from_secs(600);

/// An artefact that nothing names is left this long: a job may be about to publish it.
const UNUSED_FOR: Duration = Duration::from_secs(3600);

/// The actor.
pub struct Ingestor {
    ingestion: Ingestion,
    holder: Uuid,
    reload: Option<Recipient<ReloadCatalog>>,
    working: bool,
    embedding: Embedding,
    /// Away while a turn runs.
    embedded: Option<embedding::Progress>,
}

impl Ingestor {
    /// An ingestor; `reload` is told of each published version when the catalogue lives in this process.
    #[must_use]
    pub fn new(ingestion: Ingestion, embedding: Embedding, reload: Option<Recipient<ReloadCatalog>>) -> Self {
        let holder = docent_types::ids::uuid_v7(ingestion.clock.now(), &*ingestion.randomness);
        Self { ingestion, holder, reload, working: false, embedding, embedded: Some(embedding::Progress::default()) }
    }

    fn take_one(&mut self, context: &mut Context<Self>) {
        if self.working {
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
            match ingestion.run(&job, holder, Arc::new(Silent), job.attempts <= 1).await {
                Ok(Outcome::Published(ingested)) => {
                    tracing::info!(library = %job.library_id, pages = ingested.pages, snippets = ingested.snippets, "a library is published")
                }
                Ok(Outcome::Unchanged { commit }) => tracing::info!(library = %job.library_id, commit, "a library is unchanged"),
                Err(error) => tracing::warn!(library = %job.library_id, %error, "a library could not be read"),
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
            let Ok(in_use) = ingestion.store.artefacts_in_use().await else { return };
            let swept = tokio::task::spawn_blocking(move || {
                let root = &ingestion.index_folder;
                let swept = artefact::sweep_unfinished(root)? + sweep_unused(root, &in_use, ingestion.clock.now().before(UNUSED_FOR));
                // Vectors go with their artefact, and not before: the next one may take them over.
                let gone = vectors::sweep(root, &|hash| in_use.contains(hash) || artefact::folder(root, hash).exists());
                Ok::<_, artefact::ArtefactError>(swept + gone.unwrap_or_default())
            })
            .await;
            match swept {
                Ok(Ok(0)) => {}
                Ok(Ok(removed)) => tracing::info!(removed, "indexes that nothing names were removed"),
                Ok(Err(error)) => tracing::warn!(%error, "old indexes could not be removed"),
                Err(_) => {}
            }
        };
        context.spawn(sweep.into_actor(self));
    }
}

impl Actor for Ingestor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.take_one(context);
        context.run_interval(TURN, Self::take_one);
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
