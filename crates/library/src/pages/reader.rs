//! What the protocol's resources call: read a page, complete an id or a path.

use super::{Page, complete, read};
use crate::artefact::{self, ArtefactError};
use crate::reader::Reader;
use docent_types::documentation::{LibraryEntry, QueryError, VersionEntry, View};
use docent_types::library_id::{LibraryId, LibraryReference};
use std::path::PathBuf;
use std::sync::Arc;

/// A library is looked through on the caller's own thread up to this many.
const FEW_LIBRARIES: usize = 2_000;

/// Which page is asked for. Versions and paths both have slashes: which is which only the catalogue knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PageAddress {
    /// The library.
    pub library: LibraryId,
    /// Whether a version begins `rest` for sure, since an `@` stood before it.
    pub names_version: bool,
    /// A path, or a version, a slash and a path.
    pub rest: String,
}

/// A page and where it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundPage {
    /// The library.
    pub library: LibraryId,
    /// The version, as its owner names it.
    pub version: Option<String>,
    /// The page.
    pub page: Page,
}

/// Why there is no page. Each text says what to do next.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PageError {
    /// The library or the version.
    #[error(transparent)]
    Library(#[from] QueryError),
    /// The library has no such page.
    #[error("{library} has no page \"{path}\".{}", near_in_words(.near))]
    NoSuchPage {
        /// The library, with the version that was asked for.
        library: LibraryReference,
        /// What was asked for.
        path: String,
        /// Paths that are close.
        near: Vec<String>,
    },
}

fn near_in_words(near: &[String]) -> String {
    if near.is_empty() {
        " Ask query-docs what its documentation says, or complete `path` to see its pages.".to_owned()
    } else {
        format!(" Near are: {}.", near.join(", "))
    }
}

/// What a text may be completed to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Completion {
    /// Best first.
    pub values: Vec<String>,
    /// How many there are.
    pub total: usize,
}

/// The version that a text begins with exactly, the longest if there are several, and what follows it.
fn split_version<'a>(library: &LibraryEntry, rest: &'a str) -> Option<(String, &'a str)> {
    let names = library.versions.iter().filter_map(|version| version.version.as_deref());
    let fitting = names.filter_map(|name| Some((name, rest.strip_prefix(name)?.strip_prefix('/')?)));
    fitting.max_by_key(|(name, _)| name.len()).map(|(name, path)| (name.to_owned(), path))
}

impl Reader {
    /// A whole page of a library.
    ///
    /// # Errors
    /// [`PageError`]. What the view does not see does not exist.
    pub async fn page(&self, view: &View, address: &PageAddress) -> Result<FoundPage, PageError> {
        let reference = |version: Option<String>| LibraryReference { id: address.library.clone(), version };
        let (library, default) = self.shelf().find(view, &reference(None))?;
        let mut readings: Vec<(VersionEntry, Option<String>, &str)> = Vec::new();
        match split_version(&library, &address.rest) {
            Some((version, path)) => readings.push((self.shelf().find(view, &reference(Some(version.clone())))?.1, Some(version), path)),
            None if address.names_version => {
                let (version, path) = address.rest.split_once('/').unwrap_or((&address.rest, ""));
                readings.push((self.shelf().find(view, &reference(Some(version.to_owned())))?.1, Some(version.to_owned()), path));
            }
            None => {}
        }
        if !address.names_version {
            readings.push((default, None, &address.rest));
        }
        let mut missing = None;
        for (version, named, path) in readings {
            match self.read_page(&library, &version, path).await? {
                Ok(page) => return Ok(FoundPage { library: library.id.clone(), version: version.version, page }),
                Err(near) => {
                    let error = PageError::NoSuchPage { library: reference(named), path: path.chars().take(300).collect(), near };
                    missing.get_or_insert(error);
                }
            }
        }
        Err(missing.unwrap_or_else(|| QueryError::NotReady { id: library.id.clone() }.into()))
    }

    async fn read_page(&self, library: &LibraryEntry, version: &VersionEntry, path: &str) -> Result<Result<Page, Vec<String>>, QueryError> {
        let path = path.to_owned();
        self.with_files(library, version, move |folder| read(&folder, &path)).await
    }

    /// Does something with the files of a version while they are open, on a thread that may wait.
    async fn with_files<T: Send + 'static>(
        &self,
        library: &LibraryEntry,
        version: &VersionEntry,
        action: impl FnOnce(PathBuf) -> Result<T, ArtefactError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let open = self.index(library, version).await?;
        let folder = artefact::folder(self.shelf().index_root(), &version.artefact);
        let done = tokio::task::spawn_blocking(move || {
            let done = action(folder);
            drop(open);
            done
        });
        let damaged = || QueryError::Damaged { id: library.id.clone() };
        done.await.map_err(|_| damaged())?.map_err(|error| {
            tracing::error!(%error, library = %library.id, "a page could not be read");
            self.shelf().close(version.id);
            damaged()
        })
    }

    /// The ids of libraries that a text may be the beginning of, each with what there is to read; after an `@`, of versions.
    pub async fn complete_library(&self, view: &View, typed: &str, limit: usize) -> Completion {
        if let Some((id, version)) = typed.split_once('@') {
            let reference = id.parse::<LibraryId>().map(|id| LibraryReference { id, version: None });
            let library = reference.ok().and_then(|reference| self.shelf().find(view, &reference).ok()).map(|(library, _)| library);
            let Some(library) = library else { return Completion::default() };
            let names = library.versions.iter().filter_map(|one| one.version.as_deref()).filter(|name| name.starts_with(version));
            let all: Vec<String> = names.map(|name| format!("{}@{name}", library.id)).collect();
            return Completion { total: all.len(), values: all.into_iter().take(limit).collect() };
        }
        if self.shelf().len() <= FEW_LIBRARIES {
            return self.shelf().complete(view, typed, limit);
        }
        let (shelf, view, typed) = (Arc::clone(self.shelf()), view.clone(), typed.to_owned());
        tokio::task::spawn_blocking(move || shelf.complete(&view, &typed, limit)).await.unwrap_or_default()
    }

    /// The paths of a library's pages that have this text in them, those that begin with it first.
    pub async fn complete_path(&self, view: &View, library: &LibraryReference, typed: &str, limit: usize) -> Completion {
        let Ok((library, version)) = self.shelf().find(view, library) else { return Completion::default() };
        let typed = typed.to_owned();
        let found = self.with_files(&library, &version, move |folder| complete(&folder, &typed, limit)).await;
        found.map(|(values, total)| Completion { values, total }).unwrap_or_default()
    }
}
