//! The index of one library version: one document a snippet, one segment, searched by words and, where there are vectors, by meaning.

pub mod ingredients;
pub mod role;
pub mod schema;
pub mod search;
pub mod tokenize;

pub use ingredients::Ingredients;
pub use search::OpenIndex;

use crate::snippet::without_targets;
use docent_types::documentation::Snippet;
use schema::Fields;
use std::path::Path;
use tantivy::{Index, IndexSettings, TantivyDocument};

/// The index could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The search library's own error.
    #[error("{0}")]
    Tantivy(#[from] tantivy::TantivyError),
    /// A file.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A snippet could not be written or read.
    #[error("{0}")]
    Snippet(#[from] serde_json::Error),
    /// It was written by another version or is not an index.
    #[error("it has {0} segments instead of one")]
    Segments(usize),
    /// A field is missing.
    #[error("it was written with other fields")]
    Schema,
}

/// Memory for building: snippets are small, a library is at most some hundred thousand of them.
const BUILD_MEMORY: usize = 96 * 1024 * 1024;

/// Writes the index of some snippets into an empty folder.
///
/// # Errors
/// [`IndexError`] when a file cannot be written.
pub fn write(folder: &Path, snippets: &[Snippet]) -> Result<(), IndexError> {
    let (schema, fields) = schema::schema();
    let settings = IndexSettings {
        docstore_compression: tantivy::store::Compressor::Lz4,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    };
    let index = Index::builder().schema(schema).settings(settings).create_in_dir(folder)?;
    tokenize::register(&index);
    let mut writer = index.writer_with_num_threads::<TantivyDocument>(1, BUILD_MEMORY)?;
    writer.set_merge_policy(Box::new(tantivy::merge_policy::NoMergePolicy));
    let mut page = 0_u64;
    let mut path: Option<&str> = None;
    for (ordinal, snippet) in (0_u64..).zip(snippets) {
        if path.is_some_and(|before| before != snippet.path) {
            page += 1;
        }
        path = Some(&snippet.path);
        writer.add_document(document(&fields, snippet, page, ordinal)?)?;
    }
    writer.commit()?;
    let segments = index.searchable_segment_ids()?;
    if segments.len() > 1 {
        writer.merge(&segments).wait()?;
        writer.garbage_collect_files().wait()?;
    }
    writer.wait_merging_threads()?;
    Ok(())
}

fn document(fields: &Fields, snippet: &Snippet, page: u64, ordinal: u64) -> Result<TantivyDocument, serde_json::Error> {
    use docent_types::documentation::Block;
    let mut document = TantivyDocument::default();
    document.add_text(fields.title, &snippet.page_title);
    let headings = snippet.headings.join("\n");
    document.add_text(fields.headings, &headings);
    document.add_text(fields.path, &snippet.path);
    document.add_text(fields.identifiers, format!("{}\n{headings}", snippet.page_title));
    for block in &snippet.blocks {
        match block {
            Block::Prose(text) => {
                let text = without_targets(text);
                document.add_text(fields.prose, &text);
                document.add_text(fields.identifiers, &text);
            }
            Block::Code(code) => {
                document.add_text(fields.code, &code.code);
                document.add_text(fields.identifiers, &code.code);
                if let Some(name) = &code.file_name {
                    document.add_text(fields.prose, name);
                }
            }
        }
    }
    document.add_u64(fields.page, page);
    document.add_u64(fields.ordinal, ordinal);
    document.add_u64(fields.role, role::Role::of(&snippet.path).number());
    document.add_text(fields.snippet, serde_json::to_string(snippet)?);
    Ok(document)
}
