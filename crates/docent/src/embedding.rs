//! The embedding model that an operator configured, if any.

use crate::configuration::Embedding;
use anyhow::{Context as _, bail};
use docent_library::embedding::SharedEmbedder;
use docent_library::embedding::endpoint::Endpoint;
use docent_library::embedding::local::LocalModel;
use docent_library::embedding::model;
use std::sync::Arc;

/// The name under which its vectors are kept, without loading it. `None` if there is no model.
///
/// # Errors
/// In words for the operator: both kinds are configured, or there is no model where the configuration says.
pub fn name(configured: &Embedding) -> anyhow::Result<Option<String>> {
    match (configured.model.as_os_str().is_empty(), configured.endpoint.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => bail!("embedding.model and embedding.endpoint are both set: keep one of them"),
        (true, false) if configured.endpoint_model.is_empty() => {
            bail!("embedding.endpoint needs embedding.endpoint_model, the model's name there")
        }
        (true, false) => Ok(Some(Endpoint::name_of(&configured.endpoint_model))),
        (false, true) => {
            let manifest = model::manifest(&configured.model).context("embedding.model")?;
            if !configured.checksum.is_empty() && !configured.checksum.eq_ignore_ascii_case(&manifest.checksum) {
                bail!(
                    "embedding.checksum is {}, the model in {} has {}",
                    configured.checksum,
                    configured.model.display(),
                    manifest.checksum
                );
            }
            Ok(Some(manifest.checksum))
        }
    }
}

/// Loads it. Blocks for as long as that takes.
///
/// # Errors
/// In words for the operator.
pub fn open(configured: &Embedding) -> anyhow::Result<Option<SharedEmbedder>> {
    if name(configured)?.is_none() {
        return Ok(None);
    }
    if configured.model.as_os_str().is_empty() {
        let key = Some(configured.endpoint_key.clone()).filter(|key| !key.is_empty());
        let endpoint = Endpoint::new(&configured.endpoint, &configured.endpoint_model, key)?;
        return Ok(Some(Arc::new(endpoint)));
    }
    let wanted = Some(configured.checksum.as_str()).filter(|checksum| !checksum.is_empty());
    Ok(Some(Arc::new(LocalModel::open(&configured.model, wanted).context("embedding.model")?)))
}
