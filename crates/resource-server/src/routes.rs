//! The routes of this crate.

use crate::guard::guard;
use crate::metadata;
use crate::server::{Door, ResourceServer};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};

/// Where the REST API is, at the origin of the resource.
pub const API: &str = "/api";

/// Mounts the metadata and, behind the guard, what `protected` mounts at the resource's path and `api` below [`API`]. What `open` mounts
/// there needs no credential.
pub fn configure(
    config: &mut ServiceConfig,
    server: Data<ResourceServer>,
    protected: impl FnOnce(&mut ServiceConfig),
    open: impl FnOnce(&mut ServiceConfig),
    api: impl FnOnce(&mut ServiceConfig),
) {
    let urls = &server.settings().urls;
    let is_combined = urls.is_combined();
    let path = urls.resource.strip_prefix(urls.resource_origin()).unwrap_or_default().to_owned();
    let document = |at: &str| {
        web::resource(at)
            .route(web::get().to(metadata::show))
            .route(web::head().to(metadata::show))
            .route(web::method(actix_web::http::Method::OPTIONS).to(metadata::preflight))
            .default_service(web::to(metadata::wrong_method))
    };
    let behind = |door: Door| {
        let server = server.clone();
        from_fn(move |request, next| guard(server.clone(), door, request, next))
    };
    let (guarded, api_guarded) = (behind(Door::Mcp), behind(Door::Api));
    config
        .app_data(server)
        .service(document(&format!("/.well-known/oauth-protected-resource{path}")))
        // Probed by rmcp; before the guard, whose 401 would be taken for an answer.
        .service(web::resource(format!("{path}/.well-known/{{rest:.*}}")).to(metadata::not_found));
    if !path.is_empty() {
        config.service(document("/.well-known/oauth-protected-resource"));
    }
    if !is_combined {
        for name in metadata::ISSUER_DOCUMENTS {
            config
                .service(web::resource(name).route(web::get().to(metadata::to_the_issuer)).route(web::head().to(metadata::to_the_issuer)));
        }
    }
    config.service(
        web::scope(API)
            .configure(open)
            .service(web::scope("").configure(api).default_service(web::to(metadata::not_found)).wrap(api_guarded)),
    );
    config.service(web::scope(&path).configure(protected).default_service(web::to(metadata::not_found)).wrap(guarded));
}
