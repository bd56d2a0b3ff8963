//! What tools and pages call: resolve a name, ask a question.

use crate::answer;
use crate::index::OpenIndex;
use crate::shelf::{self, Shelf};
use actix::Recipient;
use docent_types::actors::{Unavailable, ask};
use docent_types::documentation::{Answer, Hit, LibraryEntry, QueryError, VersionEntry, View};
use docent_types::library_id::LibraryReference;
use docent_types::messages::{CatalogError, OpenVersion};
use std::sync::Arc;

/// Tokens of an answer when nobody says how many.
pub const DEFAULT_TOKENS: usize = 5_000;
/// An index of at most this many snippets is asked on the caller's own thread: handing over would cost more.
const SMALL: u32 = 3_000;
/// Snippets that are looked at to fill a budget.
const CANDIDATES: usize = 60;

/// Answers questions from the shelf; an index that is closed is opened by the catalogue's owner.
#[derive(Clone)]
pub struct Reader {
    shelf: Arc<Shelf>,
    open: Recipient<OpenVersion>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    /// A reader of a shelf.
    #[must_use]
    pub const fn new(shelf: Arc<Shelf>, open: Recipient<OpenVersion>) -> Self {
        Self { shelf, open }
    }

    /// The shelf that is read.
    #[must_use]
    pub const fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }

    /// The libraries that a name may mean, best first.
    #[must_use]
    pub fn resolve(&self, view: &View, query: &str, library_name: &str, limit: usize) -> Vec<Arc<LibraryEntry>> {
        self.shelf.resolve(view, query, library_name, limit)
    }

    /// The passages of a library that answer a question, best first, as many as fit whole into the budget.
    ///
    /// # Errors
    /// [`QueryError`] that says what to do next.
    pub async fn query(&self, view: &View, reference: &LibraryReference, question: &str, token_budget: usize) -> Result<Answer, QueryError> {
        if !question.chars().any(char::is_alphanumeric) {
            return Err(QueryError::EmptyQuestion);
        }
        let (library, version) = self.shelf.find(view, reference)?;
        let index = self.index(&library, &version).await?;
        let hits = if index.snippets() <= SMALL {
            index.search(question, CANDIDATES)
        } else {
            let index = Arc::clone(&index);
            let question = question.to_owned();
            tokio::task::spawn_blocking(move || index.search(&question, CANDIDATES)).await.map_err(|_| QueryError::Damaged { id: library.id.clone() })?
        };
        let hits = hits.map_err(|error| {
            shelf::note_failure(&self.shelf, version.id, &error);
            QueryError::Damaged { id: library.id.clone() }
        })?;
        Ok(Answer { library: library.id.clone(), version: version.version, hits: fit(hits, token_budget), rules: library.rules.clone() })
    }

    async fn index(&self, library: &LibraryEntry, version: &VersionEntry) -> Result<Arc<OpenIndex>, QueryError> {
        if let Some(index) = self.shelf.opened(version.id) {
            return Ok(index);
        }
        match ask(&self.open, OpenVersion(version.id)).await {
            // Opened and at once closed again for others: too much is asked for at the same time.
            Ok(()) => self.shelf.opened(version.id).ok_or(QueryError::Busy),
            Err(CatalogError::Unavailable(Unavailable::Busy) | CatalogError::Database) => Err(QueryError::Busy),
            Err(CatalogError::NotFound) => Err(QueryError::NotReady { id: library.id.clone() }),
            Err(CatalogError::Damaged(_) | CatalogError::Unavailable(Unavailable::Failed)) => Err(QueryError::Damaged { id: library.id.clone() }),
        }
    }
}

/// The snippets that fit whole into a budget, in their order; one that does not fit is passed over. The best is always given.
#[must_use]
pub fn fit(hits: Vec<Hit>, token_budget: usize) -> Vec<Hit> {
    let mut left = token_budget;
    let mut out = Vec::new();
    for hit in hits {
        let tokens = answer::tokens(&answer::render_snippet(&hit.snippet));
        if tokens <= left || out.is_empty() {
            left = left.saturating_sub(tokens);
            out.push(hit);
        }
    }
    out
}
