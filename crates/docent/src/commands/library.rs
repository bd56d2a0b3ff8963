//! `docent library …`

mod held;
mod indexing;
mod show;
mod versions;
mod webhook;

use crate::actors::schedule;
use crate::command_line::Library;
use crate::installation::Installation;
use anyhow::{Context as _, bail};
use docent_library::ingest::suggested_id;
use docent_library::source::Source;
use docent_store::{NewLibrary, StoreError, StoredLibrary};
use docent_types::documentation::{LibraryEntry, VersionEntry, Visibility};
use docent_types::ids::LibraryRowId;
use docent_types::library_id::LibraryId;
use indexing::Indexing;

/// Runs the command.
///
/// # Errors
/// In words for the operator.
pub async fn run(installation: &Installation, command: Library) -> anyhow::Result<()> {
    match command {
        Library::Add { source, id, title, version, private, in_background } => {
            add(installation, &source, id, title, version, private, in_background).await
        }
        Library::Versions(wanted) => {
            let library = find(installation, &wanted.id).await?;
            versions::run(installation, &library, &wanted).await
        }
        Library::List => show::list(installation).await,
        Library::Show { id } => show::one(installation, &find(installation, &id).await?).await,
        Library::Refresh { id, version, force, in_background } => {
            refresh(installation, &find(installation, &id).await?, version, force, in_background).await
        }
        Library::Schedule { id, every } => {
            let library = find(installation, &id).await?;
            let period = match every.as_str() {
                "default" => None,
                other => Some(schedule::period(other).map_err(|wrong| anyhow::anyhow!("{wrong}, or default"))?),
            };
            installation.store.set_refresh_every(library.entry.row, period).await?;
            let configured = &installation.configuration.library.refresh_every;
            println!("{}", show::schedule(&library.entry.id.to_string(), period.map(|period| period.as_secs()), configured));
            Ok(())
        }
        Library::Webhook { id, off } => webhook::run(installation, &find(installation, &id).await?, off).await,
        Library::Cancel { id } => cancel(installation, &find(installation, &id).await?).await,
        Library::Confirm { id, version } => held::confirm(installation, &find(installation, &id).await?, version.as_deref()).await,
        Library::Reject { id, version } => held::reject(installation, &find(installation, &id).await?, version.as_deref()).await,
        Library::Remove { id } => {
            let library = find(installation, &id).await?;
            installation.store.remove_library(&library.entry.id).await?;
            println!("Removed {}. Its indexes are deleted within two hours.", library.entry.id);
            Ok(())
        }
    }
}

/// A version's id as assistants write it.
pub fn reference(entry: &LibraryEntry, version: &VersionEntry) -> String {
    version.version.as_ref().map_or_else(|| entry.id.to_string(), |version| format!("{}/{version}", entry.id))
}

async fn find(installation: &Installation, id: &str) -> anyhow::Result<StoredLibrary> {
    let id: LibraryId = id.parse()?;
    installation.store.library(&id).await?.with_context(|| format!("there is no library {id}; docent library list shows them"))
}

async fn add(
    installation: &Installation,
    source: &str,
    id: Option<String>,
    title: Option<String>,
    version: Option<String>,
    private: Option<String>,
    in_background: bool,
) -> anyhow::Result<()> {
    let parsed = Source::parse(source)?;
    // A folder is kept as an absolute path: the next command may run elsewhere.
    let stored = match (&parsed, parsed.local_path()) {
        (Source::Archive(_), Some(path)) => format!("archive:{}", std::path::absolute(path)?.display()),
        (_, Some(path)) => std::path::absolute(path)?.display().to_string(),
        (_, None) => source.to_owned(),
    };
    let id = match id {
        Some(id) => id.parse()?,
        None => suggested_id(&parsed).context("name one with --id /owner/name")?,
    };
    let visibility = match private {
        None => Visibility::Public,
        Some(project) => {
            let found = installation.store.project_by_name(&project).await?;
            Visibility::Private(found.with_context(|| format!("there is no project \"{project}\"; docent project list shows them"))?.id)
        }
    };
    let now = installation.clock.now();
    let row = LibraryRowId::generate(now, &*installation.randomness);
    let new = NewLibrary {
        row,
        id: id.clone(),
        title_fixed: title.is_some(),
        title: title.unwrap_or_else(|| id.name().to_owned()),
        description: String::new(),
        source: stored.clone(),
        source_display: parsed.display(),
        visibility,
        wanted_version: version.clone(),
        now,
    };
    let indexing = Indexing::new(installation);
    match installation.store.add_library(new).await {
        Ok(_) => {
            let added = indexing.begin(&id, row, version, false, in_background).await;
            if added.is_err() {
                // Nothing was understood of it: an id that answers nothing is worse than none.
                installation.store.remove_library(&id).await?;
            }
            added
        }
        Err(StoreError::Conflict(_)) => {
            // Another version of a library that is there; else the id is taken.
            let there = installation.store.library(&id).await?.context("the library was removed meanwhile; try again")?;
            let Some(version) = version.filter(|wanted| !there.entry.versions.iter().any(|one| one.version.as_ref() == Some(wanted)))
            else {
                bail!(
                    "there is a library {id} already: `docent library refresh {id}` reads it again, --version NAME adds another version of it, --id names a new one"
                );
            };
            if there.entry.visibility != visibility {
                bail!("{id} is there with another visibility; a version has that of its library");
            }
            indexing.add_version(&id, there.entry.row, &version, &stored, in_background).await
        }
        Err(other) => Err(other.into()),
    }
}

async fn refresh(
    installation: &Installation,
    library: &StoredLibrary,
    only: Option<String>,
    force: bool,
    in_background: bool,
) -> anyhow::Result<()> {
    let (id, row) = (&library.entry.id, library.entry.row);
    let mut versions = installation.store.versions_to_refresh(row).await?;
    if let Some(only) = only {
        versions.retain(|version| version.as_deref().unwrap_or("default") == only);
        if versions.is_empty() {
            bail!("{id} has no version \"{only}\"; docent library show {id} lists them");
        }
    }
    let indexing = Indexing::new(installation);
    for version in versions {
        indexing.begin(id, row, version, !force, in_background).await?;
    }
    Ok(())
}

async fn cancel(installation: &Installation, library: &StoredLibrary) -> anyhow::Result<()> {
    let id = &library.entry.id;
    let cancelled = installation.store.cancel_jobs(library.entry.row, installation.clock.now()).await?;
    match (cancelled.ended, cancelled.asked) {
        (0, 0) => println!("{id} has no job that waits or runs."),
        (_, 0) => println!("{id} does not wait to be read any more."),
        (_, _) => println!("{id}: who reads it was asked to stop, and does so within seconds. What was served is served still."),
    }
    Ok(())
}
