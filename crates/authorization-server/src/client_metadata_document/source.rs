//! How the endpoints come by what a client publishes: from the snapshot, else from the actor.

use crate::server::AuthorizationServer;
use crate::settings::DynamicRegistration;
use actix::Recipient;
use docent_types::actors::ask;
use docent_types::documents::{DocumentError, SharedDocuments};
use docent_types::ids::ClientId;
use docent_types::messages::{CheckLimit, Limit, ReadClientDocument, ReadClientKeys};
use docent_types::registration::Client;
use docent_types::time::Timestamp;
use serde_json::Value;
use std::sync::Arc;

/// Where documents come from.
#[derive(Clone)]
pub struct DocumentSource {
    /// What was read and counts still.
    pub published: SharedDocuments,
    /// `MetadataDocuments`.
    pub client: Recipient<ReadClientDocument>,
    /// `MetadataDocuments`.
    pub keys: Recipient<ReadClientKeys>,
}

impl AuthorizationServer {
    /// Whether clients are asked to register because their documents cannot be reached.
    #[must_use]
    pub fn asks_to_register_instead(&self) -> bool {
        let is_cut_off = self.documents.as_ref().is_some_and(|documents| documents.published.load().is_cut_off);
        is_cut_off && self.settings.dynamic_registration == DynamicRegistration::Open
    }

    /// Whoever makes this server fetch is limited: by the address that the request comes from.
    async fn may_fetch(&self, from: Option<String>) -> Result<(), DocumentError> {
        let Some(key) = from else { return Ok(()) };
        let seconds = ask(&self.asks.check_limit, CheckLimit { limit: Limit::MetadataDocument, key }).await?;
        seconds.map_or(Ok(()), |seconds| Err(DocumentError::TooOften(seconds)))
    }

    /// The client that a document describes.
    ///
    /// # Errors
    /// Why it is not used.
    pub async fn document_client(
        &self,
        documents: &DocumentSource,
        id: &ClientId,
        from: Option<String>,
    ) -> Result<Arc<Client>, DocumentError> {
        let now = self.now();
        let known = documents.published.load().clients.get(id.as_str()).filter(|read| read.fresh_until > now).cloned();
        if let Some(read) = known {
            return Ok(read.document);
        }
        super::Target::parse(id.as_str())?;
        self.may_fetch(from).await?;
        Ok(ask(&documents.client, ReadClientDocument { client_id: id.clone() }).await?.document)
    }

    /// The keys at `jwks_uri`, read not before `since`.
    ///
    /// # Errors
    /// Why they are not used.
    pub async fn document_keys(
        &self,
        documents: &DocumentSource,
        jwks_uri: &str,
        since: Timestamp,
        from: Option<String>,
    ) -> Result<(Arc<Value>, Timestamp), DocumentError> {
        let now = self.now();
        let known = documents.published.load().keys.get(jwks_uri).filter(|read| read.fresh_until > now && read.at >= since).cloned();
        if let Some(read) = known {
            return Ok((read.document, read.at));
        }
        super::Target::parse(jwks_uri)?;
        self.may_fetch(from).await?;
        let read = ask(&documents.keys, ReadClientKeys { jwks_uri: jwks_uri.to_owned(), since }).await?;
        Ok((read.document, read.at))
    }
}
