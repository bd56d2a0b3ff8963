//! Where artefacts live: a folder, or an object store of which the folder is a cache.
//!
//! With the folder alone nothing is copied: what is built there is what is opened. With an object store, whoever builds an
//! artefact uploads it ([`ArtefactStore::publish`]) before its hash is named in the catalogue, and whoever opens it
//! downloads it first ([`ArtefactStore::hold`]), once for all threads and processes that share the folder. The folder is
//! then kept within a limit: what was not used for longest goes, and never what is open.
//!
//! Artefacts that nothing names are removed by [`ArtefactStore::mark_unnamed`] and [`ArtefactStore::remove_unnamed`];
//! `docs/decisions/0008-when-an-artefact-is-removed.md` says why so.

mod cache;
mod marks;
mod remote;
mod s3;

pub use cache::Lease;
pub use remote::Remote;
pub use s3::S3;

use crate::artefact::{self, ArtefactError};
use crate::embedding::vectors;
use cache::Cache;
use marks::{FolderMarks, Mark, Marks};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// After this a removal that is not ended was given up.
const GIVEN_UP: Duration = Duration::from_secs(600);

/// Artefacts. Cheap to share.
#[derive(Clone, Debug)]
pub struct ArtefactStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    /// With the limit of the folder.
    remote: Option<(Arc<Remote>, Cache)>,
    marks: Box<dyn Marks>,
}

/// The name of the object that holds vectors, beside those of their artefact.
fn vectors_beside(model: &str) -> String {
    format!("vectors-{}", model.get(..16).unwrap_or(model))
}

impl ArtefactStore {
    /// Artefacts in a folder that every process reads.
    #[must_use]
    pub fn folder(root: PathBuf) -> Self {
        Self(Arc::new(Inner { marks: Box::new(FolderMarks::new(root.clone())), root, remote: None }))
    }

    /// Artefacts in an object store, with a folder of at most `cache_size` bytes before it.
    #[must_use]
    pub fn remote(root: PathBuf, remote: Remote, cache_size: u64) -> Self {
        let remote = Arc::new(remote);
        let cache = Cache::new(root.clone(), cache_size);
        Self(Arc::new(Inner { root, marks: Box::new(Arc::clone(&remote)), remote: Some((remote, cache)) }))
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Makes sure that an artefact that was built here can be opened by everybody. To be called before its hash is named;
    /// from then on it is not removed for the grace that [`Self::mark_unnamed`] is told. Blocks.
    ///
    /// # Errors
    /// [`ArtefactError::BeingRemoved`], [`ArtefactError::Missing`] if it was removed since it was built, or what the
    /// object store says: try again later.
    pub fn publish(&self, hash: &str) -> Result<(), ArtefactError> {
        // In this order: a removal writes its mark first and looks for this one then, so that one of the two gives way.
        self.0.marks.remove(Mark::Unnamed, hash)?;
        if self.0.marks.at(Mark::Removing, hash)?.is_some() {
            return Err(ArtefactError::BeingRemoved(hash.to_owned()));
        }
        let folder = artefact::folder(&self.0.root, hash);
        let Some((remote, cache)) = &self.0.remote else {
            return if folder.join("manifest.json").exists() { Ok(()) } else { Err(ArtefactError::Missing(hash.to_owned())) };
        };
        let _held = cache.hold(hash)?;
        remote.upload(hash, &folder)?;
        cache.added(hash);
        Ok(())
    }

    /// Whether an artefact that is named already can be opened by everybody; if only the object store lacks it, it is
    /// uploaded. With `every_byte`, whether what is here is what was written, too. Blocks.
    ///
    /// # Errors
    /// What the object store or the disk says, if that leaves it open.
    pub fn is_there(&self, hash: &str, every_byte: bool) -> Result<bool, ArtefactError> {
        let checked = self.publish(hash).and_then(|()| {
            if every_byte {
                let _lease = self.hold(hash)?;
                artefact::verify(&artefact::folder(self.root(), hash))?;
            }
            Ok(())
        });
        match checked {
            Ok(()) => Ok(true),
            Err(ArtefactError::Missing(_) | ArtefactError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes sure that an artefact is in the folder and stays there while the lease is kept. `None` where nothing is
    /// removed from the folder for its size. Blocks.
    ///
    /// # Errors
    /// [`ArtefactError::Missing`] if it is nowhere, or what the object store or the disk says.
    pub fn hold(&self, hash: &str) -> Result<Option<Lease>, ArtefactError> {
        let Some((remote, cache)) = &self.0.remote else { return Ok(None) };
        let folder = artefact::folder(&self.0.root, hash);
        let lease = cache.hold_or(hash, &folder, || remote.download(hash, &self.0.root))?;
        Ok(Some(lease))
    }

    /// Makes the vectors of an artefact, as they are here, readable for everybody. Blocks.
    ///
    /// # Errors
    /// What the object store or the disk says.
    pub fn publish_vectors(&self, model: &str, hash: &str) -> Result<(), ArtefactError> {
        let path = vectors::path(self.root(), model, hash);
        match &self.0.remote {
            Some((remote, _)) if path.is_file() => remote.put_beside(hash, &vectors_beside(model), &path),
            _ => Ok(()),
        }
    }

    /// Brings the vectors of an artefact into the folder if somebody made newer ones. Blocks.
    ///
    /// # Errors
    /// What the object store or the disk says.
    pub fn fetch_vectors(&self, model: &str, hash: &str) -> Result<(), ArtefactError> {
        match &self.0.remote {
            Some((remote, _)) => remote.get_beside(hash, &vectors_beside(model), &vectors::path(self.root(), model, hash)),
            None => Ok(()),
        }
    }

    /// Forgets the copy in the folder, which is damaged, so that the next [`Self::hold`] downloads it. Answers whether
    /// there is somewhere to download it from.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn forget_copy(&self, hash: &str) -> Result<bool, ArtefactError> {
        if self.0.remote.is_none() {
            return Ok(false);
        }
        artefact::remove(&self.0.root, hash)?;
        Ok(true)
    }

    /// Marks the artefacts that none of `named` is, takes the mark from those that are named again, and answers those
    /// that have been marked for `grace`. Blocks.
    ///
    /// # Errors
    /// What the object store or the disk says.
    pub fn mark_unnamed(&self, named: &HashSet<String>, grace: Duration) -> Result<Vec<String>, ArtefactError> {
        let marks = &self.0.marks;
        let marked = marks.all(Mark::Unnamed)?;
        let present: HashSet<String> = self.present()?.into_iter().collect();
        let now = marks.now()?;
        for (hash, _) in marked.iter().filter(|(hash, _)| named.contains(*hash) || !present.contains(*hash)) {
            marks.remove(Mark::Unnamed, hash)?;
        }
        // A removal that somebody began and did not end: whoever wants the artefact waits for it.
        for (hash, since) in marks.all(Mark::Removing)? {
            let given_up = now.duration_since(since).unwrap_or_default() >= GIVEN_UP && !marked.contains_key(&hash);
            if named.contains(&hash) || !present.contains(&hash) || given_up {
                marks.remove(Mark::Removing, &hash)?;
            }
        }
        let mut due = Vec::new();
        for hash in present.into_iter().filter(|hash| !named.contains(hash)) {
            match marked.get(&hash) {
                None => marks.put(Mark::Unnamed, &hash)?,
                Some(since) if now.duration_since(*since).unwrap_or_default() >= grace => due.push(hash),
                Some(_) => {}
            }
        }
        due.sort_unstable();
        Ok(due)
    }

    /// Removes those that are due, unless they were published meanwhile. Answers how many. Blocks.
    ///
    /// # Errors
    /// What the object store or the disk says; what was begun is ended the next time.
    pub fn remove_unnamed(&self, due: &[String], named: &HashSet<String>) -> Result<usize, ArtefactError> {
        let marks = &self.0.marks;
        let mut removed = 0;
        for hash in due.iter().filter(|hash| !named.contains(*hash)) {
            marks.put(Mark::Removing, hash)?;
            // Gone if somebody is about to publish it: see `publish`.
            if marks.at(Mark::Unnamed, hash)?.is_some() {
                match &self.0.remote {
                    None => artefact::remove(&self.0.root, hash)?,
                    Some((remote, _)) => remote.discard(hash)?,
                }
                removed += 1;
                marks.remove(Mark::Unnamed, hash)?;
            }
            marks.remove(Mark::Removing, hash)?;
        }
        Ok(removed)
    }

    fn present(&self) -> Result<Vec<String>, ArtefactError> {
        match &self.0.remote {
            None => Ok(in_folder(&self.0.root)),
            Some((remote, _)) => remote.present(),
        }
    }
}

/// The hashes of the artefacts in a folder.
fn in_folder(root: &Path) -> Vec<String> {
    let folders = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten();
    let names = folders(root).filter(|prefix| prefix.file_name().len() == 2).flat_map(|prefix| folders(&prefix.path()));
    names.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| is_hash(name)).collect()
}

fn is_hash(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}
