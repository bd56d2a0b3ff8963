//! A model that runs in this process.

use super::bert::Bert;
use super::model::{self, Manifest, ModelError, TOKENIZER, Weights};
use super::onnx::Graph;
use super::{Embedder, EmbeddingError};
use std::fmt;
use std::path::Path;
use tokenizers::{Tokenizer, TruncationParams};

/// Of a text this many bytes are read: more than any model's tokens.
const MAX_TEXT: usize = 16 * 1024;

enum Engine {
    Bert(Box<Bert>),
    Graph(Box<Graph>),
}

/// A transformer with its tokenizer.
pub struct LocalModel {
    engine: Engine,
    tokenizer: Tokenizer,
    manifest: Manifest,
}

impl fmt::Debug for LocalModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalModel").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

impl LocalModel {
    /// Opens an installed model. With a checksum, only if it has that one.
    ///
    /// # Errors
    /// [`ModelError`]
    pub fn open(folder: &Path, wanted: Option<&str>) -> Result<Self, ModelError> {
        let manifest = model::manifest(folder)?;
        let found = model::checksum(folder, &manifest.weights)?;
        for wanted in wanted.into_iter().chain([manifest.checksum.as_str()]) {
            if !wanted.eq_ignore_ascii_case(&found) {
                return Err(ModelError::Checksum { folder: folder.to_owned(), found, wanted: wanted.to_owned() });
            }
        }
        Self::load(folder, manifest)
    }

    /// Loads what a manifest describes, without looking at checksums. The manifest's dimensions become those that are seen.
    ///
    /// # Errors
    /// [`ModelError`]
    pub(super) fn load(folder: &Path, mut manifest: Manifest) -> Result<Self, ModelError> {
        let path = folder.join(manifest.weights.file());
        let engine = match manifest.weights {
            Weights::Safetensors => {
                let config = folder.join("config.json");
                let config = model::bert_config(&std::fs::read(&config).map_err(model::io(&config))?)?;
                let bytes = std::fs::read(&path).map_err(model::io(&path))?;
                let bert = Bert::new(&bytes, &config, manifest.pooling)?;
                manifest.max_tokens = manifest.max_tokens.min(bert.longest());
                Engine::Bert(Box::new(bert))
            }
            Weights::Onnx => Engine::Graph(Box::new(Graph::load(&path, manifest.pooling)?)),
        };
        let path = folder.join(TOKENIZER);
        let mut tokenizer = Tokenizer::from_file(&path).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        let truncation = TruncationParams { max_length: manifest.max_tokens.max(8), ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        tokenizer.with_padding(None);
        let mut loaded = Self { engine, tokenizer, manifest };
        let tried = loaded.embed(&["a word".to_owned()]).map_err(|error| ModelError::Shape(error.to_string()))?;
        loaded.manifest.dimensions = tried.first().map_or(0, Vec::len);
        if loaded.manifest.dimensions == 0 || tried.iter().flatten().any(|value| !value.is_finite()) {
            return Err(ModelError::Shape("what it gives are no vectors".to_owned()));
        }
        Ok(loaded)
    }

    /// What it is.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

impl Embedder for LocalModel {
    #[expect(clippy::misnamed_getters, reason = "the name of its vectors is the checksum; the manifest's name is for people")]
    fn name(&self) -> &str {
        &self.manifest.checksum
    }

    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbeddingError> {
        let failed = |error: &dyn fmt::Display| EmbeddingError::Model(error.to_string());
        let texts: Vec<&str> = texts.iter().map(|text| text.get(..floor(text, MAX_TEXT)).unwrap_or(text)).collect();
        let encodings = self.tokenizer.encode_batch(texts, true).map_err(|error| failed(&error))?;
        // Sentences of a like length go together.
        let mut order: Vec<usize> = (0..encodings.len()).collect();
        order.sort_by_key(|at| encodings[*at].len());
        let sentences: Vec<&[u32]> = order.iter().map(|at| encodings[*at].get_ids()).collect();
        let encoded = match &self.engine {
            Engine::Bert(bert) => bert.encode(&sentences).map_err(|error| failed(&error))?,
            Engine::Graph(graph) => graph.encode(&sentences).map_err(|error| failed(&error))?,
        };
        let mut out = vec![Vec::new(); encodings.len()];
        for (at, vector) in order.into_iter().zip(encoded) {
            out[at] = vector;
        }
        Ok(out)
    }
}

fn floor(text: &str, most: usize) -> usize {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}
