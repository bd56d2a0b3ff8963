//! The protected resource metadata (RFC 9728, RS1), and the answer to paths that are not ours.

use crate::cors;
use crate::server::ResourceServer;
use crate::settings::Settings;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use docent_types::compat::Compat;
use docent_types::metadata::ProtectedResourceMetadata;
use docent_types::scope::ScopeSet;

/// The document.
#[must_use]
pub fn document(settings: &Settings) -> ProtectedResourceMetadata {
    ProtectedResourceMetadata {
        resource: settings.urls.resource.clone(),
        authorization_servers: vec![settings.urls.issuer.clone()],
        scopes_supported: ScopeSet::resource_default().iter().map(|scope| scope.as_str().to_owned()).collect(),
        bearer_methods_supported: vec!["header".to_owned()],
        resource_name: Some(settings.site_name.clone()),
        resource_documentation: None,
    }
}

fn readable(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    for header in cors::public() {
        response.insert_header(header);
    }
    response
}

/// Answers with the document.
pub async fn show(server: Data<ResourceServer>) -> HttpResponse {
    readable(HttpResponse::Ok()).insert_header((header::CACHE_CONTROL, "public, max-age=300")).json(document(server.settings()))
}

/// Answers a preflight for the document.
pub async fn preflight() -> HttpResponse {
    let mut response = cors::preflight();
    for (name, value) in cors::public() {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Where clients of MCP 2025-03-26 look for the issuer: at the origin of the endpoint (AS22).
pub const ISSUER_DOCUMENTS: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

/// Sends such a client on to the issuer's own document, which is on another origin.
pub async fn to_the_issuer(server: Data<ResourceServer>, request: HttpRequest) -> HttpResponse {
    let urls = &server.settings().urls;
    let at = format!("{}{}{}", urls.issuer_origin(), request.path(), urls.issuer_path());
    Compat::IssuerAtResource.tolerate("");
    readable(HttpResponse::Found())
        .insert_header((header::LOCATION, at))
        .json(serde_json::json!({ "error": "elsewhere", "error_description": "the issuer is on another origin" }))
}

/// The document is only read.
pub async fn wrong_method() -> HttpResponse {
    readable(HttpResponse::MethodNotAllowed())
        .insert_header((header::ALLOW, "GET, HEAD, OPTIONS"))
        .json(serde_json::json!({ "error": "method_not_allowed", "error_description": "this document is read with GET" }))
}

/// A path that is not ours: 404 in JSON, since clients that probe well-known paths parse what comes.
pub async fn not_found() -> HttpResponse {
    readable(HttpResponse::NotFound())
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(serde_json::json!({ "error": "not_found", "error_description": "there is nothing at this path" }))
}
