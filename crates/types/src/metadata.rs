//! Metadata documents: what a client reads to find its way.

use serde::{Deserialize, Serialize};

/// Where this deployment is reached, as its clients see it. An issuer is one string, byte for byte the same everywhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicUrls {
    /// The issuer: an origin with an optional path, without a trailing slash.
    pub issuer: String,
    /// The MCP endpoint, for example `https://docs.example.com/mcp`, without a trailing slash.
    pub resource: String,
}

impl PublicUrls {
    /// The URL of the protected resource metadata in its path form (RFC 9728 3.1): what a challenge names.
    #[must_use]
    pub fn resource_metadata(&self) -> String {
        let (origin, path) = split_origin(&self.resource);
        format!("{origin}/.well-known/oauth-protected-resource{path}")
    }

    /// The resource's origin: scheme, host and port.
    #[must_use]
    pub fn resource_origin(&self) -> &str {
        split_origin(&self.resource).0
    }

    /// The issuer's origin: scheme, host and port.
    #[must_use]
    pub fn issuer_origin(&self) -> &str {
        split_origin(&self.issuer).0
    }

    /// The issuer's path, empty if it has none.
    #[must_use]
    pub fn issuer_path(&self) -> &str {
        split_origin(&self.issuer).1
    }

    /// The address of a page of the issuer that is opened with a one-time link.
    #[must_use]
    pub fn with_link(&self, page: &str, secret: &crate::secret::Secret) -> String {
        format!("{}/{page}?link={}", self.issuer, secret.expose())
    }

    /// Whether the issuer and the resource are one origin.
    #[must_use]
    pub fn is_combined(&self) -> bool {
        self.resource_origin() == self.issuer_origin()
    }

    /// Whether `resource` names this resource. A slash at the end is forgiven (some SDKs add one), nothing else is.
    #[must_use]
    pub fn is_resource(&self, resource: &str) -> bool {
        resource.strip_suffix('/').unwrap_or(resource) == self.resource
    }
}

fn split_origin(url: &str) -> (&str, &str) {
    let host_start = url.find("://").map_or(0, |at| at + 3);
    url[host_start..].find('/').map_or((url, ""), |slash| url.split_at(host_start + slash))
}

/// Protected resource metadata (RFC 9728, RS1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProtectedResourceMetadata {
    /// The resource's own identifier, the URL that clients use.
    pub resource: String,
    /// Exactly our issuer.
    pub authorization_servers: Vec<String>,
    /// The minimum for basic use.
    pub scopes_supported: Vec<String>,
    /// Only `header`.
    pub bearer_methods_supported: Vec<String>,
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resource_name: Option<String>,
    /// Where people read about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resource_documentation: Option<String>,
}

/// Authorization server metadata (RFC 8414; also served as the OpenID document, AS1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuthorizationServerMetadata {
    /// The issuer.
    pub issuer: String,
    /// Where the browser goes.
    pub authorization_endpoint: String,
    /// Where codes and refresh tokens are exchanged.
    pub token_endpoint: String,
    /// Where clients register; absent when dynamic registration is off.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub registration_endpoint: Option<String>,
    /// Where tokens are given back.
    pub revocation_endpoint: String,
    /// Where a machine without a browser begins (RFC 8628).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device_authorization_endpoint: Option<String>,
    /// Where a protected resource asks about a token.
    pub introspection_endpoint: String,
    /// The signing keys.
    pub jwks_uri: String,
    /// Who the person is.
    pub userinfo_endpoint: String,
    /// Every scope.
    pub scopes_supported: Vec<String>,
    /// Only `code`.
    pub response_types_supported: Vec<String>,
    /// Only `query`.
    pub response_modes_supported: Vec<String>,
    /// The grant types that work.
    pub grant_types_supported: Vec<String>,
    /// The profiles of assertions that work as grants; absent where none does.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub authorization_grant_profiles_supported: Vec<String>,
    /// `none` first (`interop.md`: the C# SDK takes the first).
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// As at the token endpoint.
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    /// Without `none`.
    pub introspection_endpoint_auth_methods_supported: Vec<String>,
    /// The algorithms of `private_key_jwt`; never `none` (RFC 8414 2).
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// As at the token endpoint.
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// As at the token endpoint.
    pub introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// Only `S256`.
    pub code_challenge_methods_supported: Vec<String>,
    /// Only `public`.
    pub subject_types_supported: Vec<String>,
    /// The algorithm of ID tokens.
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// What ID tokens and userinfo tell.
    pub claims_supported: Vec<String>,
    /// RFC 9207.
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether an https URL may be a `client_id`. Absent until it may.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_id_metadata_document_supported: Option<bool>,
    /// Where people read about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub service_documentation: Option<String>,
    /// RFC 9728 4: the resources that this issuer serves.
    pub protected_resources: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_paths_stand_between_origin_and_path() {
        let urls = PublicUrls { issuer: "https://a.example/auth".into(), resource: "https://b.example:8443/x/mcp".into() };
        assert_eq!(urls.resource_metadata(), "https://b.example:8443/.well-known/oauth-protected-resource/x/mcp");
        assert_eq!((urls.issuer_origin(), urls.issuer_path()), ("https://a.example", "/auth"));
        assert!(urls.is_resource("https://b.example:8443/x/mcp/") && !urls.is_resource("https://b.example:8443/x/mcp?a"));
    }
}
