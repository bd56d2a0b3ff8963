//! Whether and how what clients publish is fetched.

use super::composition::MAILBOX;
use crate::configuration::Configuration;
use actix::prelude::*;
use anyhow::Context as _;
use docent_authorization_server::client_metadata_document::fetch::TIMEOUT;
use docent_authorization_server::client_metadata_document::network::{SystemResolver, Tls, TlsError};
use docent_authorization_server::client_metadata_document::{Allowed, DocumentSource, Fetcher, MetadataDocuments};
use docent_types::actors::Guardian;
use docent_types::documents::SharedDocuments;
use docent_types::time::SharedClock;
use std::sync::Arc;

/// Starts the actor that fetches documents, on an arbiter of its own. `None` if it is switched off, or this machine knows no
/// certificate authority.
///
/// # Errors
/// The operator's words cannot be followed.
pub(super) fn start(configuration: &Configuration, clock: &SharedClock) -> anyhow::Result<Option<DocumentSource>> {
    let clients = &configuration.clients;
    let allowed = Allowed::parse(clients.metadata_document_hosts_allowed.iter().map(String::as_str))
        .map_err(|wrong| anyhow::anyhow!("clients.metadata_document_hosts_allowed: {wrong}"))?;
    let more = match clients.metadata_document_ca.as_str() {
        "" => None,
        file => Some(std::fs::read(file).with_context(|| format!("clients.metadata_document_ca: cannot read {file}"))?),
    };
    if !clients.metadata_documents {
        return Ok(None);
    }
    let tls = match Tls::new(more.as_deref()) {
        Ok(tls) => tls,
        Err(error @ TlsError::Pem) => return Err(error).context("clients.metadata_document_ca"),
        Err(error) => {
            tracing::warn!(%error, "no certificate authority is known to this machine: client ID metadata documents are off");
            return Ok(None);
        }
    };
    if !clients.metadata_document_hosts_allowed.is_empty() {
        tracing::warn!(
            hosts = clients.metadata_document_hosts_allowed.join(","),
            "documents of clients may be fetched from addresses that are not public"
        );
    }
    let fetcher = Fetcher { resolve: Arc::new(SystemResolver::default()), connect: Arc::new(tls), allowed, timeout: TIMEOUT };
    let published = SharedDocuments::default();
    let (clock, shared) = (clock.clone(), Arc::clone(&published));
    let actor = Guardian::start_in("metadata documents", MAILBOX, &Arbiter::new().handle(), move || {
        MetadataDocuments::new(fetcher.clone(), Arc::clone(&shared), clock.clone()).start()
    });
    Ok(Some(DocumentSource { published, client: actor.clone().recipient(), keys: actor.recipient() }))
}
