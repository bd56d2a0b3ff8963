//! What tools and pages call: resolve a name, ask a question.

use crate::answer;
use crate::embedding::SharedEmbedder;
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
    pub async fn query(
        &self,
        view: &View,
        reference: &LibraryReference,
        question: &str,
        token_budget: usize,
    ) -> Result<Answer, QueryError> {
        if !question.chars().any(char::is_alphanumeric) {
            return Err(QueryError::EmptyQuestion);
        }
        let (library, version) = self.shelf.find(view, reference)?;
        let index = self.index(&library, &version).await?;
        let embedder = self.shelf.embedder().filter(|_| index.vectors().is_some());
        let hits = if index.snippets() <= SMALL && embedder.is_none() {
            index.search(question, None, CANDIDATES)
        } else {
            let index = Arc::clone(&index);
            let question = question.to_owned();
            tokio::task::spawn_blocking(move || {
                let vector = embedder.and_then(|embedder| meaning(&embedder, &question));
                index.search(&question, vector.as_deref(), CANDIDATES)
            })
            .await
            .map_err(|_| QueryError::Damaged { id: library.id.clone() })?
        };
        let hits = hits.map_err(|error| {
            shelf::note_failure(&self.shelf, version.id, &error);
            QueryError::Damaged { id: library.id.clone() }
        })?;
        Ok(Answer { library: library.id.clone(), version: version.version, hits: fit(hits, token_budget), rules: library.rules.clone() })
    }

    /// The index of a version; opened if it is closed.
    pub(crate) async fn index(&self, library: &LibraryEntry, version: &VersionEntry) -> Result<Arc<OpenIndex>, QueryError> {
        if let Some(index) = self.shelf.opened(version.id) {
            return Ok(index);
        }
        match ask(&self.open, OpenVersion(version.id)).await {
            // Opened and at once closed again for others: too much is asked for at the same time.
            Ok(()) => self.shelf.opened(version.id).ok_or(QueryError::Busy),
            Err(CatalogError::Unavailable(Unavailable::Busy) | CatalogError::Database) => Err(QueryError::Busy),
            Err(CatalogError::NotFound) => Err(QueryError::NotReady { id: library.id.clone() }),
            Err(CatalogError::Damaged(_) | CatalogError::Unavailable(Unavailable::Failed)) => {
                Err(QueryError::Damaged { id: library.id.clone() })
            }
        }
    }
}

/// The question's vector. A model that fails leaves the words.
fn meaning(embedder: &SharedEmbedder, question: &str) -> Option<Vec<f32>> {
    match embedder.embed(&[question.to_owned()]) {
        Ok(vectors) => vectors.into_iter().next(),
        Err(error) => {
            tracing::warn!(%error, "a question is answered by its words alone");
            None
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artefact::{self, Meta};
    use actix::prelude::*;
    use docent_types::documentation::{Block, Snippet, Visibility};
    use docent_types::ids::{LibraryRowId, VersionRowId};
    use docent_types::time::Timestamp;
    use uuid::Uuid;

    /// Opens what it is asked for, as the catalogue's owner does.
    struct Opener(Arc<Shelf>);

    impl Actor for Opener {
        type Context = Context<Self>;
    }

    impl Handler<OpenVersion> for Opener {
        type Result = Result<(), CatalogError>;
        fn handle(&mut self, message: OpenVersion, _: &mut Self::Context) -> Self::Result {
            self.0.open(message.0).map(|_| ()).map_err(|error| CatalogError::Damaged(error.to_string()))
        }
    }

    fn snippet(number: usize) -> Snippet {
        Snippet {
            id: format!("{number:032}"),
            path: format!("{number}.md"),
            page_title: format!("Page {number}"),
            headings: Vec::new(),
            anchor: None,
            lines: (1, 2),
            url: format!("docs/{number}.md#L1-L2"),
            also: Vec::new(),
            blocks: vec![Block::Prose(format!("A gadget of kind {number}. {}", "It is described at length. ".repeat(20)))],
        }
    }

    fn reader(artefact: Option<String>, root: &std::path::Path) -> Reader {
        let shelf = Arc::new(Shelf::new(root.to_owned(), 4));
        let artefact =
            artefact.unwrap_or_else(|| artefact::build(root, &(0..40).map(snippet).collect::<Vec<_>>(), &Meta::default()).unwrap().hash);
        let version = VersionEntry {
            id: VersionRowId(Uuid::from_u128(1)),
            version: None,
            artefact,
            commit: None,
            pages: 1,
            snippets: 40,
            tokens: 1,
            indexed_at: Timestamp(0),
        };
        shelf.publish(vec![LibraryEntry {
            row: LibraryRowId(Uuid::nil()),
            id: "/acme/gadgets".parse().unwrap(),
            title: "Gadgets".to_owned(),
            description: String::new(),
            source: String::new(),
            visibility: Visibility::Public,
            versions: vec![version],
            rules: vec!["Mind the gap.".to_owned()],
        }]);
        let opener = Opener(Arc::clone(&shelf)).start();
        Reader::new(shelf, opener.recipient())
    }

    #[actix::test]
    async fn a_closed_index_is_opened_and_the_budget_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let reader = reader(None, root.path());
        let reference: LibraryReference = "/acme/gadgets".parse().unwrap();
        let answer = reader.query(&View::public(), &reference, "which gadget?", 1_000).await.unwrap();
        let tokens: usize = answer.hits.iter().map(|hit| answer::tokens(&answer::render_snippet(&hit.snippet))).sum();
        assert!(answer.hits.len() > 3 && tokens <= 1_000, "{} snippets, {tokens} tokens", answer.hits.len());
        assert_eq!(answer.rules, ["Mind the gap."]);
        let one = reader.query(&View::public(), &reference, "which gadget?", 1).await.unwrap();
        assert_eq!(one.hits.len(), 1, "the best passage is given even if the budget is too small for it");
        assert_eq!(reader.query(&View::public(), &reference, " ?! ", 1_000).await, Err(QueryError::EmptyQuestion));
    }

    #[actix::test]
    async fn an_index_that_cannot_be_opened_is_said_to_be_damaged() {
        let root = tempfile::tempdir().unwrap();
        let reader = reader(Some("ab".repeat(32)), root.path());
        let reference: LibraryReference = "/acme/gadgets".parse().unwrap();
        assert!(matches!(reader.query(&View::public(), &reference, "gadget", 1_000).await, Err(QueryError::Damaged { .. })));
        assert_eq!(reader.shelf().damaged().len(), 1);
    }
}
