//! The keys by which a client's assertion is verified (AS10): registered, or published by the client.

use super::client_assertion::Assertion;
use crate::answer::Refused;
use crate::client_metadata_document::{DocumentSource, is_document};
use crate::server::AuthorizationServer;
use docent_types::documents::DocumentError;
use docent_types::oauth::{Error, ErrorCode};
use docent_types::registration::Client;
use docent_types::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Published keys are read again for an assertion that none of them verifies, unless they were read within this time.
const AGAIN: Duration = Duration::from_secs(30);

/// A document that cannot be read now may be read soon: the client shall try again, not forget who it is.
fn unread(what: &str, error: &DocumentError) -> Refused {
    match error {
        DocumentError::TooOften(seconds) => Refused::slow_down(*seconds),
        _ if error.is_passing() => {
            let busy = Error::new(ErrorCode::TemporarilyUnavailable, format!("The {what} of this client {error}."));
            Error { retry_after: Some(5), ..busy }.into()
        }
        _ => Refused::new(ErrorCode::InvalidClient, format!("The {what} of this client {error}.")),
    }
}

/// The client as far as its keys go: a metadata document is asked, since keys change there.
async fn with_keys(
    server: &AuthorizationServer,
    documents: Option<&DocumentSource>,
    client: &Client,
    from: Option<String>,
) -> Result<Arc<Client>, Refused> {
    match documents.filter(|_| is_document(&client.id)) {
        Some(documents) => server.document_client(documents, &client.id, from).await.map_err(|error| unread("metadata document", &error)),
        None => Ok(Arc::new(client.clone())),
    }
}

/// Whether a key of the client verifies the assertion.
///
/// # Errors
/// [`Refused`] when it does not, or the keys cannot be read.
pub async fn verify(server: &AuthorizationServer, client: &Client, assertion: &Assertion<'_>, from: Option<String>) -> Result<(), Refused> {
    let refused = |words: &str| Refused::new(ErrorCode::InvalidClient, words);
    let documents = server.documents.as_ref();
    let client = with_keys(server, documents, client, from.clone()).await?;
    let unverified = || refused("No key of this client verifies client_assertion: look at its kid, alg and signature.");
    let jwks_uri = match (&client.jwks, &client.jwks_uri) {
        (Some(keys), _) => return if assertion.is_signed_by(keys) { Ok(()) } else { Err(unverified()) },
        (None, None) => return Err(refused("This client has published no keys.")),
        (None, Some(jwks_uri)) => jwks_uri,
    };
    let Some(documents) = documents else { return Err(refused("This server fetches no keys: register jwks instead of jwks_uri.")) };
    let read = |since| server.document_keys(documents, jwks_uri, since, from.clone());
    let (keys, at) = read(Timestamp(i64::MIN)).await.map_err(|error| unread("jwks_uri", &error))?;
    if assertion.is_signed_by(&keys) {
        return Ok(());
    }
    let since = server.now().before(AGAIN);
    if at >= since {
        return Err(unverified());
    }
    let (keys, _) = read(since).await.map_err(|error| unread("jwks_uri", &error))?;
    if assertion.is_signed_by(&keys) { Ok(()) } else { Err(unverified()) }
}
