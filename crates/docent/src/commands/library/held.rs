//! What a refresh found and held back: a person decides.

use crate::installation::Installation;
use anyhow::bail;
use docent_store::{HeldVersion, StoredLibrary};
use docent_types::ids::VersionRowId;

/// The held versions that are meant.
fn meant<'a>(library: &'a StoredLibrary, version: Option<&str>) -> anyhow::Result<Vec<&'a HeldVersion>> {
    let id = &library.entry.id;
    let is_meant = |held: &&HeldVersion| version.is_none_or(|version| held.version.as_deref().unwrap_or("default") == version);
    let meant: Vec<&HeldVersion> = library.held.iter().filter(is_meant).collect();
    match (meant.is_empty(), version) {
        (true, Some(version)) => bail!("nothing is held of version \"{version}\" of {id}"),
        (true, None) => bail!("nothing is held of {id}"),
        (false, _) => Ok(meant),
    }
}

/// `docent library confirm`.
pub(super) async fn confirm(installation: &Installation, library: &StoredLibrary, version: Option<&str>) -> anyhow::Result<()> {
    for held in meant(library, version)? {
        let now = installation.clock.now();
        let row = VersionRowId::generate(now, &*installation.randomness);
        installation.store.confirm_held(library.entry.row, held.version.as_deref(), row, now).await?;
        let name = held.version.as_deref().unwrap_or("default");
        println!("{}, version {name}: {} pages and {} snippets are served now.", library.entry.id, held.pages, held.snippets);
    }
    Ok(())
}

/// `docent library reject`.
pub(super) async fn reject(installation: &Installation, library: &StoredLibrary, version: Option<&str>) -> anyhow::Result<()> {
    for held in meant(library, version)? {
        installation.store.reject_held(library.entry.row, held.version.as_deref()).await?;
        let name = held.version.as_deref().unwrap_or("default");
        println!("{}, version {name}: what is served stays. You are asked again when the source changes.", library.entry.id);
    }
    Ok(())
}
