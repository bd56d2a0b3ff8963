//! `docent library versions`: many versions of a repository at once.

use super::indexing::Indexing;
use crate::command_line::LibraryVersions;
use crate::installation::Installation;
use anyhow::{Context as _, bail};
use docent_library::source::Source;
use docent_library::source::git::references::{References, fits, references};
use docent_library::versions::newest_first;
use docent_store::StoredLibrary;
use docent_types::library_id::LibraryReference;

/// A tag or branch, and what it is called as a version.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Wanted {
    reference: String,
    version: String,
}

/// A tag of one package among several (`pkg@1.2.3`) is called by what stands behind the `@`, which ids use otherwise.
fn wanted(reference: String) -> Wanted {
    let version = reference.rsplit('@').next().unwrap_or_default().to_owned();
    Wanted { reference, version }
}

/// What fits the patterns and is not there yet, the newest first.
fn select(there: &[Option<String>], found: &References, named: &[String], asked: &LibraryVersions) -> Vec<Wanted> {
    let of = |names: &[String], patterns: &[String]| -> Vec<String> {
        names.iter().filter(|name| patterns.iter().any(|pattern| fits(pattern, name))).cloned().collect()
    };
    let mut names = of(&found.tags, &asked.tags);
    names.extend(of(&found.branches, &asked.branches));
    if asked.named {
        names.extend(named.iter().cloned());
    }
    newest_first(&mut names);
    names.dedup();
    names.truncate(asked.newest.unwrap_or(usize::MAX));
    names.into_iter().map(wanted).filter(|one| !there.contains(&Some(one.version.clone()))).collect()
}

fn show(library: &StoredLibrary, mut found: References) {
    const SHOWN: usize = 30;
    let id = &library.entry.id;
    let served: Vec<&str> = library.entry.versions.iter().map(|one| one.version.as_deref().unwrap_or("default")).collect();
    println!("{id}");
    println!("  served    {}", served.join(", "));
    if !library.offered_versions.is_empty() {
        println!("  named     {} (by its owner; --named adds them)", library.offered_versions.join(", "));
    }
    for (kind, names) in [("tags", &mut found.tags), ("branches", &mut found.branches)] {
        newest_first(names);
        let more = names.len().saturating_sub(SHOWN);
        names.truncate(SHOWN);
        let more = if more > 0 { format!(", … and {more} more") } else { String::new() };
        println!("  {kind:9} {}{more}", if names.is_empty() { "none".to_owned() } else { names.join(", ") });
    }
    println!("Add some with: docent library versions {id} --tags 'v*' --newest 5");
}

/// Runs the command.
///
/// # Errors
/// In words for the operator.
pub(super) async fn run(installation: &Installation, library: &StoredLibrary, asked: &LibraryVersions) -> anyhow::Result<()> {
    let (id, row) = (&library.entry.id, library.entry.row);
    let source = Source::parse(&library.source)?;
    let Source::Git { url, .. } = &source else {
        bail!(
            "{id} comes from no repository, so it has no tags and branches; `docent library add SOURCE --id {id} --version NAME` adds a version of it"
        );
    };
    let url = url.clone();
    let is_listing = asked.tags.is_empty() && asked.branches.is_empty() && !asked.named;
    let found = if is_listing || !asked.tags.is_empty() || !asked.branches.is_empty() {
        tokio::task::spawn_blocking(move || references(&source)).await.context("the repository could not be asked")??
    } else {
        References::default()
    };
    if is_listing {
        show(library, found);
        return Ok(());
    }
    let there = installation.store.versions_to_refresh(row).await?;
    let selected = select(&there, &found, &library.offered_versions, asked);
    if selected.is_empty() {
        println!("{id}: nothing fits that is not there already; `docent library versions {id}` shows what there is.");
        return Ok(());
    }
    let indexing = Indexing::new(installation);
    let mut failed = Vec::new();
    for Wanted { reference, version } in selected {
        if format!("{id}/{version}").parse::<LibraryReference>().is_err() {
            eprintln!("{reference} is left out: nobody could ask for a version of this name");
            continue;
        }
        if asked.dry_run {
            println!("{id}/{version}");
            continue;
        }
        if let Err(error) = indexing.add_version(id, row, &version, &format!("{url}#{reference}"), asked.in_background).await {
            eprintln!("{error:#}");
            failed.push(version);
        }
        if indexing.was_stopped() {
            bail!("it was cancelled; what was added before is served");
        }
    }
    if !failed.is_empty() {
        bail!("{id}: these versions could not be added: {}", failed.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(tags: &[&str], branches: &[&str], named: bool, newest: Option<usize>) -> LibraryVersions {
        let all = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        LibraryVersions {
            id: "/a/b".to_owned(),
            tags: all(tags),
            branches: all(branches),
            named,
            newest,
            dry_run: false,
            in_background: false,
        }
    }

    #[test]
    fn the_newest_that_fit_and_are_not_there_are_added() {
        let all = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let found = References {
            tags: all(&["v1.0.0", "v1.9.0", "v1.10.0", "v2.0.0-rc.1", "pkg@3.0.0", "nightly"]),
            branches: all(&["main", "1.x"]),
        };
        let there = [None, Some("v1.9.0".to_owned())];
        let versions = |asked: &LibraryVersions, named: &[&str]| -> Vec<String> {
            select(&there, &found, &all(named), asked).into_iter().map(|one| one.version).collect()
        };
        assert_eq!(versions(&asked(&["v1.*"], &[], false, None), &[]), ["v1.10.0", "v1.0.0"]);
        assert_eq!(versions(&asked(&["v1.*"], &[], false, Some(2)), &[]), ["v1.10.0"], "two, of which one is there");
        assert_eq!(versions(&asked(&["pkg@*"], &["*.x"], false, None), &[]), ["3.0.0", "1.x"]);
        assert_eq!(versions(&asked(&[], &[], true, None), &["v1.0.0", "legacy"]), ["v1.0.0", "legacy"]);
        assert!(versions(&asked(&["w*"], &[], false, None), &["x"]).is_empty());
    }
}
