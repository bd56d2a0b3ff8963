//! What is read at an address that a client names: its metadata document (AS12) and its keys (AS10).

use crate::actors::Unavailable;
use crate::registration::Client;
use crate::time::Timestamp;
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;

/// Why a document was not read, or is not used. The words follow "it" and are for the person or the client's developer: they tell
/// nothing about the network that this server stands in.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DocumentError {
    /// The URL is not one that may be asked.
    #[error("must stand at an https URL with a path, in its normal form, without user name, fragment, or dot segments")]
    Url,
    /// The name cannot be resolved.
    #[error("could not be fetched: its host is not known")]
    Host,
    /// No address of the host may be asked.
    #[error("may not be fetched: its host has no address on the public internet")]
    Address,
    /// No connection, no TLS, or no HTTP on it.
    #[error("could not be fetched: there was no connection, or it is not secure")]
    Connection,
    /// Too slow.
    #[error("could not be fetched: it did not come within 5 seconds")]
    Time,
    /// Redirects are not followed.
    #[error("could not be fetched: its address redirects, and redirects are not followed")]
    Redirect,
    /// Another status than 200.
    #[error("could not be fetched: its address answers with status {0}")]
    Status(u16),
    /// Compressed, though that was not asked for.
    #[error("comes compressed, and it was asked for as it is")]
    Encoding,
    /// Too long.
    #[error("is longer than {0} bytes")]
    Size(usize),
    /// Its `Content-Type` is not JSON.
    #[error("is not JSON: its Content-Type must be application/json")]
    MediaType,
    /// It is not a JSON object.
    #[error("is not a JSON object")]
    Json,
    /// Its `client_id` is another.
    #[error("does not name its own address as client_id")]
    ClientId,
    /// A field is not as it must be; which, and why.
    #[error("cannot be used: {0}")]
    Metadata(String),
    /// Asked too often; when to come back.
    #[error("was asked for too often; try again in {0} s")]
    TooOften(u32),
    /// Not answered.
    #[error("could not be fetched: {0}")]
    Unavailable(#[from] Unavailable),
}

impl DocumentError {
    /// Whether the next attempt may well succeed though nobody changes anything.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Host | Self::Connection | Self::Time | Self::TooOften(_) | Self::Unavailable(_) | Self::Status(500..=599 | 429)
        )
    }
}

/// Something that was read, and until when it counts.
#[derive(Clone, Debug)]
pub struct Read<T> {
    /// What.
    pub document: Arc<T>,
    /// When.
    pub at: Timestamp,
    /// Until when it need not be read again.
    pub fresh_until: Timestamp,
}

/// What was read and counts still, by URL.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// Client ID metadata documents.
    pub clients: HashMap<String, Read<Client>>,
    /// Key sets (RFC 7517).
    pub keys: HashMap<String, Read<serde_json::Value>>,
    /// Whether this server stands where the makers' documents cannot be reached.
    pub is_cut_off: bool,
}

/// The published snapshot of documents. Written by `MetadataDocuments`.
pub type SharedDocuments = Arc<ArcSwap<Documents>>;
