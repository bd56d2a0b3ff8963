//! Registered clients, and the data of dynamic registration (RFC 7591).

use crate::ids::ClientId;
use crate::redirect_uri::{self, RedirectKind};
use crate::secret::SecretHash;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How a client proves itself at the token endpoint (AS10).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
pub enum AuthMethod {
    /// Not at all: a public client, held by PKCE.
    #[serde(rename = "none")]
    None,
    /// HTTP Basic.
    #[serde(rename = "client_secret_basic")]
    ClientSecretBasic,
    /// In the form.
    #[serde(rename = "client_secret_post")]
    ClientSecretPost,
    /// A signed assertion (RFC 7523).
    #[serde(rename = "private_key_jwt")]
    PrivateKeyJwt,
}

impl AuthMethod {
    /// As on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// From the wire.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        [Self::None, Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt]
            .into_iter()
            .find(|method| method.as_str() == value)
    }
}

/// Where a client's registration came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ClientOrigin {
    /// By dynamic registration.
    Dynamic,
    /// By an operator.
    Operator,
    /// From a client ID metadata document.
    MetadataDocument,
}

impl ClientOrigin {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dynamic => "dynamic",
            Self::Operator => "operator",
            Self::MetadataDocument => "metadata_document",
        }
    }

    /// From storage.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        [Self::Dynamic, Self::Operator, Self::MetadataDocument].into_iter().find(|origin| origin.as_str() == value)
    }
}

/// A registered client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Client {
    /// Its id. For a public client derived from its metadata, so that the same metadata is the same client.
    pub id: ClientId,
    /// Its name, as it claims.
    pub name: String,
    /// Where it may send people back to, as registered.
    pub redirect_uris: Vec<String>,
    /// What it may use at the token endpoint, for example `authorization_code`.
    pub grant_types: Vec<String>,
    /// How it proves itself.
    pub auth_method: AuthMethod,
    /// The hash of its secret; `None` for a public client.
    pub secret_hash: Option<SecretHash>,
    /// The scopes it registered, as it wrote them; `None` if it wrote none.
    pub scope: Option<String>,
    /// Its home page, as it claims. Shown as text, never loaded.
    pub client_uri: Option<String>,
    /// RFC 7591 `software_id`.
    pub software_id: Option<String>,
    /// RFC 7591 `software_version`.
    pub software_version: Option<String>,
    /// `web` or `native`, if it said so.
    pub application_type: Option<String>,
    /// Its keys for `private_key_jwt`, as registered.
    pub jwks: Option<serde_json::Value>,
    /// Where its keys for `private_key_jwt` are, if they were not registered themselves.
    pub jwks_uri: Option<String>,
    /// Where the registration came from.
    pub origin: ClientOrigin,
    /// When it was registered first.
    pub created_at: Timestamp,
    /// When a grant was last given or used through it; `None` if never.
    pub last_used_at: Option<Timestamp>,
    /// Blocked by an administrator.
    pub disabled: bool,
}

impl Client {
    /// A public client of a person's assistant with nothing but what it must have, registered at `now`.
    #[must_use]
    pub fn public(id: &str, redirect_uris: &[&str], now: Timestamp) -> Self {
        Self {
            id: ClientId(id.to_owned()),
            name: "An assistant".to_owned(),
            redirect_uris: redirect_uris.iter().map(|&uri| uri.to_owned()).collect(),
            grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
            auth_method: AuthMethod::None,
            secret_hash: None,
            scope: None,
            client_uri: None,
            software_id: None,
            software_version: None,
            application_type: None,
            jwks: None,
            jwks_uri: None,
            origin: ClientOrigin::Dynamic,
            created_at: now,
            last_used_at: None,
            disabled: false,
        }
    }

    /// Whether it can keep no secret: all its redirect URIs lead to a program on somebody's machine.
    #[must_use]
    pub fn is_native(&self) -> bool {
        !self.redirect_uris.is_empty()
            && self
                .redirect_uris
                .iter()
                .all(|uri| matches!(redirect_uri::check(uri), Ok(RedirectKind::Loopback | RedirectKind::PrivateUse)))
    }

    /// Whether it may use `grant_type`.
    #[must_use]
    pub fn may_use(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|one| one == grant_type)
    }
}
