//! `docent library …`

use crate::actors::ingestion::{Ingestion, JobError, LEASE, Outcome};
use crate::command_line::Library;
use crate::installation::Installation;
use crate::progress::Shown;
use anyhow::{Context as _, bail};
use docent_library::ingest::{Ingested, suggested_id};
use docent_library::source::Source;
use docent_store::{NewLibrary, StoreError, StoredLibrary};
use docent_types::documentation::{Finding, Skipped, Visibility};
use docent_types::ids::{JobId, LibraryRowId, uuid_v7};
use docent_types::library_id::LibraryId;
use std::sync::Arc;
use std::time::Duration;

/// Runs the command.
///
/// # Errors
/// In words for the operator.
pub async fn run(installation: &Installation, command: Library) -> anyhow::Result<()> {
    match command {
        Library::Add { source, id, title, version, private } => add(installation, &source, id, title, version, private).await,
        Library::List => list(installation).await,
        Library::Show { id } => show(installation, &find(installation, &id).await?).await,
        Library::Refresh { id } => {
            let library = find(installation, &id).await?;
            let versions: Vec<Option<String>> = match library.entry.versions.as_slice() {
                [] => vec![library.wanted_version.clone()],
                versions => versions.iter().map(|one| one.version.clone()).collect(),
            };
            for version in versions {
                index(installation, &library.entry.id, library.entry.row, version, true).await?;
            }
            Ok(())
        }
        Library::Remove { id } => {
            let library = find(installation, &id).await?;
            installation.store.remove_library(&library.entry.id).await?;
            println!("Removed {}. Its indexes are deleted by the next sweep.", library.entry.id);
            Ok(())
        }
    }
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
) -> anyhow::Result<()> {
    let parsed = Source::parse(source)?;
    // A folder is kept as an absolute path: the next command may run elsewhere.
    let stored = match &parsed {
        Source::Folder(path) => std::path::absolute(path)?.display().to_string(),
        Source::Git { .. } => source.to_owned(),
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
    let is_new = match installation.store.add_library(new).await {
        Ok(_) => true,
        Err(StoreError::Conflict(_)) => {
            // Another version of a library that is there; else the id is taken.
            let there = installation.store.library(&id).await?.context("the library was removed meanwhile; try again")?;
            let has_it = there.entry.versions.iter().any(|one| one.version == version);
            if has_it || version.is_none() {
                bail!(
                    "there is a library {id} already: `docent library refresh {id}` reads it again, --version NAME adds another version of it, --id names a new one"
                );
            }
            if there.entry.visibility != visibility {
                bail!("{id} is there with another visibility; a version has that of its library");
            }
            let row = there.entry.row;
            installation.store.set_version_source(row, version.as_deref(), &stored).await?;
            return index(installation, &id, row, version, false).await;
        }
        Err(other) => return Err(other.into()),
    };
    let indexed = index(installation, &id, row, version, false).await;
    if let (Err(_), true) = (&indexed, is_new) {
        // Nothing was understood of it: an id that answers nothing is worse than none.
        installation.store.remove_library(&id).await?;
    }
    indexed
}

async fn index(
    installation: &Installation,
    id: &LibraryId,
    row: LibraryRowId,
    version: Option<String>,
    skip_unchanged: bool,
) -> anyhow::Result<()> {
    let ingestion = Ingestion::of(installation);
    let now = installation.clock.now();
    let job = JobId::generate(now, &*installation.randomness);
    let holder = uuid_v7(now, &*installation.randomness);
    if !installation.store.queue_leased_job(job, row, version.as_deref(), holder, now.after(LEASE), now).await? {
        bail!("{id} is being read at this moment by another process; `docent library show {id}` shows how far it is");
    }
    let job = installation.store.job(job).await?.context("the job was removed meanwhile")?;
    let shown = Arc::new(Shown::new());
    let started = std::time::Instant::now();
    let outcome = ingestion.run(&job, holder, shown.clone(), skip_unchanged).await;
    shown.finish();
    match outcome {
        Ok(Outcome::Published(ingested)) => report(id, &ingested, started.elapsed()),
        Ok(Outcome::Unchanged { commit }) => println!("{id} is unchanged at commit {commit}."),
        Err(JobError::LeaseLost) => {
            bail!("{id}: another process took this over, since this one did not answer for {} seconds", LEASE.as_secs())
        }
        Err(error) => return Err(error).with_context(|| format!("{id} was not indexed")),
    }
    Ok(())
}

fn report(id: &LibraryId, ingested: &Ingested, took: Duration) {
    println!("{id}: {}", ingested.title);
    if let Some(commit) = &ingested.commit {
        println!("  commit    {commit}");
    }
    println!("  pages     {}", ingested.pages);
    println!("  snippets  {}", ingested.snippets);
    println!("  tokens    {}", ingested.tokens);
    println!("  time      {:.1} s", took.as_secs_f64());
    print_skipped(&ingested.skipped);
    print_findings(&ingested.inspection.findings);
}

fn print_skipped(skipped: &[Skipped]) {
    const SHOWN: usize = 40;
    if skipped.is_empty() {
        return;
    }
    println!("  left out  {} {}", skipped.len(), if skipped.len() == 1 { "file" } else { "files" });
    for one in skipped.iter().take(SHOWN) {
        println!("    {}: {}", one.path, one.reason);
    }
    if skipped.len() > SHOWN {
        println!("    … and {} more (all are on the library's page)", skipped.len() - SHOWN);
    }
}

/// What was found in the text that is no documentation; the same words as on the library's page.
fn print_findings(findings: &[Finding]) {
    const SHOWN: usize = 40;
    if findings.is_empty() {
        return;
    }
    println!("  found     {} in the text that {} no documentation", findings.len(), if findings.len() == 1 { "is" } else { "are" });
    for one in findings.iter().take(SHOWN) {
        println!("    {}:{}: {}: {} ({}): {}", one.path, one.line, one.kind.in_words(), one.what, one.handling.in_words(), one.excerpt);
    }
    if findings.len() > SHOWN {
        println!("    … and {} more (all are on the library's page)", findings.len() - SHOWN);
    }
}

async fn list(installation: &Installation) -> anyhow::Result<()> {
    let libraries = installation.store.libraries().await?;
    if libraries.is_empty() {
        println!("There are no libraries yet. Add one with: docent library add SOURCE");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = libraries
        .into_iter()
        .map(|library| {
            let snippets: u64 = library.entry.default_version().map_or(0, |one| one.snippets);
            let versions: Vec<String> =
                library.entry.versions.iter().map(|one| one.version.clone().unwrap_or_else(|| "default".to_owned())).collect();
            let visibility = match library.entry.visibility {
                Visibility::Public => "public",
                Visibility::Private(_) => "private",
            };
            vec![
                library.entry.id.to_string(),
                library.entry.title,
                visibility.to_owned(),
                library.state,
                snippets.to_string(),
                versions.join(","),
                library.entry.source,
            ]
        })
        .collect();
    super::print_table(&["ID", "TITLE", "VISIBLE", "STATE", "SNIPPETS", "VERSIONS", "SOURCE"], &rows);
    Ok(())
}

async fn show(installation: &Installation, library: &StoredLibrary) -> anyhow::Result<()> {
    let entry = &library.entry;
    println!("{}: {}", entry.id, entry.title);
    println!("  description  {}", entry.description);
    println!("  source       {}", entry.source);
    println!("  state        {}", library.state);
    match entry.visibility {
        Visibility::Public => println!("  visible      to everybody"),
        Visibility::Private(project) => println!("  visible      to the members of project {project}"),
    }
    if let Some(error) = &library.last_error {
        println!("  last error   {error}");
    }
    for version in &entry.versions {
        println!("  version {}", version.version.as_deref().unwrap_or("default"));
        println!("  commit    {}", version.commit.as_deref().unwrap_or("-"));
        println!("  pages     {}", version.pages);
        println!("  snippets  {}", version.snippets);
        println!("  tokens    {}", version.tokens);
        println!("  indexed   {}", version.indexed_at);
        print_skipped(&installation.store.skipped(version.id).await?);
        print_findings(&installation.store.inspection(version.id).await?.findings);
    }
    Ok(())
}
