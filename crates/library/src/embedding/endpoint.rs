//! A model behind an HTTP interface as OpenAI's `POST /embeddings` (Ollama, vLLM, Text Embeddings Inference and others).

use super::{Embedder, EmbeddingError};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fmt;
use std::time::Duration;
use url::Url;

/// An endpoint that does not answer within this is given up.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Texts of one request.
const AT_ONCE: usize = 32;
/// Of a text this many characters are sent: servers refuse what their model cannot read.
const MAX_CHARACTERS: usize = 1_800;

/// The endpoint.
pub struct Endpoint {
    url: Url,
    model: String,
    key: Option<String>,
    name: String,
    client: reqwest::blocking::Client,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("url", &shown(&self.url)).field("model", &self.model).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Item {
    index: Option<usize>,
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct Reply {
    data: Vec<Item>,
}

fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

impl Endpoint {
    /// `base` is the interface's base (`http://localhost:11434/v1`) or its `…/embeddings` itself.
    ///
    /// # Errors
    /// [`EmbeddingError::Endpoint`] if it is no http URL.
    pub fn new(base: &str, model: &str, key: Option<String>) -> Result<Self, EmbeddingError> {
        let failed = |reason: String| EmbeddingError::Endpoint { url: crate::source::shown(base), reason };
        let mut url = Url::parse(base.trim()).map_err(|error| failed(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(failed("it must begin with http:// or https://".to_owned()));
        }
        if !url.path().trim_end_matches('/').ends_with("/embeddings") {
            let path = format!("{}/embeddings", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        let client = reqwest::blocking::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { name: Self::name_of(model), url, model: model.to_owned(), key, client })
    }

    /// The name of a model behind an endpoint, wherever that is: nodes may reach it by different URLs.
    #[must_use]
    pub fn name_of(model: &str) -> String {
        crate::snippet::identity::hex(&Sha256::digest(format!("endpoint\n{model}\n{MAX_CHARACTERS}")))
    }

    fn failed(&self, reason: String) -> EmbeddingError {
        EmbeddingError::Endpoint { url: shown(&self.url), reason }
    }

    fn ask(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbeddingError> {
        let input: Vec<String> = texts.iter().map(|text| text.chars().take(MAX_CHARACTERS).collect()).collect();
        let mut request = self.client.post(self.url.clone()).json(&serde_json::json!({"model": self.model, "input": input}));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let response = request.send().map_err(|error| self.failed(error.without_url().to_string()))?;
        let status = response.status();
        if !status.is_success() {
            let said: String = response.text().unwrap_or_default().chars().take(200).collect();
            return Err(self.failed(format!("it answers {status}: {said}")));
        }
        let reply: Reply = response.json().map_err(|error| self.failed(error.without_url().to_string()))?;
        let mut vectors = vec![Vec::new(); texts.len()];
        for (at, item) in reply.data.into_iter().enumerate() {
            let slot =
                vectors.get_mut(item.index.unwrap_or(at)).ok_or_else(|| self.failed("it gave more vectors than texts".to_owned()))?;
            *slot = item.embedding;
            super::to_unit_length(slot);
        }
        let width = vectors.first().map_or(0, Vec::len);
        if width == 0 || vectors.iter().any(|vector| vector.len() != width || vector.iter().any(|value| !value.is_finite())) {
            return Err(self.failed("it did not give a vector for each text".to_owned()));
        }
        Ok(vectors)
    }
}

impl Embedder for Endpoint {
    fn name(&self) -> &str {
        &self.name
    }

    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbeddingError> {
        let mut out = Vec::with_capacity(texts.len());
        for part in texts.chunks(AT_ONCE) {
            out.extend(self.ask(part)?);
        }
        Ok(out)
    }
}
