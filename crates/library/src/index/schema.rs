//! The fields of an index.

use super::tokenize::{IDENTIFIERS, WORDS};
use tantivy::schema::{FAST, Field, IndexRecordOption, STORED, Schema, SchemaBuilder, TextFieldIndexing, TextOptions};

/// The fields by name.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    /// The page's title.
    pub title: Field,
    /// The headings above.
    pub headings: Field,
    /// The page's path.
    pub path: Field,
    /// Prose.
    pub prose: Field,
    /// Code.
    pub code: Field,
    /// Compound names as they are written, from all of these.
    pub identifiers: Field,
    /// Number of the page within the library.
    pub page: Field,
    /// Number of the snippet within the library: the index orders its documents as it likes.
    pub ordinal: Field,
    /// What the page is for, as a number.
    pub role: Field,
    /// The whole snippet as JSON; kept, not searched.
    pub snippet: Field,
}

fn words(builder: &mut SchemaBuilder, name: &str, tokenizer: &str) -> Field {
    let indexing =
        TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(IndexRecordOption::WithFreqs).set_fieldnorms(true);
    builder.add_text_field(name, TextOptions::default().set_indexing_options(indexing))
}

/// The schema and its fields.
#[must_use]
pub fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let fields = Fields {
        title: words(&mut builder, "title", WORDS),
        headings: words(&mut builder, "headings", WORDS),
        path: words(&mut builder, "path", WORDS),
        prose: words(&mut builder, "prose", WORDS),
        code: words(&mut builder, "code", WORDS),
        identifiers: words(&mut builder, "identifiers", IDENTIFIERS),
        page: builder.add_u64_field("page", FAST),
        ordinal: builder.add_u64_field("ordinal", FAST),
        role: builder.add_u64_field("role", FAST),
        snippet: builder.add_text_field("snippet", STORED),
    };
    (builder.build(), fields)
}

/// The fields of an index that was opened.
#[must_use]
pub fn fields(schema: &Schema) -> Option<Fields> {
    let field = |name: &str| schema.get_field(name).ok();
    Some(Fields {
        title: field("title")?,
        headings: field("headings")?,
        path: field("path")?,
        prose: field("prose")?,
        code: field("code")?,
        identifiers: field("identifiers")?,
        page: field("page")?,
        ordinal: field("ordinal")?,
        role: field("role")?,
        snippet: field("snippet")?,
    })
}
