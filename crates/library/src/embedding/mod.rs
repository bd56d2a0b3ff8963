//! Dense vectors: what a passage means, beside the words it has. An option that an operator turns on.
//!
//! A model is either a transformer that runs in this process ([`local`]: weights in a safetensors file by [`bert`], any
//! other graph by [`onnx`]) or an endpoint that speaks the OpenAI embeddings interface ([`endpoint`]). [`model`] says what a
//! model's folder holds, [`install`] puts one there, [`making`] makes the vectors of a library's snippets, [`vectors`] is their file.

mod bert;
pub mod endpoint;
pub mod install;
pub mod local;
pub mod making;
mod matrix;
pub mod model;
mod onnx;
pub mod vectors;

pub use vectors::Vectors;

use crate::snippet::without_targets;
use docent_types::documentation::{Block, Snippet};
use std::fmt;
use std::sync::Arc;

/// Makes vectors. Calls block for as long as the model computes.
pub trait Embedder: Send + Sync + fmt::Debug {
    /// Names the model and what it is fed; vectors of another name are never compared with its own. 64 hexadecimal digits.
    fn name(&self) -> &str;

    /// A vector of length 1 for each text, all equally long.
    ///
    /// # Errors
    /// [`EmbeddingError`] in words.
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbeddingError>;
}

/// The model that this process has, if any.
pub type SharedEmbedder = Arc<dyn Embedder>;

/// Why there are no vectors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmbeddingError {
    /// The model itself.
    #[error("the embedding model failed: {0}")]
    Model(String),
    /// An endpoint does not answer, or not as it should.
    #[error("the embeddings endpoint {url}: {reason}")]
    Endpoint {
        /// Its URL, without credentials.
        url: String,
        /// In words.
        reason: String,
    },
}

/// What is embedded of a snippet: what stands above it, then prose and code in their order.
#[must_use]
pub fn text_of(snippet: &Snippet) -> String {
    let mut out = snippet.page_title.clone();
    for heading in &snippet.headings {
        out.push_str(" > ");
        out.push_str(heading);
    }
    for block in &snippet.blocks {
        out.push('\n');
        match block {
            // Where a link leads says nothing of what the passage means.
            Block::Prose(text) => out.push_str(&without_targets(text)),
            Block::Code(code) => out.push_str(&code.code),
        }
    }
    out
}

/// Scales a vector to length 1; one of zeros stays.
pub(crate) fn to_unit_length(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 1e-12 {
        for value in vector {
            *value /= length;
        }
    }
}
