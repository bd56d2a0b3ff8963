//! Marks on artefacts: since when one has no name, and that it is being removed.
//!
//! They stand beside the artefacts and are dated by the clock of whoever keeps them, so that every process sees the same.

use crate::artefact::{ArtefactError, io};
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

/// What is marked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    /// Nothing in the catalogue names it, since the mark's date.
    Unnamed,
    /// It is being removed.
    Removing,
}

impl Mark {
    /// The folder of the marks.
    pub(super) const fn folder(self) -> &'static str {
        match self {
            Self::Unnamed => ".unnamed",
            Self::Removing => ".removing",
        }
    }
}

/// Keeps marks. Every method blocks.
pub(super) trait Marks: Send + Sync + std::fmt::Debug {
    /// Marks an artefact.
    fn put(&self, mark: Mark, hash: &str) -> Result<(), ArtefactError>;
    /// Takes a mark away, if it is there.
    fn remove(&self, mark: Mark, hash: &str) -> Result<(), ArtefactError>;
    /// When an artefact was marked.
    fn at(&self, mark: Mark, hash: &str) -> Result<Option<SystemTime>, ArtefactError>;
    /// All that are marked so.
    fn all(&self, mark: Mark) -> Result<HashMap<String, SystemTime>, ArtefactError>;
    /// The time by the clock that dates the marks.
    fn now(&self) -> Result<SystemTime, ArtefactError>;
}

/// Marks as empty files.
#[derive(Debug)]
pub(super) struct FolderMarks {
    root: PathBuf,
}

impl FolderMarks {
    pub(super) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn path(&self, mark: Mark, hash: &str) -> PathBuf {
        self.root.join(mark.folder()).join(hash)
    }
}

impl Marks for FolderMarks {
    fn put(&self, mark: Mark, hash: &str) -> Result<(), ArtefactError> {
        let path = self.path(mark, hash);
        let folder = self.root.join(mark.folder());
        fs::create_dir_all(&folder).map_err(io(&folder))?;
        fs::write(&path, b"").map_err(io(&path))
    }

    fn remove(&self, mark: Mark, hash: &str) -> Result<(), ArtefactError> {
        let path = self.path(mark, hash);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(&path)(error)),
            _ => Ok(()),
        }
    }

    fn at(&self, mark: Mark, hash: &str) -> Result<Option<SystemTime>, ArtefactError> {
        let path = self.path(mark, hash);
        match fs::metadata(&path).and_then(|metadata| metadata.modified()) {
            Ok(at) => Ok(Some(at)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io(&path)(error)),
        }
    }

    fn all(&self, mark: Mark) -> Result<HashMap<String, SystemTime>, ArtefactError> {
        let folder = self.root.join(mark.folder());
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(HashMap::new()),
            Err(error) => return Err(io(&folder)(error)),
        };
        let dated = |entry: fs::DirEntry| {
            let at = entry.metadata().and_then(|metadata| metadata.modified()).ok()?;
            Some((entry.file_name().into_string().ok()?, at))
        };
        Ok(entries.flatten().filter_map(dated).collect())
    }

    fn now(&self) -> Result<SystemTime, ArtefactError> {
        fs::create_dir_all(&self.root).map_err(io(&self.root))?;
        let file = tempfile::tempfile_in(&self.root).map_err(io(&self.root))?;
        file.metadata().and_then(|metadata| metadata.modified()).map_err(io(&self.root))
    }
}
