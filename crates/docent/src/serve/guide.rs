//! The user guide is inside the binary, and the first library that a new Docent serves: `/docent/docs`.

use crate::actors::ingestion::{Ingestion, LEASE, Reading};
use docent_library::source::Silent;
use docent_store::{NewLibrary, StoreError};
use docent_types::documentation::Visibility;
use docent_types::ids::{JobId, LibraryRowId, uuid_v7};
use docent_types::library_id::LibraryId;
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[derive(RustEmbed)]
#[folder = "../../docs"]
#[include = "*.md"]
#[exclude = "decisions/*"]
#[exclude = "security-rules.md"]
struct Guide;

/// What the guide of this binary is: changes with every word of it.
fn fingerprint() -> String {
    let mut hash = Sha256::new();
    for path in Guide::iter() {
        hash.update(path.as_bytes());
        if let Some(file) = Guide::get(&path) {
            hash.update(file.metadata.sha256_hash());
        }
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn write_out(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    for path in Guide::iter() {
        let target = folder.join(path.as_ref());
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        if let Some(file) = Guide::get(&path) {
            std::fs::write(target, file.data)?;
        }
    }
    Ok(())
}

/// Indexes the guide if the one that is served is not this binary's. Done in the background after the start.
///
/// # Errors
/// In words for the log; the server goes on without it.
pub async fn publish(ingestion: &Ingestion, data: &Path) -> anyhow::Result<()> {
    let id = LibraryId::new("docent", "docs")?;
    let fingerprint = fingerprint();
    let folder = data.join("guide").join(&fingerprint);
    let source = format!("{}", std::path::absolute(&folder)?.display());
    let store = &ingestion.store;
    let now = ingestion.clock.now();
    if let Some(there) = store.library(&id).await? {
        let is_guide = there.entry.source.starts_with("Docent ");
        if !is_guide || (there.source == source && there.entry.default_version().is_some()) {
            return Ok(());
        }
        store.remove_library(&id).await?;
    }
    let written = folder.clone();
    tokio::task::spawn_blocking(move || write_out(&written)).await??;
    let row = LibraryRowId::generate(now, &*ingestion.randomness);
    let new = NewLibrary {
        row,
        id: id.clone(),
        title: "Docent".to_owned(),
        title_fixed: true,
        description: "The user guide of this documentation service.".to_owned(),
        source,
        source_display: format!("Docent {}, the guide inside the program", env!("CARGO_PKG_VERSION")),
        visibility: Visibility::Public,
        wanted_version: None,
        now,
    };
    match store.add_library(new).await {
        Ok(_) => {}
        // Another node was first.
        Err(StoreError::Conflict(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    // It changes with the program only.
    store.set_refresh_every(row, Some(Duration::ZERO)).await?;
    let job = JobId::generate(now, &*ingestion.randomness);
    let holder = uuid_v7(now, &*ingestion.randomness);
    if store.queue_leased_job(job, row, None, holder, now.after(LEASE), now).await?
        && let Some(job) = store.job(job).await?
    {
        let reading = Reading { skips_unchanged: false, verifies: false, tries_again: false };
        ingestion.run(&job, holder, Arc::new(Silent), reading).await?;
    }
    Ok(())
}
