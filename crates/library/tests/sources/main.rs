//! Sources that come over the network or in archives, against servers on this machine.

#![expect(clippy::unwrap_used, reason = "what tests share")]

mod archive;
mod llms;
mod package;
mod server;
mod site;

use docent_library::artefact;
use docent_library::ingest::{IngestError, IngestOptions, Ingested, Silent, ingest};
use docent_library::source::network::{Limits, Network, Registries};
use docent_library::source::{Source, SourceError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A network that does not wait.
fn network() -> Network {
    let limits = Limits { delay: Duration::ZERO, ..Limits::default() };
    // Nothing is looked up at a public registry by mistake.
    let nowhere = "http://127.0.0.1:9".to_owned();
    let registries = Registries { npm: nowhere.clone(), pypi: nowhere.clone(), cargo: nowhere };
    Network { limits, registries, pause: Arc::new(|_| {}), ..Network::default() }
}

struct World {
    folder: TempDir,
    network: Network,
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), network: network() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn options(&self) -> IngestOptions {
        IngestOptions {
            workdir: self.path("work"),
            index_root: self.path("index"),
            network: self.network.clone(),
            ..IngestOptions::default()
        }
    }

    fn ingest(&self, source: &str) -> Result<Ingested, IngestError> {
        ingest(&Source::parse(source).unwrap(), &self.options(), &Silent)
    }

    fn refused(&self, source: &str) -> SourceError {
        match self.ingest(source) {
            Err(IngestError::Source(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    fn revision(&self, source: &str) -> Result<Option<String>, SourceError> {
        Source::parse(source).unwrap().revision(&self.network, &self.path("work"))
    }

    /// The address of each page by its path.
    fn urls(&self, ingested: &Ingested) -> BTreeMap<String, String> {
        let snippets = artefact::snippets(&artefact::folder(&self.path("index"), &ingested.artefact)).unwrap();
        snippets.into_iter().map(|snippet| (snippet.path, snippet.url)).collect()
    }

    fn reasons(&self, ingested: &Ingested) -> Vec<String> {
        ingested.skipped.iter().map(|skipped| format!("{}: {}", skipped.path, skipped.reason)).collect()
    }
}
