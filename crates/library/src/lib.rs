//! Documentation: sources are read into pages, pages cut into snippets, snippets indexed, questions answered.
//!
//! Each step is a function of the one before, so that the same commit gives the same bytes. The crate knows nothing of
//! OAuth, SQL, HTTP servers and actors (it asks one through a `Recipient`): whoever calls it decides who may see what and
//! says so with a [`View`](docent_types::documentation::View).
//!
//! In the order of the story:
//! - [`source`]: a folder or git repository, and which of its files are documentation.
//! - [`format`](mod@format): a file as headings, prose and code.
//! - [`trust`]: what in it is aimed at assistants, unseen or secret, and what becomes of it.
//! - [`snippet`]: passages with an id and a link.
//! - [`artefact`]: snippets and their index, immutable, under their content hash.
//! - [`artefact_store`]: where they live: a folder, or an object store with the folder as its cache.
//! - [`index`]: the index itself and how it is searched.
//! - [`ingest`]: all of that in one call; `reading` is how its pages are read, `known_pages` what is not read again.
//! - [`embedding`]: vectors of snippets, if an operator turned them on.
//! - [`aliases`], [`names`]: which library a name means.
//! - [`versions`]: which version of it.
//! - [`shelf`]: the catalogue and the open indexes that requests read.
//! - [`reader`]: resolve a name, ask a question.
//! - [`pages`]: whole pages, by their path.
//! - [`answer`]: answers as text.

pub mod aliases;
pub mod answer;
pub mod artefact;
pub mod artefact_store;
pub mod embedding;
pub mod format;
pub mod index;
pub mod ingest;
mod known_pages;
pub mod names;
pub mod pages;
pub mod reader;
mod reading;
pub mod shelf;
pub mod snippet;
pub mod source;
pub mod trust;
pub mod versions;

pub use artefact_store::ArtefactStore;
pub use reader::Reader;
pub use shelf::Shelf;

/// Likeness of two names between 0 and 1000.
pub(crate) fn names_alike(a: &str, b: &str) -> u32 {
    // Whole numbers, so that names can be sorted by it.
    let likeness = strsim::jaro_winkler(&a.to_lowercase(), &b.to_lowercase()) * 1000.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    let rounded = likeness.clamp(0.0, 1000.0) as u32;
    rounded
}
