//! Vectors of what is served, made in the background: after a version is published, and for all there is when a model is new.

use crate::commands::model::others;
use docent_library::embedding::SharedEmbedder;
use docent_library::embedding::making::{self, Made, MakingError};
use docent_library::{ArtefactStore, Shelf};
use docent_store::Store;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a worker needs to make vectors.
#[derive(Clone)]
pub struct Embedding {
    /// The database.
    pub store: Store,
    /// Where indexes are kept.
    pub artefacts: ArtefactStore,
    /// Has the model, once it is loaded.
    pub shelf: Arc<Shelf>,
    stop: Arc<AtomicBool>,
}

/// A worker's memory of what it did: the catalogue is read again only when it changed.
#[derive(Default)]
pub struct Progress {
    generation: Option<i64>,
    whole: HashSet<String>,
}

impl Embedding {
    /// For a worker.
    #[must_use]
    pub fn new(store: Store, artefacts: ArtefactStore, shelf: Arc<Shelf>) -> Self {
        Self { store, artefacts, shelf, stop: Arc::default() }
    }

    /// Lets a thread that computes end after its batch.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Makes what is missing of the vectors of every version that is served.
    pub async fn turn(&self, mut progress: Progress) -> Progress {
        let Some(embedder) = self.shelf.embedder() else { return progress };
        let Ok(generation) = self.store.catalogue_generation().await else { return progress };
        if progress.generation == Some(generation) {
            return progress;
        }
        let Ok(catalogue) = self.store.catalogue().await else { return progress };
        let mut all = true;
        for entry in catalogue {
            for version in &entry.versions {
                if progress.whole.contains(&version.artefact) {
                    continue;
                }
                let others = others(&entry, &version.artefact);
                match self.make(&embedder, version.artefact.clone(), others).await {
                    Some(made) if made.is_whole() => {
                        progress.whole.insert(version.artefact.clone());
                        if made.total > 0 {
                            tracing::info!(library = %entry.id, snippets = made.total, "a library is also found by meaning");
                        }
                    }
                    _ => all = false,
                }
            }
        }
        // What could not be made is tried again at the next turn.
        progress.generation = all.then_some(generation);
        progress
    }

    async fn make(&self, embedder: &SharedEmbedder, artefact: String, others: Vec<String>) -> Option<Made> {
        let (artefacts, embedder, stop) = (self.artefacts.clone(), embedder.clone(), self.stop.clone());
        let hash = artefact.clone();
        let made = tokio::task::spawn_blocking(move || {
            let _lease = artefacts.hold(&artefact)?;
            for known in others.iter().chain([&artefact]) {
                artefacts.fetch_vectors(embedder.name(), known)?;
            }
            let before = making::made(artefacts.root(), embedder.name(), &artefact);
            let made = making::make(artefacts.root(), &embedder, &artefact, &others, &|_| !stop.load(Ordering::SeqCst))?;
            if made != before {
                artefacts.publish_vectors(embedder.name(), &artefact)?;
            }
            Ok::<_, MakingError>(made)
        });
        match made.await {
            Ok(Ok(made)) => made,
            Ok(Err(error)) => {
                tracing::warn!(artefact = %hash, %error, "vectors could not be made");
                None
            }
            Err(_) => None,
        }
    }
}
