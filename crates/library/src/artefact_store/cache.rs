//! The folder as a cache: who holds what, and what goes when it is full.
//!
//! Each artefact has a file in `.locks`. Whoever has the artefact open locks it shared, whoever removes the artefact locks it
//! alone; the system unlocks it when a process ends, however it ends. Its date is when the artefact was last used. A second
//! file is locked alone by whoever downloads.

use super::in_folder;
use crate::artefact::{self, ArtefactError, io};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

const LOCKS: &str = ".locks";

/// Keeps an artefact in the folder.
#[derive(Debug)]
pub struct Lease(File);

impl Lease {
    /// Dates the last use.
    fn touch(&self) {
        // A date that is not written makes the artefact look older than it is.
        let _ = self.0.write_all_at(b".", 0);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.touch();
    }
}

#[derive(Debug)]
pub(super) struct Cache {
    root: PathBuf,
    limit: u64,
    /// Sizes of what is in the folder as far as this process knows; `None` before it looked.
    sizes: Mutex<Option<HashMap<String, u64>>>,
}

impl Cache {
    pub(super) fn new(root: PathBuf, limit: u64) -> Self {
        Self { root, limit, sizes: Mutex::default() }
    }

    fn open_lock(&self, name: &str) -> Result<(File, PathBuf), ArtefactError> {
        let folder = self.root.join(LOCKS);
        fs::create_dir_all(&folder).map_err(io(&folder))?;
        let path = folder.join(name);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io(&path))?;
        Ok((file, path))
    }

    /// Locks a file of this name. Whoever locked it alone may remove it: a lock that is not there any more is none.
    fn lock(&self, name: &str, with: impl Fn(&File) -> std::io::Result<()>) -> Result<(File, PathBuf), ArtefactError> {
        loop {
            let (file, path) = self.open_lock(name)?;
            with(&file).map_err(io(&path))?;
            if is_still(&file, &path) {
                return Ok((file, path));
            }
        }
    }

    /// Keeps an artefact in the folder.
    pub(super) fn hold(&self, hash: &str) -> Result<Lease, ArtefactError> {
        Ok(Lease(self.lock(hash, File::lock_shared)?.0))
    }

    /// Keeps an artefact in the folder; brings it there first if it is not. Whoever else asks meanwhile waits and finds it.
    pub(super) fn hold_or(
        &self,
        hash: &str,
        folder: &Path,
        bring: impl FnOnce() -> Result<(), ArtefactError>,
    ) -> Result<Lease, ArtefactError> {
        let lease = self.hold(hash)?;
        lease.touch();
        if !folder.exists() {
            let (alone, path) = self.lock(&format!("{hash}.download"), File::lock)?;
            let brought = if folder.exists() { Ok(()) } else { bring().map(|()| self.added(hash)) };
            fs::remove_file(&path).map_err(io(&path))?;
            drop(alone);
            brought?;
        }
        Ok(lease)
    }

    /// Says that an artefact came into the folder, and makes room if it is full.
    pub(super) fn added(&self, hash: &str) {
        let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = sizes.get_or_insert_with(|| look(&self.root));
        known.insert(hash.to_owned(), size(&self.root, hash));
        if known.values().sum::<u64>() > self.limit {
            // Other processes may share the folder.
            *known = look(&self.root);
            self.make_room(known);
        }
    }

    fn make_room(&self, sizes: &mut HashMap<String, u64>) {
        let mut total: u64 = sizes.values().sum();
        let mut by_use: Vec<(SystemTime, String)> = sizes.keys().map(|hash| (self.last_used(hash), hash.clone())).collect();
        by_use.sort();
        for (_, hash) in by_use {
            if total <= self.limit {
                return;
            }
            match self.remove(&hash) {
                Ok(true) => total -= sizes.remove(&hash).unwrap_or_default(),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, artefact = %hash, "the cache of indexes could not be made smaller"),
            }
        }
        if total > self.limit {
            tracing::info!(total, limit = self.limit, "the indexes that are open are larger than artefacts.cache_size");
        }
    }

    fn last_used(&self, hash: &str) -> SystemTime {
        let dated = |path: PathBuf| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let lock = self.root.join(LOCKS).join(hash);
        dated(lock).or_else(|| dated(artefact::folder(&self.root, hash))).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Removes an artefact unless somebody holds it.
    fn remove(&self, hash: &str) -> Result<bool, ArtefactError> {
        let (file, path) = self.open_lock(hash)?;
        match file.try_lock() {
            Ok(()) if is_still(&file, &path) => {
                artefact::remove(&self.root, hash)?;
                fs::remove_file(&path).map_err(io(&path))?;
                tracing::debug!(artefact = %hash, "an index left the cache");
                Ok(true)
            }
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(io(&path)(error)),
        }
    }
}

/// Whether the file that is open is still the one of this name.
fn is_still(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

fn look(root: &Path) -> HashMap<String, u64> {
    in_folder(root).into_iter().map(|hash| (hash.clone(), size(root, &hash))).collect()
}

fn size(root: &Path, hash: &str) -> u64 {
    let manifest = artefact::manifest_of(&artefact::folder(root, hash));
    manifest.map_or(0, |manifest| manifest.files.iter().map(|file| file.size).sum())
}
