//! The shelf: what every request reads. A snapshot of the catalogue with its names, and the indexes that are open.

use crate::artefact::{self, ArtefactError};
use crate::index::{IndexError, OpenIndex};
use crate::names::{NameEntry, NameIndex};
use arc_swap::ArcSwap;
use docent_types::documentation::{LibraryEntry, QueryError, VersionEntry, View, Visibility};
use docent_types::ids::VersionRowId;
use docent_types::library_id::{LibraryId, LibraryReference};
use lru::LruCache;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Names that are close are offered up to this many.
const SUGGESTIONS: usize = 3;

#[derive(Debug, Default)]
struct Catalogue {
    entries: Vec<Arc<LibraryEntry>>,
    by_id: HashMap<LibraryId, Vec<usize>>,
    artefacts: HashMap<VersionRowId, String>,
    /// Places of entries by their row.
    by_row: HashMap<u128, usize>,
    names: NameIndex,
}

impl Catalogue {
    /// The catalogue after the one with these names.
    fn new(entries: Vec<LibraryEntry>, before: &NameIndex) -> Self {
        let entries: Vec<Arc<LibraryEntry>> = entries.into_iter().map(Arc::new).collect();
        let mut by_id: HashMap<LibraryId, Vec<usize>> = HashMap::new();
        let mut artefacts = HashMap::new();
        let mut by_row = HashMap::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            by_row.insert(entry.row.0.as_u128(), at);
            by_id.entry(entry.id.clone()).or_default().push(at);
            artefacts.extend(entry.versions.iter().map(|version| (version.id, version.artefact.clone())));
        }
        let names = before.renewed(entries.iter().map(|entry| (entry.row.0.as_u128(), name_entry(entry))));
        Self { names, entries, by_id, artefacts, by_row }
    }

    fn by_row(&self, row: u128) -> Option<&Arc<LibraryEntry>> {
        self.by_row.get(&row).and_then(|at| self.entries.get(*at))
    }

    fn seen<'a>(&'a self, view: &'a View, id: &LibraryId) -> impl Iterator<Item = &'a Arc<LibraryEntry>> + use<'a> {
        self.by_id.get(id).into_iter().flatten().filter_map(|at| self.entries.get(*at)).filter(|entry| view.sees(entry.visibility))
    }
}

fn name_entry(entry: &LibraryEntry) -> NameEntry<'_> {
    NameEntry {
        owner: entry.id.owner(),
        name: entry.id.name(),
        title: &entry.title,
        description: &entry.description,
        aliases: &[],
        // How well known it is nobody told; of two that are equal the larger one is the likelier. The digits of the count: a
        // library that grows a little stays the same to the index of names.
        popularity: f32::from(u8::try_from(entry.default_version().map_or(0, |version| version.snippets).checked_ilog10().unwrap_or(0)).unwrap_or(0)) / 2.0,
    }
}

/// The catalogue and the open indexes. Shared by every request; nothing in it waits for another actor.
pub struct Shelf {
    root: PathBuf,
    catalogue: ArcSwap<Catalogue>,
    open: Mutex<LruCache<String, Arc<OpenIndex>>>,
    /// Artefacts whose bytes were verified by this process.
    verified: Mutex<HashSet<String>>,
    damaged: Mutex<BTreeMap<VersionRowId, String>>,
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").field("root", &self.root).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shelf {
    /// A shelf over a folder of artefacts that keeps at most `max_open` indexes open.
    #[must_use]
    pub fn new(index_root: PathBuf, max_open: usize) -> Self {
        Self {
            root: index_root,
            catalogue: ArcSwap::default(),
            open: Mutex::new(LruCache::new(NonZeroUsize::new(max_open).unwrap_or(NonZeroUsize::MIN))),
            verified: Mutex::default(),
            damaged: Mutex::default(),
        }
    }

    /// The folder of artefacts.
    #[must_use]
    pub fn index_root(&self) -> &Path {
        &self.root
    }

    /// Swaps the catalogue. Requests that run go on with the one they began with.
    pub fn publish(&self, entries: Vec<LibraryEntry>) {
        let catalogue = Catalogue::new(entries, &self.catalogue.load().names);
        lock(&self.damaged).retain(|version, _| catalogue.artefacts.contains_key(version));
        self.catalogue.store(Arc::new(catalogue));
    }

    /// Every library that this view sees, by id.
    #[must_use]
    pub fn libraries(&self, view: &View) -> Vec<Arc<LibraryEntry>> {
        let mut entries: Vec<_> = self.catalogue.load().entries.iter().filter(|entry| view.sees(entry.visibility)).cloned().collect();
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        entries
    }

    /// The libraries that a name may mean, best first. `query` is what the caller wants to do, and decides between equals.
    #[must_use]
    pub fn resolve(&self, view: &View, query: &str, library_name: &str, limit: usize) -> Vec<Arc<LibraryEntry>> {
        let catalogue = self.catalogue.load();
        let name = if library_name.trim().is_empty() { query } else { library_name };
        let wanted: HashSet<String> =
            query.split(|c: char| !c.is_alphanumeric()).filter(|w| w.len() > 2).take(60).map(str::to_lowercase).collect();
        let seen = |row: u128| catalogue.by_row(row).is_some_and(|entry| view.sees(entry.visibility));
        let mut found: Vec<(f32, &Arc<LibraryEntry>)> = catalogue
            .names
            .resolve(name, query, limit.saturating_mul(4).max(20), &seen)
            .into_iter()
            .filter_map(|(row, score)| catalogue.by_row(row).map(|entry| (score, entry)))
            .map(|(score, entry)| {
                let words = format!("{} {}", entry.title, entry.description).to_lowercase();
                let hits = words
                    .split(|c: char| !c.is_alphanumeric())
                    .filter(|word| wanted.contains(*word))
                    .take(5)
                    .fold(0.0_f32, |sum, _| sum + 0.04);
                // A library without an index cannot answer yet.
                let ready = if entry.versions.is_empty() { 0.0 } else { 0.1 };
                (score + hits + ready, entry)
            })
            .collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
        found.into_iter().take(limit).map(|(_, entry)| Arc::clone(entry)).collect()
    }

    /// A library and one of its versions. What the view does not see does not exist.
    ///
    /// # Errors
    /// [`QueryError`] that says what to ask instead.
    pub fn find(&self, view: &View, reference: &LibraryReference) -> Result<(Arc<LibraryEntry>, VersionEntry), QueryError> {
        let catalogue = self.catalogue.load();
        // A project's own library stands before a public one of the same id.
        let entry = catalogue.seen(view, &reference.id).min_by_key(|entry| matches!(entry.visibility, Visibility::Public)).cloned();
        let Some(entry) = entry else {
            let names = self.resolve(view, "", reference.id.name(), SUGGESTIONS);
            return Err(QueryError::LibraryNotFound {
                id: reference.id.to_string(),
                suggestions: names.iter().map(|entry| entry.id.clone()).collect(),
            });
        };
        if entry.versions.is_empty() {
            return Err(QueryError::NotReady { id: entry.id.clone() });
        }
        match choose(&entry, reference.version.as_deref()) {
            Some(version) => Ok((Arc::clone(&entry), version.clone())),
            None => Err(QueryError::VersionNotFound {
                id: entry.id.clone(),
                version: reference.version.clone().unwrap_or_default(),
                available: entry.versions.iter().map(|v| v.version.clone().unwrap_or_else(|| "default".to_owned())).collect(),
            }),
        }
    }

    /// The index of a version if it is open.
    #[must_use]
    pub fn opened(&self, version: VersionRowId) -> Option<Arc<OpenIndex>> {
        let catalogue = self.catalogue.load();
        let hash = catalogue.artefacts.get(&version)?;
        lock(&self.open).get(hash).cloned()
    }

    /// Opens the index of a version; the first time, every byte is verified, and a damaged index is made again from its
    /// snippets. Blocks: for a thread that may wait.
    ///
    /// # Errors
    /// [`ArtefactError`]; the version is then listed by [`Self::damaged`].
    pub fn open(&self, version: VersionRowId) -> Result<Arc<OpenIndex>, ArtefactError> {
        let hash = self.catalogue.load().artefacts.get(&version).cloned().ok_or_else(|| ArtefactError::Missing(version.to_string()))?;
        if let Some(index) = lock(&self.open).get(&hash) {
            return Ok(Arc::clone(index));
        }
        let opened = self.open_or_repair(&hash);
        match opened {
            Ok(index) => {
                lock(&self.damaged).remove(&version);
                lock(&self.verified).insert(hash.clone());
                let index = Arc::new(index);
                lock(&self.open).put(hash, Arc::clone(&index));
                Ok(index)
            }
            Err(error) => {
                tracing::error!(artefact = %hash, %error, "an index cannot be opened");
                lock(&self.damaged).insert(version, error.to_string());
                Err(error)
            }
        }
    }

    fn open_or_repair(&self, hash: &str) -> Result<OpenIndex, ArtefactError> {
        let verified = lock(&self.verified).contains(hash);
        let opened = if verified { artefact::open_verified(&self.root, hash) } else { artefact::open(&self.root, hash) };
        match opened {
            Ok(index) => Ok(index),
            Err(ArtefactError::Missing(hash)) => Err(ArtefactError::Missing(hash)),
            Err(error) => {
                tracing::warn!(artefact = %hash, %error, "a damaged index is made again from its snippets");
                artefact::repair(&self.root, hash)?;
                artefact::open(&self.root, hash)
            }
        }
    }

    /// Forgets an open index, for example one that failed while it was read; the next open verifies it again.
    pub fn close(&self, version: VersionRowId) {
        if let Some(hash) = self.catalogue.load().artefacts.get(&version) {
            lock(&self.open).pop(hash);
            lock(&self.verified).remove(hash);
        }
    }

    /// The versions whose index could not be opened, and why.
    #[must_use]
    pub fn damaged(&self) -> Vec<(VersionRowId, String)> {
        lock(&self.damaged).iter().map(|(version, why)| (*version, why.clone())).collect()
    }
}

/// Whether an index failed in a way that opening it again may cure.
pub(crate) fn note_failure(shelf: &Shelf, version: VersionRowId, error: &IndexError) {
    tracing::error!(%error, "an index failed while it was read");
    shelf.close(version);
}

fn choose<'a>(entry: &'a LibraryEntry, wanted: Option<&str>) -> Option<&'a VersionEntry> {
    let Some(wanted) = wanted else { return entry.default_version() };
    let named = |name: &str| entry.versions.iter().find(|v| v.version.as_deref().is_some_and(|own| own == name));
    if let Some(version) = named(wanted) {
        return Some(version);
    }
    let loose = |name: &str| name.strip_prefix(['v', 'V']).unwrap_or(name).to_ascii_lowercase();
    if let Some(version) = entry.versions.iter().find(|v| v.version.as_deref().is_some_and(|own| loose(own) == loose(wanted))) {
        return Some(version);
    }
    match wanted.to_ascii_lowercase().as_str() {
        "default" => entry.default_version(),
        "latest" => entry
            .versions
            .iter()
            .filter_map(|version| version.version.as_deref().and_then(release).map(|numbers| (numbers, version)))
            .max_by(|a, b| a.0.cmp(&b.0))
            .map(|(_, version)| version)
            .or_else(|| entry.default_version()),
        _ => None,
    }
}

/// The numbers of a release, so that they compare; a pre-release is no release.
fn release(version: &str) -> Option<Vec<u64>> {
    let digits = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let digits = digits.split('+').next().unwrap_or(digits);
    digits.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::ids::{LibraryRowId, ProjectId};
    use docent_types::time::Timestamp;
    use uuid::Uuid;

    fn version(number: u128, name: Option<&str>) -> VersionEntry {
        VersionEntry {
            id: VersionRowId(Uuid::from_u128(number)),
            version: name.map(str::to_owned),
            artefact: format!("{number:064}"),
            commit: None,
            pages: 1,
            snippets: 1,
            tokens: 1,
            indexed_at: Timestamp(0),
        }
    }

    fn library(id: &str, visibility: Visibility, versions: Vec<VersionEntry>) -> LibraryEntry {
        let row = id.bytes().fold(0_u128, |sum, byte| sum.wrapping_mul(257) + u128::from(byte));
        LibraryEntry {
            row: LibraryRowId(Uuid::from_u128(row)),
            id: id.parse().unwrap(),
            title: id.rsplit('/').next().unwrap().into(),
            description: String::new(),
            source: String::new(),
            visibility,
            versions,
            rules: Vec::new(),
        }
    }

    fn shelf() -> Shelf {
        let shelf = Shelf::new(PathBuf::from("/nowhere"), 2);
        shelf.publish(vec![
            library(
                "/acme/widgets",
                Visibility::Public,
                vec![version(1, None), version(2, Some("v2.9.0")), version(3, Some("v2.10.0")), version(4, Some("3.0.0-rc.1"))],
            ),
            library("/acme/secret-widgets", Visibility::Private(ProjectId(Uuid::from_u128(7))), vec![version(5, None)]),
            library("/acme/empty", Visibility::Public, Vec::new()),
        ]);
        shelf
    }

    fn found(reference: &str, view: &View) -> Result<u128, QueryError> {
        shelf().find(view, &reference.parse().unwrap()).map(|(_, version)| version.id.0.as_u128())
    }

    #[test]
    fn versions_are_found_by_name_with_or_without_v_and_latest_is_the_newest_release() {
        let public = View::public();
        for (reference, number) in [
            ("/acme/widgets", 1),
            ("/ACME/Widgets/2.9.0", 2),
            ("/acme/widgets@V2.10.0", 3),
            ("/acme/widgets/v3.0.0-rc.1", 4),
            ("/acme/widgets/latest", 3),
            ("/acme/widgets/default", 1),
        ] {
            assert_eq!(found(reference, &public), Ok(number), "{reference}");
        }
        match found("/acme/widgets/v9", &public) {
            Err(QueryError::VersionNotFound { available, .. }) => assert_eq!(available, ["default", "v2.9.0", "v2.10.0", "3.0.0-rc.1"]),
            other => panic!("{other:?}"),
        }
        assert!(matches!(found("/acme/empty", &public), Err(QueryError::NotReady { .. })));
    }

    #[test]
    fn a_private_library_does_not_exist_for_others_and_is_not_suggested_to_them() {
        let own = View::of_project(ProjectId(Uuid::from_u128(7)));
        let other = View::of_project(ProjectId(Uuid::from_u128(8)));
        assert_eq!(found("/acme/secret-widgets", &own), Ok(5));
        for view in [View::public(), other] {
            let missing = found("/acme/secret-widgets", &view).unwrap_err();
            let never = found("/acme/secret-wodgets", &view).unwrap_err();
            for error in [&missing, &never] {
                match error {
                    QueryError::LibraryNotFound { suggestions, .. } => {
                        assert!(suggestions.iter().all(|s| s.name() != "secret-widgets"), "{suggestions:?}")
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert!(shelf().resolve(&view, "", "secret widgets", 10).iter().all(|entry| entry.id.name() != "secret-widgets"));
        }
        assert_eq!(shelf().resolve(&own, "", "secret widgets", 10)[0].id.name(), "secret-widgets");
    }

    #[test]
    fn a_missing_artefact_is_listed_as_damaged_until_its_version_is_gone() {
        let shelf = shelf();
        let version = VersionRowId(Uuid::from_u128(1));
        assert!(matches!(shelf.open(version), Err(ArtefactError::Missing(_))));
        assert_eq!(shelf.damaged().len(), 1);
        shelf.publish(Vec::new());
        assert!(shelf.damaged().is_empty());
    }
}
