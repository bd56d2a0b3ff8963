//! The shelf: what every request reads. A snapshot of the catalogue with its names, and the indexes that are open.

use crate::artefact::{self, ArtefactError};
use crate::artefact_store::ArtefactStore;
use crate::embedding::{SharedEmbedder, Vectors, vectors};
use crate::index::{IndexError, OpenIndex};
use crate::names::{NameEntry, NameIndex};
use crate::pages::Completion;
use crate::versions;
use arc_swap::{ArcSwap, ArcSwapOption};
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
        popularity: f32::from(
            u8::try_from(entry.default_version().map_or(0, |version| version.snippets).checked_ilog10().unwrap_or(0)).unwrap_or(0),
        ) / 2.0,
    }
}

/// The catalogue and the open indexes. Shared by every request; nothing in it waits for another actor.
pub struct Shelf {
    artefacts: ArtefactStore,
    catalogue: ArcSwap<Catalogue>,
    open: Mutex<LruCache<String, Arc<OpenIndex>>>,
    /// Artefacts whose bytes were verified by this process.
    verified: Mutex<HashSet<String>>,
    damaged: Mutex<BTreeMap<VersionRowId, String>>,
    embedder: ArcSwapOption<SharedEmbedder>,
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").field("artefacts", &self.artefacts).finish_non_exhaustive()
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
        Self::over(ArtefactStore::folder(index_root), max_open)
    }

    /// A shelf over artefacts wherever they are.
    #[must_use]
    pub fn over(artefacts: ArtefactStore, max_open: usize) -> Self {
        Self {
            artefacts,
            catalogue: ArcSwap::default(),
            open: Mutex::new(LruCache::new(NonZeroUsize::new(max_open).unwrap_or(NonZeroUsize::MIN))),
            verified: Mutex::default(),
            damaged: Mutex::default(),
            embedder: ArcSwapOption::empty(),
        }
    }

    /// The folder of artefacts.
    #[must_use]
    pub fn index_root(&self) -> &Path {
        self.artefacts.root()
    }

    /// Answers questions by what they mean, too, from now on: in libraries that have vectors of this model.
    pub fn set_embedder(&self, embedder: SharedEmbedder) {
        self.embedder.store(Some(Arc::new(embedder)));
        self.refresh_vectors(true);
    }

    /// The model that this process has, if any.
    #[must_use]
    pub fn embedder(&self) -> Option<SharedEmbedder> {
        self.embedder.load().as_deref().cloned()
    }

    /// Reads the vectors of open indexes again where their file changed since; with `everywhere` also what other processes put into an
    /// object store. Blocks: for a thread that may wait.
    pub fn refresh_vectors(&self, everywhere: bool) {
        let open: Vec<(String, Arc<OpenIndex>)> = lock(&self.open).iter().map(|(hash, index)| (hash.clone(), Arc::clone(index))).collect();
        for (hash, index) in open {
            self.attach_vectors(&hash, &index, everywhere);
        }
    }

    fn attach_vectors(&self, hash: &str, index: &OpenIndex, everywhere: bool) {
        let Some(embedder) = self.embedder() else { return };
        if index.vectors().is_some_and(|vectors| vectors.done() == vectors.rows()) {
            return;
        }
        if everywhere && let Err(error) = self.artefacts.fetch_vectors(embedder.name(), hash) {
            tracing::warn!(artefact = %hash, %error, "vectors cannot be fetched; those that are here are used");
        }
        let path = vectors::path(self.artefacts.root(), embedder.name(), hash);
        match Vectors::open_if_changed(&path, index.vectors().as_deref()) {
            Ok(Some(vectors)) if vectors.rows() == index.snippets() as usize => index.set_vectors(vectors),
            Ok(Some(_)) => tracing::warn!(artefact = %hash, "the vectors are those of another artefact and are not used"),
            Ok(None) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(artefact = %hash, %error, "the vectors cannot be read; they are made again"),
        }
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
        match versions::choose(&entry.versions, reference.version.as_deref()) {
            Some(version) => Ok((Arc::clone(&entry), version.clone())),
            None => Err(QueryError::VersionNotFound {
                id: entry.id.clone(),
                version: reference.version.clone().unwrap_or_default(),
                available: entry.versions.iter().map(|v| v.version.clone().unwrap_or_else(|| "default".to_owned())).collect(),
            }),
        }
    }

    /// How many libraries there are, seen or not.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.catalogue.load().entries.len()
    }

    /// The ids that a text may be the beginning of: those whose id or name begins with it, then those that have it in
    /// them, then what a name like it may mean. Libraries without an index have nothing to read and are left out.
    #[must_use]
    pub(crate) fn complete(&self, view: &View, typed: &str, limit: usize) -> Completion {
        let catalogue = self.catalogue.load();
        let typed = typed.trim().trim_start_matches('/').to_ascii_lowercase();
        let (owner, name) = typed.split_once('/').map_or((None, typed.as_str()), |(owner, name)| (Some(owner), name));
        let rank = |id: &LibraryId| match owner {
            Some(owner) if id.owner() == owner && id.name().starts_with(name) => Some(0),
            Some(_) => None,
            None if id.name().starts_with(name) => Some(0),
            None if id.owner().starts_with(name) => Some(1),
            None if id.name().contains(name) || id.owner().contains(name) => Some(2),
            None => None,
        };
        let readable = catalogue.entries.iter().filter(|entry| view.sees(entry.visibility) && !entry.versions.is_empty());
        let mut found: Vec<(u8, &LibraryId)> = readable.filter_map(|entry| Some((rank(&entry.id)?, &entry.id))).collect();
        found.sort_unstable();
        found.dedup();
        if found.is_empty() && !typed.is_empty() {
            let meant = self.resolve(view, "", &typed, limit);
            let values: Vec<String> = meant.iter().filter(|entry| !entry.versions.is_empty()).map(|entry| entry.id.to_string()).collect();
            return Completion { total: values.len(), values };
        }
        Completion { total: found.len(), values: found.into_iter().take(limit).map(|(_, id)| id.to_string()).collect() }
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
                self.attach_vectors(&hash, &index, true);
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
        let root = self.artefacts.root();
        let lease = self.artefacts.hold(hash)?;
        let verified = lock(&self.verified).contains(hash);
        let opened = if verified { artefact::open_verified(root, hash) } else { artefact::open(root, hash) };
        match opened {
            Ok(index) => Ok(index.holding(lease)),
            Err(ArtefactError::Missing(hash)) => Err(ArtefactError::Missing(hash)),
            Err(error) => {
                tracing::warn!(artefact = %hash, %error, "a damaged index is made again from its snippets");
                match artefact::repair(root, hash) {
                    Ok(()) => Ok(artefact::open(root, hash)?.holding(lease)),
                    Err(error) => {
                        if !self.artefacts.forget_copy(hash)? {
                            return Err(error);
                        }
                        tracing::warn!(artefact = %hash, %error, "its snippets are damaged too: it is downloaded again");
                        let lease = self.artefacts.hold(hash)?;
                        Ok(artefact::open(root, hash)?.holding(lease))
                    }
                }
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
            ("/acme/widgets/^2", 3),
            ("/acme/widgets@~2.9", 2),
            ("/acme/widgets/2.x", 3),
            ("/acme/widgets/>=2.9 <2.10", 2),
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
