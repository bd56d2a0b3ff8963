//! What this process counted since it began: uses of tools, and entries of the audit record. Read by whoever tells metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A tally that is handed around.
pub type SharedTally = Arc<Tally>;

/// The counts.
#[derive(Debug, Default)]
pub struct Tally {
    uses: Mutex<BTreeMap<(String, bool), u64>>,
    events: Mutex<BTreeMap<String, u64>>,
}

fn open<T>(counts: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind the lock is whole between any two statements.
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tally {
    /// A tool was used.
    pub fn used(&self, tool: &str, succeeded: bool) {
        *open(&self.uses).entry((tool.to_owned(), succeeded)).or_default() += 1;
    }

    /// Something of this kind was recorded.
    pub fn happened(&self, kind: &str) {
        *open(&self.events).entry(kind.to_owned()).or_default() += 1;
    }

    /// How often each tool was used, and whether it answered.
    #[must_use]
    pub fn uses(&self) -> BTreeMap<(String, bool), u64> {
        open(&self.uses).clone()
    }

    /// How often each kind was recorded.
    #[must_use]
    pub fn events(&self) -> BTreeMap<String, u64> {
        open(&self.events).clone()
    }
}
