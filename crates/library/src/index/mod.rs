//! The index of one library version: one document a snippet, searched by words and, where there are vectors, by meaning.

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
    /// Its snippets are not numbered from 0 on, each once.
    #[error("snippets are missing")]
    Incomplete,
    /// A field is missing.
    #[error("it was written with other fields")]
    Schema,
}

/// Memory for building, of all threads together.
const BUILD_MEMORY: usize = 128 * 1024 * 1024;
/// More threads than this would leave too little of it to each.
const MOST_THREADS: usize = 4;
/// Each word of a question is looked up in every segment.
const MOST_SEGMENTS: usize = 8;

/// Writes an index, one snippet after the other.
pub struct IndexWriter {
    index: Index,
    writer: tantivy::IndexWriter,
    fields: Fields,
    page: u64,
    path: Option<String>,
    ordinal: u64,
}

impl std::fmt::Debug for IndexWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexWriter").field("snippets", &self.ordinal).finish_non_exhaustive()
    }
}

impl IndexWriter {
    /// Begins in an empty folder.
    ///
    /// # Errors
    /// [`IndexError`] when a file cannot be written.
    pub fn new(folder: &Path) -> Result<Self, IndexError> {
        let (schema, fields) = schema::schema();
        let settings = IndexSettings {
            docstore_compression: tantivy::store::Compressor::Lz4,
            docstore_compress_dedicated_thread: true,
            ..IndexSettings::default()
        };
        let index = Index::builder().schema(schema).settings(settings).create_in_dir(folder)?;
        tokenize::register(&index);
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let writer = index.writer_with_num_threads::<TantivyDocument>(threads, BUILD_MEMORY)?;
        writer.set_merge_policy(Box::new(tantivy::merge_policy::NoMergePolicy));
        Ok(Self { index, writer, fields, page: 0, path: None, ordinal: 0 })
    }

    /// The next snippet, and itself as JSON.
    ///
    /// # Errors
    /// [`IndexError`] when a file cannot be written.
    pub fn add(&mut self, snippet: &Snippet, json: &str) -> Result<(), IndexError> {
        if self.path.as_ref() != Some(&snippet.path) {
            self.page += u64::from(self.path.is_some());
            self.path = Some(snippet.path.clone());
        }
        self.writer.add_document(document(&self.fields, snippet, json, self.page, self.ordinal))?;
        self.ordinal += 1;
        Ok(())
    }

    /// Writes what is left, as few segments.
    ///
    /// # Errors
    /// [`IndexError`] when a file cannot be written.
    pub fn finish(mut self) -> Result<(), IndexError> {
        self.writer.commit()?;
        let segments = self.index.searchable_segment_ids()?;
        if segments.len() > MOST_SEGMENTS {
            let merges: Vec<_> = segments.chunks(segments.len().div_ceil(MOST_SEGMENTS)).map(|some| self.writer.merge(some)).collect();
            for merge in merges {
                merge.wait()?;
            }
            self.writer.garbage_collect_files().wait()?;
        }
        self.writer.wait_merging_threads()?;
        Ok(())
    }
}

fn document(fields: &Fields, snippet: &Snippet, json: &str, page: u64, ordinal: u64) -> TantivyDocument {
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
    document.add_text(fields.snippet, json);
    document
}
