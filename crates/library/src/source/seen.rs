//! What is known of a single file between two readings, on disk: its validators and the revision that it was.

use super::http::Validators;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder in the work folder.
pub(super) const FOLDER: &str = "seen";

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// What to ask with.
    pub validators: Validators,
    /// What it was.
    pub revision: String,
}

fn path(workdir: &Path, key: &str) -> PathBuf {
    workdir.join(FOLDER).join(format!("{key}.json"))
}

impl Seen {
    /// What is known of the file called `key`.
    #[must_use]
    pub fn read(workdir: &Path, key: &str) -> Option<Self> {
        serde_json::from_slice(&fs::read(path(workdir, key)).ok()?).ok()
    }

    /// Remembers it. If that fails, the file is read whole next time.
    pub fn write(&self, workdir: &Path, key: &str) {
        let target = path(workdir, key);
        let fresh = target.with_extension("new");
        let written = fs::create_dir_all(workdir.join(FOLDER))
            .and_then(|()| fs::write(&fresh, serde_json::to_vec(self)?))
            .and_then(|()| fs::rename(&fresh, &target));
        if let Err(error) = written {
            tracing::debug!(%error, "what was seen of a source could not be remembered");
        }
    }
}
