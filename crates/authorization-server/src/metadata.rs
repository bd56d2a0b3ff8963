//! The authorization server's metadata (RFC 8414, OpenID Connect Discovery; AS1), and its key set.

use crate::server::AuthorizationServer;
use crate::settings::{DynamicRegistration, Settings};
use crate::token::client_assertion::ALGORITHMS;
use crate::token::{client_credentials, jwt_bearer};
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use docent_types::device;
use docent_types::metadata::AuthorizationServerMetadata;
use docent_types::scope::Scope;

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

/// The grant types that work; assertions only where an issuer of them is trusted.
#[must_use]
pub fn grant_types(settings: &Settings) -> Vec<&'static str> {
    let mut types = vec!["authorization_code", "refresh_token", device::GRANT_TYPE, client_credentials::NAME];
    if !settings.trusted_issuers.is_empty() {
        types.push(jwt_bearer::NAME);
    }
    types
}

/// The profiles of assertions that work (draft-ietf-oauth-identity-assertion-authz-grant 7.2).
fn grant_profiles(settings: &Settings) -> Vec<String> {
    if settings.trusted_issuers.is_empty() { Vec::new() } else { words(&["urn:ietf:params:oauth:grant-profile:id-jag"]) }
}

/// What this server says about itself: what works, and nothing else.
#[must_use]
pub fn document(settings: &Settings) -> AuthorizationServerMetadata {
    let issuer = settings.urls.issuer.clone();
    let at = |path: &str| format!("{issuer}/oauth/{path}");
    let methods = words(&["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]);
    let algorithms = words(&ALGORITHMS);
    AuthorizationServerMetadata {
        authorization_endpoint: at("authorize"),
        token_endpoint: at("token"),
        registration_endpoint: (settings.dynamic_registration != DynamicRegistration::Off).then(|| at("register")),
        revocation_endpoint: at("revoke"),
        device_authorization_endpoint: Some(at("device_authorization")),
        introspection_endpoint: at("introspect"),
        jwks_uri: at("jwks"),
        userinfo_endpoint: at("userinfo"),
        scopes_supported: Scope::ALL.iter().map(|scope| scope.as_str().to_owned()).collect(),
        response_types_supported: words(&["code"]),
        response_modes_supported: words(&["query"]),
        grant_types_supported: words(&grant_types(settings)),
        authorization_grant_profiles_supported: grant_profiles(settings),
        token_endpoint_auth_methods_supported: methods.clone(),
        revocation_endpoint_auth_methods_supported: methods,
        introspection_endpoint_auth_methods_supported: words(&["client_secret_basic", "client_secret_post", "private_key_jwt"]),
        token_endpoint_auth_signing_alg_values_supported: algorithms.clone(),
        revocation_endpoint_auth_signing_alg_values_supported: algorithms.clone(),
        introspection_endpoint_auth_signing_alg_values_supported: algorithms,
        code_challenge_methods_supported: words(&["S256"]),
        subject_types_supported: words(&["public"]),
        id_token_signing_alg_values_supported: words(&["ES256"]),
        claims_supported: words(&["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "email", "name"]),
        authorization_response_iss_parameter_supported: true,
        client_id_metadata_document_supported: settings.metadata_documents.then_some(true),
        service_documentation: None,
        protected_resources: vec![settings.urls.resource.clone()],
        issuer,
    }
}

/// Every path at which a client looks for the metadata of this issuer: RFC 8414 3 puts the well-known part between
/// origin and path, OpenID Connect behind the path. At a combined origin it also stands at the root (AS22).
#[must_use]
pub fn paths(settings: &Settings) -> Vec<String> {
    const NAMES: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
    let path = settings.urls.issuer_path();
    let mut paths = Vec::new();
    for name in NAMES {
        paths.push(format!("{name}{path}"));
        if !path.is_empty() {
            paths.push(format!("{path}{name}"));
            if settings.serves_root_aliases {
                paths.push(name.to_owned());
            }
        }
    }
    paths
}

/// `GET` of the metadata.
pub async fn metadata(server: web::Data<AuthorizationServer>) -> HttpResponse {
    let mut document = document(&server.settings);
    if server.asks_to_register_instead() {
        document.client_id_metadata_document_supported = None;
    }
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "public, max-age=300")).json(document)
}

/// `GET /oauth/jwks`.
pub async fn jwks(server: web::Data<AuthorizationServer>) -> HttpResponse {
    let keys = server.keys.load_full();
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "public, max-age=300")).json(&*keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity_assertion::{KeySource, TrustedIssuer};
    use docent_types::metadata::PublicUrls;

    fn settings(issuer: &str) -> Settings {
        Settings::new(PublicUrls { issuer: issuer.into(), resource: "https://a.example/mcp".into() })
    }

    /// AS1.
    #[test]
    fn every_endpoint_begins_with_the_issuer_and_only_what_works_is_advertised() {
        let document = document(&settings("https://a.example/auth"));
        assert_eq!(document.issuer, "https://a.example/auth");
        assert_eq!(document.token_endpoint, "https://a.example/auth/oauth/token");
        assert_eq!(document.code_challenge_methods_supported, ["S256"]);
        assert_eq!(document.token_endpoint_auth_methods_supported[0], "none", "the C# SDK takes the first");
        let json = serde_json::to_value(&document).unwrap();
        assert!(json.get("client_id_metadata_document_supported").is_none());
        let on = Settings { metadata_documents: true, ..settings("https://a.example") };
        assert_eq!(serde_json::to_value(super::document(&on)).unwrap()["client_id_metadata_document_supported"], true);
        let off = Settings { dynamic_registration: DynamicRegistration::Off, ..settings("https://a.example") };
        assert!(serde_json::to_value(super::document(&off)).unwrap().get("registration_endpoint").is_none());
        // With a token it works: who has none is told so there, in words that clients show.
        let token = Settings { dynamic_registration: DynamicRegistration::Token, ..settings("https://a.example") };
        assert_eq!(super::document(&token).registration_endpoint.as_deref(), Some("https://a.example/oauth/register"));
    }

    /// AS1, AS20: assertions are advertised where an issuer is trusted, and only there.
    #[test]
    fn identity_assertions_are_advertised_where_an_issuer_is_trusted() {
        let without = serde_json::to_value(document(&settings("https://a.example"))).unwrap();
        assert!(without.get("authorization_grant_profiles_supported").is_none());
        let grants = without["grant_types_supported"].as_array().unwrap();
        assert!(grants.contains(&"client_credentials".into()) && !grants.contains(&jwt_bearer::NAME.into()), "{grants:?}");
        let trusted = vec![TrustedIssuer::new("https://idp.example", KeySource::Text("{}".into()))];
        let with = document(&Settings { trusted_issuers: trusted, ..settings("https://a.example") });
        assert_eq!(with.authorization_grant_profiles_supported, ["urn:ietf:params:oauth:grant-profile:id-jag"]);
        assert!(with.grant_types_supported.iter().any(|grant| grant == "urn:ietf:params:oauth:grant-type:jwt-bearer"));
    }

    /// AS1, AS22.
    #[test]
    fn all_three_forms_are_served_for_an_issuer_with_a_path() {
        assert_eq!(paths(&settings("https://a.example")), ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]);
        let split = Settings { serves_root_aliases: false, ..settings("https://a.example/auth") };
        assert_eq!(
            paths(&split),
            [
                "/.well-known/oauth-authorization-server/auth",
                "/auth/.well-known/oauth-authorization-server",
                "/.well-known/openid-configuration/auth",
                "/auth/.well-known/openid-configuration"
            ]
        );
    }
}
