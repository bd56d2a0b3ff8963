//! Reading a version of a library: by this process, with progress, or by a server that takes it from the queue.

use crate::actors::ingestion::{Ingestion, JobError, LEASE, Outcome, Reading};
use crate::actors::stopping::{Stop, Stopping};
use crate::installation::Installation;
use crate::progress::Shown;
use anyhow::{Context as _, bail};
use docent_library::ingest::Ingested;
use docent_types::ids::{JobId, LibraryRowId, uuid_v7};
use docent_types::library_id::LibraryId;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// What reads, for as long as a command runs.
pub(super) struct Indexing<'a> {
    installation: &'a Installation,
    ingestion: Ingestion,
}

/// Ctrl-C ends the job as it should be ended; a second one ends the process.
fn stop_when_interrupted(stopping: Stopping) {
    actix::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else { return };
        let mut asked = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        asked().await;
        eprintln!("Stopping. Once more ends it at once.");
        stopping.tell(Stop::Cancel);
        asked().await;
        std::process::exit(130);
    });
}

impl<'a> Indexing<'a> {
    pub(super) fn new(installation: &'a Installation) -> Self {
        let ingestion = Ingestion::of(installation);
        stop_when_interrupted(ingestion.stopping.clone());
        Self { installation, ingestion }
    }

    /// Reads a version now, or leaves it to a server.
    pub(super) async fn begin(
        &self,
        id: &LibraryId,
        row: LibraryRowId,
        version: Option<String>,
        skips_unchanged: bool,
        in_background: bool,
    ) -> anyhow::Result<()> {
        let (store, now) = (&self.installation.store, self.installation.clock.now());
        let job = JobId::generate(now, &*self.installation.randomness);
        let named = version.as_ref().map_or_else(|| id.to_string(), |version| format!("{id}/{version}"));
        if in_background {
            store.queue_job(job, row, version.as_deref(), now).await?;
            println!("{named} waits for a server to read it; docent library list shows how far it is.");
            return Ok(());
        }
        let holder = uuid_v7(now, &*self.installation.randomness);
        if !store.queue_leased_job(job, row, version.as_deref(), holder, now.after(LEASE), now).await? {
            bail!("{named} is being read at this moment by another process; `docent library show {id}` shows how far it is");
        }
        let job = store.job(job).await?.context("the job was removed meanwhile")?;
        let shown = Arc::new(Shown::new());
        let started = std::time::Instant::now();
        let outcome =
            self.ingestion.run(&job, holder, shown.clone(), Reading { skips_unchanged, verifies: true, tries_again: false }).await;
        shown.finish();
        match outcome {
            Ok(Outcome::Published(ingested)) => report(id, &named, &ingested, started.elapsed()),
            Ok(Outcome::Unchanged { commit }) => println!("{named} is unchanged at commit {commit}."),
            Ok(Outcome::Held { reason }) => bail!(
                "{named} is held for your decision: {reason}. `docent library confirm {id}` serves what was found, `docent library reject {id}` keeps what is served"
            ),
            Ok(Outcome::Rejected { reason }) => {
                println!("{named} stays as it is served: its source is as it was when that was rejected ({reason}).");
            }
            Err(JobError::LeaseLost) => {
                bail!("{named}: another process took this over, since this one did not answer for {} seconds", LEASE.as_secs())
            }
            Err(error) => return Err(error).with_context(|| format!("{named} was not indexed")),
        }
        Ok(())
    }

    /// Adds a version that comes from `source` to a library that is there. Leaves nothing behind if it cannot be read.
    pub(super) async fn add_version(
        &self,
        id: &LibraryId,
        row: LibraryRowId,
        version: &str,
        source: &str,
        in_background: bool,
    ) -> anyhow::Result<()> {
        self.installation.store.set_version_source(row, Some(version), source).await?;
        let added = self.begin(id, row, Some(version.to_owned()), false, in_background).await;
        if added.is_err() {
            self.installation.store.forget_version(row, version).await?;
        }
        added
    }

    /// Whether somebody asked this process to stop.
    pub(super) fn was_stopped(&self) -> bool {
        self.ingestion.stopping.was_told().is_some()
    }
}

fn report(id: &LibraryId, named: &str, ingested: &Ingested, took: Duration) {
    println!("{named}: {}", ingested.title);
    if let Some(commit) = &ingested.commit {
        println!("  commit    {commit}");
    }
    let known = if ingested.known_pages > 0 { format!(" ({} not read again: unchanged)", ingested.known_pages) } else { String::new() };
    println!("  pages     {}{known}", ingested.pages);
    println!("  snippets  {}", ingested.snippets);
    println!("  tokens    {}", ingested.tokens);
    println!("  time      {:.1} s", took.as_secs_f64());
    super::show::print_skipped(&ingested.skipped);
    super::show::print_findings(&ingested.inspection.findings);
    if !ingested.versions.is_empty() && ingested.version.is_none() {
        println!("  The owner names further versions: {}", ingested.versions.join(", "));
        println!("  Add them with: docent library versions {id} --named");
    }
}
