//! A model's folder: weights, tokenizer, and `model.json` that says what they are.

use super::bert::BertConfig;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The description within a model's folder.
pub const MANIFEST: &str = "model.json";
/// The tokenizer's file within a model's folder.
pub const TOKENIZER: &str = "tokenizer.json";
/// Sentences are cut after so many tokens where nobody says how many the model was trained for.
pub const DEFAULT_TOKENS: usize = 256;

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The path has nothing that is a model.
    #[error("{0}")]
    NotAModel(String),
    /// The weights are not what the program can run.
    #[error("the model cannot be run: {0}")]
    Shape(String),
    /// The tokenizer.
    #[error("its tokenizer cannot be read: {0}")]
    Tokenizer(String),
    /// It is not the one that the configuration names.
    #[error("the model in {folder} has the checksum {found}, the configuration names {wanted}")]
    Checksum {
        /// Where it is.
        folder: PathBuf,
        /// What it has.
        found: String,
        /// What it must have.
        wanted: String,
    },
    /// The disk.
    #[error("{path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
}

/// How the vectors of tokens become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// The first one, `[CLS]`.
    FirstToken,
}

/// What the weights are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// BERT in a safetensors file; `config.json` stands beside it.
    Safetensors,
    /// A graph.
    Onnx,
}

impl Weights {
    /// The file within the folder.
    #[must_use]
    pub const fn file(&self) -> &'static str {
        match self {
            Self::Safetensors => "model.safetensors",
            Self::Onnx => "model.onnx",
        }
    }
}

/// `model.json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// What it was installed from, for people.
    pub name: String,
    /// What the weights are.
    pub weights: Weights,
    /// How the vectors of tokens become one.
    pub pooling: Pooling,
    /// Longer texts are cut after so many tokens.
    pub max_tokens: usize,
    /// The length of its vectors.
    pub dimensions: usize,
    /// SHA-256 of weights, tokenizer and configuration, in that order, each with its length before it: 64 hexadecimal digits.
    pub checksum: String,
}

pub(super) fn io(path: &Path) -> impl Fn(std::io::Error) -> ModelError + '_ {
    move |error| ModelError::Io { path: path.to_owned(), error }
}

/// The checksum of a model's folder.
///
/// # Errors
/// [`ModelError::Io`]
pub fn checksum(folder: &Path, weights: &Weights) -> Result<String, ModelError> {
    let mut digest = Sha256::new();
    for file in [weights.file(), TOKENIZER, "config.json"] {
        let path = folder.join(file);
        if file == "config.json" && !path.exists() {
            continue;
        }
        let mut open = File::open(&path).map_err(io(&path))?;
        digest.update(open.metadata().map_err(io(&path))?.len().to_le_bytes());
        let mut buffer = vec![0_u8; 1 << 16];
        loop {
            let read = open.read(&mut buffer).map_err(io(&path))?;
            if read == 0 {
                break;
            }
            digest.update(&buffer[..read]);
        }
    }
    Ok(crate::snippet::identity::hex(&digest.finalize()))
}

/// Reads `model.json`.
///
/// # Errors
/// [`ModelError::NotAModel`] if the folder has none that can be read.
pub fn manifest(folder: &Path) -> Result<Manifest, ModelError> {
    let path = folder.join(MANIFEST);
    let bytes = std::fs::read(&path).map_err(|_| {
        ModelError::NotAModel(format!("{} is not the folder of an installed model: docent model install makes one", folder.display()))
    })?;
    serde_json::from_slice(&bytes).map_err(|error| ModelError::NotAModel(format!("{}: {error}", path.display())))
}

/// Reads `config.json` of a BERT model.
///
/// # Errors
/// [`ModelError::Shape`] if it is that of another kind.
pub fn bert_config(bytes: &[u8]) -> Result<BertConfig, ModelError> {
    let config: BertConfig = serde_json::from_slice(bytes).map_err(|error| ModelError::Shape(format!("config.json: {error}")))?;
    if !matches!(config.model_type.as_str(), "bert" | "") {
        return Err(ModelError::Shape(format!(
            "config.json says {}; of safetensors files, those of BERT are run. Export it to ONNX, or serve it by an embeddings endpoint",
            config.model_type
        )));
    }
    Ok(config)
}
