//! `query-docs`: a question to one library.

use crate::arguments::{ArgumentError, Arguments};
use docent_library::reader::DEFAULT_TOKENS;
use docent_library::{Reader, answer};
use docent_types::documentation::{Answer, Hit, QueryError, View};
use docent_types::library_id::LibraryReference;

/// What is asked of a library when the old form of the tool names no topic.
const NO_TOPIC: &str = "introduction overview getting started";
const ID: &[&str] = &["libraryId", "context7CompatibleLibraryID", "libraryID", "libraryName"];

/// Why there is no answer. Each text says what to do next.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QueryDocsError {
    /// The call cannot be read.
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    /// What stands for the id is none.
    #[error("\"{given}\" is not a library id, which has the form /owner/name or /owner/name/version. {next}")]
    NotAnId {
        /// What was given.
        given: String,
        /// What to do.
        next: String,
    },
    /// The library does not answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Nothing in it fits.
    #[error(
        "Nothing in the documentation of {0} fits this question. Ask again with other words, or with the names of the functions, options or errors that it is about."
    )]
    Nothing(LibraryReference),
    /// There are fewer pages of the answer.
    #[error("The answer has no page {0}. Ask for page 1, or ask another question.")]
    NoSuchPage(usize),
}

/// The passages that answer a question, as text. `old_form` is the tool's earlier name, with `topic` and `page`.
///
/// # Errors
/// [`QueryDocsError`].
pub async fn answer(reader: &Reader, view: &View, arguments: Arguments<'_>, old_form: bool) -> Result<String, QueryDocsError> {
    let given = arguments.text(ID, "Give the id that resolve-library-id gave for the library, for example: /vercel/next.js")?;
    let question = match arguments.text(&["query", "userQuery", "question", "topic"], "Ask one question about the library, in a sentence.")
    {
        Err(ArgumentError::Missing { .. }) if old_form => NO_TOPIC,
        other => other?,
    };
    let tokens = arguments.tokens()?.unwrap_or(DEFAULT_TOKENS);
    let page = if old_form { arguments.page()? } else { 1 };
    let reference: LibraryReference = given.parse().map_err(|_| not_an_id(reader, view, given, question))?;
    let found = reader.query(view, &reference, question, tokens * page).await?;
    if found.hits.is_empty() {
        return Err(QueryDocsError::Nothing(reference));
    }
    let found = Answer { hits: turn_to(found.hits, tokens * (page - 1)), ..found };
    if found.hits.is_empty() {
        return Err(QueryDocsError::NoSuchPage(page));
    }
    Ok(answer::render_resolved(&found, reference.version.as_deref()))
}

/// Leaves out the snippets that stood on the pages before.
fn turn_to(hits: Vec<Hit>, tokens_before: usize) -> Vec<Hit> {
    let mut before = 0;
    let on_this_page = |hit: &Hit| {
        let starts_at = before;
        before += answer::tokens(&answer::render_snippet(&hit.snippet));
        starts_at >= tokens_before
    };
    hits.into_iter().filter(on_this_page).collect()
}

fn not_an_id(reader: &Reader, view: &View, given: &str, question: &str) -> QueryDocsError {
    let close: Vec<String> = reader.resolve(view, question, given, 3).iter().map(|library| library.id.to_string()).collect();
    let next = if close.is_empty() {
        "Call resolve-library-id with the library's name first, and then call query-docs with the id that it gives.".to_owned()
    } else {
        format!("Did you mean {}? Call resolve-library-id to be sure.", close.join(" or "))
    };
    QueryDocsError::NotAnId { given: given.chars().take(200).collect(), next }
}
