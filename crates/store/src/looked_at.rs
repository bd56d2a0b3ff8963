//! What the column `skipped` says: everything that reading a version came to besides its snippets.

use crate::error::StoreError;
use docent_types::documentation::{Inspection, Skipped};
use serde::{Deserialize, Serialize};

/// What was left out of a version, and what was found in its text.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct LookedAt {
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) inspection: Inspection,
}

/// The column as it is, or as it was before texts were looked through.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    All(LookedAt),
    Files(Vec<Skipped>),
}

impl LookedAt {
    /// As it is stored.
    pub(crate) fn write(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|error| StoreError::Database(error.to_string()))
    }

    /// As it was stored.
    pub(crate) fn read(column: &str) -> Result<Self, StoreError> {
        match serde_json::from_str(column).map_err(|error| StoreError::Database(error.to_string()))? {
            Stored::All(all) => Ok(all),
            Stored::Files(skipped) => Ok(Self { skipped, inspection: Inspection::default() }),
        }
    }
}
