//! The claims of an access token (RFC 9068, AS16).

use crate::ids::{ClientId, GrantId, ProjectId, UserId};
use crate::scope::ScopeSet;
use serde::{Deserialize, Serialize};

/// The `typ` of an access token's header (RFC 9068 2.1).
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// An access token's claims. Times are whole seconds since the epoch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// The issuer, one string everywhere.
    pub iss: String,
    /// The person.
    pub sub: UserId,
    /// The MCP resource.
    pub aud: String,
    /// Not valid from this second on.
    pub exp: i64,
    /// Issued at.
    pub iat: i64,
    /// Not valid before.
    pub nbf: i64,
    /// The token's own id.
    pub jti: String,
    /// The client it was issued to.
    pub client_id: ClientId,
    /// What it allows.
    pub scope: ScopeSet,
    /// The project that the client acts for.
    pub project: ProjectId,
    /// The grant that revocation names.
    pub grant_id: GrantId,
}
